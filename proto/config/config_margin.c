#include "proto/config/config_margin.h"

#include <stdlib.h>
#include <string.h>

#define PLAIN(a, b, c)                                                                                       \
    {                                                                                                        \
        {"m1", a, -10, 10}, {"m2", b, -10, 10},                                                              \
        {                                                                                                    \
            "m3", c, -10, 10                                                                                 \
        }                                                                                                    \
    }

static const struct margin_row margins[] = {
    {"softmax", MARGIN_PLAIN, "no margin", PLAIN(1, 0, 0)},
    {"sphereface", MARGIN_PLAIN, "the angle multiplied", PLAIN(1.35, 0, 0)},
    {"arcface", MARGIN_PLAIN, "added to the angle", PLAIN(1, 0.5, 0)},
    {"cosface", MARGIN_PLAIN, "taken from the cosine", PLAIN(1, 0, 0.35)},
    {"cm", MARGIN_PLAIN, "all three combined", PLAIN(0.9, 0.4, 0.15)},
    {"adaface",
     MARGIN_ADAFACE,
     "by the image's quality: its embedding's norm among those of late",
     {{"m", 0.4, 0, 1.5}, {"h", 0.333, 0, 10}, {"alpha", 0.01, 0, 1}}},
    {"magface",
     MARGIN_MAGFACE,
     "by the embedding's norm, which learns the image's quality",
     {{"norm_min", 10, 1e-3, 1e6},
      {"norm_max", 110, 1e-3, 1e6},
      {"margin_min", 0.45, 0, 3},
      {"margin_max", 0.8, 0, 3},
      {"lambda", 35, 0, 1e6}}},
    {"curricularface",
     MARGIN_CURRICULARFACE,
     "arcface whose hard rivals count for more as the training goes on",
     {{"m", 0.5, 0, 1.5}, {"alpha", 0.01, 0, 1}}},
    {"elasticface-arc",
     MARGIN_ELASTIC_ARC,
     "arcface with a margin drawn for each sample",
     {{"m", 0.5, 0, 1.5}, {"sigma", 0.05, 0, 1}}},
    {"elasticface-cos",
     MARGIN_ELASTIC_COS,
     "cosface with a margin drawn for each sample",
     {{"m", 0.35, 0, 1.5}, {"sigma", 0.05, 0, 1}}},
    {"uniface",
     MARGIN_UNIFACE,
     "one learned threshold between all pairs of one person and all others",
     {{"m", 0.4, 0, 1.5}, {"lambda", 1, 0, 1e6}}},
};

#define MARGINS (sizeof margins / sizeof margins[0])

const struct margin_row *config_margins(size_t *count)
{
    *count = MARGINS;
    return margins;
}

size_t config_margin_parameters(const struct margin_row *row)
{
    size_t count = 0;
    while (count < MARGIN_VALUES && row->parameter[count].name) {
        count++;
    }
    return count;
}

const char *config_margin_word(enum margin_kind kind)
{
    for (size_t i = 0; i < MARGINS && kind != MARGIN_PLAIN; i++) {
        if (margins[i].kind == kind) {
            return margins[i].name;
        }
    }
    return "plain";
}

static const struct margin_row *find(const char *name)
{
    for (size_t i = 0; name && i < MARGINS; i++) {
        if (strcmp(name, margins[i].name) == 0) {
            return &margins[i];
        }
    }
    return NULL;
}

static struct margin_choice defaults(const struct margin_row *row)
{
    struct margin_choice choice = {.kind = row->kind};
    for (size_t i = 0; i < config_margin_parameters(row); i++) {
        choice.value[i] = row->parameter[i].initial;
    }
    return choice;
}

static enum status refuse(const struct strict_yaml *yaml, const yaml_node_t *node, const char *key,
                          struct error *error)
{
    char expected[512];
    config_margin_expected(expected, sizeof expected);
    return strict_yaml_expected(yaml, node, key, expected, error);
}

static enum status read_numbers(struct margin_choice *choice, const char *key, double min, double max,
                                const struct strict_yaml *yaml, const yaml_node_t *node, struct error *error)
{
    struct margin_choice read = {.kind = MARGIN_PLAIN};
    bool fits = strict_yaml_length(node) == 3;
    for (size_t i = 0; i < 3 && fits; i++) {
        double *value = &read.value[i];
        fits = strict_yaml_number(strict_yaml_item(yaml, node, i), value) && *value >= min && *value <= max;
    }
    if (!fits) {
        return refuse(yaml, node, key, error);
    }
    *choice = read;
    return STATUS_OK;
}

