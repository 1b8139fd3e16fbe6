#include "worker/discovery/discovery.h"

#include "worker/discovery/surplus.h"
#include "worker/identity/judge.h"
#include "worker/identity/whiten.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Centres that an owner hands to everybody at a time. */
#define BLOCK 1024
/* Lists that are passed on at a time. */
#define LISTS 256

struct discovery {
    const struct discovery_config *config;
    const struct parameter_group *rows; /* [datasets] */
    struct exchange *exchange;
    struct identity_groups *groups;
    struct centre_space space;
    struct centre_block *own; /* [datasets] prepared centres of the owned rows */
    struct neighbour_lists *lists; /* [datasets] of them */
    struct parameter_rows *everyone; /* [datasets][workers]: which rows each owns */
    struct neighbour_lists all; /* of all classes, on the first worker */
    struct error failure; /* of this worker's own, while all compare */
};

static void between(const struct discovery *discovery)
{
    if (discovery->config->between) {
        discovery->config->between(discovery->config->context);
    }
}

static uint32_t row_count(const struct parameter_rows *rows)
{
    return rows->end - rows->begin;
}

static const struct parameter_rows *rows_of(const struct discovery *discovery, size_t dataset, int worker)
{
    return &discovery->everyone[dataset * (size_t)discovery->exchange->size + (size_t)worker];
}

/* The most rows of a dataset that any worker owns. */
static uint32_t most_rows(const struct discovery *discovery, size_t dataset)
{
    uint32_t most = 0;
    for (int w = 0; w < discovery->exchange->size; w++) {
        const uint32_t count = row_count(rows_of(discovery, dataset, w));
        most = count > most ? count : most;
    }
    return most;
}

/* Of the rows of a worker from `begin` on, at most so many. */
static uint32_t count_from(const struct parameter_rows *rows, uint32_t begin, uint32_t most)
{
    const uint32_t left = begin < row_count(rows) ? row_count(rows) - begin : 0;
    return left < most ? left : most;
}

/* --- The centres that this worker owns --- */

/* The means of the samples' embeddings, 0 where there were none. */
static bool take_centres(struct discovery *discovery, size_t dataset)
{
    const struct parameter_group *group = &discovery->rows[dataset];
    const size_t dimension = discovery->space.embedding;
    struct centre_block *own = &discovery->own[dataset];
    *own = (struct centre_block){.begin = discovery->space.first_class[dataset] + group->rows.begin,
                                 .count = row_count(&group->rows)};
    own->rows = malloc((group->count + 1) * sizeof *own->rows);
    for (size_t i = 0; own->rows && i < group->count; i++) {
        const float samples = group->centre[group->count + i / dimension];
        own->rows[i] = samples > 0 ? group->centre[i] / samples : 0;
    }
    return own->rows;
}

static enum status prepare_centres(struct discovery *discovery, struct error *error)
{
    const size_t datasets = discovery->space.datasets;
    const size_t values = datasets * discovery->space.embedding;
    double *sums = calloc(values + datasets, sizeof *sums); /* [K][D], and [K] of how many */
    uint64_t *counts = calloc(datasets, sizeof *counts);
    uint64_t broken = 0;
    enum status status = sums && counts ? STATUS_OK : error_no_memory(error, "identity groups");
    for (size_t k = 0; k < datasets && status == STATUS_OK; k++) {
        if (!take_centres(discovery, k)) {
            status = error_no_memory(error, "identity groups");
        } else if (!centre_add_to_sums(&discovery->space, &discovery->own[k], sums, counts, &broken)) {
            status = error_set(error, STATUS_INTERNAL, "identity groups", "report this",
                               "the centre of class %llu is not finite", (unsigned long long)broken);
        }
    }
    for (size_t k = 0; k < datasets && status == STATUS_OK; k++) {
        sums[values + k] = (double)counts[k];
    }
    status = exchange_agree(discovery->exchange, status, error);
    if (status == STATUS_OK) {
        status =
            discovery->exchange->operations->sum_double(discovery->exchange, sums, values + datasets, error);
    }
    for (size_t k = 0; k < datasets && status == STATUS_OK; k++) {
        counts[k] = (uint64_t)sums[values + k];
    }
    for (size_t k = 0; k < datasets && status == STATUS_OK; k++) {
        centre_prepare(&discovery->space, sums, counts, &discovery->own[k], discovery->config->threads);
    }
    free(sums);
    free(counts);
    return status;
}

