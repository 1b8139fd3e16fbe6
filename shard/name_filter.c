#include "shard/name_filter.h"

#include "proto/file.h"
#include "proto/text.h"
#include "shard/list/exclusion_table.h"
#include "shard/list/line_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a list is read of what is left out. */
struct excluding {
    bool table;
    struct exclusion_columns columns;
};

static int compare(const void *left, const void *right)
{
    const struct filter_line *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static bool add(struct filter_list *list, const char *name, size_t line)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct filter_line *larger = realloc(list->lines, capacity * sizeof *larger);
        if (!larger) {
            return false;
        }
        list->lines = larger;
        list->capacity = capacity;
    }
    list->lines[list->count] = (struct filter_line){strdup(name), line, false};
    return list->lines[list->count].name && ++list->count > 0;
}

/* A row of a table, of which many datasets' may be. */
static enum status take_row(const struct line_reader *reader, const struct exclusion_row *row,
                            const char *dataset, struct name_filter *filter, struct error *error)
{
    char name[PATH_SIZE];
    if (strcmp(row->dataset, dataset) != 0) {
        return STATUS_OK;
    }
    filter->of_dataset = true;
    if (!exclusion_row_holds(row)) {
        return STATUS_OK;
    }
    if (row->image[0] == '\0') {
        return add(&filter->excluded, row->identity, reader->number) ? STATUS_OK
                                                                     : error_no_memory(error, reader->path);
    }
    if ((size_t)snprintf(name, sizeof name, "%s/%s", row->identity, row->image) >= sizeof name) {
        return line_reader_refuse(reader, error, "correct the row", "the image's name is too long");
    }
    return add(&filter->images, name, reader->number) ? STATUS_OK : error_no_memory(error, reader->path);
}

static void sort(struct filter_list *list)
{
    if (list->count > 1) {
        qsort(list->lines, list->count, sizeof *list->lines, compare);
    }
}

/* A line of what is left out: an identity, an image, or a row where the first line was a table's header. */
static enum status take_excluded(const struct line_reader *reader, char *line, const char *dataset,
                                 struct excluding *excluding, struct name_filter *filter, struct error *error)
{
    if (reader->number == 1 && exclusion_header(line, &excluding->columns)) {
        excluding->table = true;
        return STATUS_OK;
    }
    if (excluding->table) {
        struct exclusion_row row;
        const enum status status = exclusion_row_read(&excluding->columns, reader, line, &row, error);
        return status == STATUS_OK ? take_row(reader, &row, dataset, filter, error) : status;
    }
    const char *slash = strchr(line, '/'); /* "p1/" is a slip, not an image */
    struct filter_list *list = slash && slash[1] != '\0' ? &filter->images : &filter->excluded;
    return add(list, line, reader->number) ? STATUS_OK : error_no_memory(error, reader->path);
}

static enum status read_list(const char *path, bool exclude, const char *dataset, struct name_filter *filter,
                             struct error *error)
{
    struct line_reader reader = {0};
    struct excluding excluding = {0};
    char *line;
    enum status status = line_reader_open(&reader, path, error);
    while (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
        if (status != STATUS_OK || !line) {
            break;
        }
        if (exclude) {
            status = take_excluded(&reader, line, dataset, &excluding, filter, error);
        } else if (!add(&filter->included, line, reader.number)) {
            status = error_no_memory(error, path);
        }
    }
    line_reader_close(&reader);
    if (status == STATUS_OK && excluding.table && !filter->of_dataset) {
        status = error_set(error, STATUS_DATA, path, "correct --name, or leave out --exclude",
                           "no row of the table is of dataset %.120s", dataset);
    }
    return status;
}

enum status name_filter_read(const char *include, const char *exclude, const char *dataset,
                             struct name_filter *filter, struct error *error)
{
    *filter =
        (struct name_filter){.included.path = include, .excluded.path = exclude, .images.path = exclude};
    enum status status = include ? read_list(include, false, dataset, filter, error) : STATUS_OK;
    if (status == STATUS_OK && exclude) {
        status = read_list(exclude, true, dataset, filter, error);
    }
    sort(&filter->included);
    sort(&filter->excluded);
    sort(&filter->images);
    return status;
}

