/* A step of the walk through an ONNX model that should be an iresnet: from a value to the node that takes it,
 * with its arrays listed under the names of InsightFace's state_dict. For worker/interchange/onnx_iresnet.c
 * alone.
 *
 * What is refused is told with the node's name and operator, as STATUS_DATA.
 */
#ifndef DAIL_WORKER_INTERCHANGE_ONNX_WALK_H
#define DAIL_WORKER_INTERCHANGE_ONNX_WALK_H

#include "worker/interchange/onnx_file.h"
#include "worker/interchange/onnx_iresnet.h"

/* Where an array's numbers come from: numbers of the file, or one number for all; less other numbers. */
struct onnx_source {
    const Onnx__TensorProto *array; /* NULL: `fill` */
    const Onnx__TensorProto *less; /* of as many numbers; may be NULL */
    float fill, more; /* `more` is added */
    bool transposed; /* the array is [columns][rows] */
    size_t rows; /* of a matrix that is transposed */
};

struct onnx_iresnet {
    struct onnx_file file;
    struct safetensors_array *arrays; /* [count] */
    struct onnx_source *sources; /* [count] */
    size_t count, capacity;
};

/* The walk, at the value that the next node takes. */
struct onnx_walk {
    struct onnx_iresnet *network;
    const struct onnx_value *at;
    size_t channels; /* of it; 3 at first */
    struct error *error;
};

enum status onnx_walk_refuse(struct onnx_walk *walk, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum status onnx_walk_refuse_node(struct onnx_walk *walk, const Onnx__NodeProto *node, const char *what);

/* The nodes that take the value at hand, exactly `count` of them; `what` says what is there in an iresnet. */
enum status onnx_walk_takers(struct onnx_walk *walk, const Onnx__NodeProto **nodes, size_t count,
                             const char *what);
/* The one node that takes it; NULL: another number of them do. */
const Onnx__NodeProto *onnx_walk_only_taker(const struct onnx_walk *walk);
/* Goes on behind a node that must be of this operator and take the value at hand first. */
enum status onnx_walk_follow(struct onnx_walk *walk, const Onnx__NodeProto *node, const char *operator);

int64_t onnx_attribute_number(const Onnx__NodeProto *node, const char *name, int64_t otherwise);
float onnx_attribute_float(const Onnx__NodeProto *node, const char *name, float otherwise);

/* The numbers that a node takes as an input; `count` is how many. */
enum status onnx_walk_array(struct onnx_walk *walk, const Onnx__NodeProto *node, size_t index,
                            const Onnx__TensorProto **array, size_t *count);
/* Its third input, the bias, one number for each channel; NULL: none. */
enum status onnx_walk_bias(struct onnx_walk *walk, const Onnx__NodeProto *node,
                           const Onnx__TensorProto **bias);
/* Lists the array "<layer>.<name>", of the shape that `shape` has in the file (NULL: [count]). */
enum status onnx_walk_add(struct onnx_walk *walk, const char *layer, const char *name,
                          const Onnx__TensorProto *shape, size_t count, struct onnx_source source);

/* Each goes on behind a layer and lists its arrays. A normalisation node, of what a layer with this bias
 * makes (NULL: with none). */
enum status onnx_walk_norm_node(struct onnx_walk *walk, const Onnx__NodeProto *node, const char *layer,
                                const Onnx__TensorProto *bias);
/* What normalises behind a layer: the next node, or what was folded into the layer. */
enum status onnx_walk_norm(struct onnx_walk *walk, const char *layer, const Onnx__TensorProto *bias);
/* A convolution and what normalises behind it. */
enum status onnx_walk_conv(struct onnx_walk *walk, const Onnx__NodeProto *node, const char *conv,
                           const char *norm, int64_t kernel, int64_t stride);
/* The same for the only node there, 3 x 3. */
enum status onnx_walk_only_conv(struct onnx_walk *walk, const char *conv, const char *norm, int64_t stride);
/* Slopes [channels], or [channels, 1, 1]. */
enum status onnx_walk_prelu(struct onnx_walk *walk, const char *layer);

#endif
