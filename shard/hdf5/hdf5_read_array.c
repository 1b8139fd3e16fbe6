#include "shard/hdf5/hdf5_child.h"
#include "shard/hdf5/hdf5_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What deflate makes of one byte at most: an array cannot hold more values than that allows for its file. */
#define INFLATED_BYTES_MAX 1032

/* --- Opening --- */

enum status h5_open_array(const struct h5_file *file, const char *name, struct h5_array *array,
                          struct error *error)
{
    const struct h5_object *object;
    *array = (struct h5_array){.file = file};
    snprintf(array->name, sizeof array->name, "%s", name);
    enum status status = h5_follow(file, name, &object, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (!object || object->kind != H5_KIND_ARRAY) {
        return h5_fault(file, error, "there is no array %s in the file", name);
    }
    if (object->fault[0] != 0) {
        return h5_fault(file, error, "%.100s %s", name, object->fault);
    }
    array->object = object;
    array->type = object->type;
    array->rank = object->rank;
    memcpy(array->dims, object->dims, sizeof array->dims);
    return STATUS_OK;
}

enum status h5_read_array_shape(const struct h5_file *file, const char *name, enum h5_type *type, int *rank,
                                uint64_t *dims, struct error *error)
{
    struct h5_array array;
    enum status status = h5_open_array(file, name, &array, error);
    if (status != STATUS_OK) {
        return status;
    }
    *type = array.type;
    *rank = array.rank;
    memcpy(dims, array.dims, sizeof array.dims);
    return STATUS_OK;
}

static void shape_text(int rank, const uint64_t *dims, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, i == 0 ? "%llu" : ", %llu",
                                 (unsigned long long)dims[i]);
    }
    if (used < size) {
        snprintf(text + used, size - used, "]");
    }
}

static enum status check_shape(const struct h5_array *array, enum h5_type type, int rank,
                               const uint64_t *dims, struct error *error)
{
    bool same = array->type == type && array->rank == rank;
    for (int i = 0; i < rank && same; i++) {
        same = array->dims[i] == dims[i];
    }
    if (same) {
        return STATUS_OK;
    }
    char found[160], wanted[160];
    shape_text(array->rank, array->dims, found, sizeof found);
    shape_text(rank, dims, wanted, sizeof wanted);
    return h5_fault(array->file, error, "%.150s is %s %s where %s %s is needed", array->name,
                    h5_type_name(array->type), found, h5_type_name(type), wanted);
}

/* --- Reading the bytes of pieces --- */

/* Whether all of them are stored: HDF5 itself knows what stands for values that never were. */
static bool is_stored(const struct h5_object *object)
{
    if (object->layout != H5_LAYOUT_PIECES) {
        return false;
    }
    for (uint64_t i = 0; i < object->pieces; i++) {
        if (h5_take_u64(object->piece + 8 * i) == UINT64_MAX) {
            return false;
        }
    }
    return true;
}

static enum status not_within(const struct h5_array *array, uint64_t begin, uint64_t end, struct error *error)
{
    return h5_fault(array->file, error, "bytes %llu to %llu of %s are not within the file",
                    (unsigned long long)begin, (unsigned long long)end, array->name);
}

static enum status read_run(const struct h5_array *array, uint64_t from, uint64_t count, uint8_t *bytes,
                            struct error *error)
{
    while (count > 0) {
        ssize_t got = pread(array->file->descriptor, bytes, count, (off_t)from);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return h5_fault(array->file, error, "cannot read %s, %llu bytes at offset %llu: %s", array->name,
                            (unsigned long long)count, (unsigned long long)from,
                            got < 0 ? strerror(errno) : "the file has become shorter");
        }
        bytes += got;
        from += (uint64_t)got;
        count -= (uint64_t)got;
    }
    return STATUS_OK;
}

/* Bytes at..at+count-1 of the array, which has them. */
static enum status read_pieces(const struct h5_array *array, uint64_t at, uint64_t count, uint8_t *bytes,
                               struct error *error)
{
    const struct h5_object *object = array->object;
    enum status status = STATUS_OK;
    while (count > 0 && status == STATUS_OK) {
        const uint64_t piece = at / object->piece_bytes, skipped = at % object->piece_bytes;
        const uint64_t left = object->piece_bytes - skipped, run = left < count ? left : count;
        const uint64_t place = h5_take_u64(object->piece + 8 * piece), size = array->file->bytes;
        if (place > size || skipped > size - place || run > size - place - skipped) {
            return not_within(array, at, at + run, error);
        }
        status = read_run(array, place + skipped, run, bytes, error);
        bytes += run;
        at += run;
        count -= run;
    }
    return status;
}

/* --- Reading values --- */

/* Rows begin..begin+count-1, which exist; of rank 0 the single value. */
static enum status read_values(const struct h5_array *array, uint64_t begin, uint64_t count, void *data,
                               struct error *error)
{
    const struct h5_object *object = array->object;
    const uint64_t row_bytes = h5_row_bytes(object->type, object->rank, object->dims);
    if (row_bytes == 0 || count == 0) {
        return STATUS_OK;
    }
    if (count > INT64_MAX / row_bytes) {
        return h5_fault(array->file, error, "%s has more bytes than can be read", array->name);
    }
    if (is_stored(object)) {
        return read_pieces(array, begin * row_bytes, count * row_bytes, data, error);
    }
    const struct h5_selection selection = {.identity = object->identity,
                                           .name = array->name,
                                           .type = object->type,
                                           .begin = begin,
                                           .count = count,
                                           .bytes = count * row_bytes};
    return h5_decode(array->file->descriptor, array->file->path, &selection, data, error);
}

