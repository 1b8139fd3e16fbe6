#include "shard/verify.h"

#include "proto/file.h"
#include "shard/pairs.h"
#include "shard/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define READ_BYTES ((uint64_t)16 << 20)

struct verifier {
    const struct verify_listener *listener;
    struct verify_report *report;
    uint64_t total; /* images to be checked */
    int side; /* of every image in pixels; 0: the first one tells */
};

static void advance(struct verifier *verifier)
{
    verifier->report->images++;
    if (verifier->listener->progress) {
        verifier->listener->progress(verifier->listener->context, verifier->report->images, verifier->total);
    }
}

/* Encoding and size as the file says. Sound bytes that are the wrong image are a fault of whoever packed it.
 */
static enum status check_header(const struct verifier *verifier, const char *path, uint32_t number,
                                enum image_encoding encoding, const uint8_t *bytes, size_t size,
                                struct error *error)
{
    enum image_encoding found = image_sniff(bytes, size);
    int width = 0, height = 0;
    if ((found != IMAGE_JPEG && found != IMAGE_PNG) || (encoding != IMAGE_UNKNOWN && found != encoding)) {
        return error_set(error, STATUS_DATA, path, "pack it again", "image %u is not %s as the file says",
                         number, encoding == IMAGE_UNKNOWN ? "jpeg or png" : shard_encoding_name(encoding));
    }
    enum status status = image_size(bytes, size, &width, &height, error);
    if (status != STATUS_OK) {
        char where[1100];
        snprintf(where, sizeof where, "image %u of %s", number, path);
        error_prefix_where(error, where);
        return status;
    }
    if (verifier->side > 0 && (width != verifier->side || height != verifier->side)) {
        return error_set(error, STATUS_DATA, path, "pack it again at one size",
                         "image %u is %d x %d where %d x %d is needed", number, width, height, verifier->side,
                         verifier->side);
    }
    return STATUS_OK;
}

/* --- Shards --- */

static enum status verify_images(struct verifier *verifier, const struct shard *shard, uint32_t begin,
                                 uint32_t end, const uint8_t *bytes, struct error *error)
{
    for (uint32_t i = begin; i < end; i++) {
        const uint8_t *image = bytes + (shard->offset[i] - shard->offset[begin]);
        size_t size = (size_t)(shard->offset[i + 1] - shard->offset[i]);
        enum status status = shard_check_image(shard, i, image, error);
        if (status == STATUS_OK && verifier->side == 0) {
            int height;
            status = image_size(image, size, &verifier->side, &height, error);
        }
        if (status == STATUS_OK) {
            status = check_header(verifier, shard->path, i, shard->encoding, image, size, error);
        }
        if (status != STATUS_OK) {
            return status;
        }
        advance(verifier);
    }
    return STATUS_OK;
}

/* The next images that are read at once: about READ_BYTES, at least one. */
static uint32_t range_end(const struct shard *shard, uint32_t begin)
{
    uint32_t end = begin + 1;
    while (end < shard->images && shard->offset[end + 1] - shard->offset[begin] <= READ_BYTES) {
        end++;
    }
    return end;
}

static enum status verify_open_shard(struct verifier *verifier, const struct shard *shard,
                                     struct error *error)
{
    struct stat file;
    uint64_t most = 0;
    for (uint32_t begin = 0, end; begin < shard->images; begin = end) {
        end = range_end(shard, begin);
        uint64_t size = shard->offset[end] - shard->offset[begin];
        most = size > most ? size : most;
    }
    uint8_t *bytes = malloc((size_t)most);
    if (!bytes) {
        return error_no_memory(error, shard->path);
    }
    enum status status = STATUS_OK;
    for (uint32_t begin = 0, end; begin < shard->images && status == STATUS_OK; begin = end) {
        end = range_end(shard, begin);
        status = shard_read(shard, begin, end - begin, bytes, error);
        if (status == STATUS_OK) {
            status = verify_images(verifier, shard, begin, end, bytes, error);
        }
    }
    free(bytes);
    verifier->report->files++;
    if (stat(shard->path, &file) == 0) {
        verifier->report->bytes += (uint64_t)file.st_size;
    }
    return status;
}

