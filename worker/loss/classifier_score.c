#include "worker/loss/classifier_score.h"

#include "worker/loss/classifier_drawn.h"
#include "worker/loss/classifier_tile.h"
#include "worker/loss/crossing.h"
#include "worker/loss/threshold.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *embedding_of(const struct classifier *classifier, int scored)
{
    return classifier->embedding + (size_t)scored * (size_t)classifier->config.embedding;
}

/* Where a chunk's row lies in the block's weights. */
static size_t weight_offset(const struct classifier *classifier, const struct chunk *chunk, int row)
{
    size_t at = chunk->begin + (size_t)row;
    at = classifier->drawn ? classifier->block[chunk->dataset].drawn.row[at] : at;
    return at * (size_t)classifier->config.embedding;
}

static size_t meeting_size(const struct meeting *meeting)
{
    return (size_t)meeting->samples * (size_t)meeting->rows;
}

static size_t chunk_size(const struct chunk *chunk)
{
    size_t size = 0;
    for (size_t m = 0; m < chunk->meetings; m++) {
        size += meeting_size(&chunk->meeting[m]);
    }
    return size;
}

/* Which samples meet which rows, on which thread, and whose cosines are kept. */
static void plan_round(struct classifier *classifier, int count)
{
    double total = 0;
    size_t kept = 0;
    for (size_t c = 0; c < classifier->chunks; c++) {
        struct chunk *chunk = &classifier->chunk[c];
        for (size_t m = 0; m < chunk->meetings; m++) {
            struct meeting *meeting = &chunk->meeting[m];
            bool every = meeting->dataset == EVERY_DATASET;
            const int *first = &classifier->dataset_first[every ? 0 : meeting->dataset];
            meeting->first = every ? 0 : first[0];
            meeting->samples = every ? count : first[1] - first[0];
            meeting->kept = NULL;
            if (kept + meeting_size(meeting) <= classifier->arena_count) {
                meeting->kept = classifier->arena + kept;
                kept += meeting_size(meeting);
            }
        }
        total += (double)chunk_size(chunk);
    }
    double before = 0;
    for (size_t c = 0; c < classifier->chunks; c++) {
        struct chunk *chunk = &classifier->chunk[c];
        double size = (double)chunk_size(chunk);
        double middle = total > 0 ? (before + size / 2) / total : 0;
        chunk->thread = (int)(middle * classifier->config.threads);
        before += size;
    }
}

/* The rows of a meeting, which are copied to the thread's own room where they do not lie side by side. */
static struct tile tile_of(const struct classifier *classifier, const struct chunk *chunk,
                           const struct meeting *meeting, const struct thread_part *part)
{
    size_t dimension = (size_t)classifier->config.embedding;
    const float *weight = classifier->block[chunk->dataset].weight;
    struct tile tile = {.rows = meeting->rows,
                        .samples = meeting->samples,
                        .dimension = classifier->config.embedding,
                        .inverse_norm = chunk->inverse_norm,
                        .embedding = embedding_of(classifier, meeting->first),
                        .cosine = meeting->kept ? meeting->kept : part->tile};
    if (classifier->hard) {
        tile.hard = classifier->hard + meeting->first;
        tile.hardness = classifier->running[RUNNING_TARGET_COSINE];
        tile.rival = part->rival;
    }
    if (!meeting->row && !classifier->drawn) {
        tile.weight = weight + weight_offset(classifier, chunk, 0);
        return tile;
    }
    for (int j = 0; j < meeting->rows; j++) {
        int row = meeting->row ? meeting->row[j] : j;
        memcpy(part->packed_weight + (size_t)j * dimension, weight + weight_offset(classifier, chunk, row),
               dimension * sizeof *weight);
        part->packed_inverse_norm[j] = chunk->inverse_norm[row];
    }
    tile.weight = part->packed_weight;
    tile.inverse_norm = part->packed_inverse_norm;
    return tile;
}

