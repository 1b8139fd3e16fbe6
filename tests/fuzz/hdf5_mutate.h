/* Changes to HDF5 files by HDF5 itself: attributes and arrays of other values, types, shapes and layouts,
 * links instead of objects. What comes out is a sound HDF5 file of any contents, or one that was cut off, so
 * that it is our own checks that meet it: of bytes changed at random the library itself (1.10.8) crashes
 * before any check of ours. Each target over an HDF5 file calls it from its LLVMFuzzerCustomMutator. */
#ifndef DAIL_TESTS_FUZZ_HDF5_MUTATE_H
#define DAIL_TESTS_FUZZ_HDF5_MUTATE_H

#include "tests/fuzz/fuzz.h"

/* As LLVMFuzzerCustomMutator. */
size_t hdf5_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
