#include "tests/unit/shard_scratch.h"

#include "shard/manifest.h"

#define GOLDEN "tests/oracle/golden/"

static const char sound[] = "dail_format: manifest\n"
                            "version: 1\n"
                            "name: lfw\n"
                            "dataset_id: 4\n"
                            "classes: 3\n"
                            "images: 30\n"
                            "image_size: 112\n"
                            "encoding: jpeg\n"
                            "shards:\n"
                            "- {file: lfw-00000.h5, images: 20, bytes: 5000, crc: 4294967295}\n"
                            "- {file: lfw-00001.h5, images: 10, bytes: 3000, crc: 0}\n";

/* The sound manifest with the first `from` replaced by `to`. */
static void write_with(const char *path, const char *from, const char *to)
{
    char text[2048];
    const char *at = strstr(sound, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - sound), sound, to, at + strlen(from));
    scratch_text(path, text);
}

static void assert_refused(const char *path, const char *words, const char *line)
{
    struct manifest manifest;
    struct error error = {0};
    assert_int_equal(manifest_open(path, &manifest, &error), STATUS_DATA);
    if (!strstr(error.what, words)) {
        fail_msg("'%s' does not say '%s'", error.what, words);
    }
    if (!strstr(error.where, line)) {
        fail_msg("'%s' does not name '%s'", error.where, line);
    }
}

static void sound_manifests_are_read(void **state)
{
    struct scratch *scratch = *state;
    struct manifest manifest;
    struct error error;
    const char *path = scratch_path(scratch, "lfw.yaml");
    scratch_text(path, sound);
    assert_int_equal(manifest_open(path, &manifest, &error), STATUS_OK);
    assert_string_equal(manifest.path, path);
    assert_string_equal(manifest.directory, scratch->directory);
    assert_string_equal(manifest.name, "lfw");
    assert_int_equal(manifest.dataset_id, 4);
    assert_int_equal(manifest.classes, 3);
    assert_int_equal(manifest.images, 30);
    assert_int_equal(manifest.image_size, 112);
    assert_int_equal(manifest.encoding, IMAGE_JPEG);
    assert_int_equal(manifest.shard_count, 2);
    assert_string_equal(manifest.shards[1].file, "lfw-00001.h5");
    assert_int_equal(manifest.shards[0].images, 20);
    assert_int_equal(manifest.shards[0].bytes, 5000);
    assert_int_equal(manifest.shards[0].crc, UINT32_MAX);
    assert_null(manifest.class_names);
    assert_null(manifest.source);
    manifest_close(&manifest);
}

static void what_is_written_is_read(void **state)
{
    struct manifest_shard shards[2] = {
        {.file = (char *)"a-b-00000.h5", .images = 1, .bytes = 10, .crc = 7, .index = 0},
        {.file = (char *)"a-b-00001.h5", .images = 2, .bytes = 20, .crc = 8, .index = UINT32_MAX}};
    struct manifest written = {.name = "a-b",
                               .dataset_id = UINT32_MAX,
                               .classes = 2,
                               .images = 3,
                               .image_size = 64,
                               .encoding = IMAGE_UNKNOWN,
                               .shards = shards,
                               .shard_count = 2,
                               .class_names = (char *)"a-b.classes.txt",
                               .source = (char *)"a \"quoted\"\\ path: #1\n\xc3\xa9"};
    struct manifest read;
    struct error error;
    const char *path = scratch_path(*state, "a-b.yaml");
    assert_int_equal(manifest_write(&written, path, &error), STATUS_OK);
    assert_int_equal(manifest_open(path, &read, &error), STATUS_OK);
    assert_string_equal(read.source, written.source);
    assert_string_equal(read.class_names, written.class_names);
    assert_int_equal(read.dataset_id, UINT32_MAX);
    assert_int_equal(read.encoding, IMAGE_UNKNOWN);
    assert_int_equal(read.shards[1].images, 2);
    assert_string_equal(read.shards[1].file, "a-b-00001.h5");
    assert_int_equal(read.shards[0].index, 0); /* as in older manifests: not known */
    assert_int_equal(read.shards[1].index, UINT32_MAX);
    manifest_close(&read);
    /* A file name may be any bytes; YAML must still be YAML. */
    written.source = (char *)"latin \xe9";
    assert_int_equal(manifest_write(&written, path, &error), STATUS_OK);
    assert_int_equal(manifest_open(path, &read, &error), STATUS_OK);
    assert_string_equal(read.source, "latin \xc3\xa9");
    manifest_close(&read);
    written.images = 4;
    assert_int_equal(manifest_write(&written, path, &error), STATUS_DATA);
    assert_int_equal(manifest_open(path, &read, &error), STATUS_OK);
    manifest_close(&read);
    written.images = 3;
    assert_int_equal(manifest_write(&written, scratch_path(*state, "no/folder.yaml"), &error),
                     STATUS_STORAGE);
}

