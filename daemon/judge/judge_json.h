/* What the JSON of every judgement has. */
#ifndef DAIL_DAEMON_JUDGE_JUDGE_JSON_H
#define DAIL_DAEMON_JUDGE_JUDGE_JSON_H

#include "proto/json_value.h"
#include "worker/evaluate/bootstrap.h"

/* {"draws": ..., "seed": ...}: what the intervals are of. NULL without memory. */
json_t *judge_json_bootstrap(const struct bootstrap *bootstrap);

/* Prints an object as a command's whole output, and lets it go. */
void judge_json_print(json_t *object);

#endif
