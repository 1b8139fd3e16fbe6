#include "worker/measure/prediction.h"

#include "worker/exchange/lane_share.h"
#include "worker/loss/classifier.h"

#include <math.h>

/* What the owners of a dataset reduce for each sample: four maxima and a sum (worker/loss/README.md). */
#define REDUCED_BYTES (5 * sizeof(float))

double prediction_bytes(int workers, int lanes, int lane_batch, int embedding, double parts,
                        double gradient_bytes)
{
    double others = (double)(workers - 1) / workers;
    double embeddings = (double)lanes * lane_batch / workers * parts * embedding * (double)sizeof(float);
    return others * (2 * gradient_bytes + 2 * embeddings);
}

/* Rounds of messages in which `members` reach each other by doubling. */
static int doublings(int members)
{
    int rounds = 0;
    while (1 << rounds < members) {
        rounds++;
    }
    return rounds;
}

/* How the class rows lie over the workers: the worker with the most to do decides. */
struct ownership {
    double work; /* sample times row, of a round, over that of one worker with all rows and one lane */
    double rows; /* of that worker, over all rows */
    int members; /* of the largest owner group */
    double parts; /* workers that have a part in a sample, in the mean */
    double samples; /* that the worker with a part in the most has one in, over all */
};

static double images_of(const struct prediction_input *input)
{
    double images = 0;
    for (size_t k = 0; k < input->datasets; k++) {
        images += (double)input->images[k];
    }
    return images;
}

/* Samples of dataset k that meet its rows, over the samples of a lane. */
static double share_of(const struct prediction_input *input, size_t k, double images)
{
    return input->scope_all ? 1 : (double)input->images[k] / images;
}

static bool owns(int worker, int first, int count, int workers)
{
    return (worker - first + workers) % workers < count;
}

static struct ownership ownership_of(const struct prediction_input *input, int workers)
{
    struct ownership ownership = {.members = 1};
    double images = images_of(input), all_work = 0, all_rows = 0;
    for (size_t k = 0; k < input->datasets; k++) {
        all_rows += input->classes[k];
        all_work += share_of(input, k, images) * input->classes[k];
    }
    for (int worker = 0; worker < workers; worker++) {
        double work = 0, rows = 0, samples = 0;
        for (size_t k = 0; k < input->datasets; k++) {
            int first, count;
            classifier_layout(input->classes, input->datasets, input->rows_min, workers, k, &first, &count);
            double own = owns(worker, first, count, workers) ? (double)input->classes[k] / count : 0;
            rows += own;
            work += share_of(input, k, images) * own;
            samples += own > 0 ? (double)input->images[k] / images : 0;
            ownership.members = count > ownership.members ? count : ownership.members;
        }
        ownership.work = work > ownership.work ? work : ownership.work;
        ownership.rows = rows > ownership.rows ? rows : ownership.rows;
        ownership.samples = samples > ownership.samples ? samples : ownership.samples;
        ownership.parts += samples;
    }
    ownership.work *= workers / all_work;
    ownership.rows /= all_rows;
    if (input->scope_all) {
        ownership.members = workers;
        ownership.parts = workers;
        ownership.samples = 1;
    }
    return ownership;
}

/* The exchange of a classifier's round: samples told of, embeddings there, two reductions, gradients back. The worker
 * that gets the most or sends the most decides. */
static double classifier_exchange(const struct prediction_input *input, int workers,
                                  const struct ownership *ownership)
{
    double embeddings = input->lane_batch * input->embedding * (double)sizeof(float);
    double arriving = (workers - 1) * ownership->samples * embeddings;
    double leaving = ownership->parts * (workers - 1) / workers * embeddings;
    double told = (workers - 1) * input->lane_batch * (double)sizeof(struct sample);
    double passed_on = 3 * input->latency + (told + 2 * fmax(arriving, leaving)) / input->bandwidth;
    double reduced = (double)workers * input->lane_batch * ownership->samples * REDUCED_BYTES;
    double reduction =
        2 * 2 * doublings(ownership->members) * input->latency + 2 * reduced / input->bandwidth;
    return passed_on + (ownership->members > 1 ? reduction : 0);
}

