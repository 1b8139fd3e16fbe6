#include "daemon/judge/judge_json.h"

#include <stdio.h>

json_t *judge_json_bootstrap(const struct bootstrap *bootstrap)
{
    return json_pack("{s:i, s:I}", "draws", bootstrap->draws, "seed", (json_int_t)bootstrap->seed);
}

void judge_json_print(json_t *object)
{
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    printf("\n");
    json_decref(object);
}
