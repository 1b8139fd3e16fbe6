/* Where a run begins: at its newest checkpoint, at a given one, or at the start. */
#ifndef DAIL_DAEMON_SETUP_RESUME_H
#define DAIL_DAEMON_SETUP_RESUME_H

#include "daemon/setup/setup.h"
#include "worker/checkpoint/checkpoint.h"

/* Follows checkpoint.resume: fills setup->checkpoint, start_step and, when there is a checkpoint, *state
 * (else it stays zero); the caller frees it. STATUS_USAGE when the checkpoint is of another model,
 * STATUS_DATA when a named one is missing or damaged. Needs setup's configuration and manifests. */
enum status resume_decide(struct setup *setup, struct checkpoint_state *state, struct error *error);

/* Whether the checkpoint to go on from, if there is one, was trained with setup's identity groups: else STATUS_USAGE with
 * both counts. */
enum status resume_check_identity(const struct setup *setup, const struct checkpoint_state *state,
                                  struct error *error);

/* Does the checkpoint at `path` belong to this run's model, datasets and lanes? */
enum status resume_check_fit(const struct setup *setup, const struct checkpoint_state *state,
                             const char *path, struct error *error);

/* Are the people behind the class numbers of each dataset those that the checkpoint at `path`, which fits, was trained
 * on? Else STATUS_DATA names the dataset; other images of the same people are a warning. */
enum status resume_check_people(struct setup *setup, const struct checkpoint_state *state, const char *path,
                                struct error *error);

/* Is the checkpoint at `path` of the backbone that the configuration describes? Else STATUS_USAGE names the
 * first key that differs. */
enum status resume_check_backbone(const struct config *config, const struct checkpoint_state *state,
                                  const char *path, struct error *error);

/* Renames every checkpoint of the run directory beyond `step` to "<name>.old": they belong to a history that
 * this run does not continue, and would otherwise be taken for its newest. Stores how many in *moved. */
enum status resume_set_aside(const char *run_dir, int64_t step, int *moved, struct error *error);

#endif
