#include "tests/fuzz/hdf5_mutate.h"

#include <hdf5.h>
#include <stdbool.h>

enum { OBJECTS_MAX = 128, NAME_SIZE = 128, VALUES_MAX = 1 << 16, CHANGES_MAX = 3 };

/* What links and storage outside the file name: there on every machine, and nobody can write to it. */
static const char outside[] = "/proc/self/status";

/* A file in memory that is being changed. */
struct change {
    hid_t file;
    unsigned random;
    char object[OBJECTS_MAX][NAME_SIZE]; /* paths of all groups and arrays */
    unsigned objects;
    uint8_t values[VALUES_MAX];
};

static unsigned draw(struct change *change, unsigned below)
{
    change->random = change->random * 1664525u + 1013904223u;
    return (change->random >> 8) % below;
}

static herr_t collect(hid_t root, const char *name, const H5L_info_t *info, void *context)
{
    struct change *change = context;
    (void)root;
    /* What any other link leads to may lie in another file, and would be opened to be written to. */
    if (info->type == H5L_TYPE_HARD && change->objects < OBJECTS_MAX && strlen(name) + 2 < NAME_SIZE) {
        snprintf(change->object[change->objects++], NAME_SIZE, "/%s", name);
    }
    return 0;
}

static bool open_image(struct change *change, uint8_t *data, size_t size)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(list, 4096, false);
    H5Pset_file_image(list, data, size);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
    change->file = H5Fopen("fuzz", H5F_ACC_RDWR, list);
    H5Pclose(list);
    change->objects = 1;
    strcpy(change->object[0], "/");
    return change->file >= 0 && H5Lvisit(change->file, H5_INDEX_NAME, H5_ITER_INC, collect, change) >= 0;
}

/* --- Attributes --- */

static hid_t any_type(struct change *change)
{
    const hid_t types[] = {H5T_STD_U8LE,   H5T_STD_I32BE,  H5T_STD_U32LE, H5T_STD_U64LE, H5T_STD_I64LE,
                           H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_B16LE, H5T_C_S1};
    hid_t type = H5Tcopy(types[draw(change, sizeof types / sizeof *types)]);
    if (H5Tget_class(type) == H5T_STRING) {
        const unsigned width = draw(change, 40);
        H5Tset_size(type, width == 0 ? H5T_VARIABLE : width);
        H5Tset_strpad(type, width % 2 ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
    }
    return type;
}

static hid_t any_space(struct change *change)
{
    hsize_t dims[3] = {draw(change, 6), draw(change, 4), 1};
    const unsigned rank = draw(change, 5);
    return rank == 0   ? H5Screate(H5S_SCALAR)
           : rank == 4 ? H5Screate(H5S_NULL)
                       : H5Screate_simple((int)rank, dims, NULL);
}

static void put_attribute(struct change *change, hid_t object, const char *name)
{
    static const char *const texts[] = {"", "shard", "pairs", "model", "classifier", "mixed", "png", "../x"};
    const char *text = texts[draw(change, sizeof texts / sizeof *texts)];
    hid_t type = any_type(change), space = any_space(change);
    memset(change->values, 0, 4096);
    snprintf((char *)change->values, 64, "%s", text);
    const char *pointers[64];
    for (int i = 0; i < 64; i++) {
        pointers[i] = text;
    }
    H5Adelete(object, name);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) {
        H5Awrite(attribute, type, H5Tis_variable_str(type) > 0 ? (const void *)pointers : change->values);
        H5Aclose(attribute);
    }
    H5Sclose(space);
    H5Tclose(type);
}

/* Other bytes for the same value. */
static void change_value(struct change *change, hid_t attribute)
{
    hid_t type = H5Aget_type(attribute);
    const size_t size = (size_t)H5Aget_storage_size(attribute);
    if (size > 0 && size <= VALUES_MAX && H5Tis_variable_str(type) <= 0 &&
        H5Aread(attribute, type, change->values) >= 0) {
        LLVMFuzzerMutate(change->values, size, size);
        H5Awrite(attribute, type, change->values);
    }
    H5Tclose(type);
}

