/* What the reading and the writing half of hdf5.h share, each half among its own files, and what hdf5.c, which
 * stands on both, calls of them. */
#ifndef DAIL_SHARD_HDF5_HDF5_PRIVATE_H
#define DAIL_SHARD_HDF5_HDF5_PRIVATE_H

#include "shard/hdf5/hdf5_description.h"

/* A fault: STATUS_STORAGE for a file being written, else STATUS_DATA; where is the file. */
enum status h5_fault(const struct h5_file *file, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- Writing --- */

/* A fault after a call of HDF5 failed: adds the innermost message of HDF5's own. */
enum status h5_write_fault(const struct h5_file *file, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Closing a file, an array, that was written. */
enum status h5_finish_file(struct h5_file *file, struct error *error);
enum status h5_finish_array(struct h5_array *array, struct error *error);

/* --- Reading --- */

/* Follows the links to an object; *object is NULL where there is none of that name. STATUS_DATA for a link
 * that is not followed and an object that HDF5 could not open. */
enum status h5_follow(const struct h5_file *file, const char *name, const struct h5_object **object,
                      struct error *error);
/* The same, and STATUS_DATA where there is none. */
enum status h5_find_object(const struct h5_file *file, const char *name, const struct h5_object **object,
                           struct error *error);
/* Closing a file that was read. */
void h5_release_file(struct h5_file *file);

#endif
