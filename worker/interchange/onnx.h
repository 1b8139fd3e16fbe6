/* An ONNX model under construction: named arrays, nodes, inputs and outputs, by protobuf-c from what
 * onnx.proto has of the format. What fails is remembered and told by onnx_write, so that building goes straight on.
 *
 * Version 7 of the format, operators of set 13, which every ONNX runtime since 2021 reads.
 */
#ifndef DAIL_WORKER_INTERCHANGE_ONNX_H
#define DAIL_WORKER_INTERCHANGE_ONNX_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

struct onnx_model;

/* NULL when memory runs out. */
struct onnx_model *onnx_create(const char *graph_name, const char *description);
void onnx_free(struct onnx_model *model);

void onnx_add_property(struct onnx_model *model, const char *key, const char *text);

/* The name of the dimension that may have any size. */
#define ONNX_BATCH "None"

/* float32 [ONNX_BATCH, sizes[rank]...]. */
void onnx_add_input(struct onnx_model *model, const char *name, int rank, const int64_t *sizes);
void onnx_add_output(struct onnx_model *model, const char *name, int rank, const int64_t *sizes);

/* A float32 array of shape[rank], which the caller fills; the model owns it. NULL when memory ran out. */
float *onnx_add_array(struct onnx_model *model, const char *name, int rank, const size_t *shape);

/* A node of operator `operator`, called like what it computes: `output`. What is set next is its. */
void onnx_add_node(struct onnx_model *model, const char *operator, const char * output,
                   const char *const *inputs, size_t count);
void onnx_set_float(struct onnx_model *model, const char *name, float value);
void onnx_set_int(struct onnx_model *model, const char *name, int64_t value);
void onnx_set_ints(struct onnx_model *model, const char *name, const int64_t *values, size_t count);

/* Calls the last node and its output otherwise. */
void onnx_rename_node(struct onnx_model *model, const char *name);

/* Writes the model, once: see proto/output.h. STATUS_STORAGE; STATUS_USAGE beyond 2 GiB,
 * which no reader of protobuf takes; STATUS_INTERNAL if memory ran out. */
enum status onnx_write(struct onnx_model *model, const char *path, struct error *error);

#endif
