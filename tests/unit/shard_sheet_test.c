/* What `dail overlap` reads and draws: lists of overlaps, pictures of chosen classes, contact sheets. */
#include "tests/unit/shard_scratch.h"

#include "proto/file.h"
#include "shard/class_images.h"
#include "shard/dataset/dataset_writer.h"
#include "shard/identity/overlap_list.h"
#include "shard/image/sheet.h"

#define SIDE 24
#define IMAGES 20
#define CLASSES 4

static const char *write_text(struct scratch *scratch, const char *text)
{
    const char *path = scratch_path(scratch, "list.tsv");
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), STATUS_OK);
    return path;
}

static void test_list(void **state)
{
    struct overlap_list list;
    const char *path = write_text(*state, OVERLAP_LIST_HEADER "\tcosine\r\n"
                                                              "a\tAda L\tb\tada\t0.9\r\n\r\nb\tbela\tc\t7");
    assert_int_equal(overlap_list_read(path, &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.rows[0].dataset[0], "a");
    assert_string_equal(list.rows[0].identity[0], "Ada L");
    assert_string_equal(list.rows[0].dataset[1], "b");
    assert_string_equal(list.rows[0].identity[1], "ada");
    assert_string_equal(list.rows[1].dataset[0], "b");
    assert_string_equal(list.rows[1].identity[1], "7");
    overlap_list_free(&list);
}

static void test_bad_lists(void **state)
{
    static const char *const texts[] = {"a\tb\tc\td\na\tb\tc\n", "a\tb\tc\td\na\tb\t\td\n",
                                        "a\tb\tc\td\na b c d\n", "a\tb\tc\td\na\tb\tc\t\n"};
    struct overlap_list list;
    struct error error;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *path = write_text(*state, texts[i]);
        assert_int_equal(overlap_list_read(path, &list, &error), STATUS_DATA);
        assert_non_null(strstr(error.where, "list.tsv:2"));
        overlap_list_free(&list);
    }
    assert_int_equal(overlap_list_read(scratch_path(*state, "none.tsv"), &list, &error), STATUS_DATA);
    overlap_list_free(&list);
    assert_int_equal(overlap_list_read(write_text(*state, ""), &list, &error), STATUS_OK);
    assert_int_equal(list.count, 0);
    overlap_list_free(&list);
}

/* Image i is of class i % (CLASSES - 1), so that the last class has none, and lies as PNG. */
static void write_dataset(struct scratch *scratch, struct manifest *manifest)
{
    struct dataset_writer *writer;
    const struct dataset_plan plan = {.directory = scratch->directory,
                                      .name = "few",
                                      .classes = CLASSES,
                                      .image_size = SIDE,
                                      .encoding = IMAGE_PNG,
                                      .images = IMAGES,
                                      .shards = 3,
                                      .force = true};
    static const char *const names[CLASSES] = {"a", "b", "c", "d"};
    uint64_t bytes;
    assert_int_equal(dataset_writer_create(&plan, &writer, NULL), STATUS_OK);
    for (int i = 0; i < IMAGES; i++) {
        size_t size;
        uint8_t *image = scratch_image(SIDE, SIDE, i, IMAGE_PNG, &size);
        assert_int_equal(
            dataset_writer_append(writer, image, size, (uint32_t)i % (CLASSES - 1), true, NULL, NULL),
            STATUS_OK);
        free(image);
    }
    assert_int_equal(dataset_writer_finish(writer, names, &bytes, NULL), STATUS_OK);
    assert_int_equal(manifest_open(scratch_path(scratch, "few.yaml"), manifest, NULL), STATUS_OK);
}

static void assert_is_image(const uint8_t *pixels, int number)
{
    size_t size;
    struct image image;
    uint8_t *bytes = scratch_image(SIDE, SIDE, number, IMAGE_PNG, &size);
    assert_int_equal(image_decode(bytes, size, &image, NULL), STATUS_OK);
    assert_memory_equal(pixels, image.pixels, SIDE * SIDE * 3);
    image_free(&image);
    free(bytes);
}

static void test_class_images(void **state)
{
    enum { WANTED = 9, BYTES = SIDE * SIDE * 3 };
    static uint8_t pixels[4][WANTED * BYTES];
    struct manifest manifest;
    struct error error;
    struct class_images chosen[4] = {{.class = 1, .wanted = 2, .pixels = pixels[0]},
                                     {.class = 2, .wanted = WANTED, .pixels = pixels[1]},
                                     {.class = 1, .wanted = 3, .pixels = pixels[2]},
                                     {.class = 3, .wanted = 1, .pixels = pixels[3]}};
    write_dataset(*state, &manifest);
    assert_int_equal(class_images_read(&manifest, SIDE, chosen, 4, NULL), STATUS_OK);
    assert_int_equal(chosen[0].found, 2);
    assert_int_equal(chosen[1].found, 6);
    assert_int_equal(chosen[2].found, 3);
    assert_int_equal(chosen[3].found, 0);
    for (int i = 0; i < 6; i++) {
        assert_is_image(pixels[1] + i * BYTES, 2 + 3 * i);
    }
    for (int i = 0; i < 3; i++) {
        assert_is_image(pixels[2] + i * BYTES, 1 + 3 * i);
    }
    assert_memory_equal(pixels[0], pixels[2], 2 * BYTES);
    /* At another side the picture is another one of that size. */
    assert_int_equal(class_images_read(&manifest, SIDE / 2, chosen, 1, NULL), STATUS_OK);
    assert_int_equal(chosen[0].found, 2);
    chosen[0].class = CLASSES;
    assert_int_equal(class_images_read(&manifest, SIDE, chosen, 1, &error), STATUS_DATA);
    manifest_close(&manifest);
}

