/* classifier_step: one round as the numbers flow between the workers. */
#include "worker/loss/center_loss.h"
#include "worker/loss/classifier_delivery.h"
#include "worker/loss/classifier_drawn.h"
#include "worker/loss/classifier_score.h"
#include "worker/loss/classifier_tile.h"
#include "worker/loss/threshold.h"

#include <math.h>
#include <string.h>

#define DENOMINATOR_FLOATS (sizeof(struct denominator) / sizeof(float))

static double inverse_norm(const float *embedding, size_t dimension)
{
    double square = 0;
    for (size_t i = 0; i < dimension; i++) {
        square += (double)embedding[i] * (double)embedding[i];
    }
    double norm = sqrt(square);
    return norm < TILE_NORM_FLOOR ? 0.0 : 1.0 / norm;
}

static double norm_of(double inverse_norm)
{
    return inverse_norm > 0 ? 1.0 / inverse_norm : 0.0;
}

static enum status gather(struct classifier *classifier, int count, const float *embedding,
                          const struct sample *sample, struct error *error)
{
    struct exchange *exchange = classifier->exchange;
    size_t samples = (size_t)count;
    if (count * exchange->size > classifier->config.round_max) {
        return error_set(error, STATUS_INTERNAL, "classifier", NULL,
                         "a round of %d samples from each of %d workers is more than the %d made room for",
                         count, exchange->size, classifier->config.round_max);
    }
    enum status status = exchange->operations->allgather(exchange, sample, samples * sizeof *sample,
                                                         classifier->gathered_sample, error);
    if (status == STATUS_OK) {
        status =
            delivery_check(classifier, classifier->gathered_sample, samples * (size_t)exchange->size, error);
    }
    return status == STATUS_OK ? delivery_send(classifier, count, embedding, sample, error) : status;
}

/* `embedding` holds those of all slots. */
static void normalise(struct scored *scored, const float *embedding, float *normalised, size_t dimension)
{
    const float *own = embedding + scored->slot * dimension;
    scored->inverse_norm = inverse_norm(own, dimension);
    for (size_t j = 0; j < dimension; j++) {
        normalised[j] = (float)((double)own[j] * scored->inverse_norm);
    }
}

/* Puts those of the `count` gathered samples that this worker has a part in, in order of dataset, their embeddings
 * normalised. Returns how many they are. */
static int sort_samples(struct classifier *classifier, int count, int64_t global_batch)
{
    size_t dimension = (size_t)classifier->config.embedding;
    size_t datasets = classifier->config.datasets;
    const struct identity_groups *identity = classifier->identity;
    const int *slot = delivery_slots(classifier);
    int *next = classifier->dataset_first;
    memset(next, 0, (datasets + 1) * sizeof *next);
    for (int i = 0; i < count; i++) {
        if (slot[i] >= 0) {
            next[classifier->gathered_sample[i].dataset + 1]++;
        }
    }
    for (size_t k = 0; k < datasets; k++) {
        next[k + 1] += next[k];
    }
    for (int i = 0; i < count; i++) {
        const struct sample *sample = &classifier->gathered_sample[i];
        if (slot[i] < 0) {
            continue;
        }
        int at = next[sample->dataset]++;
        uint32_t home = identity->home[identity->first_class[sample->dataset] + sample->label];
        classifier->scored[at] =
            (struct scored){.sample = *sample,
                            .target = home,
                            .target_at = classifier->drawn ? drawn_place(classifier, home) : home,
                            .place = (uint32_t)i,
                            .slot = (uint32_t)slot[i],
                            .share = classifier->weight[sample->dataset] / (double)global_batch};
    }
    /* Each entry now is where the next dataset begins. */
    memmove(next + 1, next, datasets * sizeof *next);
    next[0] = 0;
    int scored = next[datasets];
#pragma omp parallel for num_threads(classifier->config.threads) schedule(static)
    for (int i = 0; i < scored; i++) {
        normalise(&classifier->scored[i], classifier->gathered_embedding,
                  classifier->embedding + (size_t)i * dimension, dimension);
    }
    return scored;
}

