#include "tests/unit/shard_edit.h"

#include "shard/pairs.h"

#include <zlib.h>

#define GOLDEN "tests/oracle/golden/"
#define IMAGES 6
#define PAIRS 4

static void make(struct pairs *pairs)
{
    static const uint32_t pair[PAIRS][2] = {{0, 1}, {2, 3}, {4, 5}, {0, 5}};
    *pairs = (struct pairs){
        .name = "few", .image_size = 20, .encoding = IMAGE_JPEG, .images = IMAGES, .count = PAIRS};
    pairs->image = malloc(100000);
    pairs->offset = calloc(IMAGES + 1, sizeof *pairs->offset);
    pairs->crc = calloc(IMAGES, sizeof *pairs->crc);
    pairs->pair = malloc(sizeof pair);
    pairs->same = malloc(PAIRS);
    pairs->fold = malloc(PAIRS);
    for (int i = 0; i < IMAGES; i++) {
        size_t size;
        uint8_t *image = scratch_image(20, 20, i, IMAGE_JPEG, &size);
        memcpy(pairs->image + pairs->bytes, image, size);
        pairs->crc[i] = (uint32_t)crc32(0, image, (uInt)size);
        pairs->bytes += size;
        pairs->offset[i + 1] = pairs->bytes;
        free(image);
    }
    memcpy(pairs->pair, pair, sizeof pair);
    memcpy(pairs->same, (const uint8_t[]){1, 0, 1, 0}, PAIRS);
    memcpy(pairs->fold, (const uint8_t[]){8, 8, 9, 9}, PAIRS);
}

static void write_pairs(const char *path)
{
    struct pairs pairs;
    struct error error;
    make(&pairs);
    assert_int_equal(pairs_write(&pairs, path, &error), STATUS_OK);
    pairs_close(&pairs);
}

static void assert_refused(const char *path, const char *words)
{
    struct pairs pairs;
    struct error error = {0};
    assert_int_equal(pairs_open(path, &pairs, &error), STATUS_DATA);
    if (!strstr(error.what, words)) {
        fail_msg("'%s' does not say '%s'", error.what, words);
    }
    assert_non_null(strstr(error.where, path));
}

static void what_is_written_is_read(void **state)
{
    struct pairs written, read;
    struct error error;
    const char *path = scratch_path(*state, "few.h5");
    make(&written);
    assert_int_equal(pairs_write(&written, path, &error), STATUS_OK);
    assert_int_equal(scratch_count(((struct scratch *)*state)->directory), 1);
    assert_int_equal(pairs_open(path, &read, &error), STATUS_OK);
    assert_string_equal(read.name, "few");
    assert_int_equal(read.image_size, 20);
    assert_int_equal(read.encoding, IMAGE_JPEG);
    assert_int_equal(read.images, IMAGES);
    assert_int_equal(read.count, PAIRS);
    assert_int_equal(read.bytes, written.bytes);
    assert_memory_equal(read.image, written.image, written.bytes);
    assert_memory_equal(read.offset, written.offset, (IMAGES + 1) * sizeof *read.offset);
    assert_memory_equal(read.pair, written.pair, PAIRS * 2 * sizeof *read.pair);
    assert_memory_equal(read.same, written.same, PAIRS);
    assert_memory_equal(read.fold, written.fold, PAIRS);
    pairs_close(&read);
    pairs_close(&written);
}

static void bad_sets_are_not_written(void **state)
{
    struct pairs pairs;
    struct error error;
    const char *path = scratch_path(*state, "few.h5");
    make(&pairs);
    pairs.pair[3] = IMAGES;
    assert_int_equal(pairs_write(&pairs, path, &error), STATUS_DATA);
    pairs.pair[3] = 0;
    assert_int_equal(pairs_write(&pairs, scratch_path(*state, "no/few.h5"), &error), STATUS_STORAGE);
    assert_int_equal(scratch_count(((struct scratch *)*state)->directory), 0);
    pairs_close(&pairs);
}

static void damage_is_found(void **state)
{
    size_t size;
    const char *path = scratch_path(*state, "few.h5");
    assert_refused(path, "No such file");
    write_pairs(path);
    uint8_t *bytes = scratch_read(path, &size);
    scratch_write(path, bytes, size * 2 / 3);
    assert_refused(path, "truncated");
    free(bytes);
    write_pairs(path);
    edit_element(path, "/image", 200, 0);
    assert_refused(path, "is damaged: crc");
    write_pairs(path);
    edit_element(path, "/pair", 5, IMAGES);
    assert_refused(path, "pair 2 is of images 4 and 6, and there are 6");
    write_pairs(path);
    edit_element(path, "/same", 1, 2);
    assert_refused(path, "/same of pair 1 is 2");
    write_pairs(path);
    edit_element(path, "/offset", 2, 1);
    assert_refused(path, "which cannot be");
    write_pairs(path);
    edit_element(path, "/offset", IMAGES, 1000000);
    assert_refused(path, "which has");
    write_pairs(path);
    edit_attribute(path, "version", 9);
    assert_refused(path, "pairs file of version 9, newer than the version 1");
    write_pairs(path);
    edit_attribute(path, "image_size", 20000);
    assert_refused(path, "at most 16384");
    write_pairs(path);
    edit_remove(path, "/fold");
    assert_refused(path, "there is no array /fold");
}

static void links_are_refused(void **state)
{
    char path[1024], other[1024];
    snprintf(path, sizeof path, "%s", scratch_path(*state, "few.h5"));
    snprintf(other, sizeof other, "%s", scratch_path(*state, "other.h5"));
    write_pairs(path);
    write_pairs(other);
    edit_link(path, "/same", other);
    assert_refused(path, "/same is an external link");
}

static void golden_sets_are_read(void **state)
{
    static const uint32_t pair[4][2] = {{0, 1}, {2, 3}, {4, 5}, {0, 5}};
    struct pairs pairs;
    struct error error;
    (void)state;
    assert_int_equal(pairs_open(GOLDEN "pairs.h5", &pairs, &error), STATUS_OK);
    assert_int_equal(pairs.images, 6);
    assert_int_equal(pairs.count, 4);
    assert_int_equal(pairs.encoding, IMAGE_PNG);
    assert_memory_equal(pairs.pair, pair, sizeof pair);
    assert_memory_equal(pairs.same, ((uint8_t[]){1, 0, 1, 0}), 4);
    assert_memory_equal(pairs.fold, ((uint8_t[]){0, 0, 1, 1}), 4);
    pairs_close(&pairs);
    assert_refused(GOLDEN "golden-00000.h5", "'shard' where 'pairs'");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read), TEST(bad_sets_are_not_written), TEST(damage_is_found),
        TEST(links_are_refused),       TEST(golden_sets_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
