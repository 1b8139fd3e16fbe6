#include "daemon/coordinator/tensorboard.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct curve {
    const char *kind;
    const char *group, *field; /* of the record: `field`, or the member `field` of its object `group` */
    const char *tag; /* %s: the record's set */
};

static const struct curve curves[] = {
    {"step", NULL, "epoch", "train/epoch"},
    {"step", NULL, "loss", "train/loss"},
    {"step", NULL, "loss_cls", "train/loss_cls"},
    {"step", NULL, "loss_dom", "train/loss_dom"},
    {"step", NULL, "accuracy", "train/accuracy"},
    {"step", NULL, "domain_accuracy", "train/domain_accuracy"},
    {"step", NULL, "lambda", "train/lambda"},
    {"step", NULL, "lr", "train/lr"},
    {"step", NULL, "grad_norm", "train/grad_norm"},
    {"step", NULL, "images_per_second", "speed/images_per_second"},
    {"step", NULL, "eta_seconds", "speed/eta_seconds"},
    {"step", "seconds", "data", "speed/seconds_data"},
    {"step", "seconds", "compute", "speed/seconds_compute"},
    {"step", "seconds", "exchange", "speed/seconds_exchange"},
    {"step", "seconds", "exchange_hidden", "speed/seconds_exchange_hidden"},
    {"eval", NULL, "accuracy", "eval/%s/accuracy"},
    {"eval", NULL, "accuracy_std", "eval/%s/accuracy_std"},
    {"eval", NULL, "threshold", "eval/%s/threshold"},
    {"eval", NULL, "auc", "eval/%s/auc"},
    {"eval", NULL, "norm", "eval/%s/norm"},
    {"eval", "tar", "1e-2", "eval/%s/tar_at_far_1e-2"},
    {"eval", "tar", "1e-3", "eval/%s/tar_at_far_1e-3"},
    {"eval", "tar", "1e-4", "eval/%s/tar_at_far_1e-4"},
    {"checkpoint", NULL, "bytes", "checkpoint/bytes"},
    {"checkpoint", NULL, "seconds", "checkpoint/seconds"},
    {"checkpoint", NULL, "stall", "checkpoint/stall"},
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

size_t tensorboard_scalars(const char *kind, const json_t *fields, int64_t *step,
                           struct event_scalar scalars[TENSORBOARD_SCALARS_MAX])
{
    size_t count = 0;
    const char *set = json_string_value(json_object_get(fields, "set"));
    *step = json_integer_value(json_object_get(fields, "step"));
    for (size_t i = 0; i < sizeof curves / sizeof *curves && count < TENSORBOARD_SCALARS_MAX; i++) {
        const struct curve *curve = &curves[i];
        if (strcmp(curve->kind, kind) != 0) {
            continue;
        }
        const json_t *object = curve->group ? json_object_get(fields, curve->group) : fields;
        const json_t *value = json_object_get(object, curve->field);
        if (value) {
            scalars[count].value = json_is_null(value) ? (double)NAN : json_number_value(value);
            format_tag(curve->tag, set, scalars[count].tag, sizeof scalars[count].tag);
            count++;
        }
    }
    return count;
}
