#include "worker/checkpoint/checkpoint_file.h"

#include "proto/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

#define CRC_BLOCK (1u << 16)
/* What an HDF5 file of ours holds beside its values, and a little more. */
#define METADATA_BYTES (16u << 10)
/* A file system with less than this is as good as full. */
#define FULL_BYTES (256u << 10)

static const char no_space_next[] =
    "free space there, lower checkpoint.keep, or move run.dir to a larger file system";

enum status checkpoint_storage_error(const char *path, const char *what, int number, struct error *error)
{
    if (number == ENOSPC || number == EDQUOT) {
        return error_set(error, STATUS_STORAGE, path, no_space_next, "no space left: %s: %s", what,
                         strerror(number));
    }
    return error_set(error, STATUS_STORAGE, path, "check the directory's permissions and file system",
                     "%s: %s", what, strerror(number));
}

enum status checkpoint_explain_failure(const char *path, struct error *error)
{
    struct statvfs system;
    char directory[1024];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash) {
        *slash = '\0';
    }
    bool full = error && (strstr(error->what, strerror(ENOSPC)) || strstr(error->what, strerror(EDQUOT)));
    if (!full && statvfs(slash ? directory : ".", &system) == 0) {
        full = (uint64_t)system.f_bavail * system.f_frsize < FULL_BYTES;
    }
    if (full) {
        return error_set(error, STATUS_STORAGE, path, no_space_next, "no space left to write the checkpoint");
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
        return checkpoint_storage_error(path, "cannot make room for the file", number, error);
    }
    return STATUS_OK;
}

enum status checkpoint_make_directory(const char *path, struct error *error)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return checkpoint_storage_error(path, "cannot make the directory", errno, error);
    }
    return STATUS_OK;
}

enum status checkpoint_sync(const char *path, struct error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return checkpoint_storage_error(path, "cannot open", errno, error);
    }
    enum status status = STATUS_OK;
    /* Some file systems cannot sync a directory, and need not. */
    if (fsync(file) != 0 && errno != EINVAL) {
        status = checkpoint_storage_error(path, "cannot sync", errno, error);
    }
    close(file);
    return status;
}

static enum status unreadable(const char *path, int number, struct error *error)
{
    return error_set(error, STATUS_DATA, path, "the checkpoint is damaged: resume from an earlier one",
                     "cannot read the file: %s", strerror(number));
}

static enum status open_regular(const char *path, int *file, uint64_t *bytes, struct error *error)
{
    struct stat status;
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*file < 0) {
        return unreadable(path, errno, error);
    }
    if (fstat(*file, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(*file);
        return unreadable(path, EINVAL, error);
    }
    *bytes = (uint64_t)status.st_size;
    return STATUS_OK;
}

enum status checkpoint_file_size(const char *path, uint64_t *bytes, struct error *error)
{
    int file;
    enum status status = open_regular(path, &file, bytes, error);
    if (status == STATUS_OK) {
        close(file);
    }
    return status;
}

enum status checkpoint_file_crc(const char *path, uint64_t *bytes, uint32_t *crc, struct error *error)
{
    unsigned char block[CRC_BLOCK];
    int file;
    enum status status = open_regular(path, &file, bytes, error);
    if (status != STATUS_OK) {
        return status;
    }
    uLong sum = crc32(0, NULL, 0);
    ssize_t got;
    *bytes = 0;
    while ((got = read(file, block, sizeof block)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            status = unreadable(path, errno, error);
            break;
        }
        sum = crc32(sum, block, (uInt)got);
        *bytes += (uint64_t)got;
    }
    *crc = (uint32_t)sum;
    close(file);
    return status;
}

enum status checkpoint_finish_part(const char *directory, const char *file, struct checkpoint_part *part,
                                   struct error *error)
{
    char path[1024];
    *part = (struct checkpoint_part){0};
    if ((size_t)snprintf(part->file, sizeof part->file, "%s", file) >= sizeof part->file) {
        return error_set(error, STATUS_STORAGE, directory, "give the dataset a shorter name",
                         "the file name %s is too long", file);
    }
    enum status status = checkpoint_join(directory, file, path, sizeof path, error);
    if (status == STATUS_OK) {
        status = checkpoint_sync(path, error);
    }
    if (status == STATUS_OK && checkpoint_file_crc(path, &part->bytes, &part->crc, error) != STATUS_OK) {
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
    char path[1024];
    enum status closed = h5_close_file(h5, written == STATUS_OK ? error : NULL);
    enum status status = written == STATUS_OK ? closed : written;
    snprintf(path, sizeof path, "%s/%s", directory, file);
    if (status != STATUS_OK) {
        status = checkpoint_explain_failure(path, error);
    } else {
        status = checkpoint_finish_part(directory, file, part, error);
    }
    if (status != STATUS_OK) {
        unlink(path); /* what is there of it is worth nothing, and space may be short */
    }
    return status;
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

enum status checkpoint_join(const char *directory, const char *file, char *path, size_t size,
                            struct error *error)
{
    int length = snprintf(path, size, "%s/%s", directory, file);
    if (length < 0 || (size_t)length >= size) {
        return error_set(error, STATUS_STORAGE, directory, "use a shorter run.dir", "the path is too long");
    }
    return STATUS_OK;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

enum status checkpoint_remove_tree(const char *path, struct error *error)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        return checkpoint_storage_error(path, "cannot remove", errno, error);
    }
    return STATUS_OK;
}
