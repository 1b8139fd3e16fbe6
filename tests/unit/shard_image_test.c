#include "shard/image/image_format.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <cmocka.h>

#define GOLDEN "tests/oracle/image/"
#define FACES "../shared/faces/"

/* Reads a whole file; NULL when it is not there. */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    *size = 0;
    if (!file) {
        return NULL;
    }
    uint8_t *bytes = NULL;
    size_t count;
    do {
        bytes = realloc(bytes, *size + 65536);
        assert_non_null(bytes);
        count = fread(bytes + *size, 1, 65536, file);
        *size += count;
    } while (count > 0);
    fclose(file);
    return bytes;
}

static uint8_t *read_golden(const char *name, const char *suffix, size_t *size)
{
    char path[256];
    snprintf(path, sizeof path, GOLDEN "%s%s", name, suffix);
    uint8_t *bytes = read_file(path, size);
    if (!bytes) {
        fail_msg("%s is missing", path);
    }
    return bytes;
}

static int largest_difference(const uint8_t *a, const uint8_t *b, size_t count)
{
    int largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (abs(a[i] - b[i]) > largest) {
            largest = abs(a[i] - b[i]);
        }
    }
    return largest;
}

static void check_golden(const char *name, int width, int height, int tolerance)
{
    struct error error = {0};
    struct image image;
    size_t size, expected_size;
    int found_width, found_height;
    uint8_t *bytes = read_golden(name, "", &size);
    uint8_t *expected = read_golden(name, ".rgb", &expected_size);
    if (image_size(bytes, size, &found_width, &found_height, &error) != STATUS_OK) {
        if (!strstr(error.what, "this build is without")) {
            fail_msg("%s: %s", name, error.what);
        }
        free(bytes);
        free(expected);
        return;
    }
    assert_int_equal(found_width, width);
    assert_int_equal(found_height, height);
    if (image_decode(bytes, size, &image, &error) != STATUS_OK) {
        fail_msg("%s: %s", name, error.what);
    }
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    assert_int_equal(expected_size, width * height * 3);
    const int difference = largest_difference(image.pixels, expected, expected_size);
    if (difference > tolerance) {
        fail_msg("%s: a pixel is off by %d", name, difference);
    }
    image_free(&image);
    free(bytes);
    free(expected);
}

static void test_golden(void **state)
{
    (void)state;
    FILE *list = fopen(GOLDEN "list.txt", "r");
    assert_non_null(list);
    char name[64];
    int width, height, count = 0;
    while (fscanf(list, "%63s %d %d", name, &width, &height) == 3) {
        /* Decoders may round chroma upsampling and colour conversion their own way. */
        const bool lossy = strstr(name, ".jpg") || strstr(name, "lossy");
        check_golden(name, width, height, strstr(name, ".avif") ? 4 : lossy ? 1 : 0);
        count++;
    }
    fclose(list);
    assert_int_equal(count, 58);
}

static void test_sniff(void **state)
{
    (void)state;
    assert_int_equal(image_sniff((const uint8_t *)"\xff\xd8\xff\xe0", 4), IMAGE_JPEG);
    assert_int_equal(image_sniff((const uint8_t *)"\x89PNG\r\n\x1a\n", 8), IMAGE_PNG);
    assert_int_equal(image_sniff((const uint8_t *)"\x89PNG\r\n\x1a\n", 7), IMAGE_UNKNOWN);
    assert_int_equal(image_sniff((const uint8_t *)"P5\n", 3), IMAGE_PNM);
    assert_int_equal(image_sniff((const uint8_t *)"P4\n", 3), IMAGE_UNKNOWN);
    assert_int_equal(image_sniff((const uint8_t *)"Pa\n", 3), IMAGE_UNKNOWN);
    assert_int_equal(image_sniff((const uint8_t *)"", 0), IMAGE_UNKNOWN);
}

