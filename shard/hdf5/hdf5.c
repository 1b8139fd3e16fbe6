#include "shard/hdf5/hdf5_private.h"

#include <string.h>

enum status h5_check_format(const struct h5_file *file, const char *format, uint64_t version,
                            struct error *error)
{
    char found[64];
    uint64_t number = 0;
    enum status status = h5_get_string(file, "/", "dail_format", found, sizeof found, error);
    if (status == STATUS_OK && strcmp(found, format) != 0) {
        return error_set(error, STATUS_DATA, file->path, "check which file is meant",
                         "this file is of format '%s' where '%s' is needed", found, format);
    }
    if (status == STATUS_OK) {
        status = h5_get_uint(file, "/", "version", UINT32_MAX, &number, error);
    }
    if (status == STATUS_OK && number > version) {
        return error_set(
            error, STATUS_DATA, file->path, "use a newer program, or make the file again",
            "this is a %s file of version %llu, newer than the version %llu that this program reads", format,
            (unsigned long long)number, (unsigned long long)version);
    }
    if (status == STATUS_OK && number == 0) {
        status = h5_fault(file, error, "there is no version 0 of %s files", format);
    }
    return status;
}

enum status h5_close_file(struct h5_file *file, struct error *error)
{
    if (file->writable) {
        return h5_finish_file(file, error);
    }
    h5_release_file(file);
    return STATUS_OK;
}

enum status h5_close_array(struct h5_array *array, struct error *error)
{
    enum status status = array->id > 0 ? h5_finish_array(array, error) : STATUS_OK;
    array->id = 0;
    array->object = NULL;
    return status;
}
