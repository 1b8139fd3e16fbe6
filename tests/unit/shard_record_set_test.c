/* shard/pack/record_set.h and pack_recordio: InsightFace's sets, and what is wrong with others. */
#include "tests/unit/recordio_scratch.h"

#include "shard/manifest.h"
#include "shard/pack/pack.h"
#include "shard/pack/record_set.h"

#include <math.h>

#define SIDE 16

struct numbered_face {
    uint8_t *bytes;
    size_t size;
    uint32_t label;
};

/* Seven images of labels 2, 0, 2, 4, 0, 2, 4, with a plain label or an array of them in turn; none of 1
 * and 3. With `whole` header, identity records, index and property file are there. */
static void write_set(struct scratch *scratch, bool whole, struct numbered_face faces[7])
{
    static const uint32_t labels[7] = {2, 0, 2, 4, 0, 2, 4};
    struct output output = {.size = 0};
    char index[1024] = "";
    if (whole) {
        put_image(&output, 2, 8, 13, 0, "", 0);
    }
    for (int i = 0; i < 7; i++) {
        struct numbered_face *face = &faces[i];
        face->label = labels[i];
        face->bytes = scratch_image(SIDE, SIDE, i + 3, i % 2 == 0 ? IMAGE_JPEG : IMAGE_PNG, &face->size);
        put_image(&output, i % 2 == 0 ? 0 : 2, (float)labels[i], 0, (uint64_t)i + 1, face->bytes, face->size);
    }
    for (int i = 0; i < 5 && whole; i++) {
        put_image(&output, 2, (float)i, (float)i + 1, (uint64_t)i + 8, "", 0);
    }
    write_output(&output, scratch_path(scratch, "train.rec"));
    for (size_t i = 0, length = 0; i < output.records; i++) {
        length += (size_t)snprintf(index + length, sizeof index - length, "%zu\t%llu\n", i,
                                   (unsigned long long)output.place[i]);
    }
    if (whole) {
        scratch_text(scratch_path(scratch, "train.idx"), index);
        scratch_text(scratch_path(scratch, "property"), "6,16,16");
    }
}

static struct pack_style small_style(void)
{
    struct pack_style style = PACK_STYLE_DEFAULTS;
    style.size = SIDE;
    return style;
}

static struct pack_dataset import_from(struct scratch *scratch)
{
    return (struct pack_dataset){.source = scratch->directory,
                                 .directory = scratch->directory,
                                 .name = "set",
                                 .shard_bytes = 1 << 20,
                                 .force = true};
}

/* The dataset's images are those faces whose label `moved` keeps, under the label that it gives. */
static void assert_packed(struct scratch *scratch, const struct numbered_face faces[7],
                          const uint32_t moved[5])
{
    struct manifest manifest;
    struct shard shard;
    struct error error;
    assert_int_equal(manifest_open(scratch_path(scratch, "set.yaml"), &manifest, &error), STATUS_OK);
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    uint8_t *bytes = malloc(shard.bytes);
    assert_int_equal(shard_read(&shard, 0, shard.images, bytes, &error), STATUS_OK);
    uint32_t expected = 0;
    for (int face = 0; face < 7; face++) {
        int found = 0;
        if (moved[faces[face].label] == UINT32_MAX) {
            continue;
        }
        expected++;
        for (uint32_t i = 0; i < shard.images; i++) {
            found += shard.offset[i + 1] - shard.offset[i] == faces[face].size &&
                     memcmp(bytes + shard.offset[i], faces[face].bytes, faces[face].size) == 0 &&
                     shard.label[i] == moved[faces[face].label];
        }
        assert_int_equal(found, 1);
    }
    assert_int_equal(shard.images, expected);
    free(bytes);
    shard_close(&shard);
    manifest_close(&manifest);
}

static void free_faces(struct numbered_face faces[7])
{
    for (int i = 0; i < 7; i++) {
        free(faces[i].bytes);
    }
}

static void sets_are_packed(void **state)
{
    static const uint32_t same[5] = {0, 1, 2, 3, 4};
    struct pack_dataset import = import_from(*state);
    const struct pack_style style = small_style();
    struct pack_result result;
    struct error error;
    for (int whole = 1; whole >= 0; whole--) {
        struct numbered_face faces[7];
        write_set(*state, whole, faces);
        assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
        assert_int_equal(result.images, 7);
        assert_int_equal(result.kept, 7);
        /* The property file knows of one more identity. */
        assert_int_equal(result.classes, whole ? 6 : 5);
        assert_packed(*state, faces, same);
        free_faces(faces);
        unlink(scratch_path(*state, "train.idx"));
        unlink(scratch_path(*state, "property"));
    }
    /* Under another name, and by that name. */
    char path[600];
    assert_int_equal(
        rename(scratch_path(*state, "train.rec"), strcat(strcpy(path, import.source), "/other.rec")), 0);
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    import.source = path;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 7);
}