/* The one table: by bytes and by name, decoded or not. */
static void test_formats(void **state)
{
    struct error error;
    struct image image;
    const uint8_t webp[16] = "RIFF\x10\0\0\0WEBPVP8";
    const struct image_format *format = image_format_of_bytes(webp, sizeof webp);
    (void)state;
    assert_non_null(format);
    assert_string_equal(format->name, "WebP");
    assert_ptr_equal(image_format_of_name("a.b/c.WebP"), format);
    assert_null(image_format_of_bytes(webp, 11));
    assert_int_equal(image_format_of_name("0.jfif")->encoding, IMAGE_JPEG);
    assert_int_equal(image_format_of_name("0.JPG")->encoding, IMAGE_JPEG);
    assert_null(image_format_of_name("jpg"));
    assert_null(image_format_of_name("0.jpg.txt"));
    for (size_t i = 0; (format = image_format_at(i)); i++) {
        assert_ptr_equal(image_format_of_name(format->endings[0]), format);
        if (format->encoding == IMAGE_UNKNOWN) {
            uint8_t bytes[16] = {0};
            memcpy(bytes, format->begin[0].bytes, format->begin[0].size);
            assert_int_equal(image_decode(bytes, sizeof bytes, &image, &error), STATUS_DATA);
            assert_non_null(strstr(error.what, format->name));
        }
    }
}

/* Whatever its length, a cut file is an error and never a half picture. */
static void test_truncated(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb420.jpg",     "progressive.jpg", "cmyk.jpg",       "rgb8.png",
                                        "interlaced.png", "binary255.ppm",   "binary1000.pgm", "ascii15.ppm",
                                        "top24.bmp",      "palette4.bmp",    "lossless.webp",  "lossy.webp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size;
        uint8_t *bytes = read_golden(names[i], "", &size);
        /* An ascii sample cut short is still a number. */
        const size_t longest = strncmp(names[i], "ascii", 5) == 0 ? size - 2 : size - 1;
        for (size_t length = 0; length <= longest; length++) {
            struct error error = {0};
            struct image image;
            uint8_t *cut = malloc(length + 1);
            assert_non_null(cut);
            memcpy(cut, bytes, length);
            if (image_decode(cut, length, &image, &error) != STATUS_DATA) {
                fail_msg("%s cut to %zu bytes was read", names[i], length);
            }
            assert_null(image.pixels);
            assert_true(error.what[0] != '\0' && error.next[0] != '\0');
            free(cut);
        }
        free(bytes);
    }
}

/* Every flipped byte: an error or a picture of the right size, never a crash (run under the sanitizers). */
static void test_corrupt(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb420.jpg", "progressive.jpg", "palettealpha4.png", "ascii15.ppm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size;
        int refused = 0;
        uint8_t *bytes = read_golden(names[i], "", &size);
        for (size_t at = 0; at < size; at++) {
            struct error error;
            struct image image;
            bytes[at] ^= 0x55;
            if (image_decode(bytes, size, &image, &error) == STATUS_OK) {
                image_free(&image);
            } else {
                refused++;
            }
            bytes[at] ^= 0x55;
        }
        assert_true(refused > 50);
        free(bytes);
    }
}

static void check_refused(const char *text, size_t size)
{
    struct error error = {0};
    struct image image;
    if (image_decode((const uint8_t *)text, size, &image, &error) != STATUS_DATA) {
        fail_msg("%s was read", text);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"P5 0 4 255\n1234",
                                        "P5 2 2 0\n1234",
                                        "P5 65535 65535 255\n1234",
                                        "P5 16385 1 255\n1234",
                                        "P5 99999999999 1 255",
                                        "P5 2 2 65536\n12345678",
                                        "P5 2 2 255",
                                        "P5 2 -2 255\n1234",
                                        "P2 2 2 15\n1 2 3 16",
                                        "P2 2 2 15\n1 2 3 x",
                                        "P6 2 2 255\n12345678",
                                        "P5 16384 16384 255\n1",
                                        "P5 16384 4097 255\n1",
                                        "P2 16384 16384 255\n1 2 3",
                                        "P5 2 2 100\n12\3774",
                                        "no image at all",
                                        ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_refused(texts[i], strlen(texts[i]));
    }
    /* A PNG that claims 100000 x 2 pixels: width is bytes 16 to 19 of the file. */
    size_t size;
    uint8_t *bytes = read_golden("rgb8.png", "", &size);
    bytes[17] = 1;
    check_refused((const char *)bytes, size);
    free(bytes);
}

