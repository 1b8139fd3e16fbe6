/* What the fuzz targets share: files to read, below a folder that the runner makes and removes. */
#ifndef DAIL_TESTS_FUZZ_FUZZ_H
#define DAIL_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libFuzzer's: tries one input, and (a target's own) changes one in place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* What must hold for every input. */
static inline void fuzz_require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz: it does not hold that %s\n", what);
        abort();
    }
}

/* This process's folder, below TMPDIR. */
static inline const char *fuzz_directory(void)
{
    static char path[256];
    if (path[0] == '\0') {
        const char *base = getenv("TMPDIR");
        snprintf(path, sizeof path, "%s/dail-fuzz-XXXXXX", base ? base : "/tmp");
        fuzz_require(mkdtemp(path), "TMPDIR can be written to");
    }
    return path;
}

/* "<folder>/<name>" in path[size]. */
static inline void fuzz_path(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", fuzz_directory(), name);
}

/* Writes a file of that name to the folder, and gives its path. */
static inline void fuzz_write(const char *name, const uint8_t *data, size_t count, char *path, size_t size)
{
    fuzz_path(name, path, size);
    FILE *file = fopen(path, "wb");
    fuzz_require(file && fwrite(data, 1, count, file) == count && fclose(file) == 0, "files can be written");
}

/* Texts within one input are parted by zero bytes. The next one as a new string; NULL at the end. */
static inline char *fuzz_next_text(const uint8_t **data, size_t *size)
{
    if (*size == 0) {
        return NULL;
    }
    size_t length = strnlen((const char *)*data, *size);
    char *text = strndup((const char *)*data, length);
    size_t taken = length < *size ? length + 1 : length;
    *data += taken;
    *size -= taken;
    return text;
}

#endif
