#include "shard/hdf5_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES_MAX (1 << 28)
/* What deflate makes of one byte at most: an array cannot hold more values than that allows for its file. */
#define INFLATED_BYTES_MAX 1032

static const char *const TYPE_NAMES[] = {"float32", "uint8", "uint32", "uint64"};
static const size_t TYPE_SIZES[] = {4, 1, 4, 8};
/* What is written at once: other threads wait for HDF5 no longer than this takes. */
#define PIECE_BYTES (UINT64_C(16) << 20)

static hid_t memory_type(enum h5_type type)
{
    switch (type) {
    case H5_TYPE_F32:
        return H5T_NATIVE_FLOAT;
    case H5_TYPE_U8:
        return H5T_NATIVE_UINT8;
    case H5_TYPE_U32:
        return H5T_NATIVE_UINT32;
    case H5_TYPE_U64:
        return H5T_NATIVE_UINT64;
    }
    return H5I_INVALID_HID;
}

static hid_t file_type(enum h5_type type)
{
    switch (type) {
    case H5_TYPE_F32:
        return H5T_IEEE_F32LE;
    case H5_TYPE_U8:
        return H5T_STD_U8LE;
    case H5_TYPE_U32:
        return H5T_STD_U32LE;
    case H5_TYPE_U64:
        return H5T_STD_U64LE;
    }
    return H5I_INVALID_HID;
}

static bool type_of(hid_t array, enum h5_type *type)
{
    hid_t id = H5Dget_type(array);
    bool known = false;
    for (int i = H5_TYPE_F32; i <= H5_TYPE_U64 && id >= 0 && !known; i++) {
        *type = (enum h5_type)i;
        known = H5Tget_class(id) == H5Tget_class(file_type(*type)) && H5Tget_size(id) == TYPE_SIZES[i] &&
                (*type == H5_TYPE_F32 || H5Tget_sign(id) == H5T_SGN_NONE);
    }
    if (id >= 0)
        H5Tclose(id);
    return known;
}

/* Filters that HDF5 has built in and that undo what compressors and checksums do; and chunks, each of which
 * HDF5 holds in memory whole, of a bounded size. */
static enum status check_chunks(const struct h5_array *array, hid_t list, struct error *error)
{
    hsize_t dims[H5S_MAX_RANK], elements = 1;
    for (int i = 0; i < H5Pget_nfilters(list); i++) {
        unsigned flags, configuration;
        size_t values = 0;
        H5Z_filter_t filter =
            H5Pget_filter2(list, (unsigned)i, &flags, &values, NULL, 0, NULL, &configuration);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
            return h5_fault(array->file, error, "%s is stored through the filter %d, which is refused",
                            array->name, (int)filter);
    }
    int rank = H5Pget_layout(list) == H5D_CHUNKED ? H5Pget_chunk(list, H5S_MAX_RANK, dims) : 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] > CHUNK_BYTES_MAX / TYPE_SIZES[array->type] / elements)
            return h5_fault(array->file, error,
                            "%s is stored in chunks of more than %d bytes, which is refused", array->name,
                            CHUNK_BYTES_MAX);
        elements *= dims[i];
    }
    return STATUS_OK;
}

/* Refuses an array whose values lie in other files. */
static enum status check_storage(const struct h5_array *array, struct error *error)
{
    hid_t list = H5Dget_create_plist(array->id);
    if (list < 0)
        return h5_library_fault(array->file, error, "cannot read the layout of %s", array->name);
    enum status status = STATUS_OK;
    if (H5Pget_layout(list) == H5D_VIRTUAL)
        status = h5_fault(array->file, error, "%s is a virtual dataset, which is refused", array->name);
    else if (H5Pget_external_count(list) != 0)
        status = h5_fault(array->file, error, "%s is stored in another file, which is refused", array->name);
    else
        status = check_chunks(array, list, error);
    H5Pclose(list);
    return status;
}

