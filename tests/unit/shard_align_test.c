/* How pictures are brought to the square that is stored: turned upright, cropped or padded, warped to landmarks. */
#include "tests/unit/shard_scratch.h"

#include "shard/align/align_face.h"
#include "shard/manifest.h"
#include "shard/pack/pack.h"

#define SIDE 24

struct work {
    char faces[600], out[600];
};

/* faces/<person>/<file>, of these bytes, which are freed. */
static void add_file(const struct work *work, const char *person, const char *file, uint8_t *bytes,
                     size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", work->faces, person);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", work->faces, person, file);
    scratch_write(path, bytes, size);
    free(bytes);
}

static void begin(struct scratch *scratch, struct work *work)
{
    snprintf(work->faces, sizeof work->faces, "%s/faces", scratch->directory);
    snprintf(work->out, sizeof work->out, "%s/out", scratch->directory);
    assert_int_equal(mkdir(work->faces, 0777), 0);
}

static struct pack_style png_style(void)
{
    struct pack_style style = PACK_STYLE_DEFAULTS;
    style.size = SIDE;
    style.encoding = IMAGE_PNG;
    return style;
}

static struct pack_dataset import_of(const struct work *work)
{
    return (struct pack_dataset){.source = work->faces,
                                 .directory = work->out,
                                 .name = "few",
                                 .min_images = 1,
                                 .shard_bytes = 1 << 20,
                                 .force = true};
}

/* The pixels of the only image that was packed: SIDE * SIDE * 3. */
static void read_only_image(const struct work *work, uint8_t *pixels)
{
    char path[1024];
    struct manifest manifest;
    struct shard shard;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/few.yaml", work->out);
    assert_int_equal(manifest_open(path, &manifest, &error), STATUS_OK);
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    assert_int_equal(shard.images, 1);
    uint8_t *bytes = malloc(shard.bytes);
    assert_non_null(bytes);
    assert_int_equal(shard_read(&shard, 0, 1, bytes, &error), STATUS_OK);
    assert_int_equal(image_orientation(bytes, shard.bytes), 1);
    assert_int_equal(image_decode_into(bytes, shard.bytes, SIDE, pixels, &error), STATUS_OK);
    free(bytes);
    shard_close(&shard);
    manifest_close(&manifest);
}

/* A JPEG with an EXIF segment that holds its orientation; the bytes are freed. */
static uint8_t *with_orientation(uint8_t *bytes, size_t *size, uint8_t orientation)
{
    const uint8_t segment[] = {0xff, 0xe1, 0, 34, 'E',         'x', 'i', 'f', 0,    0, 'I', 'I',
                               '*',  0,    8, 0,  0,           0,   1,   0,   0x12, 1, 3,   0,
                               1,    0,    0, 0,  orientation, 0,   0,   0,   0,    0, 0,   0};
    uint8_t *longer = malloc(*size + sizeof segment);
    assert_non_null(longer);
    memcpy(longer, bytes, 2);
    memcpy(longer + 2, segment, sizeof segment);
    memcpy(longer + 2 + sizeof segment, bytes + 2, *size - 2);
    free(bytes);
    *size += sizeof segment;
    return longer;
}

/* An image of the size is stored upright and without its EXIF's orientation, though its bytes are not kept then. */
static void images_are_stored_upright(void **state)
{
    struct work work;
    struct pack_result result;
    struct error error = {0};
    begin(*state, &work);
    for (uint8_t orientation = 1; orientation <= 8; orientation++) {
        size_t size;
        uint8_t upright[SIDE * SIDE * 3], stored[SIDE * SIDE * 3];
        uint8_t *bytes =
            with_orientation(scratch_image(SIDE, SIDE, 3, IMAGE_JPEG, &size), &size, orientation);
        assert_int_equal(image_orientation(bytes, size), orientation);
        assert_int_equal(image_decode_into(bytes, size, SIDE, upright, &error), STATUS_OK);
        add_file(&work, "ada", "1.jpg", bytes, size);
        struct pack_style style = png_style();
        struct pack_dataset import = import_of(&work);
        assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
        assert_int_equal(result.kept, orientation == 1);
        assert_int_equal(result.turned, orientation != 1);
        read_only_image(&work, stored);
        assert_memory_equal(stored, upright, sizeof upright);
    }
}

/* 48 x 24 (or the other way round): red, green and blue, a quarter, half and quarter of the longer side. */
static uint8_t *stripes(bool wide, size_t *size)
{
    const int width = wide ? 48 : 24, height = wide ? 24 : 48;
    struct image image = {
        .width = width, .height = height, .pixels = calloc((size_t)width * (size_t)height, 3)};
    struct error error;
    uint8_t *bytes;
    assert_non_null(image.pixels);
    for (int i = 0; i < width * height; i++) {
        const int at = wide ? i % width : i / width;
        image.pixels[i * 3 + (at < 12 ? 0 : at < 36 ? 1 : 2)] = 255;
    }
    assert_int_equal(image_encode(&image, IMAGE_PNG, 90, &bytes, size, &error), STATUS_OK);
    image_free(&image);
    return bytes;
}

