/* Reading a shard. HDF5 finds out where the pieces of /image lie; after that they are read by pread: one
 * large read for a run of neighbouring pieces, from any thread (HDF5 itself takes one at a time), without
 * memory allocation and without the locks and metadata of a library call per image. */
#include "shard/shard.h"

#include "shard/hdf5/hdf5.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define PACK_AGAIN "pack the dataset again"

const char *shard_encoding_name(enum image_encoding encoding)
{
    switch (encoding) {
    case IMAGE_JPEG:
        return "jpeg";
    case IMAGE_PNG:
        return "png";
    case IMAGE_UNKNOWN:
        return "mixed";
    case IMAGE_PNM:
    case IMAGE_BMP:
    case IMAGE_WEBP:
    case IMAGE_TIFF:
    case IMAGE_HEIF:
        break;
    }
    return NULL;
}

bool shard_encoding_parse(const char *name, enum image_encoding *encoding)
{
    static const enum image_encoding known[] = {IMAGE_JPEG, IMAGE_PNG, IMAGE_UNKNOWN};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, shard_encoding_name(known[i])) == 0) {
            *encoding = known[i];
            return true;
        }
    }
    return false;
}

bool shard_name_is_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);
    return length > 0 && length < SHARD_NAME_MAX && strspn(name, allowed) == length && name[0] != '.' &&
           name[0] != '-';
}

/* --- Checks --- */

static enum status check_offsets(const struct shard *shard, struct error *error)
{
    if (shard->offset[0] != 0) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                         "the first image begins at byte %llu of /image",
                         (unsigned long long)shard->offset[0]);
    }
    for (uint32_t i = 0; i < shard->images; i++) {
        uint64_t begin = shard->offset[i], end = shard->offset[i + 1];
        if (end > shard->bytes) {
            return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                             "image %u ends at byte %llu, past the end of /image at %llu", i,
                             (unsigned long long)end, (unsigned long long)shard->bytes);
        }
        if (end <= begin) {
            return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                             "image %u begins at byte %llu of /image and ends at %llu: offsets overlap", i,
                             (unsigned long long)begin, (unsigned long long)end);
        }
        if (end - begin > SHARD_IMAGE_BYTES_MAX) {
            return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                             "image %u has %llu bytes, and at most %d are read", i,
                             (unsigned long long)(end - begin), SHARD_IMAGE_BYTES_MAX);
        }
    }
    if (shard->offset[shard->images] != shard->bytes) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                         "the last image ends at byte %llu and /image at %llu",
                         (unsigned long long)shard->offset[shard->images], (unsigned long long)shard->bytes);
    }
    return STATUS_OK;
}

static enum status check_fields(const struct shard *shard, struct error *error)
{
    if (!shard_name_is_valid(shard->dataset)) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN, "'%.100s' is no name for a dataset",
                         shard->dataset);
    }
    if (shard->shard >= shard->shards) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN, "this is shard %u (from 0) of %u",
                         shard->shard, shard->shards);
    }
    if (!shard_encoding_name(shard->encoding)) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN, "the encoding is neither JPEG nor PNG");
    }
    if (shard->classes == 0 || shard->images == 0) {
        return error_set(error, STATUS_DATA, shard->path, PACK_AGAIN, "there are %u classes and %u images",
                         shard->classes, shard->images);
    }
    return STATUS_OK;
}

enum status shard_is_valid(const struct shard *shard, struct error *error)
{
    enum status status = check_fields(shard, error);
    if (status == STATUS_OK) {
        status = check_offsets(shard, error);
    }
    for (uint32_t i = 0; i < shard->images && status == STATUS_OK; i++) {
        if (shard->label[i] >= shard->classes) {
            status = error_set(error, STATUS_DATA, shard->path, PACK_AGAIN,
                               "the label of image %u is %u, and there are %u classes", i, shard->label[i],
                               shard->classes);
        }
    }
    return status;
}

/* --- Opening --- */

