/* A block of one dataset's centres stays while the other dataset's pass by. The threads share its rows in
 * tiles; one sgemm gives a tile's cosines, and a scan of them raises the nearest found so far. What is
 * nearest to a row of the block is one thread's business, what is nearest to a passing centre is found by
 * each thread on its own and joined after the block. The more has passed, the less is nearer still: the scan
 * soon has hardly anything to do but look. */
#include "worker/evaluate/overlap.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* The block that stays is larger: the other one is read again for each of its kind. */
#define BLOCK_STAYS 32768
#define BLOCK_PASSES 4096
#define TILE_ROWS 256
#define TILE_COLUMNS 512
/* Cosines looked at in one go. */
#define RUN 64

#define NOBODY UINT32_MAX
#define LOWEST (-1.0f)

/* The nearest centre of the other dataset, and the cosine of the next nearest: nobody at first. */
struct nearest {
    float *cosine, *next;
    uint32_t *who;
};

struct block {
    float *rows; /* [count][D], each of length 1 */
    uint32_t begin, count;
    struct nearest nearest; /* into those of the whole dataset, from `begin` on */
};

struct search {
    const struct overlap_config *config;
    size_t embedding;
    struct block stays, passes;
    struct nearest *own; /* [threads], of BLOCK_PASSES centres each: what is nearest to those that pass */
    float *tiles; /* [threads][TILE_ROWS][TILE_COLUMNS] */
    struct nearest nearest[2]; /* of all centres of the two datasets at hand */
    uint64_t done, total;
    struct overlap_pair *pairs;
    size_t count, capacity;
};

static bool nearest_allocate(struct nearest *nearest, size_t count)
{
    nearest->cosine = malloc((count + 1) * sizeof *nearest->cosine);
    nearest->next = malloc((count + 1) * sizeof *nearest->next);
    nearest->who = malloc((count + 1) * sizeof *nearest->who);
    return nearest->cosine && nearest->next && nearest->who;
}

static void nearest_free(struct nearest *nearest)
{
    free(nearest->cosine);
    free(nearest->next);
    free(nearest->who);
    *nearest = (struct nearest){0};
}

static void nearest_reset(struct nearest *nearest, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nearest->cosine[i] = LOWEST;
        nearest->next[i] = LOWEST;
        nearest->who[i] = NOBODY;
    }
}

/* Of two that are as near the one of the lower number, whichever is seen first. */
static void nearest_offer(const struct nearest *nearest, size_t place, float cosine, uint32_t who)
{
    if (cosine > nearest->cosine[place] || (cosine == nearest->cosine[place] && who < nearest->who[place])) {
        nearest->next[place] = nearest->cosine[place];
        nearest->cosine[place] = cosine;
        nearest->who[place] = who;
    } else if (cosine > nearest->next[place]) {
        nearest->next[place] = cosine;
    }
}

/* What a thread found that began with a copy of `nearest`. */
static void nearest_join(const struct nearest *nearest, const struct nearest *found, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (found->who[i] != nearest->who[i]) {
            nearest_offer(nearest, i, found->cosine[i], found->who[i]);
        }
        if (found->next[i] > nearest->next[i]) {
            nearest->next[i] = found->next[i];
        }
    }
}

static enum status search_create(struct search *search, const struct overlap_config *config,
                                 struct error *error)
{
    const size_t threads = (size_t)config->threads, embedding = (size_t)config->embedding;
    uint32_t most = 0;
    *search = (struct search){.config = config, .embedding = embedding};
    for (size_t a = 0; a < config->datasets; a++) {
        most = config->classes[a] > most ? config->classes[a] : most;
        for (size_t b = a + 1; b < config->datasets; b++) {
            search->total += (uint64_t)config->classes[a] * config->classes[b];
        }
    }
    const size_t stays = most < BLOCK_STAYS ? most : BLOCK_STAYS;
    const size_t passes = most < BLOCK_PASSES ? most : BLOCK_PASSES;
    search->stays.rows = malloc((stays + 1) * embedding * sizeof(float));
    search->passes.rows = malloc((passes + 1) * embedding * sizeof(float));
    search->tiles = malloc(threads * TILE_ROWS * TILE_COLUMNS * sizeof(float));
    search->own = calloc(threads, sizeof *search->own);
    bool all = search->stays.rows && search->passes.rows && search->tiles && search->own &&
               nearest_allocate(&search->nearest[0], most) && nearest_allocate(&search->nearest[1], most);
    for (size_t i = 0; i < threads && all; i++) {
        all = nearest_allocate(&search->own[i], BLOCK_PASSES);
    }
    return all ? STATUS_OK : error_no_memory(error, "overlap");
}

static void search_free(struct search *search)
{
    for (int i = 0; i < search->config->threads && search->own; i++) {
        nearest_free(&search->own[i]);
    }
    nearest_free(&search->nearest[0]);
    nearest_free(&search->nearest[1]);
    free(search->own);
    free(search->tiles);
    free(search->stays.rows);
    free(search->passes.rows);
}

