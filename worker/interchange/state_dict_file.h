/* The arrays of a published network under the names of InsightFace's state_dict: those of a safetensors file or of
 * one that PyTorch saved (torch_file.h), without what stands before them there (state_dict_names.h), or those that
 * were found in an ONNX model (onnx_iresnet.h).
 */
#ifndef DAIL_WORKER_INTERCHANGE_STATE_DICT_FILE_H
#define DAIL_WORKER_INTERCHANGE_STATE_DICT_FILE_H

#include "worker/interchange/onnx_iresnet.h"
#include "worker/interchange/safetensors.h"
#include "worker/interchange/state_dict_names.h"

#include <stdbool.h>

struct state_dict_file {
    char path[1024];
    const struct safetensors_array *arrays; /* [count] */
    size_t count;
    struct state_dict_naming naming; /* what was done with the file's names */
    struct safetensors safetensors; /* private, of a safetensors file, or one of PyTorch's */
    struct onnx_iresnet *onnx; /* private, of an ONNX model */
};

/* Whether a path's ending says that it is such a file: ".safetensors", ".onnx", or PyTorch's ".pth", ".pt" and
 * ".ckpt". */
bool state_dict_file_is_meant(const char *path);

/* Opens it; reads no array but an ONNX model's. STATUS_DATA names the first fault. */
enum status state_dict_file_open(const char *path, struct state_dict_file *file, struct error *error);
/* A closed file is left alone. */
void state_dict_file_close(struct state_dict_file *file);

/* NULL: there is none of that name. */
const struct safetensors_array *state_dict_file_find(const struct state_dict_file *file, const char *name);
/* Reads a whole array into values[count]. STATUS_DATA unless its type is F32, F16 or BF16. */
enum status state_dict_file_read(const struct state_dict_file *file, const struct safetensors_array *array,
                                 float *values, struct error *error);

#endif
