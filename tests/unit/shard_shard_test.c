#include "tests/unit/shard_edit.h"

#include "shard/shard.h"

#include <fcntl.h>

#define IMAGES 40
#define CLASSES 7
#define GOLDEN "tests/oracle/golden/"

/* 40 images of 24 x 24, the third a PNG where `mixed`. */
static void write_shard(const char *path, int mixed)
{
    struct shard_writer *writer;
    struct error error;
    uint64_t bytes, size_on_disk;
    uint32_t crc;
    struct stat status;
    assert_int_equal(shard_writer_create(path, "small", 5, 1, 3, CLASSES, IMAGE_UNKNOWN, &writer, &error),
                     STATUS_OK);
    for (int i = 0; i < IMAGES; i++) {
        size_t size;
        uint8_t *image = scratch_image(24, 24, i, mixed && i == 2 ? IMAGE_PNG : IMAGE_JPEG, &size);
        assert_int_equal(shard_writer_append(writer, image, size, (uint32_t)(i % CLASSES), &error),
                         STATUS_OK);
        free(image);
    }
    assert_int_equal(shard_writer_finish(writer, &bytes, &crc, &error), STATUS_OK);
    assert_int_equal(stat(path, &status), 0);
    size_on_disk = (uint64_t)status.st_size;
    assert_int_equal(bytes, size_on_disk);
}

/* Opens a shard that must be refused, with `words` in the message. */
static void assert_refused(const char *path, const char *words)
{
    struct shard shard;
    struct error error = {0};
    assert_int_equal(shard_open(path, &shard, &error), STATUS_DATA);
    if (!strstr(error.what, words)) {
        fail_msg("'%s' does not say '%s'", error.what, words);
    }
    assert_non_null(strstr(error.where, path));
}

static void images_come_back(void **state)
{
    struct shard shard;
    struct error error;
    const char *path = scratch_path(*state, "small-00001.h5");
    write_shard(path, 0);
    assert_int_equal(shard_open(path, &shard, &error), STATUS_OK);
    assert_string_equal(shard.dataset, "small");
    assert_int_equal(shard.dataset_id, 5);
    assert_int_equal(shard.shard, 1);
    assert_int_equal(shard.shards, 3);
    assert_int_equal(shard.classes, CLASSES);
    assert_int_equal(shard.images, IMAGES);
    assert_int_equal(shard.encoding, IMAGE_JPEG);
    uint8_t *bytes = malloc(shard.bytes);
    assert_int_equal(shard_read(&shard, 0, IMAGES, bytes, &error), STATUS_OK);
    for (uint32_t i = 0; i < IMAGES; i++) {
        size_t size;
        uint8_t *image = scratch_image(24, 24, (int)i, IMAGE_JPEG, &size);
        assert_int_equal(size, shard.offset[i + 1] - shard.offset[i]);
        assert_memory_equal(image, bytes + shard.offset[i], size);
        assert_int_equal(shard.label[i], i % CLASSES);
        assert_int_equal(shard_check_image(&shard, i, bytes + shard.offset[i], &error), STATUS_OK);
        free(image);
    }
    uint8_t *part = malloc(shard.bytes);
    assert_int_equal(shard_read(&shard, 11, 5, part, &error), STATUS_OK);
    assert_memory_equal(part, bytes + shard.offset[11], shard.offset[16] - shard.offset[11]);
    assert_int_equal(shard_read(&shard, IMAGES, 0, part, &error), STATUS_OK);
    assert_int_equal(shard_read(&shard, IMAGES - 1, 2, part, &error), STATUS_INTERNAL);
    free(part);
    free(bytes);
    shard_close(&shard);
    shard_close(&shard);
}

