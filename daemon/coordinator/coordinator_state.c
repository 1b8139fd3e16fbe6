#include "daemon/coordinator/coordinator_state.h"

#include "proto/clock.h"

#include <stdio.h>

void coordinator_name_worker(const struct coordinator *coordinator, int worker, char *text, size_t size)
{
    const char *host = coordinator->hello[worker].host;
    snprintf(text, size, "rank %d%s%s", worker + 1, host[0] != '\0' ? "@" : "", host);
}

enum status coordinator_send_all(struct coordinator *coordinator, const struct message *message,
                                 struct error *error)
{
    const struct coordinator_link *link = &coordinator->context->link;
    enum status status = STATUS_OK;
    for (int w = 0; w < link->workers && status == STATUS_OK; w++) {
        status = link->send(link->context, w, message, error);
    }
    return status;
}

void coordinator_fail(struct coordinator *coordinator, int worker, const struct error *error)
{
    char line[ERROR_LINE_SIZE], host[128] = "";
    struct error told = *error;
    error_format(error, line, sizeof line);
    if (worker >= 0) {
        char name[192];
        coordinator_name_worker(coordinator, worker, name, sizeof name);
        error_prefix_where(&told, name);
        snprintf(host, sizeof host, "%s", coordinator->hello[worker].host);
    }
    journal_fault(coordinator->journal, worker + 1, host, line);
    if (!coordinator->failed) {
        coordinator->failed = true;
        coordinator->failed_since = clock_monotonic();
        coordinator->fault = told;
    }
}

static void name_worker(void *context, int worker, char *text, size_t size)
{
    coordinator_name_worker(context, worker, text, size);
}

void coordinator_tell_slow(struct coordinator *coordinator)
{
    char text[768];
    const struct slowness *slowness = &coordinator->slowness;
    for (int i = 0; i < slowness->change_count; i++) {
        const struct slow_change *change = &slowness->changes[i];
        journal_slow(coordinator->journal, change->worker + 1, coordinator->hello[change->worker].host,
                     slow_kind_name(change->kind), change->begins, change->own, change->others,
                     change->share);
    }
    for (int kind = 0; kind < SLOW_KINDS; kind++) {
        for (int begins = 0; begins < 2; begins++) {
            if (slowness_describe(slowness, (enum slow_kind)kind, begins, name_worker, coordinator, text,
                                  sizeof text)) {
                journal_warn(coordinator->journal, text);
            }
        }
    }
}

bool coordinator_lost_folder(struct coordinator *coordinator)
{
    struct error error;
    struct folder_lock *lock = coordinator->context->lock;
    if (!folder_lock_is_lost(lock) || folder_lock_check(lock, &error) != STATUS_LOST) {
        return false;
    }
    coordinator->failed = false;
    coordinator_fail(coordinator, -1, &error);
    return true;
}
