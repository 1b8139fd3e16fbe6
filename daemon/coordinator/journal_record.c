#include "daemon/coordinator/journal_record.h"

#include "worker/exchange/lane_share.h"

#include <math.h>
#include <stdlib.h>

/* Without memory a list stays empty. */

static void list_workers(struct status_start *start, const struct message_hello *hello, int workers)
{
    start->workers.at = calloc((size_t)workers, sizeof *start->workers.at);
    for (int w = 0; start->workers.at && w < workers; w++) {
        start->workers.at[start->workers.count++] = (struct status_worker){.rank = w + 1,
                                                                           .host = hello[w].host,
                                                                           .pid = hello[w].pid,
                                                                           .threads = hello[w].threads,
                                                                           .isa = hello[w].isa};
    }
}

static void list_datasets(struct status_start *start, const struct setup *setup)
{
    start->datasets.at = calloc(setup->datasets, sizeof *start->datasets.at);
    for (size_t k = 0; start->datasets.at && k < setup->datasets; k++) {
        const struct manifest *manifest = &setup->manifests[k];
        start->datasets.at[start->datasets.count++] =
            (struct status_dataset){.name = manifest->name,
                                    .id = (int64_t)k,
                                    .classes = (int64_t)manifest->classes,
                                    .images = (int64_t)manifest_kept(manifest),
                                    .epoch_images = (int64_t)setup->sampling[k].epoch_images,
                                    .shards = (int64_t)manifest->shard_count};
    }
}

void journal_start(struct journal *journal, const struct setup *setup, const struct message_hello *hello)
{
    struct status_record record = {
        .kind = STATUS_KIND_START,
        .start = {.version = DAIL_VERSION,
                  .name = setup->config.run.name,
                  .config_digest = setup->digest,
                  .lanes = setup->lanes,
                  .global_batch = (int64_t)setup->lanes * setup->config.batch.lane,
                  .parameters =
                      setup->backbone_parameters + setup->domain_parameters + setup->classifier_parameters,
                  .steps = setup->steps,
                  .steps_per_epoch = setup->steps_per_epoch,
                  .resumed_from = setup->checkpoint,
                  .step = setup->start_step}};
    list_workers(&record.start, hello, setup->workers);
    list_datasets(&record.start, setup);
    journal_write(journal, &record);
    free(record.start.workers.at);
    free(record.start.datasets.at);
}

void journal_plan(struct journal *journal, const struct plan *plan, int workers)
{
    struct status_record record = {.kind = STATUS_KIND_PLAN, .plan = {.epoch = plan->epoch + 1}};
    record.plan.lanes.at = calloc((size_t)plan->lanes, sizeof *record.plan.lanes.at);
    for (int l = 0; record.plan.lanes.at && l < plan->lanes; l++) {
        record.plan.lanes.at[record.plan.lanes.count++] =
            (struct status_lane){.lane = l,
                                 .worker = lane_share_owner(plan->lanes, workers, l) + 1,
                                 .images = message_leases_images(&plan->lane[l]),
                                 .leases = plan->lane[l].count};
    }
    journal_write(journal, &record);
    free(record.plan.lanes.at);
}

/* The workers that have reported the step, and their means. */
static void list_seconds(struct status_step *step, const struct step_seconds *seconds, int workers)
{
    struct step_seconds sum = {0};
    int heard = 0;
    step->workers.at = calloc((size_t)workers, sizeof *step->workers.at);
    for (int w = 0; w < workers; w++) {
        if (!seconds[w].heard) {
            continue;
        }
        sum.data += seconds[w].data;
        sum.compute += seconds[w].compute;
        sum.exchange += seconds[w].exchange;
        sum.hidden += seconds[w].hidden;
        sum.classifier += seconds[w].classifier;
        sum.bytes += seconds[w].bytes;
        sum.bytes_gradients += seconds[w].bytes_gradients;
        sum.bytes_embeddings += seconds[w].bytes_embeddings;
        sum.bytes_reductions += seconds[w].bytes_reductions;
        heard++;
        if (step->workers.at) {
            step->workers.at[step->workers.count++] =
                (struct status_worker_seconds){.rank = w + 1,
                                               .data = seconds[w].data,
                                               .compute = seconds[w].compute,
                                               .exchange = seconds[w].exchange,
                                               .hidden = seconds[w].hidden,
                                               .bytes = seconds[w].bytes};
        }
    }
    double count = heard > 0 ? heard : 1;
    step->seconds = (struct status_seconds){.data = sum.data / count,
                                            .compute = sum.compute / count,
                                            .exchange = sum.exchange / count,
                                            .hidden = sum.hidden / count,
                                            .classifier = sum.classifier / count};
    step->bytes = sum.bytes / count;
    step->bytes_gradients = sum.bytes_gradients / count;
    step->bytes_embeddings = sum.bytes_embeddings / count;
    step->bytes_reductions = sum.bytes_reductions / count;
}

