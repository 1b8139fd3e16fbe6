#include "worker/parameter/parameter.h"

#include <stdlib.h>
#include <string.h>

static bool lies_as_in_file(const struct parameter *parameter)
{
    return parameter->layout.extent[0] == 0;
}

size_t parameter_walk_next(struct parameter_walk *walk, const struct parameter *parameter)
{
    const struct parameter_layout *layout = &parameter->layout;
    if (lies_as_in_file(parameter)) {
        return parameter->offset + walk->at[3]++;
    }
    size_t position = parameter->offset;
    for (int d = 0; d < 4; d++) {
        position += walk->at[d] * layout->stride[d];
    }
    for (int d = 3; d >= 0; d--) {
        if (++walk->at[d] < layout->extent[d]) {
            break;
        }
        walk->at[d] = 0;
    }
    return position;
}

void parameter_to_file(const struct parameter *parameter, const float *vector, float *values)
{
    struct parameter_walk walk = {{0}};
    for (size_t i = 0; i < parameter->count; i++) {
        values[i] =
            parameter->kind == PARAMETER_CONSTANT ? 1.0f : vector[parameter_walk_next(&walk, parameter)];
    }
}

void parameter_from_file(const struct parameter *parameter, const float *values, float *vector)
{
    struct parameter_walk walk = {{0}};
    if (parameter->kind == PARAMETER_CONSTANT) {
        return;
    }
    for (size_t i = 0; i < parameter->count; i++) {
        vector[parameter_walk_next(&walk, parameter)] = values[i];
    }
}

/* --- Groups --- */

static bool rows_are_valid(const struct parameter_group *group)
{
    const struct parameter_rows *rows = &group->rows;
    return group->parameter_count == 1 && group->parameters[0].rank == 2 &&
           group->parameters[0].shape[0] == rows->end - rows->begin && rows->begin <= rows->end &&
           rows->end <= rows->all && rows->part >= 0 && rows->part < rows->parts;
}

uint32_t parameter_rows_begin(uint32_t all, int part, int parts)
{
    return (uint32_t)((uint64_t)all * (uint64_t)part / (uint64_t)parts);
}

int parameter_rows_part(uint32_t all, uint32_t row, int parts)
{
    /* The last block that begins at or before the row: all * part / parts < row + 1. */
    return (int)((((uint64_t)row + 1) * (uint64_t)parts + all - 1) / all) - 1;
}

bool parameter_group_is_valid(const struct parameter_group *group)
{
    size_t weights = 0, statistics = 0;
    if (!group->name || group->name[0] == '\0' || (group->owned_rows && !rows_are_valid(group))) {
        return false;
    }
    for (size_t i = 0; i < group->parameter_count; i++) {
        const struct parameter *parameter = &group->parameters[i];
        size_t values = 1;
        size_t *total = parameter->kind == PARAMETER_TRAINED ? &weights : &statistics;
        for (int d = 0; d < parameter->rank; d++) {
            values *= parameter->shape[d];
        }
        if (parameter->name[0] == '\0' || parameter->count != values) {
            return false;
        }
        if (parameter->kind != PARAMETER_CONSTANT) {
            if (parameter->offset != *total) {
                return false;
            }
            *total += parameter->count;
        }
    }
    return weights == group->count && statistics == group->statistic_count &&
           (group->count == 0 || group->weight) && (group->statistic_count == 0 || group->statistics);
}

float *parameter_group_values(const struct parameter_group *group, const struct parameter *parameter)
{
    return parameter->kind == PARAMETER_STATISTIC ? group->statistics : group->weight;
}

size_t parameter_group_largest(const struct parameter_group *group)
{
    size_t largest = 0;
    for (size_t i = 0; i < group->parameter_count; i++) {
        largest = group->parameters[i].count > largest ? group->parameters[i].count : largest;
    }
    return largest;
}

/* Never NULL but when memory runs out. */
static float *allocate(size_t count)
{
    return calloc(count > 0 ? count : 1, sizeof(float));
}

bool parameter_group_add_momentum(struct parameter_group *group)
{
    group->momentum = allocate(group->count);
    return group->momentum;
}

void parameter_group_free_momentum(struct parameter_group *group)
{
    free(group->momentum);
    group->momentum = NULL;
}

bool parameter_group_create_copy(const struct parameter_group *group, struct parameter_group *copy)
{
    *copy = *group;
    copy->gradient = NULL;
    copy->drawn = NULL;
    copy->weight = allocate(group->count);
    copy->momentum = allocate(group->count);
    copy->statistics = group->statistic_count > 0 ? allocate(group->statistic_count) : NULL;
    copy->centre = group->centre_count > 0 ? allocate(group->centre_count) : NULL;
    copy->loss_centre = group->loss_centre ? allocate(group->count) : NULL;
    return copy->weight && copy->momentum && (group->statistic_count == 0 || copy->statistics) &&
           (group->centre_count == 0 || copy->centre) && (!group->loss_centre || copy->loss_centre);
}

static void copy_values(float *target, const float *source, size_t count)
{
    if (count > 0) {
        memcpy(target, source, count * sizeof *target);
    }
}

void parameter_group_copy(const struct parameter_group *group, struct parameter_group *copy)
{
    copy_values(copy->weight, group->weight, group->count);
    copy_values(copy->momentum, group->momentum, group->count);
    copy_values(copy->statistics, group->statistics, group->statistic_count);
    copy_values(copy->centre, group->centre, group->centre_count);
    copy_values(copy->loss_centre, group->loss_centre, group->loss_centre ? group->count : 0);
}

void parameter_group_free_copy(struct parameter_group *copy)
{
    free(copy->weight);
    free(copy->momentum);
    free(copy->statistics);
    free(copy->centre);
    free(copy->loss_centre);
    *copy = (struct parameter_group){0};
}
