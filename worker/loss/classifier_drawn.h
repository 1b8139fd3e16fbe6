/* The rows that stand in a step where classes are sampled: those that are drawn (class_draw.h), and those of the classes
 * of the step's samples. Their gradient is compact, one row behind the other. Private to worker/loss.
 */
#ifndef DAIL_WORKER_LOSS_CLASSIFIER_DRAWN_H
#define DAIL_WORKER_LOSS_CLASSIFIER_DRAWN_H

#include "worker/loss/classifier_state.h"

/* Of a row that does not stand, or is another worker's. */
#define DRAWN_NOT UINT64_MAX

/* Room for steps of so many samples of all workers; what there is of it already is kept. False when memory runs out. */
bool drawn_reserve(struct classifier *classifier, size_t samples);
void drawn_free(struct classifier *classifier);

/* Draws those of a step: classifier_draw's part that knows nothing of chunks. */
enum status drawn_draw(struct classifier *classifier, int count, const struct sample *sample, int64_t step,
                       struct error *error);

/* At most so many owned rows stand in a step. */
size_t drawn_most(const struct classifier *classifier);

/* Whether a row of a block stands in the step; *place, unless NULL, is then its number among those of the block. */
bool drawn_has(const struct classifier *classifier, size_t dataset, uint32_t row, uint32_t *place);

/* Where a class's row is among all the standing rows of this worker, those of one block behind the other's; or
 * DRAWN_NOT. */
uint64_t drawn_place(const struct classifier *classifier, uint32_t class_index);

#endif
