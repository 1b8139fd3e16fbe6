/* shard/unpack.h: datasets and sets as files, and what cannot be. */
#include "tests/unit/shard_scratch.h"

#include "shard/dataset/dataset_writer.h"
#include "shard/manifest.h"
#include "shard/pack/pack.h"
#include "shard/pairs.h"
#include "shard/unpack.h"

#define IMAGES 30
#define CLASSES 4

struct seen {
    uint64_t done, total;
};

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct seen *seen = context;
    seen->done = done;
    seen->total = total;
}

static uint8_t *image_of(uint32_t number, size_t *size)
{
    return scratch_image(16, 16, (int)number + 1, number % 3 == 0 ? IMAGE_PNG : IMAGE_JPEG, size);
}

/* out/set.yaml: two shards; image i is of class i % 4, but none of class 3. */
static void write_dataset(struct scratch *scratch, const char *const names[CLASSES])
{
    struct dataset_writer *writer;
    struct error error = {0};
    char directory[600];
    snprintf(directory, sizeof directory, "%s/out", scratch->directory);
    const struct dataset_plan plan = {.directory = directory,
                                      .name = "set",
                                      .classes = CLASSES,
                                      .image_size = 16,
                                      .encoding = IMAGE_UNKNOWN,
                                      .images = IMAGES,
                                      .shards = 2,
                                      .force = true};
    assert_int_equal(dataset_writer_create(&plan, &writer, &error), STATUS_OK);
    for (uint32_t i = 0; i < IMAGES; i++) {
        size_t size;
        uint8_t *bytes = image_of(i, &size);
        assert_int_equal(dataset_writer_append(writer, bytes, size, i % 3, true, NULL, &error), STATUS_OK);
        free(bytes);
    }
    assert_int_equal(dataset_writer_finish(writer, names, NULL, &error), STATUS_OK);
}

static enum status unpack_to(struct scratch *scratch, const char *name, const char *to, int threads,
                             struct unpack_result *result, struct error *error)
{
    struct seen seen = {0};
    char path[600], directory[600];
    const struct unpack_style style = {.threads = threads, .progress = on_progress, .context = &seen};
    snprintf(path, sizeof path, "%s/%s", scratch->directory, name);
    snprintf(directory, sizeof directory, "%s/%s", scratch->directory, to);
    enum status status = unpack(path, directory, &style, result, error);
    if (status == STATUS_OK) {
        assert_int_equal(seen.done, seen.total);
        assert_int_equal(seen.done, result->images);
    }
    return status;
}

static void assert_is_image(struct scratch *scratch, const char *name, uint32_t number)
{
    size_t size, expected_size;
    uint8_t *bytes = scratch_read(scratch_path(scratch, name), &size);
    uint8_t *expected = image_of(number, &expected_size);
    assert_int_equal(size, expected_size);
    assert_memory_equal(bytes, expected, size);
    free(bytes);
    free(expected);
}

static const char *const people[CLASSES] = {"Ada", "Bela B.", "..c", "none"};

static void datasets_become_folders(void **state)
{
    struct unpack_result result;
    struct error error = {0};
    write_dataset(*state, people);
    for (int threads = 1; threads <= 4; threads += 3) {
        char to[32], name[64];
        snprintf(to, sizeof to, "faces%d", threads);
        assert_int_equal(unpack_to(*state, "out/set.yaml", to, threads, &result, &error), STATUS_OK);
        assert_int_equal(result.images, IMAGES);
        assert_int_equal(result.classes, 3);
        assert_int_equal(scratch_count(scratch_path(*state, to)), 3);
        for (uint32_t i = 0; i < IMAGES; i++) {
            snprintf(name, sizeof name, "%s/%s/%04u.%s", to, people[i % 3], i / 3 + 1,
                     i % 3 == 0 ? "png" : "jpg");
            assert_is_image(*state, name, i);
        }
    }
    /* One shard alone knows no names. */
    assert_int_equal(unpack_to(*state, "out/set-00001.h5", "half", 2, &result, &error), STATUS_OK);
    assert_int_equal(result.images, IMAGES / 2);
    assert_is_image(*state, "half/1/0001.jpg", 16);
}