/* Which of the meeting's rows is the sample's target, or -1. */
static int target_row(const struct chunk *chunk, const struct meeting *meeting, const struct scored *scored)
{
    if (scored->target_at < chunk->first || scored->target_at >= chunk->first + (uint64_t)chunk->rows) {
        return -1;
    }
    int row = (int)(scored->target_at - chunk->first);
    if (!meeting->row) {
        return row;
    }
    int low = 0;
    int high = meeting->rows;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (meeting->row[middle] <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return meeting->row[low] == row ? low : -1;
}

/* Leaves as cosines in the tile those of the samples' rivals. */
static void mask_tile(const struct classifier *classifier, const struct chunk *chunk,
                      const struct meeting *meeting, const struct tile *tile)
{
    if (classifier->config.filter > 0) {
        tile_filter(tile, (float)classifier->config.filter);
    }
    for (int i = 0; i < tile->samples; i++) {
        int row = target_row(chunk, meeting, &classifier->scored[meeting->first + i]);
        if (row >= 0) {
            tile->cosine[(size_t)i * (size_t)tile->rows + (size_t)row] = TILE_MASKED;
        }
    }
}

/* The margin is steep where angles are small, so the target's cosine is taken in double from what came in. */
static double target_cosine(const struct scored *scored, const float *embedding, const float *weight,
                            int dimension)
{
    double dot = 0;
    double square = 0;
    for (int i = 0; i < dimension; i++) {
        dot += (double)embedding[i] * (double)weight[i];
        square += (double)weight[i] * (double)weight[i];
    }
    double norm = sqrt(square);
    return norm < TILE_NORM_FLOOR ? 0.0 : dot * scored->inverse_norm / norm;
}

void score_targets(struct classifier *classifier, int count)
{
    const struct identity_groups *identity = classifier->identity;
    size_t dimension = (size_t)classifier->config.embedding;
#pragma omp parallel for num_threads(classifier->config.threads) schedule(static)
    for (int i = 0; i < count; i++) {
        struct scored *scored = &classifier->scored[i];
        size_t dataset = identity_groups_dataset(identity, scored->target);
        const struct classifier_block *block = &classifier->block[dataset];
        uint32_t row = (uint32_t)(scored->target - identity->first_class[dataset]);
        if (row >= block->row_begin && row < block->row_end) {
            scored->target_owned = true;
            scored->block = block;
            scored->row = row - block->row_begin;
            scored->target_cosine =
                target_cosine(scored, classifier->gathered_embedding + scored->slot * dimension,
                              block->weight + (row - block->row_begin) * dimension, (int)dimension);
        }
    }
}

static void forward_chunk(struct classifier *classifier, const struct chunk *chunk, struct thread_part *part)
{
    int dimension = classifier->config.embedding;
    const float *weight = classifier->block[chunk->dataset].weight;
    for (int j = 0; j < chunk->rows; j++) {
        chunk->inverse_norm[j] = tile_inverse_norm(weight + weight_offset(classifier, chunk, j), dimension);
    }
    for (size_t m = 0; m < chunk->meetings; m++) {
        const struct meeting *meeting = &chunk->meeting[m];
        if (meeting->samples > 0) {
            struct tile tile = tile_of(classifier, chunk, meeting, part);
            tile_cosines(&tile);
            mask_tile(classifier, chunk, meeting, &tile);
            if (classifier->unified) {
                threshold_accumulate(&tile, (float)classifier->config.scale, classifier->threshold,
                                     part->largest + meeting->first, part->sum + meeting->first);
                continue;
            }
            tile_accumulate(&tile, (float)classifier->config.scale, part->largest + meeting->first,
                            part->sum + meeting->first);
            if (part->nearest) {
                tile_nearest(&tile, part->nearest + meeting->first);
            }
        }
    }
}

static void forward_thread(struct classifier *classifier, int thread, int count)
{
    struct thread_part *part = &classifier->part[thread];
    part->threshold_slope = 0;
    for (int i = 0; i < count; i++) {
        part->largest[i] = TILE_NO_RIVAL;
        part->sum[i] = 0;
        if (part->nearest) {
            part->nearest[i] = TILE_NO_RIVAL;
        }
    }
    memset(part->grad_embedding, 0,
           (size_t)count * (size_t)classifier->config.embedding * sizeof *part->grad_embedding);
    for (size_t c = 0; c < classifier->chunks; c++) {
        const struct chunk *chunk = &classifier->chunk[c];
        if (chunk->thread == thread && chunk_size(chunk) > 0) {
            forward_chunk(classifier, chunk, part);
        }
    }
}

static void merge_threads(struct classifier *classifier, int count)
{
    double scale = classifier->config.scale;
    for (int i = 0; i < count; i++) {
        float largest = TILE_NO_RIVAL;
        double sum = 0;
        for (int t = 0; t < classifier->config.threads; t++) {
            const struct thread_part *part = &classifier->part[t];
            largest = part->largest[i] > largest ? part->largest[i] : largest;
        }
        for (int t = 0; t < classifier->config.threads; t++) {
            const struct thread_part *part = &classifier->part[t];
            sum += classifier->unified
                       ? part->sum[i]
                       : part->sum[i] * exp(scale * ((double)part->largest[i] - (double)largest));
        }
        classifier->largest[i] = largest;
        classifier->local_sum[i] = sum;
        for (int t = 0; t < classifier->config.threads && classifier->nearest; t++) {
            float nearest = classifier->part[t].nearest[i];
            classifier->nearest[i] =
                t == 0 || nearest > classifier->nearest[i] ? nearest : classifier->nearest[i];
        }
    }
}

static const float *pair_weight(const struct classifier *classifier, const struct crossing_pair *pair)
{
    return pair->block->weight + (size_t)pair->row * (size_t)classifier->config.embedding;
}

/* What a drawn class's cosine counts as in the sample's denominator; *slope: its derivative. */
static float counts_as(const struct classifier *classifier, const struct crossing_pair *pair, float *slope)
{
    float hardness = classifier->running[RUNNING_TARGET_COSINE];
    bool hard = classifier->hard && pair->cosine > classifier->hard[pair->scored];
    *slope = hard ? hardness + 2 * pair->cosine : 1;
    return hard ? pair->cosine * (hardness + pair->cosine) : pair->cosine;
}

static void forward_pairs(struct classifier *classifier)
{
    int dimension = classifier->config.embedding;
    float filter = (float)classifier->config.filter;
#pragma omp parallel for num_threads(classifier->config.threads) schedule(static)
    for (size_t p = 0; p < classifier->pairs; p++) {
        struct crossing_pair *pair = &classifier->pair[p];
        const float *weight = pair_weight(classifier, pair);
        pair->inverse_norm = tile_inverse_norm(weight, dimension);
        pair->cosine = pair->inverse_norm *
                       cblas_sdot(dimension, weight, 1, embedding_of(classifier, (int)pair->scored), 1);
        if (filter > 0 && pair->cosine > filter) {
            pair->cosine = TILE_MASKED;
        }
    }
    for (size_t p = 0; p < classifier->pairs; p++) {
        const struct crossing_pair *pair = &classifier->pair[p];
        double *sum = &classifier->local_sum[pair->scored];
        float *largest = &classifier->largest[pair->scored];
        double scale = classifier->config.scale;
        float slope, rival = counts_as(classifier, pair, &slope);
        if (classifier->unified) {
            *sum += threshold_loss(scale * (double)pair->cosine - (double)classifier->threshold);
            *largest = pair->cosine > *largest ? pair->cosine : *largest;
            continue;
        }
        if (rival > *largest) {
            *sum *= exp(scale * ((double)*largest - (double)rival));
            *largest = rival;
        }
        *sum += exp(scale * ((double)rival - (double)*largest));
        if (classifier->nearest && pair->cosine > classifier->nearest[pair->scored]) {
            classifier->nearest[pair->scored] = pair->cosine;
        }
    }
}

void score_forward(struct classifier *classifier, int count)
{
    int threads = classifier->config.threads;
    plan_round(classifier, count);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; thread++) {
        forward_thread(classifier, thread, count);
    }
    merge_threads(classifier, count);
    forward_pairs(classifier);
}

