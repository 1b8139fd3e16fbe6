/* pack_tar: WebDataset's samples become a dataset; what is wrong with others. */
#include "tests/unit/tar_scratch.h"

#include "shard/manifest.h"
#include "shard/pack/pack.h"
#include "shard/shard.h"

#include <zlib.h>

#define SIDE 16
#define FACES 7

/* Seven images and their bytes, made once a test. */
struct faces {
    uint8_t *bytes[FACES];
    size_t size[FACES];
};

static void make_faces(struct faces *faces)
{
    for (int i = 0; i < FACES; i++) {
        faces->bytes[i] =
            scratch_image(SIDE, SIDE, i + 3, i % 2 == 0 ? IMAGE_JPEG : IMAGE_PNG, &faces->size[i]);
    }
}

static void free_faces(struct faces *faces)
{
    for (int i = 0; i < FACES; i++) {
        free(faces->bytes[i]);
    }
}

static void warned(void *context, const char *text)
{
    snprintf(context, 1000, "%s", text);
}

struct work {
    struct faces faces;
    struct archive archive;
    struct left_out left_out;
    char warning[1000];
    struct pack_dataset import;
    struct pack_style style;
    struct pack_result result;
    struct error error;
    char pattern[1024];
};

static struct work *begin(struct scratch *scratch)
{
    struct work *work = calloc(1, sizeof *work);
    assert_non_null(work);
    make_faces(&work->faces);
    snprintf(work->pattern, sizeof work->pattern, "%s", scratch_path(scratch, "s-*"));
    work->import = (struct pack_dataset){.source = work->pattern,
                                         .directory = scratch->directory,
                                         .name = "set",
                                         .shard_bytes = 1 << 20,
                                         .force = true};
    work->style = (struct pack_style)PACK_STYLE_DEFAULTS;
    work->style.size = SIDE;
    work->style.warn = warned;
    work->style.context = work->warning;
    work->style.left_out = &work->left_out;
    return work;
}

static void end(struct work *work)
{
    left_out_free(&work->left_out);
    free_faces(&work->faces);
    free(work);
}

static void put_face(struct work *work, const char *name, int face)
{
    put_file(&work->archive, name, work->faces.bytes[face], work->faces.size[face]);
}

static void save(struct work *work, const char *path)
{
    write_archive(&work->archive, path);
    work->archive = (struct archive){.size = 0};
}

static enum status pack(struct work *work)
{
    work->warning[0] = 0;
    left_out_free(&work->left_out);
    enum status status = pack_tar(&work->import, &work->style, &work->result, &work->error);
    return status;
}

static void assert_fails(struct work *work, const char *what, const char *where)
{
    if (pack(work) != STATUS_DATA || !strstr(work->error.what, what) || !strstr(work->error.where, where)) {
        fail_msg("'%s' (%s) does not say '%s' (%s)", work->error.what, work->error.where, what, where);
    }
}

/* The dataset has so many images, and each face whose label is not -1 under that label. */
static void assert_packed(struct scratch *scratch, struct work *work, const int labels[FACES])
{
    struct manifest manifest;
    struct shard shard;
    struct error error;
    uint32_t expected = 0;
    if (pack(work) != STATUS_OK) {
        fail_msg("%s (%s)", work->error.what, work->error.where);
    }
    assert_int_equal(manifest_open(scratch_path(scratch, "set.yaml"), &manifest, &error), STATUS_OK);
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    uint8_t *bytes = malloc(shard.bytes);
    assert_int_equal(shard_read(&shard, 0, shard.images, bytes, &error), STATUS_OK);
    for (int face = 0; face < FACES; face++) {
        int found = 0;
        for (uint32_t i = 0; i < shard.images && labels[face] >= 0; i++) {
            found += shard.offset[i + 1] - shard.offset[i] == work->faces.size[face] &&
                     memcmp(bytes + shard.offset[i], work->faces.bytes[face], work->faces.size[face]) == 0 &&
                     shard.label[i] == (uint32_t)labels[face];
        }
        assert_int_equal(found, labels[face] >= 0);
        expected += labels[face] >= 0;
    }
    assert_int_equal(shard.images, expected);
    free(bytes);
    shard_close(&shard);
    manifest_close(&manifest);
}

static void assert_class(struct scratch *scratch, uint32_t label, const char *expected)
{
    struct manifest manifest;
    struct error error;
    char **names;
    assert_int_equal(manifest_open(scratch_path(scratch, "set.yaml"), &manifest, &error), STATUS_OK);
    assert_int_equal(manifest_class_names(&manifest, &names, &error), STATUS_OK);
    assert_string_equal(names[label], expected);
    for (uint32_t i = 0; i < manifest.classes; i++) {
        free(names[i]);
    }
    free(names);
    manifest_close(&manifest);
}

