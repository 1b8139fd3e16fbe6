#include "worker/loss/identity.h"

#include <stdlib.h>

static uint64_t all_classes(const struct identity_groups *groups)
{
    return groups->first_class[groups->datasets];
}

enum status identity_groups_create(const uint32_t *classes, size_t datasets, struct identity_groups **created,
                                   struct error *error)
{
    uint64_t all = 0;
    for (size_t k = 0; k < datasets; k++) {
        all += classes[k];
    }
    *created = NULL;
    struct identity_groups *groups = calloc(1, sizeof *groups);
    if (groups) {
        groups->datasets = datasets;
        groups->first_class = calloc(datasets + 1, sizeof *groups->first_class);
        groups->home = calloc(all + 1, sizeof *groups->home);
        groups->next = calloc(all + 1, sizeof *groups->next);
    }
    if (!groups || !groups->first_class || !groups->home || !groups->next) {
        identity_groups_free(groups);
        return error_set(error, STATUS_INTERNAL, "identity groups", NULL,
                         "out of memory for the groups of %llu classes", (unsigned long long)all);
    }
    for (size_t k = 0; k < datasets; k++) {
        groups->first_class[k + 1] = groups->first_class[k] + classes[k];
    }
    identity_groups_clear(groups);
    *created = groups;
    return STATUS_OK;
}

void identity_groups_free(struct identity_groups *groups)
{
    if (groups) {
        free(groups->first_class);
        free(groups->home);
        free(groups->next);
        free(groups);
    }
}

void identity_groups_clear(struct identity_groups *groups)
{
    for (uint64_t c = 0; c < all_classes(groups); c++) {
        groups->home[c] = (uint32_t)c;
        groups->next[c] = (uint32_t)c;
    }
    groups->shared = 0;
}

size_t identity_groups_dataset(const struct identity_groups *groups, uint32_t class_index)
{
    size_t low = 0;
    size_t high = groups->datasets;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (groups->first_class[middle] <= class_index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

bool identity_groups_has(const struct identity_groups *groups, uint32_t class_index, size_t dataset)
{
    uint32_t member = class_index;
    do {
        if (member >= groups->first_class[dataset] && member < groups->first_class[dataset + 1]) {
            return true;
        }
        member = groups->next[member];
    } while (member != class_index);
    return false;
}

/* Puts a class into the ring that begins at `home`, which is in ascending order. */
static void insert(struct identity_groups *groups, uint32_t home, uint32_t class_index)
{
    uint32_t before = home;
    while (groups->next[before] != home && groups->next[before] < class_index) {
        before = groups->next[before];
    }
    groups->next[class_index] = groups->next[before];
    groups->next[before] = class_index;
    groups->home[class_index] = home;
}

bool identity_groups_join(struct identity_groups *groups, uint32_t a, uint32_t b, size_t *twice)
{
    if (groups->home[a] == groups->home[b]) {
        return true;
    }
    uint32_t member = b;
    do {
        size_t dataset = identity_groups_dataset(groups, member);
        if (identity_groups_has(groups, a, dataset)) {
            if (twice) {
                *twice = dataset;
            }
            return false;
        }
        member = groups->next[member];
    } while (member != b);

    uint32_t home = groups->home[a] < groups->home[b] ? groups->home[a] : groups->home[b];
    uint32_t other = home == groups->home[a] ? groups->home[b] : groups->home[a];
    member = other;
    do {
        uint32_t following = groups->next[member];
        insert(groups, home, member);
        member = following;
    } while (member != other);
    groups->shared++;
    return true;
}

bool identity_groups_set(struct identity_groups *groups, const uint32_t *home)
{
    identity_groups_clear(groups);
    for (uint64_t c = 0; c < all_classes(groups); c++) {
        bool sound = home[c] <= c && home[home[c]] == home[c];
        if (!sound || !identity_groups_join(groups, home[c], (uint32_t)c, NULL)) {
            identity_groups_clear(groups);
            return false;
        }
    }
    return true;
}

/* Whether the ring that begins at a home is in ascending order, each class of another dataset. */
static bool ring_is_valid(const struct identity_groups *groups, uint32_t home, uint64_t *shared)
{
    uint32_t member = home;
    while (groups->next[member] != home) {
        uint32_t next = groups->next[member];
        uint64_t dataset_end = groups->first_class[identity_groups_dataset(groups, member) + 1];
        if (next < dataset_end || next >= all_classes(groups) || groups->home[next] != home) {
            return false;
        }
        member = next;
        ++*shared;
    }
    return true;
}

bool identity_groups_is_valid(const struct identity_groups *groups)
{
    uint64_t homes = 0;
    uint64_t shared = 0;
    for (uint64_t c = 0; c < all_classes(groups); c++) {
        bool is_home = groups->home[c] == c;
        if (groups->home[c] > c || (is_home && !ring_is_valid(groups, (uint32_t)c, &shared))) {
            return false;
        }
        homes += is_home;
    }
    return shared == groups->shared && homes + shared == all_classes(groups);
}
