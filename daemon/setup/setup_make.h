/* Everything that is read, checked and decided before a run begins, by the coordinator alone, so that a fault
 * is found before any work and told once.
 */
#ifndef DAIL_DAEMON_SETUP_SETUP_MAKE_H
#define DAIL_DAEMON_SETUP_SETUP_MAKE_H

#include "daemon/setup/setup.h"
#include "shard/pairs.h"
#include "worker/checkpoint/checkpoint.h"

/* Reads the configuration, and opens and checks every manifest, shard file (presence and size) and verification set.
 * `workers` is at least 1. Nothing is written. The caller calls setup_free in any case. */
enum status setup_make(const char *config_path, const char *const *overrides, size_t override_count,
                       int workers, struct setup *setup, struct error *error);

/* Then decides where to begin (resume.h), and counts lanes and steps. The run's folder must be this run's own by now:
 * another could commit a newer checkpoint. Nothing is written. */
enum status setup_place(struct setup *setup, struct error *error);

/* --- Their steps, in their order. preflight.h takes them too, and goes on where one fails. --- */

/* Begins a setup with the configuration. The caller calls setup_free in any case. */
enum status setup_read_config(const char *path, const char *const *overrides, size_t override_count,
                              int workers, struct setup *setup, struct error *error);

/* Adds the dataset of a manifest: readable, told apart from those before it, and of model.input's size. Where
 * only one of the latter two fails, the dataset is added all the same. */
enum status setup_open_dataset(struct setup *setup, const char *path, struct error *error);

/* Gives dataset k's manifest its fingerprint, where it records none, and checks the one that it records. */
enum status setup_fingerprint(struct setup *setup, size_t k, struct error *error);

/* How dataset k is sampled, once it is known what is left out, and how many of its images come in an epoch; where people
 * matter its labels are read. */
enum status setup_open_sampling(struct setup *setup, size_t k, struct error *error);

/* Whether a shard's file is there, and of the size that the manifest says. */
enum status setup_check_shard(const struct manifest *manifest, uint32_t shard, struct error *error);

/* Reads the lists of what is left out, which all datasets are needed for, and counts images and fingerprints anew. */
enum status setup_exclude(struct setup *setup, struct error *error);

/* Reads the table of identities that share a row, where there is one, and counts the classes that do. */
enum status setup_check_identity(struct setup *setup, struct error *error);

/* Adds a verification set: sound, of model.input's size, told apart from those before it, and such that it can be
 * scored. The caller closes it. */
enum status setup_open_pairs(struct setup *setup, const char *path, struct pairs *pairs, struct error *error);

/* Builds the network once, at its smallest: whatever does not fit together shows here. Counts parameters. */
enum status setup_check_model(struct setup *setup, struct error *error);

/* Lanes, steps per epoch and steps from the configuration, the images and setup->workers.
 * `checkpoint_lanes`: what a resumed run has; 0: none. STATUS_USAGE names what does not fit. */
enum status setup_count_steps(struct setup *setup, int checkpoint_lanes, struct error *error);

/* What gives the initial weights, where the run does not go on from a checkpoint of its own; which class rows a checkpoint
 * gives is kept, and warned of those that it does not. */
enum status setup_check_init(struct setup *setup, struct error *error);

/* Fills in what the configuration decides and its digest, and warns of what has changed since the checkpoint that is
 * gone on from. */
enum status setup_compare(struct setup *setup, const struct checkpoint_state *state, struct error *error);

#endif