/* Three archives, the last compressed; labels in .cls and .json; keys in folders. */
static void write_numbers(struct scratch *scratch, struct work *work)
{
    put_text(&work->archive, "000.cls", "2\n");
    put_face(work, "000.jpg", 0);
    put_face(work, "001.PNG", 1);
    put_text(&work->archive, "001.cls", "0");
    put_header(&work->archive, "./sub/", '5', 0);
    put_text(&work->archive, "./sub.d/000.json", "{\"label\": 4, \"text\": \"nobody\"}");
    put_face(work, "./sub.d/000.jpeg", 2);
    save(work, scratch_path(scratch, "s-0.tar"));
    put_face(work, "000.png", 3);
    put_text(&work->archive, "000.json", "{\"class\": \"2\"}");
    put_text(&work->archive, ".hidden.jpg", "not an image");
    put_face(work, "7.jpg", 4);
    put_text(&work->archive, "7.cls", "00004");
    put_text(&work->archive, "7.json", "{\"label\": 1}");
    save(work, scratch_path(scratch, "s-1.tar"));
    put_face(work, "8.png", 5);
    put_text(&work->archive, "8.cls", "0");
    put_text(&work->archive, "9.json", "{\"cls\": 0}");
    put_face(work, "9.jpg", 6);
    memset(work->archive.bytes + work->archive.size, 0, 1024);
    gzFile file = gzopen(scratch_path(scratch, "s-2.tar.gz"), "wb");
    assert_int_equal(gzwrite(file, work->archive.bytes, (unsigned)work->archive.size + 1024),
                     work->archive.size + 1024);
    assert_int_equal(gzclose(file), Z_OK);
    work->archive = (struct archive){.size = 0};
}

static void samples_are_packed(void **state)
{
    struct work *work = begin(*state);
    write_numbers(*state, work);
    assert_packed(*state, work, (const int[]){2, 0, 4, 2, 4, 0, 0});
    assert_int_equal(work->result.kept, FACES);
    assert_int_equal(work->result.classes, 5);
    assert_non_null(strstr(work->warning, "2 of 5 labels have no image"));
    char *left = left_out_sentence(&work->left_out);
    assert_string_equal(left, "left out: nothing");
    free(left);
    /* Nothing of what was unpacked is left: three archives, manifest, shard, names. */
    assert_int_equal(scratch_count(((struct scratch *)*state)->directory), 6);
    work->import.compact = true;
    assert_packed(*state, work, (const int[]){1, 0, 2, 1, 2, 0, 0});
    assert_class(*state, 2, "4");
    work->import.min_images = 3;
    assert_packed(*state, work, (const int[]){-1, 0, -1, -1, -1, 0, 0});
    work->import.min_images = 0;
    work->import.max_images = 1;
    assert_packed(*state, work, (const int[]){1, 0, 2, -1, -1, -1, -1});
    assert_int_equal(work->left_out.count[LEFT_OUT_MANY], 4);
    work->import.max_images = 0;
    work->style.spool = PACK_SPOOL_ALWAYS;
    assert_packed(*state, work, (const int[]){1, 0, 2, 1, 2, 0, 0});
    end(work);
}

static void samples_are_chosen(void **state)
{
    struct work *work = begin(*state);
    char list[1024];
    write_numbers(*state, work);
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list"));
    work->import.exclude = list;
    scratch_text(list, "2\n0/9.jpg\n4/000.jpeg\n");
    assert_packed(*state, work, (const int[]){-1, 0, -1, -1, 1, 0, -1});
    assert_int_equal(work->left_out.count[LEFT_OUT_EXCLUDED_IMAGE], 2);
    scratch_text(list, "0/nine.jpg\n");
    assert_fails(work, "'0/nine.jpg' is not in", "list:1");
    work->import.exclude = NULL;
    work->import.include = list;
    scratch_text(list, "4\n");
    assert_packed(*state, work, (const int[]){-1, -1, 0, -1, 0, -1, -1});
    work->import.include = NULL;
    /* The label is elsewhere. */
    put_face(work, "0.jpg", 0);
    put_text(&work->archive, "0.cls", "5");
    put_text(&work->archive, "0.person", "3");
    put_face(work, "1.jpg", 1);
    put_text(&work->archive, "1.json", "{\"label\": 5, \"person\": 4}");
    save(work, scratch_path(*state, "t.tar"));
    work->import.source = scratch_path(*state, "t.tar");
    work->import.label_key = "person";
    assert_packed(*state, work, (const int[]){3, 4, -1, -1, -1, -1, -1});
    end(work);
}

static void labels_may_be_names(void **state)
{
    struct work *work = begin(*state);
    put_face(work, "0.jpg", 0);
    put_text(&work->archive, "0.json", "{\"identity\": \"n000123\"}");
    put_face(work, "1.jpg", 1);
    put_text(&work->archive, "1.json", "{\"identity\": \"Ann Lee\"}");
    put_face(work, "2.jpg", 2);
    put_text(&work->archive, "2.cls", " n000123 ");
    put_face(work, "3.jpg", 3);
    put_text(&work->archive, "3.json", "\"\xc3\x84nne\"");
    save(work, scratch_path(*state, "s-0.tar"));
    assert_packed(*state, work, (const int[]){1, 0, 1, 2, -1, -1, -1});
    assert_class(*state, 0, "Ann Lee");
    assert_class(*state, 2, "\xc3\x84nne");
    assert_string_equal(work->warning, "");
    end(work);
}

