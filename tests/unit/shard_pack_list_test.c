/* Packing by lists: of pairs, of identities, of images; and what is left out. */
#include "tests/unit/pack_scratch.h"

#include "shard/align/face_table.h"
#include "shard/pack/image_list.h"
#include "shard/pack/pair_list.h"
#include "shard/pairs.h"

static void assert_bad_list(struct scratch *scratch, const char *text, const char *words)
{
    struct pair_list list;
    struct error error = {0};
    const char *path = scratch_path(scratch, "list");
    scratch_text(path, text);
    assert_int_equal(pair_list_read(path, &list, &error), STATUS_DATA);
    if (!strstr(error.what, words)) {
        fail_msg("'%s' does not say '%s'", error.what, words);
    }
}

static void lists_are_read(void **state)
{
    struct pair_list list;
    struct error error;
    const char *path = scratch_path(*state, "list");
    scratch_text(path, "2\t1\nAda\t1\t4\nAda\t2\tBela\t3\nBela\t1\t2\nChloe\t1\tAda\t3\n");
    assert_int_equal(pair_list_read(path, &list, &error), STATUS_OK);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.first_fold, 1);
    assert_string_equal(list.pairs[0].image[0], "Ada/Ada_0001.jpg");
    assert_string_equal(list.pairs[0].image[1], "Ada/Ada_0004.jpg");
    assert_true(list.pairs[0].same && !list.pairs[1].same && list.pairs[2].same);
    assert_string_equal(list.pairs[1].image[1], "Bela/Bela_0003.jpg");
    assert_int_equal(list.pairs[1].fold, 1);
    assert_int_equal(list.pairs[3].fold, 2);
    pair_list_free(&list);
    scratch_text(path, "fold\ta\tb\tsame\n9\tx y.jpg\tz.jpg\t1\r\n10\tz.jpg\tw.jpg\t0\n");
    assert_int_equal(pair_list_read(path, &list, &error), STATUS_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.first_fold, 1);
    assert_int_equal(list.pairs[1].fold, 10);
    assert_string_equal(list.pairs[0].image[0], "x y.jpg");
    pair_list_free(&list);
    scratch_text(path, "1\ta\tb\t1\n0\tb\tc\t0\n");
    assert_int_equal(pair_list_read(path, &list, &error), STATUS_OK);
    assert_int_equal(list.first_fold, 0);
    pair_list_free(&list);
    assert_bad_list(*state, "", "empty");
    assert_bad_list(*state, "fold\ta\tb\tsame\n", "no pair");
    assert_bad_list(*state, "1\ta\tb\t2\n", "same (0 or 1)");
    assert_bad_list(*state, "1\ta\tb\t1\n2\ta\tb\n", "fold, image, image");
    assert_bad_list(*state, "1\ta\tb\t1\textra\n", "fold, image, image");
    assert_bad_list(*state, "2\t1\nAda\t1\t4\nAda\t2\tBela\t3\n", "ends before all");
    assert_bad_list(*state, "1\t1\nAda\t1\t4\nAda\t2\tBela\t3\nAda\t1\t2\n", "more pairs");
    assert_bad_list(*state, "1\t1\nAda\t1\t4\nAda\t2\t3\n", "pair of two people");
    assert_bad_list(*state, "1\t1\nAda\tone\t4\n", "number of an image");
    assert_bad_list(*state, "hello\n", "neither");
}

