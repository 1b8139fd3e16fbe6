/* HDF5 as this project uses it: strict, quiet and little-endian. A small library for shards, pairs,
 * checkpoints and traces.
 *
 * - HDF5 itself crashes on many damaged files, or goes on without end. So it never looks into a file that is
 *   read within this process: another one does, of bounded time and memory, describes what it finds, and is
 *   gone (hdf5_child.h). Calls that read are answered from that description, and arrays are read from the
 *   file's own bytes; only of an array that is stored in another form than its values have (compressed,
 *   compact, of the other byte order) the values come from such a process too.
 * - Files are opened with file locking off (locks fail on NFS and Lustre) and with dynamic filter plugins
 *   disabled: a file can never make the program load code.
 * - Only hard links are followed: soft and external links, external storage and virtual datasets are refused,
 *   so that a file cannot reach into another one.
 * - HDF5 prints nothing: its own message is part of struct error. The where of every error is the file.
 * - An error is STATUS_DATA where a file is read and STATUS_STORAGE where it is written.
 *
 * Object names are absolute paths, "/backbone/layer1.0.conv1.weight"; attributes sit on "/" or any object.
 * A file is either written or read: what is said to read is STATUS_INTERNAL for one that is being written.
 * Calls of several threads may overlap, as long as no two write the same file, or one closes what another
 * reads: nothing that reads waits for others. Of those that write HDF5 serves one at a time, so each waits
 * for those under way. A large array is written in pieces, and others get in between them.
 */
#ifndef DAIL_SHARD_HDF5_HDF5_H
#define DAIL_SHARD_HDF5_HDF5_H

#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

#define H5_RANK_MAX 8
#define H5_NAME_SIZE 512 /* of an object's path, with its terminator */

enum h5_type { H5_TYPE_F32, H5_TYPE_U8, H5_TYPE_U32, H5_TYPE_U64 };

enum h5_kind { H5_KIND_NONE, H5_KIND_GROUP, H5_KIND_ARRAY };

/* An open file; {0} is a closed one. */
struct h5_file {
    int64_t id; /* private, as are the next three */
    struct h5_description *description;
    uint64_t bytes;
    int descriptor;
    bool writable;
    char path[1024];
};

/* An open array, for repeated reads or writes of its rows (index of the first dimension); {0} is a closed
 * one. Its file must stay open. */
struct h5_array {
    int64_t id; /* private, as is the next one */
    const struct h5_object *object;
    const struct h5_file *file;
    char name[H5_NAME_SIZE];
    enum h5_type type;
    int rank;
    uint64_t dims[H5_RANK_MAX];
};

/* --- Files --- */

/* Makes `path` anew, replacing what is there. The same calls give the same bytes: no times are recorded. */
enum status h5_create_file(const char *path, struct h5_file *file, struct error *error);
/* Opens read-only. A truncated, damaged or foreign file is STATUS_DATA, and what is no regular file.
 * STATUS_INTERNAL where no process can be started to look into it. */
enum status h5_open_file(const char *path, struct h5_file *file, struct error *error);
/* Checks the root attributes dail_format (a text) and version (1..`version`): STATUS_DATA names what was
 * found, and a newer version as such. */
enum status h5_check_format(const struct h5_file *file, const char *format, uint64_t version,
                            struct error *error);
/* Flushes and closes; a closed file (or {0}) is left alone. A file that cannot be written is emptied: the
 * caller removes its name. Nothing is flushed at the program's exit: what was created must be closed. `error`
 * may be NULL where a file is given up. */
enum status h5_close_file(struct h5_file *file, struct error *error);

/* --- Whole arrays --- */

/* Writes an array with dims[rank], C order, contiguous in the file, and makes the groups that lead to it.
 * A dimension may be 0. `data` holds the product of dims elements of `type`. */
enum status h5_write_array(struct h5_file *file, const char *name, enum h5_type type, int rank,
                           const uint64_t *dims, const void *data, struct error *error);
/* Type, rank and dims[H5_RANK_MAX] of an array. STATUS_DATA if there is none of that name, or its type is
 * none of ours. */
enum status h5_read_array_shape(const struct h5_file *file, const char *name, enum h5_type *type, int *rank,
                                uint64_t *dims, struct error *error);
/* Reads a whole array into `data`. STATUS_DATA unless it has exactly this type, rank and dims. */
enum status h5_read_array(const struct h5_file *file, const char *name, enum h5_type type, int rank,
                          const uint64_t *dims, void *data, struct error *error);
/* Reads a whole array of one dimension, whatever its length, into new memory that the caller frees (*data is
 * never NULL on success). STATUS_DATA if it has more than `most` elements. */
enum status h5_read_vector(const struct h5_file *file, const char *name, enum h5_type type, uint64_t most,
                           void **data, uint64_t *count, struct error *error);

/* --- Arrays by rows --- */

/* Makes an array that grows: dims[0] is where it starts (may be 0), stored in chunks of `chunk_rows` rows,
 * not compressed. Open for h5_append_rows. */