static void bad_keys_are_refused(void **state)
{
    const char *path = scratch_path(*state, "lfw.yaml");
    write_with(path, "classes: 3\n", "classes: 3\nclases: 3\n");
    assert_refused(path, "unknown key clases", "lfw.yaml:6");
    write_with(path, "classes: 3\n", "classes: 3\nclasses: 3\n");
    assert_refused(path, "classes is given twice", "lfw.yaml:6");
    write_with(path, "classes: 3\n", "");
    assert_refused(path, "the key classes is missing", "lfw.yaml:1");
    write_with(path, "classes: 3\n", "classes: three\n");
    assert_refused(path, "classes: expected a whole number from 0 to 4294967295", "lfw.yaml:5");
    write_with(path, "classes: 3\n", "classes: -3\n");
    assert_refused(path, "classes: expected a whole number from 0 to 4294967295", "lfw.yaml:5");
    write_with(path, "classes: 3\n", "classes: 4294967296\n");
    assert_refused(path, "classes: expected a whole number from 0 to 4294967295", "lfw.yaml:5");
    write_with(path, "classes: 3\n", "classes: [3]\n");
    assert_refused(path, "classes: expected a whole number from 0 to 4294967295", "lfw.yaml:5");
    write_with(path, "crc: 0", "crc: 0, size: 1");
    assert_refused(path, "unknown key size", "lfw.yaml:11");
    write_with(path, ", crc: 0", "");
    assert_refused(path, "the key crc is missing", "lfw.yaml:11");
    write_with(path, "encoding: jpeg", "encoding: tiff");
    assert_refused(path, "encoding: expected jpeg, png or mixed, found 'tiff'", "lfw.yaml");
    write_with(path, "name: lfw\n", "name: [\n");
    assert_refused(path, "not readable as YAML", "lfw.yaml:");
    scratch_text(path, "");
    assert_refused(path, "empty", "lfw.yaml");
    char *deep = malloc(1 << 20);
    memset(deep, '{', 1 << 20);
    scratch_write(path, deep, 1 << 20);
    assert_refused(path, "more than 1000 deep", "lfw.yaml");
    free(deep);
}

static void bad_values_are_refused(void **state)
{
    const char *path = scratch_path(*state, "lfw.yaml");
    write_with(path, "classes: 3\n", "classes: 3\nfingerprint: 1234\n");
    assert_refused(path, "not 16 hexadecimal digits", "lfw.yaml");
    write_with(path, "version: 1", "version: 2");
    assert_refused(path, "manifest of version 2, newer than the version 1", "lfw.yaml");
    write_with(path, "dail_format: manifest", "dail_format: shard");
    assert_refused(path, "not a manifest", "lfw.yaml");
    write_with(path, "images: 30", "images: 31");
    assert_refused(path, "30 images together and 'images' says 31", "lfw.yaml");
    write_with(path, "name: lfw", "name: ../lfw");
    assert_refused(path, "no name for a dataset", "lfw.yaml");
    write_with(path, "lfw-00001.h5", "../lfw-00001.h5");
    assert_refused(path, "leads elsewhere", "lfw.yaml");
    write_with(path, "lfw-00001.h5", "/etc/passwd");
    assert_refused(path, "leads elsewhere", "lfw.yaml");
    write_with(path, "lfw-00001.h5", "lfw-00000.h5");
    assert_refused(path, "listed twice", "lfw.yaml");
    write_with(path, "image_size: 112", "image_size: 0");
    assert_refused(path, "image_size is 0", "lfw.yaml");
    write_with(path, "classes: 3\n", "classes: 3\nclass_names: ../names\n");
    assert_refused(path, "leads elsewhere", "lfw.yaml");
    unlink(path);
    assert_refused(path, "", "lfw.yaml");
}

static void golden_datasets_are_read(void **state)
{
    struct manifest manifest;
    struct shard shard;
    struct error error;
    char **names;
    (void)state;
    assert_int_equal(manifest_open(GOLDEN "golden.yaml", &manifest, &error), STATUS_OK);
    assert_int_equal(manifest.images, 14);
    for (uint32_t i = 0; i < manifest.shard_count; i++) {
        assert_int_equal(manifest_open_shard(&manifest, i, &shard, &error), STATUS_OK);
        assert_int_equal(shard.shard, i);
        shard_close(&shard);
    }
    assert_int_equal(manifest_open_shard(&manifest, 2, &shard, &error), STATUS_INTERNAL);
    assert_int_equal(manifest_class_names(&manifest, &names, &error), STATUS_OK);
    assert_string_equal(names[0], "Ada");
    assert_string_equal(names[2], "Chlo\xc3\xab");
    for (uint32_t i = 0; i < manifest.classes; i++) {
        free(names[i]);
    }
    free(names);
    manifest_close(&manifest);
}

