#include "daemon/coordinator/journal.h"

#include "daemon/coordinator/tensorboard.h"
#include "proto/clock.h"
#include "proto/file.h"
#include "proto/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static enum status open_log(const char *path, FILE **log, struct error *error)
{
    int descriptor;
    enum status status = file_append(path, &descriptor, error);
    if (status != STATUS_OK) {
        return status;
    }
    *log = fdopen(descriptor, "a");
    if (!*log) {
        status = file_storage_error(error, path, "opening the log", errno);
        close(descriptor);
    }
    return status;
}

enum status journal_open(const char *run_dir, const struct status_log_limits *limits,
                         struct folder_lock *lock, struct journal *journal, struct error *error)
{
    char path[PATH_SIZE];
    *journal = (struct journal){.lock = lock, .records.descriptor = -1, .events.descriptor = -1};
    enum status status = file_make_directory(run_dir, error);
    if (status == STATUS_OK) {
        status = file_join(run_dir, "daild.log", journal->log_path, error);
    }
    if (status == STATUS_OK) {
        status = open_log(journal->log_path, &journal->log, error);
    }
    if (status == STATUS_OK) {
        status = file_join(run_dir, "status.jsonl", path, error);
    }
    return status == STATUS_OK ? status_log_open(&journal->records, path, limits, lock, error) : status;
}

void journal_close(struct journal *journal)
{
    if (journal->records.descriptor >= 0) {
        status_log_close(&journal->records);
    }
    if (journal->log) {
        fclose(journal->log);
    }
    if (journal->has_events) {
        event_log_close(&journal->events);
    }
    *journal = (struct journal){.records.descriptor = -1, .events.descriptor = -1};
}

enum status journal_open_events(const char *run_dir, int64_t step, struct journal *journal,
                                struct error *error)
{
    char path[PATH_SIZE];
    enum status status = file_join(run_dir, "tensorboard", path, error);
    if (status == STATUS_OK) {
        status = event_log_open(&journal->events, path, clock_unix(), step + 1, error);
    }
    journal->has_events = status == STATUS_OK;
    return status;
}

enum status journal_write_config(const char *run_dir, const char *text, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = file_join(run_dir, "config.yaml", path, error);
    return status == STATUS_OK ? file_write_atomic(path, text, strlen(text), error) : status;
}

static void tell_broken(struct journal *journal, const struct error *error)
{
    char line[ERROR_LINE_SIZE];
    if (!journal->broken && !journal->quiet) {
        fprintf(stderr, "daild: warning: the logs are not complete: %s\n",
                error_format(error, line, sizeof line));
    }
    journal->broken = true;
}

/* Goes on at the log's path where that names another file by now, as after logrotate, or none. */
static void follow_log(struct journal *journal)
{
    struct stat open, named;
    struct error error = {0};
    FILE *log;
    if (fstat(fileno(journal->log), &open) == 0 && stat(journal->log_path, &named) == 0 &&
        open.st_ino == named.st_ino && open.st_dev == named.st_dev) {
        return;
    }
    if (open_log(journal->log_path, &log, &error) != STATUS_OK) {
        tell_broken(journal, &error);
        return;
    }
    fclose(journal->log);
    journal->log = log;
}

void journal_touch(struct journal *journal)
{
    if (journal->log && !folder_lock_is_lost(journal->lock)) {
        follow_log(journal);
        futimens(fileno(journal->log), NULL);
    }
}

static void write_events(struct journal *journal, const struct status_record *record)
{
    struct event_scalar scalars[TENSORBOARD_SCALARS_MAX];
    struct error error = {0};
    int64_t step;
    size_t count = tensorboard_scalars(record, &step, scalars);
    if (count > 0 &&
        event_log_scalars(&journal->events, clock_unix(), step, scalars, count, &error) != STATUS_OK) {
        tell_broken(journal, &error);
    }
}

void journal_write(struct journal *journal, const struct status_record *record)
{
    struct error error = {0};
    if (folder_lock_is_lost(journal->lock)) {
        return;
    }
    if (journal->has_events) {
        write_events(journal, record);
    }
    enum status status = status_log_write(&journal->records, record, &error);
    if (status != STATUS_OK && status != STATUS_LOST) {
        tell_broken(journal, &error);
    }
}

static void write_line(struct journal *journal, bool print, const char *format, va_list arguments)
{
    char stamp[32], *text = text_format_list(format, arguments);
    const char *line = text ? text : "a line for which there is no memory";
    time_t now = time(NULL);
    struct tm parts;
    if (print && !journal->quiet) {
        printf("%s\n", line);
        fflush(stdout);
    }
    if (folder_lock_is_lost(journal->lock)) {
        return;
    }
    follow_log(journal);
    localtime_r(&now, &parts);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
    if (fprintf(journal->log, "%s %s\n", stamp, line) < 0 || fflush(journal->log) != 0) {
        struct error error = {0};
        file_storage_error(&error, "daild.log", "writing", errno);
        tell_broken(journal, &error);
    }
    free(text);
}

void journal_line(struct journal *journal, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(journal, true, format, arguments);
    va_end(arguments);
}

void journal_note(struct journal *journal, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(journal, false, format, arguments);
    va_end(arguments);
}
