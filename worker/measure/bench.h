/* Measures training steps of a configuration in this one process, on noise: the trainer as a run has it, and
 * where its time goes.
 */
#ifndef DAIL_WORKER_MEASURE_BENCH_H
#define DAIL_WORKER_MEASURE_BENCH_H

#include "proto/config/config.h"
#include "proto/error.h"
#include "worker/measure/prediction.h"
#include "worker/nn/iresnet.h"

#include <stddef.h>
#include <stdint.h>

enum bench_phase {
    BENCH_CONV_FORWARD,
    BENCH_CONV_BACKWARD_DATA,
    BENCH_CONV_BACKWARD_WEIGHT,
    BENCH_BETWEEN, /* normalisation and activation: what is not fused into the convolutions */
    BENCH_LINEAR,
    BENCH_CLASSIFIER, /* and domain head */
    BENCH_OPTIMIZER, /* clipping, the update, and setting gradients to zero */
    BENCH_OTHER, /* the rest of a step */
    BENCH_PHASES
};

/* Median, least and most. */
struct bench_spread {
    double median, least, most;
};

struct bench_request {
    const struct config *config; /* outlives the bench; its datasets' manifests are read unless `classes` */
    const uint32_t *classes; /* [datasets] of datasets without files, or NULL */
    size_t datasets;
    int threads, steps;
};

struct bench {
    int batch, threads, steps;
    const char *isa;
    int64_t parameters; /* of the backbone */
    int64_t exchanged_weights; /* backbone and domain head */
    int64_t classifier_weights; /* that a step updates */
    uint64_t *images; /* [datasets]: of each, or its classes where there are no files */
    uint32_t *classes; /* [datasets] */
    size_t datasets;

    struct bench_spread seconds; /* of a step */
    double phase[BENCH_PHASES]; /* seconds of a step, the mean: they make up the mean step */
    double mean;
    /* Of the same, as the exchange sees a step. */
    double seconds_forward, seconds_classifier, seconds_backward, seconds_update;
    struct prediction_bucket *buckets; /* of the last step, in the order they go out */
    size_t bucket_count;

    struct iresnet_layer *layers; /* [layer_count] */
    double (*layer_seconds)[PROFILE_PHASES]; /* [layer_count]: of a step, the mean */
    size_t layer_count;
    double direct, actual; /* floating-point operations of a step's convolutions */
    double moved, least; /* bytes of activations in a step: struct iresnet_layer */

    int64_t network_bytes, classifier_bytes;
    int64_t peak_bytes; /* of the process: VmHWM; 0: unknown */
};

/* One step to warm up, then request->steps measured ones. On success the caller calls bench_free.
 * STATUS_NUMERIC if a step's update was skipped, so that it would be no whole step. */
enum status bench_run(const struct bench_request *request, struct bench *bench, struct error *error);
void bench_free(struct bench *bench);

const char *bench_phase_name(enum bench_phase phase);
/* Sorts `values`. */
struct bench_spread bench_spread_of(double *values, size_t count);

#endif
