/* RecordIO files made in memory, for the tests of their reader and of the sets in them. */
#ifndef DAIL_TESTS_UNIT_RECORDIO_SCRATCH_H
#define DAIL_TESTS_UNIT_RECORDIO_SCRATCH_H

#include "tests/unit/shard_scratch.h"

#define MAGIC 0xced7230au
static const uint8_t magic_word[4] = {0x0a, 0x23, 0xd7, 0xce};

/* A file in memory, as dmlc-core's writer makes it. */
struct output {
    uint8_t bytes[1 << 16];
    size_t size;
    uint64_t place[64]; /* of each record */
    size_t records;
};

static inline void put_u32(struct output *output, uint32_t value)
{
    memcpy(output->bytes + output->size, &value, sizeof value);
    output->size += sizeof value;
}

static inline void put_part(struct output *output, uint32_t part, const uint8_t *bytes, size_t size)
{
    put_u32(output, MAGIC);
    put_u32(output, part << 29 | (uint32_t)size);
    memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
    while (output->size % 4 != 0) {
        output->bytes[output->size++] = 0;
    }
}

/* Parted wherever the magic word is at a multiple of 4. */
static inline void put_record(struct output *output, const uint8_t *bytes, size_t size)
{
    size_t begin = 0;
    output->place[output->records++] = output->size;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, sizeof word);
        if (word != MAGIC) {
            continue;
        }
        put_part(output, begin == 0 ? 1 : 2, bytes + begin, i - begin);
        begin = i + 4;
    }
    put_part(output, begin == 0 ? 0 : 3, bytes + begin, size - begin);
}

/* An image record with `labels` of them in an array, or a plain label where that is 0. */
static inline void put_image(struct output *output, uint32_t labels, float label, float second, uint64_t id,
                             const void *image, size_t size)
{
    uint8_t bytes[4096] = {0};
    const float array[2] = {label, second};
    memcpy(bytes, &labels, 4);
    if (labels == 0) {
        memcpy(bytes + 4, &label, 4);
    }
    memcpy(bytes + 8, &id, 8);
    memcpy(bytes + 24, array, labels * sizeof *array);
    memcpy(bytes + 24 + labels * sizeof *array, image, size);
    put_record(output, bytes, 24 + labels * sizeof *array + size);
}

static inline void write_output(const struct output *output, const char *path)
{
    scratch_write(path, output->bytes, output->size);
}

#endif
