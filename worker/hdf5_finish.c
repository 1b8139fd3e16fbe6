#include "worker/hdf5_finish.h"

#include <errno.h>
#include <hdf5.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Puts memory in the place of the file behind an HDF5 handle. What is still to be written there is the little
 * that HDF5 kept back; untouched parts of it take no memory. */
static void divert(const struct h5_file *file)
{
    int *descriptor = NULL;
    hid_t access = H5Fget_access_plist((hid_t)file->id);
    if (access >= 0 && H5Pget_driver(access) == H5FD_SEC2 &&
        H5Fget_vfd_handle((hid_t)file->id, H5P_DEFAULT, (void **)&descriptor) >= 0 && descriptor) {
        int memory = memfd_create("abandoned", MFD_CLOEXEC);
        if (memory >= 0) {
            dup2(memory, *descriptor);
            close(memory);
        }
    }
    if (access >= 0) {
        H5Pclose(access);
    }
}

static enum status flush(const struct h5_file *file, struct error *error)
{
    errno = 0;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (H5Fflush((hid_t)file->id, H5F_SCOPE_GLOBAL) < 0) {
        return error_set(error, STATUS_STORAGE, file->path,
                         "check the space and the permissions of the file system",
                         "cannot write the file: %s", strerror(errno ? errno : EIO));
    }
    return STATUS_OK;
}

enum status hdf5_finish(struct h5_file *file, enum status written, struct error *error)
{
    if (file->id <= 0) {
        return written;
    }
    enum status status = written == STATUS_OK ? flush(file, error) : written;
    if (status != STATUS_OK) {
        divert(file);
        h5_close_file(file, NULL);
        return status;
    }
    return h5_close_file(file, error);
}