static enum status read_uint32(const struct h5_file *file, const char *name, uint32_t *value,
                               struct error *error)
{
    uint64_t wide = 0;
    enum status status = h5_get_uint(file, "/", name, UINT32_MAX, &wide, error);
    *value = (uint32_t)wide;
    return status;
}

static enum status read_attributes(const struct h5_file *file, struct shard *shard, struct error *error)
{
    char encoding[16];
    enum status status = h5_check_format(file, "shard", SHARD_VERSION, error);
    if (status == STATUS_OK) {
        status = h5_get_string(file, "/", "dataset", shard->dataset, sizeof shard->dataset, error);
    }
    if (status == STATUS_OK) {
        status = read_uint32(file, "dataset_id", &shard->dataset_id, error);
    }
    if (status == STATUS_OK) {
        status = read_uint32(file, "shard", &shard->shard, error);
    }
    if (status == STATUS_OK) {
        status = read_uint32(file, "shards", &shard->shards, error);
    }
    if (status == STATUS_OK) {
        status = read_uint32(file, "classes", &shard->classes, error);
    }
    if (status == STATUS_OK) {
        status = h5_get_string(file, "/", "encoding", encoding, sizeof encoding, error);
    }
    if (status == STATUS_OK && !shard_encoding_parse(encoding, &shard->encoding)) {
        status = error_set(error, STATUS_DATA, file->path, PACK_AGAIN,
                           "the encoding is '%s' where jpeg, png or mixed is expected", encoding);
    }
    return status;
}

/* After /image, whose bytes are known to be in the file, bounds everything else: an image has at least one.
 */
static enum status read_index(const struct h5_file *file, struct shard *shard, struct error *error)
{
    void *data;
    uint64_t offsets = 0, n;
    uint64_t most = shard->bytes < UINT32_MAX ? shard->bytes : UINT32_MAX - 1;
    enum status status = h5_read_vector(file, "/offset", H5_TYPE_U64, most + 1, &data, &offsets, error);
    shard->offset = data;
    if (status == STATUS_OK && offsets == 0) {
        status = error_set(error, STATUS_DATA, file->path, PACK_AGAIN, "/offset is empty");
    }
    if (status != STATUS_OK) {
        return status;
    }
    n = offsets - 1;
    shard->images = (uint32_t)n;
    shard->label = malloc((size_t)n * sizeof *shard->label + 1);
    shard->crc = malloc((size_t)n * sizeof *shard->crc + 1);
    if (!shard->label || !shard->crc) {
        return error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory for the index of %u images",
                         shard->images);
    }
    status = h5_read_array(file, "/label", H5_TYPE_U32, 1, &n, shard->label, error);
    if (status == STATUS_OK) {
        status = h5_read_array(file, "/crc", H5_TYPE_U32, 1, &n, shard->crc, error);
    }
    return status;
}

static enum status open_file(const struct h5_file *file, struct shard *shard, struct error *error)
{
    struct h5_array image = {0};
    struct h5_location location;
    enum status status = read_attributes(file, shard, error);
    if (status == STATUS_OK) {
        status = h5_open_array(file, "/image", &image, error);
    }
    if (status == STATUS_OK) {
        status = h5_locate(&image, &location, error);
    }
    if (status == STATUS_OK) {
        shard->descriptor = location.descriptor;
        shard->piece = location.piece;
        shard->pieces = location.pieces;
        shard->piece_bytes = location.piece_bytes;
        shard->bytes = image.dims[0];
        status = read_index(file, shard, error);
    }
    h5_close_array(&image, NULL);
    return status == STATUS_OK ? shard_is_valid(shard, error) : status;
}

enum status shard_open(const char *path, struct shard *shard, struct error *error)
{
    struct h5_file file;
    *shard = (struct shard){.descriptor = -1};
    snprintf(shard->path, sizeof shard->path, "%s", path);
    enum status status = h5_open_file(path, &file, error);
    if (status == STATUS_OK) {
        status = open_file(&file, shard, error);
    }
    h5_close_file(&file, NULL);
    if (status != STATUS_OK) {
        char dataset[SHARD_NAME_MAX + 16];
        snprintf(dataset, sizeof dataset, "dataset %s", shard->dataset);
        if (shard_name_is_valid(shard->dataset)) {
            error_prefix_where(error, dataset);
        }
        shard_close(shard);
    }
    return status;
}

