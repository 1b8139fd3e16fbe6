#include "worker/exchange/exchange_mpi.h"

#include "worker/exchange/direct_sum.h"
#include "worker/exchange/request_list.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A wait polls without pause for so long, since most reductions of a step take less. After that the peers
 * are busy computing, perhaps on this very core: sleeping costs a wait that is already long little. */
#define SPIN_SECONDS 500e-6
#define SLEEP_NANOSECONDS 50000
#define IDLE_SECONDS 2e-3
/* MPI moves large messages only inside its calls, a fragment or so each: so many per buckets_progress. */
#define PROGRESS_TESTS 8
/* What one broadcast moves; more goes in several. */
#define BROADCAST_BYTES ((size_t)64 << 20)
/* Of pieces. Those of two workers stay in order, so one serves all. */
#define PIECE_TAG 1

struct exchange_group {
    MPI_Comm communicator; /* MPI_COMM_NULL: this worker is outside, or alone in it */
    bool owned; /* to be freed with the group */
};

struct exchange_mpi {
    struct exchange base; /* first, so that one pointer is both */
    MPI_Comm communicator;
    struct request_list reductions; /* of groups, under way */
    struct request_list pieces;
    struct request_list buckets;
    struct direct_sums *direct; /* where sums are our own; NULL before the first */
    bool direct_under_way;
    bool bucket_under_way;
    double bucket_begin; /* when the first of those under way was started */
    double bucket_waited; /* seconds_waited then */
    bool lost; /* a call failed: requests may never complete */
};

static struct exchange_mpi *of(struct exchange *exchange)
{
    return (struct exchange_mpi *)exchange;
}

static enum status fail(struct exchange_mpi *mpi, int code, const char *what, struct error *error)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    mpi->lost = true;
    return error_set(error, STATUS_LOST, "exchange among the workers",
                     "see which host is gone, and submit the run again: it resumes from its last checkpoint",
                     "%s failed: %s", what, text);
}

static enum status check_count(size_t count, struct error *error)
{
    if (count > INT_MAX) {
        return error_set(error, STATUS_INTERNAL, "exchange", "use a smaller batch.lane or runtime.bucket_mb",
                         "a message of %zu elements is more than MPI can count", count);
    }
    return STATUS_OK;
}

struct wait {
    double begin, idle; /* when it began, and when heartbeats were last sent */
};

static struct wait wait_begin(void)
{
    double now = MPI_Wtime();
    return (struct wait){now, now};
}

/* Between two tests. */
static void wait_on(struct exchange_mpi *mpi, struct wait *wait)
{
    double now = MPI_Wtime();
    if (now - wait->idle >= IDLE_SECONDS) {
        wait->idle = now;
        if (mpi->base.idle) {
            mpi->base.idle(mpi->base.idle_context);
        }
    }
    if (now - wait->begin < SPIN_SECONDS) {
        sched_yield();
    } else {
        nanosleep(&(struct timespec){.tv_nsec = SLEEP_NANOSECONDS}, NULL);
    }
}

/* Completes the requests; heartbeats go on meanwhile. */
static enum status wait_all(struct exchange_mpi *mpi, int count, MPI_Request *request, MPI_Status *status,
                            const char *what, struct error *error)
{
    struct wait wait = wait_begin();
    for (;;) {
        int done = 0;
        int code = MPI_Testall(count, request, &done, status);
        if (code != MPI_SUCCESS) {
            return fail(mpi, code, what, error);
        }
        if (done) {
            return STATUS_OK;
        }
        wait_on(mpi, &wait);
    }
}

/* Waits for the one request that `code`, what starting it returned, says is under way. */
static enum status finish(struct exchange_mpi *mpi, int code, MPI_Request *request, const char *what,
                          struct error *error)
{
    if (code != MPI_SUCCESS) {
        return fail(mpi, code, what, error);
    }
    MPI_Status ignored;
    return wait_all(mpi, 1, request, &ignored, what, error);
}

static enum status account(struct exchange_mpi *mpi, double begin, enum status status)
{
    mpi->base.seconds_waited += MPI_Wtime() - begin;
    return status;
}

