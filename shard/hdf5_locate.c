#include "shard/hdf5_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Takes HDF5's own descriptor rather than opening the path again: surely the same file. */
static enum status duplicate_descriptor(const struct h5_file *file, int *descriptor, struct error *error)
{
    void *handle = NULL;
    if (H5Fget_vfd_handle(file->id, H5P_DEFAULT, &handle) < 0 || handle == NULL)
        return h5_library_fault(file, error, "cannot reach the open file");
    *descriptor = fcntl(*(int *)handle, F_DUPFD_CLOEXEC, 3);
    if (*descriptor < 0)
        return h5_fault(file, error, "cannot reach the open file: %s", strerror(errno));
    return STATUS_OK;
}

/* Addresses in the file are offsets in it only where nothing was put before HDF5's own beginning. */
static enum status check_user_block(const struct h5_file *file, struct error *error)
{
    hid_t list = H5Fget_create_plist(file->id);
    hsize_t size = 1;
    enum status status = STATUS_OK;
    if (list < 0 || H5Pget_userblock(list, &size) < 0 || size != 0)
        status = h5_fault(file, error, "the file has a user block, which is refused");
    if (list >= 0)
        H5Pclose(list);
    return status;
}

static enum status chunk_size(const struct h5_array *array, hid_t list, hsize_t *size, struct error *error)
{
    if (H5Pget_nfilters(list) != 0)
        return h5_fault(array->file, error, "%s is compressed, which is refused", array->name);
    *size = array->dims[0];
    if (H5Pget_layout(list) == H5D_COMPACT)
        return h5_fault(array->file, error, "%s has the compact layout, which is refused", array->name);
    if (H5Pget_layout(list) == H5D_CHUNKED && (H5Pget_chunk(list, 1, size) != 1 || *size == 0))
        return h5_library_fault(array->file, error, "cannot read the layout of %s", array->name);
    return STATUS_OK;
}

static enum status locate_pieces(const struct h5_array *array, struct h5_location *location, bool chunked,
                                 uint64_t file_bytes, struct error *error)
{
    for (uint64_t i = 0; i < location->pieces; i++) {
        hsize_t start[1] = {i * location->piece_bytes}, stored = 0;
        haddr_t address = HADDR_UNDEF;
        unsigned mask;
        if (!chunked)
            address = H5Dget_offset(array->id);
        else if (H5Dget_chunk_info_by_coord(array->id, start, &mask, &address, &stored) < 0)
            return h5_library_fault(array->file, error, "cannot find piece %llu of %s", (unsigned long long)i,
                                    array->name);
        uint64_t used = array->dims[0] - start[0];
        used = used < location->piece_bytes ? used : location->piece_bytes;
        if (address == HADDR_UNDEF || address > file_bytes || used > file_bytes - address)
            return h5_fault(array->file, error, "bytes %llu to %llu of %s are not within the file",
                            (unsigned long long)start[0], (unsigned long long)(start[0] + used), array->name);
        location->piece[i] = address;
    }
    return STATUS_OK;
}

static enum status locate(const struct h5_array *array, hid_t list, struct h5_location *location,
                          struct error *error)
{
    hsize_t size;
    struct stat file;
    enum status status = check_user_block(array->file, error);
    if (status == STATUS_OK)
        status = chunk_size(array, list, &size, error);
    if (status == STATUS_OK)
        status = duplicate_descriptor(array->file, &location->descriptor, error);
    if (status != STATUS_OK)
        return status;
    if (fstat(location->descriptor, &file) != 0)
        return h5_fault(array->file, error, "cannot read the file's size: %s", strerror(errno));
    uint64_t bytes = array->dims[0];
    if (bytes > (uint64_t)file.st_size)
        return h5_fault(array->file, error, "%s says it has %llu bytes and the file has %lld", array->name,
                        (unsigned long long)bytes, (long long)file.st_size);
    location->piece_bytes = size;
    location->pieces = size == 0 ? 0 : bytes / size + (bytes % size != 0);
    location->piece = malloc((size_t)(location->pieces + 1) * sizeof *location->piece);
    if (location->piece == NULL)
        return error_set(error, STATUS_INTERNAL, array->file->path, NULL, "no memory to locate %s",
                         array->name);
    return locate_pieces(array, location, H5Pget_layout(list) == H5D_CHUNKED, (uint64_t)file.st_size, error);
}

enum status h5_locate(const struct h5_array *array, struct h5_location *location, struct error *error)
{
    H5_ALONE;
    *location = (struct h5_location){.descriptor = -1};
    if (array->type != H5_TYPE_U8 || array->rank != 1)
        return h5_fault(array->file, error, "%s is not a uint8 array of one dimension", array->name);
    hid_t list = H5Dget_create_plist(array->id);
    if (list < 0)
        return h5_library_fault(array->file, error, "cannot read the layout of %s", array->name);
    enum status status = locate(array, list, location, error);
    H5Pclose(list);
    if (status != STATUS_OK) {
        if (location->descriptor >= 0)
            close(location->descriptor);
        free(location->piece);
        *location = (struct h5_location){.descriptor = -1};
    }
    return status;
}
