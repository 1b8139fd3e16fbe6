#include "worker/nn/parameter_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct parameter *append(struct parameter_table *table)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        struct parameter *list = realloc(table->list, capacity * sizeof *list);
        if (!list) {
            return NULL;
        }
        table->list = list;
        table->capacity = capacity;
    }
    struct parameter *parameter = &table->list[table->count++];
    memset(parameter, 0, sizeof *parameter);
    return parameter;
}

static struct parameter_layout layout_of(const struct parameter *parameter, int side_last)
{
    const size_t *shape = parameter->shape;
    if (parameter->rank == 4) {
        size_t out = shape[0], in = shape[1];
        return (struct parameter_layout){.extent = {out, in, shape[2], shape[3]},
                                         .stride = {1, out, shape[3] * in * out, in * out}};
    }
    if (parameter->rank == 2) {
        size_t side = (size_t)side_last, channels = shape[1] / (side * side);
        return (struct parameter_layout){.extent = {shape[0], channels, side, side},
                                         .stride = {shape[1], 1, side * channels, channels}};
    }
    return (struct parameter_layout){{0}, {0}};
}

/* Returns false when memory runs out. */
static bool add(struct parameter_table *table, enum parameter_kind kind, const char *block, const char *name,
                int rank, const int shape[])
{
    struct parameter *parameter = append(table);
    if (!parameter) {
        return false;
    }
    snprintf(parameter->name, sizeof parameter->name, "%s%s%s", block, *block ? "." : "", name);
    parameter->kind = kind;
    parameter->rank = rank;
    parameter->count = 1;
    for (int i = 0; i < rank; i++) {
        parameter->shape[i] = (size_t)shape[i];
        parameter->count *= (size_t)shape[i];
    }
    parameter->layout = layout_of(parameter, table->side_last);
    if (kind == PARAMETER_TRAINED) {
        parameter->offset = table->weight_count;
        table->weight_count += parameter->count;
    } else if (kind == PARAMETER_STATISTIC) {
        parameter->offset = table->statistic_count;
        table->statistic_count += parameter->count;
    }
    if (kind != PARAMETER_STATISTIC) {
        table->parameter_count += parameter->count;
    }
    return true;
}

static bool add_norm(struct parameter_table *table, enum parameter_kind weight_kind, const char *block,
                     const char *norm, int channels)
{
    char name[32];
    snprintf(name, sizeof name, "%s.weight", norm);
    bool ok = add(table, weight_kind, block, name, 1, &channels);
    snprintf(name, sizeof name, "%s.bias", norm);
    ok = ok && add(table, PARAMETER_TRAINED, block, name, 1, &channels);
    snprintf(name, sizeof name, "%s.running_mean", norm);
    ok = ok && add(table, PARAMETER_STATISTIC, block, name, 1, &channels);
    snprintf(name, sizeof name, "%s.running_var", norm);
    return ok && add(table, PARAMETER_STATISTIC, block, name, 1, &channels);
}

static bool add_conv(struct parameter_table *table, const char *block, const char *name, int out, int in,
                     int kernel)
{
    return add(table, PARAMETER_TRAINED, block, name, 4, (int[]){out, in, kernel, kernel});
}

static bool add_block(struct parameter_table *table, int layer, int index, int in, int out)
{
    char block[32];
    snprintf(block, sizeof block, "layer%d.%d", layer + 1, index);
    bool ok = add_norm(table, PARAMETER_TRAINED, block, "bn1", in) &&
              add_conv(table, block, "conv1.weight", out, in, 3) &&
              add_norm(table, PARAMETER_TRAINED, block, "bn2", out) &&
              add(table, PARAMETER_TRAINED, block, "prelu.weight", 1, &out) &&
              add_conv(table, block, "conv2.weight", out, out, 3) &&
              add_norm(table, PARAMETER_TRAINED, block, "bn3", out);
    if (ok && index == 0) {
        ok = add_conv(table, block, "downsample.0.weight", out, in, 1) &&
             add_norm(table, PARAMETER_TRAINED, block, "downsample.1", out);
    }
    return ok;
}

static bool add_all(struct parameter_table *table, const struct dimensions *dimensions)
{
    int channels = dimensions->widths[0];
    bool ok = add_conv(table, "", "conv1.weight", channels, 3, 3) &&
              add_norm(table, PARAMETER_TRAINED, "", "bn1", channels) &&
              add(table, PARAMETER_TRAINED, "", "prelu.weight", 1, &channels);
    for (int layer = 0; layer < IRESNET_LAYERS; layer++) {
        for (int index = 0; index < dimensions->blocks[layer]; index++) {
            ok = ok && add_block(table, layer, index, channels, dimensions->widths[layer]);
            channels = dimensions->widths[layer];
        }
    }
    int embedding = dimensions->embedding;
    int features = channels * dimensions->side_last * dimensions->side_last;
    return ok && add_norm(table, PARAMETER_TRAINED, "", "bn2", channels) &&
           add(table, PARAMETER_TRAINED, "", "fc.weight", 2, (int[]){embedding, features}) &&
           add(table, PARAMETER_TRAINED, "", "fc.bias", 1, &embedding) &&
           add_norm(table, PARAMETER_CONSTANT, "", "features", embedding);
}

enum status parameter_table_build(const struct dimensions *dimensions, struct parameter_table *table,
                                  struct error *error)
{
    *table = (struct parameter_table){.side_last = dimensions->side_last};
    if (!add_all(table, dimensions)) {
        return error_no_memory(error, "table of parameters");
    }
    return STATUS_OK;
}

void parameter_table_free(struct parameter_table *table)
{
    free(table->list);
    *table = (struct parameter_table){0};
}

const struct parameter *parameter_find(const struct parameter_table *table, const char *block,
                                       const char *name)
{
    char full[sizeof table->list->name];
    snprintf(full, sizeof full, "%s%s%s", block, *block ? "." : "", name);
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->list[i].name, full) == 0) {
            return &table->list[i];
        }
    }
    return NULL;
}
