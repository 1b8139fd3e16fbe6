/* Images: JPEG.
 * Covers: shard/image/image.c shard/image/image_jpeg.c shard/image/image_orientation.c shard/image/image_resize.c */
#include "tests/fuzz/image_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_fuzz(data, size, IMAGE_JPEG);
    return 0;
}
