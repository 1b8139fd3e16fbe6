/* What the readers of tables and the search in them stand on: names of images, and rows added one by one. */
#include "shard/align/face_table_private.h"
#include "shard/image/image_format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* No face is farther from its picture. */
#define COORDINATE_MAX (4 * IMAGE_SIDE_MAX)

const char *face_name_ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot && image_format_of_name(name)) {
        return dot;
    }
    return name + strlen(name);
}

static bool parts_it(char letter)
{
    return letter == '/' || letter == '\\';
}

const char *face_name_parts(const char *path, int parts)
{
    const char *begin = path + strlen(path);
    while (begin > path && (!parts_it(begin[-1]) || --parts > 0)) {
        begin--;
    }
    return begin;
}

enum status face_table_add(struct face_table *table, const char *image, const struct face *face,
                           struct error *error)
{
    const float *figures[2] = {&face->point[0][0], face->box};
    for (size_t i = 0; i < 2 * FACE_POINTS + 4; i++) {
        const float figure = i < 2 * FACE_POINTS ? figures[0][i] : figures[1][i - 2 * FACE_POINTS];
        if (!(fabsf(figure) <= COORDINATE_MAX)) {
            return error_set(error, STATUS_DATA, NULL, "correct the table", "no face lies at %g pixels",
                             (double)figure);
        }
    }
    if (!face->has_points && !(face->box[2] > 0 && face->box[3] > 0)) {
        table->empty++;
        return STATUS_OK;
    }
    if (table->count == table->capacity) {
        const size_t capacity = table->capacity * 2 + 1024;
        struct face_row *rows = realloc(table->rows, capacity * sizeof *rows);
        if (!rows) {
            return error_no_memory(error, table->path);
        }
        table->rows = rows;
        table->capacity = capacity;
    }
    const char *name = face_name_parts(image, 2);
    const size_t length = (size_t)(face_name_ending(name) - name);
    struct face_row *row = &table->rows[table->count];
    *row = (struct face_row){.name = malloc(strlen(name) + 2), .face = *face};
    if (!row->name) {
        return error_no_memory(error, table->path);
    }
    for (size_t i = 0; i < length; i++) {
        row->name[i] = parts_it(name[i]) ? '/' : name[i];
    }
    row->name[length] = 0;
    row->ending = row->name + length + 1;
    strcpy(row->ending, name + length);
    table->count++;
    table->boxes += !face->has_points;
    return STATUS_OK;
}