static const uint8_t *pixel(const struct sheet *sheet, int x, int y)
{
    return sheet->image.pixels + (y * sheet->image.width + x) * 3;
}

static int count_coloured(const struct sheet *sheet, int y_begin, int y_end, const uint8_t colour[3])
{
    int count = 0;
    for (int y = y_begin; y < y_end; y++) {
        for (int x = 0; x < sheet->image.width; x++) {
            count += memcmp(pixel(sheet, x, y), colour, 3) == 0;
        }
    }
    return count;
}

static void test_sheet(void **state)
{
    static const struct sheet_layout layout = {
        .columns = 4, .rows = 2, .side = 40, .label = 30, .group = 2, .gap = 5};
    static const uint8_t red[3] = {200, 0, 0}, white[3] = {255, 255, 255};
    struct sheet sheet;
    struct image read;
    uint8_t pixels[40 * 40 * 3];
    char *bytes;
    size_t size;
    const char *path = scratch_path(*state, "sheet.png");
    memset(pixels, 77, sizeof pixels);
    assert_int_equal(sheet_create(&layout, &sheet, NULL), STATUS_OK);
    assert_int_equal(sheet.image.width, 30 + 4 * 40 + 5);
    assert_int_equal(sheet.image.height, 2 * 40 + 5);
    sheet_put(&sheet, 2, 1, pixels);
    const int left = 30 + 2 * 40 + 5, top = 45;
    assert_int_equal(*pixel(&sheet, left, top), 77);
    assert_int_equal(*pixel(&sheet, left + 39, top + 39), 77);
    assert_memory_equal(pixel(&sheet, left - 1, top), white, 3);
    assert_memory_equal(pixel(&sheet, left, top - 1), white, 3);
    /* An eight has 13 dots of 3 x 3 pixels, a one 8; a third line does not fit.
     */
    sheet_label(&sheet, 1, 0, "81", red);
    assert_int_equal(count_coloured(&sheet, top, top + 40, red), 21 * 9);
    sheet_label(&sheet, 1, 1, " -", red);
    assert_int_equal(count_coloured(&sheet, top, top + 40, red), 24 * 9);
    sheet_label(&sheet, 1, 2, "8", red);
    assert_int_equal(count_coloured(&sheet, 0, 85, red), 24 * 9);
    assert_int_equal(sheet_write(&sheet, path, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &size, NULL), STATUS_OK);
    assert_int_equal(image_decode((uint8_t *)bytes, size, &read, NULL), STATUS_OK);
    assert_memory_equal(read.pixels, sheet.image.pixels, (size_t)read.width * (size_t)read.height * 3);
    image_free(&read);
    free(bytes);
    sheet_free(&sheet);
    const struct sheet_layout vast = {.columns = 2, .rows = 500, .side = 40};
    assert_int_equal(sheet_create(&vast, &sheet, NULL), STATUS_USAGE);
    sheet_free(&sheet);
}

/* Titles, headings, captions: text below and above pictures, cut by two dots where there is no room. */
static void test_sheet_text(void **state)
{
    (void)state;
    static const struct sheet_layout layout = {
        .columns = 4, .rows = 2, .side = 40, .titles = 2, .captions = true, .group = 2, .gap = 5};
    static const uint8_t red[3] = {200, 0, 0}, black[3] = {0, 0, 0};
    enum { LINE = 14 };
    struct sheet sheet;
    assert_int_equal(sheet_create(&layout, &sheet, NULL), STATUS_OK);
    assert_int_equal(sheet.image.height, 2 * LINE + 2 * (40 + LINE) + 5);
    /* An L has 7 dots of 2 x 2 pixels, in either case; what is no letter of ours is a question mark of 5. */
    sheet_title(&sheet, 0, "Ll");
    assert_int_equal(count_coloured(&sheet, 0, LINE, black), 14 * 4);
    sheet_title(&sheet, 0, "  \xc3\xa4");
    assert_int_equal(count_coloured(&sheet, 0, LINE, black), (14 + 5) * 4);
    assert_int_equal(count_coloured(&sheet, LINE, sheet.image.height, black), 0);
    sheet_heading(&sheet, 2, 2, "l");
    assert_int_equal(count_coloured(&sheet, LINE, 2 * LINE, black), 7 * 4);
    /* Two pictures take ten characters. */
    const int below = 2 * LINE + 40 + LINE + 5 + 40;
    sheet_caption(&sheet, 1, 2, 2, "llllllllll", red);
    assert_int_equal(count_coloured(&sheet, below, below + LINE, red), 70 * 4);
    sheet_caption(&sheet, 1, 0, 2, "lllllllllll", red);
    assert_int_equal(count_coloured(&sheet, below, below + LINE, red), (70 + 8 * 7 + 2) * 4);
    assert_int_equal(count_coloured(&sheet, 0, below, red), 0);
    sheet_free(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_list, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_bad_lists, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_class_images, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_sheet_text),
        cmocka_unit_test_setup_teardown(test_sheet, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
