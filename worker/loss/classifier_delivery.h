/* The way of a round's samples to the workers that have a part in them, and of their gradients back. Private to
 * worker/loss.
 *
 * Every worker learns of all samples what they are; of their embeddings it gets those alone that are scored against
 * rows of its own. Two workers exchange one message for each run of datasets that lie side by side among the samples of
 * the one, and one message for all the gradients.
 */
#ifndef DAIL_WORKER_LOSS_CLASSIFIER_DELIVERY_H
#define DAIL_WORKER_LOSS_CLASSIFIER_DELIVERY_H

#include "worker/loss/classifier_state.h"

/* What it keeps between its calls: `lane_batch` samples from each worker. */
bool delivery_create(struct classifier *classifier);
void delivery_free(struct classifier *classifier);

/* Who has a part in which dataset's samples, as the identity groups and the scope say: after each change of them. */
void delivery_plan(struct classifier *classifier);

/* Whether samples that all workers know are of this classifier's datasets and classes; so all turn back or none. */
enum status delivery_check(const struct classifier *classifier, const struct sample *sample, size_t count,
                           struct error *error);

/* Collective. Takes the round to all: sets gathered_sample, and of the samples that this worker has a part in
 * gathered_embedding, by slot. Arguments as classifier_step's. */
enum status delivery_send(struct classifier *classifier, int count, const float *embedding,
                          const struct sample *sample, struct error *error);

/* The slot of each gathered sample [count * workers] that this worker has a part in, or -1; ascending with its place
 * within each worker's samples of a dataset. */
const int *delivery_slots(const struct classifier *classifier);

/* Collective. Takes outgoing [slots][each] back, and leaves what came for each own sample, summed over all workers in
 * order of rank, in incoming [count][each]: zeros where a sample is absent. */
enum status delivery_return(struct classifier *classifier, int count, size_t each, struct error *error);

#endif
