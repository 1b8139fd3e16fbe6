/* A network as an ONNX model, as InsightFace's torch2onnx.py makes it: input "data", float32 [N, 3, side,
 * side], RGB as x / 127.5 - 1; N is any. One output, "embedding" [N, D].
 */
#ifndef DAIL_WORKER_INTERCHANGE_ONNX_GRAPH_H
#define DAIL_WORKER_INTERCHANGE_ONNX_GRAPH_H

#include "worker/interchange/backbone.h"

#include <stdbool.h>

struct onnx_graph_options {
    /* Batch normalisations behind a convolution or around the last layer become part of its weights. That is
     * exact but for rounding; those before a padded convolution stay, since the padding is not normalised. */
    bool fold;
    bool normalize; /* embeddings of length 1 */
};

/* Writes the model to `path`, with its weights. STATUS_STORAGE. */
enum status onnx_graph_write(const struct backbone *backbone, const struct onnx_graph_options *options,
                             const char *path, struct error *error);

#endif
