/* What a bench measured, for people and as JSON. */
#ifndef DAIL_DAEMON_COMMAND_BENCH_REPORT_H
#define DAIL_DAEMON_COMMAND_BENCH_REPORT_H

#include "worker/measure/bench.h"
#include "worker/measure/bench_machine.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

void bench_print(const struct bench *bench, const struct config *config, const struct bench_machine *machine,
                 FILE *out);
void bench_print_layers(const struct bench *bench, const struct bench_machine *machine, FILE *out);

/* The caller owns the object. NULL: no memory. */
json_t *bench_json(const struct bench *bench, const struct config *config,
                   const struct bench_machine *machine, bool layers);

#endif