static void count_bytes(struct exchange_mpi *mpi, enum exchange_traffic kind, size_t bytes)
{
    mpi->base.bytes[kind] += mpi->base.size > 1 ? bytes : 0;
}

/* With the last of the buckets under way: what of that time was spent outside of exchange calls. */
static enum status settle_buckets(struct exchange_mpi *mpi, enum status status)
{
    if (mpi->bucket_under_way && mpi->buckets.count == 0 && !mpi->direct_under_way) {
        double waited = mpi->base.seconds_waited - mpi->bucket_waited;
        mpi->base.seconds_hidden += MPI_Wtime() - mpi->bucket_begin - waited;
        mpi->bucket_under_way = false;
    }
    return status;
}

static enum status mpi_allgather(struct exchange *exchange, const void *send, size_t bytes, void *recv,
                                 struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    enum status status = check_count(bytes, error);
    if (status != STATUS_OK) {
        return status;
    }
    count_bytes(mpi, TRAFFIC_REST, bytes);
    MPI_Request request;
    int code =
        MPI_Iallgather(send, (int)bytes, MPI_BYTE, recv, (int)bytes, MPI_BYTE, mpi->communicator, &request);
    return account(mpi, begin, finish(mpi, code, &request, "gathering from all workers", error));
}

static enum status mpi_broadcast(struct exchange *exchange, void *bytes, size_t size, struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    enum status status = STATUS_OK;
    count_bytes(mpi, TRAFFIC_REST, size);
    for (size_t done = 0; done < size && status == STATUS_OK;) {
        const size_t piece = size - done < BROADCAST_BYTES ? size - done : BROADCAST_BYTES;
        MPI_Request request;
        int code = MPI_Ibcast((char *)bytes + done, (int)piece, MPI_BYTE, 0, mpi->communicator, &request);
        status = finish(mpi, code, &request, "broadcasting to all workers", error);
        done += piece;
    }
    return account(mpi, begin, status);
}

static enum status mpi_sum_double(struct exchange *exchange, double *values, size_t count,
                                  struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    enum status status = check_count(count, error);
    if (status != STATUS_OK) {
        return status;
    }
    count_bytes(mpi, TRAFFIC_REST, count * sizeof(double));
    MPI_Request request;
    int code =
        MPI_Iallreduce(MPI_IN_PLACE, values, (int)count, MPI_DOUBLE, MPI_SUM, mpi->communicator, &request);
    return account(mpi, begin, finish(mpi, code, &request, "summing over all workers", error));
}

static enum status create_communicator(struct exchange_mpi *mpi, int first, int count, MPI_Comm *communicator,
                                       struct error *error)
{
    int size = mpi->base.size;
    int *ranks = calloc((size_t)count, sizeof *ranks);
    if (!ranks) {
        return error_no_memory(error, "exchange");
    }
    for (int i = 0; i < count; i++) {
        ranks[i] = (first + i) % size;
    }
    MPI_Group all = MPI_GROUP_NULL;
    MPI_Group members = MPI_GROUP_NULL;
    int code = MPI_Comm_group(mpi->communicator, &all);
    if (code == MPI_SUCCESS) {
        code = MPI_Group_incl(all, count, ranks, &members);
    }
    if (code == MPI_SUCCESS) {
        code = MPI_Comm_create_group(mpi->communicator, members, first, communicator);
    }
    if (code == MPI_SUCCESS) {
        code = MPI_Comm_set_errhandler(*communicator, MPI_ERRORS_RETURN);
    }
    if (members != MPI_GROUP_NULL) {
        MPI_Group_free(&members);
    }
    if (all != MPI_GROUP_NULL) {
        MPI_Group_free(&all);
    }
    free(ranks);
    return code == MPI_SUCCESS ? STATUS_OK : fail(mpi, code, "making a group of workers", error);
}