/* Turns the cosines of a tile into slopes, the targets' too. */
static void slope_tile(struct classifier *classifier, const struct chunk *chunk,
                       const struct meeting *meeting, const struct tile *tile, struct thread_part *part)
{
    float *row_dot = part->row_dot, scale = (float)classifier->config.scale;
    const float *factor = classifier->factor + meeting->first;
    if (!meeting->kept) {
        tile_cosines(tile);
        mask_tile(classifier, chunk, meeting, tile);
    }
    if (classifier->unified) {
        part->threshold_slope += threshold_slopes(tile, scale, classifier->threshold, factor, row_dot);
    } else {
        tile_slopes(tile, scale, classifier->largest + meeting->first, factor, row_dot);
    }
    for (int i = 0; i < tile->samples; i++) {
        const struct scored *scored = &classifier->scored[meeting->first + i];
        int row = target_row(chunk, meeting, scored);
        if (row >= 0) {
            tile->cosine[(size_t)i * (size_t)tile->rows + (size_t)row] =
                (float)(scored->target_slope * (double)tile->inverse_norm[row]);
            row_dot[row] += (float)(scored->target_slope * scored->target_cosine);
        }
    }
}

static void backward_meeting(struct classifier *classifier, const struct chunk *chunk,
                             const struct meeting *meeting, struct thread_part *part)
{
    struct tile tile = tile_of(classifier, chunk, meeting, part);
    size_t dimension = (size_t)tile.dimension;
    float *gradient = classifier->block[chunk->dataset].gradient + chunk->begin * dimension;
    float *grad_embedding = part->grad_embedding + (size_t)meeting->first * dimension;
    slope_tile(classifier, chunk, meeting, &tile, part);
    if (!meeting->row) {
        tile_spread(&tile, part->row_dot, gradient, grad_embedding);
        return;
    }
    memset(part->packed_gradient, 0, (size_t)meeting->rows * dimension * sizeof *gradient);
    tile_spread(&tile, part->row_dot, part->packed_gradient, grad_embedding);
    for (int j = 0; j < meeting->rows; j++) {
        cblas_saxpy(tile.dimension, 1.0f, part->packed_gradient + (size_t)j * dimension, 1,
                    gradient + (size_t)meeting->row[j] * dimension, 1);
    }
}

