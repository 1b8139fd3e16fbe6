#include "worker/loss/domain.h"

#include "proto/random.h"

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct domain {
    struct domain_config config;
    double *weight_of; /* [datasets]: the configuration's, kept */
    size_t layers; /* Linear ones; a ReLU between each two */
    int *width; /* [layers + 1]: D, hidden ..., K */
    struct parameter *parameters; /* [2 * layers]: weight, bias, weight, ... */
    size_t count; /* floats of all parameters */
    float *weights, *gradient;
    float **output; /* [layers]: [batch_max][width[i + 1]], after the ReLU where there is one */
    float **grad_output; /* the same */
};

static size_t values(const struct domain *domain, size_t layer)
{
    return (size_t)domain->config.batch_max * (size_t)domain->width[layer];
}

static void name_parameters(struct domain *domain)
{
    for (size_t layer = 0; layer < domain->layers; layer++) {
        size_t out = (size_t)domain->width[layer + 1];
        size_t in = (size_t)domain->width[layer];
        struct parameter *weight = &domain->parameters[2 * layer];
        struct parameter *bias = weight + 1;
        *weight =
            (struct parameter){.rank = 2, .shape = {out, in}, .count = out * in, .offset = domain->count};
        *bias = (struct parameter){
            .rank = 1, .shape = {out, 0}, .count = out, .offset = domain->count + out * in};
        /* The ReLUs count in PyTorch's Sequential. */
        snprintf(weight->name, sizeof weight->name, "%zu.weight", 2 * layer);
        snprintf(bias->name, sizeof bias->name, "%zu.bias", 2 * layer);
        domain->count += out * in + out;
    }
}

static enum status allocate(struct domain *domain, struct error *error)
{
    bool whole = true;
    domain->weights = calloc(domain->count, sizeof(float));
    domain->gradient = calloc(domain->count, sizeof(float));
    for (size_t layer = 0; layer < domain->layers; layer++) {
        domain->output[layer] = calloc(values(domain, layer + 1), sizeof(float));
        domain->grad_output[layer] = calloc(values(domain, layer + 1), sizeof(float));
        whole = whole && domain->output[layer] && domain->grad_output[layer];
    }
    if (!whole || !domain->weights || !domain->gradient) {
        return error_no_memory(error, "domain head");
    }
    return STATUS_OK;
}

enum status domain_create(const struct domain_config *config, struct domain **created, struct error *error)
{
    *created = NULL;
    openblas_set_num_threads(1);
    struct domain *domain = calloc(1, sizeof *domain);
    size_t layers = config->hidden_count + 1;
    size_t datasets = (size_t)config->datasets;
    if (domain) {
        domain->config = *config;
        domain->layers = layers;
        domain->weight_of = calloc(datasets, sizeof *domain->weight_of);
        domain->width = calloc(layers + 1, sizeof *domain->width);
        domain->parameters = calloc(2 * layers, sizeof *domain->parameters);
        domain->output = calloc(layers, sizeof *domain->output);
        domain->grad_output = calloc(layers, sizeof *domain->grad_output);
    }
    if (!domain || !domain->weight_of || !domain->width || !domain->parameters || !domain->output ||
        !domain->grad_output) {
        domain_free(domain);
        return error_no_memory(error, "domain head");
    }
    memcpy(domain->weight_of, config->weight, datasets * sizeof *config->weight);
    domain->width[0] = config->embedding;
    for (size_t layer = 0; layer < config->hidden_count; layer++) {
        domain->width[layer + 1] = config->hidden[layer];
    }
    domain->width[layers] = config->datasets;
    name_parameters(domain);
    enum status status = allocate(domain, error);
    if (status != STATUS_OK) {
        domain_free(domain);
        return status;
    }
    *created = domain;
    return STATUS_OK;
}

void domain_free(struct domain *domain)
{
    if (!domain) {
        return;
    }
    for (size_t layer = 0; layer < domain->layers; layer++) {
        if (domain->output) {
            free(domain->output[layer]);
        }
        if (domain->grad_output) {
            free(domain->grad_output[layer]);
        }
    }
    free(domain->output);
    free(domain->grad_output);
    free(domain->weights);
    free(domain->gradient);
    free(domain->parameters);
    free(domain->width);
    free(domain->weight_of);
    free(domain);
}

struct parameter_group domain_parameter_group(struct domain *domain)
{
    return (struct parameter_group){.name = "domain",
                                    .parameters = domain->parameters,
                                    .parameter_count = 2 * domain->layers,
                                    .count = domain->count,
                                    .weight = domain->weights,
                                    .gradient = domain->gradient};
}

const float *domain_logits(const struct domain *domain)
{
    return domain->output[domain->layers - 1];
}

void domain_zero_gradient(struct domain *domain)
{
    memset(domain->gradient, 0, domain->count * sizeof(float));
}

