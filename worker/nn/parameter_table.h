/* The table of a network's parameters. Convolutions are OIHW in files and HWIO in memory, the last layer's rows
 * C,H,W in files and H,W,C in memory; everything else is the same in both.
 */
#ifndef DAIL_WORKER_NN_PARAMETER_TABLE_H
#define DAIL_WORKER_NN_PARAMETER_TABLE_H

#include "worker/nn/dimensions.h"
#include "worker/parameter/parameter.h"

struct parameter_table {
    struct parameter *list; /* in state_dict order */
    size_t count;
    size_t capacity;
    size_t weight_count; /* floats of the trained ones: the weight vector, in the list's order */
    size_t statistic_count; /* floats of the statistics vector */
    size_t parameter_count; /* trained and constant values */
    int side_last;
};

/* Fills the table; needs no weights. STATUS_INTERNAL when memory runs out. The caller calls
 * parameter_table_free in any case. */
enum status parameter_table_build(const struct dimensions *dimensions, struct parameter_table *table,
                                  struct error *error);
void parameter_table_free(struct parameter_table *table);

/* The parameter called `block` "." `name` (or `name` alone where block is ""); NULL: none. */
const struct parameter *parameter_find(const struct parameter_table *table, const char *block,
                                       const char *name);

#endif
