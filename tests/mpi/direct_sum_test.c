/* Sums by messages of our own, on any number of workers and on whatever levels. */
#include "worker/exchange/direct_sum.h"
#include "worker/exchange/exchange_mpi.h"

#include "tests/mpi/check.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error error;

/* Of our own sums each worker sends 2 (W-1)/W of the bytes, to within a number. */
static void moves_the_least(struct exchange *exchange)
{
    enum { COUNT = 100003 };
    static float values[COUNT];
    double share = 2.0 * (exchange->size - 1) / exchange->size;
    uint64_t before = exchange->bytes[TRAFFIC_GRADIENTS];
    exchange->own_sums = true;
    CHECK(exchange->operations->bucket_start(exchange, values, COUNT, NULL, &error) == STATUS_OK);
    CHECK(exchange->operations->buckets_wait(exchange, &error) == STATUS_OK);
    double sent = (double)(exchange->bytes[TRAFFIC_GRADIENTS] - before);
    CHECK(fabs(sent - share * COUNT * 4) <= exchange->size * 4);
}

static void rounds_to_nearest(struct exchange *exchange)
{
    static const struct {
        float value;
        uint16_t rounded;
    } known[] = {{1.0f, 0x3f80},
                 {-2.0f, 0xc000},
                 {1.00390625f, 0x3f80}, /* half way: even */
                 {1.01171875f, 0x3f82},
                 /* half way, up to even */ {1.00390636f, 0x3f81},
                 {3.3895314e38f, 0x7f7f},
                 {3.4e38f, 0x7f80},
                 /* beyond the largest */ {INFINITY, 0x7f80},
                 {0.0f, 0},
                 {1e-45f, 0},
                 {-0.0f, 0x8000}};
    (void)exchange;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        CHECK(bfloat16_round(known[i].value) == known[i].rounded);
    }
    CHECK(isnan(bfloat16_widen(bfloat16_round(NAN))) && bfloat16_widen(0x3f80) == 1.0f);
    for (uint32_t bits = 0; bits < 0x10000; bits++) { /* what is bfloat16 already, stays */
        float wide = bfloat16_widen((uint16_t)bits);
        CHECK(isnan(wide) || bfloat16_round(wide) == bits);
    }
}

/* A rounded sum is off by little, half the bytes travel, and over many sums of the same vector what was rounded off has
 * come after all: their mean is far nearer than each of them. A vector that is no number leaves nothing behind. */
