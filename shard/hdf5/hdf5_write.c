#include "shard/hdf5/hdf5_private.h"

#include "proto/file.h"
#include "shard/hdf5/hdf5_description.h"
#include "shard/hdf5/hdf5_library.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What is written at once: other threads wait for HDF5 no longer than this takes. */
#define PIECE_BYTES (UINT64_C(16) << 20)

enum status h5_write_fault(const struct h5_file *file, struct error *error, const char *format, ...)
{
    char library[256], text[256];
    h5_library_message(library, sizeof library);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return h5_fault(file, error, "%s: HDF5 says '%s'", text, library);
}

/* --- Files --- */

enum status h5_create_file(const char *path, struct h5_file *file, struct error *error)
{
    H5_ALONE;
    *file = (struct h5_file){.writable = true};
    int length = snprintf(file->path, sizeof file->path, "%s", path);
    if (length < 0 || (size_t)length >= sizeof file->path) {
        return h5_fault(file, error, "the path is too long");
    }
    /* Nothing that has the name is written to, least of all through a link: it is replaced. */
    enum status status = file_make_way(path, error);
    if (status != STATUS_OK) {
        return status;
    }
    hid_t list = h5_access_list();
    hid_t id = list < 0 ? list : H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, list);
    if (id < 0) {
        status = h5_write_fault(file, error, "cannot make the file");
    } else {
        file->id = id;
    }
    if (list >= 0) {
        H5Pclose(list);
    }
    return status;
}

