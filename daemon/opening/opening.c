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
#define TELL_SECONDS 0.2
#define FOLDER_PATIENCE 10.0
#define FAULT_TAG 1
#define NOTE_TAG 2
#define NAME_SIZE 64

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

/* What a rank tells rank 0 while it is busy with an answer. */
enum news { NEWS_BEGUN, NEWS_PROGRESS, NEWS_DONE };
struct note {
    int news;
    char host[NAME_SIZE];
};

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

static void pause_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANOSECONDS}, NULL);
}

static void wait_for(MPI_Request *request)
{
    MPI_Status ignored;
    int done = 0;
    while (MPI_Test(request, &done, &ignored) == MPI_SUCCESS && !done) {
        pause_a_moment();
    }
}

static void broadcast(void *bytes, int size)
{
    MPI_Request request;
    MPI_Ibcast(bytes, size, MPI_BYTE, 0, MPI_COMM_WORLD, &request);
    wait_for(&request);
}

static void ask(enum kind kind, void *question, size_t size)
{
    struct heading heading = {.kind = (int)kind, .size = (int)size};
    broadcast(&heading, (int)sizeof heading);
    broadcast(question, (int)size);
}

/* --- How an answer gets on --- */

static void tell(enum news news)
{
    struct note note = {.news = (int)news};
    gethostname(note.host, sizeof note.host - 1);
    MPI_Send(&note, (int)sizeof note, MPI_BYTE, 0, NOTE_TAG, MPI_COMM_WORLD);
}

/* `context`: when it was told last. */
static void tell_progress(void *context)
{
    double *told = context, now = clock_monotonic();
    if (now - *told >= TELL_SECONDS) {
        *told = now;
        tell(NEWS_PROGRESS);
    }
}

/* A run that is watched shows life by the time of its log, where there is one yet. */
static void touch_log(const struct opening_desk *desk)
{
    char log[PATH_SIZE];
    if (file_join(desk->run_dir, "daild.log", log, NULL) == STATUS_OK) {
        (void)utimensat(AT_FDCWD, log, NULL, 0);
    }
}

/* Receives what has come. True: something has. */
static bool take_notes(struct note *last, int *done)
{
    MPI_Status status;
    int there = 0;
    bool any = false;
    while (MPI_Iprobe(MPI_ANY_SOURCE, NOTE_TAG, MPI_COMM_WORLD, &there, &status) == MPI_SUCCESS && there) {
        struct note *note = &last[status.MPI_SOURCE];
        MPI_Recv(note, (int)sizeof *note, MPI_BYTE, status.MPI_SOURCE, NOTE_TAG, MPI_COMM_WORLD, &status);
        *done += note->news == NEWS_DONE;
        any = true;
    }
    return any;
}

static enum status give_up(struct opening_desk *desk, const struct note *last, struct error *error)
{
    char names[256] = "";
    size_t used = 0;
    for (int rank = 1; rank <= workers() && used < sizeof names - NAME_SIZE - 24; rank++) {
        if (last[rank].news != NEWS_DONE) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%srank %d%s%s", used > 0 ? ", " : "",
                                     rank, last[rank].host[0] != '\0' ? "@" : "", last[rank].host);
        }
    }
    desk->stuck = true;
    return error_set(error, STATUS_LOST, names,
                     "see whether its host is up and reads its files, then start the run again",
                     "before the run began a rank has not got on for %.0f s", desk->patience);
}

/* Rank 0 waits until all others are done with their answers. */
static enum status wait_for_answers(struct opening_desk *desk, struct error *error)
{
    struct note *last = calloc((size_t)workers() + 1, sizeof *last);
    if (!last) {
        desk->stuck = true; /* the others wait for what does not come */
        return error_no_memory(error, desk->run_dir);
    }
    double heard = clock_monotonic(), touched = heard;
    enum status status = STATUS_OK;
    for (int done = 0; done < workers() && status == STATUS_OK;) {
        const double now = clock_monotonic();
        if (take_notes(last, &done)) {
            heard = now;
            if (now - touched >= TOUCH_SECONDS) {
                touched = now;
                touch_log(desk);
            }
        } else if (now - heard > desk->patience) {
            status = give_up(desk, last, error);
        } else {
            pause_a_moment();
        }
    }
    free(last);
    return status;
}

/* STATUS_OK where every rank fared well, on every rank. Else rank 0 learns the fault of the first that did not, which
 * `error` then names. */
static enum status settle(enum status status, struct error *error)
{
    const int rank = own_rank();
    int failed = status == STATUS_OK ? INT_MAX : rank, first;
    MPI_Request request;
    MPI_Iallreduce(&failed, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request);
    wait_for(&request);
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
        wait_for(&request);
        return error->status;
    }
    return STATUS_LOST;
}

/* --- The run's folder --- */

enum status opening_check_folder(struct opening_desk *desk, const char *nonce, struct error *error)
{
    struct folder_question question = {0};
    snprintf(question.run_dir, sizeof question.run_dir, "%s", desk->run_dir);
    snprintf(question.nonce, sizeof question.nonce, "%s", nonce);
    ask(KIND_FOLDER, &question, sizeof question);
    enum status status = wait_for_answers(desk, error);
    return status == STATUS_OK ? settle(STATUS_OK, error) : status;
}

static void answer_folder(const struct folder_question *question)
{
    struct error error = {0};
    enum status status = opening_see_folder(question->run_dir, question->nonce, FOLDER_PATIENCE, &error);
    tell(NEWS_DONE);
    settle(status, &error);
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
static void gather_crcs(uint32_t *crc, size_t pieces)
{
    MPI_Request request;
    MPI_Iallreduce(MPI_IN_PLACE, crc, (int)pieces, MPI_UINT32_T, MPI_BOR, MPI_COMM_WORLD, &request);
    wait_for(&request);
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

static enum status verify_listing(struct opening_desk *desk, const char *path,
                                  const struct checkpoint_listing *listing, struct error *error)
{
    size_t size, pieces = checkpoint_listing_pieces(listing);
    struct verify_question *question = make_verify_question(path, listing, &size);
    uint32_t *crc = calloc(pieces + 1, sizeof *crc);
    enum status status = question && crc ? STATUS_OK : error_no_memory(error, path);
    if (status == STATUS_OK) {
        ask(KIND_VERIFY, question, size);
        status = wait_for_answers(desk, error);
    }
    if (status == STATUS_OK && settle(STATUS_OK, error) != STATUS_OK) {
        status = judge_unread(path, error);
    } else if (status == STATUS_OK) {
        gather_crcs(crc, pieces);
        status = checkpoint_listing_judge(path, listing, crc, error);
    }
    free(crc);
    free(question);
    return status;
}

enum status opening_verify(void *context, const char *path, struct error *error)
{
    struct checkpoint_listing listing;
    enum status status = checkpoint_listing_open(path, workers(), &listing, error);
    if (status == STATUS_OK) {
        status = verify_listing(context, path, &listing, error);
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
    double told = 0;
    const struct checkpoint_progress progress = {.call = tell_progress, .context = &told};
    uint32_t *crc = calloc(pieces + 1, sizeof *crc);
    enum status status =
        crc ? opening_sum_share(question->path, &listing, own_rank() - 1, workers(), crc, &progress, &error)
            : error_no_memory(&error, question->path);
    tell(NEWS_DONE);
    if (settle(status, &error) == STATUS_OK) {
        gather_crcs(crc, pieces);
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
        if (heading.kind != KIND_END) {
            tell(NEWS_BEGUN);
        }
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
