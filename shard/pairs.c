#include "shard/pairs.h"

#include "proto/output.h"
#include "shard/hdf5/hdf5.h"
#include "shard/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define PACK_AGAIN "pack the verification set again"

/* --- Checks --- */

static enum status check_fields(const struct pairs *pairs, struct error *error)
{
    if (!shard_name_is_valid(pairs->name)) {
        return error_set(error, STATUS_DATA, pairs->path, PACK_AGAIN, "'%.100s' is no name for a set",
                         pairs->name);
    }
    if (pairs->image_size < 1 || pairs->image_size > IMAGE_SIDE_MAX) {
        return error_set(error, STATUS_DATA, pairs->path, PACK_AGAIN, "the image size is %d",
                         pairs->image_size);
    }
    if (!shard_encoding_name(pairs->encoding)) {
        return error_set(error, STATUS_DATA, pairs->path, PACK_AGAIN, "the encoding is neither JPEG nor PNG");
    }
    if (pairs->images == 0 || pairs->count == 0) {
        return error_set(error, STATUS_DATA, pairs->path, PACK_AGAIN, "there are %u images and %u pairs",
                         pairs->images, pairs->count);
    }
    return STATUS_OK;
}

static enum status check_offsets(const struct pairs *pairs, struct error *error)
{
    if (pairs->offset[0] != 0 || pairs->offset[pairs->images] != pairs->bytes) {
        return error_set(error, STATUS_DATA, pairs->path, PACK_AGAIN,
                         "the images are bytes %llu to %llu of /image, which has %llu",
                         (unsigned long long)pairs->offset[0],
                         (unsigned long long)pairs->offset[pairs->images], (unsigned long long)pairs->bytes);
    }
    for (uint32_t i = 0; i < pairs->images; i++) {
        uint64_t begin = pairs->offset[i], end = pairs->offset[i + 1];
        if (end <= begin || end > pairs->bytes || end - begin > SHARD_IMAGE_BYTES_MAX) {
            return error_set(error, STATUS_DATA, pairs->path, PACK_AGAIN,
                             "image %u is bytes %llu to %llu of /image, which cannot be", i,
                             (unsigned long long)begin, (unsigned long long)end);
        }
    }
    return STATUS_OK;
}

static enum status check_images(const struct pairs *pairs, struct error *error)
{
    for (uint32_t i = 0; i < pairs->images; i++) {
        uint64_t begin = pairs->offset[i], end = pairs->offset[i + 1];
        uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), pairs->image + begin, (size_t)(end - begin));
        if (crc != pairs->crc[i]) {
            return error_set(
                error, STATUS_DATA, pairs->path, "restore the file from a copy, or " PACK_AGAIN,
                "image %u (bytes %llu to %llu of /image) is damaged: crc %08x where %08x was recorded", i,
                (unsigned long long)begin, (unsigned long long)end, crc, pairs->crc[i]);
        }
    }
    return STATUS_OK;
}

enum status pairs_is_valid(const struct pairs *pairs, struct error *error)
{
    enum status status = check_fields(pairs, error);
    if (status == STATUS_OK) {
        status = check_offsets(pairs, error);
    }
    if (status == STATUS_OK) {
        status = check_images(pairs, error);
    }
    for (uint32_t i = 0; i < pairs->count && status == STATUS_OK; i++) {
        const uint32_t *pair = pairs->pair + (size_t)i * 2;
        if (pair[0] >= pairs->images || pair[1] >= pairs->images) {
            status = error_set(error, STATUS_DATA, pairs->path, PACK_AGAIN,
                               "pair %u is of images %u and %u, and there are %u", i, pair[0], pair[1],
                               pairs->images);
        } else if (pairs->same[i] > 1) {
            status = error_set(error, STATUS_DATA, pairs->path, PACK_AGAIN,
                               "/same of pair %u is %u where 0 or 1 is expected", i, pairs->same[i]);
        }
    }
    return status;
}

/* --- Reading --- */

static enum status read_attributes(const struct h5_file *file, struct pairs *pairs, struct error *error)
{
    char encoding[16];
    uint64_t size = 0;
    enum status status = h5_check_format(file, "pairs", PAIRS_VERSION, error);
    if (status == STATUS_OK) {
        status = h5_get_string(file, "/", "name", pairs->name, sizeof pairs->name, error);
    }
    if (status == STATUS_OK) {
        status = h5_get_uint(file, "/", "image_size", IMAGE_SIDE_MAX, &size, error);
    }
    if (status == STATUS_OK) {
        status = h5_get_string(file, "/", "encoding", encoding, sizeof encoding, error);
    }
    if (status == STATUS_OK && !shard_encoding_parse(encoding, &pairs->encoding)) {
        status = error_set(error, STATUS_DATA, file->path, PACK_AGAIN,
                           "the encoding is '%s' where jpeg, png or mixed is expected", encoding);
    }
    pairs->image_size = (int)size;
    return status;
}

