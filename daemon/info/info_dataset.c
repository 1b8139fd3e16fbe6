#include "daemon/info/info_dataset.h"

#include "shard/shard.h"

#include <stdlib.h>
#include <string.h>

#define INFO_SAMPLE 500
#define GREY_DISTANCE 8 /* what JPEG's rounding makes of grey */

/* One stored image, to find those that are there twice. */
struct stored {
    uint32_t bytes, crc, shard, image;
};

struct statistics {
    uint32_t *each; /* [classes]: images */
    struct stored *images; /* [count], of the shards that were read */
    uint64_t count;
    uint64_t copies; /* images that are another's bytes, beyond the first of them */
    uint32_t sampled, grey;
    double brightness; /* summed over the sample */
};

static int compare_numbers(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static int compare_stored(const void *left, const void *right)
{
    const struct stored *a = left, *b = right;
    if (a->bytes != b->bytes) {
        return a->bytes < b->bytes ? -1 : 1;
    }
    if (a->crc != b->crc) {
        return a->crc < b->crc ? -1 : 1;
    }
    if (a->shard != b->shard) {
        return a->shard < b->shard ? -1 : 1;
    }
    return (a->image > b->image) - (a->image < b->image);
}

static enum status look_at(struct statistics *statistics, const struct shard *shard, uint32_t i,
                           struct error *error)
{
    const size_t size = (size_t)(shard->offset[i + 1] - shard->offset[i]);
    struct image image = {0};
    uint8_t *bytes = malloc(size + 1);
    enum status status = bytes ? shard_read(shard, i, 1, bytes, error) : error_no_memory(error, shard->path);
    if (status == STATUS_OK) {
        status = image_decode(bytes, size, &image, error);
    }
    const size_t pixels = status == STATUS_OK ? (size_t)image.width * (size_t)image.height : 0;
    double sum = 0;
    bool grey = true;
    for (size_t p = 0; p < pixels; p++) {
        const int r = image.pixels[3 * p], g = image.pixels[3 * p + 1], b = image.pixels[3 * p + 2];
        sum += 0.299 * r + 0.587 * g + 0.114 * b;
        grey =
            grey && abs(r - g) <= GREY_DISTANCE && abs(g - b) <= GREY_DISTANCE && abs(r - b) <= GREY_DISTANCE;
    }
    if (pixels > 0) {
        statistics->sampled++;
        statistics->grey += grey;
        statistics->brightness += sum / (double)pixels;
    }
    image_free(&image);
    free(bytes);
    return status;
}

static enum status add_shard(struct statistics *statistics, const struct manifest *manifest, uint32_t number,
                             struct error *error)
{
    struct shard shard = {0};
    enum status status = manifest_open_shard(manifest, number, &shard, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < shard.images && statistics->count < manifest->images; i++) {
        statistics->each[shard.label[i]]++;
        statistics->images[statistics->count++] =
            (struct stored){(uint32_t)(shard.offset[i + 1] - shard.offset[i]), shard.crc[i], number, i};
    }
    for (uint32_t i = 0; i < shard.images && statistics->sampled < INFO_SAMPLE && status == STATUS_OK; i++) {
        status = look_at(statistics, &shard, i, error);
    }
    shard_close(&shard);
    return status;
}

/* Reads one image's bytes; the caller frees them in any case. */
static enum status read_stored(const struct manifest *manifest, const struct stored *stored, uint8_t **bytes,
                               struct error *error)
{
    struct shard shard = {0};
    *bytes = malloc((size_t)stored->bytes + 1);
    enum status status = *bytes ? manifest_open_shard(manifest, stored->shard, &shard, error)
                                : error_no_memory(error, manifest->path);
    if (status == STATUS_OK) {
        status = shard_read(&shard, stored->image, 1, *bytes, error);
    }
    shard_close(&shard);
    return status;
}

/* Equal length and checksum make a candidate; the bytes decide. */
static enum status count_copies(struct statistics *statistics, const struct manifest *manifest,
                                struct error *error)
{
    enum status status = STATUS_OK;
    for (uint64_t i = 1; i < statistics->count && status == STATUS_OK; i++) {
        const struct stored *before = &statistics->images[i - 1], *image = &statistics->images[i];
        if (before->bytes != image->bytes || before->crc != image->crc) {
            continue;
        }
        uint8_t *first = NULL, *second = NULL;
        status = read_stored(manifest, before, &first, error);
        if (status == STATUS_OK) {
            status = read_stored(manifest, image, &second, error);
        }
        statistics->copies += status == STATUS_OK && memcmp(first, second, image->bytes) == 0;
        free(first);
        free(second);
    }
    return status;
}

static void print(struct statistics *statistics, const struct manifest *manifest, FILE *output)
{
    uint32_t empty = 0;
    qsort(statistics->each, manifest->classes, sizeof *statistics->each, compare_numbers);
    while (empty < manifest->classes && statistics->each[empty] == 0) {
        empty++;
    }
    fprintf(output, "%-12s %u to %u images, median %u", "identities", statistics->each[0],
            statistics->each[manifest->classes - 1], statistics->each[manifest->classes / 2]);
    if (empty > 0) {
        fprintf(output, "; %u without an image", empty);
    }
    const struct stored *images = statistics->images;
    fprintf(output, "\n%-12s %u to %u bytes, median %u\n", "image sizes", images[0].bytes,
            images[statistics->count - 1].bytes, images[statistics->count / 2].bytes);
    fprintf(output, "%-12s %llu images that are another's bytes\n", "copies",
            (unsigned long long)statistics->copies);
    fprintf(output, "%-12s brightness %.0f of 255, %.1f%% grey, of %u images\n", "looks",
            statistics->brightness / statistics->sampled, 100.0 * statistics->grey / statistics->sampled,
            statistics->sampled);
}

enum status info_print_statistics(const struct manifest *manifest, FILE *output, struct error *error)
{
    struct statistics statistics = {0};
    struct error fault;
    statistics.each = calloc((size_t)manifest->classes + 1, sizeof *statistics.each);
    statistics.images = malloc((size_t)manifest->images * sizeof *statistics.images + 1);
    enum status status =
        statistics.each && statistics.images ? STATUS_OK : error_no_memory(error, manifest->path);
    enum status read = STATUS_OK;
    for (uint32_t i = 0; i < manifest->shard_count && status == STATUS_OK && read == STATUS_OK; i++) {
        read = add_shard(&statistics, manifest, i, &fault);
    }
    const bool any =
        status == STATUS_OK && read == STATUS_OK && statistics.count > 0 && statistics.sampled > 0;
    if (any) {
        qsort(statistics.images, statistics.count, sizeof *statistics.images, compare_stored);
        read = count_copies(&statistics, manifest, &fault);
    }
    if (status == STATUS_OK && read != STATUS_OK) {
        fprintf(output, "%-12s %s (%s)\n", "not read", fault.what, fault.where);
    } else if (any) {
        print(&statistics, manifest, output);
    }
    free(statistics.each);
    free(statistics.images);
    return status;
}
