#include "worker/trainer_trace.h"

#include "worker/exchange/lane_share.h"

#include <stdlib.h>

/* Everything that is trained, in one of its states. */
static enum status write_state(struct step_trace *trace, struct trainer *trainer, enum trace_state state,
                               struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < trainer->group_count && status == STATUS_OK; i++) {
        const struct parameter_group *group = &trainer->groups[i];
        if (group->owned_rows || trainer->exchange->rank == 0) {
            status = trace_group(trace->trace, state, group, error);
        }
    }
    return status;
}

static enum status write_root(struct step_trace *trace, const struct trainer *trainer, int64_t step,
                              double lambda, double lr, struct error *error)
{
    const struct config *config = trainer->config;
    const char **names = calloc(trainer->datasets, sizeof *names);
    if (!names) {
        return error_no_memory(error, "trace");
    }
    for (size_t k = 0; k < trainer->datasets; k++) {
        names[k] = trainer->manifests[k].name;
    }
    struct trace_step root = {.step = step,
                              .epoch = (step - 1) / trainer->steps_per_epoch,
                              .global_batch = trainer->global_batch,
                              .lanes = trainer->lanes,
                              .dataset_count = trainer->datasets,
                              .datasets = names,
                              .classes = trainer->classes,
                              .dataset_weight = trainer->dataset_weight,
                              .domain_weight = trainer->domain_weight,
                              .domain_balance = config->domain.balance,
                              .domain_hidden = config->domain.hidden,
                              .domain_hidden_count = config->domain.hidden_count,
                              .lambda = lambda,
                              .lr = lr,
                              .scale = config->loss.scale,
                              .seed = config->run.seed,
                              .margin = config->loss.margin,
                              .scope_all = config->loss.scope == CONFIG_SCOPE_ALL,
                              .crossing_dropout = config->loss.crossing_dropout,
                              .filter = config->loss.filter,
                              .center = config->loss.center,
                              .center_rate = config->loss.center_rate,
                              .sample = config->classifier.sample,
                              .home = trainer->identity ? trainer->identity->home : NULL,
                              .network = config->model,
                              .momentum = config->optimizer.momentum,
                              .weight_decay = config->optimizer.weight_decay,
                              .clip = config->optimizer.clip};
    enum status status = trace_root(trace->trace, &root, error);
    free(names);
    return status;
}

/* Of a trace that could not be written nothing more is: the step goes on without. */
static void keep(struct step_trace *trace, enum status status)
{
    if (status != STATUS_OK) {
        trace_abandon(trace->trace);
        trace->trace = NULL;
    }
}

void step_trace_begin(struct step_trace *trace, struct trainer *trainer, int64_t step, double lambda,
                      double lr)
{
    struct error *error = &trace->error;
    *trace = (struct step_trace){0};
    enum status status = trace_open(trainer->config->run.dir, trainer->owner, step,
                                    trainer->exchange->rank + 1, &trace->trace, error);
    if (status == STATUS_OK) {
        status = write_root(trace, trainer, step, lambda, lr, error);
    }
    if (status == STATUS_OK) {
        status = write_state(trace, trainer, TRACE_BEFORE, error);
    }
    if (status == STATUS_OK) {
        status = write_state(trace, trainer, TRACE_MOMENTUM, error);
    }
    keep(trace, status);
}

/* The classifier counts samples over the gathered round; the trace wants lane and position. */
static enum status write_crossing(struct step_trace *trace, const struct trainer *trainer, int round,
                                  struct error *error)
{
    size_t count;
    const struct crossing_draw *draws = classifier_draws(trainer->classifier, &count);
    uint32_t batch = (uint32_t)trainer->config->batch.lane;
    if (count > trace->crossing_max) {
        uint32_t *grown = realloc(trace->crossing, count * 3 * sizeof *grown);
        if (!grown) {
            return error_no_memory(error, "trace");
        }
        trace->crossing = grown;
        trace->crossing_max = count;
    }
    for (size_t i = 0; i < count; i++) {
        int worker = (int)(draws[i].sample / batch);
        trace->crossing[3 * i] =
            (uint32_t)lane_share_lane(trainer->lanes, trainer->exchange->size, worker, round);
        trace->crossing[3 * i + 1] = draws[i].sample % batch;
        trace->crossing[3 * i + 2] = draws[i].class_index;
    }
    return trace_crossing(trace->trace, trace->crossing, count, error);
}

static enum status write_lane(struct step_trace *trace, const struct trainer *trainer,
                              const struct micro_batch *batch)
{
    const struct config *config = trainer->config;
    struct trace_lane lane = {.lane = batch->lane,
                              .batch = config->batch.lane,
                              .side = config->model.input,
                              .embedding = config->model.embedding,
                              .datasets = (int)trainer->datasets,
                              .image = batch->image,
                              .sample = batch->sample,
                              .embedding_values = trainer->embedding,
                              .domain_logit = domain_logits(trainer->domain),
                              .dropout_mask = trainer->dropout_mask,
                              .dropout_count =
                                  trainer->dropout_mask ? iresnet_dropout_count(trainer->net) : 0};
    return trace_lane(trace->trace, &lane, &trace->error);
}

void step_trace_round(struct step_trace *trace, struct trainer *trainer, int round,
                      const struct micro_batch *batch)
{
    if (!trace->trace) {
        return;
    }
    enum status status = batch ? write_lane(trace, trainer, batch) : STATUS_OK;
    if (status == STATUS_OK) {
        status = write_crossing(trace, trainer, round, &trace->error);
    }
    keep(trace, status);
}

void step_trace_gradient(struct step_trace *trace, struct trainer *trainer, const struct step_result *result)
{
    struct trace_result root = {.loss = result->loss,
                                .loss_cls = result->loss_cls,
                                .loss_dom = result->loss_dom,
                                .grad_norm = result->grad_norm,
                                .skipped = result->skipped};
    if (!trace->trace) {
        return;
    }
    enum status status = trace_results(trace->trace, &root, &trace->error);
    if (status == STATUS_OK) {
        status = write_state(trace, trainer, TRACE_GRAD, &trace->error);
    }
    keep(trace, status);
}

void step_trace_after(struct step_trace *trace, struct trainer *trainer)
{
    if (trace->trace) {
        keep(trace, write_state(trace, trainer, TRACE_AFTER, &trace->error));
    }
}

enum status step_trace_end(struct step_trace *trace, bool whole, struct error *error)
{
    free(trace->crossing);
    if (!trace->trace) {
        *error = trace->error;
        return error->status;
    }
    if (!whole) {
        trace_abandon(trace->trace);
        return STATUS_OK;
    }
    return trace_close(trace->trace, error);
}
