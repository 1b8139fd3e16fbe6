#include "worker/checkpoint/checkpoint_file.h"

#include "proto/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What an HDF5 file of ours holds beside its values, and a little more. */
#define METADATA_BYTES (16u << 10)
/* A file system with less than this is as good as full. */
#define FULL_BYTES (256u << 10)

enum status checkpoint_explain_failure(const char *path, struct error *error)
{
    struct statvfs system;
    char directory[PATH_SIZE];
    file_directory(path, directory);
    bool full = error && (strstr(error->what, strerror(ENOSPC)) || strstr(error->what, strerror(EDQUOT)));
    if (!full && statvfs(directory, &system) == 0) {
        full = (uint64_t)system.f_bavail * system.f_frsize < FULL_BYTES;
    }
    if (full) {
        return file_storage_error(error, path, "writing the checkpoint", ENOSPC);
    }
    if (error) {
        error->status = STATUS_STORAGE;
    }
    return STATUS_STORAGE;
}

enum status checkpoint_try_space(const char *path, uint64_t bytes, struct error *error)
{
    int file;
    enum status status = file_create(path, &file, error);
    if (status != STATUS_OK) {
        return status;
    }
    int number = fallocate(file, 0, 0, (off_t)(bytes + METADATA_BYTES)) == 0 ? 0 : errno;
    bool refused = number == ENOSPC || number == EDQUOT || number == EFBIG || number == EIO;
    close(file);
    unlink(path);
    if (refused) {
        return file_storage_error(error, path, "making room for the file", number);
    }
    return STATUS_OK;
}

enum status checkpoint_finish_part(const char *directory, const char *file, struct checkpoint_part *part,
                                   struct error *error)
{
    char path[PATH_SIZE];
    *part = (struct checkpoint_part){0};
    if ((size_t)snprintf(part->file, sizeof part->file, "%s", file) >= sizeof part->file) {
        return error_set(error, STATUS_STORAGE, directory, "give the dataset a shorter name",
                         "the file name %s is too long", file);
    }
    enum status status = file_join(directory, file, path, error);
    if (status == STATUS_OK) {
        status = file_sync(path, error);
    }
    if (status == STATUS_OK &&
        file_crc(path, FILE_LINKS_REFUSED, &part->bytes, &part->crc, error) != STATUS_OK) {
        if (error) {
            error->status = STATUS_STORAGE;
        }
        status = STATUS_STORAGE;
    }
    return status;
}

enum status checkpoint_close_part(struct h5_file *h5, const char *directory, const char *file,
                                  enum status written, struct checkpoint_part *part, struct error *error)
{
    char path[PATH_SIZE];
    enum status closed = h5_close_file(h5, written == STATUS_OK ? error : NULL);
    enum status status = written == STATUS_OK ? closed : written;
    if (file_join(directory, file, path, NULL) == STATUS_OK && status != STATUS_OK) {
        status = checkpoint_explain_failure(path, error);
    } else if (status == STATUS_OK) {
        status = checkpoint_finish_part(directory, file, part, error);
    }
    if (status != STATUS_OK) {
        unlink(path); /* what is there of it is worth nothing, and space may be short */
    }
    return status;
}

void checkpoint_show_progress(const struct checkpoint_progress *progress)
{
    if (progress) {
        progress->call(progress->context);
    }
}

bool checkpoint_name_is_plain(const char *name)
{
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        if (*c < 0x20 || *c == 0x7f || *c == '/' || *c == '\\') {
            return false;
        }
    }
    return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

enum status checkpoint_name_classifier(const char *directory, const char *dataset, uint32_t part,
                                       uint32_t parts, char *file, size_t size, struct error *error)
{
    int length = snprintf(file, size, "classifier-%s.%u-of-%u.h5", dataset, part, parts);
    if (!checkpoint_name_is_plain(dataset) || length < 0 || (size_t)length >= size) {
        return error_set(error, STATUS_STORAGE, directory, "pack the dataset again under a plain name",
                         "the dataset name \"%s\" cannot be part of a file's name", dataset);
    }
    return STATUS_OK;
}
