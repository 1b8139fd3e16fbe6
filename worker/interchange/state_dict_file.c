#include "worker/interchange/state_dict_file.h"

#include "proto/text.h"
#include "worker/interchange/torch_file.h"

#include <stdio.h>

#define SAFETENSORS ".safetensors"
#define ONNX ".onnx"

/* What PyTorch's users call its files. */
static bool is_torch(const char *path)
{
    return text_ends_with(path, ".pth") || text_ends_with(path, ".pt") || text_ends_with(path, ".ckpt");
}

bool state_dict_file_is_meant(const char *path)
{
    return text_ends_with(path, SAFETENSORS) || text_ends_with(path, ONNX) || is_torch(path);
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
    struct safetensors *arrays = &file->safetensors;
    enum status status =
        is_torch(path) ? torch_file_open(path, arrays, error) : safetensors_open(path, arrays, error);
    if (status == STATUS_OK) {
        status = state_dict_names_take(arrays->arrays, &arrays->count, path, &file->naming, error);
    }
    if (status != STATUS_OK) {
        safetensors_close(arrays);
        return status;
    }
    file->arrays = arrays->arrays;
    file->count = arrays->count;
    return STATUS_OK;
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