static void identities_are_chosen(void **state)
{
    struct numbered_face faces[7];
    struct pack_dataset import = import_from(*state);
    const struct pack_style style = small_style();
    struct pack_result result;
    struct error error = {0};
    char list[1024], **names;
    struct manifest manifest;
    write_set(*state, true, faces);
    /* Labels 1, 3 and 5 have no image. */
    import.compact = true;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 3);
    import.compact = false;
    import.min_images = 1;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 3);
    import.min_images = 2;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 3);
    assert_packed(*state, faces, (const uint32_t[5]){0, UINT32_MAX, 1, UINT32_MAX, 2});
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list"));
    scratch_text(list, "2\n");
    import.exclude = list;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_packed(*state, faces, (const uint32_t[5]){0, UINT32_MAX, UINT32_MAX, UINT32_MAX, 1});
    assert_int_equal(manifest_open(scratch_path(*state, "set.yaml"), &manifest, &error), STATUS_OK);
    assert_int_equal(manifest_class_names(&manifest, &names, &error), STATUS_OK);
    assert_string_equal(names[1], "4");
    free(names[0]);
    free(names[1]);
    free(names);
    manifest_close(&manifest);
    import.exclude = NULL;
    import.include = list;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 3);
    scratch_text(list, "7\n");
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "'7' is not in"));
    import.include = NULL;
    import.min_images = 4;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    free_faces(faces);
}

static void assert_set_is_bad(struct scratch *scratch, const char *where, const char *what)
{
    const struct pack_style style = small_style();
    struct stored_images set = STORED_IMAGES_EMPTY("record");
    struct error error = {0};
    assert_int_equal(record_set_add(&set, scratch->directory, 0, &style, &error), STATUS_DATA);
    stored_images_close(&set);
    if (!strstr(error.where, where) || !strstr(error.what, what)) {
        fail_msg("'%s' (%s) does not say '%s' (%s)", error.what, error.where, what, where);
    }
}

static void contradictions_are_named(void **state)
{
    struct numbered_face faces[7];
    assert_set_is_bad(*state, "", "no .rec file");
    scratch_text(scratch_path(*state, "a.rec"), "");
    scratch_text(scratch_path(*state, "b.rec"), "");
    assert_set_is_bad(*state, "", "several .rec files");
    scratch_text(scratch_path(*state, "train.rec"), "");
    assert_set_is_bad(*state, "train.rec", "no image in the file");
    write_set(*state, true, faces);
    scratch_text(scratch_path(*state, "property"), "4,16,16");
    assert_set_is_bad(*state, "property", "4 classes, but a label is 4");
    scratch_text(scratch_path(*state, "property"), "many");
    assert_set_is_bad(*state, "property", "are expected");
    scratch_text(scratch_path(*state, "train.idx"), "0\t0\n");
    assert_set_is_bad(*state, "train.idx", "lists none of the 7 images");
    scratch_text(scratch_path(*state, "train.idx"), "0\t0\n1\t41\n2\t1000000\n");
    assert_set_is_bad(*state, "train.idx", "of its 3 places 2 begin no record");
    /* Cut between records: the header tells. */
    struct output output = {.size = 0};
    unlink(scratch_path(*state, "train.idx"));
    unlink(scratch_path(*state, "property"));
    put_image(&output, 2, 8, 13, 0, "", 0);
    put_image(&output, 0, 1, 0, 1, faces[0].bytes, faces[0].size);
    write_output(&output, scratch_path(*state, "train.rec"));
    assert_set_is_bad(*state, "train.rec", "there are 1 images and 0 identities");
    free_faces(faces);
}

static void warned(void *context, const char *text)
{
    snprintf(context, 1000, "%s", text);
}

