#include "shard/pack/record_set.h"

#include "proto/file.h"
#include "shard/list/line_reader.h"
#include "shard/pack/pack_image.h"
#include "shard/pack/recordio.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define LABELS_MAX (1 << 24) /* above it a float is no exact label */

struct scan {
    struct record_set *set;
    const struct pack_style *style;
    char place[PATH_SIZE]; /* of a record, as it is told */
    char index_path[PATH_SIZE]; /* empty: there is none */
    struct recordio_index index;
    uint64_t listed; /* of the index's offsets, those before the next record */
    uint64_t strays; /* of them, where no record begins */
    uint64_t capacity; /* of the set's images */
    uint64_t records, images; /* of the file */
    bool has_header;
    float header[2];
    uint64_t empty; /* image records without an image */
    uint64_t identities; /* records */
};

/* --- Names --- */

/* The only file of a folder that ends in .rec. */
static enum status find_record(const char *folder, char *path, struct error *error)
{
    DIR *directory = opendir(folder);
    enum status status = STATUS_OK;
    size_t found = 0;
    if (!directory) {
        return error_set(error, STATUS_DATA, folder, "check the path and its permissions",
                         "cannot read the folder: %s", strerror(errno));
    }
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        size_t length = strlen(entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".rec") == 0 && found++ == 0) {
            status = file_join(folder, entry->d_name, path, error);
        }
    }
    closedir(directory);
    if (found != 1) {
        return error_set(error, STATUS_DATA, folder, "name the .rec file",
                         found == 0 ? "there is no .rec file in the folder"
                                    : "there are several .rec files in the folder, and none is train.rec");
    }
    return status;
}

static enum status choose_record(const char *source, char *path, struct error *error)
{
    if (!file_is_directory(source)) {
        return file_join("", source, path, error);
    }
    enum status status = file_join(source, "train.rec", path, error);
    return status == STATUS_OK && !file_exists(path) ? find_record(source, path, error) : status;
}

/* "a/train.rec" -> "a/train.idx" */
static bool index_path(const char *path, char *index)
{
    size_t length = strlen(path);
    if (length < 4 || strcmp(path + length - 4, ".rec") != 0) {
        return false;
    }
    snprintf(index, PATH_SIZE, "%.*s.idx", (int)length - 4, path);
    return file_exists(index);
}

/* --- Records --- */

static enum status grow(struct scan *scan, struct error *error)
{
    struct record_set *set = scan->set;
    uint64_t capacity = scan->capacity == 0 ? 4096 : scan->capacity * 2;
    uint64_t *offset = realloc(set->offset, (size_t)capacity * sizeof *offset);
    if (offset) {
        set->offset = offset;
    }
    uint32_t *span = realloc(set->span, (size_t)capacity * sizeof *span);
    if (span) {
        set->span = span;
    }
    uint32_t *label = realloc(set->label, (size_t)capacity * sizeof *label);
    if (label) {
        set->label = label;
    }
    if (!offset || !span || !label) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "no memory for more than %llu images",
                         (unsigned long long)set->images);
    }
    scan->capacity = capacity;
    return STATUS_OK;
}

