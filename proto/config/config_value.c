#include "proto/config/config_value.h"

#include "proto/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AUGMENT_ROWS_MAX 32 /* bits of config_dataset.given */

static void *member(struct config *config, size_t offset)
{
    return (char *)config + offset;
}

static const void *member_const(const struct config *config, size_t offset)
{
    return (const char *)config + offset;
}

static enum status refuse(const struct config_row *row, const struct strict_yaml *yaml,
                          const yaml_node_t *node, struct error *error)
{
    char expected[512];
    config_expected(row, expected, sizeof expected);
    return strict_yaml_expected(yaml, node, row->key, expected, error);
}

static bool parse_integer(const yaml_node_t *node, double min, double max, int64_t *value)
{
    int64_t parsed;
    if (!strict_yaml_integer(node, &parsed) || (double)parsed < min || (double)parsed > max) {
        return false;
    }
    *value = parsed;
    return true;
}

static bool parse_number(const yaml_node_t *node, double min, double max, double *value)
{
    double parsed;
    if (!strict_yaml_number(node, &parsed) || parsed < min || parsed > max) {
        return false;
    }
    *value = parsed;
    return true;
}

/* The index of `text` among words parted by '|', or -1. */
static int find_choice(const char *words, const char *text)
{
    size_t length = strlen(text);
    for (int index = 0;; index++) {
        const char *end = strchrnul(words, '|');
        if ((size_t)(end - words) == length && strncmp(words, text, length) == 0) {
            return index;
        }
        if (*end == '\0') {
            return -1;
        }
        words = end + 1;
    }
}

static bool set_string(struct config *config, const struct config_row *row, const yaml_node_t *node)
{
    const char *text = strict_yaml_text(node);
    char **value = member(config, row->offset);
    if (!text || *text == '\0' || (row->choices && find_choice(row->choices, text) < 0)) {
        return false;
    }
    char *copy = row->type == CONFIG_PATH ? file_expand_home(text) : strdup(text);
    if (!copy) {
        return false;
    }
    free(*value);
    *value = copy;
    return true;
}

static bool set_integer(struct config *config, const struct config_row *row, const yaml_node_t *node)
{
    int64_t value = 0;
    const char *text = strict_yaml_text(node);
    bool automatic = row->type == CONFIG_AUTO && text && strcmp(text, "auto") == 0;
    if (!automatic && !parse_integer(node, row->min, row->max, &value)) {
        return false;
    }
    if (row->type == CONFIG_INT64) {
        *(int64_t *)member(config, row->offset) = value;
    } else if (row->type == CONFIG_UINT64) {
        *(uint64_t *)member(config, row->offset) = (uint64_t)value;
    } else {
        *(int *)member(config, row->offset) = (int)value;
    }
    return true;
}

static bool set_choice(struct config *config, const struct config_row *row, const yaml_node_t *node)
{
    const char *text = strict_yaml_text(node);
    int index = text ? find_choice(row->choices, text) : -1;
    if (index < 0) {
        return false;
    }
    /* The enums of struct config are all of unsigned int's size and layout: asserted below. */
    *(unsigned *)member(config, row->offset) = (unsigned)index;
    return true;
}

_Static_assert(sizeof(enum config_unify) == sizeof(unsigned), "choices are stored as unsigned");
_Static_assert(sizeof(enum config_scope) == sizeof(unsigned), "choices are stored as unsigned");
_Static_assert(sizeof(enum config_schedule) == sizeof(unsigned), "choices are stored as unsigned");
_Static_assert(sizeof(enum config_sampling) == sizeof(unsigned), "choices are stored as unsigned");
_Static_assert(sizeof(enum config_preset) == sizeof(unsigned), "choices are stored as unsigned");
_Static_assert(sizeof(enum config_filters) == sizeof(unsigned), "choices are stored as unsigned");
_Static_assert(sizeof(enum config_domain_schedule) == sizeof(unsigned), "choices are stored as unsigned");