/* Making a communicator blocks. The barrier before it does not, and once all workers are here it is brief. */
static enum status mpi_group_create(struct exchange *exchange, int first, int count,
                                    struct exchange_group **group, struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    *group = NULL;
    if (first < 0 || first >= exchange->size || count < 1 || count > exchange->size) {
        return error_set(error, STATUS_INTERNAL, "exchange", NULL,
                         "a group of %d workers from %d was asked of %d workers", count, first,
                         exchange->size);
    }
    *group = calloc(1, sizeof **group);
    if (!*group) {
        return error_no_memory(error, "exchange");
    }
    (*group)->communicator = MPI_COMM_NULL;
    bool member = (exchange->rank - first + exchange->size) % exchange->size < count;
    MPI_Request request;
    int code = MPI_Ibarrier(mpi->communicator, &request);
    enum status status = finish(mpi, code, &request, "waiting for all workers", error);
    if (status == STATUS_OK && count == exchange->size) {
        (*group)->communicator = mpi->communicator;
    } else if (status == STATUS_OK && member && count > 1) {
        status = create_communicator(mpi, first, count, &(*group)->communicator, error);
        (*group)->owned = status == STATUS_OK;
    }
    if (status != STATUS_OK) {
        free(*group);
        *group = NULL;
    }
    return account(mpi, begin, status);
}

static void mpi_group_free(struct exchange *exchange, struct exchange_group *group)
{
    if (group && group->owned && !of(exchange)->lost) {
        MPI_Comm_free(&group->communicator);
    }
    free(group);
}

