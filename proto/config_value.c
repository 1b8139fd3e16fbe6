#include "proto/config_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *member(struct config *config, size_t offset)
{
    return (char *)config + offset;
}

static const void *member_const(const struct config *config, size_t offset)
{
    return (const char *)config + offset;
}

void config_where(const struct config_source *source, const yaml_node_t *node, char *where, size_t size)
{
    if (source->has_lines) {
        snprintf(where, size, "%s:%zu", source->name, node->start_mark.line + 1);
    } else {
        snprintf(where, size, "%s", source->name);
    }
}

static enum status refuse(const struct config_row *row, const struct config_source *source,
                          const yaml_node_t *node, struct error *error)
{
    char where[256], expected[256];
    config_where(source, node, where, sizeof where);
    config_expected(row, expected, sizeof expected);
    const char *found = node->type == YAML_SCALAR_NODE    ? (const char *)node->data.scalar.value
                        : node->type == YAML_MAPPING_NODE ? "a mapping"
                                                          : "a list";
    return error_set(error, STATUS_USAGE, where, "see daild --print-config", "%s: expected %s, found '%s'",
                     row->key, expected, found);
}

static const char *scalar(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE ||
        strlen((const char *)node->data.scalar.value) != node->data.scalar.length) {
        return NULL;
    }
    return (const char *)node->data.scalar.value;
}

/* A quoted text is never a number or a truth value. */
static bool is_plain(const yaml_node_t *node)
{
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool parse_integer(const yaml_node_t *node, double min, double max, int64_t *value)
{
    const char *text = scalar(node);
    char *end;
    if (!text || !is_plain(node) || *text == '\0') {
        return false;
    }
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || (double)parsed < min || (double)parsed > max) {
        return false;
    }
    *value = parsed;
    return true;
}

static bool parse_number(const yaml_node_t *node, double min, double max, double *value)
{
    const char *text = scalar(node);
    char *end;
    if (!text || !is_plain(node) || *text == '\0' || strpbrk(text, "xXnN")) {
        return false;
    }
    double parsed = strtod(text, &end);
    if (*end != '\0' || !isfinite(parsed) || parsed < min || parsed > max) {
        return false;
    }
    *value = parsed;
    return true;
}

static bool parse_bool(const yaml_node_t *node, bool *value)
{
    const char *text = scalar(node);
    if (!text || !is_plain(node) || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)) {
        return false;
    }
    *value = text[0] == 't';
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
    const char *text = scalar(node);
    char **value = member(config, row->offset);
    if (!text || *text == '\0' || (row->choices && find_choice(row->choices, text) < 0)) {
        return false;
    }
    free(*value);
    *value = strdup(text);
    return *value != NULL;
}

static bool set_integer(struct config *config, const struct config_row *row, const yaml_node_t *node)
{
    int64_t value = 0;
    const char *text = scalar(node);
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
    const char *text = scalar(node);
    int index = text ? find_choice(row->choices, text) : -1;
    if (index < 0) {
        return false;
    }
    /* The enums of struct config are all of unsigned int's size and layout: asserted below. */
    *(unsigned *)member(config, row->offset) = (unsigned)index;
    return true;
}

_Static_assert(sizeof(enum config_scope) == sizeof(unsigned), "choices are stored as unsigned");
_Static_assert(sizeof(enum config_schedule) == sizeof(unsigned), "choices are stored as unsigned");
_Static_assert(sizeof(enum config_domain_schedule) == sizeof(unsigned), "choices are stored as unsigned");

static bool set_margin(struct config *config, const struct config_row *row, yaml_document_t *document,
                       const yaml_node_t *node)
{
    double *margin = member(config, row->offset);
    double parsed[3];
    size_t count;
    const struct config_margin *names = config_margins(&count);
    const char *text = scalar(node);
    for (size_t i = 0; text && i < count; i++) {
        if (strcmp(text, names[i].name) == 0) {
            memcpy(margin, names[i].margin, sizeof names[i].margin);
            return true;
        }
    }
    if (node->type != YAML_SEQUENCE_NODE ||
        node->data.sequence.items.top - node->data.sequence.items.start != 3) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        yaml_node_t *item = yaml_document_get_node(document, node->data.sequence.items.start[i]);
        if (!parse_number(item, row->min, row->max, &parsed[i])) {
            return false;
        }
    }
    memcpy(margin, parsed, sizeof parsed);
    return true;
}

