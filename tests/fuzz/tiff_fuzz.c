/* Images: TIFF.
 * Covers: shard/image/image.c shard/image/image_tiff.c shard/image/image_orientation.c */
#include "tests/fuzz/image_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_fuzz(data, size, IMAGE_TIFF);
    return 0;
}