static enum status whiten_centres(struct discovery *discovery, struct error *error)
{
    const size_t dimension = discovery->space.embedding;
    double *sums = calloc(dimension * dimension, sizeof *sums);
    enum status status = sums ? STATUS_OK : error_no_memory(error, "identity groups");
    for (size_t k = 0; k < discovery->space.datasets && status == STATUS_OK; k++) {
        whiten_add_to_sums(&discovery->space, &discovery->own[k], sums);
    }
    status = exchange_agree(discovery->exchange, status, error);
    if (status == STATUS_OK) {
        status = discovery->exchange->operations->sum_double(discovery->exchange, sums, dimension * dimension,
                                                             error);
    }
    if (status == STATUS_OK && whiten_factor(&discovery->space, sums)) {
        for (size_t k = 0; k < discovery->space.datasets; k++) {
            whiten_rows(&discovery->space, sums, &discovery->own[k], discovery->config->threads);
        }
    }
    free(sums);
    return status;
}

/* --- Everybody's, compared with them --- */

static enum status share_rows(struct discovery *discovery, struct error *error)
{
    enum status status = STATUS_OK;
    const size_t workers = (size_t)discovery->exchange->size;
    for (size_t k = 0; k < discovery->space.datasets && status == STATUS_OK; k++) {
        status = discovery->exchange->operations->allgather(discovery->exchange, &discovery->rows[k].rows,
                                                            sizeof discovery->rows[k].rows,
                                                            discovery->everyone + k * workers, error);
    }
    return status;
}

/* A failure of this worker's own is kept: the others wait in what follows. */
static void offer(struct discovery *discovery, struct centre_block *offered)
{
    struct error *failure = &discovery->failure;
    for (size_t k = 0; k < discovery->space.datasets && failure->status == STATUS_OK; k++) {
        if (discovery->own[k].count > 0 && offered->count > 0) {
            failure->status = neighbour_offer(&discovery->lists[k], &discovery->own[k], offered,
                                              discovery->config->threads, failure);
            between(discovery);
        }
    }
}

/* Every owner hands its rows of a dataset to everybody, a block at a time. */
static enum status compare_dataset(struct discovery *discovery, size_t dataset, float *sent, float *received,
                                   struct error *error)
{
    const size_t dimension = discovery->space.embedding;
    const uint32_t most = most_rows(discovery, dataset);
    const struct centre_block *own = &discovery->own[dataset];
    enum status status = STATUS_OK;
    for (uint32_t begin = 0; begin < most && status == STATUS_OK; begin += BLOCK) {
        const uint32_t each = most - begin < BLOCK ? most - begin : BLOCK;
        const uint32_t mine = count_from(&discovery->rows[dataset].rows, begin, each);
        if (mine > 0) {
            memcpy(sent, own->rows + begin * dimension, mine * dimension * sizeof *sent);
        }
        status = discovery->exchange->operations->allgather(discovery->exchange, sent,
                                                            each * dimension * sizeof *sent, received, error);
        for (int w = 0; w < discovery->exchange->size && status == STATUS_OK; w++) {
            const struct parameter_rows *rows = rows_of(discovery, dataset, w);
            struct centre_block offered = {.rows = received + (size_t)w * each * dimension,
                                           .begin =
                                               discovery->space.first_class[dataset] + rows->begin + begin,
                                           .count = count_from(rows, begin, each)};
            offer(discovery, &offered);
        }
    }
    return status;
}

static enum status compare_all(struct discovery *discovery, struct error *error)
{
    const size_t values = (size_t)BLOCK * discovery->space.embedding;
    float *sent = calloc(values, sizeof *sent);
    float *received = malloc((size_t)discovery->exchange->size * values * sizeof *received);
    enum status status = sent && received ? STATUS_OK : error_no_memory(error, "identity groups");
    for (size_t k = 0; k < discovery->space.datasets && status == STATUS_OK; k++) {
        const uint64_t begin = discovery->own[k].begin;
        status = neighbour_lists_create(&discovery->space, begin, begin + discovery->own[k].count,
                                        &discovery->lists[k], error);
    }
    status = exchange_agree(discovery->exchange, status, error);
    for (size_t k = 0; k < discovery->space.datasets && status == STATUS_OK; k++) {
        status = compare_dataset(discovery, k, sent, received, error);
    }
    if (status == STATUS_OK) {
        *error = discovery->failure;
        status = exchange_agree(discovery->exchange, discovery->failure.status, error);
    }
    free(sent);
    free(received);
    return status;
}

/* --- All lists, to the first worker --- */

/* A class's lists as they travel: of each side its neighbours, then their cosines. */
struct parcel {
    size_t words; /* of one class */
    uint32_t *sent; /* [LISTS][words] */
    uint32_t *received; /* [workers][LISTS][words] */
};

