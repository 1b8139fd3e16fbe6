/* HDF5 files as the process that reads them meets them: bytes, and what another process says of them
 * (shard/hdf5/hdf5_description.h). Both are of any contents, since that process may have been led to say
 * anything. An input is the description's length as u32, little-endian, the description, and the file. With
 * these in place of shard/hdf5/hdf5_child.c no process is started, and HDF5 itself takes no part. */
#ifndef DAIL_TESTS_FUZZ_HDF5_DESCRIBED_H
#define DAIL_TESTS_FUZZ_HDF5_DESCRIBED_H

#include "tests/fuzz/fuzz.h"

/* Takes the description off an input, which leaves the file; it is that of every HDF5 file opened until the
 * next call. */
void hdf5_described_take(const uint8_t **data, size_t *size);

/* As LLVMFuzzerCustomMutator: changes fields, and records as wholes, mostly so that it remains a description.
 */
size_t hdf5_described_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
