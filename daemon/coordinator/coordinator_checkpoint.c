#include "daemon/coordinator/coordinator_checkpoint.h"

#include "proto/clock.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A checkpoint that could not be written is tried again after so many seconds, and twice as many each time.
 */
#define RETRY_SECONDS 5.0
#define RETRY_SECONDS_MAX 600.0

/* "step 8", or what there is instead. */
static void name_safe_state(const struct coordinator *coordinator, char *text, size_t size)
{
    if (coordinator->saved.step >= 0) {
        snprintf(text, size, "the newest checkpoint is that of step %lld",
                 (long long)coordinator->saved.step);
    } else {
        snprintf(text, size, "there is no checkpoint yet");
    }
}

static void take_failure(struct coordinator *coordinator, const struct checkpoint_outcome *outcome,
                         const struct error *failure)
{
    char line[ERROR_LINE_SIZE], safe[96];
    double wait = RETRY_SECONDS;
    for (int i = 0; i < coordinator->saved.failures && wait < RETRY_SECONDS_MAX; i++) {
        wait *= 2;
    }
    wait = wait < RETRY_SECONDS_MAX ? wait : RETRY_SECONDS_MAX;
    coordinator->saved.failures++;
    coordinator->saved.retry = clock_monotonic() + wait;
    coordinator->saved.failed_step = outcome->step;
    coordinator->saved.failure = *failure;
    if (outcome->culprit >= 0) {
        char name[192];
        coordinator_name_worker(coordinator, outcome->culprit, name, sizeof name);
        error_prefix_where(&coordinator->saved.failure, name);
    }
    name_safe_state(coordinator, safe, sizeof safe);
    char *text = text_format(
        "the checkpoint of step %lld could not be written; %s, and it is tried again in %.0f s, or when "
        "the next is due: %s",
        (long long)outcome->step, safe, wait, error_format(&coordinator->saved.failure, line, sizeof line));
    journal_warn(coordinator->journal,
                 text ? text : "a checkpoint could not be written, and memory runs out");
    free(text);
}

/* Whose disk held that checkpoint up, `since` seconds after the one before. */
static void judge_writing(struct coordinator *coordinator, bool written, double since)
{
    if (written) {
        slowness_take_checkpoint(&coordinator->slowness, coordinator->writing, since);
        coordinator_tell_slow(coordinator);
    }
    memset(coordinator->writing, 0, (size_t)coordinator->setup->workers * sizeof *coordinator->writing);
}

static void take_success(struct coordinator *coordinator, const struct checkpoint_outcome *outcome,
                         const struct error *failure)
{
    if (outcome->prune != STATUS_OK) {
        char line[ERROR_LINE_SIZE];
        journal_warn(coordinator->journal, error_format(failure, line, sizeof line));
    }
    coordinator->saved.step = outcome->step;
    coordinator->saved.failures = 0;
    journal_checkpoint(coordinator->journal, outcome->step, outcome->path, outcome->bytes, outcome->seconds,
                       outcome->stall);
    journal_line(coordinator->journal,
                 "step %lld: checkpoint %s, %.1f MB in %.2f s, of which training stood still %.3f s",
                 (long long)outcome->step, outcome->path, (double)outcome->bytes / 1e6, outcome->seconds,
                 outcome->stall);
}

enum status coordinator_take_saved(struct coordinator *coordinator, int worker,
                                   const struct message_saved *saved, struct error *error)
{
    struct checkpoint_outcome outcome;
    struct error failure = {0};
    char path[1024];
    double begin = clock_monotonic();
    coordinator->writing[worker].seconds = saved->seconds;
    coordinator->writing[worker].stall = saved->stall;
    struct message_heartbeat sign = {.step = saved->step, .phase = PHASE_CHECKPOINT};
    checkpoint_path(coordinator->setup->config.run.dir, saved->step, NULL, path, sizeof path);
    snprintf(sign.file, sizeof sign.file, "%.190s", path);
    watchdog_progress(coordinator->context->watchdog, &sign);
    enum status status =
        checkpoint_writer_saved(&coordinator->checkpoints, worker, saved, &outcome, &failure);
    if (status != STATUS_OK) {
        *error = failure;
        return status;
    }
    if (!outcome.settled) {
        return STATUS_OK;
    }
    if (folder_lock_is_lost(coordinator->context->lock)) {
        return STATUS_OK; /* which ends the run */
    }
    double now = clock_monotonic();
    outcome.seconds += outcome.stall + now - begin;
    coordinator->saved.requested = false;
    judge_writing(coordinator, outcome.status == STATUS_OK, now - coordinator->saved.settled);
    coordinator->saved.settled = now;
    if (outcome.status == STATUS_OK) {
        take_success(coordinator, &outcome, &failure);
    } else {
        take_failure(coordinator, &outcome, &failure);
    }
    struct message message = {.kind = MESSAGE_COMMITTED,
                              .committed = {.step = outcome.step, .status = (uint32_t)outcome.status}};
    return coordinator_send_all(coordinator, &message, error);
}

bool coordinator_requests_checkpoint(struct coordinator *coordinator)
{
    double every = coordinator->setup->config.checkpoint.every_minutes * 60;
    double now = clock_monotonic();
    bool due = every > 0 && now - coordinator->saved.settled > every;
    bool again = coordinator->saved.failures > 0 && now > coordinator->saved.retry;
    if (coordinator->saved.requested || (!due && !again)) {
        return false;
    }
    coordinator->saved.requested = true;
    return true;
}

enum status coordinator_unsaved(const struct coordinator *coordinator, struct error *error)
{
    const struct error *failure = &coordinator->saved.failure;
    char next[128];
    if (coordinator->saved.step >= 0) {
        snprintf(next, sizeof next,
                 "free space or mend the disk and submit again: the run goes on from step %lld",
                 (long long)coordinator->saved.step);
    } else {
        snprintf(next, sizeof next,
                 "free space or mend the disk and submit again: nothing is saved, it starts anew");
    }
    return error_set(error, STATUS_STORAGE, failure->where, next,
                     "the run ends at step %lld without a checkpoint of it: %s",
                     (long long)coordinator->saved.failed_step, failure->what);
}