/* A black progressive JPEG, grey, whose coefficients come one by one and bit by bit: `scans` sound scans of
 * next to no bytes. Freed by the caller. */
static uint8_t *make_scans(int side, int scans, size_t *size)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr manager;
    unsigned char *bytes = NULL;
    unsigned long count = 0;
    jpeg_scan_info *script = calloc((size_t)scans, sizeof *script);
    uint8_t *row = calloc((size_t)side, 1);
    script[0] = (jpeg_scan_info){.comps_in_scan = 1};
    for (int i = 1; i < scans; i++) {
        const int pass = (i - 1) / 63, coefficient = (i - 1) % 63 + 1;
        script[i] = (jpeg_scan_info){.comps_in_scan = 1,
                                     .Ss = coefficient,
                                     .Se = coefficient,
                                     .Ah = pass == 0 ? 0 : 10 - pass,
                                     .Al = 9 - pass};
    }
    info.err = jpeg_std_error(&manager);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &count);
    info.image_width = info.image_height = (JDIMENSION)side;
    info.input_components = 1;
    info.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    info.scan_info = script;
    info.num_scans = scans;
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    free(script);
    free(row);
    *size = count;
    return bytes;
}

/* Scans are read as many as there are, but not so many that a few bytes are work for minutes. */
static void test_endless_scans_are_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct image image;
    size_t size;
    uint8_t *bytes = make_scans(64, 300, &size);
    assert_int_equal(image_decode(bytes, size, &image, &error), STATUS_OK);
    image_free(&image);
    free(bytes);
    bytes = make_scans(64, 505, &size);
    assert_int_equal(image_decode(bytes, size, &image, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "more than 500 scans"));
    free(bytes);
    bytes = make_scans(2048, 260, &size);
    assert_true(size < 100000);
    assert_int_equal(image_decode(bytes, size, &image, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "too many for its size"));
    free(bytes);
}

static void test_decode_into(void **state)
{
    (void)state;
    struct error error = {0};
    uint8_t source[32 * 32 * 3], pixels[32 * 32 * 3 + 1];
    for (size_t i = 0; i < sizeof source; i++) {
        source[i] = (uint8_t)(i * 7 % 251);
    }
    const struct image image = {.width = 32, .height = 32, .pixels = source};
    static const enum image_encoding encodings[] = {IMAGE_JPEG, IMAGE_PNG, IMAGE_PNM};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *bytes;
        size_t size;
        assert_int_equal(image_encode(&image, encodings[i], 95, &bytes, &size, &error), STATUS_OK);
        assert_int_equal(image_sniff(bytes, size), encodings[i]);
        pixels[sizeof source] = 0xa5;
        assert_int_equal(image_decode_into(bytes, size, 32, pixels, &error), STATUS_OK);
        assert_int_equal(pixels[sizeof source], 0xa5);
        if (encodings[i] != IMAGE_JPEG) {
            assert_memory_equal(pixels, source, sizeof source);
        }
        assert_int_equal(image_decode_into(bytes, size, 31, pixels, &error), STATUS_DATA);
        assert_non_null(strstr(error.what, "32 x 32"));
        free(bytes);
    }
}