static void change_attribute(struct change *change)
{
    char name[NAME_SIZE] = "";
    hid_t object = H5Oopen(change->file, change->object[draw(change, change->objects)], H5P_DEFAULT);
    const int count = object < 0 ? 0 : H5Aget_num_attrs(object);
    if (count > 0 && H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC,
                                        draw(change, (unsigned)count), name, sizeof name, H5P_DEFAULT) >= 0) {
        const unsigned kind = draw(change, 8);
        hid_t attribute = kind < 5 ? H5Aopen(object, name, H5P_DEFAULT) : H5I_INVALID_HID;
        if (attribute >= 0) {
            change_value(change, attribute);
            H5Aclose(attribute);
        } else if (kind == 5) {
            H5Adelete(object, name);
        } else {
            put_attribute(change, object, name);
        }
    }
    if (object >= 0) {
        H5Oclose(object);
    }
}

/* --- Arrays --- */

/* HDF5 writes to whatever file an array's storage names, as whoever runs this: such an array is left alone.
 */
static bool lies_in_file(hid_t array)
{
    hid_t list = H5Dget_create_plist(array);
    const bool inside = list >= 0 && H5Pget_external_count(list) == 0 && H5Pget_layout(list) != H5D_VIRTUAL;
    H5Pclose(list);
    return inside;
}

/* Other values in the same array. */
static void change_values(struct change *change, hid_t array)
{
    if (!lies_in_file(array)) {
        return;
    }
    hid_t type = H5Dget_type(array), space = H5Dget_space(array);
    const size_t width = H5Tget_size(type);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count > 0 && (size_t)count <= VALUES_MAX / width && H5Tis_variable_str(type) <= 0 &&
        H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, change->values) >= 0) {
        const size_t size = (size_t)count * width;
        if (draw(change, 2) == 0) {
            uint8_t *value = change->values + (size_t)draw(change, (unsigned)count) * width;
            LLVMFuzzerMutate(value, width, width);
        } else {
            LLVMFuzzerMutate(change->values, size, size);
        }
        H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, change->values);
    }
    H5Sclose(space);
    H5Tclose(type);
}

/* Storage of an array: in the file in some layout, in another file, or composed of another file's. */
static void set_layout(struct change *change, hid_t list, hid_t space)
{
    hsize_t dims[H5S_MAX_RANK];
    const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    const unsigned kind = draw(change, 8);
    for (int i = 0; i < rank; i++) {
        dims[i] = kind == 7 ? 1u << 28 : 1 + draw(change, 16);
    }
    if (kind == 0) {
        H5Pset_layout(list, H5D_COMPACT);
    } else if (kind == 1) {
        H5Pset_external(list, outside, 0, H5F_UNLIMITED);
    } else if (kind == 2) {
        H5Pset_virtual(list, space, outside, "/image", space);
    } else if (kind > 3 && rank > 0) {
        H5Pset_chunk(list, rank, dims);
        if (kind == 5) {
            H5Pset_shuffle(list);
            H5Pset_deflate(list, 1);
        } else if (kind == 6) {
            H5Pset_fletcher32(list);
        }
    }
}

static hid_t array_space(struct change *change, hid_t array)
{
    hsize_t dims[H5S_MAX_RANK], limits[H5S_MAX_RANK];
    hid_t space = H5Dget_space(array);
    const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    if (draw(change, 2) == 0 || rank < 1) {
        return space;
    }
    H5Sclose(space);
    const int i = (int)draw(change, (unsigned)rank);
    const hsize_t sizes[] = {
        0, 1, dims[i] + 1, dims[i] > 0 ? dims[i] - 1 : 0, (hsize_t)1 << 32, (hsize_t)1 << 62};
    dims[i] = sizes[draw(change, sizeof sizes / sizeof *sizes)];
    for (int k = 0; k < rank; k++) {
        limits[k] = dims[k];
    }
    return H5Screate_simple(rank, dims, limits);
}

