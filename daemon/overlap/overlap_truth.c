#include "daemon/overlap/overlap_truth.h"

#include "shard/identity/class_index.h"
#include "shard/identity/overlap_list.h"

#include <stdlib.h>
#include <string.h>

/* The names of each dataset's classes, for the index; the caller frees them. */
static struct class_names *names_of(const struct checkpoint_data *data, size_t count)
{
    struct class_names *names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names && i < count; i++) {
        names[i] = (struct class_names){data[i].dataset->name, data[i].dataset->classes, data[i].names};
    }
    return names;
}

static bool find_row(const struct class_index *index, const struct overlap_list_row *row,
                     struct overlap_pair *pair)
{
    *pair = (struct overlap_pair){0};
    for (int i = 0; i < 2; i++) {
        size_t dataset;
        if (class_index_find(index, row->dataset[i], row->identity[i], &dataset, &pair->class[i]) !=
            CLASS_FOUND) {
            return false;
        }
        pair->dataset[i] = (uint32_t)dataset;
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
    struct class_index index = {0};
    struct class_names *names = names_of(data, count);
    *truth = (struct overlap_truth){0};
    enum status status = overlap_list_read(path, &list, error);
    if (status == STATUS_OK) {
        status = names ? class_index_create(names, count, &index, error) : error_no_memory(error, "overlap");
    }
    if (status == STATUS_OK) {
        truth->known = malloc((list.count + 1) * sizeof *truth->known);
        status = truth->known ? STATUS_OK : error_no_memory(error, "overlap");
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
    class_index_free(&index);
    free(names);
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
    return truth->count > 0 && bsearch(pair, truth->known, truth->count, sizeof *pair, compare_pairs);
}

void overlap_truth_count(const struct overlap_truth *truth, const struct identity_groups *groups,
                         size_t *pairs, size_t *right)
{
    *pairs = 0;
    *right = 0;
    for (uint32_t a = 0; a < groups->first_class[groups->datasets]; a++) {
        const size_t first = identity_groups_dataset(groups, a);
        /* A ring goes up to its last class, and from there to its home. */
        for (uint32_t b = groups->next[a]; b > a; b = groups->next[b]) {
            const size_t second = identity_groups_dataset(groups, b);
            const struct overlap_pair pair = {.dataset = {(uint32_t)first, (uint32_t)second},
                                              .class = {a - (uint32_t)groups->first_class[first],
                                                        b - (uint32_t)groups->first_class[second]}};
            ++*pairs;
            *right += overlap_truth_has(truth, &pair);
        }
    }
}
