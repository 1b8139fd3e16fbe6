/* A safetensors file written as torch.save would: an archive of a pickle and the storages, each entry as it is. */
#ifndef DAIL_TESTS_UNIT_TORCH_SCRATCH_H
#define DAIL_TESTS_UNIT_TORCH_SCRATCH_H

#include "worker/interchange/safetensors.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TORCH_SCRATCH_BYTES = 1 << 24 };

/* Bytes under construction; what is beyond their room is not kept. */
struct torch_scratch {
    uint8_t *bytes;
    size_t size;
};

static inline void torch_scratch_put(struct torch_scratch *to, const void *bytes, size_t size)
{
    if (to->size + size <= TORCH_SCRATCH_BYTES) {
        memcpy(to->bytes + to->size, bytes, size);
        to->size += size;
    }
}

static inline void torch_scratch_number(struct torch_scratch *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        const uint8_t byte = i < (int)sizeof number ? (uint8_t)(number >> (8 * i)) : 0;
        torch_scratch_put(to, &byte, 1);
    }
}

static inline void torch_scratch_text(struct torch_scratch *to, const char *text)
{
    torch_scratch_put(to, text, strlen(text));
}

/* A text of the pickle. */
static inline void torch_scratch_word(struct torch_scratch *to, const char *text)
{
    torch_scratch_text(to, "X");
    torch_scratch_number(to, strlen(text), 4);
    torch_scratch_text(to, text);
}

static inline void torch_scratch_int(struct torch_scratch *to, uint64_t number)
{
    torch_scratch_text(to, "J");
    torch_scratch_number(to, number, 4);
}

/* Its key, and the call that makes it. */
static inline void torch_scratch_tensor(struct torch_scratch *to, const struct safetensors_array *array,
                                        size_t number)
{
    char key[32];
    snprintf(key, sizeof key, "%zu", number);
    torch_scratch_word(to, array->name);
    torch_scratch_text(to, "ctorch._utils\n_rebuild_tensor_v2\n((");
    torch_scratch_word(to, "storage");
    torch_scratch_text(to,
                       array->type == SAFETENSORS_I64 ? "ctorch\nLongStorage\n" : "ctorch\nFloatStorage\n");
    torch_scratch_word(to, key);
    torch_scratch_word(to, "cpu");
    torch_scratch_int(to, array->count);
    torch_scratch_text(to, "tQ");
    torch_scratch_int(to, 0);
    torch_scratch_text(to, "(");
    for (int d = 0; d < array->rank; d++) {
        torch_scratch_int(to, array->shape[d]);
    }
    torch_scratch_text(to, "t(");
    for (int d = 0; d < array->rank; d++) {
        uint64_t stride = 1;
        for (int e = d + 1; e < array->rank; e++) {
            stride *= array->shape[e];
        }
        torch_scratch_int(to, stride);
    }
    torch_scratch_text(to, "t\x89"
                           "ccollections\nOrderedDict\n)RtR");
}

/* An entry, and its line of the directory. */
static inline void torch_scratch_entry(struct torch_scratch *to, struct torch_scratch *directory,
                                       const char *name, const void *bytes, size_t size)
{
    const size_t at = to->size;
    torch_scratch_text(to, "PK\3\4");
    torch_scratch_number(to, 0, 14);
    torch_scratch_number(to, size, 4);
    torch_scratch_number(to, size, 4);
    torch_scratch_number(to, strlen(name), 4);
    torch_scratch_text(to, name);
    torch_scratch_put(to, bytes, size);
    torch_scratch_text(directory, "PK\1\2");
    torch_scratch_number(directory, 0, 8);
    torch_scratch_number(directory, 0, 8);
    torch_scratch_number(directory, size, 4);
    torch_scratch_number(directory, size, 4);
    torch_scratch_number(directory, strlen(name), 2);
    torch_scratch_number(directory, 0, 8);
    torch_scratch_number(directory, 0, 4);
    torch_scratch_number(directory, at, 4);
    torch_scratch_text(directory, name);
}

static inline void torch_scratch_storages(struct torch_scratch *to, struct torch_scratch *directory,
                                          const struct safetensors *file)
{
    for (size_t i = 0; i < file->count; i++) {
        const size_t size = (size_t)(file->arrays[i].end - file->arrays[i].begin);
        char name[64];
        uint8_t *bytes = malloc(size + 1);
        snprintf(name, sizeof name, "net/data/%zu", i);
        if (bytes && pread(file->descriptor, bytes, size, (off_t)(file->data + file->arrays[i].begin)) ==
                         (ssize_t)size) {
            torch_scratch_entry(to, directory, name, bytes, size);
        }
        free(bytes);
    }
}

static inline void torch_scratch_archive(struct torch_scratch *whole, struct torch_scratch *pickle,
                                         struct torch_scratch *directory, const struct safetensors *file)
{
    torch_scratch_text(pickle, "\x80\2}(");
    for (size_t i = 0; i < file->count; i++) {
        torch_scratch_tensor(pickle, &file->arrays[i], i);
    }
    torch_scratch_text(pickle, "u.");
    torch_scratch_entry(whole, directory, "net/data.pkl", pickle->bytes, pickle->size);
    torch_scratch_entry(whole, directory, "net/byteorder", "little", 6);
    torch_scratch_storages(whole, directory, file);
    const size_t at = whole->size;
    torch_scratch_put(whole, directory->bytes, directory->size);
    torch_scratch_text(whole, "PK\5\6");
    torch_scratch_number(whole, 0, 4);
    torch_scratch_number(whole, file->count + 2, 2);
    torch_scratch_number(whole, file->count + 2, 2);
    torch_scratch_number(whole, directory->size, 4);
    torch_scratch_number(whole, at, 4);
    torch_scratch_number(whole, 0, 2);
}

/* Writes the arrays of `from` to `to`; false where that fails. */
static inline bool torch_scratch_convert(const char *from, const char *to)
{
    struct safetensors file;
    if (safetensors_open(from, &file, NULL) != STATUS_OK) {
        return false;
    }
    struct torch_scratch parts[3] = {
        {malloc(TORCH_SCRATCH_BYTES), 0}, {malloc(TORCH_SCRATCH_BYTES), 0}, {malloc(TORCH_SCRATCH_BYTES), 0}};
    FILE *output = fopen(to, "wb");
    bool good = output && parts[0].bytes && parts[1].bytes && parts[2].bytes;
    if (good) {
        torch_scratch_archive(&parts[0], &parts[1], &parts[2], &file);
        good = fwrite(parts[0].bytes, 1, parts[0].size, output) == parts[0].size;
    }
    good = output && fclose(output) == 0 && good;
    for (int i = 0; i < 3; i++) {
        free(parts[i].bytes);
    }
    safetensors_close(&file);
    return good;
}

#endif
