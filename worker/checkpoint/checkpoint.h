/* Checkpoints (etc/doc/guide.md, "Files"): `<run.dir>/checkpoints/step-<9 digits>/` with model.h5, classifier parts,
 * state.yaml and COMMIT. Workers write their parts into `step-<9 digits>.<owner>.tmp`; the coordinator commits.
 * A directory without a valid COMMIT is not a checkpoint.
 *
 * `owner` is the nonce of the run's folder (proto/folder_lock.h), so that two runs that are at work in one folder, of
 * which one does not know yet that it has lost it, never write into one directory; it may be empty. `lock` is the same
 * folder's, and is read again before anything under a checkpoint's name is changed: STATUS_LOST where it is another's.
 * NULL: nobody else can be there.
 */
#ifndef DAIL_WORKER_CHECKPOINT_CHECKPOINT_H
#define DAIL_WORKER_CHECKPOINT_CHECKPOINT_H

#include "proto/config/network.h"
#include "proto/error.h"
#include "proto/folder_lock.h"
#include "shard/manifest.h"
#include "worker/loss/identity.h"
#include "worker/parameter/parameter.h"

#include <stdbool.h>
#include <stdint.h>

#define CHECKPOINT_VERSION 1
#define CHECKPOINT_HIDDEN_MAX 8

struct checkpoint_dataset {
    char name[128];
    uint32_t id; /* the manifest's; nothing is told apart by it */
    uint32_t classes;
    uint32_t parts; /* files its classifier is split in */
    char fingerprint[MANIFEST_FINGERPRINT_SIZE]; /* manifest_fingerprint of the dataset; empty: not told */
};

/* What a checkpoint says of itself: state.yaml. */
struct checkpoint_state {
    int64_t step, steps, steps_per_epoch;
    int lanes, workers, lane_batch;
    int skips; /* updates skipped in a row, up to this step */
    bool evaluate; /* the evaluation that is due after this step was still to be done */
    uint64_t seed;
    char digest[17]; /* config_digest of the run */
    char *settings; /* config_settings of the run, owned; NULL: not told */
    char version[32];
    struct network network; /* its arch is a constant */
    int hidden[CHECKPOINT_HIDDEN_MAX];
    size_t hidden_count;
    struct checkpoint_dataset *datasets; /* [dataset_count], owned */
    size_t dataset_count;
};
void checkpoint_state_free(struct checkpoint_state *state);

struct checkpoint_part {
    char file[256]; /* within the checkpoint's directory */
    uint64_t bytes;
    uint32_t crc; /* zlib's crc32 of the file */
};

/* --- Writing: by the workers. Each function writes and fsyncs one file in `directory` (the .tmp one) and
 * fills `part`. STATUS_STORAGE on any write error; nothing else is touched. --- */

/* Makes the .tmp directory where it is missing. Every worker calls it before it writes. */
enum status checkpoint_begin(const char *run_dir, const char *owner, int64_t step, struct error *error);
/* model.h5: `/<group>/<name>` and `/momentum/<group>/<name>` of the groups that every worker has alike; others
 * among groups [count] are passed over. With identity groups, NULL: none, also `/identity/home` u32 [all classes]. */
enum status checkpoint_write_model(const char *directory, const struct parameter_group *groups, size_t count,
                                   const struct identity_groups *identity, struct checkpoint_part *part,
                                   struct error *error);
/* classifier-<dataset>.<part>-of-<parts>.h5 (part from 1) with /weight and /momentum [rows, D], and where the
 * group has centres /centre [rows, D] and /centre_samples [rows, 1], with center loss /loss_centre [rows, D]. */
enum status checkpoint_write_classifier(const char *directory, const struct parameter_group *group,
                                        struct checkpoint_part *part, struct error *error);

/* --- The transaction: by the coordinator. --- */

/* "<run_dir>/checkpoints/step-000000123"; the .tmp directory of `owner` unless that is NULL. */
void checkpoint_path(const char *run_dir, int64_t step, const char *owner, char *path, size_t size);
/* Makes `<run_dir>/checkpoints` and removes every .tmp that a run left there when it was killed. To be called
 * before any worker writes. */
