/* What control groups, of version 1 or 2, leave to this process: its own and every one above it counts. */
#ifndef DAIL_DAEMON_RANK_CGROUP_H
#define DAIL_DAEMON_RANK_CGROUP_H

#include <stdint.h>

/* `membership` and `mount` everywhere but in tests. */
#define CGROUP_MEMBERSHIP "/proc/self/cgroup"
#define CGROUP_MOUNT "/sys/fs/cgroup"

/* Cores' worth of time; 0: no limit. */
double cgroup_cores(const char *membership, const char *mount);

/* Bytes that are left below the limits, counting what is used and cannot be dropped; INT64_MAX: no limit. */
int64_t cgroup_memory(const char *membership, const char *mount);

#endif