enum status h5_finish_file(struct h5_file *file, struct error *error)
{
    H5_ALONE;
    if (file->id <= 0) {
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    if (H5Fflush(file->id, H5F_SCOPE_GLOBAL) < 0) {
        status = h5_write_fault(file, error, "cannot write the file");
    }
    if (H5Fclose(file->id) < 0 && status == STATUS_OK) {
        status = h5_write_fault(file, error, "cannot close the file");
    }
    file->id = 0;
    /* HDF5 keeps a file open that it cannot close: emptied, it takes no space once its name is removed. */
    if (status != STATUS_OK && truncate(file->path, 0) != 0) {
        unlink(file->path);
    }
    return status;
}

/* --- Arrays --- */

/* Makes the dataset; chunk_rows 0: contiguous, of fixed size. */
static enum status create_dataset(struct h5_array *array, uint64_t chunk_rows, struct error *error)
{
    hsize_t dims[H5_RANK_MAX], limits[H5_RANK_MAX], chunk[H5_RANK_MAX];
    for (int i = 0; i < array->rank; i++) {
        dims[i] = array->dims[i];
        limits[i] = i == 0 && chunk_rows > 0 ? H5S_UNLIMITED : dims[i];
        chunk[i] = i == 0 ? chunk_rows : dims[i];
    }
    hid_t space = H5Screate_simple(array->rank, dims, limits);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    hid_t id = H5I_INVALID_HID;
    if (space >= 0 && H5Pset_create_intermediate_group(links, 1) >= 0 &&
        H5Pset_obj_track_times(create, false) >= 0 && H5Pset_fill_time(create, H5D_FILL_TIME_NEVER) >= 0 &&
        H5Pset_chunk_cache(access, 1, 0, 1) >= 0 &&
        (chunk_rows == 0 || H5Pset_chunk(create, array->rank, chunk) >= 0)) {
        id =
            H5Dcreate2(array->file->id, array->name, h5_file_type(array->type), space, links, create, access);
    }
    enum status status = STATUS_OK;
    if (id < 0) {
        status = h5_write_fault(array->file, error, "cannot make %s", array->name);
    } else {
        array->id = id;
    }
    H5Pclose(access);
    H5Pclose(create);
    H5Pclose(links);
    if (space >= 0) {
        H5Sclose(space);
    }
    return status;
}

static enum status begin_array(struct h5_file *file, const char *name, enum h5_type type, int rank,
                               const uint64_t *dims, struct h5_array *array, struct error *error)
{
    memset(array, 0, sizeof *array);
    array->file = file;
    array->type = type;
    array->rank = rank;
    if (rank < 1 || rank > H5_RANK_MAX || name[0] != '/' || strlen(name) >= sizeof array->name) {
        return h5_fault(file, error, "an array cannot be named '%.100s' with %d dimensions", name, rank);
    }
    memcpy(array->dims, dims, (size_t)rank * sizeof *dims);
    memcpy(array->name, name, strlen(name) + 1);
    return STATUS_OK;
}

enum status h5_create_array(struct h5_file *file, const char *name, enum h5_type type, int rank,
                            const uint64_t *dims, uint64_t chunk_rows, struct h5_array *array,
                            struct error *error)
{
    H5_ALONE;
    enum status status = begin_array(file, name, type, rank, dims, array, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (chunk_rows == 0) {
        return h5_fault(file, error, "%s needs chunks of at least one row", name);
    }
    return create_dataset(array, chunk_rows, error);
}

/* Writes rows begin..begin+count-1, which exist. */
static enum status transfer(const struct h5_array *array, uint64_t begin, uint64_t count, const void *data,
                            struct error *error)
{
    hsize_t start[H5_RANK_MAX] = {begin}, block[H5_RANK_MAX] = {count};
    for (int i = 1; i < array->rank; i++) {
        block[i] = array->dims[i];
    }
    hid_t there = H5Dget_space(array->id);
    hid_t here = H5Screate_simple(array->rank, block, NULL);
    bool done = there >= 0 && here >= 0 &&
                H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, block, NULL) >= 0 &&
                H5Dwrite(array->id, h5_memory_type(array->type), here, there, H5P_DEFAULT, data) >= 0;
    enum status status = STATUS_OK;
    if (!done) {
        status = h5_write_fault(array->file, error, "cannot write rows %llu to %llu of %s",
                                (unsigned long long)begin, (unsigned long long)(begin + count), array->name);
    }
    if (here >= 0) {
        H5Sclose(here);
    }
    if (there >= 0) {
        H5Sclose(there);
    }
    return status;
}

enum status h5_finish_array(struct h5_array *array, struct error *error)
{
    H5_ALONE;
    return H5Dclose(array->id) < 0 ? h5_write_fault(array->file, error, "cannot close %s", array->name)
                                   : STATUS_OK;
}

/* Makes a fixed array, open in *array. */
static enum status create_fixed(struct h5_file *file, const char *name, enum h5_type type, int rank,
                                const uint64_t *dims, struct h5_array *array, struct error *error)
{
    H5_ALONE;
    enum status status = begin_array(file, name, type, rank, dims, array, error);
    return status == STATUS_OK ? create_dataset(array, 0, error) : status;
}

static enum status write_rows(const struct h5_array *array, uint64_t begin, uint64_t count, const void *data,
                              struct error *error)
{
    H5_ALONE;
    return transfer(array, begin, count, data, error);
}

enum status h5_write_array(struct h5_file *file, const char *name, enum h5_type type, int rank,
                           const uint64_t *dims, const void *data, struct error *error)
{
    struct h5_array array;
    enum status status = create_fixed(file, name, type, rank, dims, &array, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t row_bytes = h5_row_bytes(type, rank, dims);
    uint64_t piece = row_bytes > 0 && row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
    for (uint64_t begin = 0; begin < dims[0] && row_bytes > 0 && status == STATUS_OK; begin += piece) {
        uint64_t count = dims[0] - begin < piece ? dims[0] - begin : piece;
        status = write_rows(&array, begin, count, (const char *)data + begin * row_bytes, error);
    }
    enum status closed = h5_finish_array(&array, status == STATUS_OK ? error : NULL);
    return status == STATUS_OK ? closed : status;
}

enum status h5_append_rows(struct h5_array *array, uint64_t count, const void *data, struct error *error)
{
    H5_ALONE;
    if (count == 0) {
        return STATUS_OK;
    }
    hsize_t dims[H5_RANK_MAX];
    for (int i = 0; i < array->rank; i++) {
        dims[i] = array->dims[i] + (i == 0 ? count : 0);
    }
    if (H5Dset_extent(array->id, dims) < 0) {
        return h5_write_fault(array->file, error, "cannot extend %s", array->name);
    }
    array->dims[0] += count;
    return transfer(array, array->dims[0] - count, count, data, error);
}
