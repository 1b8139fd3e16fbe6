#include "shard/align/face_table.h"

#include "proto/file.h"
#include "shard/align/face_table_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define TABLE_BYTES_MAX ((size_t)1 << 30)

/* --- Order --- */

static float size_of(const struct face *face)
{
    if (face->box[2] > 0) {
        return face->box[2] * face->box[3];
    }
    const float across = face->point[1][0] - face->point[0][0], down = face->point[1][1] - face->point[0][1];
    return across * across + down * down;
}

static int compare(const void *left, const void *right)
{
    const struct face_row *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    if (order == 0) {
        order = strcasecmp(a->ending, b->ending);
    }
    if (order == 0) {
        const float x = size_of(&a->face), y = size_of(&b->face);
        order = (x < y) - (x > y);
    }
    if (order == 0) {
        order = memcmp(a->face.point, b->face.point, sizeof a->face.point);
    }
    return order != 0 ? order : memcmp(a->face.box, b->face.box, sizeof a->face.box);
}

/* Of each image the largest face stays. */
static void drop_others(struct face_table *table)
{
    size_t kept = 0;
    qsort(table->rows, table->count, sizeof *table->rows, compare);
    for (size_t i = 0; i < table->count; i++) {
        struct face_row row = table->rows[i];
        if (kept > 0 && strcmp(table->rows[kept - 1].name, row.name) == 0 &&
            strcasecmp(table->rows[kept - 1].ending, row.ending) == 0) {
            table->others++;
            table->boxes -= !row.face.has_points;
            free(row.name);
        } else {
            table->rows[kept++] = row;
        }
    }
    table->count = kept;
}

/* --- Left and right --- */

static bool is_mirrored(const struct face *face)
{
    const float across[2] = {face->point[1][0] - face->point[0][0], face->point[1][1] - face->point[0][1]};
    const float down[2] = {face->point[3][0] + face->point[4][0] - face->point[0][0] - face->point[1][0],
                           face->point[3][1] + face->point[4][1] - face->point[0][1] - face->point[1][1]};
    return across[0] * down[1] - across[1] * down[0] < 0;
}

static void swap(float *a, float *b)
{
    const float kept[2] = {a[0], a[1]};
    memcpy(a, b, sizeof kept);
    memcpy(b, kept, sizeof kept);
}

static void settle_sides(struct face_table *table)
{
    size_t mirrored = 0;
    for (size_t i = 0; i < table->count; i++) {
        mirrored += table->rows[i].face.has_points && is_mirrored(&table->rows[i].face);
    }
    table->mirrored = mirrored * 2 > table->count - table->boxes;
    for (size_t i = 0; i < table->count && table->mirrored; i++) {
        swap(table->rows[i].face.point[0], table->rows[i].face.point[1]);
        swap(table->rows[i].face.point[3], table->rows[i].face.point[4]);
    }
}

/* --- The whole --- */

enum status face_table_open(const char *path, struct face_table *table, struct error *error)
{
    char *text;
    size_t size;
    *table = (struct face_table){.path = strdup(path)};
    if (!table->path) {
        return error_no_memory(error, path);
    }
    enum status status = file_read(path, TABLE_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        face_table_close(table);
        return status;
    }
    table->crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const Bytef *)text, size);
    const char *first = text + strspn(text, "\xef\xbb\xbf \t\r\n");
    status = *first == '{' || *first == '['
                 ? face_json_read(table, first, size - (size_t)(first - text), error)
                 : face_text_read(table, text, error);
    free(text);
    if (status == STATUS_OK && table->count == 0) {
        status = error_set(error, STATUS_DATA, NULL, "see dail pack --help, or make one by etc/align.py",
                           "the table has no face");
    }
    if (status != STATUS_OK) {
        error_prefix_where(error, path);
        face_table_close(table);
        return status;
    }
    drop_others(table);
    settle_sides(table);
    return STATUS_OK;
}

void face_table_close(struct face_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->rows[i].name);
    }
    free(table->rows);
    free(table->path);
    *table = (struct face_table){0};
}

/* The first row of a name; the row after the last where there is none. */
static size_t find_name(const struct face_table *table, const char *name, size_t length)
{
    size_t begin = 0, end = table->count;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        int order = strncmp(table->rows[middle].name, name, length);
        if (order == 0 && table->rows[middle].name[length] != 0) {
            order = 1;
        }
        if (order < 0) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

const struct face *face_table_find(const struct face_table *table, const char *path)
{
    for (int parts = 2; parts >= 1; parts--) {
        const char *name = face_name_parts(path, parts), *ending = face_name_ending(name);
        const size_t length = (size_t)(ending - name);
        const size_t first = find_name(table, name, length);
        const struct face_row *found = NULL;
        for (size_t i = first; i < table->count && strncmp(table->rows[i].name, name, length) == 0 &&
                               table->rows[i].name[length] == 0;
             i++) {
            if (!found || strcasecmp(table->rows[i].ending, ending) == 0) {
                found = &table->rows[i];
            }
        }
        if (found) {
            return &found->face;
        }
    }
    return NULL;
}
