/* An ONNX model as it is read: who makes each value of its graph, who takes it, and the numbers in its
 * arrays. For worker/interchange/onnx_iresnet.c alone, since it hands on what protobuf-c made of the file.
 *
 * The reader trusts nothing: the file's size, the depth and the memory of its messages, and the numbers of
 * nodes and arrays are bounded, and an array's numbers must be as many as its shape says, in the file or in one
 * beside it (onnx_external.h).
 */
#ifndef DAIL_WORKER_INTERCHANGE_ONNX_FILE_H
#define DAIL_WORKER_INTERCHANGE_ONNX_FILE_H

#include "proto/error.h"

#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ONNX_NODES_MAX 8192
#define ONNX_ARRAYS_MAX 8192
#define ONNX_LINKS_MAX 16 /* inputs, and outputs, of a node */

struct onnx_value {
    const char *name;
    const Onnx__NodeProto *maker; /* NULL: an array, or the graph's input */
    const Onnx__TensorProto *array; /* NULL: computed, or the graph's input */
};

struct onnx_file {
    char path[1024];
    Onnx__ModelProto *model; /* with a graph */
    struct onnx_value *values; /* [count], by name; owned */
    size_t count;
    /* [nodes][ONNX_LINKS_MAX]: a node's inputs, those that are handed on unchanged as what they were; NULL
     * where there is none. Owned. */
    const struct onnx_value **inputs;
};

/* STATUS_DATA names the first fault. A file that could not be opened is closed. */
enum status onnx_file_open(const char *path, struct onnx_file *file, struct error *error);
/* A closed file is left alone. */
void onnx_file_close(struct onnx_file *file);

/* What is called so, or what it was before it was handed on unchanged, an array also in another shape of as many
 * numbers; NULL: nothing. */
const struct onnx_value *onnx_file_find(const struct onnx_file *file, const char *name);

/* Input `index` of a node. */
const struct onnx_value *onnx_file_input(const struct onnx_file *file, const Onnx__NodeProto *node,
                                         size_t index);

/* The nodes that take a value's numbers, not only its shape or type, at most `most` of them into nodes[]; returns how many there are. */
size_t onnx_file_takers(const struct onnx_file *file, const struct onnx_value *value,
                        const Onnx__NodeProto **nodes, size_t most);

/* Whether a node is of ONNX's own operator of that name. */
bool onnx_is(const Onnx__NodeProto *node, const char *name);
/* An attribute of a node; NULL: it has none of that name. */
const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node, const char *name);

/* Of how many numbers an array is, if they are there, floats of 32 or 16 bits. */
enum status onnx_file_check_array(const struct onnx_file *file, const Onnx__TensorProto *array, size_t *count,
                                  struct error *error);
/* All of them into values[count], of an array that was checked. STATUS_DATA: a file beside the model changed. */
enum status onnx_file_read_array(const struct onnx_file *file, const Onnx__TensorProto *array, float *values,
                                 size_t count, struct error *error);

/* Whether a value that the graph computes is one number, 0, as many times as a shape says. */
bool onnx_file_is_zero(const struct onnx_file *file, const struct onnx_value *value);

#define ONNX_SHAPE_MAX 8
/* Of a number that is known when the network runs, such as how many images there are. */
#define ONNX_SHAPE_OPEN INT64_MIN

/* The whole numbers of a shape that the graph computes, at most ONNX_SHAPE_MAX; false where they are not to be told. */
bool onnx_file_shape(const struct onnx_file *file, const struct onnx_value *value, int64_t *numbers,
                     size_t *count);

#endif
