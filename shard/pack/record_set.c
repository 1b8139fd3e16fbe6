#include "shard/pack/record_set.h"

#include "proto/file.h"
#include "shard/archive/file_pattern.h"
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

struct scan {
    struct stored_images *set;
    char path[PATH_SIZE]; /* of the .rec */
    uint32_t first; /* is added to its labels */
    uint32_t classes; /* its own labels are below it */
    uint64_t taken; /* of its images */
    bool torn; /* a piece of the file was left out */
    const struct pack_style *style;
    char place[PATH_SIZE]; /* of a record, as it is told */
    char index_path[PATH_SIZE]; /* empty: there is none */
    struct recordio_index index;
    uint64_t listed; /* of the index's offsets, those before the next record */
    uint64_t strays; /* of them, where no record begins */
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
    snprintf(scan->place, sizeof scan->place, "%.900s, record at byte %llu", scan->path,
             (unsigned long long)offset);
    return scan->place;
}

static enum status add_image(struct scan *scan, const struct recordio_record *record, struct error *error)
{
    const float label = record->label[0];
    if (!(label >= 0 && label < STORED_LABELS_MAX && label == floorf(label))) {
        return error_set(error, STATUS_DATA, NULL, "number the identities from 0 on",
                         "the label %g is no number of an identity", (double)label);
    }
    const uint32_t number = (uint32_t)label;
    if (number >= STORED_LABELS_MAX - scan->first) {
        return error_set(error, STATUS_DATA, NULL, "make several datasets of them",
                         "the sets have more than %d labels together", STORED_LABELS_MAX);
    }
    scan->classes = number >= scan->classes ? number + 1 : scan->classes;
    scan->taken++;
    return stored_images_add(scan->set, record->offset, record->span, scan->first + number, error);
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
    const bool counts = scan->has_header && !scan->torn;
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
    scan->torn = true;
    left_out_add(style->left_out, LEFT_OUT_TORN, name_place(scan, begin), why->what);
    warn(scan, "%.900s: bytes %llu to %llu are left out: %.300s", scan->path, (unsigned long long)begin,
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
    const uint64_t images = scan->images + scan->empty;
    const bool right = !scan->has_header || (is_count(scan->header[0], images + 1) &&
                                             is_count(scan->header[1], images + 1 + scan->identities));
    if (!right && scan->torn) {
        warn(scan, "%.900s: the header tells of images up to record %.0f; %llu images can be read",
             scan->path, (double)scan->header[0], (unsigned long long)scan->images);
    } else if (!right) {
        return error_set(
            error, STATUS_DATA, scan->path, "copy the file again",
            "the header tells of images up to record %.0f and identities up to %.0f, but there are "
            "%llu images and %llu identities",
            (double)scan->header[0], (double)scan->header[1], (unsigned long long)images,
            (unsigned long long)scan->identities);
    }
    if (scan->images == 0) {
        return error_set(error, STATUS_DATA, scan->path, "name a file of images",
                         "there is no image in the file");
    }
    return STATUS_OK;
}

static enum status open_index(struct scan *scan, struct error *error)
{
    if (!index_path(scan->path, scan->index_path)) {
        scan->index_path[0] = 0;
        return STATUS_OK;
    }
    return recordio_read_index(scan->index_path, &scan->index, error);
}

/* A part of the records is a list of what to take; a place where no record begins is another file's. */
static enum status check_index(const struct scan *scan, struct error *error)
{
    const uint64_t strays = scan->strays + (scan->index.count - scan->listed), images = scan->taken;
    if (strays > 0 && !scan->torn) {
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
static enum status read_property(struct scan *scan, struct error *error)
{
    char folder[PATH_SIZE], path[PATH_SIZE], *line = NULL;
    struct line_reader reader = {0};
    unsigned classes = 0;
    file_directory(scan->path, folder);
    enum status status = file_join(folder, "property", path, error);
    if (status != STATUS_OK || !file_exists(path)) {
        return status;
    }
    status = line_reader_open(&reader, path, error);
    if (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
    }
    const bool read = status == STATUS_OK && line && sscanf(line, "%u,", &classes) == 1 && classes > 0 &&
                      classes <= STORED_LABELS_MAX;
    line_reader_close(&reader);
    if (status != STATUS_OK) {
        return status;
    }
    if (!read) {
        return error_set(error, STATUS_DATA, path, "remove the file: it is not needed",
                         "classes, height, width are expected, as in 93431,112,112");
    }
    if (classes < scan->classes) {
        return error_set(error, STATUS_DATA, path, "correct the file, or remove it: it is not needed",
                         "there are %u classes, but a label is %u", classes, scan->classes - 1);
    }
    scan->classes = classes;
    return STATUS_OK;
}

/* --- The whole --- */

static enum status unwrap(uint8_t **bytes, size_t span, size_t *size, struct error *error)
{
    return recordio_image(*bytes, span, size, error);
}

enum status record_set_add(struct stored_images *set, const char *path, uint32_t first,
                           const struct pack_style *style, struct error *error)
{
    struct scan scan = {.set = set, .style = style, .first = first};
    set->unwrap = unwrap;
    enum status status = choose_record(path, scan.path, error);
    if (status == STATUS_OK) {
        status = stored_images_add_file(set, scan.path, error);
    }
    if (status == STATUS_OK) {
        status = open_index(&scan, error);
    }
    if (status == STATUS_OK) {
        status = recordio_scan(scan.path, visit, style->skip_bad ? pass_torn : NULL, &scan, error);
    }
    if (status == STATUS_OK) {
        status = check_header(&scan, error);
    }
    if (status == STATUS_OK) {
        status = check_index(&scan, error);
    }
    if (status == STATUS_OK) {
        status = read_property(&scan, error);
    }
    if (status == STATUS_OK && first + scan.classes > set->classes) {
        set->classes = first + scan.classes;
    }
    free(scan.index.offset);
    return status;
}

/* The .rec files and folders that all patterns name. */
static enum status expand(const char *const *patterns, size_t count, struct name_list *paths,
                          struct error *error)
{
    static const char *const endings[] = {".rec", NULL};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (!file_is_directory(patterns[i])) {
            status = file_pattern_expand(patterns[i], endings, paths, error);
        } else if (!name_list_add(paths, patterns[i])) {
            status = error_no_memory(error, patterns[i]);
        }
    }
    return status;
}

static enum status check_labels(size_t sets, enum pack_labels labels, struct error *error)
{
    if (sets > 1 && labels == PACK_LABELS_ALONE) {
        return error_set(
            error, STATUS_USAGE, "--rec",
            "give --labels join if a number is one person in all of them, or --labels offset if each set "
            "has people of its own",
            "each of the %zu sets numbers its people, and it is not said how these go together", sets);
    }
    return sets == 1 && labels != PACK_LABELS_ALONE
               ? error_set(error, STATUS_USAGE, "--labels", "leave it out",
                           "there is one set, whose labels stay what they are")
               : STATUS_OK;
}

enum status record_set_fill(struct stored_images *set, const char *const *patterns, size_t count,
                            enum pack_labels labels, const struct pack_style *style, struct error *error)
{
    struct name_list paths = {0};
    enum status status = expand(patterns, count, &paths, error);
    if (status == STATUS_OK) {
        status = check_labels(paths.count, labels, error);
    }
    for (size_t i = 0; i < paths.count && status == STATUS_OK; i++) {
        status = record_set_add(set, paths.names[i], labels == PACK_LABELS_OFFSET ? set->classes : 0, style,
                                error);
    }
    name_list_free(&paths);
    return status;
}
