/* The margins of the softmax: one table of their names, parameters and defaults drives reading, checking, printing,
 * help and completion; worker/loss/sample_margin.h and threshold.h have their equations. The defaults are those of the papers.
 */
#ifndef DAIL_PROTO_CONFIG_CONFIG_MARGIN_H
#define DAIL_PROTO_CONFIG_CONFIG_MARGIN_H

#include "proto/strict_yaml.h"

#include <stddef.h>
#include <stdio.h>

enum margin_kind {
    MARGIN_PLAIN, /* cos(m1 t + m2) - m3, the same for every sample */
    MARGIN_ADAFACE,
    MARGIN_MAGFACE,
    MARGIN_CURRICULARFACE,
    MARGIN_ELASTIC_ARC,
    MARGIN_ELASTIC_COS,
    MARGIN_UNIFACE
};

/* Places of a kind's parameters among its values. */
enum { PLAIN_M1, PLAIN_M2, PLAIN_M3 };
enum { ADAFACE_M, ADAFACE_H, ADAFACE_ALPHA };
enum { MAGFACE_NORM_MIN, MAGFACE_NORM_MAX, MAGFACE_MARGIN_MIN, MAGFACE_MARGIN_MAX, MAGFACE_LAMBDA };
enum { CURRICULAR_M, CURRICULAR_ALPHA };
enum { ELASTIC_M, ELASTIC_SIGMA };
enum { UNIFACE_M, UNIFACE_LAMBDA };

#define MARGIN_VALUES 5

/* `loss.margin` as it is chosen. */
struct margin_choice {
    enum margin_kind kind;
    double value[MARGIN_VALUES]; /* 0 behind the last parameter */
};

struct margin_parameter {
    const char *name;
    double initial, min, max;
};

struct margin_row {
    const char *name;
    enum margin_kind kind;
    const char *meaning; /* what it is, whose it is */
    struct margin_parameter parameter[MARGIN_VALUES]; /* the first without a name ends them */
};

const struct margin_row *config_margins(size_t *count);

/* How many parameters a margin has. */
size_t config_margin_parameters(const struct margin_row *row);

/* A kind's word, for files. */
const char *config_margin_word(enum margin_kind kind);

/* Reads a name, [m1, m2, m3] each from min to max, or {name: adaface, h: 0.5} with whatever parameters are not to have
 * their default. `key` is told in messages. */
enum status config_margin_read(struct margin_choice *choice, const char *key, double min, double max,
                               const struct strict_yaml *yaml, const yaml_node_t *node, struct error *error);

/* Writes it in the shortest of these forms. */
void config_margin_print(const struct margin_choice *choice, FILE *stream);

/* What can be written, with all names: "softmax, arcface, ... or three numbers". */
void config_margin_expected(char *text, size_t size);

/* Why the parameters do not go together; NULL: they do. */
const char *config_margin_fault(const struct margin_choice *choice);

#endif