/* More than one piece of a megabyte, images across their borders. */
static void large_shards_come_back(void **state)
{
    struct shard_writer *writer;
    struct shard shard;
    struct error error;
    uint64_t file_bytes;
    uint32_t crc;
    const size_t size = 300001;
    const uint32_t images = 12;
    uint8_t *image = malloc(size), *read = malloc(size * images);
    const char *path = scratch_path(*state, "large-00000.h5");
    assert_int_equal(shard_writer_create(path, "large", 0, 0, 1, images, IMAGE_PNG, &writer, &error),
                     STATUS_OK);
    for (uint32_t i = 0; i < images; i++) {
        for (size_t j = 0; j < size; j++) {
            image[j] = (uint8_t)(j * (i + 3) >> 3);
        }
        memcpy(image, "\x89PNG\r\n\x1a\n", 8);
        assert_int_equal(shard_writer_append(writer, image, size, i, &error), STATUS_OK);
    }
    assert_int_equal(shard_writer_finish(writer, &file_bytes, &crc, &error), STATUS_OK);
    assert_int_equal(shard_open(path, &shard, &error), STATUS_OK);
    assert_true(shard.pieces > 3);
    assert_int_equal(shard_read(&shard, 0, images, read, &error), STATUS_OK);
    for (uint32_t i = 0; i < images; i++) {
        assert_int_equal(shard_check_image(&shard, i, read + i * size, &error), STATUS_OK);
    }
    /* Where the file says byte b of /image is, it is. */
    size_t whole;
    uint8_t *file = scratch_read(path, &whole);
    for (uint64_t byte = 0; byte < shard.bytes; byte += 77777) {
        assert_int_equal(file[shard_file_offset(&shard, byte)], read[byte]);
    }
    shard_close(&shard);
    free(file);
    free(image);
    free(read);
}

static void mixed_encodings_are_told(void **state)
{
    struct shard shard;
    struct shard_writer *writer;
    struct error error;
    size_t size;
    const char *path = scratch_path(*state, "small-00001.h5");
    write_shard(path, 1);
    assert_int_equal(shard_open(path, &shard, &error), STATUS_OK);
    assert_int_equal(shard.encoding, IMAGE_UNKNOWN);
    assert_string_equal(shard_encoding_name(shard.encoding), "mixed");
    shard_close(&shard);
    assert_int_equal(shard_writer_create(path, "small", 5, 1, 3, CLASSES, IMAGE_JPEG, &writer, &error),
                     STATUS_OK);
    uint8_t *image = scratch_image(24, 24, 1, IMAGE_PNG, &size);
    assert_int_equal(shard_writer_append(writer, image, size, 0, &error), STATUS_DATA);
    shard_writer_abandon(writer);
    free(image);
}

static void unfinished_shards_leave_nothing(void **state)
{
    struct scratch *scratch = *state;
    struct shard_writer *writer;
    struct error error;
    uint64_t bytes;
    uint32_t crc;
    const char *path = scratch_path(scratch, "small-00001.h5");
    assert_int_equal(shard_writer_create(path, "small", 5, 1, 3, CLASSES, IMAGE_JPEG, &writer, &error),
                     STATUS_OK);
    assert_int_equal(shard_writer_append(writer, (const uint8_t *)"\xff\xd8\xff", 3, CLASSES, &error),
                     STATUS_DATA);
    assert_int_equal(scratch_count(scratch->directory), 1);
    shard_writer_abandon(writer);
    assert_int_equal(scratch_count(scratch->directory), 0);
    assert_int_equal(shard_writer_create(path, "small", 5, 1, 3, CLASSES, IMAGE_JPEG, &writer, &error),
                     STATUS_OK);
    assert_int_equal(shard_writer_finish(writer, &bytes, &crc, &error), STATUS_DATA);
    assert_int_equal(scratch_count(scratch->directory), 0);
    assert_int_equal(shard_writer_create(scratch_path(scratch, "no/folder.h5"), "small", 5, 1, 3, CLASSES,
                                         IMAGE_JPEG, &writer, &error),
                     STATUS_STORAGE);
}

