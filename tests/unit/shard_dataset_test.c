/* shard/dataset/: how a dataset's files are called, whose they are, and what is believed of a hidden folder. What goes
 * wrong at each call in turn is tests/system/packing.t's. */
#include "tests/unit/shard_scratch.h"

#include "proto/file.h"
#include "shard/dataset/dataset_file.h"
#include "shard/dataset/dataset_writer.h"
#include "shard/manifest.h"

#define SIDE 16

static int told;
static char line[400];

static void tell(void *context, const char *text)
{
    (void)context;
    told++;
    snprintf(line, sizeof line, "%s", text);
}

/* The dataset "few" of two images in two shards, of one person. */
static enum status write_few(struct scratch *scratch, const char *person, bool force, struct error *error)
{
    struct dataset_writer *writer;
    const struct dataset_plan plan = {.directory = scratch->directory,
                                      .name = "few",
                                      .classes = 1,
                                      .image_size = SIDE,
                                      .encoding = IMAGE_JPEG,
                                      .images = 2,
                                      .shards = 2,
                                      .force = force,
                                      .tell = tell};
    size_t size;
    told = 0;
    enum status status = dataset_writer_create(&plan, &writer, error);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        uint8_t *image = scratch_image(SIDE, SIDE, i, IMAGE_JPEG, &size);
        assert_int_equal(dataset_writer_append(writer, image, size, 0, true, NULL, error), STATUS_OK);
        free(image);
    }
    return status == STATUS_OK ? dataset_writer_finish(writer, &person, NULL, error) : status;
}

static void assert_there(struct scratch *scratch, const char *name, bool there)
{
    if (file_exists(scratch_path(scratch, name)) != there) {
        fail_msg("%s is %s", name, there ? "missing" : "there");
    }
}

static void names_tell_generations(void **state)
{
    char file[DATASET_FILE_SIZE];
    (void)state;
    dataset_shard_file("few", 1, 7, file);
    assert_string_equal(file, "few-00007.h5");
    dataset_shard_file("few", 12, 123456, file);
    assert_string_equal(file, "few-g12-123456.h5");
    assert_int_equal(dataset_file_generation("few", file), 12);
    dataset_class_file("few", 1, file);
    assert_string_equal(file, "few.classes.txt");
    dataset_class_file("few", 2, file);
    assert_string_equal(file, "few-g2.classes.txt");
    assert_int_equal(dataset_file_generation("few", file), 2);
    assert_int_equal(dataset_file_generation("few-g2", "few-g2-00000.h5"), 1);
    static const char *const others[] = {"few",
                                         "few.yaml",
                                         "few-0.h5",
                                         "few-00000.h5.tmp",
                                         "few-g1-00000.h5",
                                         "few-g0-00000.h5",
                                         "few-girls-00000.h5",
                                         "fewer-00000.h5",
                                         "few-g2.h5",
                                         "few-classes.txt",
                                         "../few-00000.h5"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (dataset_file_generation("few", others[i]) != 0) {
            fail_msg("%s is taken for a file of few", others[i]);
        }
    }
}

static void each_replacement_is_a_generation(void **state)
{
    struct error error;
    assert_int_equal(write_few(*state, "Ada", false, &error), STATUS_OK);
    assert_there(*state, "few-00001.h5", true);
    assert_int_equal(write_few(*state, "Bela", false, &error), STATUS_USAGE);
    assert_int_equal(write_few(*state, "Bela", true, &error), STATUS_OK);
    assert_int_equal(told, 0);
    assert_there(*state, "few-00000.h5", false);
    assert_there(*state, "few.classes.txt", false);
    assert_there(*state, "few-g2-00001.h5", true);
    assert_there(*state, "few-g2.classes.txt", true);
    assert_int_equal(write_few(*state, "Ada", true, &error), STATUS_OK);
    assert_there(*state, "few-g3-00000.h5", true);
    assert_int_equal(scratch_count(((struct scratch *)*state)->directory), 4);
    /* Files that no manifest lists are nobody's to write over. */
    assert_int_equal(unlink(scratch_path(*state, "few.yaml")), 0);
    assert_int_equal(write_few(*state, "Ada", false, &error), STATUS_OK);
    assert_int_equal(told, 1);
    assert_non_null(strstr(line, "they are left alone, and the new ones are few-g4-00000.h5"));
    assert_there(*state, "few-g3-00000.h5", true);
}

