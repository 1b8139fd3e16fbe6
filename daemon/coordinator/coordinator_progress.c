#include "daemon/coordinator/coordinator_progress.h"

#include "proto/clock.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>

/* A step takes no longer than so many of those before it; and before the first one, workers build and load the model in
 * long pieces. */
#define STEP_FACTOR 5
#define START_FACTOR 5
/* The run ends when it has stood still for so many times what is worth a warning. */
#define END_FACTOR 10
#define STOP_FACTOR 3
/* It is looked so often. */
#define LOOK_SECONDS 0.1
/* What the time between two looks counts at most: this process may have been stopped. */
#define LOOK_SECONDS_MAX 1.0

struct standstill {
    int worker; /* whose fault it is; -1: all wait for each other */
    struct message_heartbeat sign; /* its */
};

/* What a worker is at, as it last said. */
static struct message_heartbeat sign_of(const struct coordinator *coordinator, int worker)
{
    struct watchdog_heartbeat heartbeat;
    if (!coordinator->context->watchdog) {
        return coordinator->view[worker].sign;
    }
    watchdog_look(coordinator->context->watchdog, worker, &heartbeat);
    return heartbeat.sign;
}

/* Whether any worker has done something since the last look, or none is left; takes note of who was asked to stop. */
static bool has_moved(struct coordinator *coordinator)
{
    uint64_t work = 0;
    int left = 0;
    for (int w = 0; w < coordinator->setup->workers; w++) {
        struct message_heartbeat sign = sign_of(coordinator, w);
        work += sign.work + (uint64_t)coordinator->view[w].step + coordinator->view[w].introduced +
                coordinator->view[w].done;
        left += !coordinator->view[w].done;
        coordinator->stop_asked = coordinator->stop_asked || sign.asked;
    }
    bool moved = work != coordinator->progress.work || left == 0;
    coordinator->progress.work = work;
    return moved;
}

/* How likely it is that what a worker waits for is its own to do. */
static int blame_of(const struct coordinator *coordinator, int worker, const struct message_heartbeat *sign)
{
    if (!coordinator->view[worker].introduced) {
        return 4;
    }
    switch (sign->waiting) {
    case WAITING_FILE:
        return 3;
    case WAITING_NOT:
        return 2;
    case WAITING_COORDINATOR:
        return 1;
    default:
        return 0;
    }
}

static struct standstill find_culprit(const struct coordinator *coordinator)
{
    struct standstill found = {.worker = -1};
    int worst = 0;
    for (int w = 0; w < coordinator->setup->workers; w++) {
        struct message_heartbeat sign = sign_of(coordinator, w);
        int blame = coordinator->view[w].done ? 0 : blame_of(coordinator, w, &sign);
        bool longer = sign.file_seconds > found.sign.file_seconds;
        if (blame > worst || (blame == worst && worst == 3 && longer)) {
            worst = blame;
            found = (struct standstill){.worker = w, .sign = sign};
        }
    }
    return found;
}

/* "in step 12, in data: at data/a-00003.h5 for 61 s" */
static char *describe(const struct coordinator *coordinator, const struct standstill *standstill)
{
    const struct message_heartbeat *sign = &standstill->sign;
    if (standstill->worker < 0) {
        return text_format(
            "all workers wait for each other in step %lld: is the network between their hosts whole?",
            (long long)coordinator->step + 1);
    }
    if (!coordinator->view[standstill->worker].introduced) {
        return text_format("it has not joined the run");
    }
    char *at =
        sign->file[0] != '\0' ? text_format(": at %s for %.0f s", sign->file, sign->file_seconds) : NULL;
    char *text = text_format("in step %lld, phase %s%s", (long long)sign->step,
                             message_phase_name(sign->phase), at ? at : "");
    free(at);
    return text;
}

static const char *host_of(const struct coordinator *coordinator, int worker)
{
    return worker >= 0 ? coordinator->hello[worker].host : "";
}

static void tell(struct coordinator *coordinator, const struct standstill *standstill)
{
    char name[192] = "";
    char *what = describe(coordinator, standstill);
    if (standstill->worker >= 0) {
        coordinator_name_worker(coordinator, standstill->worker, name, sizeof name);
    }
    char *text =
        text_format("the run has stood still for %.0f s%s%s%s%s", coordinator->progress.still,
                    name[0] != '\0' ? ", for " : ": ", name, name[0] != '\0' ? ": " : "", what ? what : "");
    journal_stall(coordinator->journal, standstill->worker + 1, host_of(coordinator, standstill->worker),
                  standstill->worker >= 0 ? message_phase_name(standstill->sign.phase) : "exchange",
                  standstill->sign.file, coordinator->progress.still, false);
    journal_warn(coordinator->journal, text ? text : "the run stands still");
    free(text);
    free(what);
}

static void tell_end(struct coordinator *coordinator)
{
    journal_stall(coordinator->journal, 0, "", "", "", coordinator->progress.still, true);
    journal_line(coordinator->journal, "it goes on, after %.0f s", coordinator->progress.still);
}

static enum status give_up(const struct coordinator *coordinator, const struct standstill *standstill,
                           struct error *error)
{
    char next[160];
    char *what = describe(coordinator, standstill);
    if (coordinator->saved.step >= 0) {
        snprintf(next, sizeof next,
                 "see whether its host, its disk and the network answer, then submit again: it goes on from "
                 "step %lld",
                 (long long)coordinator->saved.step);
    } else {
        snprintf(
            next, sizeof next,
            "see whether its host, its disk and the network answer, then submit again: nothing is saved yet");
    }
    error_set(error, STATUS_LOST, standstill->worker < 0 ? "exchange among the workers" : NULL, next,
              "%sthe run has stood still for %.0f s: %s",
              coordinator->stop_asked ? "asked to stop, but the last steps cannot be saved: " : "",
              coordinator->progress.still, what ? what : "");
    free(what);
    return STATUS_LOST;
}

/* Seconds without any worker's doing that are long for this run. */
static double long_for(const struct coordinator *coordinator)
{
    double liveness = coordinator->setup->config.runtime.liveness_seconds;
    double steps = STEP_FACTOR * coordinator->step_seconds;
    return steps > liveness ? steps : liveness;
}

enum status coordinator_check_progress(struct coordinator *coordinator, int *worker, struct error *error)
{
    double now = clock_monotonic();
    double passed = now - coordinator->progress.looked;
    double allowed = long_for(coordinator);
    bool starts = coordinator->step == coordinator->setup->start_step && !coordinator->stop_asked;
    if (passed < LOOK_SECONDS) {
        return STATUS_OK;
    }
    coordinator->progress.looked = now;
    if (has_moved(coordinator) || coordinator->failed) {
        if (coordinator->progress.told) {
            tell_end(coordinator);
        }
        coordinator->progress.still = 0;
        coordinator->progress.told = false;
        return STATUS_OK;
    }
    coordinator->progress.still += passed < LOOK_SECONDS_MAX ? passed : LOOK_SECONDS_MAX;
    if (coordinator->progress.still <= allowed * (starts ? START_FACTOR : 1)) {
        return STATUS_OK;
    }
    const struct standstill standstill = find_culprit(coordinator);
    if (!coordinator->progress.told) {
        coordinator->progress.told = true;
        tell(coordinator, &standstill);
    }
    *worker = standstill.worker;
    double patience = coordinator->stop_asked ? STOP_FACTOR : END_FACTOR;
    return coordinator->progress.still > patience * allowed ? give_up(coordinator, &standstill, error)
                                                            : STATUS_OK;
}
