#include "shard/pack/label_table.h"

#include "proto/utf8.h"

#include <stdlib.h>
#include <string.h>

static bool is_number(const char *text)
{
    const size_t sign = text[0] == '-';
    return text[sign] && text[sign + strspn(text + sign, "0123456789")] == 0;
}

static const char *fault_of_number(const char *text, uint32_t *label)
{
    const char *digits = text + strspn(text, "0");
    const unsigned long number =
        text[0] == '-' || strlen(digits) > 8 ? STORED_LABELS_MAX : strtoul(text, NULL, 10);
    *label = (uint32_t)number;
    return number < STORED_LABELS_MAX ? NULL : "the label is no number of an identity, from 0 to 16777215";
}

static const char *fault_of_name(const char *text)
{
    if (strlen(text) >= LABEL_TEXT_SIZE - 1) {
        return "the label is longer than 254 bytes";
    }
    for (size_t size; *text; text += size) {
        size = utf8_character(text);
        if (size == 0) {
            return "the label contains what is no character of UTF-8";
        }
    }
    return NULL;
}

static enum status find_name(struct label_table *table, const char *text, uint32_t *label,
                             struct error *error)
{
    table->numbers = table->numbers ? table->numbers : json_object();
    const json_t *known = json_object_get(table->numbers, text);
    if (known) {
        *label = (uint32_t)json_integer_value(known);
        return STATUS_OK;
    }
    *label = (uint32_t)json_object_size(table->numbers);
    return json_object_set_new(table->numbers, text, json_integer(*label)) == 0
               ? STATUS_OK
               : error_no_memory(error, text);
}

enum status label_table_find(struct label_table *table, const char *text, uint32_t *label, const char **wrong,
                             struct error *error)
{
    const bool number = is_number(text);
    const char *fault = number ? fault_of_number(text, label) : fault_of_name(text);
    if (!fault && table->kind == (number ? LABEL_NAME : LABEL_NUMBER)) {
        fault = number ? "the label is a number, and those before it are names"
                       : "the label is a name, and those before it are numbers";
    }
    if (fault) {
        *wrong = fault;
        return STATUS_OK;
    }
    table->kind = number ? LABEL_NUMBER : LABEL_NAME;
    return number ? STATUS_OK : find_name(table, text, label, error);
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

enum status label_table_finish(const struct label_table *table, struct stored_images *set,
                               struct error *error)
{
    if (table->kind != LABEL_NAME) {
        return STATUS_OK;
    }
    const size_t count = json_object_size(table->numbers);
    const char **names = calloc(count, sizeof *names);
    uint32_t *moved = calloc(count, sizeof *moved);
    enum status status = names && moved ? STATUS_OK : error_no_memory(error, NULL);
    const char *name;
    json_t *number;
    size_t at = 0;
    if (status == STATUS_OK) {
        json_object_foreach(table->numbers, name, number)
        {
            names[at++] = name;
        }
        qsort(names, count, sizeof *names, compare);
    }
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        moved[json_integer_value(json_object_get(table->numbers, names[i]))] = i;
        status = name_list_add(&set->names, names[i]) ? STATUS_OK : error_no_memory(error, NULL);
    }
    for (uint64_t i = 0; i < set->images && status == STATUS_OK; i++) {
        set->label[i] = moved[set->label[i]];
        set->largest = set->label[i] == count - 1 ? i : set->largest;
    }
    set->classes = (uint32_t)count;
    free(names);
    free(moved);
    return status;
}

void label_table_free(struct label_table *table)
{
    json_decref(table->numbers);
    *table = (struct label_table){.kind = LABEL_NONE};
}