static bool has(const struct filter_list *list, const char *name)
{
    const struct filter_line wanted = {.name = (char *)(uintptr_t)name};
    return list->count > 0 && bsearch(&wanted, list->lines, list->count, sizeof wanted, compare);
}

bool name_filter_takes(const struct name_filter *filter, const char *name)
{
    return (!filter->included.path || has(&filter->included, name)) && !has(&filter->excluded, name);
}

enum left_out_reason name_filter_reason(const struct name_filter *filter, const char *name)
{
    return has(&filter->excluded, name) ? LEFT_OUT_EXCLUDED : LEFT_OUT_NOT_INCLUDED;
}

bool name_filter_takes_image(struct name_filter *filter, const char *identity, const char *image)
{
    char name[PATH_SIZE];
    const struct filter_line wanted = {.name = name};
    if (filter->images.count == 0 ||
        (size_t)snprintf(name, sizeof name, "%s/%s", identity, image) >= sizeof name) {
        return true;
    }
    struct filter_line *line =
        bsearch(&wanted, filter->images.lines, filter->images.count, sizeof wanted, compare);
    if (line) {
        line->found = true;
    }
    return !line;
}

/* Nobody asks for the images of one who is left out whole. */
static bool of_taken_identity(const struct name_filter *filter, const char *image)
{
    char identity[PATH_SIZE];
    snprintf(identity, sizeof identity, "%.*s", (int)strcspn(image, "/"), image);
    return name_filter_takes(filter, identity);
}

static bool same_image(const struct filter_line *line, const struct filter_line *other)
{
    return strcmp(line->name, other->name) == 0;
}

enum status name_filter_check_images(const struct name_filter *filter, const char *source,
                                     struct error *error)
{
    const struct filter_line *first = NULL;
    char where[PATH_SIZE + 32];
    for (size_t i = 0; i < filter->images.count; i++) {
        const struct filter_line *line = &filter->images.lines[i];
        /* Of lines that are there twice one was found. */
        const bool twice = (i > 0 && same_image(line, line - 1) && line[-1].found) ||
                           (i + 1 < filter->images.count && same_image(line, line + 1) && line[1].found);
        if (!line->found && !twice && of_taken_identity(filter, line->name) &&
            (!first || line->line < first->line)) {
            first = line;
        }
    }
    if (!first) {
        return STATUS_OK;
    }
    snprintf(where, sizeof where, "%s:%zu", filter->images.path, first->line);
    return error_set(error, STATUS_DATA, where,
                     "correct the list: identity/image, as the source has them, of identities that are taken",
                     "image '%.200s' is not in %.300s", first->name, source);
}

static enum status check_list(const struct filter_list *list, const struct name_list *names,
                              const char *source, struct error *error)
{
    const struct filter_line *first = NULL;
    size_t unknown = 0;
    char where[PATH_SIZE + 32], others[64] = "", near[160] = "";
    for (size_t i = 0; i < list->count; i++) {
        if (!name_list_has(names, list->lines[i].name)) {
            first = !first || list->lines[i].line < first->line ? &list->lines[i] : first;
            unknown++;
        }
    }
    if (!first) {
        return STATUS_OK;
    }
    const char *nearest =
        text_nearest(first->name, (const char *const *)names->names, names->count, sizeof *names->names);
    if (nearest) {
        snprintf(near, sizeof near, "; the nearest is '%.100s'", nearest);
    }
    if (unknown > 1) {
        snprintf(others, sizeof others, ", nor is that of %zu other line%s", unknown - 1,
                 unknown > 2 ? "s" : "");
    }
    snprintf(where, sizeof where, "%s:%zu", list->path, first->line);
    return error_set(error, STATUS_DATA, where, "correct the list: one name a line, as the source has it",
                     "identity '%.100s' is not in %.300s%s%s", first->name, source, others, near);
}

enum status name_filter_check(const struct name_filter *filter, const struct name_list *names,
                              const char *source, struct error *error)
{
    enum status status = check_list(&filter->included, names, source, error);
    return status == STATUS_OK ? check_list(&filter->excluded, names, source, error) : status;
}

static void free_list(struct filter_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->lines[i].name);
    }
    free(list->lines);
    *list = (struct filter_list){0};
}

void name_filter_free(struct name_filter *filter)
{
    free_list(&filter->included);
    free_list(&filter->excluded);
    free_list(&filter->images);
}
