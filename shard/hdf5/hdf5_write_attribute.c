#include "shard/hdf5/hdf5_library.h"
#include "shard/hdf5/hdf5_private.h"

#include <stdlib.h>
#include <string.h>

/* `count` values; scalar: one value without a dimension. */
static enum status set(struct h5_file *file, const char *object, const char *name, hid_t stored, hid_t memory,
                       bool scalar, size_t count, const void *values, struct error *error)
{
    enum status status = STATUS_OK;
    hid_t id = H5Oopen(file->id, object, H5P_DEFAULT);
    if (id < 0) {
        return h5_write_fault(file, error, "cannot open %s", object);
    }
    hsize_t dims[1] = {count};
    hid_t space = scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, dims, NULL);
    hid_t attribute = H5I_INVALID_HID;
    bool done = space >= 0;
    if (done && H5Aexists(id, name) > 0) {
        done = H5Adelete(id, name) >= 0;
    }
    if (done) {
        attribute = H5Acreate2(id, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    }
    done = attribute >= 0 && (count == 0 || H5Awrite(attribute, memory, values) >= 0);
    if (!done) {
        status = h5_write_fault(file, error, "cannot write the attribute '%s' of %s", name, object);
    }
    if (attribute >= 0) {
        H5Aclose(attribute);
    }
    if (space >= 0) {
        H5Sclose(space);
    }
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
    for (size_t i = 0; i < count; i++) {
        widest = strlen(values[i]) > widest ? strlen(values[i]) : widest;
    }
    char *texts = calloc(count + 1, widest);
    hid_t type = text_type(widest);
    enum status status;
    if (!texts || type < 0) {
        status =
            error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory for the attribute '%s'", name);
    } else {
        for (size_t i = 0; i < count; i++) {
            memcpy(texts + i * widest, values[i], strlen(values[i]));
        }
        status = set(file, object, name, type, type, scalar, count, texts, error);
    }
    if (type >= 0) {
        H5Tclose(type);
    }
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