/* Each thread adds to its own part of the embeddings' gradient, and of the rows' to those that are its own.
 */
static void backward_pairs(struct classifier *classifier, int thread)
{
    int dimension = classifier->config.embedding;
    size_t threads = (size_t)classifier->config.threads;
    float *grad_embedding = classifier->part[thread].grad_embedding;
    size_t begin = classifier->pairs * (size_t)thread / threads;
    size_t end = classifier->pairs * ((size_t)thread + 1) / threads;
    for (size_t p = 0; p < classifier->pairs; p++) {
        const struct crossing_pair *pair = &classifier->pair[p];
        const float *weight = pair_weight(classifier, pair);
        float inverse = pair->inverse_norm;
        if (p >= begin && p < end) {
            cblas_saxpy(dimension, pair->slope * inverse, weight, 1,
                        grad_embedding + (size_t)pair->scored * (size_t)dimension, 1);
        }
        if (pair->row % threads == (size_t)thread) {
            float *gradient = pair->block->gradient + (size_t)pair->place * (size_t)dimension;
            cblas_saxpy(dimension, pair->slope * inverse, embedding_of(classifier, (int)pair->scored), 1,
                        gradient, 1);
            cblas_saxpy(dimension, -pair->slope * pair->cosine * inverse * inverse, weight, 1, gradient, 1);
        }
    }
}

static void slope_pairs(struct classifier *classifier)
{
    for (size_t p = 0; p < classifier->pairs; p++) {
        struct crossing_pair *pair = &classifier->pair[p];
        float factor = classifier->factor[pair->scored];
        if (classifier->unified) {
            double x = classifier->config.scale * (double)pair->cosine - (double)classifier->threshold;
            pair->slope = factor * (float)threshold_slope(x);
            classifier->part[0].threshold_slope += (double)pair->slope;
            continue;
        }
        float slope, rival = counts_as(classifier, pair, &slope);
        double behind = (double)rival - (double)classifier->largest[pair->scored];
        pair->slope = factor * slope * (float)exp(classifier->config.scale * behind);
    }
}