/* Adds the samples' unit embeddings to the centres of the owned classes. */
static void add_to_centres(struct classifier *classifier, int count)
{
    size_t dimension = (size_t)classifier->config.embedding;
    for (int i = 0; i < count && classifier->config.centres; i++) {
        const struct scored *scored = &classifier->scored[i];
        const struct classifier_block *block = &classifier->block[scored->sample.dataset];
        uint32_t label = scored->sample.label;
        bool sound = scored->inverse_norm > 0 && isfinite(scored->inverse_norm);
        if (label < block->row_begin || label >= block->row_end || !sound) {
            continue;
        }
        size_t row = label - block->row_begin;
        float *centre = block->centre + row * dimension;
        const float *embedding = classifier->embedding + (size_t)i * dimension;
        for (size_t j = 0; j < dimension; j++) {
            centre[j] += embedding[j];
        }
        block->centre[block->parameter.count + row] += 1;
    }
}

typedef enum status (*group_reduction)(struct exchange *exchange, struct exchange_group *group, float *values,
                                       size_t count, struct error *error);

/* Reduces [count][each] over whoever has a part in each sample's denominator: all groups at once. */
static enum status reduce(struct classifier *classifier, int count, group_reduction reduction, float *values,
                          size_t each, struct error *error)
{
    struct exchange *exchange = classifier->exchange;
    enum status status = STATUS_OK;
    if (classifier->global) {
        status = reduction(exchange, classifier->everyone, values, (size_t)count * each, error);
    }
    for (size_t k = 0; k < classifier->config.datasets && !classifier->global && status == STATUS_OK; k++) {
        size_t first = (size_t)classifier->dataset_first[k];
        size_t end = (size_t)classifier->dataset_first[k + 1];
        if (end > first) {
            status = reduction(exchange, classifier->owners[k], values + first * each, (end - first) * each,
                               error);
        }
    }
    return status == STATUS_OK ? exchange->operations->group_wait(exchange, error) : status;
}

/* The margins of the samples whose target is owned; adds to *sums what the targets' cosines tell. */
static void set_margins(struct classifier *classifier, int count, int64_t step, struct classifier_sums *sums)
{
    const struct margin_choice *margin = &classifier->config.margin;
    for (int i = 0; i < count; i++) {
        struct scored *scored = &classifier->scored[i];
        if (scored->target_owned) {
            const struct margin_draw draw = {classifier->config.seed, (uint64_t)step, scored->sample.id};
            scored->margin =
                sample_margin_of(margin, classifier->running, norm_of(scored->inverse_norm), &draw);
            margin_observe_cosine(margin->kind, classifier->running, scored->target_cosine, sums->margin);
        }
    }
}

/* What this worker knows of its targets, `largest` and `nearest` left out. Maxima would swallow what is not a number. */
static void set_denominators(struct classifier *classifier, int count)
{
    for (int i = 0; i < count; i++) {
        struct denominator *denominator = &classifier->denominator[i];
        const struct scored *scored = &classifier->scored[i];
        *denominator = (struct denominator){TILE_NO_RIVAL, TILE_NO_RIVAL, -INFINITY, -INFINITY};
        if (scored->target_owned) {
            bool finite = isfinite(scored->target_cosine);
            denominator->psi =
                finite ? (float)sample_margin_forward(&scored->margin, scored->target_cosine) : 0.0f;
            denominator->cosine = finite ? (float)scored->target_cosine : 0.0f;
        }
    }
}

static enum status reduce_largest(struct classifier *classifier, int count, struct error *error)
{
    return reduce(classifier, count, classifier->exchange->operations->group_max,
                  &classifier->denominator->largest, DENOMINATOR_FLOATS, error);
}

/* Which rivals are hard, where that matters, all must know before they score them. */
static enum status find_hard(struct classifier *classifier, int count, struct error *error)
{
    enum status status = classifier->hard ? reduce_largest(classifier, count, error) : STATUS_OK;
    for (int i = 0; classifier->hard && i < count; i++) {
        classifier->hard[i] = classifier->denominator[i].psi;
    }
    return status;
}

