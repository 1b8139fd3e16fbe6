/* The classifier: class weights of every dataset, each dataset's rows split in contiguous blocks over its
 * owner group, and the dataset-aware margin softmax over them (etc/doc/guide.md, "The classifier").
 *
 * Owner groups: g_k = clamp(ceil(C_k / rows_min), 1, W) workers; the first worker of dataset k is
 * (sum of g_i for i < k) mod W, and groups wrap around. Block p of g holds rows C p / g .. C (p+1) / g.
 *
 * Per micro-batch round the samples of all workers go to those that own rows they are scored against, and their
 * gradients back; results equal an unpartitioned softmax to float32 rounding for any number of workers. Logits are computed in tiles of at
 * most CLASSIFIER_TILE_BYTES, so that memory does not grow with batch times classes.
 */
#ifndef DAIL_WORKER_LOSS_CLASSIFIER_H
#define DAIL_WORKER_LOSS_CLASSIFIER_H

#include "proto/error.h"
#include "worker/exchange/exchange.h"
#include "worker/exchange/sample.h"
#include "worker/loss/identity.h"
#include "worker/loss/sample_margin.h"
#include "worker/parameter/parameter.h"

#include <stdbool.h>
#include <stdint.h>

#define CLASSIFIER_TILE_BYTES (32u << 20)

struct classifier_config {
    int embedding; /* D */
    size_t datasets; /* K */
    const uint32_t *classes; /* C_k [K] */
    const double *weight; /* of each dataset's losses [K] */
    uint32_t rows_min;
    struct margin_choice margin;
    double scale;
    bool scope_all; /* denominators run over every dataset's classes */
    double crossing_dropout; /* with scope dataset: probability of each other dataset's class */
    double filter; /* rivals with a larger cosine are left out of the denominator; 0: none */
    double center,
        center_rate; /* center loss (center_loss.h): its lambda, 0: none; and how fast centres move */
    double sample; /* share of the classes that is drawn for each step (class_draw.h); 0 or 1: all stand */
    size_t step_max; /* where they are drawn: samples of a step of all workers, until classifier_reserve */
    bool centres; /* gathers the centres of the owned classes */
    uint64_t seed;
    int round_max; /* samples of one round: workers * lane batch */
    int threads;
};

struct classifier;

struct classifier_sums {
    double loss; /* sum over this worker's own samples of weight * L_i */
    double
        correct; /* own samples whose target has the largest cosine among the classes compared; with a unified threshold: is above it, and alone so */
    double margin[MARGIN_SUMS]; /* for classifier_advance: to be added up over all rounds and workers */
    struct error
        failure; /* this worker's own, with which it went on through the round: nothing of it counts */
};

/* A drawn cross-dataset class among the rows this worker owns, for the trace. */
struct crossing_draw {
    uint32_t sample; /* index in the round */
    uint32_t class_index; /* counted over all datasets in config order */
};

/* Collective. `exchange` must outlive the classifier. */
enum status classifier_create(const struct classifier_config *config, struct exchange *exchange,
                              struct classifier **classifier, struct error *error);
void classifier_free(struct classifier *classifier);

/* Class weights N(0, 0.01), keyed by (dataset, row): the same for every partition. */
void classifier_init(struct classifier *classifier);
/* Makes the classes of each group share the row of their home (identity.h), from the next step on; NULL, as at the
 * start, lets every class have its own. The rows that this leaves unused stay as they are and get no gradient.
 * `groups` must outlive its use here, and be given again after each change. Collective, with the same groups. */
enum status classifier_set_groups(struct classifier *classifier, const struct identity_groups *groups,
                                  struct error *error);

/* The rows of dataset k that this worker owns as a group called `name`, without momenta: its vectors are the
 * classifier's own. Where classes are drawn `drawn` has their rows and gradient of the step under way. With
 * config->centres its centres are the sums of the unit embeddings of each class's samples since
 * the start, or since classifier_forget, whichever row they share, and then how many they are. */
struct parameter_group classifier_parameter_group(struct classifier *classifier, size_t dataset,
                                                  const char *name);
/* First worker and number of workers of dataset k's owner group. */
void classifier_owners(const struct classifier *classifier, size_t dataset, int *first, int *count);
/* Who would own what, without building anything: for plans and tables. */
void classifier_layout(const uint32_t *classes, size_t datasets, uint32_t rows_min, int workers,
                       size_t dataset, int *first, int *count);
/* Lets what the centres hold so far count for `kept` times as much (0 to 1) as what is added from now on. */
void classifier_forget(struct classifier *classifier, double kept);

/* What the margin has, the same on every worker, as a group called "margin": its running values, or a threshold that is
 * trained (its gradient here: this worker's part). Without parameters where there is nothing. */
struct parameter_group classifier_margin_group(struct classifier *classifier);
/* What an update does beside that of the parameters: takes a step's sums, of all workers' rounds, into the running values,
 * and moves the centres of center loss. */
void classifier_advance(struct classifier *classifier, const double sums[MARGIN_SUMS]);

/* Makes room for steps of so many samples of all workers, which only counts where classes are drawn. Not within a
 * step. */
enum status classifier_reserve(struct classifier *classifier, size_t samples, struct error *error);

/* Where classes are drawn, before the first round of a step, collective, and else nothing: draws those that stand in it.
 * `sample` [count]: this worker's of all rounds of the step, SAMPLE_ABSENT where there is none; the same count for each.
 * The rest of the step is that of a classifier that has no other classes: scope, identity groups (which are drawn with
 * their home) and crossing dropout choose among these, and the gradient, set to 0, and the update are of their rows
 * alone. Which they are depends on seed and step, and on the step's samples, whatever the partition. */
enum status classifier_draw(struct classifier *classifier, int count, const struct sample *sample,
                            int64_t step, struct error *error);

size_t classifier_memory_bytes(const struct classifier *classifier);
void classifier_zero_gradient(struct classifier *classifier);

/* One round, forward and backward at once. Collective over all workers, each with the same count.
 *   embedding [count, D]: this worker's; sample [count]. Where a sample is SAMPLE_ABSENT nothing is read of its embedding,
 *     and its gradient is 0.
 *   global_batch: the denominator of the mean
 *   step: keys the crossing draws
 *   grad_embedding [count, D]: overwritten with d loss / d embedding of own samples
 * Adds to the owned blocks' gradients and to *sums. A loss that is not finite is no error here. An error is one of the
 * exchange, or of the samples, which all workers meet alike; what befalls this worker alone is sums->failure. */
enum status classifier_step(struct classifier *classifier, int count, const float *embedding,
                            const struct sample *sample, int64_t global_batch, int64_t step,
                            float *grad_embedding, struct classifier_sums *sums, struct error *error);

/* The draws of the last classifier_step among owned rows; sample indices count over the gathered round
 * (worker * count + position). Valid until the next step. */
const struct crossing_draw *classifier_draws(const struct classifier *classifier, size_t *count);

#endif
