/* One step of training. See trainer.h, and "One step" in this folder's README. */
#include "proto/clock.h"
#include "proto/random.h"
#include "worker/exchange/lane_share.h"
#include "worker/optimizer.h"
#include "worker/trainer.h"
#include "worker/trainer_trace.h"

#include <math.h>
#include <string.h>

/* Values at the end of the backward pass that are looked at: the first convolution's gradient is among them.
 */
#define BLAME_VALUES 1024

/* What the workers sum at a step's end. */
enum step_sum {
    SUM_LOSS_CLS,
    SUM_LOSS_DOM,
    SUM_CORRECT,
    SUM_DOMAIN_CORRECT,
    SUM_STOP,
    SUM_CHECKPOINT,
    SUM_EVALUATE,
    SUM_MARGIN,
    SUM_FAILED = SUM_MARGIN + MARGIN_SUMS /* one for each of `failures` */
};

/* What keeps a worker from a step, the gravest first. */
static const enum status failures[] = {STATUS_DATA, STATUS_NUMERIC,  STATUS_STORAGE,
                                       STATUS_LOST, STATUS_INTERNAL, STATUS_STOPPED};

enum { FAILURES = sizeof failures / sizeof *failures, SUM_COUNT = SUM_FAILED + FAILURES };

/* State of a step under way. */
struct step {
    struct trainer *trainer;
    int64_t number;
    double lambda;
    struct classifier_sums classifier;
    struct domain_sums domain;
    enum status failure; /* the first one of this worker's own */
    struct error *error; /* its */
    enum status between; /* of the progress made between layers */
    struct error between_error;
    struct step_trace *trace; /* NULL unless this step is traced */
    const struct micro_batch *batch; /* of the round under way */
    struct blame blame;
    double seconds_data, seconds_classifier;
};

static void observe(const struct trainer *trainer, enum message_phase phase)
{
    if (trainer->observer.phase) {
        trainer->observer.phase(trainer->observer.context, phase);
    }
}

static void set_phase(struct trainer *trainer, enum message_phase phase)
{
    trainer->phase = phase;
    observe(trainer, phase);
}

static void between_layers(void *context)
{
    struct step *step = context;
    struct trainer *trainer = step->trainer;
    observe(trainer, trainer->phase);
    if (trainer->phase == PHASE_BACKWARD && trainer->last_round && step->between == STATUS_OK) {
        step->between =
            trainer->exchange->operations->buckets_progress(trainer->exchange, &step->between_error);
    }
}

static void gradient_ready(void *context, size_t begin, size_t end)
{
    struct step *step = context;
    struct trainer *trainer = step->trainer;
    if (begin == 0) {
        blame_backward(&step->blame, step->batch, trainer->config->batch.lane, iresnet_gradient(trainer->net),
                       end < BLAME_VALUES ? end : BLAME_VALUES);
    }
    if (trainer->last_round) {
        buckets_ready(&trainer->buckets, begin, end);
    }
}

static bool wait_for_data(void *context)
{
    struct trainer *trainer = context;
    const struct trainer_observer *observer = &trainer->observer;
    char file[LOADER_FILE_SIZE];
    uint64_t loaded = loader_look(trainer->loader, file, sizeof file);
    if (loaded != trainer->loaded) {
        trainer->loaded = loaded;
        observe(trainer, PHASE_DATA);
    }
    return !observer->wait_for_file || observer->wait_for_file(observer->context, PHASE_DATA, file,
                                                               clock_monotonic() - trainer->waited_since);
}

/* A failure of this worker's own, with which it goes on through the step's collectives. */
static void fail(struct step *step, const struct error *failure)
{
    if (step->failure == STATUS_OK && failure->status != STATUS_OK) {
        step->failure = failure->status;
        *step->error = *failure;
    }
}

/* The next micro-batch of a lane. A failure is kept and zeros stand in: this worker has to go on through the
 * step's collectives until it can tell the others. */
