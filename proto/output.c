#include "proto/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What `path` stands for, and the name that is written to. */
static enum status choose_names(struct output *output, const char *path, struct error *error)
{
    struct stat info;
    *output = (struct output){.descriptor = -1};
    int length = snprintf(output->written, sizeof output->written, "%s", path);
    if (length < 0 || (size_t)length >= sizeof output->written - sizeof ".tmp") {
        return file_storage_error(error, path, "naming the file", ENAMETOOLONG);
    }
    /* Through a link too, such as /dev/stdout. */
    output->direct = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    if (output->direct && S_ISDIR(info.st_mode)) {
        return file_storage_error(error, path, "writing the file", EISDIR);
    }
    if (output->direct) {
        memcpy(output->path, output->written, sizeof output->path);
        return file_refuse_links(path, error);
    }
    enum status status = file_follow_links(path, output->path, error);
    length = snprintf(output->written, sizeof output->written, "%s.tmp", output->path);
    if (status == STATUS_OK && (length < 0 || (size_t)length >= sizeof output->written)) {
        status = file_storage_error(error, path, "naming the file", ENAMETOOLONG);
    }
    return status;
}

enum status output_open(struct output *output, const char *path, struct error *error)
{
    enum status status = choose_names(output, path, error);
    if (status == STATUS_OK && output->direct) {
        output->descriptor = open(output->written, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (output->descriptor < 0) {
            status = file_storage_error(error, path, "opening the file", errno);
        }
    } else if (status == STATUS_OK) {
        status = file_create(output->written, &output->descriptor, error);
    }
    if (status != STATUS_OK) {
        output->written[0] = '\0';
    }
    return status;
}

enum status output_prepare(struct output *output, const char *path, struct error *error)
{
    enum status status = choose_names(output, path, error);
    if (status == STATUS_OK && output->direct) {
        status = error_set(error, STATUS_USAGE, path, "name a file",
                           "HDF5 is written to plain files alone, and this is a device or a pipe");
    } else if (status == STATUS_OK) {
        status = file_make_way(output->written, error);
    }
    if (status != STATUS_OK) {
        output->written[0] = '\0'; /* what has the name is not ours to remove */
    }
    return status;
}

enum status output_close(struct output *output, enum status status, struct error *error)
{
    if (output->written[0] == '\0') {
        return status;
    }
    if (output->descriptor >= 0 && close(output->descriptor) != 0 && status == STATUS_OK) {
        status = file_storage_error(error, output->path, "closing the file", errno);
    }
    if (!output->direct) {
        status = status == STATUS_OK ? file_sync(output->written, error) : status;
        status = status == STATUS_OK ? file_rename(output->written, output->path, error) : status;
        if (status != STATUS_OK) {
            unlink(output->written);
        }
    }
    *output = (struct output){.descriptor = -1};
    return status;
}

enum status file_write_atomic(const char *path, const void *bytes, size_t size, struct error *error)
{
    struct output output;
    enum status status = output_open(&output, path, error);
    if (status == STATUS_OK) {
        status = file_write_all(output.descriptor, bytes, size, path, error);
    }
    return output_close(&output, status, error);
}

enum status file_write_printed(const char *path, FILE *stream, char **text, const size_t *size,
                               struct error *error)
{
    bool printed = stream && ferror(stream) == 0;
    printed = stream && fclose(stream) == 0 && printed;
    enum status status =
        printed ? file_write_atomic(path, *text, *size, error) : error_no_memory(error, path);
    free(*text);
    *text = NULL;
    return status;
}
