#include "shard/hdf5/hdf5_stored.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_PATH "/proc/self/fd/0"
#define OUTPUT 1
#define CHUNK_BYTES_MAX (1 << 28)
/* HDF5 finds a chunk by going through all those before it. */
#define PIECES_MAX 16384
/* What its index takes at least for a chunk. */
#define CHUNK_ENTRY_BYTES 16

void h5_stored_fault(char *fault, const char *what)
{
    char message[256];
    h5_library_message(message, sizeof message);
    snprintf(fault, H5_FAULT_SIZE, "%s: HDF5 says '%s'", what, message);
}

bool h5_stored_write(const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t count = write(OUTPUT, at, size);
        if (count <= 0) {
            return false;
        }
        at += count;
        size -= (size_t)count;
    }
    return true;
}

bool h5_stored_open_file(struct h5_opened *file, char *fault)
{
    h5_enter();
    hid_t list = h5_access_list();
    hsize_t bytes, user_block;
    file->id = list < 0 ? list : H5Fopen(FILE_PATH, H5F_ACC_RDONLY, list);
    hid_t created = file->id < 0 ? file->id : H5Fget_create_plist(file->id);
    if (created < 0 || H5Fget_filesize(file->id, &bytes) < 0 || H5Pget_userblock(created, &user_block) < 0) {
        h5_stored_fault(fault, "cannot open the file");
        return false;
    }
    file->bytes = bytes;
    file->user_block = user_block;
    return true;
}

static bool read_type(struct h5_stored *array, char *fault)
{
    hid_t id = H5Dget_type(array->id);
    bool known = false;
    for (int i = H5_TYPE_F32; i <= H5_TYPE_U64 && id >= 0 && !known; i++) {
        array->type = (enum h5_type)i;
        known = H5Tget_class(id) == H5Tget_class(h5_file_type(array->type)) &&
                H5Tget_size(id) == h5_type_size(array->type) &&
                (array->type == H5_TYPE_F32 || H5Tget_sign(id) == H5T_SGN_NONE);
    }
    array->plain = known && H5Tequal(id, h5_memory_type(array->type)) > 0;
    if (!known) {
        snprintf(fault, H5_FAULT_SIZE, "is of a type that is none of float32, uint8, uint32, uint64");
    }
    if (id >= 0) {
        H5Tclose(id);
    }
    return known;
}

static bool read_extent(struct h5_stored *array, char *fault)
{
    hsize_t dims[H5_RANK_MAX] = {0};
    hid_t space = H5Dget_space(array->id);
    array->rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    const bool known = array->rank >= 0 && array->rank <= H5_RANK_MAX &&
                       H5Sget_simple_extent_type(space) != H5S_NULL &&
                       H5Sget_simple_extent_dims(space, dims, NULL) >= 0;
    for (int i = 0; i < array->rank && known; i++) {
        array->dims[i] = dims[i];
    }
    if (!known) {
        snprintf(fault, H5_FAULT_SIZE, "has a shape that is none of ours");
    }
    if (space >= 0) {
        H5Sclose(space);
    }
    return known;
}

/* Filters that HDF5 has built in and that undo what compressors and checksums do; and chunks, each of which
 * HDF5 holds in memory whole, of a bounded size. */
static bool check_chunks(const struct h5_stored *array, char *fault)
{
    hsize_t dims[H5S_MAX_RANK], elements = 1;
    for (int i = 0; i < H5Pget_nfilters(array->list); i++) {
        unsigned flags, configuration;
        size_t values = 0;
        H5Z_filter_t filter =
            H5Pget_filter2(array->list, (unsigned)i, &flags, &values, NULL, 0, NULL, &configuration);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) {
            snprintf(fault, H5_FAULT_SIZE, "is stored through the filter %d, which is refused", (int)filter);
            return false;
        }
    }
    int rank = H5Pget_layout(array->list) == H5D_CHUNKED ? H5Pget_chunk(array->list, H5S_MAX_RANK, dims) : 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 0 || dims[i] > CHUNK_BYTES_MAX / h5_type_size(array->type) / elements) {
            snprintf(fault, H5_FAULT_SIZE, "is stored in chunks of more than %d bytes, which is refused",
                     CHUNK_BYTES_MAX);
            return false;
        }
        elements *= dims[i];
    }
    return true;
}

bool h5_stored_open(struct h5_stored *array, hid_t id, char *fault)
{
    *array = (struct h5_stored){.id = id, .list = H5Dget_create_plist(id)};
    if (array->list < 0) {
        h5_stored_fault(fault, "has a layout that cannot be read");
    } else if (H5Pget_layout(array->list) == H5D_VIRTUAL) {
        snprintf(fault, H5_FAULT_SIZE, "is a virtual dataset, which is refused");
    } else if (H5Pget_external_count(array->list) != 0) {
        snprintf(fault, H5_FAULT_SIZE, "is stored in another file, which is refused");
    } else {
        return read_type(array, fault) && check_chunks(array, fault) && read_extent(array, fault);
    }
    return false;
}

uint64_t h5_stored_chunk_rows(const struct h5_stored *array)
{
    hsize_t chunk[H5S_MAX_RANK];
    bool whole = H5Pget_chunk(array->list, H5S_MAX_RANK, chunk) == array->rank && array->rank > 0;
    for (int i = 1; i < array->rank && whole; i++) {
        whole = chunk[i] == array->dims[i];
    }
    return whole ? chunk[0] : 0;
}

enum h5_layout h5_stored_layout(const struct h5_stored *array, const struct h5_opened *file,
                                uint64_t *piece_bytes, uint64_t *pieces)
{
    const uint64_t bytes = h5_array_bytes(array->type, array->rank, array->dims);
    const bool chunked = H5Pget_layout(array->list) == H5D_CHUNKED;
    *piece_bytes = *pieces = 0;
    if (file->user_block != 0) {
        return H5_LAYOUT_USER_BLOCK;
    }
    if (H5Pget_nfilters(array->list) != 0) {
        return H5_LAYOUT_COMPRESSED;
    }
    if (H5Pget_layout(array->list) == H5D_COMPACT) {
        return H5_LAYOUT_COMPACT;
    }
    if (!array->plain || bytes > INT64_MAX) {
        return H5_LAYOUT_OTHER;
    }
    const uint64_t rows = chunked ? h5_stored_chunk_rows(array) : 1;
    const uint64_t size = !chunked ? bytes : rows * h5_row_bytes(array->type, array->rank, array->dims);
    const uint64_t count = bytes == 0 || size == 0 ? 0 : (bytes - 1) / size + 1;
    if (rows == 0 || count > PIECES_MAX ||
        (chunked && count > file->bytes / (size + CHUNK_ENTRY_BYTES) + 1)) {
        return H5_LAYOUT_OTHER;
    }
    *piece_bytes = size;
    *pieces = count;
    return H5_LAYOUT_PIECES;
}

uint64_t h5_stored_place(const struct h5_stored *array, uint64_t row)
{
    hsize_t start[H5_RANK_MAX] = {row}, stored;
    haddr_t address = HADDR_UNDEF;
    unsigned mask;
    if (H5Pget_layout(array->list) == H5D_CONTIGUOUS) {
        address = H5Dget_offset(array->id);
    } else if (H5Dget_chunk_info_by_coord(array->id, start, &mask, &address, &stored) < 0) {
        address = HADDR_UNDEF;
    }
    return address == HADDR_UNDEF ? UINT64_MAX : address;
}

void h5_stored_close(const struct h5_stored *array)
{
    if (array->list >= 0) {
        H5Pclose(array->list);
    }
}
