#include "shard/hdf5/hdf5_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One attribute of one object. */
struct found {
    const struct h5_file *file;
    const char *object, *name;
    const struct h5_attribute *attribute;
};

static enum status fault(const struct found *found, struct error *error, const char *what)
{
    return h5_fault(found->file, error, "the attribute '%.100s' of %.100s %s", found->name, found->object,
                    what);
}

/* *attribute is NULL where there is none of that name. */
static enum status look_up(const struct h5_file *file, const char *object, const char *name,
                           struct found *found, struct error *error)
{
    const struct h5_object *place;
    *found = (struct found){.file = file, .object = object, .name = name};
    enum status status = h5_find_object(file, object, &place, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t number = (uint32_t)(place - file->description->objects);
    found->attribute = h5_description_attribute(file->description, number, name);
    if (!found->attribute && place->attributes_fault[0] != 0) {
        status = fault(found, error, place->attributes_fault);
    }
    return status;
}

static enum status find(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                        struct found *found, struct error *error)
{
    enum status status = look_up(file, object, name, found, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (!found->attribute) {
        return fault(found, error, "is missing");
    }
    if (found->attribute->fault[0] != 0) {
        return fault(found, error, found->attribute->fault);
    }
    if (found->attribute->count > capacity) {
        return fault(found, error, "has more values than there can be");
    }
    return STATUS_OK;
}

enum status h5_has_attribute(const struct h5_file *file, const char *object, const char *name, bool *has,
                             struct error *error)
{
    struct found found;
    enum status status = look_up(file, object, name, &found, error);
    *has = status == STATUS_OK && found.attribute;
    return status;
}

static enum status get_numbers(const struct h5_file *file, const char *object, const char *name,
                               size_t capacity, bool is_signed, void *values, size_t *count,
                               struct error *error)
{
    struct found found;
    enum status status = find(file, object, name, capacity, &found, error);
    if (status != STATUS_OK) {
        return status;
    }
    const struct h5_attribute *attribute = found.attribute;
    if (attribute->class != H5_CLASS_UNSIGNED && attribute->class != H5_CLASS_SIGNED) {
        return fault(&found, error, "is not an integer");
    }
    /* A value of the other signedness is the same unless its highest bit is set. */
    const bool differs = is_signed != (attribute->class == H5_CLASS_SIGNED);
    uint64_t *bits = values;
    *count = attribute->count;
    for (size_t i = 0; i < attribute->count; i++) {
        bits[i] = h5_take_u64(attribute->values + 8 * i);
        if (differs && bits[i] > INT64_MAX) {
            return fault(&found, error, "is out of range");
        }
    }
    return STATUS_OK;
}

static enum status check_single(const struct h5_file *file, const char *object, const char *name,
                                size_t count, struct error *error)
{
    if (count == 1) {
        return STATUS_OK;
    }
    return h5_fault(file, error, "the attribute '%s' of %s has %zu values where one is needed", name, object,
                    count);
}

enum status h5_get_uints(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                         uint64_t *values, size_t *count, struct error *error)
{
    return get_numbers(file, object, name, capacity, false, values, count, error);
}

enum status h5_get_ints(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                        int64_t *values, size_t *count, struct error *error)
{
    return get_numbers(file, object, name, capacity, true, values, count, error);
}

enum status h5_get_uint(const struct h5_file *file, const char *object, const char *name, uint64_t most,
                        uint64_t *value, struct error *error)
{
    size_t count = 0;
    enum status status = get_numbers(file, object, name, 1, false, value, &count, error);
    if (status == STATUS_OK) {
        status = check_single(file, object, name, count, error);
    }
    if (status == STATUS_OK && *value > most) {
        status = h5_fault(file, error, "the attribute '%s' of %s is %llu, and at most %llu is possible", name,
                          object, (unsigned long long)*value, (unsigned long long)most);
    }
    return status;
}

enum status h5_get_doubles(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                           double *values, size_t *count, struct error *error)
{
    struct found found;
    enum status status = find(file, object, name, capacity, &found, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (found.attribute->class != H5_CLASS_REAL) {
        return fault(&found, error, "is not a floating-point number");
    }
    *count = found.attribute->count;
    for (size_t i = 0; i < *count; i++) {
        const uint64_t bits = h5_take_u64(found.attribute->values + 8 * i);
        memcpy(&values[i], &bits, sizeof bits);
    }
    return STATUS_OK;
}

/* Copies of texts. */
struct listing {
    char **names;
    size_t count;
};

static enum status begin_listing(const struct h5_file *file, size_t count, struct listing *listing,
                                 struct error *error)
{
    *listing = (struct listing){.names = calloc(count + 1, sizeof *listing->names)};
    return listing->names ? STATUS_OK : error_no_memory(error, file->path);
}

static enum status add_text(const struct h5_file *file, const char *text, struct listing *listing,
                            struct error *error)
{
    listing->names[listing->count] = strdup(text);
    if (!listing->names[listing->count]) {
        return error_no_memory(error, file->path);
    }
    listing->count++;
    return STATUS_OK;
}

/* Hands it over, or frees it. */
static enum status end_listing(enum status status, const struct listing *listing, char ***names,
                               size_t *count)
{
    if (status == STATUS_OK) {
        *names = listing->names;
        *count = listing->count;
    } else {
        h5_list_free(listing->names, listing->count);
    }
    return status;
}

enum status h5_get_strings(const struct h5_file *file, const char *object, const char *name, char ***values,
                           size_t *count, struct error *error)
{
    struct found found;
    struct listing listing;
    *values = NULL;
    *count = 0;
    enum status status = find(file, object, name, H5_VALUES_MAX, &found, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (found.attribute->class != H5_CLASS_TEXT) {
        return fault(&found, error, "is not a text");
    }
    status = begin_listing(file, found.attribute->count, &listing, error);
    const char *text = (const char *)found.attribute->values;
    for (size_t i = 0; i < found.attribute->count && status == STATUS_OK; i++) {
        status = add_text(file, text, &listing, error);
        text += strlen(text) + 1;
    }
    return end_listing(status, &listing, values, count);
}

enum status h5_get_string(const struct h5_file *file, const char *object, const char *name, char *value,
                          size_t size, struct error *error)
{
    char **values;
    size_t count;
    enum status status = h5_get_strings(file, object, name, &values, &count, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = check_single(file, object, name, count, error);
    if (status == STATUS_OK && strlen(values[0]) >= size) {
        status = h5_fault(file, error, "the attribute '%s' of %s is too long a text", name, object);
    }
    if (status == STATUS_OK) {
        memcpy(value, values[0], strlen(values[0]) + 1);
    }
    h5_list_free(values, count);
    return status;
}

/* --- Looking around --- */

enum status h5_list_attributes(const struct h5_file *file, const char *object, char ***names, size_t *count,
                               struct error *error)
{
    const struct h5_object *place;
    struct listing listing;
    *names = NULL;
    *count = 0;
    enum status status = h5_find_object(file, object, &place, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (place->attributes_fault[0] != 0) {
        return h5_fault(file, error, "the attributes of %.100s %s", object, place->attributes_fault);
    }
    const struct h5_description *description = file->description;
    const uint32_t number = (uint32_t)(place - description->objects);
    size_t begin, end;
    h5_description_attributes(description, number, &begin, &end);
    status = begin_listing(file, end - begin, &listing, error);
    for (size_t i = begin; i < end && status == STATUS_OK; i++) {
        status = add_text(file, description->attributes[i].name, &listing, error);
    }
    return end_listing(status, &listing, names, count);
}

static void append(char *text, size_t size, const char *value)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "", value);
}

enum status h5_attribute_text(const struct h5_file *file, const char *object, const char *name, char *text,
                              size_t size, struct error *error)
{
    enum { MOST = 256 };
    uint64_t uints[MOST];
    int64_t ints[MOST];
    double doubles[MOST];
    char **strings, value[40];
    size_t count = 0;
    text[0] = 0;
    if (h5_get_strings(file, object, name, &strings, &count, NULL) == STATUS_OK) {
        for (size_t i = 0; i < count; i++) {
            append(text, size, strings[i]);
        }
        h5_list_free(strings, count);
        return STATUS_OK;
    }
    bool is_unsigned = h5_get_uints(file, object, name, MOST, uints, &count, NULL) == STATUS_OK;
    bool is_signed = !is_unsigned && h5_get_ints(file, object, name, MOST, ints, &count, NULL) == STATUS_OK;
    if (!is_unsigned && !is_signed) {
        enum status status = h5_get_doubles(file, object, name, MOST, doubles, &count, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_unsigned) {
            snprintf(value, sizeof value, "%llu", (unsigned long long)uints[i]);
        } else if (is_signed) {
            snprintf(value, sizeof value, "%lld", (long long)ints[i]);
        } else {
            snprintf(value, sizeof value, "%g", doubles[i]);
        }
        append(text, size, value);
    }
    return STATUS_OK;
}
