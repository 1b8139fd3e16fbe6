/* What keeps the process that looks into an HDF5 file (hdf5_child.h) from doing anything else, whatever a file makes HDF5
 * do: limits, and a filter of system calls. */
#ifndef DAIL_SHARD_HDF5_HDF5_CONFINE_H
#define DAIL_SHARD_HDF5_HDF5_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

/* AddressSanitizer reserves terabytes, and has settings of its own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define H5_SANITIZED 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define H5_SANITIZED 1
#endif

/* Where this is "off" in the environment, there is no filter: for emulators and kernels that have none. */
#define H5_CONFINE_SWITCH "DAIL_HDF5_SANDBOX"

/* Confines this process for good, which must have one thread and whose libraries are loaded. It ends with its parent;
 * computes for `seconds`, and takes 2 GB of memory, at most; has descriptors 0 to 2, and opens one file more, of which it
 * can let go no more; writes no file but those; and of the system is allowed what reading takes: no socket, no process,
 * no signal, no change of anything that has a name. What is not allowed fails with EPERM. False: it is not confined, and
 * `why` says what failed. */
bool h5_confine(unsigned seconds, char *why, size_t size);

#endif
