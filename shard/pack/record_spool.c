#include "shard/pack/record_spool.h"

#include "proto/file.h"
#include "proto/random.h"
#include "shard/pack/pack_image.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SAMPLES 64
#define SMALL ((uint64_t)256 << 20) /* read at once by any disk */
#define BLOCK ((size_t)8 << 20) /* that is read at once */
#define BUFFERS ((size_t)64 << 20) /* of all shards together */
#define BUFFER_MIN ((size_t)1 << 12)
#define BUFFER_MAX ((size_t)1 << 20)

/* The records of a shard: a range of the file. */
struct range {
    uint64_t begin, end;
    uint64_t written; /* up to here */
    size_t buffered; /* behind it */
    uint8_t *buffer;
    bool begun; /* being read */
};

struct record_spool {
    char path[PATH_SIZE];
    int descriptor;
    const struct stored_images *set;
    const uint32_t *image, *shard; /* [count], the caller's */
    uint64_t count;
    uint64_t *offset; /* [count]: in the file */
    struct range *ranges; /* [shards] */
    uint32_t shards;
    size_t buffer_size;
    pthread_mutex_t lock; /* of begun */
};

/* Where the system cannot tell: whether the file would fill more than half of the memory. */
static bool is_large(uint64_t size)
{
    return size / (uint64_t)sysconf(_SC_PAGESIZE) > (uint64_t)sysconf(_SC_PHYS_PAGES) / 2;
}

bool record_spool_is_needed(const struct stored_images *set)
{
    struct random random = random_stream(0, RANDOM_PACK, 0, 1);
    uint8_t byte;
    struct iovec one = {&byte, 1};
    const struct stored_file *last = &set->files[set->file_count - 1];
    const uint64_t size = last->begin + last->bytes;
    int waits = 0;
    for (int i = 0; i < SAMPLES && size > SMALL; i++) {
        const uint64_t offset = set->offset[random_below(&random, (uint32_t)set->images)];
        uint64_t at;
        const int descriptor = stored_images_descriptor(set, offset, &at);
        if (descriptor >= 0 && preadv2(descriptor, &one, 1, (off_t)at, RWF_NOWAIT) == 1) {
            continue;
        }
        if (descriptor < 0 || errno != EAGAIN) {
            return is_large(size);
        }
        waits++;
    }
    return waits > SAMPLES / 4;
}

/* --- Writing --- */

static enum status write_at(const struct record_spool *spool, const uint8_t *bytes, size_t size,
                            uint64_t offset, struct error *error)
{
    while (size > 0) {
        ssize_t count = pwrite(spool->descriptor, bytes, size, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return file_storage_error(error, spool->path, "writing records in the order of the shards",
                                      errno);
        }
        bytes += count;
        size -= (size_t)count;
        offset += (uint64_t)count;
    }
    return STATUS_OK;
}

static enum status flush(const struct record_spool *spool, struct range *range, struct error *error)
{
    enum status status = write_at(spool, range->buffer, range->buffered, range->written, error);
    range->written += range->buffered;
    range->buffered = 0;
    return status;
}

static enum status append(const struct record_spool *spool, struct range *range, const uint8_t *bytes,
                          size_t size, struct error *error)
{
    enum status status = STATUS_OK;
    if (range->buffered + size > spool->buffer_size) {
        status = flush(spool, range, error);
    }
    if (status == STATUS_OK && size > spool->buffer_size) {
        status = write_at(spool, bytes, size, range->written, error);
        range->written += size;
    } else if (status == STATUS_OK) {
        memcpy(range->buffer + range->buffered, bytes, size);
        range->buffered += size;
    }
    return status;
}

/* Where every record will lie. */
static enum status plan(struct record_spool *spool, struct error *error)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < spool->count; i++) {
        if (spool->shard[i] != RECORD_SPOOL_NONE) {
            spool->ranges[spool->shard[i]].end += spool->set->span[spool->image[i]];
        }
    }
    for (uint32_t shard = 0; shard < spool->shards; shard++) {
        struct range *range = &spool->ranges[shard];
        range->begin = range->written = end;
        end = range->end += end;
        range->buffer = malloc(spool->buffer_size);
        if (!range->buffer) {
            return error_set(error, STATUS_INTERNAL, spool->path, "make fewer shards",
                             "no memory for the records of %u shards", spool->shards);
        }
    }
    return STATUS_OK;
}

/* A file of the set from `begin` on, as large a piece as goes in one. */
static enum status read_block(const struct stored_images *set, uint64_t begin, size_t least, uint8_t **block,
                              size_t *size, struct error *error)
{
    const struct stored_file *file = stored_images_file(set, begin);
    const uint64_t end = file->begin + file->bytes, left = end > begin ? end - begin : 0;
    *size = left < BLOCK ? (size_t)left : BLOCK;
    *size = *size < least ? least : *size;
    *block = malloc(*size);
    if (!*block) {
        return error_no_memory(error, file->path);
    }
    enum status status = stored_images_read_part(set, begin, *block, *size, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, file->path);
    }
    return status;
}

