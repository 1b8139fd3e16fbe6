/* daemon/info/info.h: what is said of files, those that are broken or odd among them. */
#include "tests/unit/shard_edit.h"

#include "daemon/info/info.h"
#include "proto/file.h"

#define GOLDEN "tests/oracle/golden/"

static void assert_described(const char *path, const char *words)
{
    char *text = NULL;
    size_t size;
    enum kind kind;
    struct error error = {0};
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_int_equal(kind_of_path(path, &kind, &error), STATUS_OK);
    assert_int_equal(info_print(path, kind, stream, &error), STATUS_OK);
    fclose(stream);
    if (!strstr(text, words)) {
        fail_msg("'%s' is not in:\n%s", words, text);
    }
    free(text);
}

static void files_are_described(void **state)
{
    char path[1024];
    assert_described(GOLDEN "golden.yaml", "14 of 16 x 16, mixed");
    assert_described(GOLDEN "golden-00001.h5", "golden (id 77)");
    assert_described(GOLDEN "pairs.h5", "4: 2 of one person, 2 of two");
    snprintf(path, sizeof path, "%s", scratch_path(*state, "step-000000007"));
    mkdir(path, 0777);
    scratch_text(scratch_path(*state, "step-000000007/state.yaml"), "step: 7\n");
    scratch_text(scratch_path(*state, "step-000000007/COMMIT"), "files: none\n");
    assert_described(path, "state.yaml:\nstep: 7\n");
    assert_described(path, "COMMIT:\nfiles: none\n");
    scratch_text(scratch_path(*state, "status.jsonl"),
                 "{\"t\": 1.0, \"seq\": 1, \"kind\": \"stop\", \"reason\": \"done\", \"exit_code\": 0}\nno "
                 "record\n{\"t\": 2");
    assert_described(scratch_path(*state, "status.jsonl"), "1 records (1 lines unreadable)");
    assert_described(scratch_path(*state, ""), "state        done");
    hid_t file = H5Fcreate(scratch_path(*state, "other.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "/backbone", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    assert_described(scratch_path(*state, "other.h5"), "HDF5 file");
}

/* Groups that hold the root, four of them: paths without end. */
static void endless_trees_are_described(void **state)
{
    hid_t file = H5Fcreate(scratch_path(*state, "endless.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "/%d", i);
        assert_true(H5Lcreate_hard(file, "/", file, name, H5P_DEFAULT, H5P_DEFAULT) >= 0);
    }
    H5Fclose(file);
    assert_described(scratch_path(*state, "endless.h5"), "/3 (another name of what is shown above)\n");
}

/* Four thousand million classes are described without memory for each. */
static void shards_of_many_classes_are_described(void **state)
{
    const char *path = scratch_path(*state, "many.h5");
    char *bytes;
    size_t size;
    struct error error;
    assert_int_equal(file_read(GOLDEN "golden-00001.h5", 1 << 20, &bytes, &size, &error), STATUS_OK);
    assert_int_equal(file_write_atomic(path, bytes, size, &error), STATUS_OK);
    free(bytes);
    edit_attribute(path, "classes", UINT32_MAX);
    assert_described(path, "4294967295, of which ");
}

/* What is cut short or no more than a beginning is refused or told, never read beyond its end. */
static void beginnings_are_told(void **state)
{
    static const struct {
        const char *name, *text;
        size_t size;
    } files[] = {
        {"a.onnx", "\x08\x07\x12\x04", 5},
        {"a.safetensors", "\x20\x00\x00\x00\x00\x00\x00\x00{\"a\"", 12},
        {"a.png", "\x89PNG\r\n\x1a\n", 8},
        {"a.yaml", "data: 3\nmodel: {}\n", 18},
        {"a.svg", "<svg", 4},
        {"a.tsv", "dataset_a\tidentity_a\tdataset_b\tidentity_b\nx\ty\n", 47},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = scratch_path(*state, files[i].name);
        char *text = NULL;
        size_t size;
        enum kind kind;
        struct error error = {0};
        assert_int_equal(file_write_atomic(path, files[i].text, files[i].size, &error), STATUS_OK);
        assert_int_equal(kind_of_path(path, &kind, &error), STATUS_OK);
        FILE *stream = open_memstream(&text, &size);
        enum status status = info_print(path, kind, stream, &error);
        fclose(stream);
        free(text);
        assert_int_equal(status, kind == KIND_PICTURE && i == 4 ? STATUS_OK : STATUS_DATA);
    }
}

/* A record whose length goes beyond the file. */
static void event_files_may_be_cut(void **state)
{
    static const char event[] = "\x18\0\0\0\0\0\0\0cccc\x09tttttttt\x1a\x0d"
                                "brain.Event:2cccc"
                                "\x0c\0\0\0\0\0\0\0cccc\x09tttttttt\x10\x85\x01"
                                "cccc\xff\0\0\0\0\0\0\0cccc";
    const char *path = scratch_path(*state, "events");
    struct error error;
    assert_int_equal(file_write_atomic(path, event, sizeof event - 1, &error), STATUS_OK);
    assert_described(path, "2, and one that is cut short");
    assert_described(path, "133 to 133");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_described),
        TEST(endless_trees_are_described),
        TEST(shards_of_many_classes_are_described),
        TEST(beginnings_are_told),
        TEST(event_files_may_be_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
