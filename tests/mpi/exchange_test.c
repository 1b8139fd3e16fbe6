/* The exchange over MPI, on any number of workers: every operation against what it must give. */
#include "worker/exchange/exchange_mpi.h"

#include "tests/mpi/check.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct error error;

static void gathers_in_order_of_rank(struct exchange *exchange)
{
    int mine[3] = {exchange->rank, 10 * exchange->rank, 7};
    int *all = calloc(3 * (size_t)exchange->size, sizeof *all);
    CHECK(exchange->operations->allgather(exchange, mine, sizeof mine, all, &error) == STATUS_OK);
    for (int r = 0; r < exchange->size; r++) {
        CHECK(all[3 * r] == r && all[3 * r + 1] == 10 * r && all[3 * r + 2] == 7);
    }
    free(all);
}

/* What the piece of a number, from one worker to another, is filled with; and its size: none for some. */
static int filling(int from, int to, int number)
{
    return 1000 * from + 100 * to + number;
}
static size_t piece_size(int from, int to, int number)
{
    return number == 2 ? 200000 : (size_t)((from * 7 + to * 3 + number) % 4 * 1000);
}

/* Several pieces to some, none to others, large and small, again and again without waiting for each other. */
static void trades_pieces(struct exchange *exchange)
{
    enum { EACH = 3, ROUNDS = 5, LARGEST = 200000 };
    int size = exchange->size, rank = exchange->rank;
    struct exchange_piece *send = calloc((size_t)size * EACH, sizeof *send);
    struct exchange_piece *receive = calloc((size_t)size * EACH, sizeof *receive);
    uint64_t begin = exchange->bytes[TRAFFIC_EMBEDDINGS], sent = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t sends = 0, receives = 0;
        for (int w = 0; w < size; w++) {
            for (int i = 0; i < EACH && w != rank; i++) {
                size_t out = piece_size(rank, w, i), in = piece_size(w, rank, i);
                if (out > 0) {
                    send[sends] = (struct exchange_piece){w, malloc(LARGEST), out};
                    memset(send[sends++].bytes, filling(rank, w, i + round) % 251, out);
                    sent += out;
                }
                if (in > 0) {
                    receive[receives++] = (struct exchange_piece){w, calloc(1, LARGEST), in};
                }
            }
        }
        CHECK(exchange->operations->trade(exchange, send, sends, receive, receives, &error) == STATUS_OK);
        size_t at = 0;
        for (int w = 0; w < size; w++) {
            for (int i = 0; i < EACH && w != rank; i++) {
                const unsigned char *bytes = receive[at].bytes;
                for (size_t b = 0; b < piece_size(w, rank, i); b++) {
                    CHECK(bytes[b] == filling(w, rank, i + round) % 251);
                }
                at += piece_size(w, rank, i) > 0;
            }
        }
        while (sends > 0) {
            free(send[--sends].bytes);
        }
        while (receives > 0) {
            free(receive[--receives].bytes);
        }
    }
    CHECK(exchange->bytes[TRAFFIC_EMBEDDINGS] - begin == sent);
    free(send);
    free(receive);
}

static void sums_in_double(struct exchange *exchange)
{
    int size = exchange->size;
    double values[2] = {1e-12, (double)exchange->rank};
    CHECK(exchange->operations->sum_double(exchange, values, 2, &error) == STATUS_OK);
    CHECK(fabs(values[0] - size * 1e-12) < 1e-25 && values[1] == size * (size - 1) / 2);
}

static bool is_member(int rank, int first, int count, int size)
{
    return (rank - first + size) % size < count;
}

/* Every group there can be, wrapping around or not, all their reductions under way together. */
static void reduces_over_groups(struct exchange *exchange)
{
    int size = exchange->size;
    int rank = exchange->rank;
    const struct exchange_operations *operations = exchange->operations;
    struct exchange_group **group = calloc((size_t)(size * size), sizeof(struct exchange_group *));
    float *values = calloc((size_t)(size * size) * 6, sizeof *values);
    for (int g = 0; g < size * size; g++) {
        CHECK(operations->group_create(exchange, g / size, g % size + 1, &group[g], &error) == STATUS_OK);
    }
    for (int round = 0; round < 2; round++) {
        for (int g = 0; g < size * size; g++) {
            float *max = values + 6 * g;
            for (int i = 0; i < 3; i++) {
                max[i] = (float)((rank + i + round) % size);
                max[3 + i] = (float)(1 << rank) + (float)i;
            }
            CHECK(operations->group_max(exchange, group[g], max, 3, &error) == STATUS_OK);
            CHECK(operations->group_sum(exchange, group[g], max + 3, 3, &error) == STATUS_OK);
        }
        CHECK(operations->group_wait(exchange, &error) == STATUS_OK);
        for (int g = 0; g < size * size; g++) {
            int first = g / size;
            int count = g % size + 1;
            for (int i = 0; i < 3; i++) {
                int most = -1;
                int sum = 0;
                for (int r = 0; r < size; r++) {
                    bool counts =
                        is_member(rank, first, count, size) ? is_member(r, first, count, size) : r == rank;
                    int here = (r + i + round) % size;
                    most = counts && here > most ? here : most;
                    sum += counts ? (1 << r) + i : 0;
                }
                CHECK(values[6 * g + i] == (float)most && values[6 * g + 3 + i] == (float)sum);
            }
        }
    }
    for (int g = 0; g < size * size; g++) {
        operations->group_free(exchange, group[g]);
    }
    struct exchange_group *none;
    CHECK(operations->group_create(exchange, 0, size + 1, &none, &error) == STATUS_INTERNAL && !none);
    free(group);
    free(values);
}

