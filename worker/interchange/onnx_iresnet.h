/* An iresnet found in an ONNX model: its arrays under the names of InsightFace's state_dict, whatever they
 * are called in the file.
 *
 * The graph is walked from its input on, and every node must be the one that an iresnet has there; Identity,
 * Dropout and Cast between floats are passed over, as is what only gives an array another shape, and a last
 * normalisation to length 1. Where PyTorch's exporters write a layer in several ways (Flatten or Reshape; Gemm, or
 * MatMul and Add), each is taken. The numbers may lie in a file beside the model. A batch
 * normalisation that was folded into the layer before it, as PyTorch's exporter and dail export do, is made
 * one that changes nothing, with the layer's bias as its own. That is the same network in inference; trained
 * on, it is another one, since the statistics that it was normalised by are lost.
 */
#ifndef DAIL_WORKER_INTERCHANGE_ONNX_IRESNET_H
#define DAIL_WORKER_INTERCHANGE_ONNX_IRESNET_H

#include "worker/interchange/safetensors.h"

struct onnx_iresnet;

/* Reads the model at `path`. STATUS_DATA, with the node's name and operator, where it is no iresnet: every
 * array that is listed can be read. The caller closes only what was opened. */
enum status onnx_iresnet_open(const char *path, struct onnx_iresnet **network, struct error *error);
/* NULL is left alone. */
void onnx_iresnet_close(struct onnx_iresnet *network);

/* The arrays, all of type F32; `begin` and `end` mean nothing. */
const struct safetensors_array *onnx_iresnet_arrays(const struct onnx_iresnet *network, size_t *count);
/* Array `index` of them, whole. STATUS_DATA: a file beside the model changed. */
enum status onnx_iresnet_read(const struct onnx_iresnet *network, size_t index, float *values,
                              struct error *error);

#endif
