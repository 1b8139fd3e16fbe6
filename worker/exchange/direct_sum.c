#include "worker/exchange/direct_sum.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Sums under way at once: enough to keep a network busy, and memory within so many buckets. Tags tell their messages
 * apart, and those of the stages: up the levels slices are scattered, and down again their sums are gathered. */
enum { UNDER_WAY = 4, STAGES = 2 * SUM_LEVELS_MAX, IDLE = -1 };
/* Parts are added in blocks that stay in the fastest cache; a tree of so many branches has room for all ranks. */
enum { BLOCK = 256, BRANCHES = 32 };
/* Values from which on several threads are worth waking. */
enum { THREADED = 16384 };

struct range {
    size_t begin, count;
};

struct direct_sum {
    int stage; /* IDLE, or from 0 */
    float *values, *residual;
    struct range range[SUM_LEVELS_MAX + 1]; /* what a level sums; behind the last the own slice */
    int tag;
    MPI_Request *request; /* [2 (members - 1)] */
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
    int size; /* workers */
    int threads; /* that add */
    struct sum_levels levels;
    int base[SUM_LEVELS_MAX], stride[SUM_LEVELS_MAX]; /* member m of a level has rank base + m stride */
    int position[SUM_LEVELS_MAX]; /* of this worker among them */
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

struct direct_sums *direct_sums_create(MPI_Comm communicator, int rank, const struct sum_levels *levels,
                                       int threads)
{
    struct direct_sums *sums = calloc(1, sizeof *sums);
    if (!sums) {
        return NULL;
    }
    sums->communicator = communicator;
    sums->levels = *levels;
    sums->threads = threads;
    sums->size = 1;
    int largest = 1;
    for (int l = 0; l < levels->count; l++) {
        sums->stride[l] = sums->size;
        sums->position[l] = rank / sums->size % levels->size[l];
        sums->base[l] = rank - sums->position[l] * sums->size;
        sums->size *= levels->size[l];
        largest = levels->size[l] > largest ? levels->size[l] : largest;
    }
    sums->status = calloc(2 * (size_t)largest, sizeof *sums->status);
    bool whole = sums->status;
    for (int i = 0; i < UNDER_WAY; i++) {
        sums->sum[i].stage = IDLE;
        sums->sum[i].tag = DIRECT_SUM_TAGS + i * STAGES;
        sums->sum[i].request = calloc(2 * (size_t)largest, sizeof(MPI_Request));
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

/* The slice of a range that one of so many members sums. */
static struct range slice(struct range range, int members, int member)
{
    size_t size = (size_t)members, m = (size_t)member;
    size_t begin = range.count / size * m + range.count % size * m / size;
    size_t end = range.count / size * (m + 1) + range.count % size * (m + 1) / size;
    return (struct range){range.begin + begin, end - begin};
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

static void add(const float *values, float *sum, size_t count)
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

static bool gathers(const struct direct_sums *sums, const struct direct_sum *sum)
{
    return sum->stage >= sums->levels.count;
}

static int level_of(const struct direct_sums *sums, const struct direct_sum *sum)
{
    return gathers(sums, sum) ? 2 * sums->levels.count - 1 - sum->stage : sum->stage;
}

/* A message to each other member of the level and one from it. Each turns to the next first, so that not all turn to
 * one. */
static int start_messages(struct direct_sums *sums, struct direct_sum *sum)
{
    int level = level_of(sums, sum), members = sums->levels.size[level], here = sums->position[level];
    struct range whole = sum->range[level], own = sum->range[level + 1];
    bool gathering = gathers(sums, sum);
    size_t bytes = width(sum);
    int code = MPI_SUCCESS, tag = sum->tag + sum->stage;
    sum->requests = 0;
    for (int step = 1; step < members && code == MPI_SUCCESS; step++) {
        int from = (here - step + members) % members;
        struct range theirs = slice(whole, members, from);
        void *at = gathering ? place(sum, sum->incoming, theirs.begin)
                             : sum->incoming + (size_t)from * own.count * bytes;
        code = MPI_Irecv(at, (int)((gathering ? theirs.count : own.count) * bytes), MPI_BYTE,
                         sums->base[level] + from * sums->stride[level], tag, sums->communicator,
                         &sum->request[sum->requests++]);
    }
    for (int step = 1; step < members && code == MPI_SUCCESS; step++) {
        int to = (here + step) % members;
        struct range sent = gathering ? own : slice(whole, members, to);
        code = MPI_Isend(place(sum, sum->outgoing, sent.begin), (int)(sent.count * bytes), MPI_BYTE,
                         sums->base[level] + to * sums->stride[level], tag, sums->communicator,
                         &sum->request[sum->requests++]);
    }
    return code;
}

/* Of what a level sums, the slices of the other members are rounded before they leave. */
static int scatter(struct direct_sums *sums, struct direct_sum *sum)
{
    int level = sum->stage, members = sums->levels.size[level];
    for (int m = 0; m < members && sum->residual; m++) {
        struct range sent = slice(sum->range[level], members, m);
        if (m != sums->position[level]) {
            round_off(sum->values + sent.begin, sum->residual + sent.begin, sent.count,
                      place(sum, sum->outgoing, sent.begin));
        }
    }
    return start_messages(sums, sum);
}

static int begin(struct direct_sums *sums, const struct waiting *waiting)
{
    struct direct_sum *sum = &sums->sum[sums->next++ % UNDER_WAY];
    sum->values = waiting->values;
    sum->residual = waiting->residual;
    sum->stage = 0;
    sum->range[0] = (struct range){0, waiting->count};
    for (int l = 0; l < sums->levels.count; l++) {
        sum->range[l + 1] = slice(sum->range[l], sums->levels.size[l], sums->position[l]);
    }
    /* A place for each member's part of the own slice, which is one longer than the others' at most. */
    size_t needed = (waiting->count + (size_t)sums->size) * width(sum);
    int code = needed <= INT_MAX ? reserve(&sum->incoming, &sum->incoming_room, needed) : MPI_ERR_COUNT;
    if (code == MPI_SUCCESS && sum->residual) {
        code = reserve(&sum->outgoing, &sum->outgoing_room, needed);
    }
    return code == MPI_SUCCESS ? scatter(sums, sum) : code;
}

/* Part `member` of the own slice, values at to at + count of it. */
static void load_part(const struct direct_sums *sums, const struct direct_sum *sum, int member, size_t at,
                      size_t count, float *part)
{
    struct range own = sum->range[sum->stage + 1];
    const unsigned char *theirs = sum->incoming + ((size_t)member * own.count + at) * width(sum);
    if (member == sums->position[sum->stage]) {
        memcpy(part, sum->values + own.begin + at, count * sizeof *part);
    } else if (sum->residual) {
        widen((const uint16_t *)theirs, count, part);
    } else {
        memcpy(part, theirs, count * sizeof *part);
    }
}

/* A binary tree over the members in order of rank: a branch is added to the one before it as soon as both are as large,
 * as in a binary counter, and what is left at the end from the smallest on. */
static void add_block(const struct direct_sums *sums, struct direct_sum *sum, size_t at, size_t count)
{
    float branch[BRANCHES][BLOCK], part[BLOCK];
    unsigned members = (unsigned)sums->levels.size[sum->stage];
    for (unsigned m = 0; m < members; m++) {
        int height = 0;
        load_part(sums, sum, (int)m, at, count, part);
        for (unsigned rest = m; rest & 1; rest >>= 1) {
            add(branch[height++], part, count);
        }
        memcpy(branch[height], part, count * sizeof *part);
    }
    bool begun = false;
    for (int height = 0; members >> height; height++) {
        if (members >> height & 1) {
            if (begun) {
                add(branch[height], part, count);
            } else {
                memcpy(part, branch[height], count * sizeof *part);
            }
            begun = true;
        }
    }
    memcpy(sum->values + sum->range[sum->stage + 1].begin + at, part, count * sizeof *part);
}

static void add_slices(struct direct_sums *sums, struct direct_sum *sum)
{
    size_t count = sum->range[sum->stage + 1].count;
#pragma omp parallel for num_threads(sums->threads) schedule(static) if (count >= THREADED)
    for (size_t at = 0; at < count; at += BLOCK) {
        add_block(sums, sum, at, count - at < BLOCK ? count - at : BLOCK);
    }
}

/* The whole sum of the own slice, as it goes to all, with what its last rounding left out. */
static void round_sum(struct direct_sums *sums, struct direct_sum *sum)
{
    struct range own = sum->range[sums->levels.count];
    uint16_t *rounded = place(sum, sum->outgoing, own.begin);
    round_off(sum->values + own.begin, sum->residual + own.begin, own.count, rounded);
    widen(rounded, own.count, sum->values + own.begin);
}

/* What came is handed on at the level below as it is. */
static void take_slices(struct direct_sums *sums, struct direct_sum *sum)
{
    int level = level_of(sums, sum), members = sums->levels.size[level];
    for (int m = 0; m < members && sum->residual; m++) {
        struct range slice_there = slice(sum->range[level], members, m);
        if (m != sums->position[level]) {
            uint16_t *came = place(sum, sum->incoming, slice_there.begin);
            widen(came, slice_there.count, sum->values + slice_there.begin);
            memcpy(place(sum, sum->outgoing, slice_there.begin), came, slice_there.count * sizeof *came);
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
    if (gathers(sums, sum)) {
        take_slices(sums, sum);
    } else {
        add_slices(sums, sum);
    }
    sum->stage++;
    if (sum->stage < sums->levels.count) {
        return scatter(sums, sum);
    }
    if (sum->stage == sums->levels.count && sum->residual) {
        round_sum(sums, sum);
    }
    if (sum->stage < 2 * sums->levels.count) {
        return start_messages(sums, sum);
    }
    sum->stage = IDLE;
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
            if (sum->stage != IDLE) {
                code = advance(sums, sum, &moved);
                *done = *done && sum->stage == IDLE;
            }
        }
        /* The same sum takes the same slot, and so the same tags, on every worker. */
        while (sums->first < sums->last && sums->sum[sums->next % UNDER_WAY].stage == IDLE &&
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

static size_t sent_values(const struct direct_sums *sums, size_t count)
{
    struct range whole = {0, count};
    size_t sent = 0;
    for (int l = 0; l < sums->levels.count; l++) {
        struct range own = slice(whole, sums->levels.size[l], sums->position[l]);
        sent += whole.count - own.count + (size_t)(sums->levels.size[l] - 1) * own.count;
        whole = own;
    }
    return sent;
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
    *bytes += sent_values(sums, count) * (residual ? sizeof(uint16_t) : sizeof(float));
    return direct_sums_progress(sums, &done);
}