static void a_flipped_byte_is_found(void **state)
{
    struct shard shard;
    struct error error;
    char where[64];
    const char *path = scratch_path(*state, "small-00001.h5");
    write_shard(path, 0);
    assert_int_equal(shard_open(path, &shard, &error), STATUS_OK);
    scratch_flip(path, shard_file_offset(&shard, shard.offset[17] + 9));
    shard_close(&shard);
    assert_int_equal(shard_open(path, &shard, &error), STATUS_OK);
    uint8_t *bytes = malloc(shard.bytes);
    assert_int_equal(shard_read(&shard, 0, IMAGES, bytes, &error), STATUS_OK);
    assert_int_equal(shard_check_image(&shard, 16, bytes + shard.offset[16], &error), STATUS_OK);
    assert_int_equal(shard_check_image(&shard, 17, bytes + shard.offset[17], &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "dataset small, shard 1, image 17"));
    assert_non_null(strstr(error.where, path));
    snprintf(where, sizeof where, "bytes %llu to %llu of /image", (unsigned long long)shard.offset[17],
             (unsigned long long)shard.offset[18]);
    assert_non_null(strstr(error.what, where));
    free(bytes);
    shard_close(&shard);
}

static void bad_indices_are_refused(void **state)
{
    struct shard shard;
    struct error error;
    const char *path = scratch_path(*state, "small-00001.h5");
    write_shard(path, 0);
    assert_int_equal(shard_open(path, &shard, &error), STATUS_OK);
    uint64_t third = shard.offset[3], end = shard.bytes;
    shard_close(&shard);
    edit_element(path, "/label", 4, CLASSES);
    assert_refused(path, "the label of image 4 is 7, and there are 7 classes");
    edit_element(path, "/label", 4, 0);
    edit_element(path, "/offset", 4, third - 1);
    assert_refused(path, "offsets overlap");
    edit_element(path, "/offset", 4, third);
    assert_refused(path, "offsets overlap");
    edit_element(path, "/offset", 4, end + 5);
    assert_refused(path, "image 3 ends at byte");
    edit_element(path, "/offset", 4, UINT64_MAX);
    assert_refused(path, "past the end");
    write_shard(path, 0);
    edit_element(path, "/offset", 0, 1);
    assert_refused(path, "the first image begins at byte 1");
    write_shard(path, 0);
    edit_element(path, "/offset", IMAGES, end - 1);
    assert_refused(path, "the last image ends");
}

static void bad_attributes_are_refused(void **state)
{
    const char *path = scratch_path(*state, "small-00001.h5");
    write_shard(path, 0);
    edit_attribute(path, "version", 2);
    assert_refused(path, "shard file of version 2, newer than the version 1");
    edit_attribute(path, "version", 0);
    assert_refused(path, "version 0");
    edit_attribute(path, "version", 1);
    edit_attribute(path, "shard", 3);
    assert_refused(path, "shard 3 (from 0) of 3");
    edit_attribute(path, "shard", (uint64_t)1 << 40);
    assert_refused(path, "at most");
    edit_attribute(path, "shard", 1);
    edit_attribute(path, "classes", 3);
    assert_refused(path, "there are 3 classes");
    edit_attribute(path, "classes", CLASSES);
    struct shard shard;
    struct error error;
    assert_int_equal(shard_open(path, &shard, &error), STATUS_OK);
    shard_close(&shard);
}

static void bad_files_are_refused(void **state)
{
    size_t size;
    char path[1024], other[1024];
    snprintf(path, sizeof path, "%s", scratch_path(*state, "small-00001.h5"));
    snprintf(other, sizeof other, "%s", scratch_path(*state, "other.h5"));
    assert_refused(path, "No such file");
    write_shard(path, 0);
    uint8_t *bytes = scratch_read(path, &size);
    for (size_t length = 0; length < size; length += size / 13) {
        struct shard shard;
        struct error error;
        scratch_write(path, bytes, length);
        assert_int_equal(shard_open(path, &shard, &error), STATUS_DATA);
    }
    write_shard(path, 0);
    write_shard(other, 0);
    edit_link(path, "/image", other);
    assert_refused(path, "/image is an external link, which is refused");
    write_shard(path, 0);
    edit_remove(path, "/crc");
    assert_refused(path, "there is no array /crc");
    free(bytes);
}

