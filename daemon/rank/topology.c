#include "daemon/rank/topology.h"

#include <hwloc.h>

/* Counts what the process may not use, too: so each rank of a host has the same number for the same core. */
static bool load(hwloc_topology_t *host)
{
    if (hwloc_topology_init(host) != 0) {
        return false;
    }
    if (hwloc_topology_set_flags(*host, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) != 0 ||
        hwloc_topology_load(*host) != 0) {
        hwloc_topology_destroy(*host);
        return false;
    }
    return true;
}

/* Takes in the objects of a type that have one of the hardware threads `allowed`. */
static void collect(hwloc_topology_t host, hwloc_obj_type_t type, hwloc_const_bitmap_t allowed,
                    struct core_set *found)
{
    for (hwloc_obj_t one = hwloc_get_next_obj_by_type(host, type, NULL); one;
         one = hwloc_get_next_obj_by_type(host, type, one)) {
        if (hwloc_bitmap_intersects(one->cpuset, allowed)) {
            core_set_add(found, (int)one->logical_index);
        }
    }
}

static void look(hwloc_topology_t host, const struct core_set *allowed, struct topology *topology)
{
    struct core_set nodes = {0};
    hwloc_bitmap_t threads = hwloc_bitmap_alloc();
    if (!threads) {
        return;
    }
    for (int thread = 0; thread < CORE_SET_MAX; thread++) {
        if (core_set_has(allowed, thread)) {
            hwloc_bitmap_set(threads, (unsigned)thread);
        }
    }
    collect(host, HWLOC_OBJ_CORE, threads, &topology->cores);
    collect(host, HWLOC_OBJ_NUMANODE, threads, &nodes);
    topology->numa_nodes = core_set_count(&nodes);
    hwloc_bitmap_free(threads);
}

void topology_find(const struct core_set *allowed, struct topology *topology)
{
    hwloc_topology_t host;
    *topology = (struct topology){0};
    if (load(&host)) {
        look(host, allowed, topology);
        hwloc_topology_destroy(host);
    }
    if (core_set_count(&topology->cores) == 0) {
        topology->cores = *allowed;
    }
}
