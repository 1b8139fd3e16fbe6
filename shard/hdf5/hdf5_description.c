#include "shard/hdf5/hdf5_description.h"

#include <stdlib.h>
#include <string.h>

static const char MAGIC[8] = {'d', 'a', 'i', 'l', '-', 'h', '5', 1};
#define HEAD_SIZE 5 /* of a record */
#define MOST_AT_LEAST ((uint64_t)1 << 20)
#define MOST_AT_MOST ((uint64_t)1 << 28)

/* A whole number of an attribute may be stored in one byte and is told in eight. */
size_t h5_description_most(uint64_t file_bytes)
{
    uint64_t most = file_bytes < MOST_AT_MOST / 8 ? file_bytes * 8 + MOST_AT_LEAST : MOST_AT_MOST;
    return (size_t)(most < MOST_AT_MOST ? most : MOST_AT_MOST);
}

uint64_t h5_type_size(enum h5_type type)
{
    static const uint64_t sizes[] = {4, 1, 4, 8};
    return sizes[type];
}

const char *h5_type_name(enum h5_type type)
{
    static const char *const names[] = {"float32", "uint8", "uint32", "uint64"};
    return names[type];
}

static uint64_t product(uint64_t bytes, const uint64_t *dims, int from, int to)
{
    for (int i = from; i < to; i++) {
        if (dims[i] == 0) {
            return 0;
        }
    }
    for (int i = from; i < to; i++) {
        if (dims[i] > INT64_MAX / bytes) {
            return UINT64_MAX;
        }
        bytes *= dims[i];
    }
    return bytes;
}

uint64_t h5_array_bytes(enum h5_type type, int rank, const uint64_t *dims)
{
    return product(h5_type_size(type), dims, 0, rank);
}

uint64_t h5_row_bytes(enum h5_type type, int rank, const uint64_t *dims)
{
    return product(h5_type_size(type), dims, 1, rank);
}

/* --- Reading --- */

/* What is left of a record; `broken` once more was taken than there was. */
struct cursor {
    const uint8_t *at, *end;
    bool broken;
};

static const uint8_t *take(struct cursor *cursor, uint64_t size)
{
    static const uint8_t nothing[8];
    if (cursor->broken || size > (uint64_t)(cursor->end - cursor->at)) {
        cursor->broken = true;
        return nothing;
    }
    const uint8_t *bytes = cursor->at;
    cursor->at += size;
    return bytes;
}

static uint8_t take_u8(struct cursor *cursor)
{
    return *take(cursor, 1);
}

