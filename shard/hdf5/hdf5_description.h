/* What is in an HDF5 file, told plainly: the objects, the links between them, their attributes, and where the
 * bytes of arrays lie. A process that may crash writes it, and whoever reads it trusts no byte of it.
 *
 * The format: the eight bytes "dail-h5" and a version, then records of a byte that tells its kind, the length
 * of what follows as u32, and fields, all little-endian; a text ends with a zero byte.
 * - 'O', an object: u8 enum h5_kind, u64 identity, text fault, text attributes' fault; of an array without a
 *   fault also u8 enum h5_type, u8 rank, u64 dims[rank], u8 enum h5_layout, u64 bytes of a piece, u64 pieces,
 *   u64 offset[pieces].
 * - 'L', a link: u32 group, u8 enum h5_link_kind, u32 object, text name.
 * - 'A', an attribute: u32 object, u8 enum h5_class, text name, text fault, u32 count; without a fault also
 *   `count` values of 8 bytes, or texts.
 * - 'F': text, why the file cannot be read at all.
 * - 'E', the end; without it the description is none.
 *
 * Objects are numbered from 0 in the order of their records; the first one is the root group.
 */
#ifndef DAIL_SHARD_HDF5_HDF5_DESCRIPTION_H
#define DAIL_SHARD_HDF5_HDF5_DESCRIPTION_H

#include "shard/hdf5/hdf5.h"

#include <stddef.h>

#define H5_OBJECTS_MAX 65536
#define H5_VALUES_MAX 65536 /* of one attribute */

enum h5_link_kind { H5_LINK_HARD, H5_LINK_SOFT, H5_LINK_EXTERNAL };

/* How an array's values are stored: as they are in memory, in pieces; or in any way that takes HDF5 to read.
 */
enum h5_layout {
    H5_LAYOUT_PIECES,
    H5_LAYOUT_COMPACT,
    H5_LAYOUT_COMPRESSED,
    H5_LAYOUT_USER_BLOCK, /* something was put before the beginning of HDF5's own part of the file */
    H5_LAYOUT_OTHER
};

enum h5_class { H5_CLASS_OTHER, H5_CLASS_UNSIGNED, H5_CLASS_SIGNED, H5_CLASS_REAL, H5_CLASS_TEXT };

struct h5_object {
    enum h5_kind kind;
    uint64_t identity;
    const char *fault; /* "is a virtual dataset, which is refused"; empty for none */
    const char *attributes_fault; /* why some may not have been found; empty for none */
    /* of an array without a fault */
    enum h5_type type;
    int rank;
    uint64_t dims[H5_RANK_MAX];
    enum h5_layout layout;
    uint64_t bytes; /* of all values; UINT64_MAX where that is more than can be counted */
    uint64_t piece_bytes, pieces;
    const uint8_t *piece; /* u64 offsets in the file, of h5_take_u64; UINT64_MAX: stored nowhere */
};

struct h5_link {
    uint32_t group, object; /* the latter of a hard link */
    enum h5_link_kind kind;
    const char *name;
};

struct h5_attribute {
    uint32_t object;
    enum h5_class class;
    const char *name;
    const char *fault; /* "has a shape that is none of ours"; empty for none */
    uint32_t count;
    const uint8_t *values; /* u64 of h5_take_u64, or texts one after the other */
};

struct h5_description {
    uint8_t *bytes; /* owned; texts and values are within */
    size_t size;
    const char *fault; /* of the file as a whole; NULL for none */
    size_t object_count, link_count, attribute_count;
    struct h5_object *objects;
    struct h5_link *links; /* sorted by group and name */
    struct h5_attribute *attributes; /* sorted by object and name */
};

/* The largest description of a file of that many bytes. */
size_t h5_description_most(uint64_t file_bytes);

/* Reads a description; *description owns `bytes`, which malloc gave, also where it fails: NULL then, and
 * `what` tells what is wrong with it. Everything is checked but the places of pieces within the file, which
 * those that read them check. */
struct h5_description *h5_description_read(uint8_t *bytes, size_t size, const char **what);
void h5_description_free(struct h5_description *description);

/* Which ones are a group's, an object's: *begin..*end-1. */
void h5_description_links(const struct h5_description *description, uint32_t group, size_t *begin,
                          size_t *end);
void h5_description_attributes(const struct h5_description *description, uint32_t object, size_t *begin,
                               size_t *end);
/* NULL where there is none. The name of a link is `length` bytes. */
const struct h5_link *h5_description_link(const struct h5_description *description, uint32_t group,
                                          const char *name, size_t length);
const struct h5_attribute *h5_description_attribute(const struct h5_description *description, uint32_t object,
                                                    const char *name);

/* Bytes of one value, and what the type is called. */
uint64_t h5_type_size(enum h5_type type);
const char *h5_type_name(enum h5_type type);

/* Bytes of all values of an array, and of one row (index of the first dimension); UINT64_MAX where that is
 * more than INT64_MAX. */
uint64_t h5_array_bytes(enum h5_type type, int rank, const uint64_t *dims);
uint64_t h5_row_bytes(enum h5_type type, int rank, const uint64_t *dims);

uint64_t h5_take_u64(const uint8_t *bytes);

/* --- Writing one --- */

/* A description as it grows; `bytes` is of malloc. What does not fit in `most` bytes sets `full`, and nothing
 * is added any more. */
struct h5_writing {
    uint8_t *bytes;
    size_t size, capacity, most;
    size_t record; /* where the last record begins; 0 before the first one */
    bool full;
};

void h5_put_begin(struct h5_writing *writing, size_t most);
/* Begins a record, and ends the one before. */
void h5_put_record(struct h5_writing *writing, char kind);
/* Takes back the record that was begun last. */
void h5_put_back(struct h5_writing *writing);
void h5_put_u8(struct h5_writing *writing, uint8_t value);
void h5_put_u32(struct h5_writing *writing, uint32_t value);
void h5_put_u64(struct h5_writing *writing, uint64_t value);
void h5_put_text(struct h5_writing *writing, const char *text);
/* Begins and ends the record of the end. */
void h5_put_end(struct h5_writing *writing);

#endif
