/* What a rank can say about its own place: host name, cores it may use, network interfaces, memory left. */
#ifndef DAIL_DAEMON_RANK_HOST_H
#define DAIL_DAEMON_RANK_HOST_H

#include "proto/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills version, host, pid, cores_allowed, cores, interfaces and memory_available; what cannot be found out
 * stays empty or 0. */
void host_describe(struct message_hello *hello);

/* How many threads to compute with where nobody says: the cores allowed. */
int host_threads(void);

/* Bytes that a process here may still take: the machine's MemAvailable, or less if a control group says so.
 */
int64_t host_memory_available(void);

/* --- Lists of cores: "0-3,8" --- */

#define HOST_CORES_MAX 4096

struct core_set {
    uint64_t bits[HOST_CORES_MAX / 64];
};

/* false if the text is no list; an empty text is an empty set. */
bool core_set_parse(const char *text, struct core_set *set);
/* Cut at the last whole range that fits. */
void core_set_format(const struct core_set *set, char *text, size_t size);
int core_set_count(const struct core_set *set);
/* a becomes the union of both; the return value says whether they shared a core. */
bool core_set_join(struct core_set *a, const struct core_set *b);

#endif
