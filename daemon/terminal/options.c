#include "daemon/terminal/options.h"

#include "proto/config/config_table.h"
#include "proto/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAREST_WORD_MAX 64
/* Choices of one option. */
#define OPTION_WORDS_MAX 32

/* The words of `choices` one by one; returns how many. */
static size_t part_words(const char *choices, char words[OPTION_WORDS_MAX][NEAREST_WORD_MAX])
{
    size_t count = 0;
    while (count < OPTION_WORDS_MAX) {
        size_t length = strcspn(choices, "|");
        snprintf(words[count++], NEAREST_WORD_MAX, "%.*s", (int)length, choices);
        if (choices[length] == '\0') {
            break;
        }
        choices += length + 1;
    }
    return count;
}

enum status option_choose(const char *name, const char *choices, const char *word, int *index,
                          struct error *error)
{
    char words[OPTION_WORDS_MAX][NEAREST_WORD_MAX], expected[256] = "";
    const char *candidates[OPTION_WORDS_MAX];
    const size_t count = part_words(choices, words);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            *index = (int)i;
            return STATUS_OK;
        }
        candidates[i] = words[i];
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%.*s",
                                 i == 0           ? ""
                                 : i + 1 == count ? " or "
                                                  : ", ",
                                 NEAREST_WORD_MAX - 1, words[i]);
        used = used < sizeof expected ? used : sizeof expected - 1;
    }
    const char *nearest = text_nearest(word, candidates, count, sizeof *candidates);
    return error_set(error, STATUS_USAGE, word, NULL, "%s takes %s%s%s", name, expected,
                     nearest ? "; the nearest is " : "", nearest ? nearest : "");
}

const char *option_choices(const struct option_spec *spec)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; spec->key && i < count; i++) {
        if (strcmp(rows[i].key, spec->key) == 0) {
            return rows[i].choices;
        }
    }
    return spec->choices;
}

/* --- Storing --- */

static void *value_of(const struct option_spec *spec, void *values)
{
    return (char *)values + spec->offset;
}

static enum status refuse(const struct option_spec *spec, const char *text, const char *kind,
                          struct error *error)
{
    return error_set(error, STATUS_USAGE, text, NULL, "--%s takes %s from %" PRIu64 " to %" PRIu64,
                     spec->name, kind, spec->min, spec->max);
}

/* The digits at *text, which is moved behind them. */
static bool read_whole(const char **text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(*text, &end, 10);
    bool good = isdigit((unsigned char)**text) && errno == 0;
    *text = end;
    return good;
}

static bool is_within(const struct option_spec *spec, uint64_t number)
{
    return number >= spec->min && number <= spec->max;
}

static enum status store_whole(const struct option_spec *spec, const char *text, void *value,
                               struct error *error)
{
    const char *at = text;
    uint64_t number;
    if (!read_whole(&at, &number) || *at != '\0' || !is_within(spec, number)) {
        return refuse(spec, text, "a whole number", error);
    }
    if (spec->kind == OPTION_INT) {
        *(int *)value = (int)number;
    } else {
        *(uint64_t *)value = number;
    }
    return STATUS_OK;
}

/* The bytes of a unit; 0 where there is no such. */
static uint64_t unit_bytes(const char *unit)
{
    static const char letters[] = "KMGT";
    const char *letter = unit[0] != '\0' ? strchr(letters, unit[0]) : letters + 1;
    return letter && (unit[0] == '\0' || unit[1] == '\0') ? (uint64_t)1024 << (10 * (letter - letters)) : 0;
}

static enum status store_size(const struct option_spec *spec, const char *text, uint64_t *value,
                              struct error *error)
{
    const char *at = text;
    uint64_t number;
    bool good = read_whole(&at, &number);
    uint64_t unit = unit_bytes(at);
    if (!good || unit == 0 || number > UINT64_MAX / unit || !is_within(spec, number * unit)) {
        return error_set(error, STATUS_USAGE, text, NULL,
                         "--%s takes a size from %" PRIu64 "K to %" PRIu64
                         "M: a number of MiB, or one that ends in K, M, G or T",
                         spec->name, spec->min >> 10, spec->max >> 20);
    }
    *value = number * unit;
    return STATUS_OK;
}

static enum status store_double(const struct option_spec *spec, const char *text, double *value,
                                struct error *error)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(number >= spec->low && number <= spec->high)) {
        return error_set(error, STATUS_USAGE, text, NULL, "--%s takes a number from %g to %g", spec->name,
                         spec->low, spec->high);
    }
    *value = number;
    return STATUS_OK;
}

/* Finds `text` among the option's choices. */
static enum status choose(const struct option_spec *spec, const char *text, int *index, struct error *error)
{
    char name[NEAREST_WORD_MAX];
    snprintf(name, sizeof name, "--%s", spec->name);
    return option_choose(name, option_choices(spec), text, index, error);
}

static enum status add_string(struct option_strings *list, const char *text, struct error *error)
{
    const char **grown = realloc(list->values, (list->count + 1) * sizeof *grown);
    if (!grown) {
        return error_no_memory(error, NULL);
    }
    list->values = grown;
    list->values[list->count++] = text;
    return STATUS_OK;
}

