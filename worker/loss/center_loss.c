#include "worker/loss/center_loss.h"

#include <stdlib.h>
#include <string.h>

bool center_loss_create(struct center_rows *center, size_t rows, size_t dimension)
{
    center->value = calloc(rows * dimension + 1, sizeof *center->value);
    center->pull = calloc(rows * dimension + 1, sizeof *center->pull);
    center->samples = calloc(rows + 1, sizeof *center->samples);
    return center->value && center->pull && center->samples;
}

void center_loss_free(struct center_rows *center)
{
    free(center->value);
    free(center->pull);
    free(center->samples);
}

void center_loss_begin(struct classifier *classifier)
{
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        const struct classifier_block *block = &classifier->block[k];
        size_t rows = block->row_end - block->row_begin;
        if (block->center.value) {
            memset(block->center.pull, 0, rows * block->parameter.shape[1] * sizeof *block->center.pull);
            memset(block->center.samples, 0, rows * sizeof *block->center.samples);
        }
    }
}

/* What goes back is a gradient with respect to the normalised embedding, of which the part along the embedding is left
 * out, and the slope along it: norm * g and <g, unit> are g = lambda (x - c) exactly. */
void center_loss_score(struct classifier *classifier, int index)
{
    struct scored *scored = &classifier->scored[index];
    const size_t dimension = (size_t)classifier->config.embedding;
    const struct center_rows *center = &scored->block->center;
    const float *value = center->value + scored->row * dimension;
    const float *embedding = classifier->gathered_embedding + scored->slot * dimension;
    const float *unit = classifier->embedding + (size_t)index * dimension;
    float *pull = center->pull + scored->row * dimension;
    float *gradient = classifier->part[0].grad_embedding + (size_t)index * dimension;
    const double norm = scored->inverse_norm > 0 ? 1 / scored->inverse_norm : 0;
    const double rate = scored->share * classifier->config.center;
    double square = 0, along = 0;
    for (size_t j = 0; j < dimension; j++) {
        const double apart = (double)embedding[j] - (double)value[j];
        square += apart * apart;
        along += apart * (double)unit[j];
        gradient[j] += (float)(norm * rate * apart);
        pull[j] += (float)apart;
    }
    scored->loss += classifier->config.center / 2 * square;
    scored->norm_slope += rate * along;
    center->samples[scored->row]++;
}

void center_loss_advance(struct classifier *classifier)
{
    const size_t dimension = (size_t)classifier->config.embedding;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        const struct classifier_block *block = &classifier->block[k];
        const struct center_rows *center = &block->center;
        for (size_t row = 0; center->value && row < block->row_end - block->row_begin; row++) {
            const float rate = (float)(classifier->config.center_rate / (1 + (double)center->samples[row]));
            for (size_t j = row * dimension; j < (row + 1) * dimension && center->samples[row] > 0; j++) {
                center->value[j] += rate * center->pull[j];
            }
        }
    }
}
