/* What the shard tests share: a folder to write in, damage to files, and small images. */
#ifndef DAIL_TESTS_UNIT_SHARD_SCRATCH_H
#define DAIL_TESTS_UNIT_SHARD_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shard/image/image.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
    char directory[256];
    char path[1024]; /* of scratch_path */
};

/* cmocka's setup and teardown: *state becomes a struct scratch. */
static inline int scratch_setup(void **state)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    const char *base = getenv("TMPDIR");
    if (!scratch) {
        return -1;
    }
    snprintf(scratch->directory, sizeof scratch->directory, "%s/dail-shard-XXXXXX", base ? base : "/tmp");
    *state = scratch;
    return !mkdtemp(scratch->directory) ? -1 : 0;
}

static inline int scratch_remove(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

static inline int scratch_teardown(void **state)
{
    struct scratch *scratch = *state;
    nftw(scratch->directory, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(scratch);
    return 0;
}

/* "<directory>/<name>", valid until the next call. */
static inline const char *scratch_path(struct scratch *scratch, const char *name)
{
    snprintf(scratch->path, sizeof scratch->path, "%s/%s", scratch->directory, name);
    return scratch->path;
}

static inline void scratch_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void scratch_text(const char *path, const char *text)
{
    scratch_write(path, text, strlen(text));
}

/* The whole file, terminated; freed by the caller. */
static inline uint8_t *scratch_read(const char *path, size_t *size)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    *size = (size_t)status.st_size;
    uint8_t *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    bytes[*size] = 0;
    fclose(file);
    return bytes;
}

static inline void scratch_flip(const char *path, size_t at)
{
    size_t size;
    uint8_t *bytes = scratch_read(path, &size);
    assert_true(at < size);
    bytes[at] ^= 0x40;
    scratch_write(path, bytes, size);
    free(bytes);
}

static inline int scratch_count(const char *path)
{
    int count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count - 2;
}

/* An encoded image of one colour gradient; freed by the caller. */
static inline uint8_t *scratch_image(int width, int height, int seed, enum image_encoding encoding,
                                     size_t *size)
{
    struct image image = {
        .width = width, .height = height, .pixels = malloc((size_t)width * (size_t)height * 3)};
    struct error error;
    uint8_t *bytes;
    assert_non_null(image.pixels);
    for (int i = 0; i < width * height * 3; i++) {
        image.pixels[i] = (uint8_t)(i * (seed % 7 + 1) / 5 + seed * 31);
    }
    assert_int_equal(image_encode(&image, encoding, 90, &bytes, size, &error), STATUS_OK);
    image_free(&image);
    return bytes;
}

#endif
