/* Images from a folder, a dataset, its shards and a verification set: the same pixels in the promised order.
 */
#include "tests/unit/shard_scratch.h"

#include "shard/image_source.h"
#include "shard/pack/pack.h"

#define SIDE 24
#define MOST 4

struct work {
    char faces[600], data[600];
    struct sourced_image images[MOST];
    uint8_t pixels[MOST][SIDE * SIDE * 3];
};

/* Ada has three images of the size and Bela two larger ones. */
static struct work *make_work(struct scratch *scratch)
{
    static const char *const names[] = {"Ada/1.png", "Ada/2.png", "Ada/3.png", "Bela/1.ppm", "Bela/2.ppm"};
    struct work *work = calloc(1, sizeof *work);
    char path[1024];
    assert_non_null(work);
    snprintf(work->faces, sizeof work->faces, "%s/faces", scratch->directory);
    snprintf(work->data, sizeof work->data, "%s/data", scratch->directory);
    for (size_t i = 0; i < MOST; i++) {
        work->images[i].pixels = work->pixels[i];
    }
    mkdir(work->faces, 0777);
    for (int i = 0; i < 5; i++) {
        size_t size;
        snprintf(path, sizeof path, "%s/%.*s", work->faces, i < 3 ? 3 : 4, names[i]);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "%s/%s", work->faces, names[i]);
        uint8_t *bytes =
            scratch_image(i < 3 ? SIDE : 40, i < 3 ? SIDE : 30, i, i < 3 ? IMAGE_PNG : IMAGE_PNM, &size);
        scratch_write(path, bytes, size);
        free(bytes);
    }
    return work;
}

static void pack(const struct work *work, uint64_t shard_bytes)
{
    struct pack_style style = PACK_STYLE_DEFAULTS;
    struct pack_result result = {0};
    struct error error;
    const struct pack_dataset import = {.source = work->faces,
                                        .directory = work->data,
                                        .name = "few",
                                        .dataset_id = 3,
                                        .min_images = 1,
                                        .shard_bytes = shard_bytes};
    style.size = SIDE;
    style.encoding = IMAGE_PNG;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
}

/* All images of a source: names and labels to `text`, a sum over the pixels of each label to `sums`. */
static uint64_t read_all(struct work *work, const char *const *paths, size_t paths_count, char *text,
                         size_t size, uint64_t sums[2])
{
    struct image_source *source;
    struct error error;
    size_t count, used = 0;
    uint64_t images = 0;
    sums[0] = sums[1] = 0;
    assert_int_equal(image_source_open(paths, paths_count, &source, &error), STATUS_OK);
    do {
        assert_int_equal(image_source_next(source, SIDE, 2, MOST, work->images, &count, &error), STATUS_OK);
        for (size_t i = 0; i < count; i++) {
            const struct sourced_image *image = &work->images[i];
            assert_int_equal(image->status, STATUS_OK);
            used += (size_t)snprintf(text + used, size - used, "%s=%u ", image->name, image->label);
            for (size_t p = 0; p < sizeof work->pixels[0]; p++) {
                sums[image->label] += image->pixels[p] * (p % 251 + 1);
            }
        }
        images += count;
    } while (count > 0);
    assert_int_equal(images, image_source_images(source));
    image_source_close(source);
    return images;
}

static void test_folder_comes_in_order_and_resized(void **state)
{
    struct work *work = make_work(*state);
    const char *paths[] = {work->faces};
    char text[400];
    uint64_t sums[2];
    assert_int_equal(read_all(work, paths, 1, text, sizeof text, sums), 5);
    assert_string_equal(text, "Ada/1.png=0 Ada/2.png=0 Ada/3.png=0 Bela/1.ppm=1 Bela/2.ppm=1 ");
    free(work);
}

static void test_dataset_and_its_shards_hold_the_same(void **state)
{
    struct scratch *scratch = *state;
    struct work *work = make_work(scratch);
    char manifest[700], shards[2][700], text[400], again[400];
    uint64_t folder[2], sums[2];
    pack(work, 1300);
    snprintf(manifest, sizeof manifest, "%s/few.yaml", work->data);
    snprintf(shards[0], sizeof shards[0], "%s/few-00000.h5", work->data);
    snprintf(shards[1], sizeof shards[1], "%s/few-00001.h5", work->data);
    const char *named[] = {work->faces, manifest, shards[0], shards[1]};
    read_all(work, named, 1, text, sizeof text, folder);
    assert_int_equal(read_all(work, named + 1, 1, text, sizeof text, sums), 5);
    assert_memory_equal(sums, folder, sizeof sums);
    assert_non_null(strstr(text, "few-00000.h5:0="));
    assert_non_null(strstr(text, "few-00001.h5:0="));
    assert_int_equal(read_all(work, named + 2, 2, again, sizeof again, sums), 5);
    assert_string_equal(again, text);
    assert_memory_equal(sums, folder, sizeof sums);
    free(work);
}

