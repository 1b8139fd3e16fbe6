#include "worker/interchange/safetensors.h"

#include "proto/file.h"
#include "worker/interchange/widen.h"

#include <endian.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEXT "write the file again, by the safetensors library or dail export"
#define METADATA "__metadata__"
#define LENGTH_BYTES 8
/* Elements that are converted at once. */
#define PIECE 65536

static const struct {
    const char *name;
    enum safetensors_type type;
    unsigned bytes;
} types[] = {
    {"F32", SAFETENSORS_F32, 4},      {"F16", SAFETENSORS_F16, 2},    {"BF16", SAFETENSORS_BF16, 2},
    {"I64", SAFETENSORS_I64, 8},      {"F64", SAFETENSORS_OTHER, 8},  {"U64", SAFETENSORS_OTHER, 8},
    {"C64", SAFETENSORS_OTHER, 8},    {"I32", SAFETENSORS_OTHER, 4},  {"U32", SAFETENSORS_OTHER, 4},
    {"I16", SAFETENSORS_OTHER, 2},    {"U16", SAFETENSORS_OTHER, 2},  {"I8", SAFETENSORS_OTHER, 1},
    {"U8", SAFETENSORS_OTHER, 1},     {"BOOL", SAFETENSORS_OTHER, 1}, {"F8_E4M3", SAFETENSORS_OTHER, 1},
    {"F8_E5M2", SAFETENSORS_OTHER, 1}};

/* --- Bytes of the file --- */

static enum status read_bytes(const struct safetensors *file, uint64_t offset, void *bytes, size_t size,
                              struct error *error)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = pread(file->descriptor, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return error_set(error, STATUS_DATA, file->path, "check the disk and the file",
                             "cannot read %zu bytes at %llu: %s", size, (unsigned long long)offset,
                             count < 0 ? strerror(errno) : "the file ends before");
        }
        done += (size_t)count;
    }
    return STATUS_OK;
}

static enum status open_file(const char *path, struct safetensors *file, uint64_t *size, struct error *error)
{
    snprintf(file->path, sizeof file->path, "%s", path);
    return file_open(path, FILE_LINKS_FOLLOWED, &file->descriptor, size, error);
}

/* --- The header --- */

static enum status bad_array(const struct safetensors *file, const char *name, const char *what,
                             struct error *error)
{
    return error_set(error, STATUS_DATA, file->path, NEXT, "array '%.100s': %s", name, what);
}

static enum status read_header(struct safetensors *file, uint64_t size, json_t **header, struct error *error)
{
    uint64_t length = 0;
    json_error_t fault;
    if (size < LENGTH_BYTES) {
        return error_set(error, STATUS_DATA, file->path, NEXT, "this is no safetensors file: %llu bytes",
                         (unsigned long long)size);
    }
    enum status status = read_bytes(file, 0, &length, sizeof length, error);
    length = le64toh(length);
    if (status != STATUS_OK) {
        return status;
    }
    if (length > SAFETENSORS_HEADER_MAX || length > size - LENGTH_BYTES) {
        return error_set(
            error, STATUS_DATA, file->path, NEXT,
            "this is no safetensors file: its header would have %llu bytes, and the file has %llu",
            (unsigned long long)length, (unsigned long long)size);
    }
    char *text = malloc((size_t)length + 1);
    if (!text) {
        return error_no_memory(error, file->path);
    }
    status = read_bytes(file, LENGTH_BYTES, text, (size_t)length, error);
    if (status == STATUS_OK) {
        *header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &fault);
        if (!json_is_object(*header)) {
            status = error_set(error, STATUS_DATA, file->path, NEXT, "the header is no JSON object: %s",
                               *header ? "it is another value" : fault.text);
        }
    }
    free(text);
    file->data = LENGTH_BYTES + length;
    return status;
}

/* A whole number of at least 0. */
static bool take_number(const json_t *value, uint64_t *number)
{
    *number = json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static enum status take_shape(const struct safetensors *file, const json_t *shape,
                              struct safetensors_array *array, struct error *error)
{
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > SAFETENSORS_RANK_MAX) {
        return bad_array(file, array->name, "its shape is no list of at most 8 numbers", error);
    }
    array->rank = (int)rank;
    array->count = 1;
    for (size_t d = 0; d < rank; d++) {
        if (!take_number(json_array_get(shape, d), &array->shape[d]) ||
            __builtin_mul_overflow(array->count, array->shape[d], &array->count)) {
            return bad_array(file, array->name, "its shape is not of whole numbers, or too large", error);
        }
    }
    return STATUS_OK;
}

