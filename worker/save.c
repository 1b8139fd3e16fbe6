#include "worker/save.h"

#include "proto/clock.h"
#include "proto/thread.h"
#include "worker/checkpoint/checkpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The thread's accounts are read so often. */
#define LOOK_SECONDS 0.5

/* Whose the copy is: the trainer's, then the thread's, then the trainer's again to report what became of it.
 */
enum save_phase { SAVE_IDLE, SAVE_WRITING, SAVE_WRITTEN };

struct save {
    struct trainer *trainer;
    const char *run_dir, *owner;

    /* The copy. */
    /* [trainer->group_count]; those that this worker does not write stay zero. */
    struct parameter_group *groups;
    struct identity_groups *identity; /* NULL: none, or another worker writes them */
    struct save_moment moment;
    double stall;

    pthread_t thread;
    bool thread_runs, lock_made;
    pthread_mutex_t lock; /* guards phase and stop */
    pthread_cond_t wake;
    enum save_phase phase;
    bool stop;

    /* What the thread made of it: its own while SAVE_WRITING. */
    struct checkpoint_part *parts; /* [trainer->group_count] at most: model.h5 and class rows */
    size_t part_count;
    struct error failure; /* STATUS_OK: none */
    double seconds;

    char file[1024]; /* that the thread is at; guarded by lock */
    uint64_t files; /* that it has begun */
    long task; /* the thread's, as the system counts */
    uint64_t written; /* by it, as the system counts; and when that was asked for */
    double asked;

    int64_t pending_step; /* the coordinator's word on it is awaited; -1: none */
    int64_t committed_step;
};

/* What every worker has alike, the first one writes. */
static bool writes_model(const struct trainer *trainer)
{
    return trainer->exchange->rank == 0;
}

static bool writes(const struct trainer *trainer, const struct parameter_group *group)
{
    return group->owned_rows ? group->count > 0 : writes_model(trainer);
}

int64_t save_memory_bytes(const struct trainer *trainer)
{
    size_t count = 0;
    for (size_t i = 0; i < trainer->group_count; i++) {
        const struct parameter_group *group = &trainer->groups[i];
        if (writes(trainer, group)) {
            count += 2 * group->count + group->statistic_count + group->centre_count +
                     (group->loss_centre ? group->count : 0);
        }
    }
    return (int64_t)(count * sizeof(float));
}

/* --- The thread --- */

static void begin_file(struct save *save, const char *directory, const char *file)
{
    pthread_mutex_lock(&save->lock);
    snprintf(save->file, sizeof save->file, "%.700s/%.300s", directory, file);
    save->files++;
    pthread_mutex_unlock(&save->lock);
}

static enum status write_files(struct save *save)
{
    const struct trainer *trainer = save->trainer;
    char directory[1024], file[256];
    enum status status = STATUS_OK;
    checkpoint_path(save->run_dir, save->moment.step, save->owner, directory, sizeof directory);
    if (writes_model(trainer)) {
        begin_file(save, directory, "model.h5");
        status = checkpoint_write_model(directory, save->groups, trainer->group_count, save->identity,
                                        &save->parts[save->part_count++], &save->failure);
    }
    for (size_t i = 0; i < trainer->group_count && status == STATUS_OK; i++) {
        const struct parameter_group *group = &save->groups[i];
        if (group->owned_rows && group->count > 0) {
            snprintf(file, sizeof file, "classifier-%s", group->name);
            begin_file(save, directory, file);
            status = checkpoint_write_classifier(directory, group, &save->parts[save->part_count++],
                                                 &save->failure);
        }
    }
    return status;
}

static void write_parts(struct save *save)
{
    double begin = clock_monotonic();
    save->part_count = 0;
    save->failure = (struct error){0};
    begin_file(save, save->run_dir, "checkpoints");
    enum status status = checkpoint_begin(save->run_dir, save->owner, save->moment.step, &save->failure);
    if (status == STATUS_OK) {
        status = write_files(save);
    }
    save->failure.status = status;
    save->seconds = clock_monotonic() - begin;
}

static void *save_thread(void *context)
{
    struct save *save = context;
    pthread_mutex_lock(&save->lock);
    save->task = syscall(SYS_gettid);
    while (!save->stop) {
        if (save->phase == SAVE_WRITING) {
            pthread_mutex_unlock(&save->lock);
            write_parts(save);
            pthread_mutex_lock(&save->lock);
            save->phase = SAVE_WRITTEN;
            pthread_cond_broadcast(&save->wake);
        } else {
            pthread_cond_wait(&save->wake, &save->lock);
        }
    }
    pthread_mutex_unlock(&save->lock);
    return NULL;
}

/* --- Its making and end --- */

static bool lay_out(struct save *save)
{
    const struct trainer *trainer = save->trainer;
    save->parts = calloc(trainer->group_count, sizeof *save->parts);
    save->groups = calloc(trainer->group_count, sizeof *save->groups);
    bool complete = save->parts && save->groups;
    for (size_t i = 0; i < trainer->group_count && complete; i++) {
        if (writes(trainer, &trainer->groups[i])) {
            complete = parameter_group_create_copy(&trainer->groups[i], &save->groups[i]);
        }
    }
    struct error error;
    return complete && (!trainer->identity || !writes_model(trainer) ||
                        identity_groups_create(trainer->classes, trainer->datasets, &save->identity,
                                               &error) == STATUS_OK);
}