/* Every way in which a shard can be another than the one the manifest means. */
static void other_shards_are_refused(void **state)
{
    struct manifest manifest;
    struct shard shard;
    struct error error;
    char **names;
    (void)state;
    assert_int_equal(manifest_open(GOLDEN "golden.yaml", &manifest, &error), STATUS_OK);
    manifest.name[0]++;
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "the shard is of dataset golden and the manifest of holden"));
    manifest.name[0]--;
    manifest.dataset_id++;
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    shard_close(&shard);
    manifest.dataset_id--;
    manifest.shards[0].images++;
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "6 images"));
    manifest.shards[0].images--;
    manifest.shards[0].bytes++;
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_DATA);
    manifest.shards[0].bytes--;
    manifest.classes++;
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_DATA);
    assert_int_equal(manifest_class_names(&manifest, &names, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "3 names of classes"));
    manifest.classes--;
    /* No memory for what the manifest claims: only for the names that are there. */
    const uint32_t classes = manifest.classes;
    manifest.classes = UINT32_MAX;
    assert_int_equal(manifest_class_names(&manifest, &names, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "3 names of classes, one a line, and 4294967295 classes"));
    manifest.classes = classes;
    manifest.encoding = IMAGE_JPEG;
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "encoding is png"));
    manifest.encoding = IMAGE_UNKNOWN;
    struct manifest_shard first = manifest.shards[0];
    manifest.shards[0] = manifest.shards[1];
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "shard 1 of 2 where the manifest means 0 of 2"));
    manifest.shards[0] = first;
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    shard_close(&shard);
    manifest_close(&manifest);
}

/* By the formula of the header: of the names "Ada", "Bo" and of the shards of `sound`. */
static void fingerprints_tell_datasets_apart(void **state)
{
    static const char sums[] = "563495be1a32b790";
    char found[MANIFEST_FINGERPRINT_SIZE], before[MANIFEST_FINGERPRINT_SIZE];
    struct manifest manifest;
    struct error error;
    const char *path = scratch_path(*state, "lfw.yaml");
    write_with(path, "classes: 3\n", "classes: 2\nclass_names: names\n");
    assert_int_equal(manifest_open(path, &manifest, &error), STATUS_OK);
    assert_string_equal(manifest.fingerprint, "");
    assert_int_equal(manifest_fingerprint(&manifest, found, &error), STATUS_DATA);
    scratch_text(scratch_path(*state, "names"), "Ada\nBo\n");
    assert_int_equal(manifest_fingerprint(&manifest, found, &error), STATUS_OK);
    assert_string_equal(found, sums);
    scratch_text(scratch_path(*state, "names"), "Ada\nBo"); /* the same names */
    assert_int_equal(manifest_fingerprint(&manifest, found, &error), STATUS_OK);
    assert_string_equal(found, sums);
    /* It is kept, and what is not as it was is told. */
    memcpy(manifest.fingerprint, found, sizeof found);
    assert_int_equal(manifest_write(&manifest, scratch_path(*state, "lfw.yaml"), &error), STATUS_OK);
    manifest_close(&manifest);
    assert_int_equal(manifest_open(scratch_path(*state, "lfw.yaml"), &manifest, &error), STATUS_OK);
    assert_string_equal(manifest.fingerprint, sums);
    scratch_text(scratch_path(*state, "names"), "Ada\nBob\n");
    assert_int_equal(manifest_fingerprint(&manifest, found, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "the class names are not those"));
    scratch_text(scratch_path(*state, "names"), "Ada\nBo\n");
    manifest.shards[1].crc++;
    assert_int_equal(manifest_fingerprint(&manifest, found, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "the shards are not those"));
    manifest.fingerprint[0] = '\0';
    assert_int_equal(manifest_fingerprint(&manifest, before, &error), STATUS_OK);
    assert_memory_equal(before, sums, 8);
    assert_string_not_equal(before, sums);
    manifest_close(&manifest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

static void fingerprints_tell_people_from_images(void **state)
{
    (void)state;
    assert_int_equal(manifest_compare("1111111122222222", "1111111122222222"), MANIFEST_SAME);
    assert_int_equal(manifest_compare("", "1111111122222222"), MANIFEST_SAME);
    assert_int_equal(manifest_compare("1111111122222222", ""), MANIFEST_SAME);
    assert_int_equal(manifest_compare("1111111122222222", "1111111122222223"), MANIFEST_OTHER_IMAGES);
    assert_int_equal(manifest_compare("1111111122222222", "1111111222222222"), MANIFEST_OTHER_PEOPLE);
    /* Nobody is named: who can tell? */
    assert_int_equal(manifest_compare("0000000022222222", "0000000022222222"), MANIFEST_SAME);
    assert_int_equal(manifest_compare("0000000022222222", "0000000022222223"), MANIFEST_OTHER_PEOPLE);
    assert_int_equal(manifest_compare("1111111122222222", "0000000022222222"), MANIFEST_OTHER_PEOPLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sound_manifests_are_read),
        TEST(what_is_written_is_read),
        TEST(bad_keys_are_refused),
        TEST(bad_values_are_refused),
        TEST(golden_datasets_are_read),
        TEST(other_shards_are_refused),
        TEST(fingerprints_tell_datasets_apart),
        TEST(fingerprints_tell_people_from_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