/* Scales every row to length 1; one of length 0 becomes not a number, which no comparison finds near. Returns
 * the first row that is not finite, or `count`. */
static uint32_t normalise(float *rows, uint32_t count, size_t embedding, int threads)
{
    uint32_t broken = count;
#pragma omp parallel for num_threads(threads) reduction(min : broken)
    for (uint32_t i = 0; i < count; i++) {
        float *row = rows + (size_t)i * embedding;
        double squares = 0;
#pragma omp simd reduction(+ : squares)
        for (size_t j = 0; j < embedding; j++) {
            squares += (double)row[j] * (double)row[j];
        }
        if (!isfinite(squares)) {
            broken = i < broken ? i : broken;
        }
        const float scale = squares > 0 ? (float)(1 / sqrt(squares)) : NAN;
        for (size_t j = 0; j < embedding; j++) {
            row[j] *= scale;
        }
    }
    return broken;
}

static enum status read_block(struct search *search, size_t dataset, struct nearest *nearest, uint32_t begin,
                              uint32_t most, struct block *block, struct error *error)
{
    const struct overlap_config *config = search->config;
    const uint32_t left = config->classes[dataset] - begin;
    block->begin = begin;
    block->count = left < most ? left : most;
    block->nearest = (struct nearest){nearest->cosine + begin, nearest->next + begin, nearest->who + begin};
    enum status status = config->read(config->context, dataset, begin, block->count, block->rows, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t broken = normalise(block->rows, block->count, search->embedding, config->threads);
    if (broken < block->count) {
        return error_set(error, STATUS_NUMERIC, NULL,
                         "the model is not usable: go back to an earlier checkpoint",
                         "the centre of class %u of dataset %zu is not finite", begin + broken, dataset);
    }
    return STATUS_OK;
}

/* Whether one of the cosines is as near as the next nearest to its row or to its column. */
static bool any_near(const float *cosines, const float *columns, float row, size_t count)
{
    int any = 0;
#pragma omp simd reduction(| : any)
    for (size_t j = 0; j < count; j++) {
        any |= (cosines[j] >= row) | (cosines[j] >= columns[j]);
    }
    return any != 0;
}

/* One row's cosines with the passing centres from `first` on. */
static void scan_row(struct search *search, const struct nearest *own, const float *cosines, uint32_t row,
                     uint32_t first, size_t count)
{
    const struct nearest *rows = &search->stays.nearest;
    for (size_t begin = 0; begin < count; begin += RUN) {
        const size_t end = begin + RUN < count ? begin + RUN : count;
        if (!any_near(cosines + begin, own->next + first + begin, rows->next[row], end - begin)) {
            continue;
        }
        for (size_t j = begin; j < end; j++) {
            nearest_offer(rows, row, cosines[j], search->passes.begin + first + (uint32_t)j);
            nearest_offer(own, first + j, cosines[j], search->stays.begin + row);
        }
    }
}

/* Rows begin..begin+rows-1 of the block that stays against all of the one that passes. */
static void compare_tile(struct search *search, uint32_t begin, uint32_t rows)
{
    const int thread = omp_get_thread_num();
    const int width = search->config->embedding;
    float *tile = search->tiles + (size_t)thread * TILE_ROWS * TILE_COLUMNS;
    const float *stays = search->stays.rows + (size_t)begin * search->embedding;
    for (uint32_t first = 0; first < search->passes.count; first += TILE_COLUMNS) {
        const uint32_t left = search->passes.count - first;
        const uint32_t columns = left < TILE_COLUMNS ? left : TILE_COLUMNS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, width, 1, stays, width,
                    search->passes.rows + (size_t)first * search->embedding, width, 0, tile, (int)columns);
        for (uint32_t i = 0; i < rows; i++) {
            scan_row(search, &search->own[thread], tile + (size_t)i * columns, begin + i, first, columns);
        }
    }
}

