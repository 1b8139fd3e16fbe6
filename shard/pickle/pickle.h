/* Pickles, Python's serialised objects (Lib/pickletools.py), as far as verification sets and networks that PyTorch
 * saved need them.
 *
 * A pickle is a program for a machine with a stack; Python's can import and call anything. This one knows
 * lists, tuples, numbers, texts, bytes, and the few calls by which numpy's arrays and scalars of numbers and,
 * in protocol 2, bytes are written. It computes what these come to itself, imports and calls nothing, and
 * refuses every other opcode and every other name with its place in the file. Of a network it also knows dicts and
 * what stands for bytes elsewhere (persistent ids), and keeps calls of PyTorch's few names as they are, with their
 * arguments: their meaning is the reader's. Bytes and texts stay in the
 * file; the number of values is bounded, so a file of any size is read in bounded memory.
 */
#ifndef DAIL_SHARD_PICKLE_PICKLE_H
#define DAIL_SHARD_PICKLE_PICKLE_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one file: a million pairs have 3 million values. */
#define PICKLE_VALUES_MAX (1u << 22)
#define PICKLE_BYTES_MAX ((size_t)1 << 29) /* of one text or bytes: larger than any image */
#define PICKLE_ITEMS_MAX (1u << 23) /* of all its lists and tuples together */

/* What a pickle is of: which names it may have. */
enum pickle_subject { PICKLE_OF_SET, PICKLE_OF_NETWORK };

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_BYTES,
    PICKLE_TEXT,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_NAME, /* of what may be called */
    PICKLE_DTYPE,
    PICKLE_ARRAY,
    /* Of a network alone. */
    PICKLE_FLOAT, /* its number is not kept */
    PICKLE_DICT, /* a key, its value, a key, its value, ... */
    PICKLE_PERSISTENT, /* what stands for something that is elsewhere: one item */
    PICKLE_CALL /* two items: the name, and the tuple of its arguments */
};

/* Where bytes lie in the file. */
struct pickle_bytes {
    uint64_t offset;
    uint32_t size;
    bool latin1; /* each byte is a character below 256, in UTF-8: how Python 3 writes bytes in protocol 2 */
};

struct pickle_items {
    uint32_t *value; /* [count], owned: numbers of values */
    uint32_t count, capacity;
};

/* numpy's: kind 'b' (bool), 'u' or 'i', and bytes an element. */
struct pickle_dtype {
    char kind;
    uint8_t size;
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        struct pickle_items
            items; /* of all that has items; first, as the rest of a union need not be zeroed */
        int64_t number; /* of a bool, an int, a name (private) */
        struct pickle_bytes bytes; /* of bytes, a text */
        struct pickle_dtype dtype;
        struct {
            struct pickle_dtype dtype;
            bool filled; /* else nothing is known yet */
            uint32_t count; /* of elements, in one dimension */
            struct pickle_bytes bytes;
        } array;
    } is;
};

struct pickle {
    char path[1024];
    int descriptor;
    enum pickle_subject subject;
    struct pickle_value *values; /* [count], owned */
    uint32_t count;
    uint32_t result; /* number of the value that the whole pickle is */
};

/* Reads the whole pickle that a file is, of a set. STATUS_DATA names the file, the place and the opcode. */
enum status pickle_open(const char *path, struct pickle *pickle, struct error *error);
/* Likewise one that is `size` bytes at `offset` of a file, which has them. */
enum status pickle_open_part(const char *path, uint64_t offset, uint64_t size, enum pickle_subject subject,
                             struct pickle *pickle, struct error *error);
void pickle_close(struct pickle *pickle);

/* The item of what has items; NULL beyond its end, or of another kind of value. */
const struct pickle_value *pickle_item(const struct pickle *pickle, const struct pickle_value *value,
                                       uint32_t index);

/* "torch.FloatStorage", of a PICKLE_NAME; else "". */
const char *pickle_name_text(const struct pickle_value *value);

/* The text or (Python 2) bytes of a value in text[size], terminated; false if it is neither or does not fit.
 */
bool pickle_short_text(const struct pickle *pickle, const struct pickle_value *value, char *text,
                       size_t size);

/* Bytes as new memory that the caller frees. Several threads may call it at once. */
enum status pickle_read(const struct pickle *pickle, const struct pickle_bytes *bytes, uint8_t **data,
                        size_t *size, struct error *error);

#endif
