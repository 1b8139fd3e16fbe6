/* The process that looks into HDF5 files that are read. HDF5 crashes on many damaged files and loops over
 * others: so it meets them in a process of its own, which is this very program started anew, confined before
 * anything else happens in it (hdf5_confine.h), and ended after one file. Whatever becomes of it, the caller
 * gets an error at worst. */
#ifndef DAIL_SHARD_HDF5_HDF5_CHILD_H
#define DAIL_SHARD_HDF5_HDF5_CHILD_H

#include "shard/hdf5/hdf5_description.h"

#include <stdbool.h>
#include <sys/types.h>

/* Describes the file open for reading on `descriptor` (`path` names it in errors, `bytes` is its size).
 * STATUS_INTERNAL where the process cannot begin or be confined, STATUS_DATA where HDF5 crashes over it, takes too long or too much memory, or says nonsense; what HDF5
 * itself refuses is the description's fault. The caller frees the description. */
enum status h5_survey(int descriptor, const char *path, uint64_t bytes, struct h5_description **description,
                      struct error *error);

/* Which values of an array are meant: rows begin..begin+count-1 of one of `type`, `bytes` in all; the whole
 * array of rank 0. */
struct h5_selection {
    uint64_t identity; /* of the array */
    const char *name; /* for errors */
    enum h5_type type;
    uint64_t begin, count, bytes;
};

/* Reads them into `data` through HDF5, whatever the form in which they are stored. */
enum status h5_decode(int descriptor, const char *path, const struct h5_selection *selection, void *data,
                      struct error *error);

/* --- What these two are made of --- */

struct h5_child {
    pid_t process;
    int output; /* what it says */
    int seconds; /* of computing that it may take */
    double wall_seconds; /* that it may take at all; 0: for ever */
    double deadline; /* by clock_monotonic; set by its start */
    bool late; /* that has passed */
    const char *path;
};

/* Starts `program` with these arguments (the first is its name, NULL the last), the file on descriptor 0, its
 * output on 1, nothing else. STATUS_INTERNAL where that cannot be. */
enum status h5_child_start(const char *program, char *const *arguments, int descriptor,
                           struct h5_child *child, struct error *error);
/* Reads up to `size` bytes of its output; fewer are all there are, or it is late. */
size_t h5_child_read(struct h5_child *child, void *bytes, size_t size);
/* Waits for its end, which is sudden where there is output left, and tells how it ended. STATUS_LOST: it was late. */
enum status h5_child_end(struct h5_child *child, struct error *error);
/* All of its output as a description of a file of that many bytes, and its end. */
enum status h5_child_describe(struct h5_child *child, uint64_t bytes, struct h5_description **description,
                              struct error *error);

#endif
