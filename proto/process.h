/* Processes of this machine, as /proc tells of them. */
#ifndef DAIL_PROTO_PROCESS_H
#define DAIL_PROTO_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether there is no process of this number any more. A zombie is gone too. */
bool process_is_gone(int64_t pid);

/* When a process was started, in clock ticks since the system's start: a number that is used again is told apart by
 * it. 0 where that is not known. */
uint64_t process_started(int64_t pid);

/* What tells this process's table of processes from every other one, in text[size]: the running system and the
 * namespace. Empty where that is not known. */
void process_table_name(char *text, size_t size);

#endif
