#include "shard/pack/lmdb_set.h"

#include "shard/archive/lmdb.h"
#include "shard/archive/stored_value.h"
#include "shard/pack/label_table.h"
#include "shard/pack/pack_image.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 18 /* of an image's number in its key */
#define ADVICE "correct the database, or leave such ones out with --skip-bad"

/* A value that is there: its place, and of image-%09d and label-%09d the number. */
struct place {
    uint64_t offset, number;
    uint32_t size;
};

struct places {
    struct place *places; /* [count] */
    uint64_t count, capacity;
};

struct scan {
    struct stored_images *set;
    const struct pack_style *style;
    char path[PATH_SIZE];
    struct places images, labels, values; /* image-%09d, label-%09d, others */
    struct label_table table;
    uint8_t *buffer; /* [room] */
    size_t room;
    bool datum; /* values are Caffe's */
};

/* --- What is there --- */

static enum status add_place(struct places *places, const struct lmdb_entry *entry, uint64_t number,
                             struct error *error)
{
    if (places->count == places->capacity) {
        const uint64_t capacity = places->capacity == 0 ? 4096 : places->capacity * 2;
        struct place *larger = realloc(places->places, (size_t)capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, NULL);
        }
        places->places = larger;
        places->capacity = capacity;
    }
    places->places[places->count++] =
        (struct place){.offset = entry->offset, .number = number, .size = (uint32_t)entry->size};
    return STATUS_OK;
}

static bool begins_with(const struct lmdb_entry *entry, const char *word)
{
    const size_t length = strlen(word);
    return entry->key_size >= length && memcmp(entry->key, word, length) == 0;
}

/* "image-000000042" */
static bool read_numbered(const struct lmdb_entry *entry, const char *word, uint64_t *number)
{
    const size_t length = strlen(word);
    *number = 0;
    if (!begins_with(entry, word) || entry->key_size == length || entry->key_size > length + DIGITS_MAX) {
        return false;
    }
    for (size_t i = length; i < entry->key_size; i++) {
        if (!isdigit(entry->key[i])) {
            return false;
        }
        *number = *number * 10 + (uint64_t)(entry->key[i] - '0');
    }
    return true;
}

/* Keys that tell of the whole. */
static bool is_aside(const struct lmdb_entry *entry)
{
    return begins_with(entry, "__") || begins_with(entry, "num-samples") ||
           begins_with(entry, "num_samples") ||
           (begins_with(entry, "length") && entry->key_size == strlen("length"));
}

static enum status visit(void *context, const struct lmdb_entry *entry, struct error *error)
{
    struct scan *scan = context;
    uint64_t number;
    if (is_aside(entry)) {
        return STATUS_OK;
    }
    if (read_numbered(entry, "image-", &number)) {
        return add_place(&scan->images, entry, number, error);
    }
    return read_numbered(entry, "label-", &number) ? add_place(&scan->labels, entry, number, error)
                                                   : add_place(&scan->values, entry, 0, error);
}