static const struct micro_batch *next_micro_batch(struct step *step, int lane, struct micro_batch *stand_in)
{
    struct trainer *trainer = step->trainer;
    const struct micro_batch *batch = NULL;
    double begin = clock_monotonic();
    set_phase(trainer, PHASE_DATA);
    trainer->waited_since = begin;
    if (step->failure == STATUS_OK && trainer->loader) {
        step->failure = loader_next(trainer->loader, lane, wait_for_data, trainer, &batch, step->error);
    }
    step->seconds_data += clock_monotonic() - begin;
    if (step->failure != STATUS_OK || !trainer->loader) {
        *stand_in = (struct micro_batch){
            .lane = lane, .image = trainer->empty_image, .sample = trainer->empty_sample};
        return stand_in;
    }
    return batch;
}

/* debug.poison_sample: to see what a bad sample does. */
static void poison(const struct trainer *trainer, const struct micro_batch *batch, size_t pixels)
{
    int64_t bad = trainer->config->debug.poison_sample;
    for (int i = 0; bad >= 0 && i < trainer->config->batch.lane; i++) {
        for (size_t p = 0; batch->sample[i].id == (uint64_t)bad && p < pixels; p++) {
            batch->image[(size_t)i * pixels + p] = NAN;
        }
    }
}

static void draw_dropout(struct trainer *trainer, int64_t step, const struct sample *sample)
{
    const struct config *config = trainer->config;
    size_t count = iresnet_dropout_count(trainer->net);
    float kept = (float)(1.0 / (1.0 - config->model.dropout));
    float drop = (float)config->model.dropout;
    for (int i = 0; i < config->batch.lane; i++) {
        struct random random = random_stream(config->run.seed, RANDOM_DROPOUT, (uint64_t)step, sample[i].id);
        float *mask = trainer->dropout_mask + (size_t)i * count;
        for (size_t j = 0; j < count; j++) {
            mask[j] = random_uniform(&random) < drop ? 0.0f : kept;
        }
    }
}

/* Everything that is complete before the backbone's backward pass goes out ahead of it. */
static enum status start_early_sums(struct trainer *trainer, struct error *error)
{
    const float *late = iresnet_gradient(trainer->net);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < trainer->group_count && status == STATUS_OK; i++) {
        const struct parameter_group *group = &trainer->groups[i];
        if (!group->owned_rows && group->count > 0 && group->gradient != late) {
            status = buckets_start(&trainer->buckets, group->gradient, group->count, error);
        }
    }
    return status == STATUS_OK ? buckets_start(&trainer->buckets, iresnet_batch_statistics(trainer->net),
                                               iresnet_statistic_count(trainer->net), error)
                               : status;
}

/* This worker's part in the classifier's round, which may be its owned rows alone. */
static enum status score(struct step *step, const struct sample *sample, struct error *error)
{
    struct trainer *trainer = step->trainer;
    set_phase(trainer, PHASE_CLASSIFIER);
    double begin = clock_monotonic();
    enum status status = classifier_step(trainer->classifier, trainer->config->batch.lane, trainer->embedding,
                                         sample, trainer->global_batch, step->number, trainer->grad_embedding,
                                         &step->classifier, error);
    step->seconds_classifier += clock_monotonic() - begin;
    fail(step, &step->classifier.failure);
    return status;
}

/* Where classes are drawn, all workers have to know all samples of the step before its first round. */
static enum status draw_classes(struct step *step, int rounds, struct error *error)
{
    struct trainer *trainer = step->trainer;
    int count = trainer->config->batch.lane;
    for (int round = 0; round < rounds; round++) {
        int lane = lane_share_lane(trainer->lanes, trainer->exchange->size, trainer->exchange->rank, round);
        struct round_ahead *ahead = &trainer->ahead[round];
        const struct sample *sample = trainer->absent_sample;
        if (lane >= 0) {
            ahead->batch = next_micro_batch(step, lane, &ahead->stand_in);
            sample = ahead->batch->sample;
        }
        memcpy(trainer->ahead_sample + (size_t)round * (size_t)count, sample, (size_t)count * sizeof *sample);
    }
    set_phase(trainer, PHASE_CLASSIFIER);
    double begin = clock_monotonic();
    enum status status =
        classifier_draw(trainer->classifier, rounds * count, trainer->ahead_sample, step->number, error);
    step->seconds_classifier += clock_monotonic() - begin;
    return status;
}