static enum status copy_records(struct record_spool *spool, struct error *error)
{
    const struct stored_images *set = spool->set;
    enum status status = STATUS_OK;
    uint8_t *block = NULL;
    uint64_t begin = 0;
    size_t size = 0;
    for (uint64_t i = 0; i < spool->count && status == STATUS_OK; i++) {
        uint64_t offset = set->offset[spool->image[i]];
        uint32_t span = set->span[spool->image[i]];
        if (spool->shard[i] == RECORD_SPOOL_NONE) {
            continue;
        }
        if (offset < begin || offset + span > begin + size) {
            free(block);
            block = NULL;
            begin = offset;
            status = read_block(set, begin, span, &block, &size, error);
        }
        struct range *range = &spool->ranges[spool->shard[i]];
        spool->offset[i] = range->written + range->buffered;
        if (status == STATUS_OK) {
            status = append(spool, range, block + (offset - begin), span, error);
        }
    }
    free(block);
    return status;
}

static enum status write_spool(struct record_spool *spool, struct error *error)
{
    enum status status = file_create(spool->path, &spool->descriptor, error);
    if (status == STATUS_OK) {
        /* To be read from as well. */
        close(spool->descriptor);
        spool->descriptor = open(spool->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (spool->descriptor < 0) {
            status = file_storage_error(error, spool->path, "opening the file", errno);
        }
    }
    if (status == STATUS_OK) {
        status = plan(spool, error);
    }
    if (status == STATUS_OK) {
        status = copy_records(spool, error);
    }
    for (uint32_t shard = 0; shard < spool->shards; shard++) {
        struct range *range = &spool->ranges[shard];
        if (status == STATUS_OK) {
            status = flush(spool, range, error);
        }
        free(range->buffer);
        range->buffer = NULL;
    }
    return status;
}

enum status record_spool_create(const char *path, const struct stored_images *set, const uint32_t *image,
                                const uint32_t *shard, uint64_t count, uint32_t shards,
                                struct record_spool **result, struct error *error)
{
    *result = NULL;
    struct record_spool *spool = calloc(1, sizeof *spool);
    if (!spool) {
        return error_no_memory(error, path);
    }
    snprintf(spool->path, sizeof spool->path, "%s", path);
    pthread_mutex_init(&spool->lock, NULL);
    spool->descriptor = -1;
    spool->set = set;
    spool->image = image;
    spool->shard = shard;
    spool->count = count;
    spool->shards = shards;
    spool->buffer_size = BUFFERS / shards < BUFFER_MAX ? BUFFERS / shards : BUFFER_MAX;
    spool->buffer_size = spool->buffer_size > BUFFER_MIN ? spool->buffer_size : BUFFER_MIN;
    spool->offset = calloc((size_t)count, sizeof *spool->offset);
    spool->ranges = calloc(shards, sizeof *spool->ranges);
    enum status status = STATUS_OK;
    if (!spool->offset || !spool->ranges) {
        status = error_no_memory(error, path);
    }
    if (status == STATUS_OK) {
        status = write_spool(spool, error);
    }
    if (status == STATUS_OK) {
        *result = spool;
    } else {
        record_spool_close(spool);
    }
    return status;
}

void record_spool_close(struct record_spool *spool)
{
    if (!spool) {
        return;
    }
    if (spool->descriptor >= 0) {
        close(spool->descriptor);
        unlink(spool->path);
    }
    pthread_mutex_destroy(&spool->lock);
    free(spool->offset);
    free(spool->ranges);
    free(spool);
}

/* --- Reading --- */

/* With its first record the whole shard is asked for, and the one before the last is no longer needed. */
static void begin_range(struct record_spool *spool, uint32_t shard)
{
    struct range *range = &spool->ranges[shard];
    pthread_mutex_lock(&spool->lock);
    bool begun = range->begun;
    range->begun = true;
    pthread_mutex_unlock(&spool->lock);
    if (begun) {
        return;
    }
    posix_fadvise(spool->descriptor, (off_t)range->begin, (off_t)(range->end - range->begin),
                  POSIX_FADV_WILLNEED);
    if (shard >= 2) {
        range = &spool->ranges[shard - 2];
        posix_fadvise(spool->descriptor, (off_t)range->begin, (off_t)(range->end - range->begin),
                      POSIX_FADV_DONTNEED);
    }
}

enum status record_spool_read(struct record_spool *spool, uint64_t number, uint8_t **bytes, size_t *size,
                              struct error *error)
{
    const struct stored_images *set = spool->set;
    const uint32_t span = set->span[spool->image[number]];
    uint8_t *record;
    begin_range(spool, spool->shard[number]);
    enum status status = pack_read_part(spool->descriptor, spool->offset[number], span, &record, error);
    if (status != STATUS_OK) {
        return status;
    }
    *size = span;
    status = set->unwrap ? set->unwrap(&record, span, size, error) : STATUS_OK;
    if (status == STATUS_OK) {
        *bytes = record;
    } else {
        free(record);
    }
    return status;
}
