#include "shard/pack/tar_set.h"

#include "shard/archive/file_pattern.h"
#include "shard/archive/tar.h"
#include "shard/image/image_format.h"
#include "shard/pack/label_table.h"
#include "shard/pack/pack_image.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LABEL_BYTES_MAX (1u << 20) /* of a file that has a label */

/* What there is of the sample that is being read. */
struct sample {
    char key[PATH_SIZE]; /* empty: there is none */
    uint64_t header; /* of its first file */
    char image[PATH_SIZE]; /* its name; empty: there is none yet */
    uint64_t offset;
    uint32_t span;
    char label[LABEL_TEXT_SIZE]; /* empty: none */
    bool by_class; /* it is that of a .cls */
    bool labelled; /* there is a file that may have a label */
    bool spoilt; /* told already */
};

struct scan {
    struct stored_images *set;
    const struct pack_style *style;
    const char *label_key;
    bool named;
    const char *path; /* of the archive */
    struct label_table labels;
    struct sample sample;
    uint64_t images; /* of the archives up to here, be they left out or not */
};

/* --- What is wrong --- */

static const char *name_place(const struct scan *scan, const char *name, uint64_t offset, char *place)
{
    snprintf(place, PATH_SIZE, "%.500s, %.400s at byte %" PRIu64, scan->path, name, offset);
    return place;
}

/* A fault of a sample ends the packing, or the sample is left out for `reason`. */
static enum status refuse(struct scan *scan, enum left_out_reason reason, const char *name, uint64_t offset,
                          struct error *error, const char *what)
{
    char place[PATH_SIZE];
    name_place(scan, name, offset, place);
    if (!scan->style->skip_bad) {
        return error_set(error, STATUS_DATA, place, "correct the set, or leave such ones out with --skip-bad",
                         "%s", what);
    }
    left_out_add(scan->style->left_out, reason, place, what);
    scan->sample.spoilt = true;
    return STATUS_OK;
}

static void pass_torn(void *context, uint64_t begin, uint64_t end, const struct error *why)
{
    struct scan *scan = context;
    const struct pack_style *style = scan->style;
    char place[PATH_SIZE], line[PATH_SIZE + 400];
    snprintf(place, sizeof place, "%.900s, byte %" PRIu64, scan->path, begin);
    left_out_add(style->left_out, LEFT_OUT_TORN, place, why->what);
    snprintf(line, sizeof line, "%.900s: bytes %" PRIu64 " to %" PRIu64 " are left out: %.300s", scan->path,
             begin, end > begin ? end - 1 : begin, why->what);
    if (style->warn) {
        style->warn(style->context, line);
    }
}

/* --- Samples --- */

/* The sample is whole: its image goes to the set. */
static enum status end_sample(struct scan *scan, struct error *error)
{
    struct sample *sample = &scan->sample;
    enum status status = STATUS_OK;
    uint32_t label;
    const char *wrong = NULL;
    if (!sample->spoilt && sample->image[0] && !sample->label[0]) {
        wrong = sample->labelled ? "the sample has no label among what its files say"
                                 : "the sample has no label: a .cls, or a .json with one";
    } else if (!sample->spoilt && !sample->image[0] && sample->labelled) {
        status =
            refuse(scan, LEFT_OUT_NO_IMAGE, sample->key, sample->header, error, "the sample has no image");
    } else if (!sample->spoilt && sample->image[0]) {
        status = label_table_find(&scan->labels, sample->label, &label, &wrong, error);
        if (status == STATUS_OK && !wrong) {
            status = stored_images_add(scan->set, sample->offset, sample->span, label, error);
        }
        if (status == STATUS_OK && !wrong && scan->named &&
            !name_list_add(&scan->set->image_names, sample->image)) {
            status = error_no_memory(error, scan->path);
        }
    }
    if (status == STATUS_OK && wrong) {
        status = refuse(scan, LEFT_OUT_UNLABELLED, sample->image, sample->header, error, wrong);
    }
    *sample = (struct sample){.key = ""};
    return status;
}

static enum status begin_sample(struct scan *scan, const char *name, size_t length, uint64_t header,
                                struct error *error)
{
    struct sample *sample = &scan->sample;
    if (sample->key[0] && strncmp(sample->key, name, length) == 0 && sample->key[length] == 0) {
        return STATUS_OK;
    }
    enum status status = end_sample(scan, error);
    snprintf(sample->key, sizeof sample->key, "%.*s", (int)length, name);
    sample->header = header;
    return status;
}