static bool set_preset(struct config *config, const struct config_row *row, const yaml_node_t *node)
{
    double *value = member(config, row->offset);
    const char *text = strict_yaml_text(node);
    if (text && strcmp(text, "preset") == 0) {
        *value = NAN;
        return true;
    }
    return parse_number(node, row->min, row->max, value);
}

/* A dataset's own keys of data.augment, or the preset's name alone. */
static enum status read_augment(const struct strict_yaml *yaml, const yaml_node_t *node,
                                struct config_dataset *dataset, struct error *error)
{
    struct strict_yaml group = *yaml;
    struct config scratch = {.data = {.augment = dataset->augment}};
    struct strict_yaml_field fields[AUGMENT_ROWS_MAX];
    const yaml_node_t *values[AUGMENT_ROWS_MAX] = {NULL};
    size_t count;
    const struct config_row *rows = config_augment_rows(&count);
    enum status status = STATUS_OK;
    group.within = "data.datasets.augment";
    for (size_t i = 0; i < count; i++) {
        fields[i] = (struct strict_yaml_field){.key = strrchr(rows[i].key, '.') + 1,
                                               .kind = STRICT_YAML_NODE,
                                               .target = &values[i],
                                               .optional = true};
    }
    if (node->type == YAML_MAPPING_NODE) {
        status = strict_yaml_fields(&group, node, fields, count, error);
    } else {
        values[0] = node; /* the preset's row is the first */
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (values[i]) {
            status = config_value_set(&scratch, &rows[i], yaml, values[i], error);
            dataset->given |= UINT32_C(1) << i;
        }
    }
    dataset->augment = scratch.data.augment;
    return status;
}

/* One entry of data.datasets: a path, or {manifest, weight, augment}. */
static enum status read_dataset(const struct strict_yaml *yaml, const yaml_node_t *node,
                                const struct config_row *row, struct config_dataset *dataset,
                                struct error *error)
{
    const char *text = strict_yaml_text(node);
    char *path = text ? strdup(text) : NULL;
    const yaml_node_t *augment = NULL, *sampling = NULL;
    dataset->weight = 1;
    const struct strict_yaml_field fields[] = {
        {"manifest", STRICT_YAML_TEXT, &path, 0, 0, 0, false},
        {"weight", STRICT_YAML_DOUBLE, &dataset->weight, 0, (int64_t)row->min, (uint64_t)row->max, true},
        {"sampling", STRICT_YAML_NODE, &sampling, 0, 0, 0, true},
        {"cap", STRICT_YAML_INT, &dataset->cap, 0, 1, 1000000000, true},
        {"augment", STRICT_YAML_NODE, &augment, 0, 0, 0, true},
    };
    enum status status = STATUS_OK;
    if (node->type == YAML_MAPPING_NODE) {
        struct strict_yaml entry = *yaml;
        entry.within = row->key;
        status = strict_yaml_fields(&entry, node, fields, sizeof fields / sizeof *fields, error);
    }
    if (status == STATUS_OK && sampling) {
        struct config scratch = {.data = {.lanes = 0}};
        status = config_value_set(&scratch, config_row_of("data.sampling"), yaml, sampling, error);
        dataset->own_sampling = true;
        dataset->sampling = scratch.data.sampling;
    }
    if (status == STATUS_OK && augment) {
        status = read_augment(yaml, augment, dataset, error);
    }
    if (status == STATUS_OK) {
        dataset->manifest = path && *path != '\0' ? file_expand_home(path) : NULL;
        status = dataset->manifest ? STATUS_OK : refuse(row, yaml, node, error);
    }
    free(path);
    return status;
}

static size_t element_size(enum config_type type)
{
    switch (type) {
    case CONFIG_DATASETS:
        return sizeof(struct config_dataset);
    case CONFIG_PATH_LIST:
        return sizeof(char *);
    case CONFIG_INT_LIST:
        return sizeof(int);
    default:
        return sizeof(double);
    }
}

