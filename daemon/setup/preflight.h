/* `daild --check`: everything that a run would be refused for at its start, and what it would meet later: the
 * whole configuration against the data, without MPI, so that it runs on a login node.
 */
#ifndef DAIL_DAEMON_SETUP_PREFLIGHT_H
#define DAIL_DAEMON_SETUP_PREFLIGHT_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct preflight {
    const char *config;
    const char *const *overrides; /* [override_count] */
    size_t override_count;
    int workers; /* 0: nobody has said how many there will be */
    bool full; /* read every byte of the shards */
    FILE *out; /* a line for each thing that is sound, and one at the end */
    void (*fault)(const struct error *error); /* hears of every fault */
};

/* Goes on where one thing is at fault, unless the others hang on it. Writes nothing but to `out`. Returns the
 * first fault's status: what a run would end with. */
enum status preflight_run(const struct preflight *preflight);

#endif