/* What editors and spreadsheets put in a list costs no pair; a slip in the first line is no header. */
static void lists_of_editors_are_read(void **state)
{
    struct pair_list list;
    struct error error;
    const char *path = scratch_path(*state, "list");
    const char *const texts[] = {"\xef\xbb\xbf"
                                 "1\ta.jpg\tb.jpg\t1\n1\ta.jpg\tc.jpg\t0\n",
                                 "1\ta.jpg\tb.jpg\t1\r1\ta.jpg\tc.jpg\t0\r",
                                 "\r\n1\ta.jpg\tb.jpg\t1 \t\r\n\r\n1\ta.jpg\tc.jpg\t0",
                                 "\xef\xbb\xbf"
                                 "1 1\nAda 1 2\nAda 1 Bela 2 \n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        scratch_text(path, texts[i]);
        assert_int_equal(pair_list_read(path, &list, &error), STATUS_OK);
        assert_int_equal(list.count, 2);
        assert_true(list.pairs[0].same && !list.pairs[1].same);
        pair_list_free(&list);
    }
    assert_bad_list(*state, "l\ta.jpg\tb.jpg\t1\n1\ta.jpg\tc.jpg\t0\n", "fold, image, image");
    assert_bad_list(*state, "l\ta.jpg\tb.jpg\tO\n1\ta.jpg\tc.jpg\t0\n", "fold, image, image");
    assert_bad_list(*state, "fold\ta\tb\n1\ta.jpg\tc.jpg\t0\n", "fold, image, image");
    scratch_write(path,
                  "\xff\xfe"
                  "1\0\t\0",
                  6);
    assert_int_equal(pair_list_read(path, &list, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "UTF-16"));
    scratch_write(path, "1\ta\tb\t1\n\0", 9);
    assert_int_equal(pair_list_read(path, &list, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "list:2"));
}

/* A line that names nobody is an error of either list, with the nearest name: else who is to be out stays in. */
static void lists_of_identities_are_checked(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    make_faces(*state, &work);
    const struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    const struct {
        const char *text, *where, *near;
    } bad[] = {{"bela\n", "list:1", "'Bela'"},
               {"Ada\n\nBela\tB. Person\n", "list:3", ""},
               {"Ada\r\nAda/\r\n", "list:2", "'Ada'"},
               {"Nobody Of Them\nAda\nEllen\n", "list:1", "1 other line"}};
    char list[1024];
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list"));
    for (size_t i = 0; i < 2 * sizeof bad / sizeof *bad; i++) {
        scratch_text(list, bad[i / 2].text);
        import.include = i % 2 ? list : NULL;
        import.exclude = i % 2 ? NULL : list;
        assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_DATA);
        assert_non_null(strstr(error.where, bad[i / 2].where));
        assert_non_null(strstr(error.what, bad[i / 2].near));
    }
    import.include = NULL;
    import.exclude = list;
    scratch_text(list, "\xef\xbb\xbf"
                       "Ada \r\n\r\nBela\t\r\n");
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 2);
}

static void assert_told(const struct left_out *left_out, const char *words)
{
    char *sentence = left_out_sentence(left_out);
    if (!strstr(sentence, words)) {
        fail_msg("'%s' does not say '%s'", sentence, words);
    }
    free(sentence);
}

