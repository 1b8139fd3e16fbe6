/* Numbers of an ONNX model that lie in another file (external data), as PyTorch's exporter writes them: a plain file
 * in the model's own folder, and never outside it. For worker/interchange/onnx_file.c alone. */
#ifndef DAIL_WORKER_INTERCHANGE_ONNX_EXTERNAL_H
#define DAIL_WORKER_INTERCHANGE_ONNX_EXTERNAL_H

#include "proto/error.h"

#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether an array's numbers are in another file. */
bool onnx_external_is(const Onnx__TensorProto *array);

/* Opens the file that the `bytes` bytes of such an array of `model` lie in, all of them, from *offset on; the caller
 * closes it. STATUS_DATA where it names no plain file in the model's folder, a link, or bytes that the file has
 * not. */
enum status onnx_external_open(const char *model, const Onnx__TensorProto *array, uint64_t bytes,
                               int *descriptor, uint64_t *offset, struct error *error);

#endif
