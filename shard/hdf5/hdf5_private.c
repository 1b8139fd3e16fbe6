#include "shard/hdf5/hdf5_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *advice(const struct h5_file *file)
{
    return file->writable ? "check the disk's space and permissions"
                          : "check the file with 'dail verify', or make it again";
}

enum status h5_fault(const struct h5_file *file, struct error *error, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(error, file->writable ? STATUS_STORAGE : STATUS_DATA, file->path, advice(file), "%s",
                     text);
}

void h5_list_free(char **names, size_t count)
{
    for (size_t i = 0; names && i < count; i++) {
        free(names[i]);
    }
    free(names);
}
