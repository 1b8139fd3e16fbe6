#include "daemon/coordinator/tensorboard.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct curves {
    const char *set; /* the record's; NULL: it has none */
    struct event_scalar *scalars;
    size_t count;
};

static void format_tag(const char *pattern, const char *set, char *tag, size_t size)
{
    const char *place = strstr(pattern, "%s");
    if (place) {
        snprintf(tag, size, "%.*s%s%s", (int)(place - pattern), pattern, set ? set : "", place + 2);
    } else {
        snprintf(tag, size, "%s", pattern);
    }
}

static double value_of(const struct status_field *field, const void *values)
{
    int64_t integer;
    double figure;
    if (field->type == STATUS_TYPE_INTEGER) {
        memcpy(&integer, (const char *)values + field->offset, sizeof integer);
        return (double)integer;
    }
    memcpy(&figure, (const char *)values + field->offset, sizeof figure);
    return figure;
}

static void add_curves(struct curves *curves, const struct status_part *part, const void *values)
{
    for (size_t i = 0; i < part->count && curves->count < TENSORBOARD_SCALARS_MAX; i++) {
        const struct status_field *field = &part->fields[i];
        if (field->type == STATUS_TYPE_OBJECT) {
            add_curves(curves, field->part, (const char *)values + field->offset);
        } else if (field->tag[0] != '\0') {
            struct event_scalar *scalar = &curves->scalars[curves->count];
            scalar->value = value_of(field, values);
            format_tag(field->tag, curves->set, scalar->tag, sizeof scalar->tag);
            curves->count += field->when[0] == '\0' || !isnan(scalar->value);
        }
    }
}

size_t tensorboard_scalars(const struct status_record *record, int64_t *step,
                           struct event_scalar scalars[TENSORBOARD_SCALARS_MAX])
{
    struct curves curves = {.scalars = scalars};
    switch (record->kind) {
    case STATUS_KIND_STEP:
        *step = record->step.step;
        break;
    case STATUS_KIND_EVAL:
        *step = record->eval.step;
        curves.set = record->eval.set;
        break;
    case STATUS_KIND_GROUPS:
        *step = record->groups.step;
        break;
    case STATUS_KIND_CHECKPOINT:
        *step = record->checkpoint.step;
        break;
    default:
        *step = 0;
        return 0;
    }
    add_curves(&curves, status_kind_part(record->kind), &record->start);
    return curves.count;
}
