#include "shard/hdf5/hdf5_stored.h"
#include "shard/hdf5/hdf5_survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is decoded at once at least, where chunks are smaller. */
#define BLOCK_BYTES ((uint64_t)16 << 20)

static bool write_block(const void *bytes, uint64_t size)
{
    const uint8_t head[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                             (uint8_t)(size >> 24)};
    return size <= UINT32_MAX && h5_stored_write(head, sizeof head) && h5_stored_write(bytes, size);
}

/* Rows that are decoded at once: whole chunks. */
static uint64_t block_rows(const struct h5_stored *array, uint64_t row_bytes)
{
    hsize_t chunk[H5S_MAX_RANK] = {1};
    if (H5Pget_layout(array->list) == H5D_CHUNKED && H5Pget_chunk(array->list, H5S_MAX_RANK, chunk) < 1) {
        chunk[0] = 1;
    }
    const uint64_t bytes = chunk[0] < UINT64_MAX / row_bytes ? chunk[0] * row_bytes : UINT64_MAX;
    return bytes < BLOCK_BYTES ? chunk[0] * (BLOCK_BYTES / bytes) : chunk[0];
}

static bool decode_rows(const struct h5_stored *array, uint64_t begin, uint64_t count, char *fault)
{
    const uint64_t row_bytes = h5_row_bytes(array->type, array->rank, array->dims);
    const uint64_t block = row_bytes == 0 || row_bytes > INT64_MAX ? 1 : block_rows(array, row_bytes);
    const hid_t type = h5_memory_type(array->type);
    for (uint64_t end = begin + count, next; begin < end && fault[0] == 0; begin = next) {
        next = end - begin < block - begin % block ? end : begin + block - begin % block;
        hsize_t start[H5_RANK_MAX] = {begin}, size[H5_RANK_MAX] = {next - begin};
        for (int i = 1; i < array->rank; i++) {
            size[i] = array->dims[i];
        }
        const uint64_t bytes = row_bytes > 0 ? (next - begin) * row_bytes : 0;
        void *values = malloc(bytes < SIZE_MAX ? bytes + 1 : SIZE_MAX);
        hid_t there = H5Dget_space(array->id), here = H5Screate_simple(array->rank, size, NULL);
        if (!values || there < 0 || here < 0 ||
            H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
            H5Dread(array->id, type, here, there, H5P_DEFAULT, values) < 0) {
            h5_library_message(fault, H5_FAULT_SIZE);
        } else if (!write_block(values, bytes)) {
            return false;
        }
        H5Sclose(here);
        H5Sclose(there);
        free(values);
    }
    return true;
}

static bool decode_single(const struct h5_stored *array, char *fault)
{
    uint64_t value;
    if (H5Dread(array->id, h5_memory_type(array->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) < 0) {
        h5_library_message(fault, H5_FAULT_SIZE);
        return true;
    }
    return write_block(&value, h5_type_size(array->type));
}

int h5_decode_run(char **arguments)
{
    char fault[H5_FAULT_SIZE] = "";
    struct h5_opened file;
    struct h5_stored array;
    const uint64_t identity = strtoull(arguments[0], NULL, 10), begin = strtoull(arguments[2], NULL, 10);
    const uint64_t count = strtoull(arguments[3], NULL, 10);
    hid_t id = h5_stored_open_file(&file, fault) ? H5Oopen_by_addr(file.id, identity) : H5I_INVALID_HID;
    if (id < 0 || H5Iget_type(id) != H5I_DATASET || !h5_stored_open(&array, id, fault) ||
        (int)array.type != atoi(arguments[1]) ||
        (array.rank > 0 && (begin > array.dims[0] || count > array.dims[0] - begin))) {
        snprintf(fault, sizeof fault, "it is not what it was");
    } else if (!(array.rank == 0 ? decode_single(&array, fault) : decode_rows(&array, begin, count, fault))) {
        return H5_SURVEY_FAILED;
    }
    return fault[0] == 0 || (write_block("", 0) && h5_stored_write(fault, strlen(fault))) ? 0
                                                                                          : H5_SURVEY_FAILED;
}