static bool parse_element(const yaml_node_t *node, const struct config_row *row, void *element)
{
    int64_t integer;
    const char *text;
    switch (row->type) {
    case CONFIG_PATH_LIST:
        text = strict_yaml_text(node);
        return text && *text != '\0' && (*(char **)element = file_expand_home(text));
    case CONFIG_INT_LIST:
        if (!parse_integer(node, row->min, row->max, &integer)) {
            return false;
        }
        *(int *)element = (int)integer;
        return true;
    default:
        return parse_number(node, row->min, row->max, element);
    }
}

static enum status set_list(struct config *config, const struct config_row *row,
                            const struct strict_yaml *yaml, const yaml_node_t *node, struct error *error)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        return refuse(row, yaml, node, error);
    }
    size_t size = element_size(row->type), count = strict_yaml_length(node);
    char *elements = calloc(count + 1, size);
    if (!elements) {
        return error_no_memory(error, row->key);
    }
    config_value_free(config, row);
    *(void **)member(config, row->offset) = elements;
    size_t *filled = member(config, row->count_offset);
    enum status status = STATUS_OK;
    for (*filled = 0; *filled < count && status == STATUS_OK; *filled += status == STATUS_OK) {
        const yaml_node_t *item = strict_yaml_item(yaml, node, *filled);
        void *element = elements + *filled * size;
        if (row->type == CONFIG_DATASETS) {
            status = read_dataset(yaml, item, row, element, error);
        } else if (!parse_element(item, row, element)) {
            status = refuse(row, yaml, item, error);
        }
    }
    return status;
}

enum status config_value_set(struct config *config, const struct config_row *row,
                             const struct strict_yaml *yaml, const yaml_node_t *node, struct error *error)
{
    bool fits = false;
    switch (row->type) {
    case CONFIG_STRING:
    case CONFIG_PATH:
        fits = set_string(config, row, node);
        break;
    case CONFIG_INT:
    case CONFIG_AUTO:
    case CONFIG_INT64:
    case CONFIG_UINT64:
        fits = set_integer(config, row, node);
        break;
    case CONFIG_DOUBLE:
        fits = parse_number(node, row->min, row->max, member(config, row->offset));
        break;
    case CONFIG_BOOL:
        fits = strict_yaml_bool(node, member(config, row->offset));
        break;
    case CONFIG_CHOICE:
        fits = set_choice(config, row, node);
        break;
    case CONFIG_PRESET:
        fits = set_preset(config, row, node);
        break;
    case CONFIG_MARGIN:
        return config_margin_read(member(config, row->offset), row->key, row->min, row->max, yaml, node,
                                  error);
    case CONFIG_DATASETS:
    case CONFIG_PATH_LIST:
    case CONFIG_INT_LIST:
    case CONFIG_DOUBLE_LIST:
        return set_list(config, row, yaml, node, error);
    }
    return fits ? STATUS_OK : refuse(row, yaml, node, error);
}

void config_value_free(struct config *config, const struct config_row *row)
{
    void **value = member(config, row->offset);
    if (row->type == CONFIG_STRING || row->type == CONFIG_PATH) {
        free(*value);
        *value = NULL;
        return;
    }
    if (row->type != CONFIG_DATASETS && row->type != CONFIG_PATH_LIST && row->type != CONFIG_INT_LIST &&
        row->type != CONFIG_DOUBLE_LIST) {
        return;
    }
    size_t *count = member(config, row->count_offset);
    for (size_t i = 0; *value && i < *count; i++) {
        if (row->type == CONFIG_DATASETS) {
            free(((struct config_dataset *)*value)[i].manifest);
        } else if (row->type == CONFIG_PATH_LIST) {
            free(((char **)*value)[i]);
        }
    }
    free(*value);
    *value = NULL;
    *count = 0;
}