enum status h5_create_array(struct h5_file *file, const char *name, enum h5_type type, int rank,
                            const uint64_t *dims, uint64_t chunk_rows, struct h5_array *array,
                            struct error *error);
/* Adds `count` rows at the end. */
enum status h5_append_rows(struct h5_array *array, uint64_t count, const void *data, struct error *error);
enum status h5_open_array(const struct h5_file *file, const char *name, struct h5_array *array,
                          struct error *error);
/* Reads rows begin..begin+count-1 into `data`, which holds count x dims[1] x ... elements of array->type. */
enum status h5_read_rows(const struct h5_array *array, uint64_t begin, uint64_t count, void *data,
                         struct error *error);
/* A closed array (or {0}) is left alone. `error` may be NULL where an array was only read, or is given up. */
enum status h5_close_array(struct h5_array *array, struct error *error);

/* Where an array's bytes lie in its file, for reading them without HDF5: in pieces of `piece_bytes` (the last
 * may be used in part only) from file offset piece[i] on. */
struct h5_location {
    int descriptor; /* of the file, open for reading: the caller closes it */
    uint64_t piece_bytes;
    uint64_t pieces;
    uint64_t *piece; /* [pieces]: the caller frees it */
};
/* STATUS_DATA unless the array is uint8 of one dimension, not compressed, in at most 16384 pieces, and wholly
 * within the file. */
enum status h5_locate(const struct h5_array *array, struct h5_location *location, struct error *error);

/* --- Groups --- */

/* What is there by that name. A link that is not followed is STATUS_DATA. */
enum status h5_kind_of(const struct h5_file *file, const char *name, enum h5_kind *kind, struct error *error);
/* A number that two names of one object share, and names of two objects do not. */
enum status h5_identity(const struct h5_file *file, const char *name, uint64_t *identity,
                        struct error *error);
/* Names of a group's members (not their paths), sorted. Freed with h5_list_free. */
enum status h5_list(const struct h5_file *file, const char *group, char ***names, size_t *count,
                    struct error *error);
void h5_list_free(char **names, size_t count);

/* --- Attributes (of a group or an array; the object must exist) --- */

/* Each replaces an attribute of that name. Integers are stored with 64 bits, texts as fixed-length UTF-8. */
enum status h5_set_uint(struct h5_file *file, const char *object, const char *name, uint64_t value,
                        struct error *error);
enum status h5_set_int(struct h5_file *file, const char *object, const char *name, int64_t value,
                       struct error *error);
enum status h5_set_double(struct h5_file *file, const char *object, const char *name, double value,
                          struct error *error);
enum status h5_set_string(struct h5_file *file, const char *object, const char *name, const char *value,
                          struct error *error);
enum status h5_set_uints(struct h5_file *file, const char *object, const char *name, const uint64_t *values,
                         size_t count, struct error *error);
enum status h5_set_ints(struct h5_file *file, const char *object, const char *name, const int64_t *values,
                        size_t count, struct error *error);
enum status h5_set_doubles(struct h5_file *file, const char *object, const char *name, const double *values,
                           size_t count, struct error *error);
enum status h5_set_strings(struct h5_file *file, const char *object, const char *name,
                           const char *const *values, size_t count, struct error *error);

/* Names of an object's attributes, sorted. Freed with h5_list_free. */
enum status h5_list_attributes(const struct h5_file *file, const char *object, char ***names, size_t *count,
                               struct error *error);
/* An attribute of any of our types as a text to read, values after a blank; cut where it does not fit. */
enum status h5_attribute_text(const struct h5_file *file, const char *object, const char *name, char *text,
                              size_t size, struct error *error);

/* Whether there is one. */
enum status h5_has_attribute(const struct h5_file *file, const char *object, const char *name, bool *has,
                             struct error *error);
/* Each checks the attribute's class and, for a single value, that it is one. Integers of any width are taken;
 * one outside `most` (or INT64's range) is STATUS_DATA; floats of any width are taken as double, integers
 * not. A text that does not fit in `size` with its terminator is STATUS_DATA. */
enum status h5_get_uint(const struct h5_file *file, const char *object, const char *name, uint64_t most,
                        uint64_t *value, struct error *error);
enum status h5_get_string(const struct h5_file *file, const char *object, const char *name, char *value,
                          size_t size, struct error *error);
/* `values` has room for `capacity`; more of them is STATUS_DATA; *count tells how many there are. */
enum status h5_get_uints(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                         uint64_t *values, size_t *count, struct error *error);
enum status h5_get_ints(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                        int64_t *values, size_t *count, struct error *error);
enum status h5_get_doubles(const struct h5_file *file, const char *object, const char *name, size_t capacity,
                           double *values, size_t *count, struct error *error);
/* Freed with h5_list_free. */
enum status h5_get_strings(const struct h5_file *file, const char *object, const char *name, char ***values,
                           size_t *count, struct error *error);

#endif
