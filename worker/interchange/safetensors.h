/* The safetensors format: arrays under names in one file.
 *
 *   uint64, little-endian: the header's length; the header, JSON:
 *   {"__metadata__": {"<key>": "<text>"}, "<name>": {"dtype": "F32", "shape": [64, 3, 3, 3],
 *    "data_offsets": [begin, end]}, ...}; then the arrays' bytes in C order, little-endian. Offsets count
 * from the header's end; the arrays fill the rest of the file without holes.
 *
 * The reader trusts nothing: the header's length is bounded, every type, shape and offset is checked against
 * each other and the file before an array is read.
 */
#ifndef DAIL_WORKER_INTERCHANGE_SAFETENSORS_H
#define DAIL_WORKER_INTERCHANGE_SAFETENSORS_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

#define SAFETENSORS_HEADER_MAX (4 << 20) /* bytes */
#define SAFETENSORS_RANK_MAX 8

enum safetensors_type {
    SAFETENSORS_F32,
    SAFETENSORS_F16,
    SAFETENSORS_BF16,
    SAFETENSORS_I64,
    SAFETENSORS_OTHER /* another of the format's: not read */
};

struct safetensors_array {
    char name[256];
    enum safetensors_type type;
    int rank;
    uint64_t shape[SAFETENSORS_RANK_MAX];
    uint64_t count; /* of elements; 1 for rank 0 */
    uint64_t begin, end; /* bytes, from where the data begin */
};

/* --- Reading --- */

struct safetensors {
    char path[1024];
    int descriptor; /* private */
    uint64_t data; /* where the header ends in the file; 0 of another format (torch_file.h) */
    struct safetensors_array *arrays; /* [count], owned, as they lie in the file */
    size_t count;
};

/* Opens a file and checks its header; reads no array. STATUS_DATA names the first fault. */
enum status safetensors_open(const char *path, struct safetensors *file, struct error *error);
/* A closed file is left alone. */
void safetensors_close(struct safetensors *file);

/* NULL: there is none of that name. */
const struct safetensors_array *safetensors_find(const struct safetensors_array *arrays, size_t count,
                                                 const char *name);

/* Reads a whole array into values[count]. STATUS_DATA unless its type is F32, F16 or BF16. */
enum status safetensors_read(const struct safetensors *file, const struct safetensors_array *array,
                             float *values, struct error *error);

/* --- Writing --- */

struct safetensors_writer;

/* Begins `path` under "<path>.tmp". Of each array name, type (F32 or I64), rank and shape say what is to
 * come. `metadata`: pairs of key and text. STATUS_STORAGE. */
enum status safetensors_create(const char *path, const struct safetensors_array *arrays, size_t count,
                               const char *const (*metadata)[2], size_t metadata_count,
                               struct safetensors_writer **writer, struct error *error);
/* The next array's values, all of them. */
enum status safetensors_append_floats(struct safetensors_writer *writer, const float *values, size_t count,
                                      struct error *error);
enum status safetensors_append_integers(struct safetensors_writer *writer, const int64_t *values,
                                        size_t count, struct error *error);
/* Syncs and gives the file its name. Frees the writer in any case; on an error nothing is left of the file.
 * STATUS_INTERNAL unless every array was appended. */
enum status safetensors_finish(struct safetensors_writer *writer, struct error *error);
/* NULL is left alone. */
void safetensors_abandon(struct safetensors_writer *writer);

#endif