/* A sum of buckets that nobody waits for while both compute: its time counts as hidden. What is waited for,
 * does not. */
static void tells_what_is_hidden(struct exchange *exchange)
{
    enum { COUNT = 1000 };
    static float values[COUNT];
    double one = 1, hidden = exchange->seconds_hidden, waited = exchange->seconds_waited;
    CHECK(exchange->operations->bucket_start(exchange, values, COUNT, NULL, &error) == STATUS_OK);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    CHECK(exchange->operations->buckets_wait(exchange, &error) == STATUS_OK);
    CHECK(exchange->seconds_hidden - hidden >= 0.1);
    hidden = exchange->seconds_hidden;

    double begin = MPI_Wtime();
    CHECK(exchange->operations->bucket_start(exchange, values, COUNT, NULL, &error) == STATUS_OK);
    CHECK(exchange->operations->buckets_wait(exchange, &error) == STATUS_OK);
    CHECK(exchange->operations->buckets_wait(exchange, &error) == STATUS_OK);
    double passed = MPI_Wtime() - begin;
    CHECK(exchange->seconds_hidden - hidden <= passed);
    CHECK(exchange->seconds_hidden - hidden >= 0);
    CHECK(exchange->seconds_waited > waited);
    hidden = exchange->seconds_hidden;
    CHECK(exchange->operations->sum_double(exchange, &one, 1, &error) == STATUS_OK);
    CHECK(exchange->seconds_hidden - hidden < 1e-12);
}

/* Buckets of many sizes beside other collectives: right, the same bits on all workers, and again. */
static void sums_buckets(struct exchange *exchange, bool own)
{
    enum { BUCKETS = 70, LARGE = 300000 };
    const struct exchange_operations *operations = exchange->operations;
    size_t total = LARGE;
    for (size_t b = 1; b < BUCKETS; b++) {
        total += b * b;
    }
    float *values = calloc(total, sizeof *values);
    float *before = calloc(total, sizeof *before);
    float *all = calloc(total * (size_t)exchange->size, sizeof *all);
    exchange->own_sums = own;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < total; i++) {
            values[i] = sinf((float)i) * (float)(exchange->rank + 1);
        }
        float *at = values;
        for (size_t b = 0; b < BUCKETS; b++) {
            size_t count = b == 0 ? LARGE : b * b;
            CHECK(operations->bucket_start(exchange, at, count, NULL, &error) == STATUS_OK);
            CHECK(operations->buckets_progress(exchange, &error) == STATUS_OK);
            at += count;
        }
        double one = 1;
        CHECK(operations->sum_double(exchange, &one, 1, &error) == STATUS_OK && one == exchange->size);
        CHECK(operations->buckets_wait(exchange, &error) == STATUS_OK);
        CHECK(operations->buckets_wait(exchange, &error) == STATUS_OK);
        double factor = exchange->size * (exchange->size + 1) / 2.0;
        for (size_t i = 0; i < total; i++) {
            CHECK(fabs((double)values[i] - factor * (double)sinf((float)i)) < 1e-6 * factor);
        }
        CHECK(operations->allgather(exchange, values, total * sizeof *values, all, &error) == STATUS_OK);
        for (size_t r = 0; r < (size_t)exchange->size; r++) {
            CHECK(memcmp(all + r * total, values, total * sizeof *values) == 0);
        }
        CHECK(round == 0 || memcmp(before, values, total * sizeof *values) == 0);
        memcpy(before, values, total * sizeof *values);
    }
    free(values);
    free(before);
    free(all);
}

/* The first worker's bytes reach all, however many; and when one fails, all learn of it. */
static void broadcasts_and_agrees(struct exchange *exchange)
{
    enum { LARGE = 70000001 }; /* more than one piece */
    unsigned char *bytes = malloc(LARGE);
    struct error fault = {0};
    for (size_t size = 1; size <= LARGE; size = size == 1 ? LARGE : LARGE + 1) {
        for (size_t i = 0; i < size; i++) {
            bytes[i] = exchange->rank == 0 ? (unsigned char)(i * 37 + i / 65536) : 0;
        }
        CHECK(exchange->operations->broadcast(exchange, bytes, size, &error) == STATUS_OK);
        bool same = true;
        for (size_t i = 0; i < size; i++) {
            same = same && bytes[i] == (unsigned char)(i * 37 + i / 65536);
        }
        CHECK(same);
    }
    free(bytes);
    CHECK(exchange_agree(exchange, STATUS_OK, &fault) == STATUS_OK);
    const bool last = exchange->rank == exchange->size - 1;
    snprintf(fault.what, sizeof fault.what, "mine");
    CHECK(exchange_agree(exchange, last ? STATUS_STORAGE : STATUS_OK, &fault) == STATUS_STORAGE);
    CHECK(strcmp(fault.what, last ? "mine" : "") == 0);
}