void shard_close(struct shard *shard)
{
    if (shard->piece) {
        close(shard->descriptor);
    }
    free(shard->offset);
    free(shard->label);
    free(shard->crc);
    free(shard->piece);
    *shard = (struct shard){.descriptor = -1};
}

uint32_t shard_index_crc(const struct shard *shard)
{
    uLong sum = crc32(0, NULL, 0);
    for (uint32_t i = 0; i < shard->images; i++) {
        const uint32_t entry[] = {htole32(shard->label[i]), htole32(shard->crc[i])};
        sum = crc32_z(sum, (const Bytef *)entry, sizeof entry);
    }
    return (uint32_t)sum;
}

/* --- Images --- */

uint64_t shard_file_offset(const struct shard *shard, uint64_t byte)
{
    uint64_t piece = byte / shard->piece_bytes;
    /* The end of /image may be the beginning of a piece that does not exist. */
    if (piece == shard->pieces) {
        piece--;
    }
    return shard->piece[piece] + (byte - piece * shard->piece_bytes);
}

static enum status read_run(const struct shard *shard, uint64_t from, uint64_t count, uint8_t *bytes,
                            struct error *error)
{
    while (count > 0) {
        ssize_t got = pread(shard->descriptor, bytes, count, (off_t)from);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return error_set(error, STATUS_DATA, shard->path, "check the disk and the file",
                             "cannot read %llu bytes of dataset %s at offset %llu: %s",
                             (unsigned long long)count, shard->dataset, (unsigned long long)from,
                             got < 0 ? strerror(errno) : "the file has become shorter");
        }
        bytes += got;
        from += (uint64_t)got;
        count -= (uint64_t)got;
    }
    return STATUS_OK;
}

enum status shard_read(const struct shard *shard, uint32_t begin, uint32_t count, uint8_t *bytes,
                       struct error *error)
{
    if (begin > shard->images || count > shard->images - begin) {
        return error_set(error, STATUS_INTERNAL, shard->path, NULL, "images %u to %u of %u are asked for",
                         begin, begin + count, shard->images);
    }
    uint64_t at = shard->offset[begin], end = shard->offset[begin + count];
    enum status status = STATUS_OK;
    while (at < end && status == STATUS_OK) {
        uint64_t piece = at / shard->piece_bytes;
        uint64_t from = shard_file_offset(shard, at), run = (piece + 1) * shard->piece_bytes - at;
        while (run < end - at && shard->piece[piece + 1] == shard->piece[piece] + shard->piece_bytes) {
            run += shard->piece_bytes;
            piece++;
        }
        run = run < end - at ? run : end - at;
        status = read_run(shard, from, run, bytes + (at - shard->offset[begin]), error);
        at += run;
    }
    return status;
}

enum status shard_check_image(const struct shard *shard, uint32_t image, const uint8_t *bytes,
                              struct error *error)
{
    size_t size = (size_t)(shard->offset[image + 1] - shard->offset[image]);
    uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, size);
    if (crc == shard->crc[image]) {
        return STATUS_OK;
    }
    char where[sizeof error->where];
    uint64_t from = shard_file_offset(shard, shard->offset[image]);
    snprintf(where, sizeof where, "dataset %s, shard %u, image %u: %.320s", shard->dataset, shard->shard,
             image, shard->path);
    return error_set(error, STATUS_DATA, where, "restore the file from a copy, or pack the dataset again",
                     "the image's bytes are damaged: crc %08x where %08x was recorded, bytes %llu to %llu of "
                     "/image, from offset %llu of the file",
                     crc, shard->crc[image], (unsigned long long)shard->offset[image],
                     (unsigned long long)shard->offset[image + 1], (unsigned long long)from);
}
