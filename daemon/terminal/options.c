#include "daemon/terminal/options.h"

#include "daemon/terminal/options_help.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAREST_WORD_MAX 64

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NEAREST_WORD_MAX + 1];
    size_t length = smaller(strlen(b), NEAREST_WORD_MAX);
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = smaller(replaced, smaller(row[j], row[j + 1]) + 1);
        }
    }
    return row[length];
}

const char *option_nearest(const char *word, const char *const *candidates, size_t count, size_t stride)
{
    const char *nearest = NULL;
    size_t least = strlen(word) / 2 + 2;
    for (size_t i = 0; i < count; i++) {
        const char *candidate = *(const char *const *)(const void *)((const char *)candidates + i * stride);
        size_t distance = edit_distance(word, candidate);
        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

void option_list_free(struct option_list *list)
{
    free(list->values);
    *list = (struct option_list){0};
}

static enum status list_add(struct option_list *list, const char *value, struct error *error)
{
    const char **grown = realloc(list->values, (list->count + 1) * sizeof *grown);
    if (!grown) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "out of memory");
    }
    list->values = grown;
    list->values[list->count++] = value;
    return STATUS_OK;
}

static enum status bad_value(const struct option_spec *spec, const char *text, struct error *error)
{
    const char *kind = spec->kind == OPTION_INT ? "a whole number" : "a number";
    if (spec->min == 0 && spec->max == 0) {
        return error_set(error, STATUS_USAGE, text, NULL, "--%s takes %s", spec->name, kind);
    }
    return error_set(error, STATUS_USAGE, text, NULL, "--%s takes %s from %g to %g", spec->name, kind,
                     spec->min, spec->max);
}

static enum status store_number(const struct option_spec *spec, const char *text, struct error *error)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    bool whole = spec->kind != OPTION_INT || (number == floor(number) && fabs(number) <= 2147483647.0);
    bool bounded = spec->min != 0 || spec->max != 0;
    if (end == text || *end != '\0' || errno != 0 || !isfinite(number) || !whole ||
        (bounded && (number < spec->min || number > spec->max))) {
        return bad_value(spec, text, error);
    }
    if (spec->kind == OPTION_INT) {
        *(int *)spec->value = (int)number;
    } else {
        *(double *)spec->value = number;
    }
    return STATUS_OK;
}

static enum status store(const struct option_spec *spec, const char *text, struct error *error)
{
    switch (spec->kind) {
    case OPTION_FLAG:
        *(bool *)spec->value = true;
        return STATUS_OK;
    case OPTION_STRING:
        *(const char **)spec->value = text;
        return STATUS_OK;
    case OPTION_LIST:
        return list_add(spec->value, text, error);
    case OPTION_INT:
    case OPTION_DOUBLE:
        return store_number(spec, text, error);
    }
    return STATUS_OK;
}

static const struct option_spec *find_long(const struct option_spec *specs, size_t count, const char *name,
                                           size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(specs[i].name) == length && memcmp(specs[i].name, name, length) == 0) {
            return &specs[i];
        }
    }
    return NULL;
}

static const struct option_spec *find_short(const struct option_spec *specs, size_t count, char name)
{
    for (size_t i = 0; i < count; i++) {
        if (specs[i].short_name != 0 && specs[i].short_name == name) {
            return &specs[i];
        }
    }
    return NULL;
}

static enum status unknown(const struct option_spec *specs, size_t count, const char *argument,
                           struct error *error)
{
    char word[NEAREST_WORD_MAX];
    snprintf(word, sizeof word, "%s", argument + strspn(argument, "-"));
    word[strcspn(word, "=")] = '\0';
    const char *nearest = count > 0 ? option_nearest(word, &specs[0].name, count, sizeof *specs) : NULL;
    if (nearest) {
        return error_set(error, STATUS_USAGE, argument, "--help lists the options",
                         "unknown option; the nearest is --%s", nearest);
    }
    return error_set(error, STATUS_USAGE, argument, "--help lists the options", "unknown option");
}

/* Looks up the option that argv[*i] begins and finds its value, within the argument or in the next one. */
static enum status take_option(const struct option_spec *specs, size_t count, int argc, char **argv, int *i,
                               struct error *error)
{
    const char *argument = argv[*i];
    const struct option_spec *spec;
    const char *value = NULL;
    if (argument[1] == '-') {
        size_t length = strcspn(argument + 2, "=");
        spec = find_long(specs, count, argument + 2, length);
        value = argument[2 + length] == '=' ? argument + 3 + length : NULL;
    } else {
        spec = find_short(specs, count, argument[1]);
        value = argument[2] != '\0' ? argument + 2 : NULL;
    }
    if (!spec) {
        return unknown(specs, count, argument, error);
    }
    if (spec->kind == OPTION_FLAG) {
        if (value) {
            return error_set(error, STATUS_USAGE, argument, NULL, "--%s takes no value", spec->name);
        }
    } else if (!value) {
        if (*i + 1 >= argc) {
            return error_set(error, STATUS_USAGE, argument, NULL, "--%s needs a value: %s", spec->name,
                             spec->metavar ? spec->metavar : "VALUE");
        }
        value = argv[++*i];
    }
    return store(spec, value, error);
}

static bool looks_like_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0' && !isdigit((unsigned char)argument[1]) &&
           argument[1] != '.';
}

/* Prints what --help asks for, in one of its forms; false where the argument does not ask. */
static bool give_help(const char *usage, const struct option_spec *specs, size_t count, const char *argument)
{
    if (strcmp(argument, "--help=man") == 0) {
        options_print_man(usage, specs, count);
    } else if (strcmp(argument, "--help=words") == 0) {
        options_print_words(specs, count);
    } else if (strcmp(argument, "--help") == 0 ||
               (strcmp(argument, "-h") == 0 && !find_short(specs, count, 'h'))) {
        options_print_help(usage, specs, count);
    } else {
        return false;
    }
    return true;
}

enum status options_parse(const char *usage, const struct option_spec *specs, size_t count, int argc,
                          char **argv, const char **positional, size_t positional_max,
                          size_t *positional_count, bool *help, struct error *error)
{
    bool options_ended = false;
    *positional_count = 0;
    *help = false;
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (!options_ended && strcmp(argument, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && give_help(usage, specs, count, argument)) {
            *help = true;
            return STATUS_OK;
        } else if (!options_ended && looks_like_option(argument)) {
            enum status status = take_option(specs, count, argc, argv, &i, error);
            if (status != STATUS_OK) {
                return status;
            }
        } else if (*positional_count >= positional_max) {
            return error_set(error, STATUS_USAGE, argument, "--help shows what is", "one argument too many");
        } else {
            positional[(*positional_count)++] = argument;
        }
    }
    return STATUS_OK;
}