/* The parameters that the mapping gives, in place of the defaults. */
static enum status read_parameters(struct margin_choice *choice, const struct margin_row *row,
                                   const struct strict_yaml *yaml, const yaml_node_t *node,
                                   struct error *error)
{
    struct strict_yaml_field fields[1 + MARGIN_VALUES];
    const size_t count = config_margin_parameters(row);
    char *name = NULL, key[96], expected[96];
    fields[0] = (struct strict_yaml_field){.key = "name", .kind = STRICT_YAML_TEXT, .target = &name};
    *choice = defaults(row);
    for (size_t i = 0; i < count; i++) {
        /* The table's ranges have fractions, so that they are looked at below. */
        fields[1 + i] = (struct strict_yaml_field){.key = row->parameter[i].name,
                                                   .kind = STRICT_YAML_DOUBLE,
                                                   .target = &choice->value[i],
                                                   .least = INT32_MIN,
                                                   .most = INT32_MAX,
                                                   .optional = true};
    }
    enum status status = strict_yaml_fields(yaml, node, fields, 1 + count, error);
    free(name);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct margin_parameter *parameter = &row->parameter[i];
        if (choice->value[i] < parameter->min || choice->value[i] > parameter->max) {
            snprintf(key, sizeof key, "%s.%s", yaml->within, parameter->name);
            snprintf(expected, sizeof expected, "a number from %g to %g", parameter->min, parameter->max);
            status = strict_yaml_expected(yaml, node, key, expected, error);
        }
    }
    return status;
}

enum status config_margin_read(struct margin_choice *choice, const char *key, double min, double max,
                               const struct strict_yaml *yaml, const yaml_node_t *node, struct error *error)
{
    struct strict_yaml within = *yaml;
    const struct margin_row *row = find(strict_yaml_text(node));
    if (row) {
        *choice = defaults(row);
        return STATUS_OK;
    }
    if (node->type == YAML_SEQUENCE_NODE) {
        return read_numbers(choice, key, min, max, yaml, node, error);
    }
    if (node->type != YAML_MAPPING_NODE) {
        return refuse(yaml, node, key, error);
    }
    within.within = key;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        const char *name = strict_yaml_text(yaml_document_get_node(&within.document, pair->key));
        const yaml_node_t *value = yaml_document_get_node(&within.document, pair->value);
        if (name && strcmp(name, "name") == 0) {
            row = find(strict_yaml_text(value));
            return row ? read_parameters(choice, row, &within, node, error)
                       : refuse(yaml, value, "loss.margin.name", error);
        }
    }
    return refuse(yaml, node, key, error);
}

void config_margin_print(const struct margin_choice *choice, FILE *stream)
{
    const struct margin_row *row = NULL;
    for (size_t i = 0; i < MARGINS; i++) {
        struct margin_choice initial = defaults(&margins[i]);
        if (choice->kind == margins[i].kind) {
            row = &margins[i];
            if (memcmp(choice->value, initial.value, sizeof initial.value) == 0) {
                fputs(row->name, stream);
                return;
            }
        }
    }
    const bool plain = choice->kind == MARGIN_PLAIN;
    fputs(plain ? "[" : "{name: ", stream);
    fputs(plain ? "" : row->name, stream);
    for (size_t i = 0; i < config_margin_parameters(row); i++) {
        if (!plain) {
            fprintf(stream, ", %s: ", row->parameter[i].name);
        } else if (i > 0) {
            fputs(", ", stream);
        }
        strict_yaml_print_number(stream, choice->value[i]);
    }
    fputs(plain ? "]" : "}", stream);
}

void config_margin_expected(char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < MARGINS && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s, ", margins[i].name);
    }
    if (used < size) {
        snprintf(text + used, size - used, "{name: one of them, parameter: number}, or three numbers");
    }
}

const char *config_margin_fault(const struct margin_choice *choice)
{
    const double *value = choice->value;
    if (choice->kind == MARGIN_PLAIN && value[PLAIN_M1] <= 0) {
        return "with an m1 of 0 or below the loss does not fall as the angle falls: it rewards worse angles";
    }
    if (choice->kind == MARGIN_MAGFACE && value[MAGFACE_NORM_MIN] >= value[MAGFACE_NORM_MAX]) {
        return "magface's norm_min is not below its norm_max";
    }
    if (choice->kind == MARGIN_MAGFACE && value[MAGFACE_MARGIN_MIN] > value[MAGFACE_MARGIN_MAX]) {
        return "magface's margin_min is above its margin_max";
    }
    return NULL;
}