static enum status start_thread(struct save *save, struct error *error)
{
    pthread_mutex_init(&save->lock, NULL);
    pthread_cond_init(&save->wake, NULL);
    save->lock_made = true;
    enum status status = thread_start(&save->thread, save_thread, save, "checkpoint", error);
    save->thread_runs = status == STATUS_OK;
    return status;
}

enum status save_create(struct trainer *trainer, const char *owner, struct save **save, struct error *error)
{
    struct save *made = calloc(1, sizeof *made);
    enum status status = STATUS_OK;
    *save = NULL;
    if (made) {
        *made = (struct save){.trainer = trainer,
                              .run_dir = trainer->config->run.dir,
                              .owner = owner,
                              .pending_step = -1,
                              .committed_step = -1};
    }
    if (!made || !lay_out(made)) {
        status = error_no_memory(error, "checkpoint");
    } else {
        status = start_thread(made, error);
    }
    if (status != STATUS_OK) {
        save_free(made);
        return status;
    }
    *save = made;
    return STATUS_OK;
}

void save_free(struct save *save)
{
    if (!save) {
        return;
    }
    if (save->thread_runs) {
        pthread_mutex_lock(&save->lock);
        save->stop = true;
        pthread_cond_broadcast(&save->wake);
        pthread_mutex_unlock(&save->lock);
        pthread_join(save->thread, NULL);
    }
    if (save->lock_made) {
        pthread_cond_destroy(&save->wake);
        pthread_mutex_destroy(&save->lock);
    }
    for (size_t i = 0; save->groups && i < save->trainer->group_count; i++) {
        parameter_group_free_copy(&save->groups[i]);
    }
    identity_groups_free(save->identity);
    free(save->groups);
    free(save->parts);
    free(save);
}

/* --- The trainer's side --- */

void save_begin(struct save *save, const struct save_moment *moment, double since)
{
    const struct trainer *trainer = save->trainer;
    for (size_t i = 0; i < trainer->group_count; i++) {
        if (writes(trainer, &trainer->groups[i])) {
            parameter_group_copy(&trainer->groups[i], &save->groups[i]);
        }
    }
    if (save->identity) {
        identity_groups_set(save->identity, trainer->identity->home);
    }
    save->moment = *moment;
    save->pending_step = moment->step;
    save->stall = clock_monotonic() - since;
    pthread_mutex_lock(&save->lock);
    save->phase = SAVE_WRITING;
    pthread_cond_broadcast(&save->wake);
    pthread_mutex_unlock(&save->lock);
}

static struct message saved_message(const struct save *save)
{
    struct message message = {.kind = MESSAGE_SAVED,
                              .saved = {.step = save->moment.step,
                                        .status = (uint32_t)save->failure.status,
                                        .skips = save->moment.skips,
                                        .evaluate = save->moment.evaluate,
                                        .stall = save->stall,
                                        .seconds = save->seconds}};
    memcpy(message.saved.what, save->failure.what, sizeof message.saved.what);
    memcpy(message.saved.where, save->failure.where, sizeof message.saved.where);
    memcpy(message.saved.next, save->failure.next, sizeof message.saved.next);
    return message;
}

static enum status send_report(const struct save *save, const struct worker_link *link, struct error *error)
{
    enum status status = STATUS_OK;
    size_t count = save->failure.status == STATUS_OK ? save->part_count : 0;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct checkpoint_part *part = &save->parts[i];
        struct message message = {
            .kind = MESSAGE_PART,
            .part = {.step = save->moment.step, .bytes = part->bytes, .crc = part->crc}};
        memcpy(message.part.file, part->file, sizeof part->file);
        status = link->send(link->context, &message, error);
    }
    if (status == STATUS_OK) {
        struct message message = saved_message(save);
        status = link->send(link->context, &message, error);
    }
    return status;
}

enum status save_report(struct save *save, const struct worker_link *link, struct error *error)
{
    pthread_mutex_lock(&save->lock);
    bool written = save->phase == SAVE_WRITTEN;
    if (written) {
        save->phase = SAVE_IDLE;
    }
    pthread_mutex_unlock(&save->lock);
    return written ? send_report(save, link, error) : STATUS_OK;
}

bool save_is_writing(struct save *save)
{
    pthread_mutex_lock(&save->lock);
    bool writing = save->phase == SAVE_WRITING;
    pthread_mutex_unlock(&save->lock);
    return writing;
}

bool save_look(struct save *save, char *file, size_t size, uint64_t *written)
{
    double now = clock_monotonic();
    pthread_mutex_lock(&save->lock);
    bool writing = save->phase == SAVE_WRITING;
    snprintf(file, size, "%s", writing ? save->file : "");
    uint64_t files = save->files;
    pthread_mutex_unlock(&save->lock);
    if (writing && now - save->asked > LOOK_SECONDS) {
        save->asked = now;
        save->written = thread_transferred(save->task);
    }
    *written = files + save->written;
    return writing;
}

void save_settle(struct save *save, int64_t step, enum status outcome)
{
    if (step != save->pending_step) {
        return;
    }
    save->pending_step = -1;
    if (outcome == STATUS_OK) {
        save->committed_step = step;
    }
}

bool save_is_settled(const struct save *save)
{
    return save->pending_step < 0;
}

int64_t save_committed_step(const struct save *save)
{
    return save->committed_step;
}