/* All that is in a folder and not in the dataset is counted, named and listed; people who vanish are named at once. */
static void what_is_left_out_is_told(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    char path[1024];
    size_t size;
    struct left_out left_out = {.listed = true};
    make_faces(*state, &work);
    add_image(&work, "Fay", 1, ".gif", SIDE, IMAGE_JPEG);
    add_image(&work, "Fay", 2, ".GIF", SIDE, IMAGE_JPEG);
    add_image(&work, "Fay", 3, ".jxl", SIDE, IMAGE_JPEG);
    add_image(&work, "Gus", 1, "", SIDE, IMAGE_JPEG);
    add_image(&work, "Ada", 9, ".jfif", SIDE, IMAGE_JPEG);
    snprintf(path, sizeof path, "%s/Ada/sub", work.faces);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/Ada/.hidden", work.faces);
    scratch_text(path, "");
    snprintf(path, sizeof path, "%s/Ada/dead.jpg", work.faces);
    assert_int_equal(symlink("nowhere", path), 0);
    snprintf(path, sizeof path, "%s/Ada/pipe.jpg", work.faces);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/beside.jpg", work.faces);
    scratch_text(path, "");
    snprintf(path, sizeof path, "%s/dora/bad\t.jpg", work.faces);
    scratch_text(path, "no image");
    struct pack_style style = style_for(&work);
    style.left_out = &left_out;
    style.skip_bad = true;
    struct pack_dataset import = import_for(&work);
    import.min_images = 2;
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 4 + 1 + 3 + 6);
    assert_told(&left_out, "left out: 1 image that cannot be decoded; "
                           "3 images of a kind that is not read (.");
    assert_told(&left_out, ".gif 2");
    assert_told(&left_out, "; 1 file that by its ending is no image (.txt 1); 1 file without an ending; "
                           "1 link leading nowhere; 1 entry that is no plain file; "
                           "1 file beside the identities' folders; 1 folder inside an identity's folder");
    assert_told(&left_out, "; 3 identities without an image that is read; "
                           "1 identity with fewer images than wanted");
    char *vanished = left_out_vanished(&left_out);
    assert_non_null(strstr(vanished, ": Empty, Fay, Gus"));
    free(vanished);
    snprintf(path, sizeof path, "%s", scratch_path(*state, "left.tsv"));
    assert_int_equal(left_out_write(&left_out, path, &error), STATUS_OK);
    char *list = (char *)scratch_read(path, &size);
    assert_non_null(strstr(list, "\nidentity\tChloe\twith fewer"));
    assert_non_null(strstr(list, "/Fay/Fay_0002.GIF\tof a kind that is not read\n"));
    assert_non_null(strstr(list, "/dora/bad?.jpg\tthat cannot be decoded: the image is of no kind"));
    size_t lines = 0;
    for (const char *at = list; (at = strchr(at, '\n')); at++) {
        lines++;
    }
    assert_int_equal(lines, 1 + 1 + 3 + 1 + 1 + 1 + 1 + 1 + 1 + 3 + 1);
    free(list);
    left_out_free(&left_out);
    left_out = (struct left_out){.listed = false};
    assert_told(&left_out, "left out: nothing");
    for (int i = 0; i < 30; i++) {
        snprintf(path, sizeof path, "%s/Gus/0.e%d", work.faces, i);
        left_out_file(&left_out, path);
        left_out_add(&left_out, LEFT_OUT_EMPTY, path, NULL);
    }
    assert_told(&left_out, "(.e0 1, .e1 1, .e2 1, .e3 1, .e4 1, .e5 1, .e6 1, .e7 1, others 22)");
    vanished = left_out_vanished(&left_out);
    assert_non_null(strstr(vanished, " and 22 more"));
    free(vanished);
    left_out_free(&left_out);
}

