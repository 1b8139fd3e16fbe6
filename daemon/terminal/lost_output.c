#include "daemon/terminal/lost_output.h"

#include "proto/file.h"

#include <errno.h>
#include <stdio.h>

enum status lost_output_check(struct error *error)
{
    errno = 0;
    if (fflush(stdout) != 0) {
        return file_storage_error(error, "standard output", "writing", errno);
    }
    if (ferror(stdout)) {
        return error_set(error, STATUS_STORAGE, "standard output", "free some space, or send it elsewhere",
                         "not all of the output could be written");
    }
    return STATUS_OK;
}