static void compare_blocks(struct search *search)
{
    const int threads = search->config->threads;
    const struct block *stays = &search->stays, *passes = &search->passes;
    for (int i = 0; i < threads; i++) {
        memcpy(search->own[i].cosine, passes->nearest.cosine, passes->count * sizeof(float));
        memcpy(search->own[i].next, passes->nearest.next, passes->count * sizeof(float));
        memcpy(search->own[i].who, passes->nearest.who, passes->count * sizeof(uint32_t));
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (uint32_t begin = 0; begin < stays->count; begin += TILE_ROWS) {
        const uint32_t left = stays->count - begin;
        compare_tile(search, begin, left < TILE_ROWS ? left : TILE_ROWS);
    }
    for (int i = 0; i < threads; i++) {
        nearest_join(&passes->nearest, &search->own[i], passes->count);
    }
    search->done += (uint64_t)stays->count * passes->count;
    if (search->config->progress) {
        search->config->progress(search->config->context, search->done, search->total);
    }
}

static enum status compare_datasets(struct search *search, size_t a, size_t b, struct error *error)
{
    const struct overlap_config *config = search->config;
    enum status status = STATUS_OK;
    nearest_reset(&search->nearest[0], config->classes[a]);
    nearest_reset(&search->nearest[1], config->classes[b]);
    for (uint32_t i = 0; i < config->classes[a] && status == STATUS_OK; i += search->stays.count) {
        status = read_block(search, a, &search->nearest[0], i, BLOCK_STAYS, &search->stays, error);
        for (uint32_t j = 0; j < config->classes[b] && status == STATUS_OK; j += search->passes.count) {
            status = read_block(search, b, &search->nearest[1], j, BLOCK_PASSES, &search->passes, error);
            if (status == STATUS_OK) {
                compare_blocks(search);
            }
        }
    }
    return status;
}

static enum status add_pair(struct search *search, struct overlap_pair pair, struct error *error)
{
    if (search->count == search->capacity) {
        const size_t capacity = search->capacity * 2 + 1024;
        struct overlap_pair *larger = realloc(search->pairs, capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, "overlap");
        }
        search->pairs = larger;
        search->capacity = capacity;
    }
    search->pairs[search->count++] = pair;
    return STATUS_OK;
}

/* The pair of a centre and the one that is nearest to it. */
static struct overlap_pair make_pair(const struct search *search, int side, uint32_t class)
{
    const struct nearest *from = &search->nearest[side], *back = &search->nearest[1 - side];
    const uint32_t other = from->who[class];
    struct overlap_pair pair = {.cosine = from->cosine[class], .mutual = back->who[other] == class};
    const float next = from->next[class], next_back = back->next[other];
    pair.lead = pair.cosine - (pair.mutual && next_back > next ? next_back : next);
    pair.class[side] = class;
    pair.class[1 - side] = other;
    return pair;
}

/* A mutual pair is seen from its first side, and not again from its second. */
static enum status collect(struct search *search, size_t a, size_t b, struct error *error)
{
    const struct overlap_config *config = search->config;
    const size_t sets[2] = {a, b};
    enum status status = STATUS_OK;
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < config->classes[sets[side]] && status == STATUS_OK; i++) {
            if (search->nearest[side].who[i] == NOBODY) {
                continue;
            }
            struct overlap_pair pair = make_pair(search, side, i);
            pair.dataset[0] = (uint32_t)a;
            pair.dataset[1] = (uint32_t)b;
            const bool wanted = pair.mutual ? side == 0 : config->one_way;
            if (wanted && pair.cosine >= (float)config->cosine_min && pair.lead >= (float)config->lead_min) {
                status = add_pair(search, pair, error);
            }
        }
    }
    return status;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_pairs(const void *first, const void *second)
{
    const struct overlap_pair *a = first, *b = second;
    if (a->cosine != b->cosine) {
        return a->cosine > b->cosine ? -1 : 1;
    }
    for (int i = 0; i < 2; i++) {
        if (a->dataset[i] != b->dataset[i]) {
            return compare_numbers(a->dataset[i], b->dataset[i]);
        }
    }
    const int order = compare_numbers(a->class[0], b -> class[0]);
    return order != 0 ? order : compare_numbers(a->class[1], b -> class[1]);
}

enum status overlap_find(const struct overlap_config *config, struct overlap_pair **pairs, size_t *count,
                         struct error *error)
{
    struct search search;
    openblas_set_num_threads(1);
    enum status status = search_create(&search, config, error);
    for (size_t a = 0; a < config->datasets && status == STATUS_OK; a++) {
        for (size_t b = a + 1; b < config->datasets && status == STATUS_OK; b++) {
            status = compare_datasets(&search, a, b, error);
            if (status == STATUS_OK) {
                status = collect(&search, a, b, error);
            }
        }
    }
    if (search.count > 0) {
        qsort(search.pairs, search.count, sizeof *search.pairs, compare_pairs);
    }
    *pairs = search.pairs;
    *count = search.count;
    search_free(&search);
    return status;
}

struct overlap_score overlap_score(size_t right, size_t found, size_t known)
{
    struct overlap_score score = {.precision = found > 0 ? (double)right / (double)found : 1,
                                  .recall = known > 0 ? (double)right / (double)known : 1};
    score.f1 = found + known > 0 ? 2 * (double)right / (double)(found + known) : 1;
    return score;
}

size_t overlap_best_cut(const struct overlap_pair *pairs, const bool *right, size_t count, size_t known)
{
    size_t best = 0, so_far = 0;
    double most = overlap_score(0, 0, known).f1;
    for (size_t i = 0; i < count; i++) {
        so_far += right[i];
        const bool ends = i + 1 == count || pairs[i + 1].cosine < pairs[i].cosine;
        const double f1 = overlap_score(so_far, i + 1, known).f1;
        if (ends && f1 > most) {
            most = f1;
            best = i + 1;
        }
    }
    return best;
}
