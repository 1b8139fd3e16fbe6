#include "daemon/coordinator/status_record.h"

#include "proto/json_value.h"

static json_t *workers_array(const struct message_hello *hello, int workers)
{
    json_t *array = json_array();
    for (int w = 0; w < workers; w++) {
        json_array_append_new(array,
                              json_pack("{s:i, s:o, s:I, s:i, s:o}", "rank", w + 1, "host",
                                        json_text(hello[w].host), "pid", (json_int_t)hello[w].pid, "threads",
                                        (int)hello[w].threads, "isa", json_text(hello[w].isa)));
    }
    return array;
}

static json_t *datasets_array(const struct setup *setup)
{
    json_t *array = json_array();
    for (size_t k = 0; k < setup->datasets; k++) {
        const struct manifest *manifest = &setup->manifests[k];
        json_array_append_new(array,
                              json_pack("{s:o, s:I, s:I, s:I, s:I}", "name", json_text(manifest->name), "id",
                                        (json_int_t)manifest->dataset_id, "classes",
                                        (json_int_t)manifest->classes, "images", (json_int_t)manifest->images,
                                        "shards", (json_int_t)manifest->shard_count));
    }
    return array;
}

json_t *status_record_start(const struct setup *setup, const struct message_hello *hello)
{
    int64_t parameters = setup->backbone_parameters + setup->domain_parameters + setup->classifier_parameters;
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:i, s:I, s:I, s:I, s:I, s:o, s:I}", "version", DAIL_VERSION,
                     "name", json_text(setup->config.run.name), "config_digest", setup->digest, "workers",
                     workers_array(hello, setup->workers), "datasets", datasets_array(setup), "lanes",
                     setup->lanes, "global_batch", (json_int_t)setup->lanes * setup->config.batch.lane,
                     "parameters", (json_int_t)parameters, "steps", (json_int_t)setup->steps,
                     "steps_per_epoch", (json_int_t)setup->steps_per_epoch, "resumed_from",
                     setup->checkpoint[0] != '\0' ? json_text(setup->checkpoint) : json_null(), "step",
                     (json_int_t)setup->start_step);
}

json_t *status_record_plan(const struct plan *plan, int workers)
{
    json_t *lanes = json_array();
    for (int l = 0; l < plan->lanes; l++) {
        const struct message_leases *leases = &plan->lane[l];
        json_array_append_new(lanes, json_pack("{s:i, s:i, s:I, s:I}", "lane", l, "worker",
                                               l / (plan->lanes / workers) + 1, "images",
                                               (json_int_t)plan_lane_images(leases), "leases",
                                               (json_int_t)leases->count));
    }
    return json_pack("{s:I, s:o}", "epoch", (json_int_t)plan->epoch, "lanes", lanes);
}

json_t *status_record_step(const struct message_step *step, int64_t steps, double eta_seconds,
                           const struct step_seconds *seconds, int workers)
{
    struct step_seconds mean = {0};
    json_t *each = json_array();
    int heard = 0;
    for (int w = 0; w < workers; w++) {
        if (!seconds[w].heard) {
            continue;
        }
        mean.data += seconds[w].data;
        mean.compute += seconds[w].compute;
        mean.exchange += seconds[w].exchange;
        mean.hidden += seconds[w].hidden;
        mean.bytes += seconds[w].bytes;
        heard++;
        json_array_append_new(each, json_pack("{s:i, s:o, s:o, s:o, s:o}", "rank", w + 1, "data",
                                              json_figure(seconds[w].data), "compute",
                                              json_figure(seconds[w].compute), "exchange",
                                              json_figure(seconds[w].exchange), "exchange_hidden",
                                              json_figure(seconds[w].hidden)));
    }
    double count = heard > 0 ? heard : 1;
    json_t *split =
        json_pack("{s:o, s:o, s:o, s:o}", "data", json_figure(mean.data / count), "compute",
                  json_figure(mean.compute / count), "exchange", json_figure(mean.exchange / count),
                  "exchange_hidden", json_figure(mean.hidden / count));
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "epoch", (json_int_t)step->epoch, "step", (json_int_t)step->step, "steps",
                     (json_int_t)steps, "loss", json_figure(step->loss), "loss_cls",
                     json_figure(step->loss_cls), "loss_dom", json_figure(step->loss_dom), "accuracy",
                     json_figure(step->accuracy), "domain_accuracy", json_figure(step->domain_accuracy),
                     "lambda", json_figure(step->lambda), "lr", json_figure(step->lr), "grad_norm",
                     json_figure(step->grad_norm), "images_per_second", json_figure(step->images_per_second),
                     "eta_seconds", json_figure(eta_seconds), "seconds", split, "bytes",
                     json_figure(mean.bytes / count), "workers", each);
}

json_t *status_record_eval(const struct message_eval *eval)
{
    static const char *const names[3] = {"1e-2", "1e-3", "1e-4"};
    json_t *tar = json_object();
    for (int i = 0; i < 3; i++) {
        if (eval->tar[i] >= 0) {
            json_object_set_new(tar, names[i], json_figure(eval->tar[i]));
        }
    }
    return json_pack("{s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "step", (json_int_t)eval->step, "set",
                     json_text(eval->set), "pairs", (json_int_t)eval->pairs, "accuracy",
                     json_figure(eval->accuracy), "accuracy_std", json_figure(eval->accuracy_std),
                     "threshold", json_figure(eval->threshold), "auc", json_figure(eval->auc), "norm",
                     json_figure(eval->norm), "tar", tar);
}

json_t *status_record_checkpoint(int64_t step, const char *path, uint64_t bytes, double seconds, double stall)
{
    return json_pack("{s:I, s:o, s:I, s:o, s:o}", "step", (json_int_t)step, "path", json_text(path), "bytes",
                     (json_int_t)bytes, "seconds", json_figure(seconds), "stall", json_figure(stall));
}

json_t *status_record_warning(const char *what)
{
    return json_pack("{s:o}", "what", json_text(what));
}

json_t *status_record_fault(int rank, const char *host, const char *what)
{
    return json_pack("{s:i, s:o, s:o}", "rank", rank, "host", json_text(host), "what", json_text(what));
}

json_t *status_record_stop(const char *reason, int exit_code)
{
    return json_pack("{s:o, s:i}", "reason", json_text(reason), "exit_code", exit_code);
}