/* Others have a lane in this round, and this worker the rows that their samples are scored against. */
static enum status sit_out(struct step *step, int round, struct error *error)
{
    struct trainer *trainer = step->trainer;
    enum status status = score(step, trainer->absent_sample, error);
    if (status == STATUS_OK && step->trace) {
        step_trace_round(step->trace, trainer, round, NULL);
    }
    return status;
}

/* Forward, losses and backward of one lane's micro-batch. */
static enum status run_round(struct step *step, int round, int lane, struct error *error)
{
    struct trainer *trainer = step->trainer;
    const struct config *config = trainer->config;
    int count = config->batch.lane;
    struct iresnet_hooks hooks = {between_layers, gradient_ready, step};
    struct micro_batch stand_in;
    const struct micro_batch *batch =
        trainer->ahead ? trainer->ahead[round].batch : next_micro_batch(step, lane, &stand_in);
    size_t pixels = (size_t)config->model.input * (size_t)config->model.input * 3;
    size_t width = (size_t)config->model.embedding;
    step->batch = batch;
    poison(trainer, batch, pixels);
    if (trainer->dropout_mask) {
        draw_dropout(trainer, step->number, batch->sample);
    }

    set_phase(trainer, PHASE_FORWARD);
    iresnet_forward(trainer->net, count, batch->image, trainer->dropout_mask, trainer->embedding, &hooks);
    blame_forward(&step->blame, batch, pixels, count, trainer->embedding, width);

    enum status status = score(step, batch->sample, error);
    if (status == STATUS_OK) {
        domain_step(trainer->domain, count, trainer->embedding, batch->sample, trainer->global_batch,
                    step->lambda, trainer->grad_embedding, &step->domain);
        blame_losses(&step->blame, batch, count, trainer->grad_embedding, width);
        if (step->trace) {
            step_trace_round(step->trace, trainer, round, batch);
        }
    }
    if (status == STATUS_OK && trainer->last_round) {
        status = start_early_sums(trainer, error);
    }
    if (status == STATUS_OK) {
        set_phase(trainer, PHASE_BACKWARD);
        iresnet_backward(trainer->net, count, trainer->grad_embedding, &hooks);
    }
    if (batch->image != trainer->empty_image) {
        loader_release(trainer->loader, batch);
    }
    return status;
}

static int failure_slot(enum status failure)
{
    int at = 0;
    while (at < FAILURES && failures[at] != failure) {
        at++;
    }
    return at < FAILURES ? at : failure_slot(STATUS_INTERNAL);
}

static enum status gravest_failure(const double *sums)
{
    for (int i = 0; i < FAILURES; i++) {
        if (sums[SUM_FAILED + i] > 0) {
            return failures[i];
        }
    }
    return STATUS_OK;
}

