#include "tests/unit/shard_edit.h"

#include "shard/dataset/dataset_writer.h"
#include "shard/manifest.h"
#include "shard/verify.h"

#include <sys/wait.h>
#include <unistd.h>

#define GOLDEN "tests/oracle/golden/"
#define IMAGES 20
#define SIDE 24

/* A dataset "few" of two shards; image 13 has `odd` pixels a side. */
static void write_dataset(struct scratch *scratch, int odd)
{
    static const char *const names[] = {"Ada", "Bela", "Chloe"};
    static const char *const files[] = {"few.yaml", "few-00000.h5", "few-00001.h5", "few.classes.txt"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        unlink(scratch_path(scratch, files[i]));
    }
    struct dataset_writer *writer;
    struct error error;
    struct dataset_plan plan = {.directory = scratch->directory,
                                .name = "few",
                                .dataset_id = 1,
                                .classes = 3,
                                .image_size = SIDE,
                                .encoding = IMAGE_JPEG,
                                .images = IMAGES,
                                .shards = 2};
    assert_int_equal(dataset_writer_create(&plan, &writer, &error), STATUS_OK);
    for (int i = 0; i < IMAGES; i++) {
        size_t size;
        int side = i == 13 ? odd : SIDE;
        uint8_t *image = scratch_image(side, side, i, IMAGE_JPEG, &size);
        assert_int_equal(dataset_writer_append(writer, image, size, (uint32_t)i % 3, true, NULL, &error),
                         STATUS_OK);
        free(image);
    }
    uint64_t bytes;
    assert_int_equal(dataset_writer_finish(writer, names, &bytes, &error), STATUS_OK);
    assert_true(bytes > 0);
}

static enum status check(const char *path, struct verify_report *report, struct error *error)
{
    static const struct verify_listener silent = {NULL, NULL};
    enum kind kind;
    *report = (struct verify_report){0};
    enum status status = kind_of_path(path, &kind, error);
    return status == STATUS_OK ? verify_file(path, kind, &silent, report, error) : status;
}

static void assert_faulty(const char *path, const char *words)
{
    struct verify_report report;
    struct error error = {0};
    char all[1100];
    assert_int_equal(check(path, &report, &error), STATUS_DATA);
    snprintf(all, sizeof all, "%s | %s", error.what, error.where);
    if (!strstr(all, words)) {
        fail_msg("'%s' does not say '%s'", all, words);
    }
}

static void sound_data_passes(void **state)
{
    struct verify_report report;
    struct error error = {0};
    write_dataset(*state, SIDE);
    assert_int_equal(check(scratch_path(*state, "few.yaml"), &report, &error), STATUS_OK);
    assert_int_equal(report.images, IMAGES);
    assert_int_equal(report.files, 4);
    assert_int_equal(check(scratch_path(*state, "few-00001.h5"), &report, &error), STATUS_OK);
    assert_int_equal(report.images, IMAGES / 2);
    assert_int_equal(check(GOLDEN "golden.yaml", &report, &error), STATUS_OK);
    assert_int_equal(check(GOLDEN "pairs.h5", &report, &error), STATUS_OK);
    assert_int_equal(report.images, 6);
}

static void damaged_images_are_named(void **state)
{
    struct shard shard;
    struct error error;
    char path[1024], words[64];
    write_dataset(*state, SIDE);
    snprintf(path, sizeof path, "%s", scratch_path(*state, "few-00001.h5"));
    assert_int_equal(shard_open(path, &shard, &error), STATUS_OK);
    scratch_flip(path, shard_file_offset(&shard, shard.offset[4] + 20));
    snprintf(words, sizeof words, "bytes %llu to %llu of /image", (unsigned long long)shard.offset[4],
             (unsigned long long)shard.offset[5]);
    shard_close(&shard);
    assert_faulty(path, words);
    assert_faulty(scratch_path(*state, "few.yaml"), words);
    assert_faulty(scratch_path(*state, "few.yaml"), "shard 1, image 4");
}