static int compare_offsets(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int compare_numbers(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

static void sort(struct places *places, int (*compare)(const void *, const void *))
{
    if (places->count > 1) {
        qsort(places->places, (size_t)places->count, sizeof *places->places, compare);
    }
}

/* --- Images and labels --- */

static enum status refuse(const struct scan *scan, enum left_out_reason reason, const struct place *place,
                          struct error *error, const char *what)
{
    char where[PATH_SIZE];
    snprintf(where, sizeof where, "%.900s, value at byte %" PRIu64, scan->path, place->offset);
    if (!scan->style->skip_bad) {
        return error_set(error, STATUS_DATA, where, ADVICE, "%s", what);
    }
    left_out_add(scan->style->left_out, reason, where, what);
    return STATUS_OK;
}

/* Whose label is `text`: the image of `size` bytes at `offset`. */
static enum status add_image(struct scan *scan, const struct place *place, uint64_t offset, uint64_t size,
                             const char *text, struct error *error)
{
    const char *wrong = NULL;
    uint32_t label;
    if (size > PACK_IMAGE_BYTES_MAX) {
        return refuse(scan, LEFT_OUT_BAD_IMAGE, place, error, "the image is larger than 256 MiB");
    }
    enum status status = label_table_find(&scan->table, text, &label, &wrong, error);
    if (status == STATUS_OK && wrong) {
        return refuse(scan, LEFT_OUT_UNLABELLED, place, error, wrong);
    }
    return status == STATUS_OK ? stored_images_add(scan->set, offset, (uint32_t)size, label, error) : status;
}

/* The bytes of a value in the buffer. */
static enum status load(struct scan *scan, const struct place *place, struct error *error)
{
    if (place->size > scan->room) {
        uint8_t *larger = realloc(scan->buffer, place->size);
        if (!larger) {
            return error_no_memory(error, scan->path);
        }
        scan->buffer = larger;
        scan->room = place->size;
    }
    enum status status = stored_images_read_part(scan->set, place->offset, scan->buffer, place->size, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, scan->path);
    }
    return status;
}

static enum status take_value(struct scan *scan, const struct place *place, struct error *error)
{
    struct stored_value value;
    struct error why = {0};
    if (place->size > PACK_IMAGE_BYTES_MAX) {
        return refuse(scan, LEFT_OUT_BAD_IMAGE, place, error, "the value is larger than 256 MiB");
    }
    enum status status = load(scan, place, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = stored_value_read(scan->path, place->offset, scan->buffer, place->size, &value, &why);
    if (status != STATUS_OK) {
        if (status == STATUS_DATA && why.number == 0) {
            return refuse(scan, LEFT_OUT_UNLABELLED, place, error, why.what);
        }
        *error = why;
        return status;
    }
    if (scan->set->images > 0 && scan->datum != value.datum) {
        return refuse(scan, LEFT_OUT_UNLABELLED, place, error, "some values are Caffe's and others are not");
    }
    scan->datum = value.datum;
    return add_image(scan, place, place->offset + value.image, value.image_size, value.label, error);
}

static enum status take_values(struct scan *scan, struct error *error)
{
    enum status status = STATUS_OK;
    sort(&scan->values, compare_offsets);
    for (uint64_t i = 0; i < scan->values.count && status == STATUS_OK; i++) {
        status = take_value(scan, &scan->values.places[i], error);
    }
    scan->set->unwrap = scan->datum ? stored_value_unwrap : NULL;
    return status;
}

/* The label of a numbered image, which its value is. */
static enum status take_numbered(struct scan *scan, const struct place *image, const struct place *label,
                                 struct error *error)
{
    char text[LABEL_TEXT_SIZE] = "";
    if (!label || label->size >= sizeof text) {
        return refuse(scan, LEFT_OUT_UNLABELLED, image, error,
                      label ? "the label is longer than 254 bytes" : "the image has no label");
    }
    enum status status = load(scan, label, error);
    if (status == STATUS_OK) {
        memcpy(text, scan->buffer, label->size);
        for (size_t end = strlen(text); end > 0 && isspace((unsigned char)text[end - 1]); end--) {
            text[end - 1] = 0;
        }
        status = add_image(scan, image, image->offset, image->size, text, error);
    }
    return status;
}

static enum status take_images(struct scan *scan, struct error *error)
{
    enum status status = STATUS_OK;
    sort(&scan->labels, compare_numbers);
    sort(&scan->images, compare_offsets);
    for (uint64_t i = 0; i < scan->images.count && status == STATUS_OK; i++) {
        const struct place *image = &scan->images.places[i];
        const struct place *label = scan->labels.count == 0
                                        ? NULL
                                        : bsearch(image, scan->labels.places, (size_t)scan->labels.count,
                                                  sizeof *image, compare_numbers);
        status = take_numbered(scan, image, label, error);
    }
    return status;
}

/* --- The whole --- */

static enum status find_file(const char *path, char *file, struct error *error)
{
    return file_join(file_is_directory(path) ? path : "", file_is_directory(path) ? "data.mdb" : path, file,
                     error);
}

static enum status check_images(const struct scan *scan, struct error *error)
{
    const uint64_t all = scan->images.count + scan->values.count;
    return scan->set->images > 0
               ? STATUS_OK
               : error_set(error, STATUS_DATA, scan->path, "name a database of images with their labels",
                           "none of the %" PRIu64 " values has an image and a label that can be read", all);
}

enum status lmdb_set_fill(struct stored_images *set, const char *path, const struct pack_style *style,
                          struct error *error)
{
    struct scan scan = {.set = set, .style = style};
    enum status status = find_file(path, scan.path, error);
    if (status == STATUS_OK) {
        status = stored_images_add_file(set, scan.path, error);
    }
    if (status == STATUS_OK) {
        status = lmdb_walk(scan.path, visit, &scan, error);
    }
    if (status == STATUS_OK) {
        status = scan.images.count > 0 ? take_images(&scan, error) : take_values(&scan, error);
    }
    for (uint64_t i = 0; i < scan.values.count && scan.images.count > 0 && status == STATUS_OK; i++) {
        status = refuse(&scan, LEFT_OUT_UNLABELLED, &scan.values.places[i], error,
                        "the key is neither image-000000001 nor label-000000001, as others are");
    }
    if (status == STATUS_OK) {
        status = check_images(&scan, error);
    }
    if (status == STATUS_OK) {
        status = label_table_finish(&scan.table, set, error);
    }
    label_table_free(&scan.table);
    free(scan.images.places);
    free(scan.labels.places);
    free(scan.values.places);
    free(scan.buffer);
    return status;
}
