/* Draws and encodes many pictures at once, on all threads. Private to shard/. */
#ifndef DAIL_SHARD_SYNTH_SYNTH_BATCH_H
#define DAIL_SHARD_SYNTH_SYNTH_BATCH_H

#include "shard/synth/synth.h"
#include "shard/synth/synth_domain.h"

#define SYNTH_BATCH 512

struct synth_job {
    int dataset;
    uint64_t person;
    uint32_t number;
    uint32_t label; /* the caller's own use */
    uint8_t *bytes; /* encoded; owned: synth_batch_free */
    size_t size;
};

/* Fills bytes and size of every job, whatever they held. On failure some are filled; free them all. */
enum status synth_batch_draw(const struct synth_config *config, struct synth_job *jobs, size_t count,
                             struct error *error);

void synth_batch_free(struct synth_job *jobs, size_t count);

/* One picture on a canvas of the right side. */
void synth_draw(const struct synth_config *config, struct canvas *canvas, int dataset, uint64_t person,
                uint32_t number, uint8_t *pixels);

#endif
