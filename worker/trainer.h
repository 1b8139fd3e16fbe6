/* The trainer: everything a worker holds of the model, and one step of its training. For worker/ and
 * worker/measure; its fields are read, and set by the functions here alone.
 *
 * A step (README of this folder, "One step") runs one round per lane: forward, classifier, domain head,
 * backward; in the last round gradient buckets go out as the backward pass completes them.
 */
#ifndef DAIL_WORKER_TRAINER_H
#define DAIL_WORKER_TRAINER_H

#include "proto/config/config.h"
#include "shard/manifest.h"
#include "worker/blame.h"
#include "worker/exchange/bucket.h"
#include "worker/exchange/exchange.h"
#include "worker/loader/loader.h"
#include "worker/loss/classifier.h"
#include "worker/loss/domain.h"
#include "worker/nn/iresnet.h"

/* A micro-batch that is held ahead of its round. */
struct round_ahead {
    struct micro_batch stand_in;
    const struct micro_batch *batch;
};

/* Who is told how a step goes on. */
struct trainer_observer {
    void (*phase)(void *context, enum message_phase phase); /* between layers */
    /* While it waits for images, `seconds` by now, and the loader is at a file ("": none); false: it is to wait no
     * longer. May be NULL. */
    bool (*wait_for_file)(void *context, enum message_phase phase, const char *file, double seconds);
    void (*sum)(void *context, size_t count); /* the workers begin to sum so many floats; may be NULL */
    void *context;
};

struct trainer {
    const struct config *config;
    struct exchange *exchange;
    struct manifest *manifests; /* [datasets] */
    size_t datasets;
    uint32_t *classes; /* [datasets] */
    double *dataset_weight; /* [datasets]: of each dataset's losses */
    struct config_augment *augment; /* [datasets] */
    double *domain_weight; /* [datasets]: the same, balanced if the configuration says so */
    int threads;
    int lanes, first_lane, own_lanes; /* lane_share.h */
    int64_t steps, steps_per_epoch, global_batch;
    const char *owner; /* nonce of the run's folder; "" where nobody else can be there */

    struct iresnet *net;
    struct domain *domain;
    struct classifier *classifier;
    struct identity_groups *identity; /* the classifier's; NULL: every class alone */
    /* All that is trained: backbone, domain head, each dataset's class rows; and what the margin has. */
    struct parameter_group *groups;
    size_t group_count;
    struct loader *loader;
    struct buckets buckets;
    float *
        residual; /* [backbone's weights]: what rounding left out of its gradient's sums; NULL: they are not rounded */

    float *embedding; /* [batch.lane, D] */
    float *grad_embedding; /* [batch.lane, D] */
    float *dropout_mask; /* [batch.lane, iresnet_dropout_count], NULL without dropout */
    float *empty_image; /* a micro-batch of zeros, or noise: stands in when the loader failed or is absent */
    struct sample *empty_sample;
    struct sample *absent_sample; /* [batch.lane]: of a round without a lane of this worker's */
    /* Where classes are drawn for each step, whose samples have to be known before its first round; else NULL. */
    struct round_ahead *ahead; /* [rounds] */
    struct sample *ahead_sample; /* [rounds * batch.lane] */
    double *blamed; /* [workers]: lanes of each that brought what is not finite */

    struct trainer_observer observer;
    uint64_t loaded; /* by the loader, when last looked at */
    double waited_since; /* for images */
    enum message_phase phase;
    bool last_round;
};

/* What the workers tell each other in the step's reduction, beside the losses. */
struct step_control {
    unsigned requests; /* CONTROL_ bits: of this worker going in, of any worker coming out */
    enum status failure; /* of this worker going in, the gravest of any worker coming out */
    bool agreed; /* coming out: there was one, and every worker knows it */
};

/* A step's figures; the same on every worker, but for the seconds. */
struct step_result {
    double loss, loss_cls, loss_dom;
    double accuracy, domain_accuracy;
    double lambda, lr, grad_norm;
    bool skipped; /* the loss or a gradient was not finite: nothing was updated, and: */
    int culprit; /* the first worker one of whose lanes brought it; -1: it came from their sum */
    int culprit_lanes; /* of all workers */
    struct blame blame; /* of this worker's lanes */
    double seconds_data, seconds_compute, seconds_exchange;
    double seconds_hidden; /* of the exchange, beside the computing */
    double seconds_classifier; /* of the computing and the exchange */
    double bytes[TRAFFIC_KINDS]; /* handed to the exchange */
    struct error
        trace; /* why this step's trace could not be written; STATUS_OK: it was, or none was wanted */
};

/* Builds the model and everything but the loader and the plan. The caller calls trainer_free in any case. */
enum status trainer_create(struct trainer *trainer, const struct config *config, struct exchange *exchange,
                           int threads, struct error *error);
/* The same for datasets of so many classes that have no files: for measuring. */
enum status trainer_create_without_data(struct trainer *trainer, const struct config *config,
                                        struct exchange *exchange, int threads, const uint32_t *classes,
                                        size_t datasets, struct error *error);
void trainer_free(struct trainer *trainer);

/* The class rows that this worker owns, with momenta [trainer->datasets]. */
const struct parameter_group *trainer_class_rows(const struct trainer *trainer);

/* Initial weights as the configuration's seed draws them, whatever `model.init` says. */
void trainer_init_random(struct trainer *trainer);

/* What rounding left out of sums so far stays out: at every checkpoint, so that what goes on from it does as what went on.
 */
void trainer_forget_residual(struct trainer *trainer);

/* From now on `observer` (copied) is told. After trainer_create. */
void trainer_observe(struct trainer *trainer, const struct trainer_observer *observer);

/* Takes the plan (there are at least as many lanes as workers) and starts the loader thread. */
enum status trainer_start(struct trainer *trainer, int lanes, int64_t steps, int64_t steps_per_epoch,
                          struct error *error);

/* Instead of trainer_start, for measuring: there is no loader, and every lane has the same micro-batch of
 * noise in every step, its samples spread over the datasets as their images are. */
enum status trainer_start_on_noise(struct trainer *trainer, int lanes, int64_t steps, struct error *error);

/* Bytes that the trainer holds, the loader's queue and open leases estimated. */
int64_t trainer_memory_bytes(const struct trainer *trainer);

/* Seconds of one image's forward and backward pass, measured on noise with initial weights: to be called
 * before the weights are set. */
double trainer_measure(struct trainer *trainer);

/* Trains on the next micro-batch of every lane. `step` counts from 1. Collective over the workers.
 * A failure of this worker's own (of its loader, its classifier, or of the exchange) is the return value; one that
 * another worker told of is control->failure alone. In both cases nothing was updated. */
enum status trainer_step(struct trainer *trainer, int64_t step, struct step_control *control,
                         struct step_result *result, struct error *error);

#endif
