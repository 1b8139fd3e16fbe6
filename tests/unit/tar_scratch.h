/* Tar archives made in memory, header by header, for the tests of their reader and of the sets in them. */
#ifndef DAIL_TESTS_UNIT_TAR_SCRATCH_H
#define DAIL_TESTS_UNIT_TAR_SCRATCH_H

#include "tests/unit/shard_scratch.h"

#define TAR_BLOCK 512

struct archive {
    uint8_t bytes[1 << 16];
    size_t size;
    uint64_t place[64]; /* of each header */
    size_t headers;
};

/* What a header's sum must be, at its place. */
static inline void sum_header(uint8_t *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++) {
        sum += header[i];
    }
    snprintf((char *)header + 148, 8, "%06o", sum);
}

/* The header that comes next, of ustar, whose size is told as `size`. */
static inline uint8_t *put_header(struct archive *archive, const char *name, char type, uint64_t size)
{
    uint8_t *header = archive->bytes + archive->size;
    archive->place[archive->headers++] = archive->size;
    memset(header, 0, TAR_BLOCK);
    memcpy(header, name, strlen(name));
    char octal[32];
    snprintf(octal, sizeof octal, "%011llo", (unsigned long long)size);
    memcpy(header + 124, octal, 12);
    header[156] = (uint8_t)type;
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    sum_header(header);
    archive->size += TAR_BLOCK;
    return header;
}

static inline void put_bytes(struct archive *archive, const void *bytes, size_t size)
{
    const size_t padded = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    assert_true(archive->size + padded + 2 * TAR_BLOCK <= sizeof archive->bytes);
    memset(archive->bytes + archive->size, 0, padded);
    memcpy(archive->bytes + archive->size, bytes, size);
    archive->size += padded;
}

static inline void put_file(struct archive *archive, const char *name, const void *bytes, size_t size)
{
    put_header(archive, name, '0', size);
    put_bytes(archive, bytes, size);
}

static inline void put_text(struct archive *archive, const char *name, const char *text)
{
    put_file(archive, name, text, strlen(text));
}

static inline void write_archive(struct archive *archive, const char *path)
{
    memset(archive->bytes + archive->size, 0, 2 * TAR_BLOCK);
    scratch_write(path, archive->bytes, archive->size + 2 * TAR_BLOCK);
}

#endif
