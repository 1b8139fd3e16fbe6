/* A table of predictions for 1, 2, 4, ... workers, for people and as JSON. */
#ifndef DAIL_DAEMON_COMMAND_PREDICTION_REPORT_H
#define DAIL_DAEMON_COMMAND_PREDICTION_REPORT_H

#include "proto/error.h"
#include "worker/measure/prediction.h"

#include <jansson.h>
#include <stdio.h>

struct prediction_table {
    struct prediction *row; /* [rows]: one worker, its doubles, and last the number asked for */
    size_t rows;
};

/* On success the caller calls prediction_table_free. */
enum status prediction_table_make(const struct prediction_input *input, int workers,
                                  struct prediction_table *table, struct error *error);
void prediction_table_free(struct prediction_table *table);

/* The row of fewer workers with the shortest epoch, if that is shorter than row `i`'s; NULL: none. */
const struct prediction *prediction_beaten_by(const struct prediction_table *table, size_t i);

void prediction_print(const struct prediction_input *input, const struct prediction_table *table, FILE *out);
/* The caller owns the object. NULL: no memory. */
json_t *prediction_json(const struct prediction_input *input, const struct prediction_table *table);

#endif