/* The same name for an array of another type, shape or layout. */
static void replace_array(struct change *change, hid_t array, const char *name)
{
    hid_t space = draw(change, 4) == 0 ? any_space(change) : array_space(change, array);
    hid_t type = draw(change, 4) == 0 ? any_type(change) : H5Dget_type(array);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    hid_t own = H5Dget_type(array);
    hid_t own_space = H5Dget_space(array);
    const hssize_t count = H5Sget_simple_extent_npoints(own_space);
    const bool kept = count > 0 && H5Tis_variable_str(own) <= 0 &&
                      (size_t)count <= VALUES_MAX / H5Tget_size(own) &&
                      H5Dread(array, own, H5S_ALL, H5S_ALL, H5P_DEFAULT, change->values) >= 0;
    const bool fits = H5Sget_simple_extent_npoints(space) == count && H5Tequal(own, type) > 0;
    set_layout(change, list, space);
    H5Ldelete(change->file, name, H5P_DEFAULT);
    hid_t made = H5Dcreate2(change->file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (made >= 0) {
        if (kept && fits && lies_in_file(made)) {
            H5Dwrite(made, own, H5S_ALL, H5S_ALL, H5P_DEFAULT, change->values);
        }
        H5Dclose(made);
    }
    H5Sclose(own_space);
    H5Tclose(own);
    H5Pclose(list);
    H5Tclose(type);
    H5Sclose(space);
}

static void change_array(struct change *change)
{
    const char *name = change->object[draw(change, change->objects)];
    hid_t array = H5Dopen2(change->file, name, H5P_DEFAULT);
    if (array < 0) {
        return;
    }
    if (draw(change, 3) > 0) {
        change_values(change, array);
    } else {
        replace_array(change, array, name);
    }
    H5Dclose(array);
}

/* --- Links --- */

static void change_link(struct change *change)
{
    const char *name = change->object[draw(change, change->objects)];
    const char *other = change->object[draw(change, change->objects)];
    const unsigned kind = draw(change, 6);
    if (strcmp(name, "/") == 0) {
        return;
    }
    if (kind == 0) {
        H5Lmove(change->file, name, change->file, "/moved", H5P_DEFAULT, H5P_DEFAULT);
        return;
    }
    H5Ldelete(change->file, name, H5P_DEFAULT);
    if (kind == 1) {
        H5Lcreate_soft(other, change->file, name, H5P_DEFAULT, H5P_DEFAULT);
    } else if (kind == 2) {
        H5Lcreate_external(outside, other, change->file, name, H5P_DEFAULT, H5P_DEFAULT);
    } else if (kind == 3) {
        H5Lcreate_hard(change->file, other, change->file, name, H5P_DEFAULT, H5P_DEFAULT);
    } else if (kind == 4) {
        H5Gclose(H5Gcreate2(change->file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
}

static void change_once(struct change *change)
{
    const unsigned kind = draw(change, 8);
    if (kind < 3) {
        change_attribute(change);
    } else if (kind < 7) {
        change_array(change);
    } else {
        change_link(change);
    }
}

size_t hdf5_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static struct change change;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    change.random = seed;
    size_t written = 0;
    change.file = H5I_INVALID_HID;
    if (draw(&change, 32) == 0) {
        return draw(&change, (unsigned)size + 1);
    }
    if (open_image(&change, data, size)) {
        for (unsigned i = 1 + draw(&change, CHANGES_MAX); i > 0; i--) {
            change_once(&change);
        }
        H5Fflush(change.file, H5F_SCOPE_GLOBAL);
        const ssize_t length = H5Fget_file_image(change.file, NULL, 0);
        if (length > 0 && (size_t)length <= max_size) {
            written = (size_t)H5Fget_file_image(change.file, data, max_size);
        }
    }
    if (change.file >= 0) {
        H5Fclose(change.file);
    }
    return written > 0 ? written : size;
}