static enum status read_all(const struct h5_array *array, void *data, struct error *error)
{
    return read_values(array, 0, array->rank == 0 ? 1 : array->dims[0], data, error);
}

enum status h5_read_array(const struct h5_file *file, const char *name, enum h5_type type, int rank,
                          const uint64_t *dims, void *data, struct error *error)
{
    struct h5_array array;
    enum status status = h5_open_array(file, name, &array, error);
    if (status == STATUS_OK) {
        status = check_shape(&array, type, rank, dims, error);
    }
    return status == STATUS_OK ? read_all(&array, data, error) : status;
}

enum status h5_read_vector(const struct h5_file *file, const char *name, enum h5_type type, uint64_t most,
                           void **data, uint64_t *count, struct error *error)
{
    struct h5_array array;
    *data = NULL;
    *count = 0;
    enum status status = h5_open_array(file, name, &array, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (array.rank != 1 || array.type != type) {
        return h5_fault(file, error, "%s is not a %s array of one dimension", name, h5_type_name(type));
    }
    /* No more than a file of this size can hold, however well it is compressed. */
    const uint64_t possible = file->bytes / h5_type_size(type) * INFLATED_BYTES_MAX;
    most = possible < most ? possible : most;
    if (array.dims[0] > most) {
        return h5_fault(file, error, "%s has %llu elements, more than the %llu possible", name,
                        (unsigned long long)array.dims[0], (unsigned long long)most);
    }
    *data = malloc((size_t)(array.dims[0] * h5_type_size(type) + 1));
    if (!*data) {
        return error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory to read %s", name);
    }
    status = read_all(&array, *data, error);
    if (status == STATUS_OK) {
        *count = array.dims[0];
    } else {
        free(*data);
        *data = NULL;
    }
    return status;
}

enum status h5_read_rows(const struct h5_array *array, uint64_t begin, uint64_t count, void *data,
                         struct error *error)
{
    if (array->rank < 1 || begin > array->dims[0] || count > array->dims[0] - begin) {
        return h5_fault(array->file, error, "%s has %llu rows, and %llu from row %llu on are asked for",
                        array->name, array->rank < 1 ? 0ULL : (unsigned long long)array->dims[0],
                        (unsigned long long)count, (unsigned long long)begin);
    }
    return read_values(array, begin, count, data, error);
}

/* --- Where the bytes lie --- */

static enum status check_layout(const struct h5_array *array, struct error *error)
{
    switch (array->object->layout) {
    case H5_LAYOUT_PIECES:
        return STATUS_OK;
    case H5_LAYOUT_USER_BLOCK:
        return h5_fault(array->file, error, "the file has a user block, which is refused");
    case H5_LAYOUT_COMPRESSED:
        return h5_fault(array->file, error, "%s is compressed, which is refused", array->name);
    case H5_LAYOUT_COMPACT:
        return h5_fault(array->file, error, "%s has the compact layout, which is refused", array->name);
    case H5_LAYOUT_OTHER:
        break;
    }
    return h5_fault(array->file, error, "%s is stored in parts that are too many, or not all there",
                    array->name);
}

static enum status locate_pieces(const struct h5_array *array, struct h5_location *location,
                                 struct error *error)
{
    const struct h5_object *object = array->object;
    location->piece_bytes = object->piece_bytes;
    location->pieces = object->pieces;
    location->piece = malloc((size_t)(object->pieces + 1) * sizeof *location->piece);
    if (!location->piece) {
        return error_set(error, STATUS_INTERNAL, array->file->path, NULL, "no memory to locate %s",
                         array->name);
    }
    for (uint64_t i = 0; i < object->pieces; i++) {
        const uint64_t begin = i * object->piece_bytes, left = object->bytes - begin;
        const uint64_t used = left < object->piece_bytes ? left : object->piece_bytes;
        location->piece[i] = h5_take_u64(object->piece + 8 * i);
        if (location->piece[i] > array->file->bytes || used > array->file->bytes - location->piece[i]) {
            return not_within(array, begin, begin + used, error);
        }
    }
    return STATUS_OK;
}

enum status h5_locate(const struct h5_array *array, struct h5_location *location, struct error *error)
{
    const struct h5_file *file = array->file;
    *location = (struct h5_location){.descriptor = -1};
    if (array->type != H5_TYPE_U8 || array->rank != 1) {
        return h5_fault(file, error, "%s is not a uint8 array of one dimension", array->name);
    }
    if (array->dims[0] > file->bytes) {
        return h5_fault(file, error, "%s says it has %llu bytes and the file has %llu", array->name,
                        (unsigned long long)array->dims[0], (unsigned long long)file->bytes);
    }
    enum status status = check_layout(array, error);
    if (status == STATUS_OK) {
        status = locate_pieces(array, location, error);
    }
    if (status == STATUS_OK) {
        location->descriptor = fcntl(file->descriptor, F_DUPFD_CLOEXEC, 3);
        if (location->descriptor < 0) {
            status = h5_fault(file, error, "cannot reach the open file: %s", strerror(errno));
        }
    }
    if (status != STATUS_OK) {
        free(location->piece);
        *location = (struct h5_location){.descriptor = -1};
    }
    return status;
}