enum status checkpoint_prepare(const char *run_dir, struct folder_lock *lock, struct error *error);
/* Writes state.yaml and COMMIT (each file's size and crc), syncs, renames, syncs the parent.
 * If the final name exists it is replaced only after the new one is complete. */
enum status checkpoint_commit(const char *run_dir, struct folder_lock *lock,
                              const struct checkpoint_state *state, const struct checkpoint_part *parts,
                              size_t count, uint64_t *bytes, struct error *error);
/* Removes the .tmp directory. */
void checkpoint_abandon(const char *run_dir, const char *owner, int64_t step);
/* Which checkpoints stay. */
struct checkpoint_retention {
    int last; /* the newest so many; 0: all */
    int64_t every_steps; /* and the first one at or after each multiple of this, from 1 on; 0: none */
};

/* Removes the checkpoints that do not stay, and the stale .tmp of this owner. A pruned one is renamed away first, so that
 * a crash never leaves half of one under a valid name. A damaged one takes no one's place. */
enum status checkpoint_prune(const char *run_dir, struct folder_lock *lock,
                             const struct checkpoint_retention *retention, struct error *error);

/* --- Reading --- */

/* Who tells whether a checkpoint is whole, as checkpoint_verify does. */
struct checkpoint_verifier {
    enum status (*verify)(void *context, const char *path, struct error *error);
    void *context;
};

/* The newest valid checkpoint of a run: `path` is empty when there is none. Damaged newer ones, of which `verifier`
 * (NULL: a deep checkpoint_verify) says STATUS_DATA, are passed over, their fault told by `warn` (may be NULL). */
enum status checkpoint_newest(const char *run_dir, const struct checkpoint_verifier *verifier, char *path,
                              size_t size, void (*warn)(void *context, const char *text), void *context,
                              struct error *error);
/* The checkpoint that a user means by `argument`: itself, or the newest of a run's folder. STATUS_DATA where
 * a run has none. Whether it is one, checkpoint_verify tells. */
enum status checkpoint_find(const char *argument, char *path, size_t size, struct error *error);
/* COMMIT present, and it lists every file that belongs to the checkpoint and no other; every file there with
 * its size, and with `deep` its crc. STATUS_DATA names the file. Files beside those listed are nobody's
 * business. */
enum status checkpoint_verify(const char *path, bool deep, struct error *error);
enum status checkpoint_read_state(const char *path, struct checkpoint_state *state, struct error *error);

/* Called between pieces of what takes long to read: as signs of life. */
struct checkpoint_progress {
    void (*call)(void *context);
    void *context;
};

/* Reads the groups of model.h5 among groups [count], each with its momenta where it has a vector for them.
 * Every name and shape is checked: STATUS_DATA names the first that does not fit this model. Of a network the
 * caller calls iresnet_weights_changed. `progress`: NULL, none. */
enum status checkpoint_read_model(const char *path, const struct parameter_group *groups, size_t count,
                                  const struct checkpoint_progress *progress, struct error *error);
/* The identity groups that a checkpoint was trained with; every class alone where there were none. A class whose home is
 * another has a row of no meaning in the checkpoint. The caller frees *groups. */
enum status checkpoint_read_identity(const char *path, const struct checkpoint_state *state,
                                     struct identity_groups **groups, struct error *error);
/* The checkpoint's dataset whose class rows are those of `manifest`, which has its fingerprint: of its name and number of
 * classes, and, as far as that is told, of the same people. NULL: none, and `why` says why. */
const struct checkpoint_dataset *checkpoint_find_rows(const struct checkpoint_state *state,
                                                      const struct manifest *manifest, char *why,
                                                      size_t size);
/* Whether its class rows have centres: it was trained with identity.unify discover. */
enum status checkpoint_has_centres(const char *path, const struct checkpoint_state *state, bool *there,
                                   struct error *error);
/* Fills a group of class rows (weights, and momenta and centres where it has vectors for them) from those of the
 * checkpoint's parts that have any of them: no other file is opened. */
enum status checkpoint_read_classifier(const char *path, const struct checkpoint_dataset *dataset,
                                       const struct parameter_group *group,
                                       const struct checkpoint_progress *progress, struct error *error);

#endif
