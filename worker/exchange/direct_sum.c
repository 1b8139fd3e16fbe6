#include "worker/exchange/direct_sum.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Sums under way at once: enough to keep a network busy, and memory within so many buckets. Tags tell their messages
 * apart, and those of the stages. */
enum { UNDER_WAY = 4, STAGES = 2 };

enum stage { STAGE_IDLE, STAGE_SCATTER, STAGE_GATHER };

struct direct_sum {
    enum stage stage;
    float *values, *residual;
    size_t count;
    int tag;
    MPI_Request *request; /* [2 (size - 1)] */
    int requests;
    /* What has come of the own slice; and where values are rounded, these as they leave, and the sums that have come. */
    unsigned char *incoming, *outgoing;
    size_t incoming_room, outgoing_room; /* bytes */
};

struct waiting {
    float *values, *residual;
    size_t count;
};

struct direct_sums {
    MPI_Comm communicator;
    int rank, size;
    struct direct_sum sum[UNDER_WAY];
    unsigned next; /* which of them the next one takes */
    struct waiting *queue;
    size_t first, last, capacity; /* of the queue: those waiting */
    MPI_Status *status; /* scratch */
};

/* Without a branch, so that loops of it are vector instructions. */
static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint16_t narrowed(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    uint32_t no_number = bits >> 16 | 0x40;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? no_number : nearest);
}

static inline float widened(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

uint16_t bfloat16_round(float value)
{
    return narrowed(value);
}

float bfloat16_widen(uint16_t value)
{
    return widened(value);
}

struct direct_sums *direct_sums_create(MPI_Comm communicator, int rank, int size)
{
    struct direct_sums *sums = calloc(1, sizeof *sums);
    if (!sums) {
        return NULL;
    }
    sums->communicator = communicator;
    sums->rank = rank;
    sums->size = size;
    sums->status = calloc(2 * (size_t)size, sizeof *sums->status);
    bool whole = sums->status;
    for (int i = 0; i < UNDER_WAY; i++) {
        sums->sum[i].tag = DIRECT_SUM_TAGS + i * STAGES;
        sums->sum[i].request = calloc(2 * (size_t)size, sizeof(MPI_Request));
        whole = whole && sums->sum[i].request;
    }
    if (!whole) {
        direct_sums_free(sums);
        return NULL;
    }
    return sums;
}

void direct_sums_free(struct direct_sums *sums)
{
    for (int i = 0; sums && i < UNDER_WAY; i++) {
        free(sums->sum[i].request);
        free(sums->sum[i].outgoing);
        free(sums->sum[i].incoming);
    }
    if (sums) {
        free(sums->queue);
        free(sums->status);
    }
    free(sums);
}

/* Where a worker's slice begins; for the number of workers where all end. */
static size_t slice(const struct direct_sums *sums, size_t count, int worker)
{
    size_t size = (size_t)sums->size, w = (size_t)worker;
    return count / size * w + count % size * w / size;
}

static size_t slice_count(const struct direct_sums *sums, size_t count, int worker)
{
    return slice(sums, count, worker + 1) - slice(sums, count, worker);
}

static size_t width(const struct direct_sum *sum)
{
    return sum->residual ? sizeof(uint16_t) : sizeof(float);
}

/* Values with what the last rounding left out of them, rounded; what this one leaves out goes to the residual. */
static void round_off(const float *values, float *residual, size_t count, uint16_t *rounded)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float whole = values[i] + residual[i];
        uint16_t narrow = narrowed(whole);
        float left = whole - widened(narrow);
        bool finite = (bits_of(left) & 0x7f800000) != 0x7f800000;
        rounded[i] = narrow;
        residual[i] = finite ? left : 0.0f;
    }
}

static void widen(const uint16_t *rounded, size_t count, float *values)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        values[i] = widened(rounded[i]);
    }
}

static void add_rounded(const uint16_t *rounded, size_t count, float *sum)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        sum[i] += widened(rounded[i]);
    }
}

static void add_whole(const float *values, size_t count, float *sum)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        sum[i] += values[i];
    }
}

static int reserve(unsigned char **bytes, size_t *room, size_t needed)
{
    if (needed > *room) {
        unsigned char *grown = realloc(*bytes, needed);
        if (!grown) {
            return MPI_ERR_NO_MEM;
        }
        *bytes = grown;
        *room = needed;
    }
    return MPI_SUCCESS;
}

/* Where the slice that begins at `at` leaves from, and where its sum arrives: the vector itself where nothing is rounded.
 */
static void *place(struct direct_sum *sum, unsigned char *rounded, size_t at)
{
    return sum->residual ? (void *)(rounded + at * sizeof(uint16_t)) : (void *)(sum->values + at);
}

/* A message to each other worker and one from it. Each turns to the next rank first, so that not all turn to one. */
static int start_messages(struct direct_sums *sums, struct direct_sum *sum)
{
    bool gathers = sum->stage == STAGE_GATHER;
    size_t bytes = width(sum), own = slice_count(sums, sum->count, sums->rank) * bytes;
    int code = MPI_SUCCESS, tag = sum->tag + (gathers ? 1 : 0);
    sum->requests = 0;
    for (int step = 1; step < sums->size && code == MPI_SUCCESS; step++) {
        int from = (sums->rank - step + sums->size) % sums->size;
        size_t theirs = slice_count(sums, sum->count, from) * bytes;
        void *at = gathers ? place(sum, sum->incoming, slice(sums, sum->count, from))
                           : sum->incoming + (size_t)from * own;
        code = MPI_Irecv(at, (int)(gathers ? theirs : own), MPI_BYTE, from, tag, sums->communicator,
                         &sum->request[sum->requests++]);
    }
    for (int step = 1; step < sums->size && code == MPI_SUCCESS; step++) {
        int to = (sums->rank + step) % sums->size;
        size_t theirs = slice_count(sums, sum->count, to) * bytes;
        const void *at = place(sum, sum->outgoing, slice(sums, sum->count, gathers ? sums->rank : to));
        code = MPI_Isend(at, (int)(gathers ? own : theirs), MPI_BYTE, to, tag, sums->communicator,
                         &sum->request[sum->requests++]);
    }
    return code;
}

