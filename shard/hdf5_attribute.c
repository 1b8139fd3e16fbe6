#include "shard/hdf5_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of all texts of one attribute, and how many they are. */
#define TEXT_BYTES_MAX ((size_t)1 << 24)
#define TEXTS_MAX 65536

/* --- Writing --- */

/* `count` values; scalar: one value without a dimension. */
static enum status set(struct h5_file *file, const char *object, const char *name, hid_t stored, hid_t memory,
                       bool scalar, size_t count, const void *values, struct error *error)
{
    hid_t id;
    enum status status = h5_open_object(file, object, &id, error);
    if (status != STATUS_OK)
        return status;
    hsize_t dims[1] = {count};
    hid_t space = scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, dims, NULL);
    hid_t attribute = H5I_INVALID_HID;
    bool done = space >= 0;
    if (done && H5Aexists(id, name) > 0)
        done = H5Adelete(id, name) >= 0;
    if (done)
        attribute = H5Acreate2(id, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    done = attribute >= 0 && (count == 0 || H5Awrite(attribute, memory, values) >= 0);
    if (!done)
        status = h5_library_fault(file, error, "cannot write the attribute '%s' of %s", name, object);
    if (attribute >= 0)
        H5Aclose(attribute);
    if (space >= 0)
        H5Sclose(space);
    H5Oclose(id);
    return status;
}

enum status h5_set_uint(struct h5_file *file, const char *object, const char *name, uint64_t value,
                        struct error *error)
{
    H5_ALONE;
    return set(file, object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, true, 1, &value, error);
}

enum status h5_set_int(struct h5_file *file, const char *object, const char *name, int64_t value,
                       struct error *error)
{
    H5_ALONE;
    return set(file, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, true, 1, &value, error);
}

enum status h5_set_double(struct h5_file *file, const char *object, const char *name, double value,
                          struct error *error)
{
    H5_ALONE;
    return set(file, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, true, 1, &value, error);
}

enum status h5_set_uints(struct h5_file *file, const char *object, const char *name, const uint64_t *values,
                         size_t count, struct error *error)
{
    H5_ALONE;
    return set(file, object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, false, count, values, error);
}

enum status h5_set_ints(struct h5_file *file, const char *object, const char *name, const int64_t *values,
                        size_t count, struct error *error)
{
    H5_ALONE;
    return set(file, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, false, count, values, error);
}

enum status h5_set_doubles(struct h5_file *file, const char *object, const char *name, const double *values,
                           size_t count, struct error *error)
{
    H5_ALONE;
    return set(file, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, false, count, values, error);
}

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, size) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0 ||
                      H5Tset_strpad(type, H5T_STR_NULLPAD) < 0)) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

static enum status set_texts(struct h5_file *file, const char *object, const char *name, bool scalar,
                             const char *const *values, size_t count, struct error *error)
{
    size_t widest = 1;
    for (size_t i = 0; i < count; i++)
        widest = strlen(values[i]) > widest ? strlen(values[i]) : widest;
    char *texts = calloc(count + 1, widest);
    hid_t type = text_type(widest);
    enum status status;
    if (texts == NULL || type < 0) {
        status =
            error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory for the attribute '%s'", name);
    } else {
        for (size_t i = 0; i < count; i++)
            memcpy(texts + i * widest, values[i], strlen(values[i]));
        status = set(file, object, name, type, type, scalar, count, texts, error);
    }
    if (type >= 0)
        H5Tclose(type);
    free(texts);
    return status;
}

enum status h5_set_string(struct h5_file *file, const char *object, const char *name, const char *value,
                          struct error *error)
{
    H5_ALONE;
    return set_texts(file, object, name, true, &value, 1, error);
}

enum status h5_set_strings(struct h5_file *file, const char *object, const char *name,
                           const char *const *values, size_t count, struct error *error)
{
    H5_ALONE;
    return set_texts(file, object, name, false, values, count, error);
}

/* --- Reading --- */

/* An open attribute. */
struct attribute {
    const struct h5_file *file;
    const char *object, *name;
    hid_t object_id, id, type, space;
    H5T_class_t class;
    size_t count;
};

static void attribute_close(struct attribute *attribute)
{
    if (attribute->space >= 0)
        H5Sclose(attribute->space);
    if (attribute->type >= 0)
        H5Tclose(attribute->type);
    if (attribute->id >= 0)
        H5Aclose(attribute->id);
    if (attribute->object_id >= 0)
        H5Oclose(attribute->object_id);
}

