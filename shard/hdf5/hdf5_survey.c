/* Here HDF5 meets the file: nothing in this file is relied on to come to a good end. What is checked is what
 * makes the difference between a clear refusal and a crash that is told as such. */
#include "shard/hdf5/hdf5_survey.h"

#include "shard/hdf5/hdf5_stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (4 * H5_OBJECTS_MAX)
/* Of all texts of one attribute. */
#define TEXT_BYTES_MAX ((size_t)1 << 24)

struct survey {
    struct h5_opened file;
    struct h5_writing output;
    uint64_t *identity; /* of the objects found, in the order of their numbers */
    size_t count;
    uint32_t *slot; /* a hash table of numbers + 1 by identity */
    uint32_t group; /* the object that is being looked at */
    bool crowded; /* more objects than there may be */
};

/* --- Objects --- */

/* The number of the object at that place, a new one where it was not seen before. */
static uint32_t number_of(struct survey *survey, uint64_t identity)
{
    size_t slot = (size_t)(identity * UINT64_C(0x9E3779B97F4A7C15) >> 40) % SLOTS;
    for (; survey->slot[slot] != 0; slot = (slot + 1) % SLOTS) {
        if (survey->identity[survey->slot[slot] - 1] == identity) {
            return survey->slot[slot] - 1;
        }
    }
    if (survey->count == H5_OBJECTS_MAX) {
        survey->crowded = true;
        return 0;
    }
    survey->identity[survey->count] = identity;
    survey->slot[slot] = (uint32_t)++survey->count;
    return (uint32_t)survey->count - 1;
}

static herr_t tell_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    struct survey *survey = context;
    (void)group;
    const bool is_hard = info->type == H5L_TYPE_HARD;
    const enum h5_link_kind kind = is_hard                           ? H5_LINK_HARD
                                   : info->type == H5L_TYPE_EXTERNAL ? H5_LINK_EXTERNAL
                                                                     : H5_LINK_SOFT;
    const uint32_t object = is_hard ? number_of(survey, info->u.address) : 0;
    h5_put_record(&survey->output, 'L');
    h5_put_u32(&survey->output, survey->group);
    h5_put_u8(&survey->output, (uint8_t)kind);
    h5_put_u32(&survey->output, object);
    h5_put_text(&survey->output, name);
    return survey->crowded || survey->output.full ? 1 : 0;
}

/* --- Attributes --- */

static void put_texts_fixed(struct h5_writing *output, hid_t id, hid_t type, size_t count, char *fault)
{
    size_t width = H5Tget_size(type);
    if (width == 0 || width > TEXT_BYTES_MAX / (count + 1)) {
        snprintf(fault, H5_FAULT_SIZE, "is too long a text");
        return;
    }
    char *texts = calloc(count + 1, width), *text = calloc(width + 1, 1);
    if (!texts || !text || (count > 0 && H5Aread(id, type, texts) < 0)) {
        h5_stored_fault(fault, "cannot be read");
    }
    for (size_t i = 0; i < count && fault[0] == 0; i++) {
        memcpy(text, texts + i * width, width);
        h5_put_text(output, text);
    }
    free(texts);
    free(text);
}

/* HDF5's own copies are not given back: the process ends soon. */
static void put_texts_variable(struct h5_writing *output, hid_t id, hid_t type, size_t count, char *fault)
{
    char **texts = calloc(count + 1, sizeof *texts);
    if (!texts || (count > 0 && H5Aread(id, type, texts) < 0)) {
        h5_stored_fault(fault, "cannot be read");
    }
    for (size_t i = 0; i < count && fault[0] == 0; i++) {
        h5_put_text(output, texts[i] ? texts[i] : "");
    }
}

static void put_numbers(struct h5_writing *output, hid_t id, hid_t memory, size_t count, char *fault)
{
    uint64_t *values = calloc(count + 1, sizeof *values);
    if (!values || (count > 0 && H5Aread(id, memory, values) < 0)) {
        h5_stored_fault(fault, "cannot be read");
    }
    for (size_t i = 0; i < count && fault[0] == 0; i++) {
        h5_put_u64(output, values[i]);
    }
    free(values);
}

