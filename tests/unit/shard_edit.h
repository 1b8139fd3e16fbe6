/* Changes within finished HDF5 files, by HDF5 itself: faults that no writer of ours makes. */
#ifndef DAIL_TESTS_UNIT_SHARD_EDIT_H
#define DAIL_TESTS_UNIT_SHARD_EDIT_H

#include "tests/unit/shard_scratch.h"

#include <hdf5.h>

static inline hid_t edit_open(const char *path)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    assert_true(H5Pset_file_locking(list, 0, 1) >= 0);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, list);
    H5Pclose(list);
    assert_true(file >= 0);
    return file;
}

/* Sets element `index` (C order) of an integer array. */
static inline void edit_element(const char *path, const char *name, size_t index, uint64_t value)
{
    hid_t file = edit_open(path);
    hid_t array = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(array);
    size_t count = (size_t)H5Sget_simple_extent_npoints(space);
    uint64_t *values = calloc(count, sizeof *values);
    assert_true(index < count);
    assert_true(H5Dread(array, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    values[index] = value;
    assert_true(H5Dwrite(array, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    free(values);
    H5Sclose(space);
    H5Dclose(array);
    assert_true(H5Fclose(file) >= 0);
}

/* Sets a whole number among the root's attributes. */
static inline void edit_attribute(const char *path, const char *name, uint64_t value)
{
    hid_t file = edit_open(path);
    hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_UINT64, &value) >= 0);
    H5Aclose(attribute);
    assert_true(H5Fclose(file) >= 0);
}

static inline void edit_remove(const char *path, const char *name)
{
    hid_t file = edit_open(path);
    assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
    assert_true(H5Fclose(file) >= 0);
}

/* Replaces an object by a link to one of that name in another file. */
static inline void edit_link(const char *path, const char *name, const char *target)
{
    edit_remove(path, name);
    hid_t file = edit_open(path);
    assert_true(H5Lcreate_external(target, name, file, name, H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Fclose(file) >= 0);
}

#endif