/* Any flipped byte of any shard is found by the manifest's crc at the latest. */
static void any_flip_is_found(void **state)
{
    size_t size;
    char path[1024], manifest[1024];
    write_dataset(*state, SIDE);
    snprintf(path, sizeof path, "%s", scratch_path(*state, "few-00000.h5"));
    snprintf(manifest, sizeof manifest, "%s", scratch_path(*state, "few.yaml"));
    free(scratch_read(path, &size));
    for (size_t at = 3; at < size; at += at < 3000 ? 211 : 9973) {
        scratch_flip(path, at);
        assert_faulty(manifest, "few-00000.h5");
        scratch_flip(path, at);
    }
    struct verify_report report;
    struct error error;
    assert_int_equal(check(manifest, &report, &error), STATUS_OK);
}

static void other_faults_are_named(void **state)
{
    size_t size;
    char path[1024], manifest[1024];
    snprintf(path, sizeof path, "%s", scratch_path(*state, "few-00001.h5"));
    snprintf(manifest, sizeof manifest, "%s", scratch_path(*state, "few.yaml"));
    write_dataset(*state, SIDE);
    edit_element(path, "/label", 3, 99);
    assert_faulty(manifest, "the label of image 3 is 99");
    write_dataset(*state, SIDE);
    uint8_t *bytes = scratch_read(path, &size);
    scratch_write(path, bytes, size - 100);
    free(bytes);
    assert_faulty(manifest, "truncated");
    unlink(path);
    assert_faulty(manifest, "few-00001.h5");
    write_dataset(*state, SIDE + 8);
    assert_faulty(manifest, "image 3 is 32 x 32 where 24 x 24 is needed");
    assert_faulty(path, "image 3 is 32 x 32 where 24 x 24 is needed");
    write_dataset(*state, SIDE);
    scratch_text(scratch_path(*state, "few.classes.txt"), "Ada\nBela\n");
    assert_faulty(manifest, "2 names of classes");
    scratch_text(scratch_path(*state, "few.classes.txt"), "Ada\nChloe\nBela\n");
    assert_faulty(manifest, "the class names are not those of the packing");
    scratch_text(path, "hello");
    assert_faulty(path, "no file of ours");
}

/* As a packing that is killed: its process is gone, and its hidden folder is not. */
static void die_while_writing(const struct dataset_plan *plan, const uint8_t *image, size_t size)
{
    int how;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct dataset_writer *writer;
        _exit(dataset_writer_create(plan, &writer, NULL) != STATUS_OK ||
              dataset_writer_append(writer, image, size, 0, true, NULL, NULL) != STATUS_OK);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
}

static void unfinished_datasets_leave_nothing(void **state)
{
    struct scratch *scratch = *state;
    struct dataset_writer *writer;
    struct error error;
    static const char *const names[] = {"Ada"};
    struct dataset_plan plan = {.directory = scratch->directory,
                                .name = "few",
                                .classes = 1,
                                .image_size = SIDE,
                                .encoding = IMAGE_JPEG,
                                .images = 4,
                                .shards = 2};
    size_t size;
    uint8_t *image = scratch_image(SIDE, SIDE, 1, IMAGE_JPEG, &size);
    assert_int_equal(dataset_writer_create(&plan, &writer, &error), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dataset_writer_append(writer, image, size, 0, true, NULL, &error), STATUS_OK);
    }
    assert_int_equal(dataset_writer_finish(writer, names, NULL, &error), STATUS_INTERNAL);
    assert_int_equal(scratch_count(scratch->directory), 0);
    /* While one is at work another is refused. */
    struct dataset_writer *next;
    assert_int_equal(dataset_writer_create(&plan, &writer, &error), STATUS_OK);
    assert_int_equal(dataset_writer_create(&plan, &next, &error), STATUS_USAGE);
    dataset_writer_abandon(writer);
    assert_int_equal(scratch_count(scratch->directory), 0);
    /* What an interrupted one left does not hinder the next. */
    die_while_writing(&plan, image, size);
    assert_int_equal(scratch_count(scratch->directory), 1);
    assert_int_equal(dataset_writer_create(&plan, &next, &error), STATUS_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(dataset_writer_append(next, image, size, 0, true, NULL, &error), STATUS_OK);
    }
    assert_int_equal(dataset_writer_append(next, image, size, 0, true, NULL, &error), STATUS_INTERNAL);
    assert_int_equal(dataset_writer_finish(next, names, NULL, &error), STATUS_OK);
    assert_int_equal(scratch_count(scratch->directory), 4);
    free(image);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sound_data_passes),      TEST(damaged_images_are_named),          TEST(any_flip_is_found),
        TEST(other_faults_are_named), TEST(unfinished_datasets_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