/* One entry of data.datasets: a path, or {manifest, weight}. */
static bool parse_dataset(yaml_document_t *document, const yaml_node_t *node, const struct config_row *row,
                          struct config_dataset *dataset)
{
    const char *path = scalar(node);
    dataset->weight = 1;
    bool weight_seen = false;
    if (node->type == YAML_MAPPING_NODE) {
        for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
             pair++) {
            const char *key = scalar(yaml_document_get_node(document, pair->key));
            yaml_node_t *value = yaml_document_get_node(document, pair->value);
            if (key && strcmp(key, "manifest") == 0 && !path) {
                path = scalar(value);
            } else if (key && strcmp(key, "weight") == 0 && !weight_seen) {
                weight_seen = true;
                if (!parse_number(value, row->min, row->max, &dataset->weight)) {
                    return false;
                }
            } else {
                return false;
            }
        }
    }
    if (!path || *path == '\0') {
        return false;
    }
    dataset->manifest = strdup(path);
    return dataset->manifest != NULL;
}

static size_t element_size(enum config_type type)
{
    switch (type) {
    case CONFIG_DATASETS:
        return sizeof(struct config_dataset);
    case CONFIG_STRING_LIST:
        return sizeof(char *);
    case CONFIG_INT_LIST:
        return sizeof(int);
    default:
        return sizeof(double);
    }
}

