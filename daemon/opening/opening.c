#include "daemon/opening/opening.h"

#include "daemon/opening/opening_tasks.h"
#include "proto/clock.h"
#include "proto/file.h"

#include <fcntl.h>
#include <limits.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NANOSECONDS 2000000L
#define TOUCH_SECONDS 1.0
#define FOLDER_PATIENCE 10.0
#define FAULT_TAG 1

enum kind { KIND_END, KIND_FOLDER, KIND_VERIFY };

/* What comes next is `size` bytes of it. */
struct heading {
    int kind, size;
};

struct folder_question {
    char run_dir[PATH_SIZE];
    char nonce[FOLDER_NONCE_SIZE];
};

/* `count` struct checkpoint_part follow it. */
struct verify_question {
    char path[PATH_SIZE];
    uint64_t piece_bytes, count;
};

/* --- Waiting --- */

struct life {
    char log[PATH_SIZE]; /* empty: nobody looks */
    double shown;
};

/* A run that is watched shows life by the time of its log, where there is one yet. */
static void show_life(struct life *life)
{
    const double now = clock_monotonic();
    if (life && life->log[0] != '\0' && now - life->shown >= TOUCH_SECONDS) {
        life->shown = now;
        (void)utimensat(AT_FDCWD, life->log, NULL, 0);
    }
}

static void wait_for(MPI_Request *request, struct life *life)
{
    MPI_Status ignored;
    int done = 0;
    while (MPI_Test(request, &done, &ignored) == MPI_SUCCESS && !done) {
        show_life(life);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANOSECONDS}, NULL);
    }
}

static void broadcast(void *bytes, int size)
{
    MPI_Request request;
    MPI_Ibcast(bytes, size, MPI_BYTE, 0, MPI_COMM_WORLD, &request);
    wait_for(&request, NULL);
}

static void ask(enum kind kind, void *question, size_t size)
{
    struct heading heading = {.kind = (int)kind, .size = (int)size};
    broadcast(&heading, (int)sizeof heading);
    broadcast(question, (int)size);
}

static int own_rank(void)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

static int workers(void)
{
    int ranks;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    return ranks - 1;
}

/* STATUS_OK where every rank fared well, on every rank. Else rank 0 learns the fault of the first that did not, which
 * `error` then names. */
static enum status settle(enum status status, struct life *life, struct error *error)
{
    const int rank = own_rank();
    int failed = status == STATUS_OK ? INT_MAX : rank, first;
    MPI_Request request;
    MPI_Iallreduce(&failed, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request);
    wait_for(&request, life);
    if (first == INT_MAX) {
        return STATUS_OK;
    }
    if (rank == first) {
        char host[128] = "", name[192];
        gethostname(host, sizeof host - 1);
        snprintf(name, sizeof name, "rank %d@%s", rank, host);
        error_prefix_where(error, name);
        MPI_Send(error, (int)sizeof *error, MPI_BYTE, 0, FAULT_TAG, MPI_COMM_WORLD);
    } else if (rank == 0) {
        MPI_Irecv(error, (int)sizeof *error, MPI_BYTE, first, FAULT_TAG, MPI_COMM_WORLD, &request);
        wait_for(&request, life);
        return error->status;
    }
    return STATUS_LOST;
}

/* --- The run's folder --- */

enum status opening_check_folder(const char *run_dir, const char *nonce, struct error *error)
{
    struct folder_question question = {0};
    snprintf(question.run_dir, sizeof question.run_dir, "%s", run_dir);
    snprintf(question.nonce, sizeof question.nonce, "%s", nonce);
    ask(KIND_FOLDER, &question, sizeof question);
    return settle(STATUS_OK, NULL, error);
}

static void answer_folder(const struct folder_question *question)
{
    struct error error = {0};
    enum status status = opening_see_folder(question->run_dir, question->nonce, FOLDER_PATIENCE, &error);
    settle(status, NULL, &error);
}

/* --- A checkpoint --- */

