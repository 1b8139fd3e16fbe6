#include "daemon/command/overlap_truth.h"

#include "shard/overlap_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct named_class {
    const char *name;
    uint32_t class;
};

/* The classes of each dataset by name. */
struct name_index {
    const struct checkpoint_data *data;
    size_t count;
    struct named_class **sorted; /* [count][classes]; NULL for a dataset without names */
};

static enum status out_of_memory(struct error *error)
{
    return error_set(error, STATUS_INTERNAL, "overlap", NULL, "out of memory for what is known");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named_class *)a)->name, ((const struct named_class *)b)->name);
}

static enum status build_index(struct name_index *index, struct error *error)
{
    index->sorted = calloc(index->count + 1, sizeof *index->sorted);
    if (!index->sorted) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < index->count; i++) {
        const uint32_t classes = index->data[i].dataset->classes;
        if (!index->data[i].names) {
            continue;
        }
        index->sorted[i] = malloc(((size_t)classes + 1) * sizeof **index->sorted);
        if (!index->sorted[i]) {
            return out_of_memory(error);
        }
        for (uint32_t j = 0; j < classes; j++) {
            index->sorted[i][j] = (struct named_class){index->data[i].names[j], j};
        }
        qsort(index->sorted[i], classes, sizeof **index->sorted, compare_names);
    }
    return STATUS_OK;
}

static void free_index(struct name_index *index)
{
    for (size_t i = 0; index->sorted && i < index->count; i++) {
        free(index->sorted[i]);
    }
    free(index->sorted);
}

static bool find_number(const char *text, uint32_t classes, uint32_t *class)
{
    char *end;
    errno = 0;
    const unsigned long number = strtoul(text, &end, 10);
    *class = (uint32_t)number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number < classes;
}

static bool find_class(const struct name_index *index, const char *dataset, const char *identity,
                       uint32_t *which, uint32_t *class)
{
    for (size_t i = 0; i < index->count; i++) {
        const struct checkpoint_dataset *candidate = index->data[i].dataset;
        if (strcmp(candidate->name, dataset) != 0) {
            continue;
        }
        *which = (uint32_t)i;
        if (!index->sorted[i]) {
            return find_number(identity, candidate->classes, class);
        }
        const struct named_class key = {.name = identity};
        const struct named_class *found =
            bsearch(&key, index->sorted[i], candidate->classes, sizeof key, compare_names);
        *class = found ? found->class : 0;
        return found != NULL;
    }
    return false;
}

static bool find_row(const struct name_index *index, const struct overlap_list_row *row,
                     struct overlap_pair *pair)
{
    *pair = (struct overlap_pair){0};
    for (int i = 0; i < 2; i++) {
        if (!find_class(index, row->dataset[i], row->identity[i], &pair->dataset[i], &pair->class[i])) {
            return false;
        }
    }
    if (pair->dataset[0] > pair->dataset[1]) {
        *pair = (struct overlap_pair){.dataset = {pair->dataset[1], pair->dataset[0]},
                                      .class = {pair->class[1], pair -> class[0]}};
    }
    return pair->dataset[0] < pair->dataset[1];
}

static int compare_pairs(const void *first, const void *second)
{
    const struct overlap_pair *a = first, *b = second;
    const int datasets = memcmp(a->dataset, b->dataset, sizeof a->dataset);
    return datasets != 0 ? datasets : memcmp(a->class, b->class, sizeof a->class);
}

/* Sorts the pairs, and drops those that the list has twice. */
static void sort_known(struct overlap_truth *truth)
{
    size_t kept = 0;
    if (truth->count > 0) {
        qsort(truth->known, truth->count, sizeof *truth->known, compare_pairs);
    }
    for (size_t i = 0; i < truth->count; i++) {
        if (kept == 0 || compare_pairs(&truth->known[kept - 1], &truth->known[i]) != 0) {
            truth->known[kept++] = truth->known[i];
        }
    }
    truth->count = kept;
}

enum status overlap_truth_read(const char *path, const struct checkpoint_data *data, size_t count,
                               struct overlap_truth *truth, struct error *error)
{
    struct overlap_list list;
    struct name_index index = {.data = data, .count = count};
    *truth = (struct overlap_truth){0};
    enum status status = overlap_list_read(path, &list, error);
    if (status == STATUS_OK) {
        status = build_index(&index, error);
    }
    if (status == STATUS_OK) {
        truth->known = malloc((list.count + 1) * sizeof *truth->known);
        status = truth->known ? STATUS_OK : out_of_memory(error);
    }
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        if (find_row(&index, &list.rows[i], &truth->known[truth->count])) {
            truth->count++;
        } else {
            truth->elsewhere++;
        }
    }
    if (status == STATUS_OK) {
        sort_known(truth);
    }
    if (status == STATUS_OK && truth->count == 0) {
        status =
            error_set(error, STATUS_DATA, path, "name the datasets' manifests by --manifest",
                      "none of its %zu rows names two identities of the checkpoint's datasets", list.count);
    }
    free_index(&index);
    overlap_list_free(&list);
    return status;
}

void overlap_truth_free(struct overlap_truth *truth)
{
    free(truth->known);
    *truth = (struct overlap_truth){0};
}

bool overlap_truth_has(const struct overlap_truth *truth, const struct overlap_pair *pair)
{
    return truth->count > 0 && bsearch(pair, truth->known, truth->count, sizeof *pair, compare_pairs) != NULL;
}