static uint32_t take_u32(struct cursor *cursor)
{
    const uint8_t *bytes = take(cursor, 4);
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

uint64_t h5_take_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static const char *take_text(struct cursor *cursor)
{
    const uint8_t *end = cursor->broken ? NULL : memchr(cursor->at, 0, (size_t)(cursor->end - cursor->at));
    if (!end) {
        cursor->broken = true;
        return "";
    }
    return (const char *)take(cursor, (uint64_t)(end - cursor->at) + 1);
}

/* A number that tells one of `count` things. */
static uint8_t take_choice(struct cursor *cursor, uint8_t count)
{
    uint8_t value = take_u8(cursor);
    cursor->broken = cursor->broken || value >= count;
    return cursor->broken ? 0 : value;
}

static void read_pieces(struct cursor *cursor, struct h5_object *object)
{
    object->piece_bytes = h5_take_u64(take(cursor, 8));
    object->pieces = h5_take_u64(take(cursor, 8));
    uint64_t expected = 0;
    if (object->layout == H5_LAYOUT_PIECES && object->bytes > 0) {
        if (object->bytes == UINT64_MAX || object->piece_bytes == 0) {
            cursor->broken = true;
            return;
        }
        expected = (object->bytes - 1) / object->piece_bytes + 1;
    }
    if (object->pieces != expected || object->pieces > UINT32_MAX) {
        cursor->broken = true;
        return;
    }
    object->piece = take(cursor, object->pieces * 8);
}

static void read_object(struct cursor *cursor, struct h5_object *object)
{
    object->kind = (enum h5_kind)take_choice(cursor, H5_KIND_ARRAY + 1);
    object->identity = h5_take_u64(take(cursor, 8));
    object->fault = take_text(cursor);
    object->attributes_fault = take_text(cursor);
    if (object->kind != H5_KIND_ARRAY || object->fault[0] != 0) {
        return;
    }
    object->type = (enum h5_type)take_choice(cursor, H5_TYPE_U64 + 1);
    object->rank = take_choice(cursor, H5_RANK_MAX + 1);
    for (int i = 0; i < object->rank; i++) {
        object->dims[i] = h5_take_u64(take(cursor, 8));
    }
    object->bytes = h5_array_bytes(object->type, object->rank, object->dims);
    object->layout = (enum h5_layout)take_choice(cursor, H5_LAYOUT_OTHER + 1);
    read_pieces(cursor, object);
}

static void read_link(struct cursor *cursor, size_t objects, struct h5_link *link)
{
    link->group = take_u32(cursor);
    link->kind = (enum h5_link_kind)take_choice(cursor, H5_LINK_EXTERNAL + 1);
    link->object = take_u32(cursor);
    link->name = take_text(cursor);
    cursor->broken = cursor->broken || link->group >= objects || link->object >= objects;
}

static void read_attribute(struct cursor *cursor, size_t objects, struct h5_attribute *attribute)
{
    attribute->object = take_u32(cursor);
    attribute->class = (enum h5_class)take_choice(cursor, H5_CLASS_TEXT + 1);
    attribute->name = take_text(cursor);
    attribute->fault = take_text(cursor);
    attribute->count = take_u32(cursor);
    cursor->broken = cursor->broken || attribute->object >= objects || attribute->count > H5_VALUES_MAX;
    if (attribute->fault[0] != 0 || attribute->class == H5_CLASS_OTHER) {
        return;
    }
    if (attribute->class != H5_CLASS_TEXT) {
        attribute->values = take(cursor, (uint64_t)attribute->count * 8);
        return;
    }
    attribute->values = cursor->at;
    for (uint32_t i = 0; i < attribute->count && !cursor->broken; i++) {
        take_text(cursor);
    }
}

/* The next record's kind, 0 if there is none, and its fields. */
static uint8_t next_record(struct cursor *cursor, struct cursor *fields)
{
    uint8_t kind = take_u8(cursor);
    uint32_t size = take_u32(cursor);
    const uint8_t *begin = take(cursor, size);
    *fields = (struct cursor){.at = begin, .end = begin + size, .broken = cursor->broken};
    return cursor->broken ? 0 : kind;
}

/* How many records there are of each kind; false unless they end as they must. */
static bool count_records(struct cursor cursor, struct h5_description *description)
{
    struct cursor fields;
    uint8_t kind = next_record(&cursor, &fields);
    for (; kind != 'E'; kind = next_record(&cursor, &fields)) {
        description->object_count += kind == 'O';
        description->link_count += kind == 'L';
        description->attribute_count += kind == 'A';
        if (!strchr("OLAF", kind) || kind == 0) {
            return false;
        }
    }
    return cursor.at == cursor.end && fields.at == fields.end;
}

static bool read_records(struct cursor cursor, struct h5_description *description)
{
    struct h5_object *object = description->objects;
    struct h5_link *link = description->links;
    struct h5_attribute *attribute = description->attributes;
    struct cursor fields;
    for (uint8_t kind = next_record(&cursor, &fields); kind != 'E'; kind = next_record(&cursor, &fields)) {
        if (kind == 'O') {
            read_object(&fields, object++);
        } else if (kind == 'L') {
            read_link(&fields, description->object_count, link++);
        } else if (kind == 'A') {
            read_attribute(&fields, description->object_count, attribute++);
        } else {
            description->fault = take_text(&fields);
        }
        if (fields.broken || fields.at != fields.end) {
            return false;
        }
    }
    return true;
}

static int compare_links(const void *left, const void *right)
{
    const struct h5_link *a = left, *b = right;
    return a->group != b->group ? (a->group > b->group) - (a->group < b->group) : strcmp(a->name, b->name);
}

static int compare_attributes(const void *left, const void *right)
{
    const struct h5_attribute *a = left, *b = right;
    return a->object != b->object ? (a->object > b->object) - (a->object < b->object)
                                  : strcmp(a->name, b->name);
}

static void sort(struct h5_description *description)
{
    qsort(description->links, description->link_count, sizeof *description->links, compare_links);
    qsort(description->attributes, description->attribute_count, sizeof *description->attributes,
          compare_attributes);
}

struct h5_description *h5_description_read(uint8_t *bytes, size_t size, const char **what)
{
    struct cursor cursor = {.at = bytes, .end = bytes + size};
    struct h5_description *description = calloc(1, sizeof *description);
    *what = "there is no memory for it";
    if (!description) {
        free(bytes);
        return NULL;
    }
    description->bytes = bytes;
    description->size = size;
    if (size < sizeof MAGIC || memcmp(take(&cursor, sizeof MAGIC), MAGIC, sizeof MAGIC) != 0) {
        *what = "it does not begin as one";
    } else if (!count_records(cursor, description)) {
        *what = "it does not end as one";
    } else if (description->object_count > H5_OBJECTS_MAX) {
        *what = "it has too many objects";
    } else {
        description->objects = calloc(description->object_count + 1, sizeof *description->objects);
        description->links = calloc(description->link_count + 1, sizeof *description->links);
        description->attributes = calloc(description->attribute_count + 1, sizeof *description->attributes);
        if (description->objects && description->links && description->attributes) {
            *what = !read_records(cursor, description) ? "a part of it is not well-formed"
                    : !description->fault && description->object_count == 0 ? "there is nothing in it"
                                                                            : NULL;
        }
    }
    if (*what) {
        h5_description_free(description);
        return NULL;
    }
    sort(description);
    return description;
}

void h5_description_free(struct h5_description *description)
{
    if (!description) {
        return;
    }
    free(description->objects);
    free(description->links);
    free(description->attributes);
    free(description->bytes);
    free(description);
}

/* The first of sorted links whose group is not below that number. */
static size_t first_link(const struct h5_description *description, uint64_t group)
{
    size_t low = 0, high = description->link_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (description->links[middle].group < group) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t first_attribute(const struct h5_description *description, uint64_t object)
{
    size_t low = 0, high = description->attribute_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (description->attributes[middle].object < object) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void h5_description_links(const struct h5_description *description, uint32_t group, size_t *begin,
                          size_t *end)
{
    *begin = first_link(description, group);
    *end = first_link(description, (uint64_t)group + 1);
}

void h5_description_attributes(const struct h5_description *description, uint32_t object, size_t *begin,
                               size_t *end)
{
    *begin = first_attribute(description, object);
    *end = first_attribute(description, (uint64_t)object + 1);
}

const struct h5_link *h5_description_link(const struct h5_description *description, uint32_t group,
                                          const char *name, size_t length)
{
    size_t low = 0, high = description->link_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct h5_link *link = &description->links[middle];
        int order = (link->group > group) - (link->group < group);
        if (order == 0) {
            order = strncmp(link->name, name, length);
        }
        if (order == 0) {
            order = link->name[length] != 0;
        }
        if (order == 0) {
            return link;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct h5_attribute *h5_description_attribute(const struct h5_description *description, uint32_t object,
                                                    const char *name)
{
    const struct h5_attribute key = {.object = object, .name = name};
    return bsearch(&key, description->attributes, description->attribute_count,
                   sizeof *description->attributes, compare_attributes);
}

/* --- Writing --- */

static void put(struct h5_writing *writing, const void *bytes, size_t size)
{
    if (writing->full || size > writing->most - writing->size) {
        writing->full = true;
        return;
    }
    if (size > writing->capacity - writing->size) {
        size_t capacity = writing->capacity * 2 + size + 4096;
        uint8_t *larger = realloc(writing->bytes, capacity);
        if (!larger) {
            writing->full = true;
            return;
        }
        writing->bytes = larger;
        writing->capacity = capacity;
    }
    memcpy(writing->bytes + writing->size, bytes, size);
    writing->size += size;
}

void h5_put_begin(struct h5_writing *writing, size_t most)
{
    *writing = (struct h5_writing){.most = most};
    put(writing, MAGIC, sizeof MAGIC);
}

static void end_record(struct h5_writing *writing)
{
    if (writing->record == 0 || writing->full) {
        return;
    }
    size_t size = writing->size - writing->record - HEAD_SIZE;
    for (int i = 0; i < 4; i++) {
        writing->bytes[writing->record + 1 + (size_t)i] = (uint8_t)(size >> 8 * i);
    }
}

void h5_put_record(struct h5_writing *writing, char kind)
{
    end_record(writing);
    writing->record = writing->size;
    h5_put_u8(writing, (uint8_t)kind);
    h5_put_u32(writing, 0);
}

void h5_put_back(struct h5_writing *writing)
{
    writing->size = writing->record;
    writing->record = 0;
}

void h5_put_u8(struct h5_writing *writing, uint8_t value)
{
    put(writing, &value, 1);
}

static void put_number(struct h5_writing *writing, uint64_t value, int size)
{
    uint8_t bytes[8];
    for (int i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    put(writing, bytes, (size_t)size);
}

void h5_put_u32(struct h5_writing *writing, uint32_t value)
{
    put_number(writing, value, 4);
}

void h5_put_u64(struct h5_writing *writing, uint64_t value)
{
    put_number(writing, value, 8);
}

void h5_put_text(struct h5_writing *writing, const char *text)
{
    put(writing, text, strlen(text) + 1);
}

void h5_put_end(struct h5_writing *writing)
{
    h5_put_record(writing, 'E');
    end_record(writing);
}