/* The step's own reduction: losses, and the control word by which all workers decide alike. */
static enum status reduce_step(struct step *step, struct step_control *control, struct step_result *result,
                               struct error *error)
{
    struct trainer *trainer = step->trainer;
    struct exchange *exchange = trainer->exchange;
    double sums[SUM_COUNT] = {0};
    double batch = (double)trainer->global_batch;
    sums[SUM_LOSS_CLS] = step->classifier.loss;
    sums[SUM_LOSS_DOM] = step->domain.loss;
    sums[SUM_CORRECT] = step->classifier.correct;
    sums[SUM_DOMAIN_CORRECT] = step->domain.correct;
    memcpy(&sums[SUM_MARGIN], step->classifier.margin, sizeof step->classifier.margin);
    sums[SUM_STOP] = (control->requests & CONTROL_STOP) != 0;
    sums[SUM_CHECKPOINT] = (control->requests & CONTROL_CHECKPOINT) != 0;
    sums[SUM_EVALUATE] = (control->requests & CONTROL_EVALUATE) != 0;
    if (control->failure != STATUS_OK) {
        sums[SUM_FAILED + failure_slot(control->failure)] = 1;
    }
    enum status status = exchange->operations->sum_double(exchange, sums, SUM_COUNT, error);
    memcpy(step->classifier.margin, &sums[SUM_MARGIN], sizeof step->classifier.margin);
    control->requests = (sums[SUM_STOP] > 0 ? CONTROL_STOP : 0) |
                        (sums[SUM_CHECKPOINT] > 0 ? CONTROL_CHECKPOINT : 0) |
                        (sums[SUM_EVALUATE] > 0 ? CONTROL_EVALUATE : 0);
    control->failure = gravest_failure(sums);
    control->agreed = status == STATUS_OK && control->failure != STATUS_OK;
    result->loss_cls = sums[SUM_LOSS_CLS] / batch;
    result->loss_dom = sums[SUM_LOSS_DOM] / batch;
    result->loss = result->loss_cls + result->loss_dom;
    result->accuracy = sums[SUM_CORRECT] / batch;
    result->domain_accuracy = sums[SUM_DOMAIN_CORRECT] / batch;
    return status;
}

/* `scale` is what clipping makes of the gradients that it counts. */
static void update(struct step *step, const struct step_result *result, double scale)
{
    struct trainer *trainer = step->trainer;
    const struct config *config = trainer->config;
    for (size_t i = 0; i < trainer->group_count; i++) {
        const struct parameter_group *group = &trainer->groups[i];
        struct optimizer_update update = {.scale = group->owned_rows ? 1.0 : scale,
                                          .lr = result->lr,
                                          .momentum = config->optimizer.momentum,
                                          .weight_decay = config->optimizer.weight_decay};
        optimizer_step(group, &update, trainer->threads);
    }
    iresnet_update_statistics(trainer->net, trainer->lanes);
    classifier_advance(trainer->classifier, step->classifier.margin);
    iresnet_weights_changed(trainer->net);
}

/* The norm over what every worker has alike, backbone and domain head, and what clipping makes of it (as
 * PyTorch's clip_grad_norm_). */
static double clip_scale(struct trainer *trainer, double *norm)
{
    double clip = trainer->config->optimizer.clip, squares = 0;
    for (size_t i = 0; i < trainer->group_count; i++) {
        const struct parameter_group *group = &trainer->groups[i];
        if (!group->owned_rows && group->count > 0) {
            squares += optimizer_square_sum(group->gradient, group->count, trainer->threads);
        }
    }
    *norm = sqrt(squares);
    double scale = clip / (*norm + 1e-6);
    return clip > 0 && scale < 1 ? scale : 1;
}

/* An update was skipped, as all workers know: they tell each other whose lanes brought it. */
static enum status find_culprit(struct step *step, struct step_result *result, struct error *error)
{
    struct trainer *trainer = step->trainer;
    struct exchange *exchange = trainer->exchange;
    for (int w = 0; w < exchange->size; w++) {
        trainer->blamed[w] = w == exchange->rank ? step->blame.lanes : 0;
    }
    enum status status =
        exchange->operations->sum_double(exchange, trainer->blamed, (size_t)exchange->size, error);
    for (int w = exchange->size - 1; w >= 0; w--) {
        result->culprit = trainer->blamed[w] > 0 ? w : result->culprit;
        result->culprit_lanes += (int)trainer->blamed[w];
    }
    result->blame = step->blame;
    return status;
}