static void lists_of_images_are_read(void **state)
{
    struct image_list list;
    struct error error = {0};
    const char *path = scratch_path(*state, "list");
    scratch_text(path, "\xef\xbb\xbf"
                       "b c/1.jpg 10\r\n\r\na.jpg\tAnn Lee\r\nd.jpg   9 \r\ne.jpg 10\n");
    assert_int_equal(image_list_read(path, &list, &error), STATUS_OK);
    assert_int_equal(list.images, 4);
    assert_int_equal(list.names.count, 3);
    assert_string_equal(list.names.names[0], "10");
    assert_string_equal(list.names.names[1], "9");
    assert_string_equal(list.names.names[2], "Ann Lee");
    assert_string_equal(list.path[0], "b c/1.jpg");
    assert_string_equal(list.path[1], "e.jpg");
    assert_string_equal(list.path[2], "d.jpg");
    assert_int_equal(list.label[1], 0);
    assert_int_equal(list.label[3], 2);
    image_list_free(&list);
    const struct {
        const char *text, *where, *what;
    } bad[] = {{"", "list", "no image"},
               {"a.jpg 1\nb.jpg\n", "list:2", "a path and a label"},
               {"a.jpg 1\n\t1\n", "list:2", "a path and a label"},
               {"a.jpg 1\n1\t2\tb.jpg\n", "list:2", "a path and a label"},
               {"a.jpg 1\nb.jpg -1\n", "list:2", "-1 is no identity"},
               {"a.jpg 1\n\nb.jpg 1\na.jpg 2\n", "list", "a.jpg is in lines 1 and 4"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scratch_text(path, bad[i].text);
        assert_int_equal(image_list_read(path, &list, &error), STATUS_DATA);
        assert_non_null(strstr(error.where, bad[i].where));
        assert_non_null(strstr(error.what, bad[i].what));
    }
}

/* The dataset of a list is that of the folder that it lists. */
static void lists_of_images_are_packed(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error = {0};
    struct manifest manifest;
    struct left_out left_out = {.listed = false};
    char list[1024], **names;
    make_faces(*state, &work);
    struct pack_style style = style_for(&work);
    struct pack_dataset import = import_for(&work);
    style.left_out = &left_out;
    snprintf(list, sizeof list, "%s", scratch_path(*state, "faces/list.txt"));
    scratch_text(list,
                 "Bela/Bela_0001.jpg 7\nAda/Ada_0001.jpg 12\nAda/Ada_0002.PNG 12\ndora/dora_0001.jpg 300\n"
                 "Bela/Bela_0002.jpg 7\nBela/Bela_0009.jpg 7\n");
    import.source = list;
    assert_int_equal(pack_list(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "Bela_0009.jpg"));
    style.skip_bad = true;
    import.min_images = 2;
    assert_int_equal(pack_list(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 4);
    assert_int_equal(result.classes, 2);
    assert_told(&left_out,
                "left out: 1 image that cannot be decoded; 1 identity with fewer images than wanted");
    manifest = open_result(*state);
    assert_int_equal(manifest_class_names(&manifest, &names, &error), STATUS_OK);
    assert_string_equal(names[0], "12");
    assert_string_equal(names[1], "7");
    free(names[0]);
    free(names[1]);
    free(names);
    manifest_close(&manifest);
    /* Where the faces are is told of one image alone. */
    struct face_table faces;
    left_out_free(&left_out);
    scratch_text(scratch_path(*state, "faces.csv"), "image,x1,y1,x2,y2\nAda/Ada_0001.jpg,2,2,20,20\n");
    assert_int_equal(face_table_open(scratch_path(*state, "faces.csv"), &faces, &error), STATUS_OK);
    style.faces = &faces;
    import.min_images = 0;
    import.force = true;
    work.done = 0;
    assert_int_equal(pack_list(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 1);
    assert_told(&left_out, "left out: 5 images that the table of faces does not name; "
                           "2 identities without an image that is read");
    face_table_close(&faces);
    style.faces = NULL;
    import.min_images = 2;
    /* From another folder, and whom the list calls so left out. */
    char moved[1024], excluded[1024];
    snprintf(moved, sizeof moved, "%s", scratch_path(*state, "moved.txt"));
    assert_int_equal(rename(list, moved), 0);
    snprintf(excluded, sizeof excluded, "%s", scratch_path(*state, "excluded"));
    scratch_text(excluded, "07\n");
    import.source = moved;
    import.folder = work.faces;
    import.exclude = excluded;
    import.force = true;
    assert_int_equal(pack_list(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "the nearest is '7'"));
    scratch_text(excluded, "7\n");
    work.done = 0;
    assert_int_equal(pack_list(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 1);
    assert_int_equal(result.images, 2);
    left_out_free(&left_out);
}

/* LFW's list names no ending: trees of .png and .JPG are as good. */
static void endings_of_pairs_are_found(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    char list[1024];
    make_faces(*state, &work);
    add_image(&work, "Ed", 1, ".JPG", SIDE, IMAGE_JPEG);
    add_image(&work, "Ed", 2, ".png", SIDE, IMAGE_PNG);
    const struct pack_style style = style_for(&work);
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list"));
    scratch_text(list, "1\t1\nEd\t1\t2\nAda\t2\tEd\t1\n");
    const struct pack_pairs import = {
        .list = list, .folder = work.faces, .directory = work.out, .name = "set"};
    assert_int_equal(pack_pairs(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 3);
    const struct pack_pairs again = {
        .list = list, .folder = work.faces, .directory = work.out, .name = "set", .force = true};
    scratch_text(list, "1\t1\nEd\t1\t3\nAda\t2\tEd\t1\n");
    assert_int_equal(pack_pairs(&again, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "Ed_0003.jpg"));
    scratch_text(list, "1\tEd/Ed_0001.jpg\tAda/Ada_0001.jpg\t0\n");
    assert_int_equal(pack_pairs(&again, &style, &result, &error), STATUS_DATA);
}

static void pairs_are_packed(void **state)
{
    struct work work;
    struct pack_result result;
    struct pairs pairs;
    struct error error;
    char list[1024];
    const int folds[] = {2};
    make_faces(*state, &work);
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list"));
    scratch_text(list, "2\t2\nBela\t1\t2\nBela\t2\t3\nBela\t1\tChloe\t1\nBela\t2\tdora\t3\n"
                       "dora\t1\t2\ndora\t2\t3\ndora\t1\tBela\t1\ndora\t2\tBela\t1\n");
    struct pack_style style = style_for(&work);
    struct pack_pairs import = {.list = list, .folder = work.faces, .directory = work.out, .name = "set"};
    assert_int_equal(pack_pairs(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.pairs, 8);
    assert_int_equal(result.images, 7);
    assert_int_equal(result.kept, 4);
    assert_int_equal(pack_pairs(&import, &style, &result, &error), STATUS_USAGE);
    import.force = true;
    import.folds = folds;
    import.fold_count = 1;
    work.done = 0;
    assert_int_equal(pack_pairs(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(pairs_open(scratch_path(*state, "out/set.h5"), &pairs, &error), STATUS_OK);
    assert_string_equal(pairs.name, "set");
    assert_int_equal(pairs.image_size, SIDE);
    assert_int_equal(pairs.count, 4);
    assert_int_equal(pairs.images, 4);
    assert_memory_equal(pairs.pair, ((uint32_t[]){0, 1, 1, 2, 0, 3, 1, 3}), 8 * sizeof(uint32_t));
    assert_memory_equal(pairs.same, ((uint8_t[]){1, 1, 0, 0}), 4);
    assert_memory_equal(pairs.fold, ((uint8_t[]){1, 1, 1, 1}), 4);
    pairs_close(&pairs);
    import.folds = (const int[]){3};
    assert_int_equal(pack_pairs(&import, &style, &result, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "no fold 3"));
}

static void pairs_of_bad_images_are_skipped(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error;
    char list[1024];
    make_faces(*state, &work);
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list"));
    scratch_text(
        list, "0\tBela/Bela_0001.jpg\tBela/Bela_0009.jpg\t1\n0\tBela/Bela_0001.jpg\tdora/dora_0001.jpg\t0\n");
    struct pack_style style = style_for(&work);
    struct pack_pairs import = {.list = list, .folder = work.faces, .directory = work.out, .name = "set"};
    assert_int_equal(pack_pairs(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "Bela_0009.jpg"));
    style.skip_bad = true;
    assert_int_equal(pack_pairs(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.pairs, 1);
    assert_int_equal(result.skipped, 1);
    assert_int_equal(work.warnings, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_are_read),
        TEST(lists_of_editors_are_read),
        TEST(lists_of_identities_are_checked),
        TEST(what_is_left_out_is_told),
        TEST(lists_of_images_are_read),
        TEST(lists_of_images_are_packed),
        TEST(endings_of_pairs_are_found),
        TEST(pairs_are_packed),
        TEST(pairs_of_bad_images_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
