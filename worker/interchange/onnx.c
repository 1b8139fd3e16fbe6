#include "worker/interchange/onnx.h"

#include "proto/output.h"

#include "onnx.pb-c.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 7
#define OPERATOR_SET 13

/* All that hangs on `message` is malloc's, so that protobuf-c frees it whole. */
struct onnx_model {
    Onnx__ModelProto *message;
    bool failed;
};

/* --- Memory --- */

static void *take(struct onnx_model *model, size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);
    model->failed = model->failed || !memory;
    return memory;
}

static char *copy(struct onnx_model *model, const char *text)
{
    char *memory = strdup(text);
    model->failed = model->failed || !memory;
    return memory;
}

/* One more pointer in a repeated field. */
static bool add(struct onnx_model *model, void *field, size_t *count, void *message)
{
    void ***list = field;
    void **longer = message ? realloc(*list, (*count + 1) * sizeof *longer) : NULL;
    if (!longer) {
        model->failed = true;
        return false;
    }
    *list = longer;
    longer[(*count)++] = message;
    return true;
}

/* --- The whole --- */

static void set_versions(struct onnx_model *model)
{
    Onnx__ModelProto *message = model->message;
    message->has_ir_version = 1;
    message->ir_version = FORMAT_VERSION;
    message->producer_name = copy(model, "dail");
    message->producer_version = copy(model, DAIL_VERSION);
    Onnx__OperatorSetIdProto *set = take(model, sizeof *set);
    if (set) {
        onnx__operator_set_id_proto__init(set);
        set->domain = copy(model, "");
        set->has_version = 1;
        set->version = OPERATOR_SET;
        add(model, &message->opset_import, &message->n_opset_import, set);
    }
}

struct onnx_model *onnx_create(const char *graph_name, const char *description)
{
    struct onnx_model *model = calloc(1, sizeof *model);
    if (!model) {
        return NULL;
    }
    model->message = take(model, sizeof *model->message);
    Onnx__GraphProto *graph = take(model, sizeof *graph);
    if (!model->message || !graph) {
        free(graph);
        free(model->message);
        free(model);
        return NULL;
    }
    onnx__model_proto__init(model->message);
    onnx__graph_proto__init(graph);
    model->message->graph = graph;
    model->message->doc_string = copy(model, description);
    graph->name = copy(model, graph_name);
    set_versions(model);
    return model;
}

void onnx_free(struct onnx_model *model)
{
    if (model) {
        onnx__model_proto__free_unpacked(model->message, NULL);
        free(model);
    }
}

void onnx_add_property(struct onnx_model *model, const char *key, const char *text)
{
    Onnx__StringStringEntryProto *entry = take(model, sizeof *entry);
    if (entry) {
        onnx__string_string_entry_proto__init(entry);
        entry->key = copy(model, key);
        entry->value = copy(model, text);
        add(model, &model->message->metadata_props, &model->message->n_metadata_props, entry);
    }
}

/* --- Inputs and outputs --- */

static void add_dimension(struct onnx_model *model, Onnx__TensorShapeProto *shape, const int64_t *size)
{
    Onnx__TensorShapeProto__Dimension *dimension = take(model, sizeof *dimension);
    if (!dimension) {
        return;
    }
    onnx__tensor_shape_proto__dimension__init(dimension);
    if (size) {
        dimension->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dimension->dim_value = *size;
    } else {
        dimension->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        dimension->dim_param = copy(model, ONNX_BATCH);
    }
    add(model, &shape->dim, &shape->n_dim, dimension);
}

