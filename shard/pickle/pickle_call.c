/* The few calls that pickles of arrays and bytes contain, each computed here from its arguments. */
#include "shard/pickle/pickle_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum name {
    NAME_ENCODE,
    NAME_NDARRAY,
    NAME_DTYPE,
    NAME_RECONSTRUCT,
    NAME_FROMBUFFER,
    NAME_SCALAR,
    NAME_DICT,
    NAME_KEPT /* what it comes to is the reader's */
};

/* numpy 2 has its parts in _core. */
static const struct {
    const char *module, *attribute, *text;
    enum name name; /* of a set: those before NAME_DICT. Of a network all but NAME_DICT are kept. */
} names[] = {
#define NAME(module, attribute, name)                                                                        \
    {                                                                                                        \
        module, attribute, module "." attribute, name                                                        \
    }
    NAME("_codecs", "encode", NAME_ENCODE),
    NAME("numpy", "ndarray", NAME_NDARRAY),
    NAME("numpy", "dtype", NAME_DTYPE),
    NAME("numpy.core.multiarray", "_reconstruct", NAME_RECONSTRUCT),
    NAME("numpy._core.multiarray", "_reconstruct", NAME_RECONSTRUCT),
    NAME("numpy.core.numeric", "_frombuffer", NAME_FROMBUFFER),
    NAME("numpy._core.numeric", "_frombuffer", NAME_FROMBUFFER),
    NAME("numpy.core.multiarray", "scalar", NAME_SCALAR),
    NAME("numpy._core.multiarray", "scalar", NAME_SCALAR),
    NAME("collections", "OrderedDict", NAME_DICT),
    NAME("collections", "defaultdict", NAME_KEPT),
    NAME("collections", "Counter", NAME_KEPT),
    NAME("argparse", "Namespace", NAME_KEPT),
    NAME("builtins", "dict", NAME_KEPT),
    NAME("__builtin__", "dict", NAME_KEPT),
    NAME("torch._utils", "_rebuild_tensor_v2", NAME_KEPT),
    NAME("torch._utils", "_rebuild_parameter", NAME_KEPT),
    NAME("torch", "Size", NAME_KEPT),
    NAME("torch", "device", NAME_KEPT),
    NAME("torch", "float32", NAME_KEPT),
    NAME("torch", "float16", NAME_KEPT),
    NAME("torch", "bfloat16", NAME_KEPT),
    NAME("torch", "FloatStorage", NAME_KEPT),
    NAME("torch", "HalfStorage", NAME_KEPT),
    NAME("torch", "BFloat16Storage", NAME_KEPT),
    NAME("torch", "DoubleStorage", NAME_KEPT),
    NAME("torch", "LongStorage", NAME_KEPT),
    NAME("torch", "IntStorage", NAME_KEPT),
    NAME("torch", "ShortStorage", NAME_KEPT),
    NAME("torch", "CharStorage", NAME_KEPT),
    NAME("torch", "ByteStorage", NAME_KEPT),
    NAME("torch", "BoolStorage", NAME_KEPT),
#undef NAME
};

const char *pickle_subject_text(enum pickle_subject subject)
{
    return subject == PICKLE_OF_SET ? "set of images" : "state_dict";
}

const char *pickle_name_text(const struct pickle_value *value)
{
    return value && value->kind == PICKLE_NAME ? names[value->is.number].text : "";
}

enum status pickle_name(enum pickle_subject subject, const char *module, const char *attribute,
                        struct pickle_value *value, struct error *error)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const bool known = subject == PICKLE_OF_NETWORK || names[i].name < NAME_DICT;
        if (known && strcmp(names[i].module, module) == 0 && strcmp(names[i].attribute, attribute) == 0) {
            *value = (struct pickle_value){.kind = PICKLE_NAME, .is.number = (int64_t)i};
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_DATA, NULL,
                     "do not load this file with Python unless you trust who made it",
                     "it wants %.80s.%.80s, which no %s needs; it was not run", module, attribute,
                     pickle_subject_text(subject));
}

