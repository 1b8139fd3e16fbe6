/* state.yaml and COMMIT: a checkpoint's two text files. Private to checkpoints. */
#ifndef DAIL_WORKER_CHECKPOINT_CHECKPOINT_STATE_H
#define DAIL_WORKER_CHECKPOINT_CHECKPOINT_STATE_H

#include "worker/checkpoint/checkpoint.h"

/* Writes and syncs state.yaml; fills `part`. */
enum status checkpoint_write_state(const char *directory, const struct checkpoint_state *state,
                                   struct checkpoint_part *part, struct error *error);

/* Writes and syncs COMMIT: the parts in the order of their names, so that it does not depend on who was
 * ready first. Two of one name, or one that is not there with its size, are STATUS_STORAGE. */
enum status checkpoint_write_commit(const char *directory, const struct checkpoint_part *parts, size_t count,
                                    struct error *error);

/* Reads COMMIT; the caller frees *parts. STATUS_DATA if it is missing or names a file outside. */
enum status checkpoint_read_commit(const char *path, struct checkpoint_part **parts, size_t *count,
                                   struct error *error);

#endif
