/* Where the paths in a run's configuration lead, for who reads the run from elsewhere.
 */
#ifndef DAIL_DAEMON_TERMINAL_RUN_PATH_H
#define DAIL_DAEMON_TERMINAL_RUN_PATH_H

#include "proto/config/config.h"
#include "proto/file.h"

/* The path that the configuration of the run in folder `run` calls `named`, in path[PATH_SIZE]. A relative
 * one begins where the run was started: above the end of `run` that is config->run.dir. Where that does not
 * tell (an absolute run.dir, a run that was moved), it begins here. STATUS_DATA if it does not fit. */
enum status run_path(const char *run, const struct config *config, const char *named, char *path,
                     struct error *error);

#endif