static enum status start_reduction(struct exchange_mpi *mpi, struct request_list *list, MPI_Comm communicator,
                                   MPI_Op operation, float *values, size_t count, struct error *error)
{
    enum status status = check_count(count, error);
    if (status == STATUS_OK) {
        status = request_list_reserve(list, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    count_bytes(mpi, list == &mpi->buckets ? TRAFFIC_GRADIENTS : TRAFFIC_REDUCTIONS, count * sizeof(float));
    int code = MPI_Iallreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, operation, communicator,
                              &list->request[list->count]);
    if (code != MPI_SUCCESS) {
        return fail(mpi, code, "starting a reduction", error);
    }
    list->count++;
    return STATUS_OK;
}

static enum status group_reduce(struct exchange *exchange, struct exchange_group *group, MPI_Op operation,
                                float *values, size_t count, struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    if (group->communicator == MPI_COMM_NULL || count == 0) {
        return STATUS_OK;
    }
    return account(
        mpi, begin,
        start_reduction(mpi, &mpi->reductions, group->communicator, operation, values, count, error));
}

static enum status mpi_group_max(struct exchange *exchange, struct exchange_group *group, float *values,
                                 size_t count, struct error *error)
{
    return group_reduce(exchange, group, MPI_MAX, values, count, error);
}

static enum status mpi_group_sum(struct exchange *exchange, struct exchange_group *group, float *values,
                                 size_t count, struct error *error)
{
    return group_reduce(exchange, group, MPI_SUM, values, count, error);
}

static enum status wait_list(struct exchange *exchange, struct request_list *list, const char *what,
                             struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    if (list->count == 0) {
        return STATUS_OK;
    }
    enum status status = wait_all(mpi, list->count, list->request, list->status, what, error);
    list->count = 0;
    return account(mpi, begin, status);
}

static enum status mpi_group_wait(struct exchange *exchange, struct error *error)
{
    return wait_list(exchange, &of(exchange)->reductions, "reducing over a group of workers", error);
}

/* Starts receiving a piece, or sending it. */
static enum status start_piece(struct exchange_mpi *mpi, const struct exchange_piece *piece, bool receives,
                               struct error *error)
{
    enum status status = check_count(piece->size, error);
    if (status == STATUS_OK) {
        status = request_list_reserve(&mpi->pieces, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    MPI_Request *request = &mpi->pieces.request[mpi->pieces.count];
    int size = (int)piece->size;
    int code =
        receives
            ? MPI_Irecv(piece->bytes, size, MPI_BYTE, piece->worker, PIECE_TAG, mpi->communicator, request)
            : MPI_Isend(piece->bytes, size, MPI_BYTE, piece->worker, PIECE_TAG, mpi->communicator, request);
    if (code != MPI_SUCCESS) {
        return fail(mpi, code, "trading with a worker", error);
    }
    mpi->pieces.count++;
    count_bytes(mpi, TRAFFIC_EMBEDDINGS, receives ? 0 : piece->size);
    return STATUS_OK;
}

static enum status mpi_trade(struct exchange *exchange, const struct exchange_piece *send, size_t sends,
                             const struct exchange_piece *receive, size_t receives, struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < receives && status == STATUS_OK; i++) {
        status = start_piece(mpi, &receive[i], true, error);
    }
    for (size_t i = 0; i < sends && status == STATUS_OK; i++) {
        status = start_piece(mpi, &send[i], false, error);
    }
    account(mpi, begin, status);
    return status == STATUS_OK ? wait_list(exchange, &mpi->pieces, "trading with the workers", error)
                               : status;
}

static enum status progress_direct(struct exchange_mpi *mpi, struct error *error)
{
    bool done;
    int code = direct_sums_progress(mpi->direct, &done);
    mpi->direct_under_way = !done;
    return code == MPI_SUCCESS ? STATUS_OK : fail(mpi, code, "summing gradients", error);
}

static enum status start_direct(struct exchange_mpi *mpi, float *values, size_t count, float *residual,
                                struct error *error)
{
    if (!mpi->direct) {
        mpi->direct =
            direct_sums_create(mpi->communicator, mpi->base.rank, &mpi->base.levels, mpi->base.threads);
    }
    if (!mpi->direct) {
        return error_no_memory(error, "exchange");
    }
    mpi->direct_under_way = true;
    int code = direct_sums_start(mpi->direct, values, count, residual, &mpi->base.bytes[TRAFFIC_GRADIENTS]);
    return code == MPI_SUCCESS ? STATUS_OK : fail(mpi, code, "starting a sum of gradients", error);
}

static enum status mpi_bucket_start(struct exchange *exchange, float *values, size_t count, float *residual,
                                    struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    if (count == 0) {
        return STATUS_OK;
    }
    if (!mpi->bucket_under_way) {
        mpi->bucket_under_way = true;
        mpi->bucket_begin = begin;
        mpi->bucket_waited = mpi->base.seconds_waited;
    }
    return account(mpi, begin,
                   exchange->own_sums ? start_direct(mpi, values, count, residual, error)
                                      : start_reduction(mpi, &mpi->buckets, mpi->communicator, MPI_SUM,
                                                        values, count, error));
}

static enum status mpi_buckets_progress(struct exchange *exchange, struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    struct request_list *list = &mpi->buckets;
    double begin = MPI_Wtime();
    for (int test = 0; test < PROGRESS_TESTS && list->count > 0; test++) {
        int completed = 0;
        int code = MPI_Testsome(list->count, list->request, &completed, list->completed, list->status);
        if (code != MPI_SUCCESS) {
            return account(mpi, begin, fail(mpi, code, "summing gradients", error));
        }
        if (completed > 0) {
            request_list_compact(list);
        }
    }
    enum status status = mpi->direct_under_way ? progress_direct(mpi, error) : STATUS_OK;
    return settle_buckets(mpi, account(mpi, begin, status));
}

static enum status mpi_buckets_wait(struct exchange *exchange, struct error *error)
{
    struct exchange_mpi *mpi = of(exchange);
    double begin = MPI_Wtime();
    struct wait wait = wait_begin();
    enum status status = STATUS_OK;
    while (mpi->direct_under_way && status == STATUS_OK) {
        status = progress_direct(mpi, error);
        if (mpi->direct_under_way && status == STATUS_OK) {
            wait_on(mpi, &wait);
        }
    }
    account(mpi, begin, status);
    return settle_buckets(
        mpi, status == STATUS_OK ? wait_list(exchange, &mpi->buckets, "summing gradients", error) : status);
}

static void mpi_close(struct exchange *exchange)
{
    struct exchange_mpi *mpi = of(exchange);
    if (!mpi->lost && mpi->communicator != MPI_COMM_NULL) {
        MPI_Comm_free(&mpi->communicator);
    }
    request_list_free(&mpi->reductions);
    request_list_free(&mpi->pieces);
    request_list_free(&mpi->buckets);
    /* MPI may still write to what is under way. */
    if (!mpi->lost && !mpi->direct_under_way) {
        direct_sums_free(mpi->direct);
    }
    free(mpi);
}

static const struct exchange_operations *mpi_operations(void)
{
    static const struct exchange_operations operations = {.allgather = mpi_allgather,
                                                          .trade = mpi_trade,
                                                          .broadcast = mpi_broadcast,
                                                          .sum_double = mpi_sum_double,
                                                          .group_create = mpi_group_create,
                                                          .group_free = mpi_group_free,
                                                          .group_max = mpi_group_max,
                                                          .group_sum = mpi_group_sum,
                                                          .group_wait = mpi_group_wait,
                                                          .bucket_start = mpi_bucket_start,
                                                          .buckets_progress = mpi_buckets_progress,
                                                          .buckets_wait = mpi_buckets_wait,
                                                          .close = mpi_close};
    return &operations;
}

/* Where MPI sums. For sums in place Open MPI 4 takes a tree, through whose root all bytes of all workers pass. Rabenseifner's
 * algorithm moves 2 (W-1)/W of the bytes through each worker, at the tree's latency: 176 MB in buckets of 8
 * MB over TCP on one host, two workers: 0.15 s instead of 0.30 s; four: 0.51 s instead of 0.64 s. */
void exchange_mpi_prepare(void)
{
    const char *rabenseifner = "3";
    setenv("OMPI_MCA_coll_libnbc_iallreduce_algorithm", rabenseifner, 0);
}

/* Where the workers stand, by the names of their hosts. */
static enum status look_around(struct exchange_mpi *mpi, struct error *error)
{
    char own[MPI_MAX_PROCESSOR_NAME] = "";
    int length = 0, size = mpi->base.size;
    int code = MPI_Get_processor_name(own, &length);
    if (code != MPI_SUCCESS) {
        return fail(mpi, code, "asking for the host's name", error);
    }
    char *names = calloc((size_t)size, sizeof own);
    int *host = calloc((size_t)size, sizeof *host);
    enum status status = names && host ? mpi_allgather(&mpi->base, own, sizeof own, names, error)
                                       : error_no_memory(error, "exchange");
    for (int w = 0; w < size && status == STATUS_OK; w++) {
        while (strcmp(names + (size_t)host[w] * sizeof own, names + (size_t)w * sizeof own) != 0) {
            host[w]++;
        }
    }
    if (status == STATUS_OK) {
        mpi->base.levels = sum_levels_choose(size, sum_levels_per_host(host, size));
        mpi->base.bytes[TRAFFIC_REST] = 0; /* of steps alone */
    }
    free(host);
    free(names);
    return status;
}

enum status exchange_mpi_create(MPI_Comm communicator, struct exchange **exchange, struct error *error)
{
    *exchange = NULL;
    struct exchange_mpi *mpi = calloc(1, sizeof *mpi);
    if (!mpi) {
        return error_no_memory(error, "exchange");
    }
    mpi->communicator = MPI_COMM_NULL;
    mpi->base.operations = mpi_operations();
    mpi->base.threads = 1;
    MPI_Request request;
    int code = MPI_Comm_idup(communicator, &mpi->communicator, &request);
    enum status status = finish(mpi, code, &request, "joining the workers", error);
    if (status == STATUS_OK) {
        code = MPI_Comm_set_errhandler(mpi->communicator, MPI_ERRORS_RETURN);
        /* Errors found in a test of nonblocking collectives, Open MPI raises on the world. */
        code = code ? code : MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        code = code ? code : MPI_Comm_rank(mpi->communicator, &mpi->base.rank);
        code = code ? code : MPI_Comm_size(mpi->communicator, &mpi->base.size);
        status =
            code == MPI_SUCCESS ? look_around(mpi, error) : fail(mpi, code, "joining the workers", error);
    }
    if (status != STATUS_OK) {
        mpi_close(&mpi->base);
        return status;
    }
    *exchange = &mpi->base;
    return STATUS_OK;
}