static void pack(const struct discovery *discovery, size_t dataset, uint32_t row, uint32_t *words)
{
    const size_t length = discovery->space.datasets * NEIGHBOUR_WIDTH;
    const struct neighbour_lists *lists = &discovery->lists[dataset];
    const size_t place = neighbour_place(lists, discovery->own[dataset].begin + row, 0);
    for (size_t side = 0; side < NEIGHBOUR_SIDES; side++) {
        memcpy(words + 2 * side * length, lists->class[side] + place, length * sizeof *words);
        memcpy(words + (2 * side + 1) * length, lists->cosine[side] + place, length * sizeof *words);
    }
}

static void unpack(struct discovery *discovery, uint64_t class_index, const uint32_t *words)
{
    const size_t length = discovery->space.datasets * NEIGHBOUR_WIDTH;
    const size_t place = neighbour_place(&discovery->all, class_index, 0);
    for (size_t side = 0; side < NEIGHBOUR_SIDES; side++) {
        memcpy(discovery->all.class[side] + place, words + 2 * side * length, length * sizeof *words);
        memcpy(discovery->all.cosine[side] + place, words + (2 * side + 1) * length, length * sizeof *words);
    }
}

static enum status gather_dataset(struct discovery *discovery, size_t dataset, const struct parcel *parcel,
                                  struct error *error)
{
    const uint32_t most = most_rows(discovery, dataset);
    struct exchange *exchange = discovery->exchange;
    enum status status = STATUS_OK;
    for (uint32_t begin = 0; begin < most && status == STATUS_OK; begin += LISTS) {
        const uint32_t each = most - begin < LISTS ? most - begin : LISTS;
        const uint32_t mine = count_from(&discovery->rows[dataset].rows, begin, each);
        for (uint32_t i = 0; i < mine; i++) {
            pack(discovery, dataset, begin + i, parcel->sent + i * parcel->words);
        }
        status = exchange->operations->allgather(
            exchange, parcel->sent, each * parcel->words * sizeof *parcel->sent, parcel->received, error);
        for (int w = 0; w < exchange->size && exchange->rank == 0 && status == STATUS_OK; w++) {
            const struct parameter_rows *rows = rows_of(discovery, dataset, w);
            const uint64_t first = discovery->space.first_class[dataset] + rows->begin + begin;
            const uint32_t count = count_from(rows, begin, each);
            for (uint32_t i = 0; i < count; i++) {
                unpack(discovery, first + i, parcel->received + ((size_t)w * each + i) * parcel->words);
            }
        }
        between(discovery);
    }
    return status;
}

static enum status gather_lists(struct discovery *discovery, struct error *error)
{
    const uint64_t classes = discovery->space.first_class[discovery->space.datasets];
    const size_t words = 2 * NEIGHBOUR_SIDES * discovery->space.datasets * NEIGHBOUR_WIDTH;
    struct parcel parcel = {.words = words,
                            .sent = calloc(LISTS * words, sizeof(uint32_t)),
                            .received =
                                malloc((size_t)discovery->exchange->size * LISTS * words * sizeof(uint32_t))};
    enum status status =
        parcel.sent && parcel.received ? STATUS_OK : error_no_memory(error, "identity groups");
    if (status == STATUS_OK && discovery->exchange->rank == 0) {
        status = neighbour_lists_create(&discovery->space, 0, classes, &discovery->all, error);
    }
    status = exchange_agree(discovery->exchange, status, error);
    for (size_t k = 0; k < discovery->space.datasets && status == STATUS_OK; k++) {
        status = gather_dataset(discovery, k, &parcel, error);
    }
    free(parcel.sent);
    free(parcel.received);
    return status;
}

/* --- The judgement, from the first worker to all --- */

static void count_groups(const struct identity_groups *groups, struct discovery_result *result)
{
    for (uint32_t c = 0; c < groups->first_class[groups->datasets]; c++) {
        uint64_t classes = 1;
        for (uint32_t member = groups->next[c]; groups->home[c] == c && member != c;
             member = groups->next[member]) {
            classes++;
        }
        result->groups += classes > 1;
        result->pairs += classes * (classes - 1) / 2;
    }
}

/* Where nothing can be told the groups stay as they are. */
static enum status judge(struct discovery *discovery, struct discovery_result *result, struct error *error)
{
    struct judgement judgement = {0};
    struct judge_groups made = {0};
    enum status status = judge_pairs(&discovery->all, discovery->config->threads, &judgement, error);
    if (status == STATUS_OK) {
        status = surplus_add(&discovery->all, discovery->config->threads, &judgement, error);
    }
    if (status == STATUS_OK && judgement.known) {
        identity_groups_clear(discovery->groups);
        status = judge_group(&judgement, discovery->config->min_probability, discovery->groups, &made, error);
    }
    *result = (struct discovery_result){.precision =
                                            made.pairs > 0 ? made.expected / (double)made.pairs : (double)NAN,
                                        .shared = judgement.shared,
                                        .known = judgement.known};
    count_groups(discovery->groups, result);
    judgement_free(&judgement);
    return status;
}

