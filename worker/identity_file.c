#include "worker/identity_file.h"

#include "shard/identity/overlap_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row in classes counted over all datasets. */
struct pair {
    uint32_t first, second;
    const struct overlap_list_row *row;
};

struct reading {
    const char *path;
    const struct class_names *datasets;
    struct identity_groups *groups;
    struct pair *pair; /* [pairs]: those that may be joined, in the order they are */
    size_t pairs;
    struct pair *rejected; /* [rejections]: both ways round, in order of `first` */
    size_t rejections;
};

static enum status wrong_row(const struct reading *reading, const struct overlap_list_row *row,
                             struct error *error, const char *what, const char *detail)
{
    char where[1100];
    snprintf(where, sizeof where, "%s:%zu", reading->path, row->line);
    return error_set(error, STATUS_DATA, where, "correct the list, or take the row out",
                     "%s %s / %s and %s / %s: %s", what, row->dataset[0], row->identity[0], row->dataset[1],
                     row->identity[1], detail);
}

static bool certain(const struct overlap_list_row *row)
{
    return row->verdict == OVERLAP_ACCEPTED || (row->verdict == OVERLAP_UNJUDGED && row->probability >= 1);
}

/* The certain ones first, then by falling probability, as they stand in the list where that is equal. */
static int compare_joins(const void *a, const void *b)
{
    const struct overlap_list_row *first = ((const struct pair *)a)->row;
    const struct overlap_list_row *second = ((const struct pair *)b)->row;
    if (certain(first) != certain(second)) {
        return certain(first) ? -1 : 1;
    }
    if (!certain(first) && first->probability != second->probability) {
        return first->probability > second->probability ? -1 : 1;
    }
    return first->line < second->line ? -1 : first->line > second->line;
}

static int compare_rejections(const void *a, const void *b)
{
    uint32_t first = ((const struct pair *)a)->first;
    uint32_t second = ((const struct pair *)b)->first;
    return first < second ? -1 : first > second;
}

static enum status find_pair(const struct reading *reading, const struct class_index *index,
                             const struct overlap_list_row *row, struct pair *pair, struct error *error)
{
    uint32_t class_index[2];
    for (int side = 0; side < 2; side++) {
        size_t dataset;
        uint32_t number;
        enum class_found found =
            class_index_find(index, row->dataset[side], row->identity[side], &dataset, &number);
        if (found != CLASS_FOUND) {
            char detail[700];
            snprintf(detail, sizeof detail,
                     found == CLASS_OF_NO_DATASET ? "%s is none of this run's datasets"
                                                  : "%s has no identity of that name",
                     row->dataset[side]);
            return wrong_row(reading, row, error, "the pair", detail);
        }
        class_index[side] = (uint32_t)reading->groups->first_class[dataset] + number;
    }
    if (class_index[0] == class_index[1]) {
        return wrong_row(reading, row, error, "the pair", "an identity and itself");
    }
    *pair = (struct pair){class_index[0], class_index[1], row};
    return STATUS_OK;
}

static enum status find_pairs(struct reading *reading, const struct class_index *index,
                              const struct overlap_list *list, double min_probability,
                              struct identity_file_counts *counts, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < list->count && status == STATUS_OK; i++) {
        const struct overlap_list_row *row = &list->rows[i];
        struct pair pair;
        status = find_pair(reading, index, row, &pair, error);
        if (status != STATUS_OK) {
            return status;
        }
        if (row->verdict == OVERLAP_REJECTED) {
            reading->rejected[reading->rejections++] = pair;
            reading->rejected[reading->rejections++] = (struct pair){pair.second, pair.first, row};
            counts->rejected++;
        } else if (!certain(row) && row->probability < min_probability) {
            counts->unlikely++;
        } else {
            reading->pair[reading->pairs++] = pair;
        }
    }
    qsort(reading->pair, reading->pairs, sizeof *reading->pair, compare_joins);
    qsort(reading->rejected, reading->rejections, sizeof *reading->rejected, compare_rejections);
    return STATUS_OK;
}