/* What is not a number travels in the sums. */
static enum status reduce_denominators(struct classifier *classifier, int count, struct error *error)
{
    double scale = classifier->config.scale;
    for (int i = 0; i < count; i++) {
        struct denominator *denominator = &classifier->denominator[i];
        const struct scored *scored = &classifier->scored[i];
        denominator->largest = classifier->largest[i];
        denominator->nearest = classifier->nearest ? classifier->nearest[i] : classifier->largest[i];
        if (scored->target_owned && !isfinite(scored->target_cosine)) {
            classifier->local_sum[i] = (double)NAN;
        }
    }
    const struct exchange_operations *operations = classifier->exchange->operations;
    enum status status = reduce_largest(classifier, count, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (int i = 0; i < count; i++) {
        double behind = (double)classifier->largest[i] - (double)classifier->denominator[i].largest;
        classifier->sum[i] = (float)(classifier->local_sum[i] * exp(scale * behind));
        classifier->largest[i] = classifier->denominator[i].largest;
    }
    return reduce(classifier, count, operations->group_sum, classifier->sum, 1, error);
}

/* With a the logarithm of the rivals' sum over the target's exponential, the loss is log(1 + e^a), and
 * e^a / (1 + e^a) the probability that the rivals hold: neither cancels where the target has won. */
static void finish_sample(struct classifier *classifier, int i)
{
    double scale = classifier->config.scale;
    struct scored *scored = &classifier->scored[i];
    const struct denominator *denominator = &classifier->denominator[i];
    double sum = (double)classifier->sum[i];
    classifier->factor[i] = 0.0f;
    double a = scale * (double)denominator->largest + log(sum) - scale * (double)denominator->psi;
    double rivals = 1.0 / (1.0 + exp(-a));
    if (!(sum <= 0.0)) {
        classifier->factor[i] = (float)(scored->share * scale * rivals / sum);
    }
    if (scored->target_owned) {
        scored->loss = a > 0.0 ? a + log1p(exp(-a)) : log1p(exp(a));
        scored->correct = denominator->cosine > denominator->nearest ? 1.0 : 0.0;
        double slope = -scored->share * scale * rivals; /* d loss / d psi */
        scored->target_slope = slope * sample_margin_backward(&scored->margin, scored->target_cosine);
        scored->norm_slope = slope * sample_margin_norm_backward(&scored->margin, scored->target_cosine);
    }
}

/* The same with a unified threshold, from what this worker alone knows: whoever has a rival above it takes a right answer
 * back. */
static void finish_by_threshold(struct classifier *classifier, int i)
{
    double scale = classifier->config.scale, threshold = (double)classifier->threshold;
    double weight = classifier->config.margin.value[UNIFACE_LAMBDA];
    struct scored *scored = &classifier->scored[i];
    scored->loss = weight * classifier->local_sum[i];
    scored->correct = scale * (double)classifier->largest[i] > threshold ? -1.0 : 0.0;
    classifier->factor[i] = (float)(scored->share * weight * scale);
    if (scored->target_owned) {
        double below = threshold - scale * sample_margin_forward(&scored->margin, scored->target_cosine);
        double slope = -scored->share * scale * threshold_slope(below); /* d loss / d psi */
        scored->loss += threshold_loss(below);
        scored->correct += scale * scored->target_cosine > threshold ? 1.0 : 0.0;
        scored->target_slope = slope * sample_margin_backward(&scored->margin, scored->target_cosine);
        classifier->threshold_gradient -= (float)(slope / scale);
    }
}

static void add_threshold_gradient(struct classifier *classifier)
{
    for (int t = 0; t < classifier->config.threads && classifier->unified; t++) {
        classifier->threshold_gradient -=
            (float)(classifier->part[t].threshold_slope / classifier->config.scale);
    }
}

/* Sends the gradient of each of the `present` scored samples back to the worker it came from, which has `count` in the round. */
static enum status send_back(struct classifier *classifier, int count, int present, struct error *error)
{
    size_t dimension = (size_t)classifier->config.embedding;
    size_t each = dimension + RETURN_COUNT;
#pragma omp parallel for num_threads(classifier->config.threads) schedule(static)
    for (int i = 0; i < present; i++) {
        const struct scored *scored = &classifier->scored[i];
        float *out = classifier->outgoing + (size_t)scored->slot * each;
        memcpy(out, classifier->part[0].grad_embedding + (size_t)i * dimension, dimension * sizeof *out);
        for (int t = 1; t < classifier->config.threads; t++) {
            const float *part = classifier->part[t].grad_embedding + (size_t)i * dimension;
            for (size_t j = 0; j < dimension; j++) {
                out[j] += part[j];
            }
        }
        out[dimension + RETURN_LOSS] = (float)scored->loss;
        out[dimension + RETURN_CORRECT] = (float)scored->correct;
        out[dimension + RETURN_NORM_SLOPE] = (float)scored->norm_slope;
    }
    return delivery_return(classifier, count, each, error);
}

/* What came back for this worker's own samples, through the normalisation's Jacobian; along the embedding, which that
 * leaves out, goes what the norm has a part in. */
static void take_back(struct classifier *classifier, int count, const float *embedding,
                      const struct sample *sample, int64_t global_batch, float *grad_embedding,
                      struct classifier_sums *sums)
{
    const struct margin_choice *margin = &classifier->config.margin;
    size_t dimension = (size_t)classifier->config.embedding;
    for (int i = 0; i < count; i++) {
        const float *in = classifier->incoming + (size_t)i * (dimension + RETURN_COUNT);
        const float *own = embedding + (size_t)i * dimension;
        float *grad = grad_embedding + (size_t)i * dimension;
        if (sample[i].dataset == SAMPLE_ABSENT) {
            memset(grad, 0, dimension * sizeof *grad);
            continue;
        }
        double inverse = inverse_norm(own, dimension), weight = classifier->weight[sample[i].dataset];
        double norm = norm_of(inverse), norm_slope, dot = 0;
        double norm_loss = margin_norm_loss(margin, norm, &norm_slope);
        norm_slope = norm_slope * weight / (double)global_batch + (double)in[dimension + RETURN_NORM_SLOPE];
        margin_observe_norm(margin->kind, classifier->running, norm, sums->margin);
        for (size_t j = 0; j < dimension; j++) {
            dot += (double)in[j] * (double)own[j] * inverse;
        }
        for (size_t j = 0; j < dimension; j++) {
            double unit = (double)own[j] * inverse;
            grad[j] = (float)(((double)in[j] - dot * unit) * inverse + norm_slope * unit);
        }
        sums->loss += weight * ((double)in[dimension + RETURN_LOSS] + norm_loss);
        sums->correct += in[dimension + RETURN_CORRECT] > 0.5f ? 1.0 : 0.0;
    }
}

enum status classifier_step(struct classifier *classifier, int count, const float *embedding,
                            const struct sample *sample, int64_t global_batch, int64_t step,
                            float *grad_embedding, struct classifier_sums *sums, struct error *error)
{
    int gathered = count * classifier->exchange->size;
    enum status status = gather(classifier, count, embedding, sample, error);
    if (status != STATUS_OK) {
        return status;
    }
    int present = sort_samples(classifier, gathered, global_batch);
    add_to_centres(classifier, present);
    struct error failure = {0};
    failure.status = score_draw(classifier, present, step, &failure);
    if (failure.status != STATUS_OK) {
        sums->failure = failure; /* the others wait in what follows */
    }
    score_targets(classifier, present);
    set_margins(classifier, present, step, sums);
    set_denominators(classifier, present);
    status = find_hard(classifier, present, error);
    if (status != STATUS_OK) {
        return status;
    }
    score_forward(classifier, present);
    status = classifier->unified ? STATUS_OK : reduce_denominators(classifier, present, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (int i = 0; i < present; i++) {
        (classifier->unified ? finish_by_threshold : finish_sample)(classifier, i);
        if (classifier->scored[i].target_owned && classifier->config.center > 0) {
            center_loss_score(classifier, i);
        }
    }
    score_backward(classifier);
    add_threshold_gradient(classifier);
    status = send_back(classifier, count, present, error);
    if (status == STATUS_OK) {
        take_back(classifier, count, embedding, sample, global_batch, grad_embedding, sums);
    }
    return status;
}
