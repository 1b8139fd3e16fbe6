/* One synthetic dataset's files. Private to shard/. */
#ifndef DAIL_SHARD_SYNTH_SYNTH_DATASET_H
#define DAIL_SHARD_SYNTH_SYNTH_DATASET_H

#include "shard/synth/synth.h"

/* Counts images over all parts of a run for config->progress. */
struct synth_progress {
    uint64_t done, total;
};

void synth_progress_add(const struct synth_config *config, struct synth_progress *progress, uint64_t images);

/* The name of a class: <name><dataset>-<label>. */
#define SYNTH_CLASS_MAX 160
void synth_class_name(const struct synth_config *config, int dataset, uint32_t label,
                      char name[SYNTH_CLASS_MAX]);

/* Shards, class names, and then the manifest. */
enum status synth_dataset_write(const struct synth_config *config, int dataset,
                                struct synth_progress *progress, struct error *error);

#endif
