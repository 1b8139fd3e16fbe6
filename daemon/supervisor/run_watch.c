#include "daemon/supervisor/run_watch.h"

#include "daemon/supervisor/launch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void log_time(const struct run_watch *watch, struct timespec *changed)
{
    struct stat file;
    *changed = stat(watch->log_path, &file) == 0 ? file.st_mtim : (struct timespec){0};
}

void run_watch_open(struct run_watch *watch, const char *run_dir)
{
    char path[1024];
    *watch = (struct run_watch){.checkpoint_step = -1, .sign = launch_clock()};
    snprintf(watch->log_path, sizeof watch->log_path, "%s/daild.log", run_dir);
    snprintf(path, sizeof path, "%s/status.jsonl", run_dir);
    log_time(watch, &watch->log_changed);
    status_reader_open(&watch->reader, path);
    for (json_t *old = status_reader_next(&watch->reader); old; old = status_reader_next(&watch->reader)) {
        json_decref(old);
    }
}

static int64_t whole_number(const json_t *record, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(record, key));
}

static void take_fault(struct run_watch *watch, const json_t *record)
{
    const char *what = json_string_value(json_object_get(record, "what"));
    const char *host = json_string_value(json_object_get(record, "host"));
    if (watch->fault[0] == '\0' && what) {
        snprintf(watch->fault, sizeof watch->fault, "rank %d%s%s: %s", (int)whole_number(record, "rank"),
                 host && host[0] != '\0' ? "@" : "", host ? host : "", what);
    }
}

static void take(struct run_watch *watch, const json_t *record)
{
    const char *kind = json_string_value(json_object_get(record, "kind"));
    if (!kind) {
        return;
    }
    if (strcmp(kind, "start") == 0) {
        watch->started = true;
        watch->lanes = (int)whole_number(record, "lanes");
        watch->start_step = whole_number(record, "step");
    } else if (strcmp(kind, "checkpoint") == 0) {
        watch->checkpoint_step = whole_number(record, "step");
    } else if (strcmp(kind, "fault") == 0) {
        take_fault(watch, record);
    } else if (strcmp(kind, "stop") == 0) {
        watch->stopped = true;
        watch->exit_code = (int)whole_number(record, "exit_code");
    }
}

void run_watch_look(struct run_watch *watch)
{
    struct timespec changed;
    log_time(watch, &changed);
    if (changed.tv_sec != watch->log_changed.tv_sec || changed.tv_nsec != watch->log_changed.tv_nsec) {
        watch->log_changed = changed;
        watch->sign = launch_clock();
        watch->alive = true;
    }
    for (json_t *record = status_reader_next(&watch->reader); record;
         record = status_reader_next(&watch->reader)) {
        take(watch, record);
        json_decref(record);
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
