#include "worker/discovery/regroup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows that pass from their owners to everybody at a time. */
#define BLOCK 256

/* What becomes of the rows that this worker owns. */
struct regroup {
    const struct parameter_group *rows;
    struct exchange *exchange;
    const struct identity_groups *before, *after;
    size_t dimension;
    uint32_t *old; /* [count]: the rows that are needed, ascending */
    size_t count;
    uint32_t *slot; /* [all classes]: place in `sum` of a changed row that is owned here, or UINT32_MAX */
    double *sum; /* [slots][2 D + 2]: directions, momenta, lengths, and of how many classes */
    size_t slots;
};

/* Whether the group of a class is another than before. */
static bool is_changed(const struct regroup *regroup, uint32_t class_index)
{
    uint32_t member = class_index;
    if (regroup->before->home[class_index] != regroup->after->home[class_index]) {
        return true;
    }
    do {
        if (regroup->before->next[member] != regroup->after->next[member]) {
            return true;
        }
        member = regroup->after->next[member];
    } while (member != class_index);
    return false;
}

/* The row of a class where this worker owns it, counted in its dataset's block; false elsewhere. */
static bool find_row(const struct regroup *regroup, uint32_t class_index, size_t *dataset, size_t *row)
{
    *dataset = identity_groups_dataset(regroup->after, class_index);
    const struct parameter_rows *rows = &regroup->rows[*dataset].rows;
    const uint64_t number = class_index - regroup->after->first_class[*dataset];
    *row = (size_t)(number - rows->begin);
    return number >= rows->begin && number < rows->end;
}

/* Which rows change, and which are needed for that. */
static enum status plan(struct regroup *regroup, struct error *error)
{
    const uint64_t classes = regroup->after->first_class[regroup->after->datasets];
    bool *needed = calloc(classes + 1, sizeof *needed);
    regroup->old = malloc((classes + 1) * sizeof *regroup->old);
    regroup->slot = malloc((classes + 1) * sizeof *regroup->slot);
    if (!needed || !regroup->old || !regroup->slot) {
        free(needed);
        return error_no_memory(error, "identity groups");
    }
    for (uint32_t c = 0; c < classes; c++) {
        size_t dataset, row;
        regroup->slot[c] = UINT32_MAX;
        if (!is_changed(regroup, c)) {
            continue;
        }
        needed[regroup->before->home[c]] = true;
        if (regroup->after->home[c] == c && find_row(regroup, c, &dataset, &row)) {
            regroup->slot[c] = (uint32_t)regroup->slots++;
        }
    }
    for (uint32_t c = 0; c < classes; c++) {
        if (needed[c]) {
            regroup->old[regroup->count++] = c;
        }
    }
    free(needed);
    regroup->sum = calloc(regroup->slots * (2 * regroup->dimension + 2) + 1, sizeof *regroup->sum);
    return regroup->sum ? STATUS_OK : error_no_memory(error, "identity groups");
}

/* An old row, as [2 D], counts for each class that had it. */
static void add(struct regroup *regroup, uint32_t home, const double *row)
{
    const size_t dimension = regroup->dimension;
    double square = 0;
    for (size_t d = 0; d < dimension; d++) {
        square += row[d] * row[d];
    }
    const double length = sqrt(square);
    uint32_t member = home;
    do {
        const uint32_t slot = regroup->slot[regroup->after->home[member]];
        if (slot != UINT32_MAX) {
            double *sum = regroup->sum + slot * (2 * dimension + 2);
            for (size_t d = 0; d < dimension; d++) {
                sum[d] += length > 0 ? row[d] / length : 0;
                sum[dimension + d] += row[dimension + d];
            }
            sum[2 * dimension] += length;
            sum[2 * dimension + 1] += 1;
        }
        member = regroup->before->next[member];
    } while (member != home);
}