static void print_choice(FILE *stream, const char *words, unsigned index)
{
    for (; index > 0; index--) {
        words = strchrnul(words, '|');
        words += *words == '|';
    }
    fprintf(stream, "%.*s", (int)(strchrnul(words, '|') - words), words);
}

static void print_dataset(FILE *stream, const struct config_dataset *dataset)
{
    size_t count, printed = 0;
    const struct config_row *rows = config_augment_rows(&count);
    const struct config scratch = {.data = {.augment = dataset->augment, .sampling = dataset->sampling}};
    if (dataset->weight == 1.0 && dataset->given == 0 && !dataset->own_sampling && dataset->cap == 0) {
        strict_yaml_print(stream, dataset->manifest);
        return;
    }
    fputs("{manifest: ", stream);
    strict_yaml_print(stream, dataset->manifest);
    if (dataset->weight != 1.0) {
        fputs(", weight: ", stream);
        strict_yaml_print_number(stream, dataset->weight);
    }
    if (dataset->own_sampling) {
        fputs(", sampling: ", stream);
        config_value_print(&scratch, config_row_of("data.sampling"), stream);
    }
    if (dataset->cap > 0) {
        fprintf(stream, ", cap: %d", dataset->cap);
    }
    for (size_t i = 0; i < count; i++) {
        if (dataset->given >> i & 1) {
            fprintf(stream, "%s%s: ", printed++ == 0 ? ", augment: {" : ", ", strrchr(rows[i].key, '.') + 1);
            config_value_print(&scratch, &rows[i], stream);
        }
    }
    fputs(printed > 0 ? "}}" : "}", stream);
}

static void print_element(FILE *stream, const struct config_row *row, const void *list, size_t i)
{
    if (row->type == CONFIG_DATASETS) {
        print_dataset(stream, (const struct config_dataset *)list + i);
    } else if (row->type == CONFIG_PATH_LIST) {
        strict_yaml_print(stream, ((char *const *)list)[i]);
    } else if (row->type == CONFIG_INT_LIST) {
        fprintf(stream, "%d", ((const int *)list)[i]);
    } else {
        strict_yaml_print_number(stream, ((const double *)list)[i]);
    }
}

void config_value_print(const struct config *config, const struct config_row *row, FILE *stream)
{
    const void *value = member_const(config, row->offset);
    switch (row->type) {
    case CONFIG_STRING:
    case CONFIG_PATH:
        strict_yaml_print(stream, *(char *const *)value);
        return;
    case CONFIG_AUTO:
        if (*(const int *)value == 0) {
            fputs("auto", stream);
            return;
        }
        fprintf(stream, "%d", *(const int *)value);
        return;
    case CONFIG_INT:
        fprintf(stream, "%d", *(const int *)value);
        return;
    case CONFIG_INT64:
        fprintf(stream, "%lld", (long long)*(const int64_t *)value);
        return;
    case CONFIG_UINT64:
        fprintf(stream, "%llu", (unsigned long long)*(const uint64_t *)value);
        return;
    case CONFIG_DOUBLE:
        strict_yaml_print_number(stream, *(const double *)value);
        return;
    case CONFIG_BOOL:
        fputs(*(const bool *)value ? "true" : "false", stream);
        return;
    case CONFIG_PRESET:
        if (isnan(*(const double *)value)) {
            fputs("preset", stream);
        } else {
            strict_yaml_print_number(stream, *(const double *)value);
        }
        return;
    case CONFIG_CHOICE:
        print_choice(stream, row->choices, *(const unsigned *)value);
        return;
    case CONFIG_MARGIN:
        config_margin_print(value, stream);
        return;
    case CONFIG_DATASETS:
    case CONFIG_PATH_LIST:
    case CONFIG_INT_LIST:
    case CONFIG_DOUBLE_LIST:
        break;
    }
    size_t count = *(const size_t *)member_const(config, row->count_offset);
    fputc('[', stream);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", stream);
        print_element(stream, row, *(void *const *)value, i);
    }
    fputc(']', stream);
}
