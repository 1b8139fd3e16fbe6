/* The cores of this host, by hwloc: which hardware threads are one physical core, and where the memory is. */
#ifndef DAIL_DAEMON_RANK_TOPOLOGY_H
#define DAIL_DAEMON_RANK_TOPOLOGY_H

#include "daemon/rank/core_set.h"

struct topology {
    struct core_set cores; /* physical ones, counted over the whole host as hwloc does (its logical index) */
    int numa_nodes; /* that these lie in; 0: the host does not say */
};

/* The physical cores that have one of the hardware threads `allowed` (by the system's numbers), those of other
 * processes' too where two share a core. Where hwloc knows nothing of a host, each hardware thread is a core.
 */
void topology_find(const struct core_set *allowed, struct topology *topology);

#endif