/* The rejected pair that joining two groups would bring together, or NULL. */
static const struct overlap_list_row *rejection_between(const struct reading *reading,
                                                        const struct pair *pair)
{
    const struct identity_groups *groups = reading->groups;
    uint32_t member = pair->first;
    do {
        size_t low = 0;
        size_t high = reading->rejections;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (reading->rejected[middle].first < member) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (; low < reading->rejections && reading->rejected[low].first == member; low++) {
            if (groups->home[reading->rejected[low].second] == groups->home[pair->second]) {
                return reading->rejected[low].row;
            }
        }
        member = groups->next[member];
    } while (member != pair->first);
    return NULL;
}

static enum status join_pairs(struct reading *reading, struct identity_file_counts *counts,
                              struct error *error)
{
    for (size_t i = 0; i < reading->pairs; i++) {
        const struct pair *pair = &reading->pair[i];
        const struct overlap_list_row *rejection = rejection_between(reading, pair);
        size_t twice = 0;
        if (!rejection && identity_groups_join(reading->groups, pair->first, pair->second, &twice)) {
            counts->pairs++;
            continue;
        }
        if (!certain(pair->row)) {
            counts->lost++;
            continue;
        }
        char detail[700];
        if (rejection) {
            snprintf(detail, sizeof detail, "the pair rejected in line %zu would be one person",
                     rejection->line);
        } else {
            snprintf(detail, sizeof detail,
                     "two identities of %s would be one person, with those joined before",
                     reading->datasets[twice].name);
        }
        return wrong_row(reading, pair->row, error, "joining", detail);
    }
    return STATUS_OK;
}

enum status identity_file_read(const char *path, const struct class_names *datasets, size_t count,
                               double min_probability, struct identity_groups *groups,
                               struct identity_file_counts *counts, struct error *error)
{
    struct overlap_list list;
    struct class_index index = {0};
    struct reading reading = {.path = path, .datasets = datasets, .groups = groups};
    *counts = (struct identity_file_counts){0};
    enum status status = overlap_list_read(path, &list, error);
    if (status == STATUS_OK) {
        status = class_index_create(datasets, count, &index, error);
    }
    if (status == STATUS_OK) {
        reading.pair = calloc(list.count + 1, sizeof *reading.pair);
        reading.rejected = calloc(2 * list.count + 1, sizeof *reading.rejected);
        if (!reading.pair || !reading.rejected) {
            status =
                error_set(error, STATUS_INTERNAL, path, NULL, "out of memory for its %zu pairs", list.count);
        }
    }
    if (status == STATUS_OK) {
        status = find_pairs(&reading, &index, &list, min_probability, counts, error);
    }
    if (status == STATUS_OK) {
        status = join_pairs(&reading, counts, error);
    }
    free(reading.pair);
    free(reading.rejected);
    class_index_free(&index);
    overlap_list_free(&list);
    return status;
}

static void free_names(struct class_names *datasets, char ***names, size_t count)
{
    for (size_t k = 0; names && k < count; k++) {
        for (uint32_t j = 0; names[k] && j < datasets[k].classes; j++) {
            free(names[k][j]);
        }
        free(names[k]);
    }
    free(names);
    free(datasets);
}

enum status identity_file_open(const char *path, const struct manifest *manifests, size_t count,
                               double min_probability, struct identity_groups **groups,
                               struct identity_file_counts *counts, struct error *error)
{
    struct class_names *datasets = calloc(count + 1, sizeof *datasets);
    uint32_t *classes = calloc(count + 1, sizeof *classes);
    char ***names = calloc(count + 1, sizeof *names);
    enum status status = STATUS_OK;
    *groups = NULL;
    if (!datasets || !classes || !names) {
        status = error_set(error, STATUS_INTERNAL, path, NULL, "out of memory for the names of %zu datasets",
                           count);
    }
    for (size_t k = 0; k < count && status == STATUS_OK; k++) {
        classes[k] = manifests[k].classes;
        datasets[k] = (struct class_names){.name = manifests[k].name, .classes = manifests[k].classes};
        if (manifests[k].class_names) {
            status = manifest_class_names(&manifests[k], &names[k], error);
            datasets[k].names = names[k];
        }
    }
    if (status == STATUS_OK) {
        status = identity_groups_create(classes, count, groups, error);
    }
    if (status == STATUS_OK) {
        status = identity_file_read(path, datasets, count, min_probability, *groups, counts, error);
    }
    if (status != STATUS_OK) {
        identity_groups_free(*groups);
        *groups = NULL;
    }
    free_names(datasets, names, count);
    free(classes);
    return status;
}
