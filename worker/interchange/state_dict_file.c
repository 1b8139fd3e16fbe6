#include "worker/interchange/state_dict_file.h"

#include "proto/text.h"

#include <stdio.h>

#define SAFETENSORS ".safetensors"
#define ONNX ".onnx"

bool state_dict_file_is_meant(const char *path)
{
    return text_ends_with(path, SAFETENSORS) || text_ends_with(path, ONNX);
}

enum status state_dict_file_open(const char *path, struct state_dict_file *file, struct error *error)
{
    *file = (struct state_dict_file){0};
    snprintf(file->path, sizeof file->path, "%s", path);
    if (text_ends_with(path, ONNX)) {
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
        return onnx_iresnet_read(file->onnx, (size_t)(array - file->arrays), values, error);
    }
    return safetensors_read(&file->safetensors, array, values, error);
}