static enum h5_class class_of(hid_t type, hid_t *memory)
{
    *memory = H5T_NATIVE_DOUBLE;
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        /* Wider ones do not exist in C. A value keeps the sign it has: HDF5 would clip it in silence. */
        if (H5Tget_size(type) > 8) {
            return H5_CLASS_OTHER;
        }
        *memory = H5Tget_sign(type) == H5T_SGN_2 ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
        return H5Tget_sign(type) == H5T_SGN_2 ? H5_CLASS_SIGNED : H5_CLASS_UNSIGNED;
    case H5T_FLOAT:
        return H5_CLASS_REAL;
    case H5T_STRING:
        return H5_CLASS_TEXT;
    default:
        return H5_CLASS_OTHER;
    }
}

static void begin_attribute(struct survey *survey, const char *name, enum h5_class class, const char *fault,
                            size_t count)
{
    h5_put_record(&survey->output, 'A');
    h5_put_u32(&survey->output, survey->group);
    h5_put_u8(&survey->output, (uint8_t) class);
    h5_put_text(&survey->output, name);
    h5_put_text(&survey->output, fault);
    h5_put_u32(&survey->output, (uint32_t)count);
}

static void tell_values(struct survey *survey, const char *name, hid_t id, hid_t type, size_t count,
                        char *fault)
{
    hid_t memory;
    const enum h5_class class = class_of(type, &memory);
    begin_attribute(survey, name, class, "", count);
    if (class == H5_CLASS_TEXT && H5Tis_variable_str(type) > 0) {
        put_texts_variable(&survey->output, id, type, count, fault);
    } else if (class == H5_CLASS_TEXT) {
        put_texts_fixed(&survey->output, id, type, count, fault);
    } else if (class != H5_CLASS_OTHER) {
        put_numbers(&survey->output, id, memory, count, fault);
    }
    if (fault[0] != 0) {
        h5_put_back(&survey->output);
    }
}

static herr_t tell_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    struct survey *survey = context;
    char fault[H5_FAULT_SIZE] = "";
    (void)info;
    hid_t id = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = id < 0 ? id : H5Aget_type(id), space = id < 0 ? id : H5Aget_space(id);
    hssize_t count = space < 0 ? 0 : H5Sget_simple_extent_npoints(space);
    if (type < 0 || space < 0) {
        h5_stored_fault(fault, "cannot be read");
    } else if (count < 0 || H5Sget_simple_extent_ndims(space) > 1) {
        snprintf(fault, sizeof fault, "has a shape that is none of ours");
    } else if (count > H5_VALUES_MAX) {
        snprintf(fault, sizeof fault, "has more values than there can be");
    } else {
        tell_values(survey, name, id, type, (size_t)count, fault);
    }
    if (fault[0] != 0) {
        begin_attribute(survey, name, H5_CLASS_OTHER, fault, 0);
    }
    if (space >= 0) {
        H5Sclose(space);
    }
    if (type >= 0) {
        H5Tclose(type);
    }
    if (id >= 0) {
        H5Aclose(id);
    }
    return survey->output.full ? 1 : 0;
}

static void tell_array(struct survey *survey, const struct h5_stored *array)
{
    uint64_t piece_bytes, pieces;
    const enum h5_layout layout = h5_stored_layout(array, &survey->file, &piece_bytes, &pieces);
    const uint64_t rows = H5Pget_layout(array->list) == H5D_CHUNKED ? h5_stored_chunk_rows(array) : 0;
    h5_put_u8(&survey->output, (uint8_t)array->type);
    h5_put_u8(&survey->output, (uint8_t)array->rank);
    for (int i = 0; i < array->rank; i++) {
        h5_put_u64(&survey->output, array->dims[i]);
    }
    h5_put_u8(&survey->output, (uint8_t)layout);
    h5_put_u64(&survey->output, piece_bytes);
    h5_put_u64(&survey->output, pieces);
    for (uint64_t i = 0; i < pieces; i++) {
        h5_put_u64(&survey->output, h5_stored_place(array, i * rows));
    }
}