static enum status verify_shard(struct verifier *verifier, const char *path, struct error *error)
{
    struct shard shard;
    enum status status = shard_open(path, &shard, error);
    if (status != STATUS_OK) {
        return status;
    }
    verifier->total = verifier->report->images + shard.images;
    status = verify_open_shard(verifier, &shard, error);
    shard_close(&shard);
    return status;
}

/* --- Manifests --- */

static enum status verify_listed(struct verifier *verifier, const struct manifest *manifest, uint32_t index,
                                 struct error *error)
{
    const struct manifest_shard *listed = &manifest->shards[index];
    struct shard shard;
    char path[PATH_SIZE];
    uint64_t bytes = 0;
    uint32_t crc = 0;
    enum status status = manifest_open_shard(manifest, index, &shard, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = verify_open_shard(verifier, &shard, error);
    shard_close(&shard);
    if (status == STATUS_OK) {
        status = file_join(manifest->directory, listed->file, path, error);
    }
    if (status == STATUS_OK) {
        status = file_crc(path, FILE_LINKS_FOLLOWED, &bytes, &crc, error);
    }
    if (status == STATUS_OK && (bytes != listed->bytes || crc != listed->crc)) {
        status =
            error_set(error, STATUS_DATA, path, "restore the file from a copy, or pack the dataset again",
                      "the file's crc is %08x where the manifest says %08x, yet every image is sound: bytes "
                      "between 0 and %llu that are outside of /image have changed",
                      crc, listed->crc, (unsigned long long)bytes);
    }
    return status;
}

static enum status verify_manifest(struct verifier *verifier, const char *path, struct error *error)
{
    struct manifest manifest;
    char fingerprint[MANIFEST_FINGERPRINT_SIZE];
    enum status status = manifest_open(path, &manifest, error);
    if (status != STATUS_OK) {
        return status;
    }
    verifier->total = verifier->report->images + manifest.images;
    verifier->side = manifest.image_size;
    verifier->report->files += !manifest.class_names ? 1 : 2;
    status = manifest_fingerprint(&manifest, fingerprint, error);
    for (uint32_t i = 0; i < manifest.shard_count && status == STATUS_OK; i++) {
        status = verify_listed(verifier, &manifest, i, error);
    }
    manifest_close(&manifest);
    return status;
}

/* --- Verification sets --- */

static enum status verify_pairs(struct verifier *verifier, const char *path, struct error *error)
{
    struct pairs pairs;
    struct stat file;
    enum status status = pairs_open(path, &pairs, error);
    if (status != STATUS_OK) {
        return status;
    }
    verifier->total = verifier->report->images + pairs.images;
    verifier->side = pairs.image_size;
    for (uint32_t i = 0; i < pairs.images && status == STATUS_OK; i++) {
        status = check_header(verifier, path, i, pairs.encoding, pairs.image + pairs.offset[i],
                              (size_t)(pairs.offset[i + 1] - pairs.offset[i]), error);
        advance(verifier);
    }
    verifier->report->files++;
    if (stat(path, &file) == 0) {
        verifier->report->bytes += (uint64_t)file.st_size;
    }
    pairs_close(&pairs);
    return status;
}

enum status verify_file(const char *path, enum kind kind, const struct verify_listener *listener,
                        struct verify_report *report, struct error *error)
{
    struct verifier verifier = {.listener = listener, .report = report};
    switch (kind) {
    case KIND_SHARD:
        return verify_shard(&verifier, path, error);
    case KIND_MANIFEST:
        return verify_manifest(&verifier, path, error);
    case KIND_PAIRS:
        return verify_pairs(&verifier, path, error);
    default:
        break;
    }
    return error_set(error, STATUS_USAGE, path,
                     "name a manifest, a shard, a verification set or a checkpoint",
                     "this kind of file records nothing to verify it by");
}

enum status verify_shard_of(const struct manifest *manifest, uint32_t shard,
                            const struct verify_listener *listener, struct verify_report *report,
                            struct error *error)
{
    struct verifier verifier = {.listener = listener,
                                .report = report,
                                .total = report->images + manifest->shards[shard].images,
                                .side = manifest->image_size};
    return verify_listed(&verifier, manifest, shard, error);
}