static int begin(struct direct_sums *sums, const struct waiting *waiting)
{
    struct direct_sum *sum = &sums->sum[sums->next++ % UNDER_WAY];
    sum->values = waiting->values;
    sum->residual = waiting->residual;
    sum->count = waiting->count;
    sum->stage = STAGE_SCATTER;
    /* A place for each worker's part of the own slice, which is one longer than the others' at most. */
    size_t needed = (sum->count + (size_t)sums->size) * width(sum);
    int code = needed <= INT_MAX ? reserve(&sum->incoming, &sum->incoming_room, needed) : MPI_ERR_COUNT;
    if (code == MPI_SUCCESS && sum->residual) {
        code = reserve(&sum->outgoing, &sum->outgoing_room, needed);
    }
    for (int w = 0; w < sums->size && code == MPI_SUCCESS && sum->residual; w++) {
        size_t at = slice(sums, sum->count, w);
        if (w != sums->rank) {
            round_off(sum->values + at, sum->residual + at, slice_count(sums, sum->count, w),
                      place(sum, sum->outgoing, at));
        }
    }
    return code == MPI_SUCCESS ? start_messages(sums, sum) : code;
}

/* The own slice: the own part, then those of the others in order of rank. What the rounding of the sum leaves out is
 * added to the own part of the next one. */
static void add_slices(struct direct_sums *sums, struct direct_sum *sum)
{
    size_t at = slice(sums, sum->count, sums->rank), count = slice_count(sums, sum->count, sums->rank);
    float *own = sum->values + at;
    for (size_t i = 0; i < count && sum->residual; i++) {
        own[i] += sum->residual[at + i];
        sum->residual[at + i] = 0.0f;
    }
    for (int w = 0; w < sums->size; w++) {
        const void *theirs = sum->incoming + (size_t)w * count * width(sum);
        if (w != sums->rank && sum->residual) {
            add_rounded(theirs, count, own);
        } else if (w != sums->rank) {
            add_whole(theirs, count, own);
        }
    }
    if (sum->residual) {
        uint16_t *rounded = place(sum, sum->outgoing, at);
        round_off(own, sum->residual + at, count, rounded);
        widen(rounded, count, own);
    }
}

static void take_slices(struct direct_sums *sums, struct direct_sum *sum)
{
    for (int w = 0; w < sums->size && sum->residual; w++) {
        size_t at = slice(sums, sum->count, w);
        if (w != sums->rank) {
            widen(place(sum, sum->incoming, at), slice_count(sums, sum->count, w), sum->values + at);
        }
    }
}

/* What has come for a sum; sets *moved where it is a stage further. */
static int advance(struct direct_sums *sums, struct direct_sum *sum, bool *moved)
{
    int done = 0;
    int code = MPI_Testall(sum->requests, sum->request, &done, sums->status);
    if (code != MPI_SUCCESS || !done) {
        return code;
    }
    *moved = true;
    if (sum->stage == STAGE_SCATTER) {
        add_slices(sums, sum);
        sum->stage = STAGE_GATHER;
        return start_messages(sums, sum);
    }
    take_slices(sums, sum);
    sum->stage = STAGE_IDLE;
    return MPI_SUCCESS;
}

int direct_sums_progress(struct direct_sums *sums, bool *done)
{
    int code = MPI_SUCCESS;
    bool moved = true;
    while (moved && code == MPI_SUCCESS) {
        moved = false;
        *done = true;
        for (int i = 0; i < UNDER_WAY && code == MPI_SUCCESS; i++) {
            struct direct_sum *sum = &sums->sum[(sums->next + (unsigned)i) % UNDER_WAY];
            if (sum->stage != STAGE_IDLE) {
                code = advance(sums, sum, &moved);
                *done = *done && sum->stage == STAGE_IDLE;
            }
        }
        /* The same sum takes the same slot, and so the same tags, on every worker. */
        while (sums->first < sums->last && sums->sum[sums->next % UNDER_WAY].stage == STAGE_IDLE &&
               code == MPI_SUCCESS) {
            code = begin(sums, &sums->queue[sums->first++]);
            *done = false;
            moved = true;
        }
    }
    if (sums->first == sums->last) {
        sums->first = sums->last = 0;
    }
    return code;
}

int direct_sums_start(struct direct_sums *sums, float *values, size_t count, float *residual, uint64_t *bytes)
{
    bool done;
    if (sums->size == 1 || count == 0) {
        return MPI_SUCCESS;
    }
    if (sums->last == sums->capacity) {
        size_t capacity = sums->capacity ? 2 * sums->capacity : 64;
        struct waiting *queue = realloc(sums->queue, capacity * sizeof *queue);
        if (!queue) {
            return MPI_ERR_NO_MEM;
        }
        sums->queue = queue;
        sums->capacity = capacity;
    }
    sums->queue[sums->last++] = (struct waiting){values, residual, count};
    size_t own = slice_count(sums, count, sums->rank);
    *bytes += (count - own + (size_t)(sums->size - 1) * own) * (residual ? sizeof(uint16_t) : sizeof(float));
    return direct_sums_progress(sums, &done);
}