static void feeds_back_what_it_rounds_off(struct exchange *exchange)
{
    enum { COUNT = 5001, SUMS = 64 };
    static float values[COUNT], residual[COUNT], all[COUNT * 40];
    static double mean[COUNT], exact[COUNT];
    double worst = 0, drift = 0;
    int size = exchange->size;
    exchange->own_sums = true;
    memset(residual, 0, sizeof residual);
    memset(mean, 0, sizeof mean);
    for (int i = 0; i < COUNT; i++) {
        exact[i] = 0;
        for (int r = 0; r < size; r++) {
            exact[i] += (double)(sinf((float)i) * (float)(r + 1));
        }
    }
    uint64_t before = exchange->bytes[TRAFFIC_GRADIENTS];
    for (int n = 0; n < SUMS; n++) {
        for (int i = 0; i < COUNT; i++) {
            values[i] = sinf((float)i) * (float)(exchange->rank + 1);
        }
        CHECK(exchange->operations->bucket_start(exchange, values, COUNT, residual, &error) == STATUS_OK);
        CHECK(exchange->operations->buckets_wait(exchange, &error) == STATUS_OK);
        for (int i = 0; i < COUNT; i++) {
            worst = fmax(worst, fabs((double)values[i] - exact[i]));
            mean[i] += (double)values[i] / SUMS;
        }
        CHECK(exchange->operations->allgather(exchange, values, sizeof values, all, &error) == STATUS_OK);
        for (int r = 0; r < size; r++) {
            CHECK(memcmp(all + r * COUNT, values, sizeof values) == 0);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        drift = fmax(drift, fabs(mean[i] - exact[i]));
    }
    double bound = size * (size + 1) / 2.0 / 256; /* of rounding once */
    if (size == 1) {
        CHECK(worst < 1e-6);
        return;
    }
    double sent = (double)(exchange->bytes[TRAFFIC_GRADIENTS] - before) / SUMS;
    CHECK(fabs(sent - 2.0 * (size - 1) / size * COUNT * 2) <= size * 2);
    CHECK(worst > bound / 50 && worst < 4 * bound);
    CHECK(drift < worst / 8);

    values[3] = NAN;
    CHECK(exchange->operations->bucket_start(exchange, values, COUNT, residual, &error) == STATUS_OK);
    CHECK(exchange->operations->buckets_wait(exchange, &error) == STATUS_OK);
    CHECK(isnan(values[3]) && isfinite(residual[3]));
}

/* Of values that differ from worker to worker in size too, so that each order of adding has bits of its own. */
static float part_of(int rank, size_t i)
{
    return sinf((float)(i * 7 + (size_t)rank * 131)) * expf((float)((i + (size_t)rank * 5) % 11) - 5);
}

/* Neighbours are added first, then pairs of them, and so on: what header and levels promise. */
static float tree(int begin, int end, size_t i)
{
    if (end - begin == 1) {
        return part_of(begin, i);
    }
    int half = 1;
    while (2 * half < end - begin) {
        half *= 2;
    }
    return tree(begin, begin + half, i) + tree(begin + half, end, i);
}

/* Two vectors at a time, so that their messages pass each other; the second one shorter than there are workers. */
static void sum_on(const struct sum_levels *levels, int rank, int size, float *values, size_t count,
                   float *residual, int threads, uint64_t *bytes)
{
    struct direct_sums *sums = direct_sums_create(MPI_COMM_WORLD, rank, levels, threads);
    float few[3] = {1, 2, 3};
    bool done = false;
    CHECK(sums);
    *bytes = 0;
    CHECK(direct_sums_start(sums, values, count, residual, bytes) == MPI_SUCCESS);
    uint64_t first = *bytes;
    CHECK(direct_sums_start(sums, few, 3, NULL, bytes) == MPI_SUCCESS);
    *bytes = first;
    while (!done) {
        CHECK(direct_sums_progress(sums, &done) == MPI_SUCCESS);
    }
    CHECK(few[0] == (float)size && few[1] == 2 * (float)size && few[2] == 3 * (float)size);
    direct_sums_free(sums);
}

/* The bits are those of the tree over the ranks; bytes are the least; and rounded sums are near, and alike on all. */
static void checks_levels(const struct sum_levels *levels, int rank, int size)
{
    enum { COUNT = 3001 };
    static float values[COUNT], residual[COUNT], first[COUNT];
    uint64_t bytes;
    CHECK(sum_levels_is_valid(levels, size));
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = part_of(rank, i);
    }
    sum_on(levels, rank, size, values, COUNT, NULL, 1, &bytes);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(values[i] == tree(0, size, i));
    }
    CHECK(fabs((double)bytes - 2.0 * (size - 1) / size * COUNT * 4) <= size * 4);

    memset(residual, 0, sizeof residual);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = part_of(rank, i);
    }
    sum_on(levels, rank, size, values, COUNT, residual, 1, &bytes);
    for (size_t i = 0; i < COUNT; i++) {
        double largest = 0;
        for (int r = 0; r < size; r++) {
            largest += fabs((double)part_of(r, i));
        }
        CHECK(fabs((double)(values[i] - tree(0, size, i))) <= largest / 128 * levels->count);
    }
    CHECK(size == 1 || fabs((double)bytes - 2.0 * (size - 1) / size * COUNT * 2) <= size * 2);
    memcpy(first, values, sizeof first);
    MPI_Bcast(first, COUNT, MPI_FLOAT, 0, MPI_COMM_WORLD);
    CHECK(memcmp(first, values, sizeof first) == 0);
}

/* Every way to part the workers into levels. */
static void sums_alike_on_all_levels(struct exchange *exchange)
{
    int size = exchange->size, rank = exchange->rank, ways = 0;
    for (int inner = 1; inner <= size; inner *= 2) {
        for (int middle = 1; inner * middle <= size; middle *= 2) {
            if (size % (inner * middle) == 0) {
                struct sum_levels levels = {3, {inner, middle, size / inner / middle}};
                checks_levels(&levels, rank, size);
                ways++;
            }
        }
    }
    struct sum_levels flat = {1, {size}};
    checks_levels(&flat, rank, size);
    CHECK(ways >= 1);
}

/* A slice that is worth it is added by several threads, with the same bits. */
static void adds_by_threads(struct exchange *exchange)
{
    enum { EACH = 70001 };
    size_t count = (size_t)EACH * (size_t)exchange->size;
    float *one = calloc(count, sizeof *one), *two = calloc(count, sizeof *two);
    struct sum_levels flat = {1, {exchange->size}};
    uint64_t bytes;
    for (size_t i = 0; i < count; i++) {
        one[i] = two[i] = part_of(exchange->rank, i);
    }
    sum_on(&flat, exchange->rank, exchange->size, one, count, NULL, 1, &bytes);
    sum_on(&flat, exchange->rank, exchange->size, two, count, NULL, 3, &bytes);
    CHECK(memcmp(one, two, count * sizeof *one) == 0);
    for (size_t i = 0; i < count; i += 1009) {
        CHECK(one[i] == tree(0, exchange->size, i));
    }
    free(one);
    free(two);
}

int main(int argc, char **argv)
{
    struct exchange *exchange;
    MPI_Init(&argc, &argv);
    CHECK(exchange_mpi_create(MPI_COMM_WORLD, &exchange, &error) == STATUS_OK);
    CHECK(exchange->size <= 40);
    moves_the_least(exchange);
    rounds_to_nearest(exchange);
    feeds_back_what_it_rounds_off(exchange);
    sums_alike_on_all_levels(exchange);
    if (exchange->size <= 4) { /* many ranks' threads would only wait for cores */
        adds_by_threads(exchange);
    }
    exchange->operations->close(exchange);
    MPI_Finalize();
    return 0;
}