/* Bytes flipped anywhere must never crash the reader; its images then have their crc or an error. */
static void no_flip_crashes(void **state)
{
    size_t size;
    const char *path = scratch_path(*state, "small-00001.h5");
    write_shard(path, 0);
    uint8_t *bytes = scratch_read(path, &size);
    for (size_t at = 0; at < size; at += at < 4096 ? 37 : 997) {
        struct shard shard;
        struct error error;
        bytes[at] ^= 0xff;
        scratch_write(path, bytes, size);
        bytes[at] ^= 0xff;
        if (shard_open(path, &shard, &error) != STATUS_OK) {
            continue;
        }
        uint8_t *images = malloc(shard.bytes);
        enum status status = shard_read(&shard, 0, shard.images, images, &error);
        for (uint32_t i = 0; i < shard.images && status == STATUS_OK; i++) {
            status = shard_check_image(&shard, i, images + shard.offset[i], &error);
        }
        assert_true(status == STATUS_OK || status == STATUS_DATA);
        free(images);
        shard_close(&shard);
    }
    free(bytes);
}

/* Reads what an independent writer made (tests/oracle/make_shard.py). */
static void golden_shards_are_read(void **state)
{
    static const char *const files[] = {GOLDEN "golden-00000.h5", GOLDEN "golden-00001.h5"};
    (void)state;
    for (uint32_t number = 0; number < 2; number++) {
        struct shard shard;
        struct error error = {0};
        size_t size;
        enum status opened = shard_open(files[number], &shard, &error);
        if (opened != STATUS_OK) {
            fail_msg("%s (%s)", error.what, error.where);
        }
        assert_string_equal(shard.dataset, "golden");
        assert_int_equal(shard.dataset_id, 77);
        assert_int_equal(shard.shard, number);
        assert_int_equal(shard.shards, 2);
        assert_int_equal(shard.classes, 3);
        assert_int_equal(shard.encoding, number == 0 ? IMAGE_PNG : IMAGE_JPEG);
        uint8_t *expected =
            scratch_read(number == 0 ? GOLDEN "golden-00000.bytes" : GOLDEN "golden-00001.bytes", &size);
        assert_int_equal(size, shard.bytes);
        uint8_t *bytes = malloc(size);
        assert_int_equal(shard_read(&shard, 0, shard.images, bytes, &error), STATUS_OK);
        assert_memory_equal(bytes, expected, size);
        for (uint32_t i = 0; i < shard.images; i++) {
            assert_int_equal(shard.label[i], (i * 2 + number) % 3);
            assert_int_equal(shard_check_image(&shard, i, bytes + shard.offset[i], &error), STATUS_OK);
        }
        free(bytes);
        free(expected);
        shard_close(&shard);
    }
}

static void compressed_shards_are_refused(void **state)
{
    (void)state;
    assert_refused(GOLDEN "compressed-00000.h5", "/image is compressed");
}

static void names_are_checked(void **state)
{
    (void)state;
    assert_true(shard_name_is_valid("lfw-2.b_C"));
    assert_false(shard_name_is_valid(""));
    assert_false(shard_name_is_valid("../lfw"));
    assert_false(shard_name_is_valid(".lfw"));
    assert_false(shard_name_is_valid("-lfw"));
    assert_false(shard_name_is_valid("l w"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(images_come_back),
        TEST(large_shards_come_back),
        TEST(mixed_encodings_are_told),
        TEST(unfinished_shards_leave_nothing),
        TEST(a_flipped_byte_is_found),
        TEST(bad_indices_are_refused),
        TEST(bad_attributes_are_refused),
        TEST(bad_files_are_refused),
        TEST(no_flip_crashes),
        TEST(golden_shards_are_read),
        TEST(compressed_shards_are_refused),
        TEST(names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
