/* One round's work on the owned rows, cut into chunks over the threads. Private to worker/loss.
 *
 * Two passes, with the workers' reductions between them: the first gives each sample's largest rival cosine
 * and sum of exponentials over the owned rows, the second the gradients. A chunk's cosines stay in the arena
 * from one to the other while there is room, and are made again otherwise. Which thread works on which chunk
 * depends on the round alone, and threads are added up in order: the same threads give the same bits.
 */
#ifndef DAIL_WORKER_LOSS_CLASSIFIER_SCORE_H
#define DAIL_WORKER_LOSS_CLASSIFIER_SCORE_H

#include "worker/loss/classifier_state.h"

/* Draws the crossing classes of all `count` samples among the owned rows. */
enum status score_draw(struct classifier *classifier, int count, int64_t step, struct error *error);

/* Sets the targets' cosines of owned classes. */
void score_targets(struct classifier *classifier, int count);

/* First pass: sets largest and local_sum [count], and nearest where it is kept. */
void score_forward(struct classifier *classifier, int count);

/* Second pass, from largest and factor [count] over all workers, and target_slope of owned targets: adds to
 * the blocks' gradients and to each thread's part of the gradient of the embeddings. */
void score_backward(struct classifier *classifier);

#endif