/* Buckets one after the other. Adds to `hidden` what runs beside the backward pass; returns what does not. */
static double buckets_exchange(const struct prediction_input *input, int workers, double *hidden)
{
    double others = (double)(workers - 1) / workers, end = 0, busy = 0;
    struct sum_levels levels = sum_levels_choose(workers, 1);
    int messages =
        2 * (sum_levels_are_small(&levels) ? levels.count : doublings(workers)); /* one behind the other */
    for (size_t i = 0; i < input->buckets; i++) {
        double seconds = 2 * others * input->bucket[i].bytes / input->bandwidth + messages * input->latency;
        end = (end > input->bucket[i].ready ? end : input->bucket[i].ready) + seconds;
        busy += seconds;
    }
    double waited = end > input->backward ? end - input->backward : 0;
    waited = waited < busy ? waited : busy;
    *hidden += busy - waited;
    return waited;
}

static bool draws_classes(const struct prediction_input *input)
{
    return input->sample > 0 && input->sample < 1;
}

/* Class rows that stand in a step of so many lanes: where they are drawn, those of its samples are there too. */
static double standing_rows(const struct prediction_input *input, int lanes)
{
    double rows = 0;
    for (size_t k = 0; k < input->datasets; k++) {
        rows += input->classes[k];
    }
    double drawn = draws_classes(input) ? input->sample * rows : rows;
    return fmin(rows, drawn + (1 - drawn / rows) * lanes * input->lane_batch);
}

/* Before a step with drawn classes every worker tells of all its samples. */
static double draw_exchange(const struct prediction_input *input, int workers, int rounds)
{
    double told = (double)(workers - 1) * rounds * input->lane_batch * (double)sizeof(struct sample);
    return draws_classes(input) ? input->latency + told / input->bandwidth : 0;
}

/* Seconds a worker adds up gradients: what came is read once, and sums stay in the caches. */
static double additions(const struct prediction_input *input, int workers)
{
    double bytes = 0;
    for (size_t i = 0; i < input->buckets; i++) {
        bytes += input->bucket[i].bytes;
    }
    return bytes * (workers - 1) / workers / input->memory;
}

void prediction_make(const struct prediction_input *input, int workers, struct prediction *prediction)
{
    int lanes = input->lanes > 0 ? input->lanes : workers;
    *prediction = (struct prediction){.workers = workers, .lanes = lanes};
    int64_t batch = (int64_t)lanes * input->lane_batch;
    prediction->steps_per_epoch = (int64_t)(images_of(input) / (double)batch);
    prediction->possible = workers <= lanes && prediction->steps_per_epoch > 0;
    if (!prediction->possible) {
        return;
    }
    int rounds = lane_share_rounds(lanes, workers);
    struct ownership ownership = ownership_of(input, workers);
    double measured = standing_rows(input, 1), standing = standing_rows(input, lanes);
    double exchanged = (double)input->exchanged_weights, owned = measured * input->embedding;
    double update =
        input->update * (exchanged + ownership.rows * owned * standing / measured) / (exchanged + owned);
    double round =
        input->forward + input->classifier * ownership.work * standing / measured + input->backward;
    prediction->compute = rounds * round + update;
    if (workers > 1) {
        prediction->compute += additions(input, workers);
        prediction->exchange =
            draw_exchange(input, workers, rounds) + rounds * classifier_exchange(input, workers, &ownership) +
            buckets_exchange(input, workers, &prediction->hidden) + 2 * doublings(workers) * input->latency;
    }
    prediction->step = prediction->compute + prediction->exchange;
    prediction->images_per_second = (double)batch / prediction->step;
    prediction->epoch = (double)prediction->steps_per_epoch * prediction->step;
}
