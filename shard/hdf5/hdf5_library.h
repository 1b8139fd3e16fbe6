/* The HDF5 library as every use of it here needs it: one thread at a time, quiet, without plugins. */
#ifndef DAIL_SHARD_HDF5_HDF5_LIBRARY_H
#define DAIL_SHARD_HDF5_HDF5_LIBRARY_H

#include "shard/hdf5/hdf5.h"

/* The calls as HDF5 1.10 has them, which later versions keep. */
#define H5_USE_110_API
#include <hdf5.h>

/* To be said first by every function that uses it: until it returns, no other thread is in HDF5, which serves
 * one at a time (as its own thread-safe build does). No printing and no plugins. May be nested. */
#define H5_ALONE __attribute__((cleanup(h5_leave), unused)) const bool h5_entered = h5_enter()
bool h5_enter(void);
void h5_leave(const bool *entered);

/* How files are opened: without locks, and closed with all that is open in them. H5Pclose closes it. */
hid_t h5_access_list(void);

/* HDF5's own innermost message of its last call, which failed; returns text[size]. */
const char *h5_library_message(char *text, size_t size);

hid_t h5_memory_type(enum h5_type type);
hid_t h5_file_type(enum h5_type type);

#endif
