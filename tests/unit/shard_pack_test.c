#include "tests/unit/pack_scratch.h"

static void folders_become_datasets(void **state)
{
    struct work work;
    struct pack_result result;
    struct shard shard;
    struct error error;
    char **names;
    make_faces(*state, &work);
    struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 14);
    assert_int_equal(result.kept, 6);
    assert_int_equal(result.classes, 4);
    assert_int_equal(work.done, 14);
    assert_int_equal(work.total, 14);
    assert_int_equal(scratch_count(work.out), 3);
    struct manifest manifest = open_result(*state);
    assert_int_equal(manifest.dataset_id, 9);
    assert_int_equal(manifest.images, 14);
    assert_int_equal(manifest.image_size, SIDE);
    assert_int_equal(manifest.encoding, IMAGE_UNKNOWN);
    assert_int_equal(manifest_class_names(&manifest, &names, &error), STATUS_OK);
    assert_string_equal(names[0], "Ada");
    assert_string_equal(names[3], "dora");
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    uint32_t of_label[4] = {0};
    uint8_t *bytes = malloc(shard.bytes);
    assert_int_equal(shard_read(&shard, 0, shard.images, bytes, &error), STATUS_OK);
    int in_order = 1;
    for (uint32_t i = 0; i < shard.images; i++) {
        uint8_t pixels[SIDE * SIDE * 3];
        of_label[shard.label[i]]++;
        in_order = in_order && (i == 0 || shard.label[i - 1] <= shard.label[i]);
        assert_int_equal(image_decode_into(bytes + shard.offset[i],
                                           (size_t)(shard.offset[i + 1] - shard.offset[i]), SIDE, pixels,
                                           &error),
                         STATUS_OK);
    }
    assert_memory_equal(of_label, ((uint32_t[]){4, 3, 1, 6}), sizeof of_label);
    assert_false(in_order);
    for (int i = 0; i < 4; i++) {
        free(names[i]);
    }
    free(names);
    free(bytes);
    shard_close(&shard);
    manifest_close(&manifest);
}

/* An image of the wanted size keeps its bytes; the other ones have the pixels that image_resize gives. */
static void images_of_the_size_keep_their_bytes(void **state)
{
    struct work work;
    struct pack_result result;
    struct shard shard;
    struct error error;
    char path[1024];
    size_t size;
    make_faces(*state, &work);
    scratch_text(scratch_path(*state, "only"), "Ada\n");
    struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    char list[1024];
    snprintf(list, sizeof list, "%s", scratch_path(*state, "only"));
    import.include = list;
    style.encoding = IMAGE_PNG;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 4);
    assert_int_equal(result.kept, 2);
    struct manifest manifest = open_result(*state);
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    uint8_t *bytes = malloc(shard.bytes);
    assert_int_equal(shard_read(&shard, 0, shard.images, bytes, &error), STATUS_OK);
    static const char *const files[] = {"Ada_0001.jpg", "Ada_0002.PNG", "Ada_0003.ppm", "Ada_0004.jpeg"};
    for (int file = 0; file < 4; file++) {
        struct image image, resized;
        int found = 0;
        snprintf(path, sizeof path, "%s/Ada/%s", work.faces, files[file]);
        uint8_t *original = scratch_read(path, &size);
        assert_int_equal(image_decode(original, size, &image, &error), STATUS_OK);
        assert_int_equal(image_resize(&image, SIDE, &resized, &error), STATUS_OK);
        for (uint32_t i = 0; i < shard.images; i++) {
            uint8_t pixels[SIDE * SIDE * 3];
            size_t stored = (size_t)(shard.offset[i + 1] - shard.offset[i]);
            const uint8_t *at = bytes + shard.offset[i];
            assert_int_equal(image_decode_into(at, stored, SIDE, pixels, &error), STATUS_OK);
            if (file < 2) {
                found += stored == size && memcmp(at, original, size) == 0;
            } else {
                found += memcmp(pixels, resized.pixels, sizeof pixels) == 0;
            }
        }
        assert_int_equal(found, 1);
        image_free(&image);
        image_free(&resized);
        free(original);
    }
    free(bytes);
    shard_close(&shard);
    manifest_close(&manifest);
}

