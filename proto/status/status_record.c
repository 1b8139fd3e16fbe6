#include "proto/status/status_record.h"

#include "proto/json_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART(name) static const struct status_field name##_fields[] = {
#define RECORD(name, NAME, meaning) PART(name)
#define FIELD(owner, type, member, key, unit, tag, when, meaning)                                            \
    {key, STATUS_TYPE_##type, offsetof(struct status_##owner, member), NULL, unit, tag, when, meaning},
#define OBJECT(owner, part, member, key, meaning)                                                            \
    {key, STATUS_TYPE_OBJECT, offsetof(struct status_##owner, member), &part##_part, "", "", "", meaning},
#define LIST(owner, part, member, key, meaning)                                                              \
    {key, STATUS_TYPE_LIST, offsetof(struct status_##owner, member), &part##_part, "", "", "", meaning},
#define END(name)                                                                                            \
    }                                                                                                        \
    ;                                                                                                        \
    static const struct status_part name##_part = {                                                          \
        name##_fields, sizeof name##_fields / sizeof *name##_fields, sizeof(struct status_##name)};
#include "proto/status/status_table.def"

static const struct {
    const char *name, *meaning;
    const struct status_part *part;
} kinds[STATUS_KINDS] = {
#define PART(name)
#define RECORD(name, NAME, meaning) [STATUS_KIND_##NAME] = {#name, meaning, &name##_part},
#define FIELD(owner, type, member, key, unit, tag, when, meaning)
#define OBJECT(owner, part, member, key, meaning)
#define LIST(owner, part, member, key, meaning)
#define END(name)
#include "proto/status/status_table.def"
};

static bool is_kind(enum status_kind kind)
{
    return kind > STATUS_KIND_UNKNOWN && kind < STATUS_KINDS;
}

const struct status_part *status_head_part(void)
{
    return &head_part;
}

const struct status_part *status_kind_part(enum status_kind kind)
{
    return is_kind(kind) ? kinds[kind].part : NULL;
}

const char *status_kind_name(enum status_kind kind)
{
    return is_kind(kind) ? kinds[kind].name : NULL;
}

const char *status_kind_meaning(enum status_kind kind)
{
    return is_kind(kind) ? kinds[kind].meaning : NULL;
}

static enum status_kind kind_of(const char *name)
{
    for (enum status_kind kind = STATUS_KIND_UNKNOWN + 1; kind < STATUS_KINDS; kind++) {
        if (strcmp(kinds[kind].name, name) == 0) {
            return kind;
        }
    }
    return STATUS_KIND_UNKNOWN;
}

/* --- To JSON --- */

static json_t *list_json(const struct status_part *part, const struct status_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        if (json_array_append_new(array, status_part_json(part, (const char *)list->at + i * part->size)) !=
            0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *field_json(const struct status_field *field, const char *value)
{
    int64_t integer;
    double figure;
    const char *text;
    struct status_list list;
    switch (field->type) {
    case STATUS_TYPE_INTEGER:
        memcpy(&integer, value, sizeof integer);
        return json_integer((json_int_t)integer);
    case STATUS_TYPE_FIGURE:
        memcpy(&figure, value, sizeof figure);
        return json_figure(figure);
    case STATUS_TYPE_TEXT:
    case STATUS_TYPE_OPTION:
        memcpy(&text, value, sizeof text);
        text = text ? text : "";
        return field->type == STATUS_TYPE_OPTION && text[0] == '\0' ? json_null() : json_text(text);
    case STATUS_TYPE_OBJECT:
        return status_part_json(field->part, value);
    case STATUS_TYPE_LIST:
        memcpy(&list, value, sizeof list);
        return list_json(field->part, &list);
    }
    return NULL;
}

static bool is_left_out(const struct status_field *field, const char *value)
{
    double figure;
    if (field->when[0] == '\0' || field->type != STATUS_TYPE_FIGURE) {
        return false;
    }
    memcpy(&figure, value, sizeof figure);
    return isnan(figure);
}

json_t *status_part_json(const struct status_part *part, const void *values)
{
    json_t *object = json_object();
    for (size_t i = 0; i < part->count; i++) {
        const struct status_field *field = &part->fields[i];
        const char *value = (const char *)values + field->offset;
        if (!is_left_out(field, value) &&
            json_object_set_new(object, field->key, field_json(field, value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *status_record_json(const struct status_record *record)
{
    if (!is_kind(record->kind)) {
        return NULL;
    }
    struct status_head head = record->head;
    head.kind = kinds[record->kind].name;
    json_t *object = status_part_json(&head_part, &head);
    json_t *rest = status_part_json(kinds[record->kind].part, &record->start);
    if (!object || !rest || json_object_update(object, rest) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(rest);
    return object;
}

char *status_record_line(const struct status_record *record)
{
    json_t *object = status_record_json(record);
    char *line = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(object);
    return line;
}

/* --- From JSON --- */

struct reading {
    struct status_record *record;
    char *text; /* where the next one goes; there is room for all */
    bool no_memory;
};

static void tell(struct reading *reading, const char *key, const char *problem)
{
    struct status_record *record = reading->record;
    const char *kind = status_kind_name(record->kind);
    if (record->problem[0] == '\0') {
        snprintf(record->problem, sizeof record->problem, "%s%s%s %s", kind ? kind : "", kind ? ": " : "",
                 key, problem);
    }
}

/* A copy without control characters, U+0080 to U+009F among them. */
static const char *keep_text(struct reading *reading, const char *from)
{
    char *begin = reading->text, *to = begin;
    for (; *from != '\0'; from++) {
        unsigned char byte = (unsigned char)*from;
        bool high_control = byte == 0xc2 && (unsigned char)from[1] >= 0x80 && (unsigned char)from[1] < 0xa0;
        from += high_control;
        *to++ = byte < 0x20 || byte == 0x7f || high_control ? '?' : *from;
    }
    *to = '\0';
    reading->text = to + 1;
    return begin;
}

static void read_part(struct reading *reading, const struct status_part *part, const json_t *object,
                      char *values);

static struct status_list read_list(struct reading *reading, const struct status_field *field,
                                    const json_t *array)
{
    struct status_list list = {.count = json_array_size(array)};
    list.at = list.count > 0 ? calloc(list.count, field->part->size) : NULL;
    if (!list.at) {
        reading->no_memory |= list.count > 0;
        list.count = 0;
    }
    for (size_t i = 0; i < list.count; i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_object(item)) {
            tell(reading, field->key, "holds what is no object");
        }
        read_part(reading, field->part, item, (char *)list.at + i * field->part->size);
    }
    return list;
}

static void read_integer(struct reading *reading, const struct status_field *field, const json_t *json,
                         char *value)
{
    int64_t integer = json_integer_value(json);
    if (json && !json_is_integer(json)) {
        tell(reading, field->key, "is no whole number");
    }
    integer = integer > STATUS_INTEGER_MAX    ? STATUS_INTEGER_MAX
              : integer < -STATUS_INTEGER_MAX ? -STATUS_INTEGER_MAX
                                              : integer;
    memcpy(value, &integer, sizeof integer);
}

static void read_figure(struct reading *reading, const struct status_field *field, const json_t *json,
                        char *value)
{
    double figure = json_is_number(json) ? json_number_value(json) : (double)NAN;
    if (json && !json_is_number(json) && !json_is_null(json)) {
        tell(reading, field->key, "is no number");
    }
    memcpy(value, &figure, sizeof figure);
}

static void read_text(struct reading *reading, const struct status_field *field, const json_t *json,
                      char *value)
{
    const char *text = json_is_string(json) ? keep_text(reading, json_string_value(json)) : "";
    if (json && !json_is_string(json) && !(field->type == STATUS_TYPE_OPTION && json_is_null(json))) {
        tell(reading, field->key, "is no text");
    }
    memcpy(value, &text, sizeof text);
}

static void read_field(struct reading *reading, const struct status_field *field, const json_t *json,
                       char *value)
{
    struct status_list list;
    if (!json && field->when[0] == '\0') {
        tell(reading, field->key, "is missing");
    }
    switch (field->type) {
    case STATUS_TYPE_INTEGER:
        read_integer(reading, field, json, value);
        break;
    case STATUS_TYPE_FIGURE:
        read_figure(reading, field, json, value);
        break;
    case STATUS_TYPE_TEXT:
    case STATUS_TYPE_OPTION:
        read_text(reading, field, json, value);
        break;
    case STATUS_TYPE_OBJECT:
        if (json && !json_is_object(json)) {
            tell(reading, field->key, "is no object");
        }
        read_part(reading, field->part, json, value);
        break;
    case STATUS_TYPE_LIST:
        if (json && !json_is_array(json)) {
            tell(reading, field->key, "is no list");
        }
        list = read_list(reading, field, json);
        memcpy(value, &list, sizeof list);
        break;
    }
}

/* `object` may be anything, and NULL. */
static void read_part(struct reading *reading, const struct status_part *part, const json_t *object,
                      char *values)
{
    size_t known = 0;
    for (size_t i = 0; i < part->count; i++) {
        const json_t *json = json_object_get(object, part->fields[i].key);
        known += json ? 1 : 0;
        read_field(reading, &part->fields[i], json, values + part->fields[i].offset);
    }
    reading->record->unknown += (int)(json_object_size(object) - known);
}

void status_part_clear(const struct status_part *part, void *values)
{
    struct status_record nobody = {0};
    struct reading reading = {.record = &nobody};
    read_part(&reading, part, NULL, values);
}

static bool read_record(json_t *json, size_t size, struct status_record *record)
{
    const char *kind = json_string_value(json_object_get(json, "kind"));
    if (!kind) {
        return false;
    }
    /* Each text stands in quotes in the line, and takes no more bytes out of it. */
    record->texts = malloc(size + 1);
    struct reading reading = {.record = record, .text = record->texts, .no_memory = !record->texts};
    if (reading.no_memory) {
        return false;
    }
    record->kind = kind_of(kind);
    read_part(&reading, &head_part, json, (char *)&record->head);
    if (is_kind(record->kind)) {
        /* What the head has is nothing that the kind lacks. */
        record->unknown -= (int)json_object_size(json);
        read_part(&reading, kinds[record->kind].part, json, (char *)&record->start);
    }
    if (reading.no_memory) {
        status_record_free(record);
    }
    return !reading.no_memory;
}

bool status_record_read(const char *line, size_t size, struct status_record *record)
{
    *record = (struct status_record){0};
    json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    bool read = read_record(json, size, record);
    json_decref(json);
    return read;
}

void status_record_free(struct status_record *record)
{
    const struct status_part *part = status_kind_part(record->kind);
    for (size_t i = 0; part && i < part->count; i++) {
        if (part->fields[i].type == STATUS_TYPE_LIST) {
            struct status_list list;
            memcpy(&list, (char *)&record->start + part->fields[i].offset, sizeof list);
            free(list.at);
        }
    }
    free(record->texts);
    *record = (struct status_record){0};
}