static void warn(const struct scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void warn(const struct scan *scan, const char *format, ...)
{
    char line[PATH_SIZE + 400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (scan->style->warn) {
        scan->style->warn(scan->style->context, line);
    }
}

static const char *name_place(struct scan *scan, uint64_t offset)
{
    snprintf(scan->place, sizeof scan->place, "%.900s, record at byte %llu", scan->set->path,
             (unsigned long long)offset);
    return scan->place;
}

static enum status add_image(struct scan *scan, const struct recordio_record *record, struct error *error)
{
    struct record_set *set = scan->set;
    float label = record->label[0];
    if (!(label >= 0 && label < LABELS_MAX && label == floorf(label))) {
        return error_set(error, STATUS_DATA, NULL, "number the identities from 0 on",
                         "the label %g is no number of an identity", (double)label);
    }
    enum status status = set->images == scan->capacity ? grow(scan, error) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    set->offset[set->images] = record->offset;
    set->span[set->images] = record->span;
    set->label[set->images] = (uint32_t)label;
    if ((uint32_t)label >= set->classes) {
        set->classes = (uint32_t)label + 1;
        set->largest = set->images;
    }
    set->images++;
    return STATUS_OK;
}

/* Whether the index has it, or there is none; records come in the order of their offsets. */
static bool is_listed(struct scan *scan, uint64_t offset)
{
    const struct recordio_index *index = &scan->index;
    while (scan->listed < index->count && index->offset[scan->listed] < offset) {
        scan->listed++;
        scan->strays++;
    }
    if (scan->listed < index->count && index->offset[scan->listed] == offset) {
        scan->listed++;
        return true;
    }
    return !scan->index_path[0];
}

/* With a header, records of identities come behind those of all images; where there is none, or it cannot be counted so
 * far, they are those of two labels: which images they have. */
static bool is_identity(const struct scan *scan, const struct recordio_record *record)
{
    const bool counts = scan->has_header && !scan->set->torn;
    return counts ? (double)scan->records >= (double)scan->header[0] : record->labels == 2;
}

static enum status visit(void *context, const struct recordio_record *record, struct error *error)
{
    struct scan *scan = context;
    struct left_out *left_out = scan->style->left_out;
    const bool listed = is_listed(scan, record->offset);
    const bool identity = is_identity(scan, record);
    scan->records++;
    if (record->image_bytes > 0) {
        scan->images++;
        if (listed) {
            return add_image(scan, record, error);
        }
        left_out_add(left_out, LEFT_OUT_NOT_LISTED, name_place(scan, record->offset), NULL);
    } else if (record->offset == 0 && record->labels == 2) {
        scan->has_header = true;
        scan->header[0] = record->label[0];
        scan->header[1] = record->label[1];
    } else if (identity) {
        scan->identities++;
    } else if (!scan->style->skip_bad) {
        return error_set(error, STATUS_DATA, NULL,
                         "write the set again without it, or leave such ones out with --skip-bad",
                         "the record has no image");
    } else {
        scan->empty++;
        left_out_add(left_out, LEFT_OUT_NO_IMAGE, name_place(scan, record->offset), NULL);
    }
    return STATUS_OK;
}

static void pass_torn(void *context, uint64_t begin, uint64_t end, const struct error *why)
{
    struct scan *scan = context;
    const struct pack_style *style = scan->style;
    scan->set->torn = true;
    left_out_add(style->left_out, LEFT_OUT_TORN, name_place(scan, begin), why->what);
    warn(scan, "%.900s: bytes %llu to %llu are left out: %.300s", scan->set->path, (unsigned long long)begin,
         (unsigned long long)end - 1, why->what);
}

/* --- What else tells of them --- */

/* A header's counts are floats: exact up to 2^24. */
static bool is_count(float claimed, uint64_t count)
{
    return claimed == (float)count;
}

static enum status check_header(const struct scan *scan, struct error *error)
{
    const struct record_set *set = scan->set;
    const uint64_t images = scan->images + scan->empty;
    const bool right = !scan->has_header || (is_count(scan->header[0], images + 1) &&
                                             is_count(scan->header[1], images + 1 + scan->identities));
    if (!right && set->torn) {
        warn(scan, "%.900s: the header tells of images up to record %.0f; %llu images can be read", set->path,
             (double)scan->header[0], (unsigned long long)scan->images);
    } else if (!right) {
        return error_set(
            error, STATUS_DATA, set->path, "copy the file again",
            "the header tells of images up to record %.0f and identities up to %.0f, but there are "
            "%llu images and %llu identities",
            (double)scan->header[0], (double)scan->header[1], (unsigned long long)images,
            (unsigned long long)scan->identities);
    }
    if (scan->images == 0) {
        return error_set(error, STATUS_DATA, set->path, "name a file of images",
                         "there is no image in the file");
    }
    return STATUS_OK;
}

static enum status open_index(struct scan *scan, struct error *error)
{
    if (!index_path(scan->set->path, scan->index_path)) {
        scan->index_path[0] = 0;
        return STATUS_OK;
    }
    return recordio_read_index(scan->index_path, &scan->index, error);
}

/* A part of the records is a list of what to take; a place where no record begins is another file's. */
static enum status check_index(const struct scan *scan, struct error *error)
{
    const uint64_t strays = scan->strays + (scan->index.count - scan->listed), images = scan->set->images;
    if (strays > 0 && !scan->set->torn) {
        return error_set(
            error, STATUS_DATA, scan->index_path,
            "copy both again, or remove the index: then all images are taken",
            "the index is not that of the file beside it: of its %llu places %llu begin no record",
            (unsigned long long)scan->index.count, (unsigned long long)strays);
    }
    if (images == 0) {
        return error_set(error, STATUS_DATA, scan->index_path,
                         "correct the index, or remove it: then all images are taken",
                         "the index lists none of the %llu images in the file beside it",
                         (unsigned long long)scan->images);
    }
    if (images < scan->images) {
        warn(scan, "%.900s lists %llu of the %llu images in the file beside it: only these are taken",
             scan->index_path, (unsigned long long)images, (unsigned long long)scan->images);
    }
    return STATUS_OK;
}

/* Classes beyond the largest label are there all the same. */
static enum status read_property(struct record_set *set, struct error *error)
{
    char folder[PATH_SIZE], path[PATH_SIZE], *line = NULL;
    struct line_reader reader = {0};
    unsigned classes = 0;
    file_directory(set->path, folder);
    enum status status = file_join(folder, "property", path, error);
    if (status != STATUS_OK || !file_exists(path)) {
        return status;
    }
    status = line_reader_open(&reader, path, error);
    if (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
    }
    const bool read = status == STATUS_OK && line && sscanf(line, "%u,", &classes) == 1 && classes > 0 &&
                      classes <= LABELS_MAX;
    line_reader_close(&reader);
    if (status != STATUS_OK) {
        return status;
    }
    if (!read) {
        return error_set(error, STATUS_DATA, path, "remove the file: it is not needed",
                         "classes, height, width are expected, as in 93431,112,112");
    }
    if (classes < set->classes) {
        return error_set(error, STATUS_DATA, path, "correct the file, or remove it: it is not needed",
                         "there are %u classes, but a label is %u", classes, set->classes - 1);
    }
    set->classes = classes;
    return STATUS_OK;
}

/* --- The whole --- */

static uint32_t digest(const struct record_set *set)
{
    uLong sum = crc32(0, NULL, 0);
    sum = crc32_z(sum, (const Bytef *)set->offset, (size_t)set->images * sizeof *set->offset);
    sum = crc32_z(sum, (const Bytef *)set->span, (size_t)set->images * sizeof *set->span);
    return (uint32_t)crc32_z(sum, (const Bytef *)set->label, (size_t)set->images * sizeof *set->label);
}

enum status record_set_open(const char *path, const struct pack_style *style, struct record_set *set,
                            struct error *error)
{
    struct scan scan = {.set = set, .style = style};
    uint64_t bytes;
    *set = (struct record_set){.descriptor = -1};
    enum status status = choose_record(path, set->path, error);
    if (status == STATUS_OK) {
        status = open_index(&scan, error);
    }
    if (status == STATUS_OK) {
        status = recordio_scan(set->path, visit, style->skip_bad ? pass_torn : NULL, &scan, error);
    }
    if (status == STATUS_OK) {
        status = check_header(&scan, error);
    }
    if (status == STATUS_OK) {
        status = check_index(&scan, error);
    }
    if (status == STATUS_OK) {
        status = read_property(set, error);
    }
    if (status == STATUS_OK) {
        set->digest = digest(set);
        status = file_open(set->path, FILE_LINKS_FOLLOWED, &set->descriptor, &bytes, error);
    }
    free(scan.index.offset);
    if (status != STATUS_OK) {
        record_set_close(set);
    }
    return status;
}

void record_set_close(struct record_set *set)
{
    if (set->descriptor >= 0) {
        close(set->descriptor);
    }
    free(set->offset);
    free(set->span);
    free(set->label);
    *set = (struct record_set){.descriptor = -1};
}

enum status record_read(int descriptor, uint64_t offset, uint32_t span, uint8_t **bytes, size_t *size,
                        struct error *error)
{
    enum status status = pack_read_part(descriptor, offset, span, bytes, error);
    if (status == STATUS_OK) {
        status = recordio_image(*bytes, span, size, error);
        if (status != STATUS_OK) {
            free(*bytes);
        }
    }
    return status;
}

enum status record_set_read(const struct record_set *set, uint64_t number, uint8_t **bytes, size_t *size,
                            struct error *error)
{
    return record_read(set->descriptor, set->offset[number], set->span[number], bytes, size, error);
}
