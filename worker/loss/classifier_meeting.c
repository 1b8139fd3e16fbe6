/* Who meets whom: which samples are scored against which rows of a chunk, and which workers have a part in a
 * sample's denominator. Both follow from the identity groups. */
#include "worker/loss/classifier_delivery.h"
#include "worker/loss/classifier_drawn.h"

#include <stdlib.h>
#include <string.h>

/* The class that a chunk's row is of. */
static uint32_t class_of(const struct classifier *classifier, const struct chunk *chunk, int row)
{
    const struct classifier_block *block = &classifier->block[chunk->dataset];
    uint64_t at = chunk->begin + (uint64_t)row;
    return (uint32_t)(classifier->identity->first_class[chunk->dataset] + block->row_begin +
                      (classifier->drawn ? block->drawn.row[at] : at));
}

/* The rows of a chunk that samples of a dataset are scored against; row [chunk->rows] may be NULL: counts them. */
static int list_rows(const struct classifier *classifier, const struct chunk *chunk, size_t dataset, int *row)
{
    const struct identity_groups *identity = classifier->identity;
    int rows = 0;
    if (identity->shared == 0) {
        return chunk->rows; /* all: they are of the dataset */
    }
    for (int j = 0; j < chunk->rows; j++) {
        uint32_t class_index = class_of(classifier, chunk, j);
        bool home = identity->home[class_index] == class_index;
        if (home && (dataset == EVERY_DATASET || identity_groups_has(identity, class_index, dataset))) {
            if (row) {
                row[rows] = j;
            }
            rows++;
        }
    }
    return rows;
}

/* The meetings of a chunk, written to `meeting` and `row` where they are not NULL. Adds up how many there are, and
 * the rows that they name. */
static void list_meetings(const struct classifier *classifier, const struct chunk *chunk,
                          struct meeting *meeting, int *row, size_t *meetings, size_t *named)
{
    bool every = classifier->config.scope_all;
    size_t first = every ? EVERY_DATASET : chunk->dataset;
    /* Homes are a group's first classes, so no row here is of a dataset before the chunk's. */
    size_t end = every || classifier->identity->shared == 0 ? first + 1 : classifier->config.datasets;
    for (size_t k = first; k != end; k++) {
        int rows = list_rows(classifier, chunk, k, NULL);
        bool whole = rows == chunk->rows;
        if (rows == 0) {
            continue;
        }
        if (meeting) {
            meeting[*meetings] =
                (struct meeting){.dataset = k, .rows = rows, .row = whole ? NULL : row + *named};
            if (!whole) {
                list_rows(classifier, chunk, k, row + *named);
            }
        }
        ++*meetings;
        *named += whole ? 0 : (size_t)rows;
    }
}

void meeting_cut_chunks(struct classifier *classifier, size_t dataset, size_t rows, uint64_t first)
{
    size_t rows_max = (size_t)classifier->chunk_rows;
    float *inverse_norm = classifier->inverse_norm;
    if (classifier->chunks > 0) {
        const struct chunk *last = &classifier->chunk[classifier->chunks - 1];
        inverse_norm = last->inverse_norm + last->rows;
    }
    for (size_t begin = 0; begin < rows; begin += rows_max) {
        size_t left = rows - begin;
        struct chunk *chunk = &classifier->chunk[classifier->chunks++];
        *chunk = (struct chunk){.dataset = dataset,
                                .begin = (uint32_t)begin,
                                .first = first + begin,
                                .rows = (int)(left < rows_max ? left : rows_max),
                                .inverse_norm = inverse_norm};
        inverse_norm += chunk->rows;
    }
}

/* How many meetings the chunks have, and rows that these name; where classes are drawn, at most in any step. */
static void count_meetings(const struct classifier *classifier, size_t *meetings, size_t *named)
{
    const struct identity_groups *identity = classifier->identity;
    size_t datasets = classifier->config.datasets;
    *meetings = 0;
    *named = 0;
    if (!classifier->drawn) {
        for (size_t c = 0; c < classifier->chunks; c++) {
            list_meetings(classifier, &classifier->chunk[c], NULL, NULL, meetings, named);
        }
        return;
    }
    bool shared = identity->shared > 0;
    uint64_t each = drawn_most(classifier) * datasets, all = identity->first_class[datasets];
    *meetings = classifier->chunk_capacity * (shared ? datasets : 1);
    *named = !shared ? 0 : each < all ? each : all; /* a class is in one group */
}

