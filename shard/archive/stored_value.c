#include "shard/archive/stored_value.h"

#include "shard/image/image.h"
#include "shard/pickle/pickle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADVICE "write the database again with (image, label) in each value, by pickle or msgpack"

static enum status bad(struct error *error, const char *what)
{
    return error_set(error, STATUS_DATA, NULL, ADVICE, "%s", what);
}

/* Of what was found: both are needed. */
static enum status check(const struct stored_value *value, struct error *error)
{
    return value->image_size == 0 ? bad(error, "the value has no image")
           : !value->label[0]     ? bad(error, "the value has no label")
                                  : STATUS_OK;
}

static void keep_number(struct stored_value *value, int64_t number)
{
    if (!value->label[0]) {
        snprintf(value->label, sizeof value->label, "%" PRId64, number);
    }
}

static void keep_bytes(struct stored_value *value, size_t at, size_t size)
{
    if (value->image_size == 0) {
        value->image = at;
        value->image_size = size;
    }
}

/* --- Pickles --- */

static enum status take_item(const struct pickle *pickle, const struct pickle_value *item, uint64_t offset,
                             struct stored_value *value, struct error *error)
{
    const bool array = item->kind == PICKLE_ARRAY && item->is.array.filled &&
                       item->is.array.dtype.kind == 'u' && item->is.array.dtype.size == 1;
    const struct pickle_bytes *bytes = array ? &item->is.array.bytes : &item->is.bytes;
    if ((array || item->kind == PICKLE_BYTES) && value->image_size == 0) {
        if (bytes->latin1) {
            return bad(error, "the image is what Python 3 makes of bytes in protocol 2, which is not read");
        }
        keep_bytes(value, (size_t)(bytes->offset - offset), bytes->size);
    } else if (item->kind == PICKLE_INT || item->kind == PICKLE_BOOL) {
        keep_number(value, item->is.number);
    } else if (item->kind == PICKLE_TEXT && !value->label[0]) {
        if (!pickle_short_text(pickle, item, value->label, sizeof value->label)) {
            return bad(error, "the label is longer than 254 bytes");
        }
    }
    return STATUS_OK;
}

static enum status read_pickle(const char *path, uint64_t offset, size_t size, struct stored_value *value,
                               struct error *error)
{
    struct pickle pickle;
    enum status status = pickle_open_part(path, offset, size, PICKLE_OF_SET, &pickle, error);
    if (status != STATUS_OK) {
        return status;
    }
    const struct pickle_value *whole = &pickle.values[pickle.result], *item = pickle_item(&pickle, whole, 0);
    for (uint32_t i = 0; item && status == STATUS_OK; item = pickle_item(&pickle, whole, ++i)) {
        status = take_item(&pickle, item, offset, value, error);
    }
    pickle_close(&pickle);
    return status == STATUS_OK ? check(value, error) : status;
}

/* --- msgpack (github.com/msgpack/msgpack, spec.md) --- */

struct cursor {
    const uint8_t *bytes;
    size_t size, at;
};

/* A number of `width` bytes, the largest first. */
static bool take_big_endian(struct cursor *cursor, size_t width, uint64_t *number)
{
    *number = 0;
    if (width > cursor->size - cursor->at) {
        return false;
    }
    for (size_t i = 0; i < width; i++) {
        *number = *number << 8 | cursor->bytes[cursor->at++];
    }
    return true;
}

/* Bytes (bin), or what stood for them before (raw, now str). */
static bool take_bytes(struct cursor *cursor, uint64_t size, bool text, struct stored_value *value)
{
    if (size > cursor->size - cursor->at) {
        return false;
    }
    const char *begin = (const char *)cursor->bytes + cursor->at;
    if (!text || image_sniff((const uint8_t *)begin, (size_t)size) != IMAGE_UNKNOWN) {
        keep_bytes(value, cursor->at, (size_t)size);
    } else if (!value->label[0] && size < sizeof value->label && !memchr(begin, 0, (size_t)size)) {
        snprintf(value->label, sizeof value->label, "%.*s", (int)size, begin);
    }
    cursor->at += (size_t)size;
    return true;
}

static bool take_msgpack(struct cursor *cursor, struct stored_value *value)
{
    uint64_t number;
    if (!take_big_endian(cursor, 1, &number)) {
        return false;
    }
    const uint8_t code = (uint8_t)number;
    if (code < 0x80) {
        keep_number(value, code);
        return true;
    }
    if (code >= 0xa0 && code < 0xc0) {
        return take_bytes(cursor, code & 0x1f, true, value);
    }
    if ((code >= 0xc4 && code <= 0xc6) || (code >= 0xd9 && code <= 0xdb)) {
        const bool text = code >= 0xd9;
        return take_big_endian(cursor, (size_t)1 << (code - (text ? 0xd9 : 0xc4)), &number) &&
               take_bytes(cursor, number, text, value);
    }
    if ((code >= 0xcc && code <= 0xcf) || (code >= 0xd0 && code <= 0xd3)) {
        const size_t width = (size_t)1 << (code & 3);
        if (!take_big_endian(cursor, width, &number)) {
            return false;
        }
        if (code >= 0xd0 && width < 8 && number >> (8 * width - 1) != 0) {
            number |= UINT64_MAX << (8 * width);
        }
        keep_number(value, (int64_t)number);
        return true;
    }
    return code == 0xc0 || code == 0xc2 || code == 0xc3 || code >= 0xe0;
}