/* The channels that are lit at a place of the stored image: 1 red, 2 green, 4 blue. */
static int lit(const uint8_t *pixels, int x, int y)
{
    const uint8_t *pixel = pixels + (y * SIDE + x) * 3;
    return (pixel[0] > 200) + (pixel[1] > 200) * 2 + (pixel[2] > 200) * 4;
}

static void images_that_are_not_square_are_fitted(void **state)
{
    struct work work;
    struct error error = {0};
    begin(*state, &work);
    /* At the beginning, the middle and the end of the longer side, then of the shorter one. */
    static const struct {
        enum image_fit fit;
        int longer[3], shorter[3];
    } cases[] = {{IMAGE_FIT_CENTER, {2, 2, 2}, {2, 2, 2}},
                 {IMAGE_FIT_PAD, {1, 2, 4}, {0, 2, 0}},
                 {IMAGE_FIT_STRETCH, {1, 2, 4}, {2, 2, 2}}};
    for (size_t i = 0; i < 3; i++) {
        for (int wide = 0; wide < 2; wide++) {
            size_t size;
            uint8_t pixels[SIDE * SIDE * 3];
            struct pack_result result;
            uint8_t *bytes = stripes(wide, &size);
            add_file(&work, "ada", "1.png", bytes, size);
            struct pack_style style = png_style();
            style.fit = cases[i].fit;
            struct pack_dataset import = import_of(&work);
            assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
            assert_int_equal(result.fitted, 1);
            assert_int_equal(result.kept, 0);
            read_only_image(&work, pixels);
            for (int at = 0; at < 3; at++) {
                const int place = at == 0 ? 1 : at == 1 ? SIDE / 2 : SIDE - 2, middle = SIDE / 2;
                assert_int_equal(lit(pixels, wide ? place : middle, wide ? middle : place),
                                 cases[i].longer[at]);
                assert_int_equal(lit(pixels, wide ? middle : place, wide ? place : middle),
                                 cases[i].shorter[at]);
            }
        }
    }
}

/* A part is what the whole, resized, has there; beyond the border it is black. */
static void parts_are_resized(void **state)
{
    (void)state;
    struct error error = {0};
    struct image image, whole, part;
    size_t size;
    uint8_t *bytes = scratch_image(40, 40, 3, IMAGE_PNG, &size);
    assert_int_equal(image_decode(bytes, size, &image, &error), STATUS_OK);
    assert_int_equal(image_resize(&image, 20, &whole, &error), STATUS_OK);
    assert_int_equal(image_resize_part(&image, (struct image_part){-20, 10, 40, 40}, 20, &part, &error),
                     STATUS_OK);
    for (int y = 0; y < 20; y++) {
        for (int x = 0; x < 20; x++) {
            static const uint8_t black[3] = {0};
            const bool inside = x >= 10 && y < 15;
            const uint8_t *expected = inside ? whole.pixels + ((y + 5) * 20 + x - 10) * 3 : black;
            assert_memory_equal(part.pixels + (y * 20 + x) * 3, expected, 3);
        }
    }
    assert_int_equal(image_resize_part(&image, (struct image_part){0, 0, -1, 5}, 20, &part, &error),
                     STATUS_INTERNAL);
    image_free(&image);
    image_free(&whole);
    free(bytes);
}

/* A JPEG is decoded smaller where enough of it is left, to what a mean over its pixels gives. */
static void images_are_decoded_smaller(void **state)
{
    (void)state;
    static const struct {
        int reduce, least, reduced;
    } cases[] = {{8, 1, 8}, {8, 41, 4}, {8, 81, 2}, {8, 162, 1}, {5, 1, 4}, {1, 1, 1}, {8, 40, 8}};
    struct error error = {0};
    size_t size;
    struct image whole = {.width = 400, .height = 322, .pixels = malloc(400 * 322 * 3)};
    uint8_t *bytes;
    assert_non_null(whole.pixels);
    for (int i = 0; i < 400 * 322; i++) {
        const int x = i % 400, y = i / 400;
        whole.pixels[i * 3] = (uint8_t)(x * 255 / 400);
        whole.pixels[i * 3 + 1] = (uint8_t)(y * 255 / 322);
        whole.pixels[i * 3 + 2] = 90;
    }
    assert_int_equal(image_encode(&whole, IMAGE_JPEG, 98, &bytes, &size, &error), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image image;
        const int by = cases[i].reduced;
        assert_int_equal(image_decode_reduced(bytes, size, cases[i].reduce, cases[i].least, &image, &error),
                         STATUS_OK);
        assert_int_equal(image.reduced, by);
        assert_int_equal(image.width, (400 + by - 1) / by);
        assert_int_equal(image.height, (322 + by - 1) / by);
        const int x = 100 / by, y = 80 / by;
        const uint8_t *pixel = image.pixels + (y * image.width + x) * 3;
        assert_in_range(pixel[0] + 10, (x * by) * 255 / 400 + 7, ((x + 1) * by) * 255 / 400 + 13);
        assert_in_range(pixel[1] + 10, (y * by) * 255 / 322 + 7, ((y + 1) * by) * 255 / 322 + 13);
        image_free(&image);
    }
    image_free(&whole);
    free(bytes);
}

