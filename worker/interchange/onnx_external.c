#include "worker/interchange/onnx_external.h"

#include "proto/file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEXT "copy the model's data file beside it, or save the model in one file"

bool onnx_external_is(const Onnx__TensorProto *array)
{
    return array->n_external_data > 0 || (array->has_data_location && array->data_location != 0);
}

/* NULL: there is none of that name. */
static const char *entry_of(const Onnx__TensorProto *array, const char *key)
{
    for (size_t i = 0; i < array->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = array->external_data[i];
        if (entry->key && entry->value && strcmp(entry->key, key) == 0) {
            return entry->value;
        }
    }
    return NULL;
}

static bool parse(const char *text, uint64_t otherwise, uint64_t *number)
{
    char *end;
    *number = otherwise;
    if (!text) {
        return true;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

/* The file beside the model; "" where the name is of none. */
static enum status place(const char *model, const char *location, char path[PATH_SIZE], struct error *error)
{
    char folder[PATH_SIZE];
    location += strncmp(location, "./", 2) == 0 ? 2 : 0;
    if (location[0] == '\0' || strchr(location, '/') || strcmp(location, ".") == 0 ||
        strcmp(location, "..") == 0) {
        return error_set(
            error, STATUS_DATA, model, NEXT,
            "its numbers are said to be in '%.100s', which is no file in the model's folder; others are "
            "not read",
            location);
    }
    file_directory(model, folder);
    return file_join(folder, location, path, error);
}

enum status onnx_external_open(const char *model, const Onnx__TensorProto *array, uint64_t bytes,
                               int *descriptor, uint64_t *offset, struct error *error)
{
    const char *location = entry_of(array, "location");
    char path[PATH_SIZE];
    uint64_t length, size;
    enum status status = place(model, location ? location : "", path, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (!parse(entry_of(array, "offset"), 0, offset) || !parse(entry_of(array, "length"), bytes, &length) ||
        length != bytes) {
        return error_set(
            error, STATUS_DATA, model, NEXT,
            "array '%.100s': its place in %.100s is not that of as many numbers as its shape says",
            array->name ? array->name : "", location);
    }
    status = file_open(path, FILE_LINKS_REFUSED, descriptor, &size, error);
    if (status != STATUS_OK) {
        error_advise(error, NEXT);
        return status;
    }
    if (*offset > size || bytes > size - *offset) {
        close(*descriptor);
        return error_set(error, STATUS_DATA, path, NEXT,
                         "array '%.100s' should be at byte %llu, and the file has %llu bytes",
                         array->name ? array->name : "", (unsigned long long)*offset,
                         (unsigned long long)size);
    }
    return STATUS_OK;
}