/* What another manifest lists is its own, under whatever name it stands. */
static void files_of_another_manifest_are_refused(void **state)
{
    struct error error;
    char kept[1024], copy[1024];
    size_t size[2];
    snprintf(kept, sizeof kept, "%s", scratch_path(*state, "kept.yaml"));
    snprintf(copy, sizeof copy, "%s", scratch_path(*state, "few-00000.h5"));
    assert_int_equal(write_few(*state, "Ada", false, &error), STATUS_OK);
    uint8_t *before = scratch_read(copy, &size[0]);
    assert_int_equal(rename(scratch_path(*state, "few.yaml"), kept), 0);
    for (int force = 0; force < 2; force++) {
        assert_int_equal(write_few(*state, "Bela", force == 1, &error), STATUS_USAGE);
        assert_string_equal(error.where, kept);
        assert_non_null(strstr(error.what, "another manifest lists few-00000.h5"));
    }
    uint8_t *after = scratch_read(copy, &size[1]);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(before, after, size[0]);
    free(before);
    free(after);
    /* A link to the dataset's own manifest is no other one; a copy is, and keeps what it lists. */
    assert_int_equal(rename(kept, scratch_path(*state, "few.yaml")), 0);
    assert_int_equal(symlink("few.yaml", scratch_path(*state, "newest.yaml")), 0);
    assert_int_equal(write_few(*state, "Bela", true, &error), STATUS_OK);
    uint8_t *manifest = scratch_read(scratch_path(*state, "few.yaml"), &size[0]);
    scratch_write(kept, manifest, size[0]);
    free(manifest);
    assert_int_equal(write_few(*state, "Chloe", true, &error), STATUS_USAGE);
    assert_string_equal(error.where, kept);
}

static void hidden_folders_of_others_are_refused(void **state)
{
    struct error error;
    char hidden[1024];
    snprintf(hidden, sizeof hidden, "%s", scratch_path(*state, ".few.packing"));
    static const mode_t modes[] = {0770, 0702, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(mkdir(hidden, 0700), 0);
        assert_int_equal(chmod(hidden, modes[i]), 0);
        assert_int_equal(write_few(*state, "Ada", false, &error), STATUS_USAGE);
        assert_string_equal(error.where, hidden);
        assert_non_null(strstr(error.what, "others can write"));
        assert_int_equal(rmdir(hidden), 0);
    }
    if (geteuid() == 0) {
        assert_int_equal(mkdir(hidden, 0700), 0);
        assert_int_equal(chown(hidden, 4711, 4711), 0);
        assert_int_equal(write_few(*state, "Ada", false, &error), STATUS_USAGE);
        assert_string_equal(error.where, hidden);
        assert_non_null(strstr(error.what, "another user's (uid 4711)"));
        assert_int_equal(rmdir(hidden), 0);
    }
    /* One of one's own is this user's alone, whatever the umask. */
    const mode_t before = umask(0);
    struct dataset_writer *writer;
    const struct dataset_plan plan = {.directory = ((struct scratch *)*state)->directory,
                                      .name = "few",
                                      .classes = 1,
                                      .image_size = SIDE,
                                      .encoding = IMAGE_JPEG,
                                      .images = 2,
                                      .shards = 2};
    assert_int_equal(dataset_writer_create(&plan, &writer, &error), STATUS_OK);
    umask(before);
    struct stat info;
    assert_int_equal(stat(hidden, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    dataset_writer_abandon(writer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_tell_generations),
        TEST(each_replacement_is_a_generation),
        TEST(files_of_another_manifest_are_refused),
        TEST(hidden_folders_of_others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
