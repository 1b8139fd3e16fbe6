/* Images: HEIC and AVIF.
 * Covers: shard/image/image.c shard/image/image_heif.c shard/image/image_orientation.c */
#include "tests/fuzz/image_fuzz.h"

/* libdav1d forgets a lock of pictures that it refuses. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libdav1d";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_fuzz(data, size, IMAGE_HEIF);
    return 0;
}