/* Every call adds what this worker handed over: nothing where it is the only one that takes part. */
static void counts_bytes(struct exchange *exchange)
{
    enum { COUNT = 5 };
    const struct exchange_operations *operations = exchange->operations;
    size_t size = (size_t)exchange->size;
    double doubles[COUNT] = {0};
    float floats[COUNT] = {0};
    float *many = calloc(size * COUNT, sizeof *many);
    struct exchange_group *all = NULL, *alone = NULL;
    exchange->own_sums = false;
    CHECK(operations->group_create(exchange, 0, exchange->size, &all, &error) == STATUS_OK);
    CHECK(operations->group_create(exchange, exchange->size - 1, 1, &alone, &error) == STATUS_OK);

    uint64_t begin = exchange->bytes[TRAFFIC_REST], reductions = exchange->bytes[TRAFFIC_REDUCTIONS];
    uint64_t gradients = exchange->bytes[TRAFFIC_GRADIENTS];
    CHECK(operations->allgather(exchange, floats, sizeof floats, many, &error) == STATUS_OK);
    uint64_t gathered = exchange->bytes[TRAFFIC_REST];
    CHECK(operations->sum_double(exchange, doubles, COUNT, &error) == STATUS_OK);
    uint64_t summed = exchange->bytes[TRAFFIC_REST];
    CHECK(operations->group_max(exchange, all, floats, COUNT, &error) == STATUS_OK);
    CHECK(operations->group_wait(exchange, &error) == STATUS_OK);
    uint64_t reduced = exchange->bytes[TRAFFIC_REDUCTIONS];
    CHECK(operations->group_sum(exchange, alone, floats, COUNT, &error) == STATUS_OK);
    CHECK(operations->group_wait(exchange, &error) == STATUS_OK);
    CHECK(exchange->bytes[TRAFFIC_REDUCTIONS] == reduced);
    CHECK(operations->bucket_start(exchange, floats, COUNT, NULL, &error) == STATUS_OK);
    CHECK(operations->buckets_wait(exchange, &error) == STATUS_OK);
    if (size == 1) {
        for (int kind = 0; kind < TRAFFIC_KINDS; kind++) {
            CHECK(exchange->bytes[kind] == 0);
        }
    } else {
        CHECK(gathered - begin == sizeof floats);
        CHECK(summed - gathered == sizeof doubles);
        CHECK(reduced - reductions == sizeof floats);
        CHECK(exchange->bytes[TRAFFIC_GRADIENTS] - gradients == sizeof floats);
    }
    operations->group_free(exchange, alone);
    operations->group_free(exchange, all);
    free(many);
}

static void count_idle(void *context)
{
    (*(int *)context)++;
}

/* Whoever waits for a late worker goes on sending heartbeats. */
static void stays_alive_while_waiting(struct exchange *exchange)
{
    int idle = 0;
    double value = 1;
    double waited = exchange->seconds_waited;
    CHECK(exchange->operations->sum_double(exchange, &value, 1, &error) == STATUS_OK);
    exchange->idle = count_idle;
    exchange->idle_context = &idle;
    if (exchange->rank == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
    CHECK(exchange->operations->sum_double(exchange, &value, 1, &error) == STATUS_OK);
    if (exchange->rank != 0) {
        CHECK(idle >= 10);
        CHECK(exchange->seconds_waited - waited > 0.1);
    }
    exchange->idle = NULL;
}

/* What MPI calls an error comes back as one: here a message longer than what was made room for. */
static void errors_are_values(struct exchange *exchange)
{
    char send[64] = {0};
    char recv[64 * 64];
    if (exchange->size != 2) {
        return;
    }
    enum status status =
        exchange->operations->allgather(exchange, send, exchange->rank == 0 ? 8 : 64, recv, &error);
    if (exchange->rank == 0) {
        CHECK(status == STATUS_LOST && error.status == STATUS_LOST && strstr(error.what, "failed"));
    }
}

int main(int argc, char **argv)
{
    struct exchange *exchange;
    exchange_mpi_prepare();
    MPI_Init(&argc, &argv);
    CHECK(exchange_mpi_create(MPI_COMM_WORLD, &exchange, &error) == STATUS_OK);
    CHECK(exchange->size <= 20);
    gathers_in_order_of_rank(exchange);
    trades_pieces(exchange);
    sums_in_double(exchange);
    reduces_over_groups(exchange);
    sums_buckets(exchange, false);
    sums_buckets(exchange, true);
    tells_what_is_hidden(exchange);
    broadcasts_and_agrees(exchange);
    counts_bytes(exchange);
    stays_alive_while_waiting(exchange);
    errors_are_values(exchange);
    exchange->operations->close(exchange);
    MPI_Finalize();
    return 0;
}