static enum status fault(const struct attribute *attribute, struct error *error, const char *what)
{
    return h5_fault(attribute->file, error, "the attribute '%s' of %s %s", attribute->name, attribute->object,
                    what);
}

static enum status unreadable(const struct attribute *attribute, struct error *error)
{
    return h5_library_fault(attribute->file, error, "cannot read the attribute '%s' of %s", attribute->name,
                            attribute->object);
}

static enum status attribute_inspect(struct attribute *attribute, size_t capacity, struct error *error)
{
    htri_t there = H5Aexists(attribute->object_id, attribute->name);
    if (there < 0)
        return unreadable(attribute, error);
    if (there == 0)
        return fault(attribute, error, "is missing");
    attribute->id = H5Aopen(attribute->object_id, attribute->name, H5P_DEFAULT);
    if (attribute->id >= 0) {
        attribute->type = H5Aget_type(attribute->id);
        attribute->space = H5Aget_space(attribute->id);
    }
    if (attribute->type < 0 || attribute->space < 0)
        return unreadable(attribute, error);
    attribute->class = H5Tget_class(attribute->type);
    hssize_t count = H5Sget_simple_extent_npoints(attribute->space);
    if (count < 0 || H5Sget_simple_extent_ndims(attribute->space) > 1)
        return fault(attribute, error, "has a shape that is none of ours");
    attribute->count = (size_t)count;
    if (attribute->count > capacity)
        return fault(attribute, error, "has more values than there can be");
    return STATUS_OK;
}

/* On an error nothing stays open. */
static enum status attribute_open(const struct h5_file *file, const char *object, const char *name,
                                  size_t capacity, struct attribute *attribute, struct error *error)
{
    *attribute = (struct attribute){
        .file = file, .object = object, .name = name, .id = -1, .type = -1, .space = -1, .object_id = -1};
    enum status status = h5_open_object(file, object, &attribute->object_id, error);
    if (status == STATUS_OK)
        status = attribute_inspect(attribute, capacity, error);
    if (status != STATUS_OK)
        attribute_close(attribute);
    return status;
}

enum status h5_has_attribute(const struct h5_file *file, const char *object, const char *name, bool *has,
                             struct error *error)
{
    H5_ALONE;
    hid_t id;
    *has = false;
    enum status status = h5_open_object(file, object, &id, error);
    if (status != STATUS_OK)
        return status;
    htri_t there = H5Aexists(id, name);
    if (there < 0)
        status = h5_library_fault(file, error, "cannot look for the attribute '%s' of %s", name, object);
    *has = there > 0;
    H5Oclose(id);
    return status;
}

/* Integers wider than 64 bits do not exist in C: refused with the rest that is none. A value of the other
 * signedness is read as what it is and then checked, since HDF5 would clip it in silence. */
static enum status get_integers(const struct attribute *attribute, bool is_signed, void *values,
                                struct error *error)
{
    if (attribute->class != H5T_INTEGER || H5Tget_size(attribute->type) > 8)
        return fault(attribute, error, "is not an integer");
    bool stored_signed = H5Tget_sign(attribute->type) == H5T_SGN_2;
    if (attribute->count > 0 &&
        H5Aread(attribute->id, stored_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, values) < 0)
        return unreadable(attribute, error);
    const uint64_t *bits = values;
    for (size_t i = 0; i < attribute->count && stored_signed != is_signed; i++)
        if (bits[i] > INT64_MAX)
            return fault(attribute, error, "is out of range");
    return STATUS_OK;
}

static enum status get_numbers(const struct h5_file *file, const char *object, const char *name,
                               size_t capacity, bool is_signed, void *values, size_t *count,
                               struct error *error)
{
    struct attribute attribute;
    enum status status = attribute_open(file, object, name, capacity, &attribute, error);
    if (status != STATUS_OK)
        return status;
    status = get_integers(&attribute, is_signed, values, error);
    *count = attribute.count;
    attribute_close(&attribute);
    return status;
}

static enum status check_single(const struct h5_file *file, const char *object, const char *name,
                                size_t count, struct error *error)
{
    if (count == 1)
        return STATUS_OK;
    return h5_fault(file, error, "the attribute '%s' of %s has %zu values where one is needed", name, object,
                    count);
}