static bool parse_element(yaml_document_t *document, const yaml_node_t *node, const struct config_row *row,
                          void *element)
{
    int64_t integer;
    const char *text;
    switch (row->type) {
    case CONFIG_DATASETS:
        return parse_dataset(document, node, row, element);
    case CONFIG_STRING_LIST:
        text = scalar(node);
        return text && *text != '\0' && (*(char **)element = strdup(text)) != NULL;
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

static bool set_list(struct config *config, const struct config_row *row, yaml_document_t *document,
                     const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        return false;
    }
    size_t size = element_size(row->type);
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    char *elements = calloc(count + 1, size);
    if (!elements) {
        return false;
    }
    config_value_free(config, row);
    *(void **)member(config, row->offset) = elements;
    size_t *filled = member(config, row->count_offset);
    for (*filled = 0; *filled < count; ++*filled) {
        yaml_node_t *item = yaml_document_get_node(document, node->data.sequence.items.start[*filled]);
        if (!parse_element(document, item, row, elements + *filled * size)) {
            return false;
        }
    }
    return true;
}

enum status config_value_set(struct config *config, const struct config_row *row,
                             const struct config_source *source, const yaml_node_t *node, struct error *error)
{
    bool fits = false;
    switch (row->type) {
    case CONFIG_STRING:
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
        fits = parse_bool(node, member(config, row->offset));
        break;
    case CONFIG_CHOICE:
        fits = set_choice(config, row, node);
        break;
    case CONFIG_MARGIN:
        fits = set_margin(config, row, source->document, node);
        break;
    case CONFIG_DATASETS:
    case CONFIG_STRING_LIST:
    case CONFIG_INT_LIST:
    case CONFIG_DOUBLE_LIST:
        fits = set_list(config, row, source->document, node);
        break;
    }
    return fits ? STATUS_OK : refuse(row, source, node, error);
}

void config_value_free(struct config *config, const struct config_row *row)
{
    void **value = member(config, row->offset);
    if (row->type == CONFIG_STRING) {
        free(*value);
        *value = NULL;
        return;
    }
    if (row->type != CONFIG_DATASETS && row->type != CONFIG_STRING_LIST && row->type != CONFIG_INT_LIST &&
        row->type != CONFIG_DOUBLE_LIST) {
        return;
    }
    size_t *count = member(config, row->count_offset);
    for (size_t i = 0; *value && i < *count; i++) {
        if (row->type == CONFIG_DATASETS) {
            free(((struct config_dataset *)*value)[i].manifest);
        } else if (row->type == CONFIG_STRING_LIST) {
            free(((char **)*value)[i]);
        }
    }
    free(*value);
    *value = NULL;
    *count = 0;
}

/* The shortest decimal that reads back to the same double. */
static void print_number(FILE *stream, double value)
{
    char text[64];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    fputs(text, stream);
}

/* The code point at *text, which is UTF-8 (libyaml saw to it), and moves on to the next. */
static uint32_t next_point(const char **text)
{
    unsigned char lead = (unsigned char)*(*text)++;
    uint32_t point = lead < 0x80   ? lead
                     : lead < 0xe0 ? lead & 0x1fu
                     : lead < 0xf0 ? lead & 0x0fu
                                   : lead & 0x07u;
    while (((unsigned char)**text & 0xc0) == 0x80) {
        point = point << 6 | ((unsigned char)*(*text)++ & 0x3fu);
    }
    return point;
}

/* What a double quoted YAML text may hold as it is. */
static bool is_printable(uint32_t point)
{
    bool line_end = point == 0x2028 || point == 0x2029;
    return (point >= 0x20 && point < 0x7f) ||
           (point >= 0xa0 && point <= 0xfffd && point != 0xfeff && !line_end) || point >= 0x10000;
}

/* Plain where YAML reads it back as the same text, else in double quotes. */
static void print_text(FILE *stream, const char *text)
{
    bool plain = *text != '\0';
    for (const char *c = text; *c != '\0'; c++) {
        plain = plain && (strchr("._/+-", *c) || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                          (*c >= 'A' && *c <= 'Z'));
    }
    if (plain && text[0] != '-') {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    while (*text != '\0') {
        const char *begin = text;
        uint32_t point = next_point(&text);
        if (is_printable(point)) {
            fprintf(stream, "%s%.*s", point == '"' || point == '\\' ? "\\" : "", (int)(text - begin), begin);
        } else {
            fprintf(stream, "\\u%04x", point);
        }
    }
    fputc('"', stream);
}

static void print_choice(FILE *stream, const char *words, unsigned index)
{
    for (; index > 0; index--) {
        words = strchrnul(words, '|');
        words += *words == '|';
    }
    fprintf(stream, "%.*s", (int)(strchrnul(words, '|') - words), words);
}

static void print_element(FILE *stream, const struct config_row *row, const void *list, size_t i)
{
    if (row->type == CONFIG_DATASETS) {
        const struct config_dataset *dataset = (const struct config_dataset *)list + i;
        if (dataset->weight == 1.0) {
            print_text(stream, dataset->manifest);
            return;
        }
        fputs("{manifest: ", stream);
        print_text(stream, dataset->manifest);
        fputs(", weight: ", stream);
        print_number(stream, dataset->weight);
        fputs("}", stream);
    } else if (row->type == CONFIG_STRING_LIST) {
        print_text(stream, ((char *const *)list)[i]);
    } else if (row->type == CONFIG_INT_LIST) {
        fprintf(stream, "%d", ((const int *)list)[i]);
    } else {
        print_number(stream, ((const double *)list)[i]);
    }
}

static void print_margin(FILE *stream, const double *margin)
{
    size_t count;
    const struct config_margin *names = config_margins(&count);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(margin, names[i].margin, sizeof names[i].margin) == 0) {
            fputs(names[i].name, stream);
            return;
        }
    }
    fputc('[', stream);
    for (int i = 0; i < 3; i++) {
        fputs(i ? ", " : "", stream);
        print_number(stream, margin[i]);
    }
    fputc(']', stream);
}

void config_value_print(const struct config *config, const struct config_row *row, FILE *stream)
{
    const void *value = member_const(config, row->offset);
    switch (row->type) {
    case CONFIG_STRING:
        print_text(stream, *(char *const *)value);
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
        print_number(stream, *(const double *)value);
        return;
    case CONFIG_BOOL:
        fputs(*(const bool *)value ? "true" : "false", stream);
        return;
    case CONFIG_CHOICE:
        print_choice(stream, row->choices, *(const unsigned *)value);
        return;
    case CONFIG_MARGIN:
        print_margin(stream, value);
        return;
    case CONFIG_DATASETS:
    case CONFIG_STRING_LIST:
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
