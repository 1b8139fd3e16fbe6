/* How pictures are brought to the square that is stored: turned upright, cropped or padded, warped to landmarks. */
#include "tests/unit/shard_scratch.h"

#include "shard/manifest.h"
#include "shard/pack/pack.h"

#define SIDE 24

struct work {
    char faces[600], out[600];
};

/* faces/<person>/<file>, of these bytes, which are freed. */
static void add_file(const struct work *work, const char *person, const char *file, uint8_t *bytes,
                     size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", work->faces, person);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", work->faces, person, file);
    scratch_write(path, bytes, size);
    free(bytes);
}

static void begin(struct scratch *scratch, struct work *work)
{
    snprintf(work->faces, sizeof work->faces, "%s/faces", scratch->directory);
    snprintf(work->out, sizeof work->out, "%s/out", scratch->directory);
    assert_int_equal(mkdir(work->faces, 0777), 0);
}

static struct pack_style png_style(void)
{
    struct pack_style style = PACK_STYLE_DEFAULTS;
    style.size = SIDE;
    style.encoding = IMAGE_PNG;
    return style;
}

static struct pack_dataset import_of(const struct work *work)
{
    return (struct pack_dataset){.source = work->faces,
                                 .directory = work->out,
                                 .name = "few",
                                 .min_images = 1,
                                 .shard_bytes = 1 << 20,
                                 .force = true};
}

/* The pixels of the only image that was packed: SIDE * SIDE * 3. */
static void read_only_image(const struct work *work, uint8_t *pixels)
{
    char path[1024];
    struct manifest manifest;
    struct shard shard;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/few.yaml", work->out);
    assert_int_equal(manifest_open(path, &manifest, &error), STATUS_OK);
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    assert_int_equal(shard.images, 1);
    uint8_t *bytes = malloc(shard.bytes);
    assert_non_null(bytes);
    assert_int_equal(shard_read(&shard, 0, 1, bytes, &error), STATUS_OK);
    assert_int_equal(image_orientation(bytes, shard.bytes), 1);
    assert_int_equal(image_decode_into(bytes, shard.bytes, SIDE, pixels, &error), STATUS_OK);
    free(bytes);
    shard_close(&shard);
    manifest_close(&manifest);
}

/* A JPEG with an EXIF segment that holds its orientation; the bytes are freed. */
static uint8_t *with_orientation(uint8_t *bytes, size_t *size, uint8_t orientation)
{
    const uint8_t segment[] = {0xff, 0xe1, 0, 34, 'E',         'x', 'i', 'f', 0,    0, 'I', 'I',
                               '*',  0,    8, 0,  0,           0,   1,   0,   0x12, 1, 3,   0,
                               1,    0,    0, 0,  orientation, 0,   0,   0,   0,    0, 0,   0};
    uint8_t *longer = malloc(*size + sizeof segment);
    assert_non_null(longer);
    memcpy(longer, bytes, 2);
    memcpy(longer + 2, segment, sizeof segment);
    memcpy(longer + 2 + sizeof segment, bytes + 2, *size - 2);
    free(bytes);
    *size += sizeof segment;
    return longer;
}

/* An image of the size is stored upright and without its EXIF's orientation, though its bytes are not kept then. */
static void images_are_stored_upright(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error = {0};
    begin(*state, &work);
    for (uint8_t orientation = 1; orientation <= 8; orientation++) {
        size_t size;
        uint8_t upright[SIDE * SIDE * 3], stored[SIDE * SIDE * 3];
        uint8_t *bytes =
            with_orientation(scratch_image(SIDE, SIDE, 3, IMAGE_JPEG, &size), &size, orientation);
        assert_int_equal(image_orientation(bytes, size), orientation);
        assert_int_equal(image_decode_into(bytes, size, SIDE, upright, &error), STATUS_OK);
        add_file(&work, "ada", "1.jpg", bytes, size);
        struct pack_style style = png_style();
        struct pack_dataset import = import_of(&work);
        assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
        assert_int_equal(result.kept, orientation == 1);
        read_only_image(&work, stored);
        assert_memory_equal(stored, upright, sizeof upright);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(images_are_stored_upright)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
