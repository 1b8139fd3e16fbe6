#include "worker/state_dict_file.h"

#include <stdio.h>
#include <string.h>

#define SAFETENSORS ".safetensors"
#define ONNX ".onnx"

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

bool state_dict_file_is_meant(const char *path)
{
    return ends_with(path, SAFETENSORS) || ends_with(path, ONNX);
}

enum status state_dict_file_open(const char *path, struct state_dict_file *file, struct error *error)
{
    *file = (struct state_dict_file){0};
    snprintf(file->path, sizeof file->path, "%s", path);
    if (ends_with(path, ONNX)) {
        enum status status = onnx_iresnet_open(path, &file->onnx, error);
        if (status == STATUS_OK) {
            file->arrays = onnx_iresnet_arrays(file->onnx, &file->count);
        }
        return status;
    }
    enum status status = safetensors_open(path, &file->safetensors, error);
    file->arrays = file->safetensors.arrays;
    file->count = file->safetensors.count;
    return status;
}

void state_dict_file_close(struct state_dict_file *file)
{
    safetensors_close(&file->safetensors);
    onnx_iresnet_close(file->onnx);
    *file = (struct state_dict_file){0};
}

const struct safetensors_array *state_dict_file_find(const struct state_dict_file *file, const char *name)
{
    return safetensors_find(file->arrays, file->count, name);
}

enum status state_dict_file_read(const struct state_dict_file *file, const struct safetensors_array *array,
                                 float *values, struct error *error)
{
    if (file->onnx) {
        onnx_iresnet_read(file->onnx, (size_t)(array - file->arrays), values);
        return STATUS_OK;
    }
    return safetensors_read(&file->safetensors, array, values, error);
}
