/* Images: PNG. Every chunk's checksum is made right again, or nothing behind it would be reached.
 * Covers: shard/image/image.c shard/image/image_png.c shard/image/image_resize.c */
#include "tests/fuzz/image_fuzz.h"

#include <zlib.h>

enum { SIGNATURE_SIZE = 8, CHUNK_SIZE = 12 }; /* of a chunk: length, type and checksum */

static uint32_t get_big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void mend_checksums(uint8_t *data, size_t size)
{
    for (size_t at = SIGNATURE_SIZE; at + CHUNK_SIZE <= size;) {
        const size_t length = get_big_endian(data + at);
        if (length > size - at - CHUNK_SIZE) {
            return;
        }
        const uint32_t checksum = (uint32_t)crc32(crc32(0, NULL, 0), data + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++) {
            data[at + 8 + length + (size_t)i] = (uint8_t)(checksum >> (24 - 8 * i));
        }
        at += CHUNK_SIZE + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_fuzz(data, size, IMAGE_PNG);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 16 > 0) {
        mend_checksums(data, size);
    }
    return size;
}
