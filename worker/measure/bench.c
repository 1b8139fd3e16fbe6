#include "worker/measure/bench.h"

#include "proto/clock.h"
#include "worker/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Phases of a step, as the trainer tells them. */
#define PHASES (PHASE_DISCOVER + 1)

/* What is watched while steps run. */
struct watch {
    struct trainer trainer;
    struct exchange *exchange;
    struct profile profile;
    enum message_phase phase;
    double since; /* when the phase began */
    double seconds[PHASES];
    double backward_begin;
    struct bench *bench;
    size_t bucket_capacity;
    bool out_of_memory;
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bench_spread bench_spread_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    double median = count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
    return (struct bench_spread){median, values[0], values[count - 1]};
}

const char *bench_phase_name(enum bench_phase phase)
{
    static const char *const names[BENCH_PHASES] = {
        [BENCH_CLASSIFIER] = "classifier", [BENCH_OPTIMIZER] = "optimizer", [BENCH_OTHER] = "other"};
    return phase < BENCH_CLASSIFIER ? profile_phase_name((enum profile_phase)phase) : names[phase];
}

/* --- Watching a step --- */

static void enter_phase(void *context, enum message_phase phase)
{
    struct watch *watch = context;
    if (phase == watch->phase) {
        return;
    }
    double now = clock_monotonic();
    watch->seconds[watch->phase] += now - watch->since;
    watch->phase = phase;
    watch->since = now;
    if (phase == PHASE_BACKWARD) {
        watch->backward_begin = now;
    }
}

static void record_sum(void *context, size_t count)
{
    struct watch *watch = context;
    struct bench *bench = watch->bench;
    if (bench->bucket_count == watch->bucket_capacity) {
        size_t capacity = watch->bucket_capacity ? 2 * watch->bucket_capacity : 64;
        struct prediction_bucket *grown = realloc(bench->buckets, capacity * sizeof *grown);
        if (!grown) {
            watch->out_of_memory = true;
            return;
        }
        bench->buckets = grown;
        watch->bucket_capacity = capacity;
    }
    bool backward = watch->phase == PHASE_BACKWARD || watch->phase == PHASE_EXCHANGE;
    bench->buckets[bench->bucket_count++] =
        (struct prediction_bucket){.ready = backward ? clock_monotonic() - watch->backward_begin : 0,
                                   .bytes = (double)count * sizeof(float)};
}

static enum status run_step(struct watch *watch, int64_t number, double *seconds, struct error *error)
{
    struct step_control control = {0};
    struct step_result result;
    watch->bench->bucket_count = 0;
    watch->phase = PHASE_UPDATE; /* a step begins with what is left of the last update: zero gradients */
    watch->since = clock_monotonic();
    double begin = watch->since;
    enum status status = trainer_step(&watch->trainer, number, &control, &result, error);
    double end = clock_monotonic();
    watch->seconds[watch->phase] += end - watch->since;
    *seconds = end - begin;
    if (status == STATUS_OK && result.skipped) {
        return error_set(error, STATUS_NUMERIC, "bench", "give another optimizer.lr or run.seed",
                         "the loss or gradient of step %lld on noise was not finite", (long long)number);
    }
    return status == STATUS_OK && watch->out_of_memory ? error_no_memory(error, "bench") : status;
}

/* --- What comes out --- */

static int64_t peak_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    long long kibibytes = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmHWM: %lld", &kibibytes) == 1) {
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    return (int64_t)kibibytes * 1024;
}

static void collect_phases(const struct watch *watch, struct bench *bench)
{
    double steps = bench->steps, sum = 0;
    for (int phase = 0; phase < PROFILE_PHASES; phase++) {
        bench->phase[phase] = profile_phase_seconds(&watch->profile, (enum profile_phase)phase) / steps;
    }
    bench->phase[BENCH_CLASSIFIER] = watch->seconds[PHASE_CLASSIFIER] / steps;
    bench->phase[BENCH_OPTIMIZER] = watch->seconds[PHASE_UPDATE] / steps;
    for (int phase = 0; phase < BENCH_OTHER; phase++) {
        sum += bench->phase[phase];
    }
    bench->phase[BENCH_OTHER] = bench->mean - sum;
    bench->seconds_forward = (watch->seconds[PHASE_DATA] + watch->seconds[PHASE_FORWARD]) / steps;
    bench->seconds_classifier = bench->phase[BENCH_CLASSIFIER];
    bench->seconds_backward = watch->seconds[PHASE_BACKWARD] / steps;
    bench->seconds_update = (watch->seconds[PHASE_UPDATE] + watch->seconds[PHASE_EXCHANGE]) / steps;
}

static void collect_layers(const struct watch *watch, struct bench *bench)
{
    for (size_t i = 0; i < bench->layer_count; i++) {
        struct iresnet_layer *layer = &bench->layers[i];
        iresnet_layer_at(watch->trainer.net, i, bench->batch, layer);
        for (int phase = 0; phase < PROFILE_PHASES; phase++) {
            bench->layer_seconds[i][phase] = watch->profile.seconds[i][phase] / bench->steps;
        }
        bench->moved += layer->moved;
        bench->least += layer->least;
        for (int pass = 0; layer->convolution && pass < CONV_PASSES; pass++) {
            bench->direct += layer->direct[pass];
            bench->actual += layer->actual[pass];
        }
    }
}

