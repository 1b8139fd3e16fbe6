/* What hdf5.c and hdf5_attribute.c share. Private to shard/. */
#ifndef DAIL_SHARD_HDF5_PRIVATE_H
#define DAIL_SHARD_HDF5_PRIVATE_H

#include "shard/hdf5.h"

#include <hdf5.h>

/* To be said first by every public function: until it returns, no other thread is in HDF5, which serves one
 * at a time (as its own thread-safe build does). No printing and no plugins. May be nested. */
#define H5_ALONE __attribute__((cleanup(h5_leave), unused)) const bool h5_entered = h5_enter()
bool h5_enter(void);
void h5_leave(const bool *entered);

/* A fault of ours: STATUS_STORAGE for a file being written, else STATUS_DATA; where is the file. */
enum status h5_fault(const struct h5_file *file, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same after an HDF5 call failed: adds the innermost message of HDF5's own. */
enum status h5_library_fault(const struct h5_file *file, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Opens a group or an array, following hard links only; H5Oclose closes it. */
enum status h5_open_object(const struct h5_file *file, const char *name, hid_t *id, struct error *error);

#endif