bool pickle_short_text(const struct pickle *pickle, const struct pickle_value *value, char *text, size_t size)
{
    if (!value || (value->kind != PICKLE_TEXT && value->kind != PICKLE_BYTES) ||
        value->is.bytes.size >= size) {
        return false;
    }
    size_t length = value->is.bytes.size;
    text[length] = 0;
    return pread(pickle->descriptor, text, length, (off_t)value->is.bytes.offset) == (ssize_t)length &&
           strlen(text) == length;
}

/* "u1", "|u1", "<i8", "b1". */
static bool parse_dtype(const char *text, struct pickle_dtype *dtype)
{
    text += strspn(text, "|<=");
    *dtype = (struct pickle_dtype){text[0], (uint8_t)(text[0] == 0 ? 0 : text[1] - '0')};
    if (text[0] == 0 || text[1] == 0 || text[2] != 0) {
        return false;
    }
    bool whole = dtype->kind == 'u' || dtype->kind == 'i';
    return (dtype->kind == 'b' && dtype->size == 1) ||
           (whole && (dtype->size == 1 || dtype->size == 2 || dtype->size == 4 || dtype->size == 8));
}

static enum status make_dtype(const struct pickle *pickle, const struct pickle_value *arguments,
                              struct pickle_value *value, struct error *error)
{
    char text[16];
    value->kind = PICKLE_DTYPE;
    if (!pickle_short_text(pickle, pickle_item(pickle, arguments, 0), text, sizeof text) ||
        !parse_dtype(text, &value->is.dtype)) {
        return pickle_bad(error, "an array is of neither bools nor whole numbers");
    }
    return STATUS_OK;
}

/* Elements in one dimension, in bytes that are all there. */
static enum status fill_array(const struct pickle *pickle, const struct pickle_value *shape,
                              const struct pickle_value *dtype, const struct pickle_value *bytes,
                              struct pickle_value *value, struct error *error)
{
    const struct pickle_value *count = pickle_item(pickle, shape, 0);
    if (!dtype || dtype->kind != PICKLE_DTYPE || !bytes || bytes->kind != PICKLE_BYTES) {
        return pickle_bad(error, "an array's parts are not where numpy writes them");
    }
    if (!count || count->kind != PICKLE_INT || shape->is.items.count != 1) {
        return pickle_bad(error,
                          "an array has not one dimension: images are expected encoded, as JPEG or PNG");
    }
    uint64_t size = bytes->is.bytes.size;
    int64_t elements = count->is.number;
    if (elements < 0 || elements > UINT32_MAX || (uint64_t)elements * dtype->is.dtype.size > size ||
        (!bytes->is.bytes.latin1 && (uint64_t)elements * dtype->is.dtype.size != size)) {
        return pickle_bad(error, "an array has not as many bytes as its shape tells");
    }
    value->kind = PICKLE_ARRAY;
    value->is.array.dtype = dtype->is.dtype;
    value->is.array.count = (uint32_t)elements;
    value->is.array.bytes = bytes->is.bytes;
    value->is.array.filled = true;
    return STATUS_OK;
}