static Onnx__ValueInfoProto *describe(struct onnx_model *model, const char *name, int rank,
                                      const int64_t *sizes)
{
    Onnx__ValueInfoProto *value = take(model, sizeof *value);
    Onnx__TypeProto *type = take(model, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = take(model, sizeof *tensor);
    Onnx__TensorShapeProto *shape = take(model, sizeof *shape);
    if (!value || !type || !tensor || !shape) {
        free(value);
        free(type);
        free(tensor);
        free(shape);
        return NULL;
    }
    onnx__value_info_proto__init(value);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    value->name = copy(model, name);
    value->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    add_dimension(model, shape, NULL);
    for (int d = 0; d < rank; d++) {
        add_dimension(model, shape, &sizes[d]);
    }
    return value;
}

void onnx_add_input(struct onnx_model *model, const char *name, int rank, const int64_t *sizes)
{
    Onnx__GraphProto *graph = model->message->graph;
    add(model, &graph->input, &graph->n_input, describe(model, name, rank, sizes));
}

void onnx_add_output(struct onnx_model *model, const char *name, int rank, const int64_t *sizes)
{
    Onnx__GraphProto *graph = model->message->graph;
    add(model, &graph->output, &graph->n_output, describe(model, name, rank, sizes));
}

/* --- Arrays --- */

float *onnx_add_array(struct onnx_model *model, const char *name, int rank, const size_t *shape)
{
    Onnx__GraphProto *graph = model->message->graph;
    Onnx__TensorProto *tensor = take(model, sizeof *tensor);
    size_t count = 1;
    if (!tensor) {
        return NULL;
    }
    onnx__tensor_proto__init(tensor);
    tensor->name = copy(model, name);
    tensor->has_data_type = 1;
    tensor->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->dims = take(model, (size_t)rank * sizeof *tensor->dims);
    for (int d = 0; d < rank && tensor->dims; d++) {
        tensor->dims[tensor->n_dims++] = (int64_t)shape[d];
        count *= shape[d];
    }
    tensor->raw_data.data = take(model, count * sizeof(float));
    tensor->raw_data.len = tensor->raw_data.data ? count * sizeof(float) : 0;
    tensor->has_raw_data = 1;
    if (!add(model, &graph->initializer, &graph->n_initializer, tensor)) {
        onnx__tensor_proto__free_unpacked(tensor, NULL);
        return NULL;
    }
    return (float *)(void *)tensor->raw_data.data;
}

/* --- Nodes --- */

void onnx_add_node(struct onnx_model *model, const char *operator, const char * output,
                   const char *const *inputs, size_t count)
{
    Onnx__GraphProto *graph = model->message->graph;
    Onnx__NodeProto *node = take(model, sizeof *node);
    if (!node) {
        return;
    }
    onnx__node_proto__init(node);
    node->op_type = copy(model, operator);
    node->name = copy(model, output);
    add(model, &node->output, &node->n_output, copy(model, output));
    for (size_t i = 0; i < count; i++) {
        add(model, &node->input, &node->n_input, copy(model, inputs[i]));
    }
    if (!add(model, &graph->node, &graph->n_node, node)) {
        onnx__node_proto__free_unpacked(node, NULL);
    }
}

void onnx_rename_node(struct onnx_model *model, const char *name)
{
    const Onnx__GraphProto *graph = model->message->graph;
    char *names[2] = {copy(model, name), copy(model, name)};
    if (model->failed) {
        free(names[0]);
        free(names[1]);
        return;
    }
    Onnx__NodeProto *node = graph->node[graph->n_node - 1];
    free(node->name);
    free(node->output[0]);
    node->name = names[0];
    node->output[0] = names[1];
}

/* A new attribute of the last node; NULL when memory has run out. */
static Onnx__AttributeProto *add_attribute(struct onnx_model *model, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    const Onnx__GraphProto *graph = model->message->graph;
    Onnx__AttributeProto *attribute = model->failed ? NULL : take(model, sizeof *attribute);
    if (!attribute) {
        return NULL;
    }
    Onnx__NodeProto *node = graph->node[graph->n_node - 1];
    onnx__attribute_proto__init(attribute);
    attribute->name = copy(model, name);
    attribute->has_type = 1;
    attribute->type = type;
    if (!add(model, &node->attribute, &node->n_attribute, attribute)) {
        onnx__attribute_proto__free_unpacked(attribute, NULL);
        return NULL;
    }
    return attribute;
}

void onnx_set_float(struct onnx_model *model, const char *name, float value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(model, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (attribute) {
        attribute->has_f = 1;
        attribute->f = value;
    }
}

void onnx_set_int(struct onnx_model *model, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute = add_attribute(model, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (attribute) {
        attribute->has_i = 1;
        attribute->i = value;
    }
}

void onnx_set_ints(struct onnx_model *model, const char *name, const int64_t *values, size_t count)
{
    Onnx__AttributeProto *attribute = add_attribute(model, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    if (!attribute) {
        return;
    }
    attribute->ints = take(model, count * sizeof *attribute->ints);
    if (attribute->ints) {
        memcpy(attribute->ints, values, count * sizeof *values);
        attribute->n_ints = count;
    }
}

/* --- The file --- */

/* protobuf-c's way out, piece by piece: no second copy of the weights. */
struct sink {
    ProtobufCBuffer base;
    FILE *file;
    int failure; /* errno of the first failed write */
};

static void sink_append(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes)
{
    struct sink *sink = (struct sink *)buffer;
    if (sink->failure == 0 && fwrite(bytes, 1, size, sink->file) != size) {
        sink->failure = errno;
    }
}

/* raw_data is little-endian. */
static void order_bytes(Onnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_initializer; i++) {
        uint32_t *words = (uint32_t *)(void *)graph->initializer[i]->raw_data.data;
        for (size_t k = 0; k < graph->initializer[i]->raw_data.len / sizeof *words; k++) {
            words[k] = htole32(words[k]);
        }
    }
}

static enum status write_to(const struct onnx_model *model, struct output *output, struct error *error)
{
    struct sink sink = {.base = {.append = sink_append}, .file = fdopen(output->descriptor, "wb")};
    if (!sink.file) {
        return error_no_memory(error, output->path);
    }
    onnx__model_proto__pack_to_buffer(model->message, &sink.base);
    output->descriptor = -1; /* closed with the stream */
    if (fclose(sink.file) != 0 && sink.failure == 0) {
        sink.failure = errno;
    }
    return sink.failure == 0 ? STATUS_OK : file_storage_error(error, output->path, "writing", sink.failure);
}

enum status onnx_write(struct onnx_model *model, const char *path, struct error *error)
{
    struct output output;
    if (model->failed) {
        return error_no_memory(error, path);
    }
    if (onnx__model_proto__get_packed_size(model->message) > INT32_MAX) { /* protobuf's own limit */
        return error_set(error, STATUS_USAGE, path, "export it as safetensors",
                         "the model has more than the 2 GiB that an ONNX file can hold");
    }
    order_bytes(model->message->graph);
    enum status status = output_open(&output, path, error);
    if (status == STATUS_OK) {
        status = write_to(model, &output, error);
    }
    return output_close(&output, status, error);
}