void score_backward(struct classifier *classifier)
{
    int threads = classifier->config.threads;
    slope_pairs(classifier);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; thread++) {
        for (size_t c = 0; c < classifier->chunks; c++) {
            const struct chunk *chunk = &classifier->chunk[c];
            for (size_t m = 0; m < chunk->meetings && chunk->thread == thread; m++) {
                if (chunk->meeting[m].samples > 0) {
                    backward_meeting(classifier, chunk, &chunk->meeting[m], &classifier->part[thread]);
                }
            }
        }
    }
    if (classifier->pairs == 0) {
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; thread++) {
        backward_pairs(classifier, thread);
    }
}

static enum status reserve_pair(struct classifier *classifier, struct error *error)
{
    if (classifier->pairs < classifier->pair_capacity) {
        return STATUS_OK;
    }
    size_t capacity = 2 * classifier->pair_capacity;
    struct crossing_pair *pair = realloc(classifier->pair, capacity * sizeof *pair);
    classifier->pair = pair ? pair : classifier->pair;
    struct crossing_draw *draw = realloc(classifier->draw, capacity * sizeof *draw);
    classifier->draw = draw ? draw : classifier->draw;
    if (!pair || !draw) {
        return error_set(error, STATUS_INTERNAL, "classifier", "use a smaller loss.crossing_dropout",
                         "out of memory for %zu crossing classes", capacity);
    }
    classifier->bytes += (capacity - classifier->pair_capacity) * (sizeof *pair + sizeof *draw);
    classifier->pair_capacity = capacity;
    return STATUS_OK;
}

static enum status draw_from_block(struct classifier *classifier, int scored, size_t dataset,
                                   const struct crossing_key *key, struct error *error)
{
    struct classifier_block *block = &classifier->block[dataset];
    const struct identity_groups *identity = classifier->identity;
    uint64_t first = identity->first_class[dataset];
    uint64_t class_index;
    struct crossing_walk walk = crossing_begin(key, first + block->row_begin, first + block->row_end);
    while (crossing_next(&walk, &class_index)) {
        if (identity->home[class_index] != class_index ||
            identity_groups_has(identity, (uint32_t)class_index, classifier->scored[scored].sample.dataset)) {
            continue; /* another class stands for the group, or the sample meets it in any case */
        }
        uint32_t row = (uint32_t)(class_index - first) - block->row_begin, place = row;
        if (classifier->drawn && !drawn_has(classifier, dataset, row, &place)) {
            continue;
        }
        enum status status = reserve_pair(classifier, error);
        if (status != STATUS_OK) {
            return status;
        }
        classifier->pair[classifier->pairs] =
            (struct crossing_pair){.scored = (uint32_t)scored, .row = row, .place = place, .block = block};
        classifier->draw[classifier->pairs] = (struct crossing_draw){
            .sample = classifier->scored[scored].place, .class_index = (uint32_t)class_index};
        classifier->pairs++;
    }
    return STATUS_OK;
}

enum status score_draw(struct classifier *classifier, int count, int64_t step, struct error *error)
{
    enum status status = STATUS_OK;
    classifier->pairs = 0;
    if (classifier->config.scope_all || classifier->config.crossing_dropout <= 0) {
        return STATUS_OK;
    }
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        const struct sample *sample = &classifier->scored[i].sample;
        struct crossing_key key = {.seed = classifier->config.seed,
                                   .step = (uint64_t)step,
                                   .sample = sample->id,
                                   .probability = classifier->config.crossing_dropout};
        for (size_t k = 0; k < classifier->config.datasets && status == STATUS_OK; k++) {
            const struct classifier_block *block = &classifier->block[k];
            if (k != sample->dataset && block->row_end > block->row_begin) {
                status = draw_from_block(classifier, i, k, &key, error);
            }
        }
    }
    return status;
}