static enum status read_extent(struct h5_array *array, struct error *error)
{
    hsize_t dims[H5_RANK_MAX];
    hid_t space = H5Dget_space(array->id);
    if (space < 0)
        return h5_library_fault(array->file, error, "cannot read the shape of %s", array->name);
    enum status status = STATUS_OK;
    array->rank = H5Sget_simple_extent_ndims(space);
    if (array->rank < 0 || array->rank > H5_RANK_MAX || H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        status = h5_fault(array->file, error, "the shape of %s is none of ours", array->name);
    for (int i = 0; i < array->rank && status == STATUS_OK; i++)
        array->dims[i] = dims[i];
    H5Sclose(space);
    return status;
}

/* The array's id alone; without a chunk cache, so that whole rows are read straight into the caller's memory
 * wherever chunks are not compressed. */
static enum status open_dataset(struct h5_array *array, struct error *error)
{
    enum h5_kind kind;
    enum status status = h5_kind_of(array->file, array->name, &kind, error);
    if (status != STATUS_OK)
        return status;
    if (kind != H5_KIND_ARRAY)
        return h5_fault(array->file, error, "there is no array %s in the file", array->name);
    hid_t list = H5Pcreate(H5P_DATASET_ACCESS);
    if (list < 0 || H5Pset_chunk_cache(list, 1, 0, 1) < 0)
        status = h5_library_fault(array->file, error, "cannot open %s", array->name);
    if (status == STATUS_OK) {
        hid_t id = H5Dopen2(array->file->id, array->name, list);
        if (id < 0)
            status = h5_library_fault(array->file, error, "cannot open %s", array->name);
        else
            array->id = id;
    }
    if (list >= 0)
        H5Pclose(list);
    return status;
}

enum status h5_open_array(const struct h5_file *file, const char *name, struct h5_array *array,
                          struct error *error)
{
    H5_ALONE;
    memset(array, 0, sizeof *array);
    array->file = file;
    snprintf(array->name, sizeof array->name, "%s", name);
    enum status status = open_dataset(array, error);
    if (status == STATUS_OK)
        status = check_storage(array, error);
    if (status == STATUS_OK && !type_of(array->id, &array->type))
        status = h5_fault(file, error, "the type of %s is none of float32, uint8, uint32, uint64", name);
    if (status == STATUS_OK)
        status = read_extent(array, error);
    if (status != STATUS_OK)
        h5_close_array(array, NULL);
    return status;
}

enum status h5_close_array(struct h5_array *array, struct error *error)
{
    H5_ALONE;
    enum status status = STATUS_OK;
    if (array->id > 0 && H5Dclose(array->id) < 0)
        status = h5_library_fault(array->file, error, "cannot close %s", array->name);
    array->id = 0;
    return status;
}

enum status h5_read_array_shape(const struct h5_file *file, const char *name, enum h5_type *type, int *rank,
                                uint64_t *dims, struct error *error)
{
    H5_ALONE;
    struct h5_array array;
    enum status status = h5_open_array(file, name, &array, error);
    if (status != STATUS_OK)
        return status;
    *type = array.type;
    *rank = array.rank;
    memcpy(dims, array.dims, sizeof array.dims);
    h5_close_array(&array, NULL);
    return STATUS_OK;
}

static void shape_text(int rank, const uint64_t *dims, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, i == 0 ? "%llu" : ", %llu",
                                 (unsigned long long)dims[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

static enum status check_shape(const struct h5_array *array, enum h5_type type, int rank,
                               const uint64_t *dims, struct error *error)
{
    bool same = array->type == type && array->rank == rank;
    for (int i = 0; i < rank && same; i++)
        same = array->dims[i] == dims[i];
    if (same)
        return STATUS_OK;
    char found[160], wanted[160];
    shape_text(array->rank, array->dims, found, sizeof found);
    shape_text(rank, dims, wanted, sizeof wanted);
    return h5_fault(array->file, error, "%.150s is %s %s where %s %s is needed", array->name,
                    TYPE_NAMES[array->type], found, TYPE_NAMES[type], wanted);
}

static enum status read_all(const struct h5_array *array, void *data, struct error *error)
{
    if (H5Dread(array->id, memory_type(array->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        return h5_library_fault(array->file, error, "cannot read %s", array->name);
    return STATUS_OK;
}

enum status h5_read_array(const struct h5_file *file, const char *name, enum h5_type type, int rank,
                          const uint64_t *dims, void *data, struct error *error)
{
    H5_ALONE;
    struct h5_array array;
    enum status status = h5_open_array(file, name, &array, error);
    if (status != STATUS_OK)
        return status;
    status = check_shape(&array, type, rank, dims, error);
    if (status == STATUS_OK)
        status = read_all(&array, data, error);
    h5_close_array(&array, NULL);
    return status;
}

/* Lowers *most to what a file of this size can hold, however well it is compressed. */
static enum status most_elements(const struct h5_array *array, uint64_t *most, struct error *error)
{
    hsize_t bytes;
    if (H5Fget_filesize(array->file->id, &bytes) < 0)
        return h5_library_fault(array->file, error, "cannot read the file's size");
    uint64_t possible = bytes / TYPE_SIZES[array->type] * INFLATED_BYTES_MAX;
    *most = possible < *most ? possible : *most;
    return STATUS_OK;
}

enum status h5_read_vector(const struct h5_file *file, const char *name, enum h5_type type, uint64_t most,
                           void **data, uint64_t *count, struct error *error)
{
    H5_ALONE;
    struct h5_array array;
    *data = NULL;
    *count = 0;
    enum status status = h5_open_array(file, name, &array, error);
    if (status != STATUS_OK)
        return status;
    if (array.rank != 1 || array.type != type)
        status = h5_fault(file, error, "%s is not a %s array of one dimension", name, TYPE_NAMES[type]);
    if (status == STATUS_OK)
        status = most_elements(&array, &most, error);
    if (status == STATUS_OK && array.dims[0] > most)
        status = h5_fault(file, error, "%s has %llu elements, more than the %llu possible", name,
                          (unsigned long long)array.dims[0], (unsigned long long)most);
    if (status == STATUS_OK) {
        *data = malloc((size_t)array.dims[0] * TYPE_SIZES[type] + 1);
        if (*data == NULL)
            status = error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory to read %s", name);
    }
    if (status == STATUS_OK)
        status = read_all(&array, *data, error);
    if (status == STATUS_OK) {
        *count = array.dims[0];
    } else {
        free(*data);
        *data = NULL;
    }
    h5_close_array(&array, NULL);
    return status;
}

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
        (chunk_rows == 0 || H5Pset_chunk(create, array->rank, chunk) >= 0))
        id = H5Dcreate2(array->file->id, array->name, file_type(array->type), space, links, create, access);
    enum status status = STATUS_OK;
    if (id < 0)
        status = h5_library_fault(array->file, error, "cannot make %s", array->name);
    else
        array->id = id;
    H5Pclose(access);
    H5Pclose(create);
    H5Pclose(links);
    if (space >= 0)
        H5Sclose(space);
    return status;
}

static enum status begin_array(struct h5_file *file, const char *name, enum h5_type type, int rank,
                               const uint64_t *dims, struct h5_array *array, struct error *error)
{
    memset(array, 0, sizeof *array);
    array->file = file;
    array->type = type;
    array->rank = rank;
    if (rank < 1 || rank > H5_RANK_MAX || name[0] != '/' || strlen(name) >= sizeof array->name)
        return h5_fault(file, error, "an array cannot be named '%.100s' with %d dimensions", name, rank);
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
    if (status != STATUS_OK)
        return status;
    if (chunk_rows == 0)
        return h5_fault(file, error, "%s needs chunks of at least one row", name);
    return create_dataset(array, chunk_rows, error);
}

/* Reads or writes rows begin..begin+count-1, which exist. */
static enum status transfer(const struct h5_array *array, uint64_t begin, uint64_t count, void *into,
                            const void *from, struct error *error)
{
    hsize_t start[H5_RANK_MAX] = {begin}, block[H5_RANK_MAX] = {count};
    for (int i = 1; i < array->rank; i++)
        block[i] = array->dims[i];
    hid_t there = H5Dget_space(array->id);
    hid_t here = H5Screate_simple(array->rank, block, NULL);
    hid_t type = memory_type(array->type);
    herr_t result = -1;
    if (there >= 0 && here >= 0 && H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, block, NULL) >= 0)
        result = into != NULL ? H5Dread(array->id, type, here, there, H5P_DEFAULT, into)
                              : H5Dwrite(array->id, type, here, there, H5P_DEFAULT, from);
    enum status status = STATUS_OK;
    if (result < 0)
        status = h5_library_fault(array->file, error, "cannot %s rows %llu to %llu of %s",
                                  into != NULL ? "read" : "write", (unsigned long long)begin,
                                  (unsigned long long)(begin + count), array->name);
    if (here >= 0)
        H5Sclose(here);
    if (there >= 0)
        H5Sclose(there);
    return status;
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
    return transfer(array, begin, count, NULL, data, error);
}

enum status h5_write_array(struct h5_file *file, const char *name, enum h5_type type, int rank,
                           const uint64_t *dims, const void *data, struct error *error)
{
    struct h5_array array;
    enum status status = create_fixed(file, name, type, rank, dims, &array, error);
    if (status != STATUS_OK)
        return status;
    uint64_t row_bytes = TYPE_SIZES[type];
    for (int i = 1; i < rank; i++)
        row_bytes *= dims[i];
    uint64_t piece = row_bytes > 0 && row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
    for (uint64_t begin = 0; begin < dims[0] && row_bytes > 0 && status == STATUS_OK; begin += piece) {
        uint64_t count = dims[0] - begin < piece ? dims[0] - begin : piece;
        status = write_rows(&array, begin, count, (const char *)data + begin * row_bytes, error);
    }
    enum status closed = h5_close_array(&array, status == STATUS_OK ? error : NULL);
    return status == STATUS_OK ? closed : status;
}

enum status h5_append_rows(struct h5_array *array, uint64_t count, const void *data, struct error *error)
{
    H5_ALONE;
    if (count == 0)
        return STATUS_OK;
    hsize_t dims[H5_RANK_MAX];
    for (int i = 0; i < array->rank; i++)
        dims[i] = array->dims[i] + (i == 0 ? count : 0);
    if (H5Dset_extent(array->id, dims) < 0)
        return h5_library_fault(array->file, error, "cannot extend %s", array->name);
    array->dims[0] += count;
    return transfer(array, array->dims[0] - count, count, NULL, data, error);
}

enum status h5_read_rows(const struct h5_array *array, uint64_t begin, uint64_t count, void *data,
                         struct error *error)
{
    H5_ALONE;
    if (array->rank < 1 || begin > array->dims[0] || count > array->dims[0] - begin)
        return h5_fault(array->file, error, "%s has %llu rows, and %llu from row %llu on are asked for",
                        array->name, array->rank < 1 ? 0ULL : (unsigned long long)array->dims[0],
                        (unsigned long long)count, (unsigned long long)begin);
    return count == 0 ? STATUS_OK : transfer(array, begin, count, data, NULL, error);
}
