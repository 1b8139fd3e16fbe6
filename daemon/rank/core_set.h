/* Sets of cores, and their lists: "0-3,8". */
#ifndef DAIL_DAEMON_RANK_CORE_SET_H
#define DAIL_DAEMON_RANK_CORE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORE_SET_MAX 4096

struct core_set {
    uint64_t bits[CORE_SET_MAX / 64];
};

/* What is beyond CORE_SET_MAX is left out. */
void core_set_add(struct core_set *set, int core);
bool core_set_has(const struct core_set *set, int core);
int core_set_count(const struct core_set *set);
/* a becomes the union of both; the return value says whether they shared a core. */
bool core_set_join(struct core_set *a, const struct core_set *b);

/* false if the text is no list; an empty text is an empty set. */
bool core_set_parse(const char *text, struct core_set *set);
/* Cut at the last whole range that fits. */
void core_set_format(const struct core_set *set, char *text, size_t size);

#endif
