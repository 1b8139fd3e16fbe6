/* The exchange: how workers pass numbers to each other. Layers and losses are handed this interface and know
 * nothing of MPI. Two implementations: exchange_local.c (one worker, no MPI: tests, `dail`) and
 * exchange_mpi.c (the run).
 *
 * Every call is collective over all workers (or over the group) and made by all of them in the same order.
 * Results are the same bits on every worker. While a call waits it calls `idle` so that the worker goes on
 * sending heartbeats. Buffers are the caller's.
 */
#ifndef DAIL_WORKER_EXCHANGE_EXCHANGE_H
#define DAIL_WORKER_EXCHANGE_EXCHANGE_H

#include "proto/error.h"
#include "worker/exchange/sum_levels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;
/* What goes to a worker, or comes from it. */
struct exchange_piece {
    int worker;
    void *bytes;
    size_t size;
};
struct exchange_group; /* a contiguous range of workers with a communicator of its own */

/* What the bytes are that a worker hands over. */
enum exchange_traffic {
    TRAFFIC_GRADIENTS, /* buckets */
    TRAFFIC_EMBEDDINGS, /* pieces: embeddings, and their gradients */
    TRAFFIC_REDUCTIONS, /* of groups: denominators */
    TRAFFIC_REST, /* what samples are, the step's sums, broadcasts */
    TRAFFIC_KINDS
};

struct exchange_operations {
    /* recv [size * bytes], in order of rank. */
    enum status (*allgather)(struct exchange *exchange, const void *send, size_t bytes, void *recv,
                             struct error *error);
    /* Pieces straight from worker to worker, none to oneself: what one sends to another are as many pieces, of the same
     * sizes in the same order, as that one receives from it. Not changed: what is sent. */
    enum status (*trade)(struct exchange *exchange, const struct exchange_piece *send, size_t sends,
                         const struct exchange_piece *receive, size_t receives, struct error *error);
    /* Worker 0's bytes, to all. */
    enum status (*broadcast)(struct exchange *exchange, void *bytes, size_t size, struct error *error);
    /* In place over all workers. */
    enum status (*sum_double)(struct exchange *exchange, double *values, size_t count, struct error *error);

    /* Workers first..first+count-1. All workers call it; those outside get a group that is not theirs.
     * first + count may exceed size: ranks wrap around. */
    enum status (*group_create)(struct exchange *exchange, int first, int count,
                                struct exchange_group **group, struct error *error);
    void (*group_free)(struct exchange *exchange, struct exchange_group *group);
    /* Starts an in-place reduction over a group; does nothing outside it. Several may be under way;
     * group_wait completes all of them. */
    enum status (*group_max)(struct exchange *exchange, struct exchange_group *group, float *values,
                             size_t count, struct error *error);
    enum status (*group_sum)(struct exchange *exchange, struct exchange_group *group, float *values,
                             size_t count, struct error *error);
    enum status (*group_wait)(struct exchange *exchange, struct error *error);

    /* Starts an in-place sum of a gradient bucket over all workers, to run beside the computation.
     * buckets_progress drives it (call it between layers); buckets_wait completes all that were started. With a residual
     * [count] the values travel as bfloat16 (direct_sum.h), which own_sums has to be set for; NULL: as they are. */
    enum status (*bucket_start)(struct exchange *exchange, float *values, size_t count, float *residual,
                                struct error *error);
    enum status (*buckets_progress)(struct exchange *exchange, struct error *error);
    enum status (*buckets_wait)(struct exchange *exchange, struct error *error);

    void (*close)(struct exchange *exchange);
};

struct exchange {
    int rank; /* of this worker, from 0 */
    int size; /* number of workers */
    struct sum_levels levels; /* how they stand together in sums of our own */
    const struct exchange_operations *operations;
    /* Buckets are summed by messages of our own (direct_sum.h), not by MPI's reductions: the caller's choice, before the
     * first of them and alike on all workers. */
    bool own_sums;
    /* That add in them: 1 unless the caller sets more, before the first. */
    int threads;
    /* Called while a call waits, at least every few milliseconds; NULL: none. */
    void (*idle)(void *context);
    void *idle_context;
    /* Seconds this worker spent inside exchange calls, since the start. */
    double seconds_waited;
    /* Seconds that sums of buckets were under way while this worker was in no exchange call, since the start.
     */
    double seconds_hidden;
    /* Bytes it handed to them, likewise: none where nobody else takes part. */
    uint64_t bytes[TRAFFIC_KINDS];
};

/* Everyone learns the gravest failure of any worker, so that all leave together. Whoever did not fail itself gets an error
 * without text: the worker that did has it. */
enum status exchange_agree(struct exchange *exchange, enum status failure, struct error *error);

/* The exchange of a single worker: copies. The caller calls operations->close. */
enum status exchange_local_create(struct exchange **exchange, struct error *error);

#endif
