#include "daemon/supervisor/run_watch.h"

#include "daemon/supervisor/launch.h"
#include "proto/clock.h"
#include "proto/file.h"
#include "proto/text.h"

#include <stdio.h>
#include <sys/stat.h>

static void log_time(const struct run_watch *watch, struct timespec *changed)
{
    struct stat file;
    *changed = stat(watch->log_path, &file) == 0 ? file.st_mtim : (struct timespec){0};
}

void run_watch_open(struct run_watch *watch, const char *run_dir)
{
    char path[PATH_SIZE] = "";
    *watch = (struct run_watch){.checkpoint_step = -1, .sign = clock_monotonic()};
    /* A name that is too long is refused by daild. */
    file_join(run_dir, "daild.log", watch->log_path, NULL);
    file_join(run_dir, "status.jsonl", path, NULL);
    log_time(watch, &watch->log_changed);
    status_reader_open(&watch->reader, path);
    status_reader_skip(&watch->reader);
}

static void take_fault(struct run_watch *watch, const struct status_fault *fault)
{
    if (watch->fault[0] == '\0') {
        snprintf(watch->fault, sizeof watch->fault, "rank %d%s%s: %s", (int)fault->rank,
                 fault->host[0] != '\0' ? "@" : "", fault->host, fault->what);
    }
}

static void take(struct run_watch *watch, const struct status_record *record)
{
    switch (record->kind) {
    case STATUS_KIND_START:
        watch->started = true;
        watch->lanes = (int)record->start.lanes;
        watch->start_step = record->start.step;
        break;
    case STATUS_KIND_CHECKPOINT:
        watch->checkpoint_step = record->checkpoint.step;
        break;
    case STATUS_KIND_FAULT:
        take_fault(watch, &record->fault);
        break;
    case STATUS_KIND_STOP:
        watch->stopped = true;
        watch->exit_code = (int)record->stop.exit_code;
        text_copy(record->stop.reason, watch->reason, sizeof watch->reason);
        break;
    default:
        break;
    }
}

void run_watch_look(struct run_watch *watch)
{
    struct timespec changed;
    log_time(watch, &changed);
    if (changed.tv_sec != watch->log_changed.tv_sec || changed.tv_nsec != watch->log_changed.tv_nsec) {
        watch->log_changed = changed;
        watch->sign = clock_monotonic();
        watch->alive = true;
    }
    struct status_record record;
    while (status_reader_next(&watch->reader, &record)) {
        take(watch, &record);
        status_record_free(&record);
    }
}

bool run_watch_progressed(const struct run_watch *watch)
{
    return watch->started && watch->checkpoint_step > watch->start_step;
}

void run_watch_close(struct run_watch *watch)
{
    status_reader_close(&watch->reader);
}
