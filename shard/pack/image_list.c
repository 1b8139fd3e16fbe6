#include "shard/pack/image_list.h"

#include "shard/list/line_reader.h"

#include <stdlib.h>
#include <string.h>

#define EXPECTED "a path and a label are expected, parted by a tab or a blank"

/* One line. */
struct entry {
    char *path, *label; /* one allocation: the label lies behind the path */
    uint32_t line;
};

struct entries {
    struct entry *entries; /* [count] */
    size_t count, capacity;
};

static enum status add(struct entries *all, const char *path, const char *label,
                       const struct line_reader *reader, struct error *error)
{
    const size_t path_size = strlen(path) + 1, label_size = strlen(label) + 1;
    if (reader->number >= UINT32_MAX) {
        return line_reader_refuse(reader, error, "make several datasets of it", "there are too many lines");
    }
    if (all->count == all->capacity) {
        size_t capacity = all->capacity == 0 ? 1024 : all->capacity * 2;
        struct entry *larger = realloc(all->entries, capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, reader->path);
        }
        all->entries = larger;
        all->capacity = capacity;
    }
    char *text = malloc(path_size + label_size);
    if (!text) {
        return error_no_memory(error, reader->path);
    }
    memcpy(text, path, path_size);
    memcpy(text + path_size, label, label_size);
    all->entries[all->count++] = (struct entry){text, text + path_size, (uint32_t)reader->number};
    return STATUS_OK;
}

/* Parts a line in place. */
static enum status part_line(const struct line_reader *reader, char *line, char **label, struct error *error)
{
    char *tab = strchr(line, '\t'), *end;
    if (tab) {
        *label = tab + 1;
        end = tab;
    } else {
        char *blank = strrchr(line, ' ');
        *label = blank ? blank + 1 : line + strlen(line);
        end = blank ? blank : line;
    }
    while (end > line && end[-1] == ' ') {
        end--;
    }
    if (end == line || **label == 0 || strchr(*label, '\t')) {
        return line_reader_refuse(reader, error, "correct the list", EXPECTED);
    }
    *end = 0;
    if ((*label)[0] == '-' && (*label)[1 + strspn(*label + 1, "0123456789")] == 0) {
        return line_reader_refuse(reader, error, "leave out images of nobody",
                                  "the label %.40s is no identity", *label);
    }
    return STATUS_OK;
}

static enum status read_entries(const char *path, struct entries *all, struct error *error)
{
    struct line_reader reader = {0};
    char *line, *label = NULL;
    enum status status = line_reader_open(&reader, path, error);
    while (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
        if (status != STATUS_OK || !line) {
            break;
        }
        status = part_line(&reader, line, &label, error);
        if (status == STATUS_OK) {
            status = add(all, line, label, &reader, error);
        }
    }
    line_reader_close(&reader);
    if (status == STATUS_OK && all->count == 0) {
        status = error_set(error, STATUS_DATA, path, "name a list of lines of a path and a label",
                           "there is no image in the list");
    }
    return status;
}

/* --- Which is twice, and who there is --- */

static int compare_paths(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = strcmp(a->path, b->path);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static int compare_labels(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = strcmp(a->label, b->label);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static enum status refuse_doubles(const char *path, struct entries *all, struct error *error)
{
    qsort(all->entries, all->count, sizeof *all->entries, compare_paths);
    for (size_t i = 1; i < all->count; i++) {
        const struct entry *before = &all->entries[i - 1], *entry = &all->entries[i];
        if (strcmp(before->path, entry->path) == 0) {
            return error_set(error, STATUS_DATA, path, "list each image once", "%.300s is in lines %u and %u",
                             entry->path, before->line, entry->line);
        }
    }
    return STATUS_OK;
}

/* Images come identity after identity, each one's as the list has them. */
static enum status take(struct entries *all, const char *path, struct image_list *list, struct error *error)
{
    qsort(all->entries, all->count, sizeof *all->entries, compare_labels);
    list->path = calloc(all->count, sizeof *list->path);
    list->label = calloc(all->count, sizeof *list->label);
    if (!list->path || !list->label) {
        return error_no_memory(error, path);
    }
    for (size_t i = 0; i < all->count; i++) {
        struct entry *entry = &all->entries[i];
        if ((i == 0 || strcmp(list->names.names[list->names.count - 1], entry->label) != 0) &&
            !name_list_add(&list->names, entry->label)) {
            return error_no_memory(error, path);
        }
        list->label[i] = (uint32_t)(list->names.count - 1);
        list->path[i] = entry->path;
        entry->path = NULL;
        list->images++;
    }
    return STATUS_OK;
}

enum status image_list_read(const char *path, struct image_list *list, struct error *error)
{
    struct entries all = {0};
    *list = (struct image_list){0};
    enum status status = read_entries(path, &all, error);
    if (status == STATUS_OK) {
        status = refuse_doubles(path, &all, error);
    }
    if (status == STATUS_OK) {
        status = take(&all, path, list, error);
    }
    for (size_t i = 0; i < all.count; i++) {
        free(all.entries[i].path);
    }
    free(all.entries);
    if (status != STATUS_OK) {
        image_list_free(list);
    }
    return status;
}

void image_list_free(struct image_list *list)
{
    for (uint64_t i = 0; i < list->images; i++) {
        free(list->path[i]);
    }
    free(list->path);
    free(list->label);
    name_list_free(&list->names);
    *list = (struct image_list){0};
}