static void identities_are_chosen(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    char list[1024];
    make_faces(*state, &work);
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list"));
    scratch_text(list, "dora\r\nBela\n\n");
    struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    import.min_images = 3;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 3);
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "exists already"));
    import.force = true;
    import.exclude = list;
    work.done = 0;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 1);
    assert_int_equal(result.images, 4);
    import.include = list;
    import.exclude = NULL;
    work.done = 0;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 2);
    assert_int_equal(result.images, 9);
    scratch_text(list, "Dora\n");
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "'Dora' is not in"));
    import.include = NULL;
    import.min_images = 7;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_DATA);
    struct manifest manifest = open_result(*state);
    assert_int_equal(manifest.classes, 2);
    manifest_close(&manifest);
}

static void bad_images_stop_or_are_skipped(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    char path[1024];
    size_t size;
    make_faces(*state, &work);
    snprintf(path, sizeof path, "%s/Chloe/Chloe_0001.jpg", work.faces);
    uint8_t *bytes = scratch_read(path, &size);
    scratch_write(path, bytes, size / 2);
    free(bytes);
    struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "Chloe_0001.jpg"));
    assert_non_null(strstr(error.next, "--skip-bad"));
    if (access(work.out, F_OK) == 0) {
        assert_int_equal(scratch_count(work.out), 0);
    }
    style.skip_bad = true;
    work.done = 0;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 13);
    assert_int_equal(result.skipped, 1);
    assert_int_equal(result.classes, 4);
    assert_int_equal(work.warnings, 2);
    assert_non_null(strstr(work.warning, "Chloe (label 2) is left with 0 of 1"));
    struct manifest manifest = open_result(*state);
    assert_int_equal(manifest.images, 13);
    manifest_close(&manifest);
}

static void shards_are_even_and_repeatable(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    uint32_t crc[2][14];
    make_faces(*state, &work);
    struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    import.shard_bytes = 4000;
    for (int turn = 0; turn < 2; turn++) {
        work.done = 0;
        assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
        struct manifest manifest = open_result(*state);
        assert_true(manifest.shard_count > 1 && manifest.shard_count < 14);
        assert_int_equal(manifest.shard_count, result.shards);
        for (uint32_t i = 0; i < manifest.shard_count; i++) {
            struct shard shard;
            assert_int_equal(manifest_open_shard(&manifest, i, &shard, &error), STATUS_OK);
            assert_in_range(shard.images, 14 / manifest.shard_count, 14 / manifest.shard_count + 1);
            crc[turn][i] = manifest.shards[i].crc;
            assert_true(turn == 0 || crc[0][i] == crc[1][i]);
            shard_close(&shard);
        }
        manifest_close(&manifest);
        import.force = true;
    }
    import.seed = 2;
    work.done = 0;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    struct manifest manifest = open_result(*state);
    assert_true(manifest.shards[0].crc != crc[0][0]);
    manifest_close(&manifest);
    /* Fewer shards replace more: none is left over. */
    import.shard_bytes = 1 << 20;
    work.done = 0;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(scratch_count(work.out), 3);
}

static void failed_writes_leave_nothing(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    make_faces(*state, &work);
    struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    scratch_text(work.out, "a file where the folder should be");
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_STORAGE);
    import.directory = "/proc/nowhere";
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_STORAGE);
    import.name = "../few";
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_USAGE);
    import.name = "few";
    import.source = "/nowhere";
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_DATA);
    style.size = 0;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_USAGE);
}

/* A link in the place of unfinished files is removed, and nothing of what it leads to. */
static void links_are_not_emptied(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    char kept[700], link[700];
    make_faces(*state, &work);
    struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    snprintf(kept, sizeof kept, "%s/other", work.out);
    assert_int_equal(mkdir(work.out, 0777), 0);
    assert_int_equal(mkdir(kept, 0777), 0);
    snprintf(link, sizeof link, "%s/.%s.packing", work.out, import.name);
    assert_int_equal(symlink(kept, link), 0);
    snprintf(kept, sizeof kept, "%s/other/kept", work.out);
    scratch_text(kept, "kept");
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(access(kept, F_OK), 0);
    assert_int_equal(access(link, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folders_become_datasets),        TEST(images_of_the_size_keep_their_bytes),
        TEST(identities_are_chosen),          TEST(bad_images_stop_or_are_skipped),
        TEST(shards_are_even_and_repeatable), TEST(failed_writes_leave_nothing),
        TEST(links_are_not_emptied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
