/* The datasets that a checkpoint was trained on: their manifests and what their classes are called.
 */
#ifndef DAIL_DAEMON_OVERLAP_CHECKPOINT_DATA_H
#define DAIL_DAEMON_OVERLAP_CHECKPOINT_DATA_H

#include "shard/manifest.h"
#include "worker/checkpoint/checkpoint.h"

#include <stdbool.h>

struct checkpoint_data {
    const struct checkpoint_dataset *dataset; /* the checkpoint's */
    bool found; /* whether there is a manifest */
    struct manifest manifest;
    char **names; /* [dataset->classes], or NULL where the manifest names no file of class names */
};

/* Finds the manifest of each dataset of a checkpoint in directory `path`: among those `named`, else as the
 * run's config.yaml, two directories up, names it; relative paths there begin where the run was started. One
 * that cannot be used (none is named, another dataset, unreadable) is told by `warn` and left out; but where
 * it was `named`, it is the error: STATUS_DATA. *data [state->dataset_count] is the caller's to free by
 * checkpoint_data_free, also after an error; `state` must outlive it. */
enum status checkpoint_data_find(const char *path, const struct checkpoint_state *state,
                                 const char *const *named, size_t named_count,
                                 void (*warn)(void *context, const char *text), void *context,
                                 struct checkpoint_data **data, struct error *error);
void checkpoint_data_free(struct checkpoint_data *data, size_t count);

/* The class's name, or its number where there is none, in text[size]; what would break a table (tabs and
 * other control characters) becomes a blank. */
void checkpoint_data_class_name(const struct checkpoint_data *data, uint32_t class, char *text, size_t size);

#endif