/* A sample that makes no image with a label ends the packing, or is left out and counted. */
static void bad_samples_are_told(void **state)
{
    static const struct {
        const char *name, *text, *what;
        enum left_out_reason reason;
    } bad[] = {{"1.cls", "x", "a name, and those before it are numbers", LEFT_OUT_UNLABELLED},
               {"1.cls", "-1", "no number of an identity", LEFT_OUT_UNLABELLED},
               {"1.cls", "16777216", "no number of an identity", LEFT_OUT_UNLABELLED},
               {"1.cls", "18446744073709551616", "no number of an identity", LEFT_OUT_UNLABELLED},
               {"1.cls", "", "no label among", LEFT_OUT_UNLABELLED},
               {"1.json", "{\"label\": 1", "no JSON", LEFT_OUT_UNLABELLED},
               {"1.json", "{\"label\": [1]}", "no label among", LEFT_OUT_UNLABELLED},
               {"1.json", "{\"age\": 1}", "no label among", LEFT_OUT_UNLABELLED},
               {"2.cls", "1", "no label: a .cls", LEFT_OUT_UNLABELLED},
               {"1.txt", "1", "no label: a .cls", LEFT_OUT_UNLABELLED},
               {"1.png", "1", "two images", LEFT_OUT_UNLABELLED}};
    struct work *work = begin(*state);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_face(work, "0.jpg", 0);
        put_text(&work->archive, "0.cls", "0");
        put_face(work, "1.jpg", 1);
        put_text(&work->archive, bad[i].name, bad[i].text);
        put_face(work, "3.jpg", 2);
        put_text(&work->archive, "3.cls", "1");
        save(work, scratch_path(*state, "s-0.tar"));
        work->style.skip_bad = false;
        assert_fails(work, bad[i].what, "s-0.tar, 1.");
        work->style.skip_bad = true;
        assert_packed(*state, work, (const int[]){0, -1, 1, -1, -1, -1, -1});
        assert_int_equal(work->left_out.count[bad[i].reason], 1);
    }
    put_text(&work->archive, "0.cls", "0");
    put_face(work, "1.jpg", 1);
    put_text(&work->archive, "1.cls", "0");
    put_header(&work->archive, "2.jpg", '2', 0);
    put_text(&work->archive, "README", "read me");
    put_text(&work->archive, "3.mp4", "a film");
    save(work, scratch_path(*state, "s-0.tar"));
    work->style.skip_bad = false;
    assert_fails(work, "the sample has no image", "s-0.tar, 0 at byte 0");
    work->style.skip_bad = true;
    assert_packed(*state, work, (const int[]){-1, 0, -1, -1, -1, -1, -1});
    char *left = left_out_sentence(&work->left_out);
    assert_string_equal(left,
                        "left out: 1 file that by its ending is no image (.mp4 1); 1 file without an ending; "
                        "1 entry that is no plain file; 1 record without an image");
    free(left);
    end(work);
}

static void torn_archives_are_told(void **state)
{
    struct work *work = begin(*state);
    char path[1024];
    snprintf(path, sizeof path, "%s", scratch_path(*state, "s-0.tar"));
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.cls", i);
        put_text(&work->archive, name, "0");
        snprintf(name, sizeof name, "%d.jpg", i);
        put_face(work, name, i);
    }
    const uint64_t last = work->archive.place[7], image = work->archive.place[5],
                   label = work->archive.place[4];
    save(work, path);
    scratch_flip(path, image + 3);
    assert_fails(work, "no header of a file", "s-0.tar, byte");
    work->style.skip_bad = true;
    assert_packed(*state, work, (const int[]){0, 0, -1, 0, -1, -1, -1});
    assert_int_equal(work->left_out.count[LEFT_OUT_TORN], 1);
    assert_int_equal(work->left_out.count[LEFT_OUT_NO_IMAGE], 1);
    scratch_flip(path, image + 3);
    assert_int_equal(truncate(path, (off_t)last + 600), 0);
    assert_packed(*state, work, (const int[]){0, 0, 0, -1, -1, -1, -1});
    work->style.skip_bad = false;
    assert_fails(work, "ends within a file", "s-0.tar, byte");
    assert_int_equal(truncate(path, (off_t)label), 0);
    assert_packed(*state, work, (const int[]){0, 0, -1, -1, -1, -1, -1});
    assert_non_null(strstr(work->warning, "no mark at its end"));
    scratch_text(path, "");
    assert_fails(work, "there is no image in the archives", "s-*");
    end(work);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(samples_are_packed),   TEST(samples_are_chosen),     TEST(labels_may_be_names),
        TEST(bad_samples_are_told), TEST(torn_archives_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
