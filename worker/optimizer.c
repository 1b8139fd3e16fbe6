#include "worker/optimizer.h"

#include <math.h>

/* Independent partial sums, so that the additions can run side by side. */
#define SQUARE_LANES 8
/* A vector's parts are summed each by one thread: so many whatever the number of threads. */
#define SQUARE_PARTS 64
/* Vectors shorter than this are not worth waking threads for. */
#define PARALLEL_COUNT 65536

static void update_values(float *weight, float *momentum, const float *gradient, size_t count,
                          const struct optimizer_update *update)
{
    float gradient_scale = (float)update->scale;
    float rate = (float)update->lr;
    float keep = (float)update->momentum;
    float decay = (float)update->weight_decay;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float velocity = keep * momentum[i] + (gradient_scale * gradient[i] + decay * weight[i]);
        momentum[i] = velocity;
        weight[i] -= rate * velocity;
    }
}

static void update_drawn(const struct parameter_group *group, const struct optimizer_update *update,
                         int threads)
{
    const struct parameter_drawn *drawn = group->drawn;
    size_t dimension = group->parameters[0].shape[1];
    bool parallel = threads > 1 && drawn->count * dimension >= PARALLEL_COUNT;
#pragma omp parallel for num_threads(threads) schedule(static) if (parallel)
    for (size_t i = 0; i < drawn->count; i++) {
        size_t at = drawn->row[i] * dimension;
        update_values(group->weight + at, group->momentum + at, drawn->gradient + i * dimension, dimension,
                      update);
    }
}

void optimizer_step(const struct parameter_group *group, const struct optimizer_update *update, int threads)
{
    if (group->drawn) {
        update_drawn(group, update, threads);
        return;
    }
    bool parallel = threads > 1 && group->count >= PARALLEL_COUNT;
    size_t parts = parallel ? (size_t)threads : 1;
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (parallel)
    for (size_t part = 0; part < parts; part++) {
        size_t begin = group->count * part / parts, end = group->count * (part + 1) / parts;
        update_values(group->weight + begin, group->momentum + begin, group->gradient + begin, end - begin,
                      update);
    }
}

static double part_square_sum(const float *values, size_t count)
{
    double sum[SQUARE_LANES] = {0};
    size_t whole = count - count % SQUARE_LANES;
    for (size_t i = 0; i < whole; i += SQUARE_LANES) {
#pragma omp simd
        for (size_t lane = 0; lane < SQUARE_LANES; lane++) {
            double value = (double)values[i + lane];
            sum[lane] += value * value;
        }
    }
    for (size_t i = whole; i < count; i++) {
        sum[i - whole] += (double)values[i] * (double)values[i];
    }
    double total = 0;
    for (size_t lane = 0; lane < SQUARE_LANES; lane++) {
        total += sum[lane];
    }
    return total;
}

double optimizer_square_sum(const float *values, size_t count, int threads)
{
    double sum[SQUARE_PARTS], total = 0;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1 && count >= PARALLEL_COUNT)
    for (size_t part = 0; part < SQUARE_PARTS; part++) {
        size_t begin = count / SQUARE_PARTS * part;
        size_t end = part == SQUARE_PARTS - 1 ? count : begin + count / SQUARE_PARTS;
        sum[part] = part_square_sum(values + begin, end - begin);
    }
    for (size_t part = 0; part < SQUARE_PARTS; part++) {
        total += sum[part];
    }
    return total;
}

double optimizer_learning_rate(const struct config *config, int64_t step, int64_t steps,
                               int64_t steps_per_epoch)
{
    const double pi = 3.14159265358979323846;
    double lr = config->optimizer.lr;
    int64_t warmup = llround(config->schedule.warmup_epochs * (double)steps_per_epoch);
    if (step < warmup) {
        return lr * (double)(step + 1) / (double)warmup;
    }
    if (config->schedule.kind == CONFIG_SCHEDULE_STEP) {
        double progress = (double)step / (double)steps;
        for (size_t i = 0; i < config->schedule.milestone_count; i++) {
            if (progress >= config->schedule.milestones[i]) {
                lr *= 0.1;
            }
        }
        return lr;
    }
    double done = steps > warmup ? (double)(step - warmup) / (double)(steps - warmup) : 1.0;
    if (config->schedule.kind == CONFIG_SCHEDULE_COSINE) {
        return lr * (1.0 + cos(pi * done)) / 2.0;
    }
    return lr * pow(1.0 - done, config->schedule.power);
}