static struct verify_question *make_verify_question(const char *path,
                                                    const struct checkpoint_listing *listing, size_t *size)
{
    *size = sizeof(struct verify_question) + listing->count * sizeof *listing->parts;
    struct verify_question *question = *size <= INT_MAX ? calloc(1, *size) : NULL;
    if (question) {
        snprintf(question->path, sizeof question->path, "%s", path);
        question->piece_bytes = listing->piece_bytes;
        question->count = listing->count;
        memcpy(question + 1, listing->parts, listing->count * sizeof *listing->parts);
    }
    return question;
}

/* All crcs together: each rank has those of its own pieces, and zeros. */
static void gather_crcs(uint32_t *crc, size_t pieces, struct life *life)
{
    MPI_Request request;
    MPI_Iallreduce(MPI_IN_PLACE, crc, (int)pieces, MPI_UINT32_T, MPI_BOR, MPI_COMM_WORLD, &request);
    wait_for(&request, life);
}

/* A rank could not read its share. Where rank 0 cannot either, the checkpoint is damaged. */
static enum status judge_unread(const char *path, struct error *error)
{
    const struct error unread = *error;
    enum status status = checkpoint_verify(path, true, error);
    if (status == STATUS_OK) {
        status = error_set(error, STATUS_LOST, unread.where,
                           "see to the file system on that host: the checkpoint itself is sound",
                           "a rank cannot read the checkpoint that others can read: %s", unread.what);
    }
    return status;
}

static enum status verify_listing(const char *path, const struct checkpoint_listing *listing,
                                  struct life *life, struct error *error)
{
    size_t size, pieces = checkpoint_listing_pieces(listing);
    struct verify_question *question = make_verify_question(path, listing, &size);
    uint32_t *crc = calloc(pieces + 1, sizeof *crc);
    enum status status = question && crc ? STATUS_OK : error_no_memory(error, path);
    if (status == STATUS_OK) {
        ask(KIND_VERIFY, question, size);
        status = settle(STATUS_OK, life, error);
        if (status == STATUS_OK) {
            gather_crcs(crc, pieces, life);
            status = checkpoint_listing_judge(path, listing, crc, error);
        } else {
            status = judge_unread(path, error);
        }
    }
    free(crc);
    free(question);
    return status;
}

enum status opening_verify(void *context, const char *path, struct error *error)
{
    struct checkpoint_listing listing;
    struct life life = {0};
    if (file_join(context, "daild.log", life.log, NULL) != STATUS_OK) {
        life.log[0] = '\0';
    }
    enum status status = checkpoint_listing_open(path, workers(), &listing, error);
    if (status == STATUS_OK) {
        status = verify_listing(path, &listing, &life, error);
    }
    checkpoint_listing_close(&listing);
    return status;
}

static void answer_verify(struct verify_question *question)
{
    const struct checkpoint_listing listing = {.parts = (struct checkpoint_part *)(question + 1),
                                               .count = (size_t)question->count,
                                               .piece_bytes = question->piece_bytes};
    struct error error = {0};
    const size_t pieces = checkpoint_listing_pieces(&listing);
    uint32_t *crc = calloc(pieces + 1, sizeof *crc);
    enum status status =
        crc ? opening_sum_share(question->path, &listing, own_rank() - 1, workers(), crc, &error)
            : error_no_memory(&error, question->path);
    if (settle(status, NULL, &error) == STATUS_OK) {
        gather_crcs(crc, pieces, NULL);
    }
    free(crc);
}

/* --- Both ends --- */

void opening_end(const struct opening *opening)
{
    struct opening told = *opening;
    ask(KIND_END, &told, sizeof told);
}

void opening_serve(struct opening *opening)
{
    for (;;) {
        struct heading heading;
        broadcast(&heading, (int)sizeof heading);
        void *question = malloc((size_t)heading.size);
        if (!question) { /* mpirun ends the others */
            _exit(STATUS_INTERNAL);
        }
        broadcast(question, heading.size);
        switch ((enum kind)heading.kind) {
        case KIND_FOLDER:
            answer_folder(question);
            break;
        case KIND_VERIFY:
            answer_verify(question);
            break;
        case KIND_END:
            memcpy(opening, question, sizeof *opening);
            break;
        }
        free(question);
        if (heading.kind == KIND_END) {
            return;
        }
    }
}
