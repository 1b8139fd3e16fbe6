/* How a file that is looked into stores an array, for the two things that a child does (hdf5_survey.h). */
#ifndef DAIL_SHARD_HDF5_HDF5_STORED_H
#define DAIL_SHARD_HDF5_HDF5_STORED_H

#include "shard/hdf5/hdf5_description.h"
#include "shard/hdf5/hdf5_library.h"

/* A fault is text of that size, such as "is a virtual dataset, which is refused"; empty for none. */
#define H5_FAULT_SIZE 400

/* `what` and HDF5's own message of its last call, which failed. */
void h5_stored_fault(char *fault, const char *what);

/* To descriptor 1. */
bool h5_stored_write(const void *bytes, size_t size);

/* The file on descriptor 0. */
struct h5_opened {
    hid_t id;
    uint64_t bytes, user_block;
};
bool h5_stored_open_file(struct h5_opened *file, char *fault);

struct h5_stored {
    hid_t id, list;
    enum h5_type type;
    int rank;
    uint64_t dims[H5_RANK_MAX];
    bool plain; /* its values are stored as they are in memory */
};

/* Looks at the open array `id`; false with the fault where it is none that is read. Closed in any case; `id`
 * stays open. */
bool h5_stored_open(struct h5_stored *array, hid_t id, char *fault);
void h5_stored_close(const struct h5_stored *array);

/* How many whole rows a chunk is; 0 where it is none. */
uint64_t h5_stored_chunk_rows(const struct h5_stored *array);
/* The form in which values are stored and, where these are pieces, of how many bytes and how many they are.
 */
enum h5_layout h5_stored_layout(const struct h5_stored *array, const struct h5_opened *file,
                                uint64_t *piece_bytes, uint64_t *pieces);
/* Where the piece that begins with that row lies; all ones: nowhere. */
uint64_t h5_stored_place(const struct h5_stored *array, uint64_t row);

/* The child that decodes: identity, type, begin, count. Returns the exit code. */
int h5_decode_run(char **arguments);

#endif
