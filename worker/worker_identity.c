#include "worker/worker_identity.h"

#include "proto/clock.h"
#include "worker/discovery/discovery.h"
#include "worker/discovery/regroup.h"
#include "worker/worker_messages.h"

#include <math.h>

/* What the centres held an epoch ago counts for so much, beside what is gathered now. */
#define CENTRES_KEPT 0.25

/* At the end of the first epoch, or part of one, that the configuration names, and every so many from there. */
static bool is_due(const struct worker *worker)
{
    const struct config *config = worker->context->config;
    const struct trainer *trainer = &worker->trainer;
    const double progress = (double)worker->step / (double)trainer->steps;
    const double period = config->identity.every_epochs * (double)trainer->steps_per_epoch;
    if (config->identity.unify != CONFIG_UNIFY_DISCOVER || progress < config->identity.start ||
        progress > config->identity.until || worker->step == trainer->steps) {
        return false;
    }
    return worker->step == llround(period * (double)llround((double)worker->step / period));
}

static void between(void *context)
{
    worker_progress(context, PHASE_DISCOVER);
}

static enum status report(struct worker *worker, const struct discovery_result *result,
                          const struct regroup_counts *counts, double seconds, struct error *error)
{
    if (worker->context->exchange->rank != 0) {
        return STATUS_OK;
    }
    struct message message = {.kind = MESSAGE_GROUPS,
                              .groups = {.step = worker->step,
                                         .pairs = result->pairs,
                                         .groups = result->groups,
                                         .joined = counts->joined,
                                         .parted = counts->parted,
                                         .precision = result->precision,
                                         .shared = result->shared,
                                         .known = result->known,
                                         .seconds = seconds}};
    return worker_send(worker, &message, error);
}

static enum status discover(struct worker *worker, struct identity_groups *before, struct error *error)
{
    struct trainer *trainer = &worker->trainer;
    struct exchange *exchange = worker->context->exchange;
    const struct parameter_group *rows = trainer_class_rows(trainer);
    const struct discovery_config config = {.min_probability = trainer->config->identity.min_probability,
                                            .threads = trainer->threads,
                                            .between = between,
                                            .context = worker};
    const double begin = clock_monotonic();
    struct discovery_result result;
    identity_groups_set(before, trainer->identity->home);
    enum status status = discovery_run(&config, rows, exchange, trainer->identity, &result, error);
    if (status == STATUS_OK) {
        status = regroup_rows(rows, exchange, before, trainer->identity, error);
    }
    if (status == STATUS_OK) {
        status = classifier_set_groups(trainer->classifier, trainer->identity, error);
        status = exchange_agree(exchange, status, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    classifier_forget(trainer->classifier, pow(CENTRES_KEPT, trainer->config->identity.every_epochs));
    const struct regroup_counts counts = regroup_count(before, trainer->identity);
    return report(worker, &result, &counts, clock_monotonic() - begin, error);
}

enum status worker_discover_if_due(struct worker *worker, struct error *error)
{
    struct trainer *trainer = &worker->trainer;
    struct identity_groups *before;
    if (!is_due(worker)) {
        return STATUS_OK;
    }
    trainer->phase = PHASE_DISCOVER;
    worker_progress(worker, PHASE_DISCOVER);
    enum status status = identity_groups_create(trainer->classes, trainer->datasets, &before, error);
    status = exchange_agree(worker->context->exchange, status, error);
    if (status == STATUS_OK) {
        status = discover(worker, before, error);
    }
    identity_groups_free(before);
    return status;
}