static void fill_meetings(struct classifier *classifier)
{
    size_t meetings = 0;
    size_t named = 0;
    for (size_t c = 0; c < classifier->chunks; c++) {
        struct chunk *chunk = &classifier->chunk[c];
        size_t before = meetings;
        list_meetings(classifier, chunk, classifier->meeting, classifier->meeting_row, &meetings, &named);
        chunk->meeting = classifier->meeting + before;
        chunk->meetings = meetings - before;
    }
}

enum status meeting_plan(struct classifier *classifier, struct error *error)
{
    size_t meetings;
    size_t named;
    count_meetings(classifier, &meetings, &named);
    struct meeting *meeting = calloc(meetings + 1, sizeof *meeting);
    int *row = calloc(named + 1, sizeof *row);
    if (!meeting || !row) {
        free(meeting);
        free(row);
        return error_no_memory(error, "classifier");
    }
    free(classifier->meeting);
    free(classifier->meeting_row);
    classifier->meeting = meeting;
    classifier->meeting_row = row;
    if (classifier->drawn) {
        classifier->chunks = 0; /* until the next draw */
    }
    fill_meetings(classifier);
    return STATUS_OK;
}

/* Chunks and meetings of the rows that are drawn. */
static void plan_drawn(struct classifier *classifier)
{
    uint64_t place = 0;
    classifier->chunks = 0;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        size_t rows = classifier->block[k].drawn.count;
        meeting_cut_chunks(classifier, k, rows, place);
        place += rows;
    }
    fill_meetings(classifier);
}

enum status classifier_draw(struct classifier *classifier, int count, const struct sample *sample,
                            int64_t step, struct error *error)
{
    if (!classifier->drawn) {
        return STATUS_OK;
    }
    enum status status = drawn_draw(classifier, count, sample, step, error);
    if (status == STATUS_OK) {
        plan_drawn(classifier);
    }
    return status;
}

/* Room for rows that do not lie side by side. */
static enum status create_packed(struct classifier *classifier, struct error *error)
{
    size_t rows = (size_t)classifier->chunk_rows;
    size_t values = rows * (size_t)classifier->config.embedding;
    for (int t = 0; t < classifier->config.threads; t++) {
        struct thread_part *part = &classifier->part[t];
        if (!part->packed_weight) {
            part->packed_weight = calloc(values, sizeof(float));
            part->packed_gradient = calloc(values, sizeof(float));
            part->packed_inverse_norm = calloc(rows, sizeof(float));
            classifier->bytes += (2 * values + rows) * sizeof(float);
        }
        if (!part->packed_weight || !part->packed_gradient || !part->packed_inverse_norm) {
            return error_no_memory(error, "classifier");
        }
    }
    return STATUS_OK;
}

/* The groups of workers that reduce the denominators, each made when it is first needed. */
static enum status create_exchange_groups(struct classifier *classifier, struct error *error)
{
    struct exchange *exchange = classifier->exchange;
    const struct exchange_operations *operations = exchange->operations;
    enum status status = STATUS_OK;
    if (classifier->unified) {
        return status; /* there is nothing to reduce */
    }
    if (classifier->global && !classifier->everyone) {
        status = operations->group_create(exchange, 0, exchange->size, &classifier->everyone, error);
    }
    for (size_t k = 0; k < classifier->config.datasets && !classifier->global && status == STATUS_OK; k++) {
        if (!classifier->owners[k]) {
            int first, count;
            classifier_owners(classifier, k, &first, &count);
            status = operations->group_create(exchange, first, count, &classifier->owners[k], error);
        }
    }
    return status;
}

enum status classifier_set_groups(struct classifier *classifier, const struct identity_groups *groups,
                                  struct error *error)
{
    const struct classifier_config *config = &classifier->config;
    classifier->identity = groups ? groups : classifier->alone;
    bool shared = classifier->identity->shared > 0;
    classifier->global = config->scope_all || config->crossing_dropout > 0 || shared;
    delivery_plan(classifier);
    enum status status = shared || classifier->drawn ? create_packed(classifier, error) : STATUS_OK;
    if (status == STATUS_OK) {
        status = meeting_plan(classifier, error);
    }
    return status == STATUS_OK ? create_exchange_groups(classifier, error) : status;
}
