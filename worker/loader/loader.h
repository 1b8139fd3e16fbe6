/* The loader: a thread that reads, checks, decodes and augments the next micro-batches of this worker's lanes
 * while the current one trains (README of this room, "Lanes").
 *
 * A lane's order within an epoch depends on (seed, epoch, lane, leases) alone: the datasets' leases are
 * consumed in the order given, each lease's images in an order drawn for it, and the datasets interleave by
 * draws in proportion to what is left of each, so that every micro-batch mixes them. Pixels become
 * (x - 127.5) / 127.5, RGB, NHWC; what is done to an image before is drawn per (epoch, sample).
 */
#ifndef DAIL_WORKER_LOADER_LOADER_H
#define DAIL_WORKER_LOADER_LOADER_H

#include "proto/config/config_augment.h"
#include "proto/error.h"
#include "proto/message.h"
#include "shard/manifest.h"
#include "worker/exchange/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loader_config {
    const struct manifest *manifests; /* [datasets], config order; outlive the loader */
    size_t datasets;
    uint64_t seed;
    int side; /* pixels */
    int batch; /* images of a micro-batch */
    const struct config_augment *augment; /* [datasets]; outlives the loader */
    int first_lane, lanes; /* this worker's: contiguous */
    int depth; /* micro-batches ready ahead per lane, at least 1 */
    bool
        leave_out; /* images that cannot be used: another one of the lease stands in; else they are an error */
    double limit_seconds; /* for a file to answer; then it is tried once more */
};

struct loader;

struct micro_batch {
    int64_t epoch;
    int lane;
    float *image; /* [batch][side][side][3] */
    struct sample *sample; /* [batch] */
};

enum status loader_create(const struct loader_config *config, struct loader **loader, struct error *error);
/* Stops the thread. False: a reading was given up, and may still use the manifests. NULL is left alone. */
bool loader_free(struct loader *loader);

/* Hands over one lane's leases of one epoch (copied). All of the worker's lanes of an epoch must be given
 * before the thread begins on it; `skip` images of each lane were trained on before a restart;
 * `use` images of each lane enter the epoch (the tail is dropped). */
enum status loader_set_leases(struct loader *loader, const struct message_leases *leases, int64_t skip,
                              int64_t use, struct error *error);

#define LOADER_FILE_SIZE 2048

/* The file that the thread reads just now, else "". Returns a count that rises as it comes on. */
uint64_t loader_look(struct loader *loader, char *file, size_t size);

/* What is worth telling. */
struct loader_notice {
    bool bad; /* an image that was left out, for the first time: */
    uint64_t sample; /* sample_id */
    char text[512];
};

/* What has happened since the last call, one at a time; false: nothing. */
bool loader_take_notice(struct loader *loader, struct loader_notice *notice);

/* The next micro-batch of `lane`, waiting for it; valid until loader_release. `idle` is called while it waits
 * (may be NULL), and ends that with STATUS_STOPPED where it returns false. Fails with the loader thread's first error,
 * or STATUS_INTERNAL at the end of the leases. */
enum status loader_next(struct loader *loader, int lane, bool (*idle)(void *), void *context,
                        const struct micro_batch **batch, struct error *error);
void loader_release(struct loader *loader, const struct micro_batch *batch);

#endif