void domain_init(struct domain *domain, uint64_t seed)
{
    for (size_t layer = 0; layer < domain->layers; layer++) {
        const struct parameter *weight = &domain->parameters[2 * layer];
        struct random random = random_stream(seed, RANDOM_DOMAIN, layer, 0);
        double bound = 1.0 / sqrt((double)domain->width[layer]);
        float *value = domain->weights + weight->offset;
        for (size_t i = 0; i < weight->count + (weight + 1)->count; i++) {
            value[i] = (float)(bound * (2.0 * random_uniform_double(&random) - 1.0));
        }
    }
}

/* output = input weight' + bias, through a ReLU unless it is the last layer. */
static void forward_layer(struct domain *domain, size_t layer, int count, const float *input)
{
    const float *weight = domain->weights + domain->parameters[2 * layer].offset;
    const float *bias = domain->weights + domain->parameters[2 * layer + 1].offset;
    int in = domain->width[layer];
    int out = domain->width[layer + 1];
    float *output = domain->output[layer];
    for (int i = 0; i < count; i++) {
        memcpy(output + (size_t)i * (size_t)out, bias, (size_t)out * sizeof(float));
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, out, in, 1.0f, input, in, weight, in, 1.0f,
                output, out);
    if (layer + 1 < domain->layers) {
        for (size_t i = 0; i < (size_t)count * (size_t)out; i++) {
            output[i] = output[i] <= 0.0f ? 0.0f : output[i]; /* not a number passes */
        }
    }
}

/* Cross entropy of one sample: its part of the sums, and the gradient of its logits. */
static void score(const float *logit, int classes, int target, double weight, double scale, float *grad_logit,
                  struct domain_sums *sums)
{
    double largest = logit[0];
    double rival = -INFINITY;
    for (int k = 0; k < classes; k++) {
        largest = (double)logit[k] > largest ? (double)logit[k] : largest;
        if (k != target && (double)logit[k] > rival) {
            rival = logit[k];
        }
    }
    double sum = 0;
    for (int k = 0; k < classes; k++) {
        sum += exp((double)logit[k] - largest);
    }
    for (int k = 0; k < classes; k++) {
        double probability = exp((double)logit[k] - largest) / sum;
        grad_logit[k] = (float)(scale * weight * (probability - (k == target ? 1.0 : 0.0)));
    }
    sums->loss += weight * (log(sum) + largest - (double)logit[target]);
    sums->correct += (double)logit[target] > rival ? 1.0 : 0.0;
}

/* Adds the layer's parameter gradients; the gradient of its input goes to the layer below, through its ReLU.
 */
static void backward_layer(struct domain *domain, size_t layer, int count, const float *input)
{
    const struct parameter *weight = &domain->parameters[2 * layer];
    float *grad_bias = domain->gradient + (weight + 1)->offset;
    const float *grad_output = domain->grad_output[layer];
    int in = domain->width[layer];
    int out = domain->width[layer + 1];
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, count, 1.0f, grad_output, out, input, in,
                1.0f, domain->gradient + weight->offset, in);
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < out; j++) {
            grad_bias[j] += grad_output[(size_t)i * (size_t)out + (size_t)j];
        }
    }
    if (layer == 0) {
        return;
    }
    float *grad_input = domain->grad_output[layer - 1];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, in, out, 1.0f, grad_output, out,
                domain->weights + weight->offset, in, 0.0f, grad_input, in);
    for (size_t i = 0; i < (size_t)count * (size_t)in; i++) {
        grad_input[i] = input[i] <= 0.0f ? 0.0f : grad_input[i];
    }
}

void domain_step(struct domain *domain, int count, const float *embedding, const struct sample *sample,
                 int64_t global_batch, double lambda, float *grad_embedding, struct domain_sums *sums)
{
    size_t last = domain->layers - 1;
    int classes = domain->config.datasets;
    for (size_t layer = 0; layer <= last; layer++) {
        forward_layer(domain, layer, count, layer == 0 ? embedding : domain->output[layer - 1]);
    }
    for (int i = 0; i < count; i++) {
        size_t at = (size_t)i * (size_t)classes;
        score(domain->output[last] + at, classes, (int)sample[i].dataset,
              domain->weight_of[sample[i].dataset], 1.0 / (double)global_batch,
              domain->grad_output[last] + at, sums);
    }
    for (size_t layer = last + 1; layer-- > 0;) {
        backward_layer(domain, layer, count, layer == 0 ? embedding : domain->output[layer - 1]);
    }
    if (lambda > 0.0) {
        int in = domain->width[0];
        int out = domain->width[1];
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, in, out, (float)-lambda,
                    domain->grad_output[0], out, domain->weights + domain->parameters[0].offset, in, 1.0f,
                    grad_embedding, in);
    }
}

double domain_lambda(double lambda, double start, bool ganin, double progress)
{
    if (progress < start) {
        return 0.0;
    }
    if (!ganin) {
        return lambda;
    }
    double done = start < 1.0 ? (progress - start) / (1.0 - start) : 1.0;
    return lambda * (2.0 / (1.0 + exp(-10.0 * done)) - 1.0);
}
