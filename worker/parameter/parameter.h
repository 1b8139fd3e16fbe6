/* Parameters, and groups of them: what the optimizer, clipping, checkpoints and traces go through, whatever a
 * model is made of.
 */
#ifndef DAIL_WORKER_PARAMETER_PARAMETER_H
#define DAIL_WORKER_PARAMETER_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum parameter_kind {
    PARAMETER_TRAINED, /* in the weight vector at `offset` */
    PARAMETER_STATISTIC, /* running_mean or running_var, in the statistics vector at `offset` */
    PARAMETER_CONSTANT /* features.weight: all ones, in no vector */
};

/* How a parameter lies in memory, as a strided four-dimensional array walked in the file's order: element
 * (i, j, k, l) of the file at i*stride[0] + j*stride[1] + k*stride[2] + l*stride[3] from its offset. All zero:
 * as in the file. */
struct parameter_layout {
    size_t extent[4]; /* 1 in front of a lower rank */
    size_t stride[4];
};

struct parameter {
    char name[64]; /* its state_dict name */
    enum parameter_kind kind;
    int rank; /* dimensions */
    size_t shape[4]; /* PyTorch's, and that of every file */
    size_t count;
    size_t offset;
    struct parameter_layout layout;
};

/* Goes through a parameter's elements in the file's order; starts zeroed. */
struct parameter_walk {
    size_t at[4];
};
/* Position of the next element, from the vector's beginning. To be called `count` times. */
size_t parameter_walk_next(struct parameter_walk *walk, const struct parameter *parameter);

/* vector (weights, gradient or momenta layout; or statistics) -> values [count] in the file's order, and back.
 * For PARAMETER_CONSTANT to_file writes ones and from_file ignores the values. */
void parameter_to_file(const struct parameter *parameter, const float *vector, float *values);
void parameter_from_file(const struct parameter *parameter, const float *values, float *vector);

/* Which rows of a matrix that is shared out over the workers. */
struct parameter_rows {
    uint32_t begin, end; /* the worker's own, of */
    uint32_t all;
    int part, parts; /* it is block `part` (from 0) of so many */
};

/* The first row of block `part` (from 0) of `parts` that share out `all` rows; that of block `parts` is `all`. */
uint32_t parameter_rows_begin(uint32_t all, int part, int parts);
/* The block that has a row, which is one of `all`. */
int parameter_rows_part(uint32_t all, uint32_t row, int parts);

/* The rows of a group that a step touches, and their gradient. */
struct parameter_drawn {
    const uint32_t *row; /* [count] ascending, counted from the group's first */
    size_t count;
    float *gradient; /* [count][D] */
};

/* Parameters that are trained, saved and traced as one: the backbone, the domain head, and of each dataset the
 * class rows that this worker owns. The vectors belong to who made the group, but for those that
 * parameter_group_add_momentum and parameter_group_create_copy allocate. */
struct parameter_group {
    const char *name; /* "backbone", "domain"; of class rows the dataset's */
    bool
        owned_rows; /* of class rows; false: the same on every worker, by the sum of all workers' gradients */
    const struct parameter *parameters; /* [parameter_count]; of class rows one, [rows.end - rows.begin, D] */
    size_t parameter_count;
    size_t count; /* floats of each of the next three; of class rows 0 where the worker owns none */
    float *weight;
    float *gradient; /* NULL: not trained, or `drawn` has it */
    const struct parameter_drawn *drawn; /* of class rows of which a step touches some alone; NULL: all */
    float *momentum; /* NULL: not trained, or the caller does not want it */
    float *statistics; /* running statistics [statistic_count], NULL: none */
    size_t statistic_count;
    float *
        centre; /* of class rows alone [centre_count]: each row's [D], then a number for each row; NULL: none */
    size_t centre_count;
    float *
        loss_centre; /* of class rows alone [count]: what center loss draws each class's samples to; NULL: none */
    struct parameter_rows rows; /* of class rows alone */
};

/* Whether the parameters fill the vectors exactly, one after the other, and the vectors are there. */
bool parameter_group_is_valid(const struct parameter_group *group);

/* The vector that holds a parameter's value, which for a constant does not matter. */
float *parameter_group_values(const struct parameter_group *group, const struct parameter *parameter);

/* Floats of its largest parameter: a buffer of so many holds each. */
size_t parameter_group_largest(const struct parameter_group *group);

/* Allocates the momenta, all 0. False when memory runs out. */
bool parameter_group_add_momentum(struct parameter_group *group);
void parameter_group_free_momentum(struct parameter_group *group);

/* A copy of what a checkpoint keeps: weights, momenta, statistics and centres have memory of their own, the gradient is
 * NULL; the rest is shared with `group`, which must outlive it. Their values are 0 until
 * parameter_group_copy. False when memory runs out; the caller calls parameter_group_free_copy in any case. */
bool parameter_group_create_copy(const struct parameter_group *group, struct parameter_group *copy);
void parameter_group_copy(const struct parameter_group *group, struct parameter_group *copy);
void parameter_group_free_copy(struct parameter_group *copy);

#endif
