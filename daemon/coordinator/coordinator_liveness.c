#include "daemon/coordinator/coordinator_liveness.h"

#include "proto/clock.h"
#include "proto/process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A worker may be silent this many times longer where it does long work in one piece: building and loading
 * the model until its first step, scoring many classes, writing to slow storage. Its process answers
 * meanwhile. */
#define PATIENCE 10
/* Datagrams that have not come through by then never will. */
#define DATAGRAM_SECONDS 10.0
/* A living watchdog answers a ping within this; mpirun leaves a rank that it ends a second. */
#define PING_SECONDS 0.4

static const char *const see_host =
    "see whether its host is up, then submit again: the run goes on from its newest checkpoint";

/* `current`: the phase is what the worker is in now; else it is only the last one that it sent word of. */
static double patience_of(const struct worker_view *view, uint32_t phase, bool current)
{
    bool slow = phase == PHASE_CHECKPOINT || phase == PHASE_EVALUATE || phase == PHASE_DISCOVER ||
                (current && (phase == PHASE_START || phase == PHASE_CLASSIFIER || phase == PHASE_UPDATE));
    return slow || !view->stepped ? PATIENCE : 1;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* "step 12 (forward)": the newest that is known of a worker; without the phase where that is older. */
static const char *last_word(const struct worker_view *view, const struct watchdog_heartbeat *heartbeat,
                             char *text, size_t size)
{
    bool seen = heartbeat->heard && heartbeat->sign.step >= view->step;
    int64_t step = seen ? heartbeat->sign.step : view->step;
    if (seen || !heartbeat->heard) {
        snprintf(text, size, "step %lld (%s)", (long long)step,
                 message_phase_name(seen ? heartbeat->sign.phase : view->sign.phase));
    } else {
        snprintf(text, size, "step %lld", (long long)step);
    }
    return text;
}

/* Has this worker been silent, or its main thread stuck, for too long? *silence: for how long. */
static enum status check_worker(const struct coordinator *coordinator, int worker, double *silence,
                                struct error *error)
{
    const struct worker_view *view = &coordinator->view[worker];
    double allowed = coordinator->setup->config.runtime.liveness_seconds;
    double unheard = clock_monotonic() - view->heard; /* over MPI */
    struct watchdog_heartbeat heartbeat;
    watchdog_look(coordinator->context->watchdog, worker, &heartbeat);
    char last[64];
    uint32_t phase = heartbeat.heard ? heartbeat.sign.phase : view->sign.phase;
    double silent = heartbeat.heard ? smaller(unheard, heartbeat.silent) : unheard;
    double stuck = heartbeat.heard ? smaller(unheard, heartbeat.stuck) : unheard;
    *silence = stuck;
    bool lost = silent > allowed * (heartbeat.heard ? 1 : patience_of(view, phase, heartbeat.heard));
    if (!lost && stuck <= allowed * patience_of(view, phase, heartbeat.heard)) {
        return STATUS_OK;
    }
    if (!view->introduced && lost) {
        return error_set(error, STATUS_LOST, NULL, "see whether its host is up, then submit again",
                         "a worker never said hello in %.0f s", silent);
    }
    if (lost) {
        return error_set(error, STATUS_LOST, NULL, see_host,
                         "a worker is lost: nothing heard for %.0f s, last in %s", silent,
                         last_word(view, &heartbeat, last, sizeof last));
    }
    return error_set(error, STATUS_LOST, NULL, see_host,
                     "a worker hangs: its process answers, but has made no progress for %.0f s, last in %s",
                     stuck, last_word(view, &heartbeat, last, sizeof last));
}

enum status coordinator_check_liveness(const struct coordinator *coordinator, int *worker,
                                       struct error *error)
{
    *worker = -1;
    if (watchdog_orphaned(coordinator->context->watchdog)) {
        return error_set(error, STATUS_LOST, "the coordinator's host", see_host,
                         "mpirun, or its daemon on this host, has died");
    }
    double longest = 0;
    for (int w = 0; w < coordinator->context->link.workers; w++) {
        struct error found;
        double silence;
        if (!coordinator->view[w].done && check_worker(coordinator, w, &silence, &found) != STATUS_OK &&
            silence > longest) {
            longest = silence;
            *worker = w;
            *error = found;
        }
    }
    return *worker >= 0 ? error->status : STATUS_OK;
}

void coordinator_check_datagrams(struct coordinator *coordinator)
{
    char names[384] = "";
    size_t used = 0;
    struct watchdog *watchdog = coordinator->context->watchdog;
    if (!watchdog || !coordinator->started || coordinator->datagrams_checked ||
        clock_monotonic() - coordinator->begun < DATAGRAM_SECONDS) {
        return;
    }
    coordinator->datagrams_checked = true;
    for (int w = 0; w < coordinator->setup->workers && used < sizeof names - 200; w++) {
        struct watchdog_heartbeat heartbeat;
        watchdog_look(watchdog, w, &heartbeat);
        if (!coordinator->view[w].done && !(heartbeat.heard && heartbeat.answered)) {
            char name[192];
            coordinator_name_worker(coordinator, w, name, sizeof name);
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
        }
    }
    if (used > 0) {
        char text[640];
        snprintf(
            text, sizeof text,
            "UDP between the coordinator and %s does not come through: is it blocked? Silence is noticed "
            "over MPI alone there, and later",
            names);
        journal_warn(coordinator->journal, text);
    }
}

bool coordinator_given_up(struct coordinator *coordinator, struct error *error)
{
    double lapse = watchdog_lapse(coordinator->context->watchdog);
    if (lapse == 0) {
        return false;
    }
    coordinator->given_up = true;
    error_set(error, STATUS_LOST, "the coordinator",
              "see who stopped it, then submit again: the run goes on from its newest checkpoint",
              "the coordinator did not run for %.0f s, and the workers have given it up", lapse);
    return true;
}

/* A process id tells of this host's processes alone. */
static bool is_gone(const struct message_hello *hello)
{
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    return strcmp(host, hello->host) == 0 && process_is_gone(hello->pid);
}

enum status coordinator_check_departed(struct coordinator *coordinator, int *worker, struct error *error)
{
    struct watchdog *watchdog = coordinator->context->watchdog;
    double now = clock_monotonic();
    if (!watchdog || !*coordinator->context->stop_signal || coordinator->departed_checked) {
        return STATUS_OK;
    }
    if (coordinator_given_up(coordinator, error)) {
        return STATUS_LOST;
    }
    if (coordinator->pinged == 0) {
        coordinator->pinged = now;
        watchdog_ping(watchdog);
    }
    if (now - coordinator->pinged < PING_SECONDS) {
        return STATUS_OK;
    }
    coordinator->departed_checked = true;
    for (int w = 0; w < coordinator->setup->workers; w++) {
        const struct worker_view *view = &coordinator->view[w];
        struct watchdog_heartbeat heartbeat;
        watchdog_look(watchdog, w, &heartbeat);
        if (view->done || !view->introduced || !heartbeat.heard ||
            heartbeat.silent < now - coordinator->pinged) {
            continue;
        }
        char last[64];
        last_word(view, &heartbeat, last, sizeof last);
        if (is_gone(&coordinator->hello[w])) {
            *worker = w;
            return error_set(error, STATUS_LOST, NULL, see_host,
                             "a worker is lost: its process has gone, last in %s", last);
        }
        char name[192], text[512];
        coordinator_name_worker(coordinator, w, name, sizeof name);
        snprintf(
            text, sizeof text,
            "asked to stop while %s does not answer, last in %s: if it is mpirun that ends the run, that is "
            "why",
            name, last);
        journal_warn(coordinator->journal, text);
    }
    return STATUS_OK;
}