static enum status keep_unpacked(struct scan *scan, struct tar_reader *reader,
                                 const struct tar_member *member, struct error *error)
{
    uint8_t part[1 << 14];
    enum status status = STATUS_OK;
    for (uint64_t done = 0; done < member->size && status == STATUS_OK;) {
        const uint64_t left = member->size - done;
        const size_t size = left < sizeof part ? (size_t)left : sizeof part;
        status = tar_read(reader, member, done, part, size, error);
        if (status == STATUS_OK) {
            status = stored_images_put(scan->set, member->offset + done, part, size, error);
        }
        done += size;
    }
    return status;
}

static enum status take_image(struct scan *scan, struct tar_reader *reader, const struct tar_member *member,
                              struct error *error)
{
    struct sample *sample = &scan->sample;
    scan->images++;
    if (member->size > PACK_IMAGE_BYTES_MAX) {
        return refuse(scan, LEFT_OUT_BAD_IMAGE, member->name, member->header, error,
                      "the image is larger than 256 MiB");
    }
    if (sample->image[0]) {
        return refuse(scan, LEFT_OUT_UNLABELLED, member->name, member->header, error,
                      "the sample has two images, and it cannot be told which one is labelled");
    }
    enum status status = tar_is_packed(reader) ? keep_unpacked(scan, reader, member, error) : STATUS_OK;
    if (status == STATUS_OK) {
        snprintf(sample->image, sizeof sample->image, "%s", member->name);
        sample->offset = member->offset;
        sample->span = (uint32_t)member->size;
    }
    return status;
}

/* --- Labels --- */

/* A label without the white space about it, as far as it fits. */
static void keep_label(struct sample *sample, const char *text, size_t size)
{
    while (size > 0 && isspace((unsigned char)text[0])) {
        text++;
        size--;
    }
    while (size > 0 && isspace((unsigned char)text[size - 1])) {
        size--;
    }
    snprintf(sample->label, sizeof sample->label, "%.*s",
             (int)(size < LABEL_TEXT_SIZE ? size : LABEL_TEXT_SIZE), text);
}

/* The member of a .json that is a label; NULL: there is none. */
static const json_t *find_label(const json_t *object, const char *label_key)
{
    static const char *const keys[] = {"label", "class", "cls", "identity"};
    const json_t *found = label_key ? json_object_get(object, label_key) : NULL;
    for (size_t i = 0; !label_key && !found && i < sizeof keys / sizeof *keys; i++) {
        found = json_object_get(object, keys[i]);
    }
    return json_is_object(object) ? found : object;
}

static enum status read_json(struct scan *scan, const struct tar_member *member, const char *text,
                             struct error *error)
{
    json_error_t why;
    json_t *whole = json_loadb(text, (size_t)member->size, JSON_DECODE_ANY, &why);
    struct sample *sample = &scan->sample;
    if (!whole) {
        char what[300];
        snprintf(what, sizeof what, "this is no JSON: %.200s", why.text);
        return refuse(scan, LEFT_OUT_UNLABELLED, member->name, member->header, error, what);
    }
    const json_t *label = find_label(whole, scan->label_key);
    if (json_is_string(label)) {
        keep_label(sample, json_string_value(label), json_string_length(label));
    } else if (json_is_integer(label)) {
        snprintf(sample->label, sizeof sample->label, "%" JSON_INTEGER_FORMAT, json_integer_value(label));
    }
    json_decref(whole);
    return STATUS_OK;
}

static enum status read_label(struct scan *scan, struct tar_reader *reader, const struct tar_member *member,
                              bool by_class, struct error *error)
{
    struct sample *sample = &scan->sample;
    sample->labelled = true;
    if (member->size > LABEL_BYTES_MAX) {
        return refuse(scan, LEFT_OUT_UNLABELLED, member->name, member->header, error,
                      "a file with a label is larger than 1 MiB");
    }
    char *text = malloc((size_t)member->size + 1);
    if (!text) {
        return error_no_memory(error, scan->path);
    }
    enum status status = tar_read(reader, member, 0, text, (size_t)member->size, error);
    if (status == STATUS_OK && by_class) {
        keep_label(sample, text, (size_t)member->size);
        sample->by_class = true;
    } else if (status == STATUS_OK) {
        status = read_json(scan, member, text, error);
    }
    free(text);
    return status;
}

/* --- Files --- */

