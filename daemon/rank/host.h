/* What a rank can say about its own place: host name, cores it may use, network interfaces, memory left. */
#ifndef DAIL_DAEMON_RANK_HOST_H
#define DAIL_DAEMON_RANK_HOST_H

#include "proto/message.h"

#include <stdint.h>

/* Fills version, host, pid, what there is of cores, interfaces, memory_available and files; what cannot be found out
 * stays empty or 0. */
void host_describe(struct message_hello *hello);

/* How many threads to compute with where nobody says: the physical cores allowed, or as many as the control
 * group grants time for. */
int host_threads(void);

/* The same for one of `ranks` on this host, which may use `cores_of_all` physical cores together. At least 1.
 */
int host_share(const struct message_hello *hello, int cores_of_all, int ranks);

/* Lets this process have as many files and connections open as its hard limit grants. */
void host_raise_files(void);

/* Bytes that a process here may still take: the machine's MemAvailable, or less if a control group says so.
 */
int64_t host_memory_available(void);

#endif
