/* Images: PGM and PPM.
 * Covers: shard/image.c shard/image_pnm.c shard/image_resize.c */
#include "tests/fuzz/image_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_fuzz(data, size, IMAGE_PNM);
    return 0;
}
