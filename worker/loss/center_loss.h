/* Center loss (Wen, Zhang, Li, Qiao: "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016,
 * equations 2 to 5), beside the softmax:
 *     L_C = lambda / 2 |x - c_y|^2,   d L_C / d x = lambda (x - c_y),
 *     c_j <- c_j - rate * sum over the batch's samples of class j of (c_j - x) / (1 + how many they are).
 * x is the embedding as it comes, not normalised; a loss is a mean over the global batch as the softmax's. The centres of
 * a global batch move at the step's end. They lie beside the class rows, at the same owner, and begin at zero; classes
 * that share a row share its centre. Private to worker/loss.
 */
#ifndef DAIL_WORKER_LOSS_CENTER_LOSS_H
#define DAIL_WORKER_LOSS_CENTER_LOSS_H

#include "worker/loss/classifier_state.h"

#include <stdbool.h>

/* The centres of an owned block and what pulls at them in a step. False when memory runs out. */
bool center_loss_create(struct center_rows *center, size_t rows, size_t dimension);
void center_loss_free(struct center_rows *center);

/* Forgets what pulled at the centres. */
void center_loss_begin(struct classifier *classifier);

/* Adds scored sample `index`'s center loss, whose target is owned, to its loss and gradient, and its pull at the centre.
 * Between the two passes of the classifier. */
void center_loss_score(struct classifier *classifier, int index);

/* Moves the centres by what pulled at them since center_loss_begin. */
void center_loss_advance(struct classifier *classifier);

#endif