static enum status read_images(const struct h5_file *file, struct pairs *pairs, struct error *error)
{
    struct stat size;
    void *data;
    uint64_t count = 0;
    if (stat(file->path, &size) != 0) {
        return error_set(error, STATUS_DATA, file->path, NULL, "the file has gone");
    }
    /* Images do not compress: an array larger than its file is not ours, and bounds the rest. */
    enum status status =
        h5_read_vector(file, "/image", H5_TYPE_U8, (uint64_t)size.st_size, &data, &pairs->bytes, error);
    pairs->image = data;
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t most = pairs->bytes < UINT32_MAX ? pairs->bytes : UINT32_MAX - 1;
    status = h5_read_vector(file, "/offset", H5_TYPE_U64, most + 1, &data, &count, error);
    pairs->offset = data;
    if (status != STATUS_OK) {
        return status;
    }
    if (count == 0) {
        return error_set(error, STATUS_DATA, file->path, PACK_AGAIN, "/offset is empty");
    }
    count--;
    pairs->images = (uint32_t)count;
    pairs->crc = malloc((size_t)count * sizeof *pairs->crc + 1);
    if (!pairs->crc) {
        return error_no_memory(error, file->path);
    }
    return h5_read_array(file, "/crc", H5_TYPE_U32, 1, &count, pairs->crc, error);
}

static enum status read_pairs(const struct h5_file *file, struct pairs *pairs, struct error *error)
{
    void *data;
    uint64_t count = 0;
    enum status status = h5_read_vector(file, "/same", H5_TYPE_U8, 1u << 28, &data, &count, error);
    pairs->same = data;
    pairs->count = (uint32_t)count;
    if (status != STATUS_OK) {
        return status;
    }
    pairs->pair = malloc((size_t)count * 2 * sizeof *pairs->pair + 1);
    pairs->fold = malloc((size_t)count + 1);
    if (!pairs->pair || !pairs->fold) {
        return error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory for %u pairs", pairs->count);
    }
    status = h5_read_array(file, "/pair", H5_TYPE_U32, 2, (const uint64_t[]){count, 2}, pairs->pair, error);
    if (status == STATUS_OK) {
        status = h5_read_array(file, "/fold", H5_TYPE_U8, 1, &count, pairs->fold, error);
    }
    return status;
}

enum status pairs_open(const char *path, struct pairs *pairs, struct error *error)
{
    struct h5_file file;
    memset(pairs, 0, sizeof *pairs);
    snprintf(pairs->path, sizeof pairs->path, "%s", path);
    enum status status = h5_open_file(path, &file, error);
    if (status == STATUS_OK) {
        status = read_attributes(&file, pairs, error);
    }
    if (status == STATUS_OK) {
        status = read_images(&file, pairs, error);
    }
    if (status == STATUS_OK) {
        status = read_pairs(&file, pairs, error);
    }
    h5_close_file(&file, NULL);
    if (status == STATUS_OK) {
        status = pairs_is_valid(pairs, error);
    }
    if (status != STATUS_OK) {
        pairs_close(pairs);
    }
    return status;
}

void pairs_close(struct pairs *pairs)
{
    free(pairs->image);
    free(pairs->offset);
    free(pairs->crc);
    free(pairs->pair);
    free(pairs->same);
    free(pairs->fold);
    memset(pairs, 0, sizeof *pairs);
}

/* --- Writing --- */

static enum status write_arrays(const struct pairs *pairs, struct h5_file *file, struct error *error)
{
    uint64_t n = pairs->images, offsets = n + 1, count = pairs->count;
    const uint64_t pair[2] = {count, 2};
    enum status status = h5_write_array(file, "/image", H5_TYPE_U8, 1, &pairs->bytes, pairs->image, error);
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/offset", H5_TYPE_U64, 1, &offsets, pairs->offset, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/crc", H5_TYPE_U32, 1, &n, pairs->crc, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/pair", H5_TYPE_U32, 2, pair, pairs->pair, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/same", H5_TYPE_U8, 1, &count, pairs->same, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/fold", H5_TYPE_U8, 1, &count, pairs->fold, error);
    }
    return status;
}

static enum status write_attributes(const struct pairs *pairs, struct h5_file *file, struct error *error)
{
    enum status status = h5_set_string(file, "/", "dail_format", "pairs", error);
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "version", PAIRS_VERSION, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_string(file, "/", "name", pairs->name, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "image_size", (uint64_t)pairs->image_size, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_string(file, "/", "encoding", shard_encoding_name(pairs->encoding), error);
    }
    return status;
}

enum status pairs_write(const struct pairs *pairs, const char *path, struct error *error)
{
    struct output output = {0};
    struct h5_file file = {0};
    enum status status = pairs_is_valid(pairs, error);
    if (status == STATUS_OK) {
        status = output_prepare(&output, path, error);
    }
    if (status == STATUS_OK) {
        status = h5_create_file(output.written, &file, error);
    }
    if (status == STATUS_OK) {
        status = write_attributes(pairs, &file, error);
    }
    if (status == STATUS_OK) {
        status = write_arrays(pairs, &file, error);
    }
    enum status closed = h5_close_file(&file, status == STATUS_OK ? error : NULL);
    if (status == STATUS_OK) {
        status = closed;
    }
    return output_close(&output, status, error);
}