/* What a set lacks is told: labels of nobody, images that the index has not, records without one, torn ones. */
static void what_is_missing_is_told(void **state)
{
    struct numbered_face faces[7];
    struct left_out left_out = {.listed = false};
    struct pack_dataset import = import_from(*state);
    struct pack_style style = small_style();
    struct pack_result result;
    struct error error;
    char warning[1000] = "", *text;
    size_t size;
    style.warn = warned;
    style.context = warning;
    style.left_out = &left_out;
    write_set(*state, true, faces);
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_non_null(strstr(warning, "3 of 6 labels have no image"));
    assert_non_null(strstr(warning, "--compact"));
    /* The index has two lines less: the second image and the last. */
    text = (char *)scratch_read(scratch_path(*state, "train.idx"), &size);
    char *second = strstr(text, "\n2\t") + 1, *last = strstr(text, "\n7\t") + 1;
    memset(second, '\n', strcspn(second, "\n"));
    memset(last, '\n', strcspn(last, "\n"));
    scratch_write(scratch_path(*state, "train.idx"), text, size);
    free(text);
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 5);
    assert_int_equal(left_out.count[LEFT_OUT_NOT_LISTED], 2);
    /* The third record's word is gone. */
    uint64_t place = 0;
    text = (char *)scratch_read(scratch_path(*state, "train.rec"), &size);
    for (int i = 0; i < 2; place++) {
        i += memcmp(text + place + 4, magic_word, 4) == 0;
    }
    free(text);
    scratch_flip(scratch_path(*state, "train.rec"), place + 3);
    unlink(scratch_path(*state, "train.idx"));
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    style.skip_bad = true;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 6);
    assert_int_equal(left_out.count[LEFT_OUT_TORN], 1);
    /* A record without an image, among images. */
    struct output output = {.size = 0};
    put_image(&output, 2, 4, 5, 0, "", 0);
    put_image(&output, 0, 0, 0, 1, faces[0].bytes, faces[0].size);
    put_image(&output, 2, 1, 0, 2, "", 0);
    put_image(&output, 0, 1, 0, 3, faces[1].bytes, faces[1].size);
    put_image(&output, 2, 1, 4, 4, "", 0);
    write_output(&output, scratch_path(*state, "train.rec"));
    unlink(scratch_path(*state, "property"));
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 2);
    assert_int_equal(left_out.count[LEFT_OUT_NO_IMAGE], 1);
    style.skip_bad = false;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "has no image"));
    left_out_free(&left_out);
    free_faces(faces);
}

/* Several sets: their people are the same by number, or others. */
static void sets_are_joined(void **state)
{
    struct numbered_face faces[7];
    struct pack_dataset import = import_from(*state);
    const struct pack_style style = small_style();
    struct pack_result result;
    struct error error = {0};
    char path[2][1024];
    for (int i = 0; i < 2; i++) {
        struct output output = {.size = 0};
        write_set(*state, false, faces);
        for (int k = 0; k < 3; k++) {
            put_image(&output, 0, (float)(2 * k + i), 0, 1, faces[3 * i + k].bytes, faces[3 * i + k].size);
        }
        snprintf(path[i], sizeof path[i], "%s", scratch_path(*state, i == 0 ? "a.rec" : "b.rec"));
        write_output(&output, path[i]);
        free_faces(faces);
    }
    const char *const sources[] = {path[0], path[1]};
    import.sources = sources;
    import.source_count = 2;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_USAGE);
    assert_non_null(strstr(error.next, "--labels join"));
    import.labels = PACK_LABELS_JOIN;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 6);
    assert_int_equal(result.classes, 6);
    import.labels = PACK_LABELS_OFFSET;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 6);
    assert_int_equal(result.classes, 5 + 6);
    snprintf(path[0], sizeof path[0], "%s", scratch_path(*state, "[ab].rec"));
    import.source_count = 1;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 5 + 6);
    import.compact = true;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 6);
    snprintf(path[0], sizeof path[0], "%s", scratch_path(*state, "a.rec"));
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_USAGE);
    snprintf(path[0], sizeof path[0], "%s", scratch_path(*state, "{a,c}.rec"));
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "c.rec"));
}

static void labels_are_checked(void **state)
{
    static const float labels[] = {-1, 1.5f, NAN, INFINITY, 16777216};
    const struct pack_style style = small_style();
    struct error error = {0};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        struct stored_images set = STORED_IMAGES_EMPTY("record");
        struct output output = {.size = 0};
        put_image(&output, 0, 7, 0, 1, "image", 5);
        put_image(&output, i % 2 == 0 ? 0 : 2, labels[i], 0, 2, "image", 5);
        write_output(&output, scratch_path(*state, "train.rec"));
        assert_int_equal(record_set_add(&set, ((struct scratch *)*state)->directory, 0, &style, &error),
                         STATUS_DATA);
        stored_images_close(&set);
        assert_non_null(strstr(error.what, "is no number of an identity"));
        assert_non_null(strstr(error.where, "record at byte 40"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sets_are_packed),         TEST(identities_are_chosen), TEST(contradictions_are_named),
        TEST(what_is_missing_is_told), TEST(labels_are_checked),    TEST(sets_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