static enum status make_scalar(const struct pickle *pickle, const struct pickle_value *arguments,
                               struct pickle_value *value, struct error *error)
{
    const struct pickle_value *dtype = pickle_item(pickle, arguments, 0),
                              *bytes = pickle_item(pickle, arguments, 1);
    uint8_t *data;
    size_t size;
    if (!dtype || dtype->kind != PICKLE_DTYPE || !bytes || bytes->kind != PICKLE_BYTES ||
        bytes->is.bytes.size > 16) {
        return pickle_bad(error, "a scalar's parts are not where numpy writes them");
    }
    enum status status = pickle_read(pickle, &bytes->is.bytes, &data, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t number = 0;
    for (size_t i = size < 8 ? size : 8; i > 0; i--) {
        number = number << 8 | data[i - 1];
    }
    value->kind = dtype->is.dtype.kind == 'b' ? PICKLE_BOOL : PICKLE_INT;
    memcpy(&value->is.number, &number, sizeof number);
    if (size != dtype->is.dtype.size) {
        status = pickle_bad(error, "a scalar has not as many bytes as its type");
    }
    unsigned unused = 64 - 8 * (unsigned)(size < 8 ? size : 8);
    if (status == STATUS_OK && dtype->is.dtype.kind == 'i' && unused > 0 && number >> (63 - unused) != 0) {
        value->is.number -= (int64_t)1 << (64 - unused);
    }
    free(data);
    return status;
}

static enum status make_bytes(const struct pickle *pickle, const struct pickle_value *arguments,
                              struct pickle_value *value, struct error *error)
{
    const struct pickle_value *text = pickle_item(pickle, arguments, 0);
    char coding[16];
    if (!text || text->kind != PICKLE_TEXT ||
        !pickle_short_text(pickle, pickle_item(pickle, arguments, 1), coding, sizeof coding) ||
        strcmp(coding, "latin1") != 0) {
        return pickle_bad(error, "a text is encoded as something else than bytes");
    }
    *value = (struct pickle_value){.kind = PICKLE_BYTES, .is.bytes = text->is.bytes};
    value->is.bytes.latin1 = true;
    return STATUS_OK;
}

enum status pickle_call(const struct pickle *pickle, const struct pickle_value *name,
                        const struct pickle_value *arguments, struct pickle_value *value, struct error *error)
{
    *value = (struct pickle_value){.kind = PICKLE_NONE};
    if (name->kind != PICKLE_NAME || arguments->kind != PICKLE_TUPLE) {
        return pickle_bad(error, "something is called that is no function");
    }
    switch (names[name->is.number].name) {
    case NAME_ENCODE:
        return make_bytes(pickle, arguments, value, error);
    case NAME_DTYPE:
        return make_dtype(pickle, arguments, value, error);
    case NAME_RECONSTRUCT: /* of an array whose state comes later */
        value->kind = PICKLE_ARRAY;
        return STATUS_OK;
    case NAME_FROMBUFFER:
        return fill_array(pickle, pickle_item(pickle, arguments, 2), pickle_item(pickle, arguments, 1),
                          pickle_item(pickle, arguments, 0), value, error);
    case NAME_SCALAR:
        return make_scalar(pickle, arguments, value, error);
    case NAME_NDARRAY:
    case NAME_DICT:
    case NAME_KEPT:
        break;
    }
    return pickle_bad(error, "an array is made in another way than numpy's");
}

bool pickle_is_dict(const struct pickle_value *name)
{
    return name->kind == PICKLE_NAME && names[name->is.number].name == NAME_DICT;
}

enum status pickle_build(const struct pickle *pickle, const struct pickle_value *state,
                         struct pickle_value *value, struct error *error)
{
    char order[4];
    if (value->kind == PICKLE_CALL || value->kind == PICKLE_DICT) { /* attributes, which nobody asks for */
        return STATUS_OK;
    }
    if (value->kind == PICKLE_DTYPE) {
        if (!pickle_short_text(pickle, pickle_item(pickle, state, 1), order, sizeof order) ||
            strspn(order, "|<=") != 1 || order[1] != 0) {
            return pickle_bad(error, "an array's numbers are not little-endian");
        }
        return STATUS_OK;
    }
    if (value->kind == PICKLE_ARRAY && !value->is.array.filled) {
        return fill_array(pickle, pickle_item(pickle, state, 1), pickle_item(pickle, state, 2),
                          pickle_item(pickle, state, 4), value, error);
    }
    return pickle_bad(error, "something is given a state that has none");
}