static enum status read_msgpack(const uint8_t *bytes, size_t size, struct stored_value *value,
                                struct error *error)
{
    struct cursor cursor = {bytes, size, 1};
    uint64_t items = bytes[0] & 0x0f;
    bool good = bytes[0] != 0xdc || take_big_endian(&cursor, 2, &items);
    for (uint64_t i = 0; i < items && good; i++) {
        good = take_msgpack(&cursor, value);
    }
    return good ? check(value, error)
                : bad(error, "the value is a damaged msgpack, or of more than image and label");
}

/* --- Datum (Caffe, caffe.proto), in protobuf --- */

struct datum {
    uint64_t channels, height, width;
    const uint8_t *data;
    size_t size;
    int64_t label;
    bool labelled, encoded;
};

static bool take_varint(struct cursor *cursor, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->size; shift += 7) {
        const uint8_t byte = cursor->bytes[cursor->at++];
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

static void keep_field(struct datum *datum, uint64_t field, uint64_t number)
{
    datum->channels = field == 1 ? number : datum->channels;
    datum->height = field == 2 ? number : datum->height;
    datum->width = field == 3 ? number : datum->width;
    datum->label = field == 5 ? (int64_t)number : datum->label;
    datum->labelled = datum->labelled || field == 5;
    datum->encoded = field == 7 ? number != 0 : datum->encoded;
}

static bool parse_datum(const uint8_t *bytes, size_t size, struct datum *datum)
{
    struct cursor cursor = {bytes, size, 0};
    uint64_t tag, number;
    *datum = (struct datum){.data = NULL};
    while (cursor.at < size) {
        if (!take_varint(&cursor, &tag) || tag >> 3 == 0 || tag >> 3 > 7) {
            return false;
        }
        if ((tag & 7) == 0) {
            if (!take_varint(&cursor, &number)) {
                return false;
            }
            keep_field(datum, tag >> 3, number);
            continue;
        }
        if (tag != (4 << 3 | 2) || !take_varint(&cursor, &number) || number > size - cursor.at) {
            return false; /* numbers that are no bytes */
        }
        datum->data = bytes + cursor.at;
        datum->size = (size_t)number;
        cursor.at += (size_t)number;
    }
    const bool sized = datum->height >= 1 && datum->height <= IMAGE_SIDE_MAX && datum->width >= 1 &&
                       datum->width <= IMAGE_SIDE_MAX && (datum->channels == 1 || datum->channels == 3);
    return datum->data && datum->size > 0 &&
           (datum->encoded || (sized && datum->size == datum->channels * datum->height * datum->width));
}

static enum status bad_datum(struct error *error)
{
    return bad(error, "the value is neither a pickle, a msgpack of image and label, nor a Datum of bytes");
}

/* Planes of blue, green, red, or one of grey, become PNM. */
static enum status draw_datum(const struct datum *datum, uint8_t **image, size_t *size, struct error *error)
{
    char header[64];
    const size_t pixels = (size_t)(datum->height * datum->width), channels = (size_t)datum->channels;
    const int length = snprintf(header, sizeof header, "P%c\n%" PRIu64 " %" PRIu64 "\n255\n",
                                channels == 3 ? '6' : '5', datum->width, datum->height);
    *size = (size_t)length + pixels * channels;
    *image = malloc(*size);
    if (!*image) {
        return error_no_memory(error, NULL);
    }
    memcpy(*image, header, (size_t)length);
    for (size_t channel = 0; channel < channels; channel++) {
        const uint8_t *plane = datum->data + (channels - 1 - channel) * pixels;
        for (size_t i = 0; i < pixels; i++) {
            (*image)[(size_t)length + i * channels + channel] = plane[i];
        }
    }
    return STATUS_OK;
}

enum status stored_value_unwrap(uint8_t **bytes, size_t span, size_t *size, struct error *error)
{
    struct datum datum;
    if (!parse_datum(*bytes, span, &datum)) {
        return bad_datum(error);
    }
    if (datum.encoded) {
        memmove(*bytes, datum.data, datum.size);
        *size = datum.size;
        return STATUS_OK;
    }
    uint8_t *image;
    enum status status = draw_datum(&datum, &image, size, error);
    if (status == STATUS_OK) {
        free(*bytes);
        *bytes = image;
    }
    return status;
}

/* --- The whole --- */

enum status stored_value_read(const char *path, uint64_t offset, const uint8_t *bytes, size_t size,
                              struct stored_value *value, struct error *error)
{
    struct datum datum;
    *value = (struct stored_value){.label = ""};
    if (size > 1 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5) {
        return read_pickle(path, offset, size, value, error);
    }
    if (size > 1 && ((bytes[0] >= 0x92 && bytes[0] <= 0x9f) || bytes[0] == 0xdc)) {
        return read_msgpack(bytes, size, value, error);
    }
    if (!parse_datum(bytes, size, &datum)) {
        return bad_datum(error);
    }
    value->datum = true;
    keep_bytes(value, 0, size);
    if (datum.labelled) {
        keep_number(value, datum.label);
    }
    return check(value, error);
}
