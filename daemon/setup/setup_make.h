/* Everything that is read, checked and decided before a run begins, by the coordinator alone, so that a fault
 * is found before any work and told once.
 */
#ifndef DAIL_DAEMON_SETUP_SETUP_MAKE_H
#define DAIL_DAEMON_SETUP_SETUP_MAKE_H

#include "daemon/setup/setup.h"

/* Reads the configuration, opens and checks every manifest, shard file (presence and size) and verification
 * set, decides where to begin (resume.h), and counts lanes and steps. `workers` is at least 1.
 * Nothing is written. The caller calls setup_free in any case. */
enum status setup_make(const char *config_path, const char *const *overrides, size_t override_count,
                       int workers, struct setup *setup, struct error *error);

/* Lanes, steps per epoch and steps from the configuration, the images and setup->workers.
 * `checkpoint_lanes`: what a resumed run has; 0: none. STATUS_USAGE names what does not fit. */
enum status setup_count_steps(struct setup *setup, int checkpoint_lanes, struct error *error);

#endif
