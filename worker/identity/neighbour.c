/* The threads share a block's own rows in tiles; one sgemm gives a tile's cosines with some of the offered centres, and
 * a scan of them raises the lists. A row's lists are one thread's business. */
#include "worker/identity/neighbour.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define TILE_ROWS 256
#define TILE_COLUMNS 512
/* Cosines looked at in one go. */
#define RUN 64

enum status neighbour_lists_create(const struct centre_space *space, uint64_t begin, uint64_t end,
                                   struct neighbour_lists *lists, struct error *error)
{
    const size_t places = (size_t)(end - begin) * space->datasets * NEIGHBOUR_WIDTH;
    *lists = (struct neighbour_lists){.space = *space, .begin = begin, .end = end};
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        lists->class[side] = malloc((places + 1) * sizeof *lists->class[side]);
        lists->cosine[side] = malloc((places + 1) * sizeof *lists->cosine[side]);
        if (!lists->class[side] || !lists->cosine[side]) {
            return error_no_memory(error, "nearest classes");
        }
        for (size_t i = 0; i < places; i++) {
            lists->class[side][i] = NEIGHBOUR_NOBODY;
            lists->cosine[side][i] = -INFINITY;
        }
    }
    return STATUS_OK;
}

void neighbour_lists_free(struct neighbour_lists *lists)
{
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        free(lists->class[side]);
        free(lists->cosine[side]);
    }
    *lists = (struct neighbour_lists){0};
}

size_t neighbour_place(const struct neighbour_lists *lists, uint64_t class, size_t dataset)
{
    return ((size_t)(class - lists->begin) * lists->space.datasets + dataset) * NEIGHBOUR_WIDTH;
}

float neighbour_highest(const struct neighbour_lists *lists, const float *values, uint64_t class,
                        size_t dataset)
{
    const float *value = values + neighbour_place(lists, class, dataset);
    float most = value[0];
    for (size_t r = 1; r < NEIGHBOUR_WIDTH; r++) {
        most = value[r] > most ? value[r] : most;
    }
    return most;
}

static bool is_nearer(float cosine, uint32_t class, float than, uint32_t than_class)
{
    return cosine > than || (cosine == than && class < than_class);
}

static void insert(uint32_t *classes, float *cosines, float cosine, uint32_t class)
{
    size_t place = NEIGHBOUR_WIDTH - 1;
    if (!is_nearer(cosine, class, cosines[place], classes[place])) {
        return;
    }
    for (; place > 0 && is_nearer(cosine, class, cosines[place - 1], classes[place - 1]); place--) {
        cosines[place] = cosines[place - 1];
        classes[place] = classes[place - 1];
    }
    cosines[place] = cosine;
    classes[place] = class;
}

/* Whether one of the cosines belongs into a list whose least is `own`, or into the mirror image's. */
static bool any_near(const float *cosines, size_t count, float own, float mirror)
{
    int any = 0;
#pragma omp simd reduction(| : any)
    for (size_t j = 0; j < count; j++) {
        any |= (cosines[j] >= own) | (-cosines[j] >= mirror);
    }
    return any != 0;
}

/* One row's cosines with the classes from `first` on, all of one dataset. */
static void scan_row(struct neighbour_lists *lists, uint64_t own, size_t dataset, const float *cosines,
                     uint64_t first, size_t count)
{
    const size_t place = neighbour_place(lists, own, dataset);
    uint32_t *class[2] = {lists->class[NEIGHBOUR_OWN] + place, lists->class[NEIGHBOUR_MIRROR] + place};
    float *cosine[2] = {lists->cosine[NEIGHBOUR_OWN] + place, lists->cosine[NEIGHBOUR_MIRROR] + place};
    for (size_t begin = 0; begin < count; begin += RUN) {
        const size_t end = begin + RUN < count ? begin + RUN : count;
        if (!any_near(cosines + begin, end - begin, cosine[NEIGHBOUR_OWN][NEIGHBOUR_WIDTH - 1],
                      cosine[NEIGHBOUR_MIRROR][NEIGHBOUR_WIDTH - 1])) {
            continue;
        }
        for (size_t j = begin; j < end; j++) {
            if (first + j != own) {
                insert(class[NEIGHBOUR_OWN], cosine[NEIGHBOUR_OWN], cosines[j], (uint32_t)(first + j));
                insert(class[NEIGHBOUR_MIRROR], cosine[NEIGHBOUR_MIRROR], -cosines[j], (uint32_t)(first + j));
            }
        }
    }
}

/* A tile's columns, dataset by dataset. */
static void scan_tile(struct neighbour_lists *lists, uint64_t own, uint32_t rows, const float *tile,
                      uint64_t first, size_t columns)
{
    const uint64_t *first_class = lists->space.first_class;
    size_t dataset = 0;
    for (size_t begin = 0; begin < columns;) {
        while (first + begin >= first_class[dataset + 1]) {
            dataset++;
        }
        const uint64_t left = first_class[dataset + 1] - first;
        const size_t end = left < columns ? (size_t)left : columns;
        for (uint32_t i = 0; i < rows; i++) {
            scan_row(lists, own + i, dataset, tile + (size_t)i * columns + begin, first + begin, end - begin);
        }
        begin = end;
    }
}

enum status neighbour_offer(struct neighbour_lists *lists, const struct centre_block *own,
                            const struct centre_block *offered, int threads, struct error *error)
{
    const size_t embedding = lists->space.embedding;
    float *tiles = malloc((size_t)threads * TILE_ROWS * TILE_COLUMNS * sizeof *tiles);
    if (!tiles) {
        return error_no_memory(error, "nearest classes");
    }
    openblas_set_num_threads(1);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (uint32_t begin = 0; begin < own->count; begin += TILE_ROWS) {
        const uint32_t rows = own->count - begin < TILE_ROWS ? own->count - begin : TILE_ROWS;
        float *tile = tiles + (size_t)omp_get_thread_num() * TILE_ROWS * TILE_COLUMNS;
        for (uint32_t first = 0; first < offered->count; first += TILE_COLUMNS) {
            const uint32_t left = offered->count - first;
            const uint32_t columns = left < TILE_COLUMNS ? left : TILE_COLUMNS;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)embedding, 1,
                        own->rows + (size_t)begin * embedding, (int)embedding,
                        offered->rows + (size_t)first * embedding, (int)embedding, 0, tile, (int)columns);
            scan_tile(lists, own->begin + begin, rows, tile, offered->begin + first, columns);
        }
    }
    free(tiles);
    return STATUS_OK;
}
