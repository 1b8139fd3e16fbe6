/* Placement, said aloud: one table at the start that shows where every rank sits, what it has and what it
 * needs, how the classifier is shared out, and what a step should take, with a warning for each thing that
 * commonly makes a run slow or kills it.
 */
#ifndef DAIL_DAEMON_SETUP_PLACEMENT_H
#define DAIL_DAEMON_SETUP_PLACEMENT_H

#include "daemon/rank/launcher.h"
#include "proto/error.h"
#include "proto/message.h"

#include <stddef.h>
#include <stdint.h>

#define PLACEMENT_WARNINGS_MAX 64

struct placement_dataset {
    const char *name;
    uint32_t classes;
    double images;
    int first, owners; /* its owner group: workers first..first+owners-1, wrapping */
};

struct placement_input {
    const struct message_hello *hello; /* [workers]; worker w is rank w + 1 */
    int workers;
    const char *coordinator_host;
    int lanes, lane_batch, embedding;
    int64_t gradient_bytes; /* exchanged once a step */
    const struct placement_dataset *datasets;
    size_t dataset_count;
    bool samples_to_all; /* not to their dataset's owners alone */
    const struct launcher *launcher; /* whose options the advice names; NULL: Open MPI's */
    const char *interface_include; /* what MPI is told to use alone between hosts, or NULL */
    const char *interface_exclude; /* what not to use, or NULL */
};

struct placement {
    char *table; /* lines, each ended; owned */
    char warning[PLACEMENT_WARNINGS_MAX][512];
    size_t warnings;
    int hosts;
    double seconds_compute; /* of a step, predicted; 0: unknown */
    double seconds_exchange;
};

/* On success the caller calls placement_free. Fails only for lack of memory. */
enum status placement_describe(const struct placement_input *input, struct placement *placement,
                               struct error *error);
void placement_free(struct placement *placement);

/* The speed assumed for traffic between workers, in bytes a second, and where it comes from: the slowest
 * interface in use that tells its speed, or an assumption. */
double placement_bandwidth(const struct placement_input *input, const char **source);

#endif