/* Brings the old rows to everybody: one owner has each, the others add nothing. */
static enum status add_all(struct regroup *regroup, struct error *error)
{
    const size_t dimension = regroup->dimension;
    double *block = malloc(BLOCK * 2 * dimension * sizeof *block);
    enum status status = block ? STATUS_OK : error_no_memory(error, "identity groups");
    status = exchange_agree(regroup->exchange, status, error);
    for (size_t begin = 0; begin < regroup->count && status == STATUS_OK; begin += BLOCK) {
        const size_t count = regroup->count - begin < BLOCK ? regroup->count - begin : BLOCK;
        memset(block, 0, count * 2 * dimension * sizeof *block);
        for (size_t i = 0; i < count; i++) {
            size_t dataset, row;
            if (find_row(regroup, regroup->old[begin + i], &dataset, &row)) {
                const struct parameter_group *group = &regroup->rows[dataset];
                for (size_t d = 0; d < dimension; d++) {
                    block[2 * i * dimension + d] = (double)group->weight[row * dimension + d];
                    block[(2 * i + 1) * dimension + d] = (double)group->momentum[row * dimension + d];
                }
            }
        }
        status =
            regroup->exchange->operations->sum_double(regroup->exchange, block, count * 2 * dimension, error);
        for (size_t i = 0; i < count && status == STATUS_OK; i++) {
            add(regroup, regroup->old[begin + i], block + 2 * i * dimension);
        }
    }
    free(block);
    return status;
}

static void write_row(struct regroup *regroup, const double *sum, float *weight, float *momentum)
{
    const size_t dimension = regroup->dimension;
    const double classes = sum[2 * dimension + 1];
    const double length = sum[2 * dimension] / classes;
    double square = 0;
    for (size_t d = 0; d < dimension; d++) {
        square += sum[d] * sum[d];
    }
    const double scale = square > 0 ? length / sqrt(square) : 0;
    for (size_t d = 0; d < dimension; d++) {
        weight[d] = (float)(sum[d] * scale);
        momentum[d] = (float)(sum[dimension + d] / classes);
    }
}

static void write_all(struct regroup *regroup)
{
    const uint64_t classes = regroup->after->first_class[regroup->after->datasets];
    for (uint32_t c = 0; c < classes; c++) {
        size_t dataset, row;
        if (regroup->slot[c] != UINT32_MAX && find_row(regroup, c, &dataset, &row)) {
            const struct parameter_group *group = &regroup->rows[dataset];
            write_row(regroup, regroup->sum + regroup->slot[c] * (2 * regroup->dimension + 2),
                      group->weight + row * regroup->dimension, group->momentum + row * regroup->dimension);
        }
    }
}

enum status regroup_rows(const struct parameter_group *rows, struct exchange *exchange,
                         const struct identity_groups *before, const struct identity_groups *after,
                         struct error *error)
{
    struct regroup regroup = {.rows = rows,
                              .exchange = exchange,
                              .before = before,
                              .after = after,
                              .dimension = rows[0].parameters[0].shape[1]};
    enum status status = exchange_agree(exchange, plan(&regroup, error), error);
    if (status == STATUS_OK) {
        status = add_all(&regroup, error);
    }
    if (status == STATUS_OK) {
        write_all(&regroup);
    }
    free(regroup.old);
    free(regroup.slot);
    free(regroup.sum);
    return status;
}

/* Pairs of one group in `here` that are in none in `there`. */
static uint64_t count_only(const struct identity_groups *here, const struct identity_groups *there)
{
    uint64_t count = 0;
    for (uint32_t a = 0; a < here->first_class[here->datasets]; a++) {
        /* A ring goes up to its last class, and from there to its home. */
        for (uint32_t b = here->next[a]; b > a; b = here->next[b]) {
            count += there->home[a] != there->home[b];
        }
    }
    return count;
}

struct regroup_counts regroup_count(const struct identity_groups *before, const struct identity_groups *after)
{
    return (struct regroup_counts){.joined = count_only(after, before), .parted = count_only(before, after)};
}