void journal_step(struct journal *journal, const struct message_step *step, int64_t steps, double eta_seconds,
                  const struct step_seconds *seconds, int workers)
{
    struct status_record record = {.kind = STATUS_KIND_STEP,
                                   .step = {.epoch = step->epoch + 1,
                                            .step = step->step,
                                            .steps = steps,
                                            .loss = step->loss,
                                            .loss_cls = step->loss_cls,
                                            .loss_dom = step->loss_dom,
                                            .accuracy = step->accuracy,
                                            .domain_accuracy = step->domain_accuracy,
                                            .lambda = step->lambda,
                                            .lr = step->lr,
                                            .grad_norm = step->grad_norm,
                                            .images_per_second = step->images_per_second,
                                            .eta_seconds = eta_seconds}};
    list_seconds(&record.step, seconds, workers);
    journal_write(journal, &record);
    free(record.step.workers.at);
}

/* A rate that the set has too few pairs to tell comes as less than 0. */
static double rate_or_none(double rate)
{
    return rate >= 0 ? rate : (double)NAN;
}

void journal_eval(struct journal *journal, const struct message_eval *eval)
{
    const struct status_record record = {.kind = STATUS_KIND_EVAL,
                                         .eval = {.step = eval->step,
                                                  .set = eval->set,
                                                  .pairs = eval->pairs,
                                                  .accuracy = eval->accuracy,
                                                  .accuracy_std = eval->accuracy_std,
                                                  .threshold = eval->threshold,
                                                  .auc = eval->auc,
                                                  .norm = eval->norm,
                                                  .tar = {.at_1e2 = rate_or_none(eval->tar[0]),
                                                          .at_1e3 = rate_or_none(eval->tar[1]),
                                                          .at_1e4 = rate_or_none(eval->tar[2])}}};
    journal_write(journal, &record);
}

void journal_groups(struct journal *journal, const struct message_groups *groups, int64_t epoch)
{
    const struct status_record record = {.kind = STATUS_KIND_GROUPS,
                                         .groups = {.step = groups->step,
                                                    .epoch = epoch,
                                                    .pairs = (int64_t)groups->pairs,
                                                    .groups = (int64_t)groups->groups,
                                                    .joined = (int64_t)groups->joined,
                                                    .parted = (int64_t)groups->parted,
                                                    .precision = groups->precision,
                                                    .shared = groups->known ? groups->shared : (double)NAN,
                                                    .seconds = groups->seconds}};
    journal_write(journal, &record);
}

void journal_checkpoint(struct journal *journal, int64_t step, const char *path, uint64_t bytes,
                        double seconds, double stall)
{
    const struct status_record record = {
        .kind = STATUS_KIND_CHECKPOINT,
        .checkpoint = {
            .step = step, .path = path, .bytes = (int64_t)bytes, .seconds = seconds, .stall = stall}};
    journal_write(journal, &record);
}

void journal_slow(struct journal *journal, int rank, const char *host, const char *what, bool begins,
                  double own, double others, double share)
{
    const struct status_record record = {.kind = STATUS_KIND_SLOW,
                                         .slow = {.rank = rank,
                                                  .host = host,
                                                  .what = what,
                                                  .state = begins ? "begins" : "ends",
                                                  .own = own,
                                                  .others = others,
                                                  .share = share}};
    journal_write(journal, &record);
}

void journal_warn(struct journal *journal, const char *text)
{
    const struct status_record record = {.kind = STATUS_KIND_WARNING, .warning = {.what = text}};
    journal_write(journal, &record);
    journal_line(journal, "warning: %s", text);
}

void journal_stall(struct journal *journal, int rank, const char *host, const char *phase, const char *file,
                   double seconds, bool over)
{
    const struct status_record record = {.kind = STATUS_KIND_STALL,
                                         .stall = {.rank = rank,
                                                   .host = host,
                                                   .phase = phase,
                                                   .file = file,
                                                   .seconds = seconds,
                                                   .state = over ? "ends" : "begins"}};
    journal_write(journal, &record);
}

void journal_fault(struct journal *journal, int rank, const char *host, const char *what)
{
    const struct status_record record = {.kind = STATUS_KIND_FAULT,
                                         .fault = {.rank = rank, .host = host, .what = what}};
    journal_write(journal, &record);
}

void journal_stop(struct journal *journal, const char *reason, int exit_code)
{
    const struct status_record record = {.kind = STATUS_KIND_STOP,
                                         .stop = {.reason = reason, .exit_code = exit_code}};
    journal_write(journal, &record);
}
