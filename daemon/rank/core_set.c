#include "daemon/rank/core_set.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void core_set_add(struct core_set *set, int core)
{
    if (core >= 0 && core < CORE_SET_MAX) {
        set->bits[core / 64] |= UINT64_C(1) << (core % 64);
    }
}

bool core_set_parse(const char *text, struct core_set *set)
{
    *set = (struct core_set){0};
    while (*text != '\0') {
        char *end;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = first;
        if (end == text || !isdigit((unsigned char)*text)) {
            return false;
        }
        if (*end == '-') {
            text = end + 1;
            last = strtoul(text, &end, 10);
            if (end == text) {
                return false;
            }
        }
        if (last < first || last >= CORE_SET_MAX || (*end != ',' && *end != '\0')) {
            return false;
        }
        for (unsigned long core = first; core <= last; core++) {
            core_set_add(set, (int)core);
        }
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

bool core_set_has(const struct core_set *set, int core)
{
    return core < CORE_SET_MAX && (set->bits[core / 64] >> (core % 64) & 1);
}

void core_set_format(const struct core_set *set, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int core = 0; core < CORE_SET_MAX; core++) {
        if (!core_set_has(set, core)) {
            continue;
        }
        int last = core;
        while (core_set_has(set, last + 1)) {
            last++;
        }
        char range[32];
        int length = last > core ? snprintf(range, sizeof range, "%s%d-%d", used ? "," : "", core, last)
                                 : snprintf(range, sizeof range, "%s%d", used ? "," : "", core);
        if (used + (size_t)length >= size) {
            return;
        }
        memcpy(text + used, range, (size_t)length + 1);
        used += (size_t)length;
        core = last;
    }
}

int core_set_count(const struct core_set *set)
{
    int count = 0;
    for (size_t i = 0; i < CORE_SET_MAX / 64; i++) {
        count += __builtin_popcountll(set->bits[i]);
    }
    return count;
}

bool core_set_join(struct core_set *a, const struct core_set *b)
{
    bool shared = false;
    for (size_t i = 0; i < CORE_SET_MAX / 64; i++) {
        shared = shared || (a->bits[i] & b->bits[i]) != 0;
        a->bits[i] |= b->bits[i];
    }
    return shared;
}