static void test_jpeg_quality(void **state)
{
    (void)state;
    struct error error = {0};
    struct image decoded;
    uint8_t source[24 * 16 * 3];
    for (int y = 0; y < 16; y++) {
        for (int x = 0; x < 24; x++) {
            for (int c = 0; c < 3; c++) {
                source[(y * 24 + x) * 3 + c] = (uint8_t)(60 + x * 4 + y * 3 + c * 20);
            }
        }
    }
    const struct image image = {.width = 24, .height = 16, .pixels = source};
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        uint8_t *bytes;
        assert_int_equal(image_encode(&image, IMAGE_JPEG, i == 0 ? 98 : 60, &bytes, &sizes[i], &error),
                         STATUS_OK);
        assert_int_equal(image_decode(bytes, sizes[i], &decoded, &error), STATUS_OK);
        assert_in_range(largest_difference(decoded.pixels, source, sizeof source), 0, i == 0 ? 3 : 24);
        image_free(&decoded);
        free(bytes);
    }
    assert_true(sizes[1] < sizes[0]);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(image_encode(&image, IMAGE_JPEG, 0, &bytes, &size, &error), STATUS_USAGE);
    assert_int_equal(image_encode(&image, IMAGE_UNKNOWN, 90, &bytes, &size, &error), STATUS_USAGE);
    assert_null(bytes);
}

static void test_resize(void **state)
{
    (void)state;
    struct error error = {0};
    struct image image, resized;
    size_t size;
    uint8_t *bytes = read_golden("resize.ppm", "", &size);
    assert_int_equal(image_decode(bytes, size, &image, &error), STATUS_OK);
    static const int sides[] = {1, 7, 16, 64};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        char name[32];
        size_t expected_size;
        snprintf(name, sizeof name, "resize-%d.rgb", sides[i]);
        uint8_t *expected = read_golden(name, "", &expected_size);
        assert_int_equal(image_resize(&image, sides[i], &resized, &error), STATUS_OK);
        assert_int_equal(resized.width, sides[i]);
        assert_int_equal(resized.height, sides[i]);
        assert_int_equal(expected_size, sides[i] * sides[i] * 3);
        assert_in_range(largest_difference(resized.pixels, expected, expected_size), 0, 1);
        image_free(&resized);
        free(expected);
    }
    assert_int_equal(image_resize(&image, 0, &resized, &error), STATUS_INTERNAL);
    image_free(&image);
    free(bytes);
}

/* Decodes every image in a folder and checks the size where one is given. Returns how many. */
static int decode_folder(const char *folder, int width, int height)
{
    DIR *directory = opendir(folder);
    int count = 0;
    if (!directory) {
        return 0;
    }
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char path[512];
        size_t size;
        struct error error = {0};
        struct image image;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        uint8_t *bytes = read_file(path, &size);
        assert_non_null(bytes);
        if (image_decode(bytes, size, &image, &error) != STATUS_OK) {
            fail_msg("%s: %s", path, error.what);
        }
        if (width != 0) {
            assert_true(image.width == width && image.height == height);
        }
        image_free(&image);
        free(bytes);
        count++;
    }
    closedir(directory);
    return count;
}

static void test_real_faces(void **state)
{
    (void)state;
    DIR *faces = opendir(FACES);
    if (!faces) {
        print_message("skipped: " FACES " is not here\n");
        skip();
    }
    closedir(faces);
    assert_int_equal(decode_folder(FACES "orl/s1", 92, 112), 10);
    assert_int_equal(decode_folder(FACES "lfw/Aaron_Peirsol", 150, 150), 3);
    int sports = 0;
    DIR *people = opendir(FACES "sports");
    assert_non_null(people);
    for (struct dirent *entry = readdir(people); entry; entry = readdir(people)) {
        char path[512];
        snprintf(path, sizeof path, FACES "sports/%s", entry->d_name);
        if (entry->d_name[0] != '.') {
            sports += decode_folder(path, 0, 0);
        }
    }
    closedir(people);
    assert_int_equal(sports, 167);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_sniff),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_endless_scans_are_refused),
        cmocka_unit_test(test_decode_into),
        cmocka_unit_test(test_jpeg_quality),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_real_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