static void sets_become_lists(void **state)
{
    struct pack_result packed;
    struct unpack_result result;
    struct pairs pairs;
    struct error error = {0};
    size_t size;
    char directory[1024], list[1024];
    const struct pack_style style = {.size = 16, .encoding = IMAGE_JPEG, .quality = 90};
    snprintf(directory, sizeof directory, "%s", scratch_path(*state, "images"));
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list.tsv"));
    assert_int_equal(mkdir(directory, 0777), 0);
    for (uint32_t i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "images/%u", i);
        uint8_t *bytes = image_of(i, &size);
        scratch_write(scratch_path(*state, name), bytes, size);
        free(bytes);
    }
    /* Without its first fold: the numbers of the others stay. */
    scratch_text(list, "1\t0\t1\t1\n2\t2\t3\t0\n3\t2\t1\t1\n");
    struct pack_pairs import = {.list = list,
                                .folder = directory,
                                .directory = ((struct scratch *)*state)->directory,
                                .name = "set",
                                .folds = (const int[]){2, 3},
                                .fold_count = 2};
    assert_int_equal(pack_pairs(&import, &style, &packed, &error), STATUS_OK);
    assert_int_equal(unpack_to(*state, "set.h5", "unpacked", 2, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 3);
    assert_int_equal(result.pairs, 2);
    assert_is_image(*state, "unpacked/000000.jpg", 2);
    assert_is_image(*state, "unpacked/000001.png", 3);
    uint8_t *text = scratch_read(scratch_path(*state, "unpacked/pairs.tsv"), &size);
    assert_string_equal(text,
                        "fold\ta\tb\tsame\n2\t000000.jpg\t000001.png\t0\n3\t000000.jpg\t000002.jpg\t1\n");
    free(text);
    snprintf(list, sizeof list, "%s", scratch_path(*state, "unpacked/pairs.tsv"));
    snprintf(directory, sizeof directory, "%s", scratch_path(*state, "unpacked"));
    import.fold_count = 0;
    import.name = "again";
    assert_int_equal(pack_pairs(&import, &style, &packed, &error), STATUS_OK);
    assert_int_equal(pairs_open(scratch_path(*state, "again.h5"), &pairs, &error), STATUS_OK);
    assert_memory_equal(pairs.fold, ((uint8_t[]){1, 2}), 2);
    pairs_close(&pairs);
}

/* Names that would lead out of the folder, or bring two identities together. */
static void bad_names_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"..", "'..'"},     {".", "'.'"}, {"a/../../b", "'a/../../b'"},
        {"/tmp", "'/tmp'"}, {"", "''"},   {"Ada", "two identities are called 'Ada'"}};
    struct unpack_result result;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error error = {0};
        write_dataset(*state, (const char *const[]){"Ada", "Bela", "Chloe", bad[i][0]});
        assert_int_equal(unpack_to(*state, "out/set.yaml", "faces", 1, &result, &error), STATUS_DATA);
        if (!strstr(error.what, bad[i][1])) {
            fail_msg("'%s' does not say %s", error.what, bad[i][1]);
        }
        assert_int_equal(access(scratch_path(*state, "faces"), F_OK), -1);
    }
}

static void damage_is_found(void **state)
{
    struct unpack_result result;
    struct error error = {0};
    size_t size, shard_size;
    write_dataset(*state, people);
    uint8_t *image = image_of(20, &size);
    uint8_t *bytes = scratch_read(scratch_path(*state, "out/set-00001.h5"), &shard_size);
    uint8_t *at = memmem(bytes, shard_size, image, size);
    assert_non_null(at);
    at[size / 2] ^= 1;
    scratch_write(scratch_path(*state, "out/set-00001.h5"), bytes, shard_size);
    assert_int_equal(unpack_to(*state, "out/set.yaml", "faces", 2, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "is damaged"));
    assert_non_null(strstr(error.where, "..c/0007.jpg"));
    free(image);
    free(bytes);
}

static void other_uses_are_refused(void **state)
{
    struct unpack_result result;
    struct error error = {0};
    write_dataset(*state, people);
    assert_int_equal(unpack_to(*state, "out/set.yaml", "out", 1, &result, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "not empty"));
    assert_int_equal(unpack_to(*state, "out/nothing.yaml", "faces", 1, &result, &error), STATUS_DATA);
    assert_int_equal(unpack_to(*state, "out/set.classes.txt", "faces", 1, &result, &error), STATUS_USAGE);
    assert_int_equal(unpack_to(*state, "out/set.yaml", "out/set.yaml", 1, &result, &error), STATUS_STORAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(datasets_become_folders), TEST(sets_become_lists),      TEST(bad_names_are_refused),
        TEST(damage_is_found),         TEST(other_uses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