static enum status tell_result(struct exchange *exchange, struct discovery_result *result,
                               struct error *error)
{
    double told[] = {(double)result->pairs, (double)result->groups, result->precision, result->shared,
                     (double)result->known};
    enum status status = exchange->operations->sum_double(exchange, told, sizeof told / sizeof *told, error);
    *result = (struct discovery_result){.pairs = (uint64_t)told[0],
                                        .groups = (uint64_t)told[1],
                                        .precision = told[2],
                                        .shared = told[3],
                                        .known = told[4] > 0};
    return status;
}

static enum status tell_groups(struct exchange *exchange, struct identity_groups *groups, struct error *error)
{
    const size_t classes = (size_t)groups->first_class[groups->datasets];
    uint32_t *home = malloc((classes + 1) * sizeof *home);
    enum status status =
        exchange_agree(exchange, home ? STATUS_OK : error_no_memory(error, "identity groups"), error);
    if (status == STATUS_OK) {
        memcpy(home, groups->home, classes * sizeof *home);
        status = exchange->operations->broadcast(exchange, home, classes * sizeof *home, error);
    }
    if (status == STATUS_OK && !identity_groups_set(groups, home)) {
        status = error_set(error, STATUS_INTERNAL, "identity groups", "report this",
                           "what was discovered is no identity groups");
    }
    free(home);
    return status;
}

/* --- All of it --- */

static enum status create(struct discovery *discovery, struct error *error)
{
    const size_t datasets = discovery->space.datasets;
    discovery->own = calloc(datasets, sizeof *discovery->own);
    discovery->lists = calloc(datasets, sizeof *discovery->lists);
    discovery->everyone = calloc(datasets * (size_t)discovery->exchange->size, sizeof *discovery->everyone);
    return discovery->own && discovery->lists && discovery->everyone
               ? STATUS_OK
               : error_no_memory(error, "identity groups");
}

static void destroy(struct discovery *discovery)
{
    for (size_t k = 0; k < discovery->space.datasets; k++) {
        if (discovery->own) {
            free(discovery->own[k].rows);
        }
        if (discovery->lists) {
            neighbour_lists_free(&discovery->lists[k]);
        }
    }
    neighbour_lists_free(&discovery->all);
    free(discovery->own);
    free(discovery->lists);
    free(discovery->everyone);
}

int64_t discovery_memory_bytes(const struct parameter_group *rows, size_t datasets, uint64_t classes,
                               bool first)
{
    /* Of each entry of a list its class and cosine, of both sides. */
    const uint64_t entry = NEIGHBOUR_SIDES * (sizeof(uint32_t) + sizeof(float));
    const uint64_t list = (uint64_t)datasets * NEIGHBOUR_WIDTH;
    const uint64_t judging = JUDGE_BYTES > SURPLUS_BYTES ? JUDGE_BYTES : SURPLUS_BYTES;
    const uint64_t dimension = rows[0].parameters[0].shape[1];
    uint64_t bytes = dimension * dimension * sizeof(double);
    bytes += first ? classes * list * (entry + judging) : 0;
    for (size_t k = 0; k < datasets; k++) {
        bytes += (uint64_t)rows[k].count * sizeof(float) + row_count(&rows[k].rows) * list * entry;
    }
    return (int64_t)bytes;
}

enum status discovery_run(const struct discovery_config *config, const struct parameter_group *rows,
                          struct exchange *exchange, struct identity_groups *groups,
                          struct discovery_result *result, struct error *error)
{
    struct discovery discovery = {.config = config,
                                  .rows = rows,
                                  .exchange = exchange,
                                  .groups = groups,
                                  .space = {.datasets = groups->datasets,
                                            .first_class = groups->first_class,
                                            .embedding = rows[0].parameters[0].shape[1]}};
    *result = (struct discovery_result){0};
    enum status status = exchange_agree(exchange, create(&discovery, error), error);
    if (status == STATUS_OK) {
        status = share_rows(&discovery, error);
    }
    if (status == STATUS_OK) {
        status = prepare_centres(&discovery, error);
    }
    if (status == STATUS_OK) {
        status = whiten_centres(&discovery, error);
    }
    if (status == STATUS_OK) {
        status = compare_all(&discovery, error);
    }
    if (status == STATUS_OK) {
        status = gather_lists(&discovery, error);
    }
    if (status == STATUS_OK && exchange->rank == 0) {
        status = judge(&discovery, result, error);
    }
    status = exchange_agree(exchange, status, error);
    if (status == STATUS_OK) {
        status = tell_result(exchange, result, error);
    }
    if (status == STATUS_OK) {
        status = tell_groups(exchange, groups, error);
    }
    destroy(&discovery);
    return status;
}