enum status h5_get_uints(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                         uint64_t *values, size_t *count, struct error *error)
{
    H5_ALONE;
    return get_numbers(file, object, name, capacity, false, values, count, error);
}

enum status h5_get_ints(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                        int64_t *values, size_t *count, struct error *error)
{
    H5_ALONE;
    return get_numbers(file, object, name, capacity, true, values, count, error);
}

enum status h5_get_uint(const struct h5_file *file, const char *object, const char *name, uint64_t most,
                        uint64_t *value, struct error *error)
{
    H5_ALONE;
    size_t count = 0;
    enum status status = get_numbers(file, object, name, 1, false, value, &count, error);
    if (status == STATUS_OK)
        status = check_single(file, object, name, count, error);
    if (status == STATUS_OK && *value > most)
        status = h5_fault(file, error, "the attribute '%s' of %s is %llu, and at most %llu is possible", name,
                          object, (unsigned long long)*value, (unsigned long long)most);
    return status;
}

enum status h5_get_int(const struct h5_file *file, const char *object, const char *name, int64_t *value,
                       struct error *error)
{
    H5_ALONE;
    size_t count = 0;
    enum status status = get_numbers(file, object, name, 1, true, value, &count, error);
    return status == STATUS_OK ? check_single(file, object, name, count, error) : status;
}

enum status h5_get_doubles(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                           double *values, size_t *count, struct error *error)
{
    H5_ALONE;
    struct attribute attribute;
    enum status status = attribute_open(file, object, name, capacity, &attribute, error);
    if (status != STATUS_OK)
        return status;
    if (attribute.class != H5T_FLOAT)
        status = fault(&attribute, error, "is not a floating-point number");
    else if (attribute.count > 0 && H5Aread(attribute.id, H5T_NATIVE_DOUBLE, values) < 0)
        status = unreadable(&attribute, error);
    *count = attribute.count;
    attribute_close(&attribute);
    return status;
}

enum status h5_get_double(const struct h5_file *file, const char *object, const char *name, double *value,
                          struct error *error)
{
    H5_ALONE;
    size_t count = 0;
    enum status status = h5_get_doubles(file, object, name, 1, value, &count, error);
    return status == STATUS_OK ? check_single(file, object, name, count, error) : status;
}

/* Texts of fixed length, as we write them. */
static enum status get_fixed(const struct attribute *attribute, char **values, struct error *error)
{
    size_t width = H5Tget_size(attribute->type);
    if (width == 0 || width > TEXT_BYTES_MAX / (attribute->count + 1))
        return fault(attribute, error, "is too long a text");
    char *texts = calloc(attribute->count + 1, width);
    if (texts == NULL)
        return error_set(error, STATUS_INTERNAL, attribute->file->path, NULL, "no memory for a text");
    enum status status = STATUS_OK;
    if (attribute->count > 0 && H5Aread(attribute->id, attribute->type, texts) < 0)
        status = unreadable(attribute, error);
    for (size_t i = 0; i < attribute->count && status == STATUS_OK; i++) {
        values[i] = strndup(texts + i * width, width);
        if (values[i] == NULL)
            status = error_set(error, STATUS_INTERNAL, attribute->file->path, NULL, "no memory for a text");
    }
    free(texts);
    return status;
}

/* Texts of variable length, as h5py writes them. */
static enum status get_variable(const struct attribute *attribute, char **values, struct error *error)
{
    char **texts = calloc(attribute->count + 1, sizeof *texts);
    if (texts == NULL)
        return error_set(error, STATUS_INTERNAL, attribute->file->path, NULL, "no memory for a text");
    if (attribute->count > 0 && H5Aread(attribute->id, attribute->type, texts) < 0) {
        free(texts);
        return unreadable(attribute, error);
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < attribute->count && status == STATUS_OK; i++) {
        values[i] = strdup(texts[i] != NULL ? texts[i] : "");
        if (values[i] == NULL)
            status = error_set(error, STATUS_INTERNAL, attribute->file->path, NULL, "no memory for a text");
    }
    H5Dvlen_reclaim(attribute->type, attribute->space, H5P_DEFAULT, texts);
    free(texts);
    return status;
}