static enum status take_array(const struct safetensors *file, const char *name, const json_t *entry,
                              struct safetensors_array *array, struct error *error)
{
    const char *type_name = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t type = 0, count = sizeof types / sizeof *types;
    uint64_t bytes;
    if (strlen(name) >= sizeof array->name) {
        return bad_array(file, name, "its name is too long", error);
    }
    snprintf(array->name, sizeof array->name, "%s", name);
    while (type < count && (!type_name || strcmp(types[type].name, type_name) != 0)) {
        type++;
    }
    if (type == count || json_object_size(entry) != 3) {
        return bad_array(file, name, "it is not of a known dtype with shape and data_offsets", error);
    }
    array->type = types[type].type;
    enum status status = take_shape(file, json_object_get(entry, "shape"), array, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (json_array_size(offsets) != 2 || !take_number(json_array_get(offsets, 0), &array->begin) ||
        !take_number(json_array_get(offsets, 1), &array->end) || array->end < array->begin ||
        __builtin_mul_overflow(array->count, types[type].bytes, &bytes) ||
        array->end - array->begin != bytes) {
        return bad_array(file, name, "its data_offsets are not those of its shape", error);
    }
    return STATUS_OK;
}

static enum status take_arrays(struct safetensors *file, json_t *header, struct error *error)
{
    const char *name;
    json_t *entry;
    file->arrays = calloc(json_object_size(header) + 1, sizeof *file->arrays);
    if (!file->arrays) {
        return error_no_memory(error, file->path);
    }
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, METADATA) == 0) {
            continue;
        }
        enum status status = take_array(file, name, entry, &file->arrays[file->count++], error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static int compare_places(const void *left, const void *right)
{
    const struct safetensors_array *a = left, *b = right;
    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    return (a->end > b->end) - (a->end < b->end);
}

/* One array ends where the next begins, the last with the file. */
static enum status check_places(struct safetensors *file, uint64_t size, struct error *error)
{
    uint64_t end = 0;
    qsort(file->arrays, file->count, sizeof *file->arrays, compare_places);
    for (size_t i = 0; i < file->count; i++) {
        if (file->arrays[i].begin != end) {
            return bad_array(file, file->arrays[i].name, "it does not begin where the one before ends",
                             error);
        }
        end = file->arrays[i].end;
    }
    if (end != size - file->data) {
        return error_set(error, STATUS_DATA, file->path, "copy the file again",
                         "the arrays have %llu bytes where the header says %llu",
                         (unsigned long long)(size - file->data), (unsigned long long)end);
    }
    return STATUS_OK;
}

enum status safetensors_open(const char *path, struct safetensors *file, struct error *error)
{
    uint64_t size = 0;
    json_t *header = NULL;
    *file = (struct safetensors){0};
    enum status status = open_file(path, file, &size, error);
    if (status == STATUS_OK) {
        status = read_header(file, size, &header, error);
    }
    if (status == STATUS_OK) {
        status = take_arrays(file, header, error);
    }
    if (status == STATUS_OK) {
        status = check_places(file, size, error);
    }
    json_decref(header);
    if (status != STATUS_OK) {
        safetensors_close(file);
    }
    return status;
}

void safetensors_close(struct safetensors *file)
{
    if (file->path[0] != '\0' && file->descriptor >= 0) {
        close(file->descriptor);
    }
    free(file->arrays);
    *file = (struct safetensors){0};
}

const struct safetensors_array *safetensors_find(const struct safetensors_array *arrays, size_t count,
                                                 const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(arrays[i].name, name) == 0) {
            return &arrays[i];
        }
    }
    return NULL;
}

/* --- Values --- */

static enum widen_type widen_type_of(enum safetensors_type type)
{
    return type == SAFETENSORS_F32 ? WIDEN_FLOAT32 : type == SAFETENSORS_F16 ? WIDEN_FLOAT16 : WIDEN_BFLOAT16;
}

enum status safetensors_read(const struct safetensors *file, const struct safetensors_array *array,
                             float *values, struct error *error)
{
    const enum widen_type type = widen_type_of(array->type);
    const size_t bytes = widen_bytes(type);
    if (array->type != SAFETENSORS_F32 && array->type != SAFETENSORS_F16 && array->type != SAFETENSORS_BF16) {
        return bad_array(file, array->name, "it is not of type F32, F16 or BF16", error);
    }
    uint8_t *piece = malloc(PIECE * bytes);
    if (!piece) {
        return error_no_memory(error, file->path);
    }
    enum status status = STATUS_OK;
    for (uint64_t done = 0; done < array->count && status == STATUS_OK; done += PIECE) {
        uint64_t left = array->count - done;
        size_t count = left < PIECE ? (size_t)left : PIECE;
        status = read_bytes(file, file->data + array->begin + done * bytes, piece, count * bytes, error);
        if (status == STATUS_OK) {
            widen(type, piece, values + done, count);
        }
    }
    free(piece);
    return status;
}
