/* Predicts what a step takes on a number of workers, from what one worker measured on its own.
 *
 * The model. Every worker runs V/W rounds, rounded up (V lanes, W workers): forward, classifier, backward. A classifier
 * round tells all workers of all samples, takes each embedding to its dataset's owners (with scope `all` to all),
 * reduces over them, and takes their gradients back: nothing hides that. Gradient buckets leave in the last round as the
 * backward pass completes them and go one after the other: 2 (W-1)/W of a bucket's bytes over the bandwidth, two
 * latencies a level (worker/exchange/sum_levels.h; those of MPI's sums 2 log2 W), and the additions, (W-1)/W of its bytes read once, which the
 * worker's own cores do. Where classes are drawn, the rate's share of them stands in a step, and those of its samples, of which
 * all workers are told ahead. What has not arrived when the backward pass ends, the step waits for. Reading data is taken to
 * be hidden.
 */
#ifndef DAIL_WORKER_MEASURE_PREDICTION_H
#define DAIL_WORKER_MEASURE_PREDICTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prediction_bucket {
    double ready; /* seconds after the last round's backward pass began */
    double bytes;
};

struct prediction_input {
    int lanes; /* 0: one for each worker */
    int lane_batch, embedding;
    /* Measured on one worker that owns every class row, one lane. Seconds. */
    double forward, classifier, backward, update;
    const struct prediction_bucket *bucket; /* [buckets], in the order they go out */
    size_t buckets;
    int64_t exchanged_weights; /* backbone and domain head: every worker updates all of them */
    const uint32_t *classes; /* [datasets] */
    const uint64_t *images; /* [datasets] */
    size_t datasets;
    uint32_t rows_min;
    bool scope_all; /* samples meet every dataset's classes */
    double sample; /* share of the classes that is drawn for a step; 0 or 1: all stand */
    double bandwidth; /* bytes a second, of each worker each way */
    double latency; /* seconds */
    double memory; /* bytes a second read and written: what additions run at */
};

struct prediction {
    int workers, lanes;
    bool possible; /* there are no more workers than lanes, and an epoch has a step */
    double compute; /* seconds of a step, additions of gradients included */
    double exchange; /* seconds of a step that the worker waits for the exchange */
    double hidden; /* seconds of exchange beside the backward pass */
    double step; /* seconds: compute + exchange */
    double images_per_second;
    int64_t steps_per_epoch;
    double epoch; /* seconds */
};

void prediction_make(const struct prediction_input *input, int workers, struct prediction *prediction);

/* Bytes that a worker sends for a step, in the mean: the gradient goes twice around a ring; each embedding goes to the
 * `parts` workers, in the mean, that have a part in it, and its gradient comes back. */
double prediction_bytes(int workers, int lanes, int lane_batch, int embedding, double parts,
                        double gradient_bytes);

#endif