enum status h5_get_strings(const struct h5_file *file, const char *object, const char *name, char ***values,
                           size_t *count, struct error *error)
{
    H5_ALONE;
    struct attribute attribute;
    *values = NULL;
    *count = 0;
    enum status status = attribute_open(file, object, name, TEXTS_MAX, &attribute, error);
    if (status != STATUS_OK)
        return status;
    if (attribute.class != H5T_STRING)
        status = fault(&attribute, error, "is not a text");
    if (status == STATUS_OK) {
        *values = calloc(attribute.count + 1, sizeof **values);
        if (*values == NULL)
            status = error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory for a text");
    }
    if (status == STATUS_OK)
        status = H5Tis_variable_str(attribute.type) > 0 ? get_variable(&attribute, *values, error)
                                                        : get_fixed(&attribute, *values, error);
    if (status == STATUS_OK) {
        *count = attribute.count;
    } else if (*values != NULL) {
        h5_list_free(*values, attribute.count);
        *values = NULL;
    }
    attribute_close(&attribute);
    return status;
}

enum status h5_get_string(const struct h5_file *file, const char *object, const char *name, char *value,
                          size_t size, struct error *error)
{
    H5_ALONE;
    char **values;
    size_t count;
    enum status status = h5_get_strings(file, object, name, &values, &count, error);
    if (status != STATUS_OK)
        return status;
    status = check_single(file, object, name, count, error);
    if (status == STATUS_OK && strlen(values[0]) >= size)
        status = h5_fault(file, error, "the attribute '%s' of %s is too long a text", name, object);
    if (status == STATUS_OK)
        memcpy(value, values[0], strlen(values[0]) + 1);
    h5_list_free(values, count);
    return status;
}

/* --- Looking around --- */

struct listing {
    char **names;
    size_t count, capacity;
};

static herr_t collect_name(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    struct listing *listing = context;
    (void)object;
    (void)info;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity * 2 + 16;
        char **names = realloc(listing->names, capacity * sizeof *names);
        if (names == NULL)
            return -1;
        listing->names = names;
        listing->capacity = capacity;
    }
    listing->names[listing->count] = strdup(name);
    return listing->names[listing->count] != NULL ? (listing->count++, 0) : -1;
}

enum status h5_list_attributes(const struct h5_file *file, const char *object, char ***names, size_t *count,
                               struct error *error)
{
    H5_ALONE;
    hid_t id;
    struct listing listing = {0};
    *names = NULL;
    *count = 0;
    enum status status = h5_open_object(file, object, &id, error);
    if (status != STATUS_OK)
        return status;
    if (H5Aiterate2(id, H5_INDEX_NAME, H5_ITER_INC, NULL, collect_name, &listing) < 0) {
        status = h5_library_fault(file, error, "cannot list the attributes of %s", object);
        h5_list_free(listing.names, listing.count);
    } else {
        *names = listing.names;
        *count = listing.count;
    }
    H5Oclose(id);
    return status;
}

static void append(char *text, size_t size, const char *value)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "", value);
}

enum status h5_attribute_text(const struct h5_file *file, const char *object, const char *name, char *text,
                              size_t size, struct error *error)
{
    H5_ALONE;
    enum { MOST = 256 };
    uint64_t uints[MOST];
    int64_t ints[MOST];
    double doubles[MOST];
    char **strings, value[40];
    size_t count = 0;
    text[0] = 0;
    if (h5_get_strings(file, object, name, &strings, &count, NULL) == STATUS_OK) {
        for (size_t i = 0; i < count; i++)
            append(text, size, strings[i]);
        h5_list_free(strings, count);
        return STATUS_OK;
    }
    bool is_unsigned = h5_get_uints(file, object, name, MOST, uints, &count, NULL) == STATUS_OK;
    bool is_signed = !is_unsigned && h5_get_ints(file, object, name, MOST, ints, &count, NULL) == STATUS_OK;
    if (!is_unsigned && !is_signed) {
        enum status status = h5_get_doubles(file, object, name, MOST, doubles, &count, error);
        if (status != STATUS_OK)
            return status;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_unsigned)
            snprintf(value, sizeof value, "%llu", (unsigned long long)uints[i]);
        else if (is_signed)
            snprintf(value, sizeof value, "%lld", (long long)ints[i]);
        else
            snprintf(value, sizeof value, "%g", doubles[i]);
        append(text, size, value);
    }
    return STATUS_OK;
}