static void test_identities_are_known_with_the_manifest(void **state)
{
    struct work *work = make_work(*state);
    char manifest[700], shard[700];
    struct image_source *source;
    struct error error;
    pack(work, 1 << 20);
    snprintf(manifest, sizeof manifest, "%s/few.yaml", work->data);
    snprintf(shard, sizeof shard, "%s/few-00000.h5", work->data);
    const char *paths[] = {manifest, shard, work->faces};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(image_source_open(&paths[i], 1, &source, &error), STATUS_OK);
        assert_int_equal(image_source_classes(source), 2);
        assert_int_equal(image_source_side(source), i == 0 ? SIDE : 0);
        assert_null(image_source_pairs(source));
        const char *name = image_source_identity(source, 1);
        if (i == 1) {
            assert_null(name);
        } else {
            assert_string_equal(name, "Bela");
        }
        image_source_close(source);
    }
    free(work);
}

static void test_pairs_have_no_labels(void **state)
{
    struct scratch *scratch = *state;
    struct work *work = make_work(scratch);
    char list[700], set[700], text[400];
    uint64_t sums[2];
    struct pack_style style = PACK_STYLE_DEFAULTS;
    struct pack_result result = {0};
    struct image_source *source;
    struct error error;
    style.size = SIDE;
    snprintf(list, sizeof list, "%s/list.tsv", scratch->directory);
    snprintf(set, sizeof set, "%s/set.h5", work->data);
    scratch_text(list, "fold\ta\tb\tsame\n0\tAda/1.png\tAda/2.png\t1\n1\tAda/1.png\tBela/1.ppm\t0\n");
    const struct pack_pairs import = {
        .list = list, .folder = work->faces, .directory = work->data, .name = "set"};
    assert_int_equal(pack_pairs(&import, &style, &result, &error), STATUS_OK);
    const char *paths[] = {set};
    assert_int_equal(read_all(work, paths, 1, text, sizeof text, sums), 3);
    assert_string_equal(text, "set.h5:0=0 set.h5:1=0 set.h5:2=0 ");
    assert_int_equal(image_source_open(paths, 1, &source, &error), STATUS_OK);
    assert_int_equal(image_source_classes(source), 0);
    assert_int_equal(image_source_side(source), SIDE);
    assert_int_equal(image_source_pairs(source)->count, 2);
    image_source_close(source);
    free(work);
}

static void test_bad_image_is_its_own_fault(void **state)
{
    struct work *work = make_work(*state);
    char path[700];
    struct image_source *source;
    struct error error;
    size_t count;
    snprintf(path, sizeof path, "%s/Ada/2.png", work->faces);
    scratch_text(path, "no image");
    const char *paths[] = {work->faces};
    assert_int_equal(image_source_open(paths, 1, &source, &error), STATUS_OK);
    assert_int_equal(image_source_next(source, SIDE, 1, MOST, work->images, &count, &error), STATUS_OK);
    assert_int_equal(count, MOST);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(work->images[i].status, i == 1 ? STATUS_DATA : STATUS_OK);
    }
    assert_string_equal(work->images[1].error.where, path);
    image_source_close(source);
    free(work);
}

static void test_damage_in_a_shard_is_found(void **state)
{
    struct work *work = make_work(*state);
    char shard[700];
    struct image_source *source;
    struct error error;
    size_t count, bad = 0, size;
    pack(work, 1 << 20);
    snprintf(shard, sizeof shard, "%s/few-00000.h5", work->data);
    uint8_t *bytes = scratch_read(shard, &size);
    const uint8_t *png = memmem(bytes, size, "IDAT", 4);
    assert_non_null(png);
    size_t at = (size_t)(png - bytes) + 8;
    free(bytes);
    scratch_flip(shard, at);
    const char *paths[] = {shard};
    assert_int_equal(image_source_open(paths, 1, &source, &error), STATUS_OK);
    while (image_source_next(source, SIDE, 1, MOST, work->images, &count, &error) == STATUS_OK && count > 0) {
        for (size_t i = 0; i < count; i++) {
            if (work->images[i].status == STATUS_DATA) {
                bad++;
                assert_non_null(strstr(work->images[i].error.what, "was recorded")); /* by its crc */
            }
        }
    }
    assert_int_equal(bad, 1);
    image_source_close(source);
    free(work);
}

static void test_what_does_not_go_together_is_refused(void **state)
{
    struct scratch *scratch = *state;
    struct work *work = make_work(scratch);
    char manifest[700], shard[700], other[700], text[700];
    struct image_source *source;
    struct error error;
    pack(work, 1 << 20);
    snprintf(manifest, sizeof manifest, "%s/few.yaml", work->data);
    snprintf(shard, sizeof shard, "%s/few-00000.h5", work->data);
    snprintf(other, sizeof other, "%s/status.jsonl", scratch->directory);
    snprintf(text, sizeof text, "%s/note", scratch->directory);
    scratch_text(other, "{}\n");
    scratch_text(text, "a note\n");
    const char *cases[][2] = {{shard, manifest}, {work->faces, shard}, {shard, work->faces}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(image_source_open(cases[i], 2, &source, &error), STATUS_USAGE);
        assert_null(source);
    }
    const char *alone[] = {other, text, scratch->directory, "/nowhere/at/all"};
    const enum status expected[] = {STATUS_USAGE, STATUS_DATA, STATUS_DATA, STATUS_DATA};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(image_source_open(&alone[i], 1, &source, &error), expected[i]);
        image_source_close(source);
    }
    free(work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder_comes_in_order_and_resized, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_dataset_and_its_shards_hold_the_same, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_identities_are_known_with_the_manifest, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_pairs_have_no_labels, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_bad_image_is_its_own_fault, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_damage_in_a_shard_is_found, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_go_together_is_refused, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