/* Faces whose box is known fill the square with their margin; images that the table does not name are counted. */
static void faces_are_cropped_by_their_box(void **state)
{
    struct work work;
    struct pack_result result;
    struct face_table table;
    struct error error = {0};
    size_t size;
    uint8_t pixels[SIDE * SIDE * 3];
    const char *path = scratch_path(*state, "faces.csv");
    begin(*state, &work);
    scratch_text(path, "file,x,y,w,h\nada/1.png,17,5,10,4\nada/3.png,400,5,10,4\n");
    assert_int_equal(face_table_open(path, &table, &error), STATUS_OK);
    uint8_t *bytes = stripes(true, &size);
    add_file(&work, "ada", "1.png", bytes, size);
    bytes = stripes(true, &size);
    add_file(&work, "ada", "2.png", bytes, size);
    bytes = stripes(true, &size);
    add_file(&work, "bela", "1.png", bytes, size);
    struct pack_style style = png_style();
    struct left_out left_out = {.listed = false};
    style.faces = &table;
    style.left_out = &left_out;
    style.margin = 0.2; /* 12 pixels about (22, 7), green from 12 to 36 */
    struct pack_dataset import = import_of(&work);
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(left_out.count[LEFT_OUT_NOT_NAMED], 2);
    assert_int_equal(result.images, 1);
    assert_int_equal(result.classes, 1);
    read_only_image(&work, pixels);
    assert_int_equal(lit(pixels, 0, 0), 2);
    assert_int_equal(lit(pixels, SIDE - 1, SIDE - 1), 2);
    style.margin = 3; /* 40 pixels from (2, -13) on: black above, red at the left, blue at the right */
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_OK);
    read_only_image(&work, pixels);
    assert_int_equal(lit(pixels, 2, SIDE / 2), 1);
    assert_int_equal(lit(pixels, SIDE / 2, SIDE / 2), 2);
    assert_int_equal(lit(pixels, SIDE - 2, SIDE / 2), 4);
    assert_int_equal(lit(pixels, SIDE / 2, 4), 0);
    assert_int_equal(lit(pixels, SIDE / 2, SIDE - 1), 0);
    bytes = stripes(true, &size);
    add_file(&work, "ada", "3.png", bytes, size);
    assert_int_equal(pack_folder(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "outside the picture"));
    face_table_close(&table);
    left_out_free(&left_out);
}

/* Points that lie as the template does take an image as it is; a line without spread is refused. */
static void faces_are_warped_to_the_template(void **state)
{
    (void)state;
    struct error error = {0};
    struct image image, aligned;
    struct face face = {.has_points = true};
    double points[FACE_POINTS][2];
    size_t size;
    uint8_t *bytes = scratch_image(112, 112, 3, IMAGE_PNG, &size);
    assert_int_equal(image_decode(bytes, size, &image, &error), STATUS_OK);
    similarity_template(112, points);
    for (int i = 0; i < FACE_POINTS; i++) {
        face.point[i][0] = (float)points[i][0] + 10;
        face.point[i][1] = (float)points[i][1] - 20;
    }
    assert_int_equal(align_face(bytes, size, &face, 112, 0.3, &aligned, &error), STATUS_OK);
    for (int y = 0; y < 112; y++) {
        for (int x = 0; x < 112; x++) {
            const int from_x = x + 10, from_y = y - 20;
            for (int c = 0; c < 3; c++) {
                const int wanted =
                    from_x < 112 && from_y >= 0 ? image.pixels[(from_y * 112 + from_x) * 3 + c] : 0;
                assert_in_range(aligned.pixels[(y * 112 + x) * 3 + c] + 1, wanted, wanted + 2);
            }
        }
    }
    image_free(&aligned);
    for (int i = 0; i < FACE_POINTS; i++) {
        face.point[i][0] = face.point[i][1] = 50;
    }
    assert_int_equal(align_face(bytes, size, &face, 112, 0.3, &aligned, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "in one place"));
    image_free(&image);
    free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(images_are_stored_upright),
                                       TEST(images_that_are_not_square_are_fitted),
                                       TEST(parts_are_resized),
                                       TEST(images_are_decoded_smaller),
                                       TEST(faces_are_cropped_by_their_box),
                                       TEST(faces_are_warped_to_the_template)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