static enum status add_numbers(const struct option_spec *spec, const char *text, struct option_numbers *list,
                               struct error *error)
{
    for (const char *at = text; at; at = *at == ',' ? at + 1 : NULL) {
        uint64_t number;
        if (!read_whole(&at, &number) || (*at != ',' && *at != '\0') || !is_within(spec, number)) {
            return refuse(spec, text, "numbers parted by commas, each", error);
        }
        int *grown = realloc(list->values, (list->count + 1) * sizeof *grown);
        if (!grown) {
            return error_no_memory(error, NULL);
        }
        list->values = grown;
        list->values[list->count++] = (int)number;
    }
    return STATUS_OK;
}

enum status option_store(const struct option_spec *spec, const char *text, void *values, struct error *error)
{
    void *value = value_of(spec, values);
    enum status status = STATUS_OK;
    int index;
    switch (spec->kind) {
    case OPTION_FLAG:
        *(bool *)value = true;
        return STATUS_OK;
    case OPTION_INT:
    case OPTION_UINT64:
        return store_whole(spec, text, value, error);
    case OPTION_SIZE:
        return store_size(spec, text, value, error);
    case OPTION_DOUBLE:
        return store_double(spec, text, value, error);
    case OPTION_CHOICE:
        status = choose(spec, text, &index, error);
        if (status == STATUS_OK) {
            index += (int)spec->min;
            memcpy(value, &index, sizeof index);
        }
        return status;
    case OPTION_STRING:
        status = option_choices(spec) ? choose(spec, text, &index, error) : STATUS_OK;
        if (status == STATUS_OK) {
            *(const char **)value = text;
        }
        return status;
    case OPTION_STRINGS:
        return add_string(value, text, error);
    case OPTION_NUMBERS:
        return add_numbers(spec, text, value, error);
    }
    return status;
}

void options_free(const struct option_spec *specs, void *values)
{
    for (const struct option_spec *spec = specs; spec->name; spec++) {
        void *value = value_of(spec, values);
        if (spec->kind == OPTION_STRINGS) {
            free(((struct option_strings *)value)->values);
            *(struct option_strings *)value = (struct option_strings){0};
        } else if (spec->kind == OPTION_NUMBERS) {
            free(((struct option_numbers *)value)->values);
            *(struct option_numbers *)value = (struct option_numbers){0};
        }
    }
}

/* --- Showing --- */

static bool print_whole(const struct option_spec *spec, uint64_t number, char *text, size_t size)
{
    snprintf(text, size, "%" PRIu64, number);
    return is_within(spec, number);
}

static bool print_choice(const struct option_spec *spec, int index, char *text, size_t size)
{
    const char *at = option_choices(spec);
    for (; index > (int)spec->min && at; index--) {
        at = strchr(at, '|');
        at = at ? at + 1 : NULL;
    }
    snprintf(text, size, "%.*s", at ? (int)strcspn(at, "|") : 0, at ? at : "");
    return at && index == (int)spec->min;
}

bool option_print(const struct option_spec *spec, const void *values, char *text, size_t size)
{
    const void *value = (const char *)values + spec->offset;
    const char *string;
    double number;
    int whole;
    switch (spec->kind) {
    case OPTION_INT:
        whole = *(const int *)value;
        return whole >= 0 && print_whole(spec, (uint64_t)whole, text, size);
    case OPTION_UINT64:
        return print_whole(spec, *(const uint64_t *)value, text, size);
    case OPTION_SIZE:
        snprintf(text, size, "%" PRIu64 "M", *(const uint64_t *)value >> 20);
        return is_within(spec, *(const uint64_t *)value);
    case OPTION_DOUBLE:
        number = *(const double *)value;
        snprintf(text, size, "%g", number);
        return number >= spec->low && number <= spec->high;
    case OPTION_CHOICE:
        memcpy(&whole, value, sizeof whole);
        return print_choice(spec, whole, text, size);
    case OPTION_STRING:
        string = *(const char *const *)value;
        snprintf(text, size, "%s", string ? string : "");
        return string;
    case OPTION_FLAG:
    case OPTION_STRINGS:
    case OPTION_NUMBERS:
        break;
    }
    return false;
}

/* --- Finding --- */

const struct option_spec *option_find(const struct option_spec *specs, const char *argument,
                                      const char **value)
{
    const bool is_long = argument[1] == '-';
    const size_t length = is_long ? strcspn(argument + 2, "=") : 0;
    for (const struct option_spec *spec = specs; spec->name; spec++) {
        if (is_long && strlen(spec->name) == length && memcmp(spec->name, argument + 2, length) == 0) {
            *value = argument[2 + length] == '=' ? argument + 3 + length : NULL;
            return spec;
        }
        if (!is_long && spec->short_name != 0 && spec->short_name == argument[1]) {
            *value = argument[2] != '\0' ? argument + 2 : NULL;
            return spec;
        }
    }
    return NULL;
}

enum status option_unknown(const struct option_spec *specs, const char *argument, struct error *error)
{
    char word[NEAREST_WORD_MAX];
    size_t count = 0;
    while (specs[count].name) {
        count++;
    }
    snprintf(word, sizeof word, "%s", argument + strspn(argument, "-"));
    word[strcspn(word, "=")] = '\0';
    const char *nearest = count > 0 ? text_nearest(word, &specs[0].name, count, sizeof *specs) : NULL;
    return error_set(error, STATUS_USAGE, argument, "--help lists the options", "unknown option%s%s",
                     nearest ? "; the nearest is --" : "", nearest ? nearest : "");
}