static enum status take_file(struct scan *scan, struct tar_reader *reader, const struct tar_member *member,
                             const char *ending, struct error *error)
{
    const char *key = scan->label_key;
    const struct image_format *format = image_format_of_name(member->name);
    const bool simple = !strchr(ending, '.');
    if (simple && format && format->encoding != IMAGE_UNKNOWN) {
        return take_image(scan, reader, member, error);
    }
    if (key ? strcasecmp(ending, key) == 0 : strcasecmp(ending, "cls") == 0) {
        return read_label(scan, reader, member, true, error);
    }
    if (strcasecmp(ending, "json") == 0) {
        return scan->sample.by_class ? STATUS_OK : read_label(scan, reader, member, false, error);
    }
    if (!strcasecmp(ending, "cls")) {
        return STATUS_OK; /* the label is said to be elsewhere */
    }
    left_out_file(scan->style->left_out, member->name);
    return STATUS_OK;
}

static enum status visit(void *context, struct tar_reader *reader, const struct tar_member *member,
                         struct error *error)
{
    struct scan *scan = context;
    const char *slash = strrchr(member->name, '/'), *base = slash ? slash + 1 : member->name;
    const char *dot = strchr(base, '.');
    char place[PATH_SIZE];
    if (member->kind == TAR_FOLDER || base[0] == '.') {
        return STATUS_OK;
    }
    if (member->kind == TAR_OTHER) {
        left_out_add(scan->style->left_out, LEFT_OUT_SPECIAL,
                     name_place(scan, member->name, member->header, place), NULL);
        return STATUS_OK;
    }
    if (!dot) {
        left_out_file(scan->style->left_out, member->name);
        return STATUS_OK;
    }
    enum status status =
        begin_sample(scan, member->name, (size_t)(dot - member->name), member->header, error);
    return status == STATUS_OK ? take_file(scan, reader, member, dot + 1, error) : status;
}

static void warn_of_end(const struct scan *scan)
{
    char line[PATH_SIZE + 100];
    snprintf(line, sizeof line, "%.900s has no mark at its end: it may have been cut between two files",
             scan->path);
    if (scan->style->warn) {
        scan->style->warn(scan->style->context, line);
    }
}

static enum status scan_archive(struct scan *scan, const char *folder, struct error *error)
{
    const struct tar_visitor visitor = {visit, scan->style->skip_bad ? pass_torn : NULL, scan};
    struct tar_reader *reader;
    enum status status = tar_open(scan->path, &reader, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = tar_is_packed(reader) ? stored_images_add_packed(scan->set, scan->path, folder, error)
                                   : stored_images_add_file(scan->set, scan->path, error);
    if (status == STATUS_OK) {
        status = tar_scan(reader, &visitor, error);
    }
    if (status == STATUS_OK) {
        status = end_sample(scan, error);
    }
    if (status == STATUS_OK && tar_is_packed(reader)) {
        status = stored_images_end_packed(scan->set, tar_bytes(reader), error);
    }
    if (status == STATUS_OK && !tar_is_ended(reader)) {
        warn_of_end(scan);
    }
    tar_close(reader);
    return status;
}

/* --- The whole --- */

static enum status check_images(const struct scan *scan, const char *pattern, struct error *error)
{
    if (scan->set->images > 0) {
        return STATUS_OK;
    }
    return scan->images == 0
               ? error_set(error, STATUS_DATA, pattern, "name archives of images, as WebDataset writes them",
                           "there is no image in the archives")
               : error_set(error, STATUS_DATA, pattern,
                           "give each image a label in <key>.cls or <key>.json; for people in folders unpack "
                           "the archive, and pack the folder",
                           "none of the %" PRIu64 " images has a label that can be read", scan->images);
}

enum status tar_set_fill(struct stored_images *set, const char *const *patterns, size_t count,
                         const char *folder, const char *label_key, bool named,
                         const struct pack_style *style, struct error *error)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tgz", NULL};
    struct scan scan = {.set = set, .style = style, .label_key = label_key, .named = named};
    struct name_list files = {0};
    enum status status = file_make_directory(folder, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = file_pattern_expand(patterns[i], endings, &files, error);
    }
    for (size_t i = 0; i < files.count && status == STATUS_OK; i++) {
        scan.path = files.names[i];
        status = scan_archive(&scan, folder, error);
    }
    if (status == STATUS_OK) {
        status = check_images(&scan, patterns[0], error);
    }
    if (status == STATUS_OK) {
        status = label_table_finish(&scan.labels, set, error);
    }
    label_table_free(&scan.labels);
    name_list_free(&files);
    return status;
}