static enum status exchange_and_update(struct step *step, struct step_control *control,
                                       struct step_result *result, struct error *error)
{
    struct trainer *trainer = step->trainer;
    struct exchange *exchange = trainer->exchange;
    set_phase(trainer, PHASE_EXCHANGE);
    enum status status = buckets_flush(&trainer->buckets, error);
    if (status == STATUS_OK && step->between != STATUS_OK) {
        *error = step->between_error;
        status = step->between;
    }
    if (status == STATUS_OK) {
        status = reduce_step(step, control, result, error);
    }
    if (status == STATUS_OK) {
        status = exchange->operations->buckets_wait(exchange, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    set_phase(trainer, PHASE_UPDATE);
    double scale = clip_scale(trainer, &result->grad_norm);
    result->skipped = !isfinite(result->loss) || !isfinite(result->grad_norm);
    if (result->skipped) {
        status = find_culprit(step, result, error);
    }
    bool whole = control->failure == STATUS_OK && status == STATUS_OK;
    if (step->trace && whole) {
        step_trace_gradient(step->trace, trainer, result);
    }
    if (!result->skipped && whole) {
        update(step, result, scale);
        if (step->trace) {
            step_trace_after(step->trace, trainer);
        }
    }
    return status;
}

enum status trainer_step(struct trainer *trainer, int64_t number, struct step_control *control,
                         struct step_result *result, struct error *error)
{
    const struct config *config = trainer->config;
    double begin = clock_monotonic();
    double waited = trainer->exchange->seconds_waited;
    double hidden = trainer->exchange->seconds_hidden;
    uint64_t bytes[TRAFFIC_KINDS];
    memcpy(bytes, trainer->exchange->bytes, sizeof bytes);
    struct error first_error = {0};
    struct step step = {.trainer = trainer, .number = number, .error = &first_error};
    struct step_trace trace;
    double progress = (double)(number - 1) / (double)trainer->steps;
    step.lambda = domain_lambda(config->domain.lambda, config->domain.start,
                                config->domain.schedule == CONFIG_DOMAIN_GANIN, progress);
    *result = (struct step_result){.lambda = step.lambda, .culprit = -1};
    result->lr = optimizer_learning_rate(config, number - 1, trainer->steps, trainer->steps_per_epoch);

    iresnet_zero_gradient(trainer->net);
    domain_zero_gradient(trainer->domain);
    classifier_zero_gradient(trainer->classifier);
    buckets_begin(&trainer->buckets);
    enum status status = STATUS_OK;
    if (number == config->debug.trace_step) {
        step.trace = &trace;
        step_trace_begin(&trace, trainer, number, result->lambda, result->lr);
    }
    int workers = trainer->exchange->size;
    int rounds = lane_share_rounds(trainer->lanes, workers);
    if (trainer->ahead) {
        status = draw_classes(&step, rounds, error);
    }
    for (int round = 0; round < rounds && status == STATUS_OK; round++) {
        int lane = lane_share_lane(trainer->lanes, workers, trainer->exchange->rank, round);
        trainer->last_round = round == rounds - 1;
        status = lane < 0 ? sit_out(&step, round, error) : run_round(&step, round, lane, error);
    }
    if (step.failure != STATUS_OK) {
        control->failure = step.failure;
    }
    if (status == STATUS_OK) {
        status = exchange_and_update(&step, control, result, error);
    }
    if (step.trace) {
        bool whole = status == STATUS_OK && control->failure == STATUS_OK;
        result->trace.status = step_trace_end(&trace, whole, &result->trace);
    }
    result->seconds_data = step.seconds_data;
    result->seconds_classifier = step.seconds_classifier;
    result->seconds_exchange = trainer->exchange->seconds_waited - waited;
    result->seconds_hidden = trainer->exchange->seconds_hidden - hidden;
    for (int kind = 0; kind < TRAFFIC_KINDS; kind++) {
        result->bytes[kind] = (double)(trainer->exchange->bytes[kind] - bytes[kind]);
    }
    result->seconds_compute = clock_monotonic() - begin - result->seconds_data - result->seconds_exchange;
    if (status == STATUS_OK && step.failure != STATUS_OK) {
        *error = first_error;
        return step.failure;
    }
    return status;
}