/* --- The whole --- */

static void tell_object(struct survey *survey, uint32_t number)
{
    char fault[H5_FAULT_SIZE] = "", attributes_fault[H5_FAULT_SIZE] = "";
    struct h5_stored array = {.list = H5I_INVALID_HID};
    enum h5_kind kind = H5_KIND_NONE;
    survey->group = number;
    hid_t id = H5Oopen_by_addr(survey->file.id, survey->identity[number]);
    if (id < 0) {
        h5_stored_fault(fault, "cannot be opened");
    } else {
        if (H5Aiterate2(id, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, tell_attribute, survey) < 0) {
            h5_stored_fault(attributes_fault, "cannot be read");
        }
        H5I_type_t type = H5Iget_type(id);
        kind = type == H5I_GROUP ? H5_KIND_GROUP : type == H5I_DATASET ? H5_KIND_ARRAY : H5_KIND_NONE;
    }
    if (kind == H5_KIND_GROUP && H5Literate(id, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, tell_link, survey) < 0) {
        h5_stored_fault(fault, "cannot be listed");
    }
    const bool readable = kind == H5_KIND_ARRAY && h5_stored_open(&array, id, fault);
    h5_put_record(&survey->output, 'O');
    h5_put_u8(&survey->output, (uint8_t)kind);
    h5_put_u64(&survey->output, survey->identity[number]);
    h5_put_text(&survey->output, fault);
    h5_put_text(&survey->output, attributes_fault);
    if (readable) {
        tell_array(survey, &array);
    }
    h5_stored_close(&array);
    if (id >= 0) {
        H5Oclose(id);
    }
}

static bool walk(struct survey *survey, char *fault)
{
    H5O_info_t root;
    if (H5Oget_info2(survey->file.id, &root, H5O_INFO_BASIC) < 0) {
        h5_stored_fault(fault, "cannot open the file");
        return false;
    }
    number_of(survey, root.addr);
    for (uint32_t i = 0; i < survey->count && !survey->output.full && !survey->crowded; i++) {
        tell_object(survey, i);
    }
    if (survey->crowded) {
        snprintf(fault, H5_FAULT_SIZE, "there are more than %d groups and arrays in the file",
                 H5_OBJECTS_MAX);
    } else if (survey->output.full) {
        snprintf(fault, H5_FAULT_SIZE, "what the file says of itself takes more than the file does");
    }
    return fault[0] == 0;
}

static int describe(void)
{
    char fault[H5_FAULT_SIZE] = "";
    struct survey survey = {.identity = calloc(H5_OBJECTS_MAX, sizeof *survey.identity),
                            .slot = calloc(SLOTS, sizeof *survey.slot)};
    if (!survey.identity || !survey.slot) {
        return H5_SURVEY_FAILED;
    }
    const bool opened = h5_stored_open_file(&survey.file, fault);
    h5_put_begin(&survey.output, h5_description_most(survey.file.bytes));
    if (!opened || !walk(&survey, fault)) {
        free(survey.output.bytes);
        h5_put_begin(&survey.output, h5_description_most(0));
        h5_put_record(&survey.output, 'F');
        h5_put_text(&survey.output, fault);
    }
    h5_put_end(&survey.output);
    return !survey.output.full && h5_stored_write(survey.output.bytes, survey.output.size) ? 0
                                                                                           : H5_SURVEY_FAILED;
}

int h5_survey_run(int count, char **arguments)
{
    if (count == 1 && strcmp(arguments[0], H5_SURVEY_DESCRIBE) == 0) {
        return describe();
    }
    if (count == 5 && strcmp(arguments[0], H5_SURVEY_DECODE) == 0) {
        return h5_decode_run(arguments + 1);
    }
    return H5_SURVEY_FAILED;
}
