#include "worker/nn/iresnet_graph.h"

#include "proto/random.h"
#include "proto/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum status set_up(struct iresnet *net, const struct iresnet_config *config, struct error *error)
{
    enum isa isa = ISA_GENERIC;
    enum status status = isa_detect(&isa, error);
    if (status == STATUS_OK) {
        status = iresnet_build(net, config, isa, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    net->context.kernels = nn_kernels_of(isa);
    net->isa = isa;
    size_t scratch = iresnet_scratch(net);
    iresnet_layout(net, scratch);
    status = arena_allocate(&net->arena, error);
    if (status != STATUS_OK) {
        return status;
    }
    iresnet_layout(net, scratch);
    return STATUS_OK;
}

enum status iresnet_create(const struct iresnet_config *config, struct iresnet **result, struct error *error)
{
    *result = NULL;
    struct dimensions dimensions;
    enum status status = dimensions_of(config, &dimensions, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct iresnet *net = calloc(1, sizeof *net);
    if (!net) {
        return error_no_memory(error, "network");
    }
    net->dimensions = dimensions;
    net->threads = config->threads;
    net->batch_max = config->batch_max;
    net->train = config->train;
    net->recompute = config->train && config->recompute;
    net->arena.threads = config->threads;
    status = set_up(net, config, error);
    if (status != STATUS_OK) {
        iresnet_free(net);
        return status;
    }
    *result = net;
    return STATUS_OK;
}

void iresnet_free(struct iresnet *net)
{
    if (!net) {
        return;
    }
    for (size_t i = 0; net->blocks && i < net->block_count; i++) {
        conv_free(net->blocks[i].conv1.plan);
        conv_free(net->blocks[i].conv2.plan);
        conv_free(net->blocks[i].downsample.plan);
    }
    conv_free(net->stem_conv.plan);
    free(net->blocks);
    parameter_table_free(&net->table);
    arena_free(&net->arena);
    free(net);
}

const struct parameter *iresnet_parameters(const struct iresnet *net, size_t *count)
{
    *count = net->table.count;
    return net->table.list;
}

size_t iresnet_parameter_count(const struct iresnet *net)
{
    return net->table.parameter_count;
}

size_t iresnet_weight_count(const struct iresnet *net)
{
    return net->table.weight_count;
}

size_t iresnet_statistic_count(const struct iresnet *net)
{
    return net->table.statistic_count;
}

size_t iresnet_memory_bytes(const struct iresnet *net)
{
    return net->arena.size + iresnet_conv_memory(net) + net->block_count * sizeof *net->blocks +
           net->table.capacity * sizeof *net->table.list + sizeof *net;
}

int iresnet_embedding(const struct iresnet *net)
{
    return net->dimensions.embedding;
}

float *iresnet_weights(struct iresnet *net)
{
    return net->weights;
}

float *iresnet_gradient(struct iresnet *net)
{
    return net->gradient;
}

float *iresnet_statistics(struct iresnet *net)
{
    return net->statistics;
}

float *iresnet_batch_statistics(struct iresnet *net)
{
    return net->batch_statistics;
}

struct parameter_group iresnet_parameter_group(struct iresnet *net)
{
    return (struct parameter_group){.name = "backbone",
                                    .parameters = net->table.list,
                                    .parameter_count = net->table.count,
                                    .count = net->table.weight_count,
                                    .weight = net->weights,
                                    .gradient = net->gradient,
                                    .statistics = net->statistics,
                                    .statistic_count = net->table.statistic_count};
}

void iresnet_weights_changed(struct iresnet *net)
{
    conv_set_weight(net->stem_conv.plan, net->stem_conv.weight);
    for (size_t i = 0; i < net->block_count; i++) {
        struct basic_block *block = &net->blocks[i];
        conv_set_weight(block->conv1.plan, block->conv1.weight);
        conv_set_weight(block->conv2.plan, block->conv2.weight);
        if (block->downsample.plan) {
            conv_set_weight(block->downsample.plan, block->downsample.weight);
        }
    }
}

void iresnet_zero_gradient(struct iresnet *net)
{
    size_t count = net->table.weight_count, threads = (size_t)net->threads;
#pragma omp parallel for schedule(static, 1) num_threads(net->threads)
    for (size_t thread = 0; thread < threads; thread++) {
        size_t begin = count * thread / threads, end = count * (thread + 1) / threads;
        memset(net->gradient + begin, 0, (end - begin) * sizeof *net->gradient);
    }
    memset(net->batch_statistics, 0, net->table.statistic_count * sizeof *net->batch_statistics);
}

void iresnet_update_statistics(struct iresnet *net, int lanes)
{
    for (size_t i = 0; i < net->table.statistic_count; i++) {
        double mean = (double)net->batch_statistics[i] / lanes;
        net->statistics[i] = (float)(0.9 * (double)net->statistics[i] + 0.1 * mean);
    }
}

/* --- Initial values --- */

/* The value of every element, for those that are not drawn. */
static float initial_constant(const char *name)
{
    if (text_ends_with(name, "prelu.weight")) {
        return 0.25f;
    }
    return text_ends_with(name, ".weight") || text_ends_with(name, ".running_var") ? 1.0f : 0.0f;
}

static void init_parameter(struct iresnet *net, size_t index, uint64_t seed, float bound)
{
    const struct parameter *parameter = &net->table.list[index];
    bool linear = strncmp(parameter->name, "fc.", 3) == 0;
    struct random random = random_stream(seed, RANDOM_INIT, index, 0);
    struct parameter_walk walk = {{0}};
    float *vector = parameter->kind == PARAMETER_STATISTIC ? net->statistics : net->weights;
    float constant = initial_constant(parameter->name);
    for (size_t i = 0; i < parameter->count; i++) {
        float value = constant;
        if (parameter->rank == 4) {
            value = 0.1f * random_normal(&random);
        } else if (linear) {
            value = (2.0f * random_uniform(&random) - 1.0f) * bound;
        }
        vector[parameter_walk_next(&walk, parameter)] = value;
    }
}

void iresnet_init(struct iresnet *net, uint64_t seed)
{
    float bound = (float)(1.0 / sqrt((double)iresnet_dropout_count(net)));
#pragma omp parallel for schedule(dynamic, 1) num_threads(net->threads)
    for (size_t index = 0; index < net->table.count; index++) {
        if (net->table.list[index].kind != PARAMETER_CONSTANT) {
            init_parameter(net, index, seed, bound);
        }
    }
    iresnet_weights_changed(net);
}