static void collect_sizes(struct watch *watch, struct bench *bench)
{
    const struct trainer *trainer = &watch->trainer;
    bench->parameters = (int64_t)iresnet_parameter_count(trainer->net);
    bench->exchanged_weights =
        (int64_t)(iresnet_weight_count(trainer->net) + domain_parameter_group(trainer->domain).count);
    for (size_t k = 0; k < bench->datasets; k++) {
        bench->classes[k] = trainer->classes[k];
        bench->images[k] = trainer->manifests[k].images;
        const struct parameter_group *rows = &trainer_class_rows(trainer)[k];
        int64_t updated = rows->drawn ? (int64_t)rows->drawn->count : trainer->classes[k];
        bench->classifier_weights += updated * trainer->config->model.embedding;
    }
    bench->network_bytes = (int64_t)iresnet_memory_bytes(trainer->net);
    bench->classifier_bytes = (int64_t)classifier_memory_bytes(trainer->classifier);
    bench->peak_bytes = peak_bytes();
}

static enum status allocate(struct bench *bench, struct error *error)
{
    bench->classes = calloc(bench->datasets, sizeof *bench->classes);
    bench->images = calloc(bench->datasets, sizeof *bench->images);
    bench->layers = calloc(bench->layer_count, sizeof *bench->layers);
    bench->layer_seconds = calloc(bench->layer_count, sizeof *bench->layer_seconds);
    bool made = bench->classes && bench->images && bench->layers && bench->layer_seconds;
    return made ? STATUS_OK : error_no_memory(error, "bench");
}

static enum status measure(struct watch *watch, struct bench *bench, struct error *error)
{
    double *seconds = calloc((size_t)bench->steps, sizeof *seconds), warm_up;
    if (!seconds) {
        return error_no_memory(error, "bench");
    }
    enum status status = run_step(watch, 1, &warm_up, error);
    profile_reset(&watch->profile);
    memset(watch->seconds, 0, sizeof watch->seconds);
    for (int i = 0; i < bench->steps && status == STATUS_OK; i++) {
        status = run_step(watch, i + 2, &seconds[i], error);
        bench->mean += seconds[i] / bench->steps;
    }
    if (status == STATUS_OK) {
        bench->seconds = bench_spread_of(seconds, (size_t)bench->steps);
        collect_phases(watch, bench);
        collect_layers(watch, bench);
        collect_sizes(watch, bench);
    }
    free(seconds);
    return status;
}

static enum status set_up(const struct bench_request *request, struct watch *watch, struct error *error)
{
    struct bench *bench = watch->bench;
    struct trainer *trainer = &watch->trainer;
    enum isa isa;
    enum status status = isa_detect(&isa, error);
    if (status != STATUS_OK) {
        return status;
    }
    bench->isa = isa_name(isa);
    status = request->classes
                 ? trainer_create_without_data(trainer, request->config, watch->exchange, request->threads,
                                               request->classes, request->datasets, error)
                 : trainer_create(trainer, request->config, watch->exchange, request->threads, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = trainer_start_on_noise(trainer, 1, (int64_t)request->steps + 1, error);
    if (status != STATUS_OK) {
        return status;
    }
    bench->datasets = trainer->datasets;
    bench->layer_count = iresnet_layer_count(trainer->net);
    status = allocate(bench, error);
    if (status == STATUS_OK) {
        status = profile_create(bench->layer_count, &watch->profile, error);
    }
    trainer_init_random(trainer);
    for (size_t k = 0; k < trainer->datasets; k++) {
        const struct parameter_group *rows = &trainer_class_rows(trainer)[k];
        memset(rows->momentum, 0,
               rows->count * sizeof *rows->momentum); /* no step is to be the first to touch it */
    }
    iresnet_set_profile(trainer->net, &watch->profile);
    trainer_observe(trainer,
                    &(struct trainer_observer){.phase = enter_phase, .sum = record_sum, .context = watch});
    return status;
}

enum status bench_run(const struct bench_request *request, struct bench *bench, struct error *error)
{
    struct watch watch = {.bench = bench};
    *bench = (struct bench){
        .batch = request->config->batch.lane, .threads = request->threads, .steps = request->steps};
    enum status status = exchange_local_create(&watch.exchange, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = set_up(request, &watch, error);
    if (status == STATUS_OK) {
        status = measure(&watch, bench, error);
    }
    trainer_free(&watch.trainer);
    profile_free(&watch.profile);
    watch.exchange->operations->close(watch.exchange);
    if (status != STATUS_OK) {
        bench_free(bench);
    }
    return status;
}

void bench_free(struct bench *bench)
{
    free(bench->images);
    free(bench->classes);
    free(bench->buckets);
    free(bench->layers);
    free(bench->layer_seconds);
    *bench = (struct bench){0};
}
