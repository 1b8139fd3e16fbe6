/* What is read of a pickle once it is open: its values. See pickle.h. */
#include "proto/file.h"
#include "shard/pickle/pickle_private.h"

#include <stdlib.h>

bool pickle_has_items(const struct pickle_value *value)
{
    return value->kind == PICKLE_TUPLE || value->kind == PICKLE_LIST || value->kind == PICKLE_DICT ||
           value->kind == PICKLE_PERSISTENT || value->kind == PICKLE_CALL;
}

const struct pickle_value *pickle_item(const struct pickle *pickle, const struct pickle_value *value,
                                       uint32_t index)
{
    if (!value || !pickle_has_items(value) || index >= value->is.items.count) {
        return NULL;
    }
    return &pickle->values[value->is.items.value[index]];
}

/* UTF-8 of characters below 256 to bytes, in place. */
static enum status decode_latin1(uint8_t *data, size_t *size, struct error *error)
{
    size_t written = 0;
    for (size_t i = 0; i < *size; i++) {
        uint8_t byte = data[i];
        if (byte >= 0x80) {
            if ((byte != 0xc2 && byte != 0xc3) || i + 1 == *size || (data[i + 1] & 0xc0) != 0x80) {
                return pickle_bad(error, "bytes are written as a text that has none");
            }
            byte = (uint8_t)((byte & 3) << 6 | (data[++i] & 0x3f));
        }
        data[written++] = byte;
    }
    *size = written;
    return STATUS_OK;
}

enum status pickle_read(const struct pickle *pickle, const struct pickle_bytes *bytes, uint8_t **data,
                        size_t *size, struct error *error)
{
    uint8_t *part = malloc((size_t)bytes->size + 1);
    if (!part) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "no memory for %u bytes", bytes->size);
    }
    enum status status = file_read_part(pickle->descriptor, bytes->offset, part, bytes->size, error);
    *size = bytes->size;
    if (status == STATUS_OK && bytes->latin1) {
        status = decode_latin1(part, size, error);
    }
    if (status == STATUS_OK) {
        *data = part;
    } else {
        free(part);
    }
    return status;
}
