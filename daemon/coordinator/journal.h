/* A run's written traces: config.yaml, status.jsonl for programs, daild.log for people, and, where asked for,
 * event files for TensorBoard. What goes to the log is also printed. A log that cannot be written is told
 * once on stderr and does not end the run.
 */
#ifndef DAIL_DAEMON_COORDINATOR_JOURNAL_H
#define DAIL_DAEMON_COORDINATOR_JOURNAL_H

#include "proto/error.h"
#include "proto/event_log.h"
#include "proto/file.h"
#include "proto/folder_lock.h"
#include "proto/status/status_log.h"

#include <stdbool.h>
#include <stdio.h>

struct journal {
    struct folder_lock *lock; /* on the run's folder, or NULL */
    struct status_log records;
    FILE *log;
    char log_path[PATH_SIZE];
    bool has_events; /* records go to `events` too */
    struct event_log events;
    bool quiet; /* prints nothing: for tests */
    bool broken;
};

/* Makes the run directory and opens the logs for appending. STATUS_STORAGE if that is not possible. Where `lock`, which
 * is the directory's or NULL, is lost, nothing more is written there. A log that someone moves away goes on under its
 * own name. */
enum status journal_open(const char *run_dir, const struct status_log_limits *limits,
                         struct folder_lock *lock, struct journal *journal, struct error *error);
void journal_close(struct journal *journal);

/* From now on what records hold of curves goes to a new event file in <run_dir>/tensorboard too. `step`: done
 * before; curves that go beyond it belong to a history that is not continued. STATUS_STORAGE. */
enum status journal_open_events(const char *run_dir, int64_t step, struct journal *journal,
                                struct error *error);

/* Replaces <run_dir>/config.yaml, by a temporary name and rename. */
enum status journal_write_config(const char *run_dir, const char *text, struct error *error);

/* The log's modification time tells a supervisor that the coordinator lives: to be called about once a
 * second. */
void journal_touch(struct journal *journal);

/* Appends one record (journal_record.h makes them). */
void journal_write(struct journal *journal, const struct status_record *record);

/* One line, without its end. */
void journal_line(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line for the log alone: for what is printed elsewhere. */
void journal_note(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
