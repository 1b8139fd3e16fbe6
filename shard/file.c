#include "shard/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK ((size_t)1 << 20)

enum status file_join(const char *directory, const char *name, char *path, struct error *error)
{
    bool alone = name[0] == '/' || directory[0] == 0;
    bool slash = !alone && directory[strlen(directory) - 1] != '/';
    int length = snprintf(path, FILE_PATH_MAX, "%s%s%s", alone ? "" : directory, slash ? "/" : "", name);
    if (length < 0 || length >= FILE_PATH_MAX)
        return error_set(error, STATUS_DATA, name, "use a shorter path", "the path is too long");
    return STATUS_OK;
}

void file_directory(const char *path, char *directory)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(directory, FILE_PATH_MAX, ".");
    else
        snprintf(directory, FILE_PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

bool file_exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

bool file_is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static enum status unreadable(const char *path, struct error *error)
{
    return error_set(error, STATUS_DATA, path, "check the path and its permissions",
                     "cannot read the file: %s", strerror(errno));
}

static enum status unwritable(const char *path, const char *what, struct error *error)
{
    return error_set(error, STATUS_STORAGE, path, "check the disk's space and permissions", "cannot %s: %s",
                     what, strerror(errno));
}

enum status file_crc(const char *path, uint64_t *bytes, uint32_t *crc, struct error *error)
{
    *bytes = 0;
    *crc = 0;
    uint8_t *block = malloc(BLOCK);
    if (block == NULL)
        return error_set(error, STATUS_INTERNAL, path, NULL, "no memory to read the file");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = descriptor < 0 ? -1 : 1;
    uLong sum = crc32(0, NULL, 0);
    while (count > 0) {
        count = read(descriptor, block, BLOCK);
        if (count > 0) {
            sum = crc32(sum, block, (uInt)count);
            *bytes += (uint64_t)count;
        }
    }
    enum status status = count < 0 ? unreadable(path, error) : STATUS_OK;
    if (descriptor >= 0)
        close(descriptor);
    free(block);
    *crc = (uint32_t)sum;
    return status;
}

static enum status read_open(int descriptor, const char *path, uint64_t most, char **bytes, size_t *size,
                             struct error *error)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return unreadable(path, error);
    if (!S_ISREG(status.st_mode))
        return error_set(error, STATUS_DATA, path, "check the path", "this is not a regular file");
    if ((uint64_t)status.st_size > most)
        return error_set(error, STATUS_DATA, path, "check the path",
                         "the file has %lld bytes, and at most %llu are read", (long long)status.st_size,
                         (unsigned long long)most);
    *bytes = malloc((size_t)status.st_size + 1);
    if (*bytes == NULL)
        return error_set(error, STATUS_INTERNAL, path, NULL, "no memory to read the file");
    while (*size < (size_t)status.st_size) {
        ssize_t count = read(descriptor, *bytes + *size, (size_t)status.st_size - *size);
        if (count < 0)
            return unreadable(path, error);
        if (count == 0)
            break;
        *size += (size_t)count;
    }
    (*bytes)[*size] = 0;
    return STATUS_OK;
}

enum status file_read(const char *path, uint64_t most, char **bytes, size_t *size, struct error *error)
{
    *bytes = NULL;
    *size = 0;
    /* Not blocking: a named pipe must not hang us; it is refused as not regular. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return unreadable(path, error);
    enum status status = read_open(descriptor, path, most, bytes, size, error);
    close(descriptor);
    if (status != STATUS_OK) {
        free(*bytes);
        *bytes = NULL;
        *size = 0;
    }
    return status;
}

enum status file_make_directory(const char *path, struct error *error)
{
    char prefix[FILE_PATH_MAX];
    int length = snprintf(prefix, sizeof prefix, "%s", path);
    if (length < 0 || (size_t)length >= sizeof prefix)
        return error_set(error, STATUS_STORAGE, path, "use a shorter path", "the path is too long");
    for (size_t end = 1; end <= (size_t)length; end++) {
        end += strcspn(prefix + end, "/");
        char rest = prefix[end];
        prefix[end] = 0;
        if (mkdir(prefix, 0777) != 0 && errno != EEXIST)
            return unwritable(prefix, "make the directory", error);
        prefix[end] = rest;
    }
    if (!file_is_directory(path)) {
        errno = ENOTDIR;
        return unwritable(path, "make the directory", error);
    }
    return STATUS_OK;
}

enum status file_sync(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return unwritable(path, "sync", error);
    /* Some network file systems cannot sync a directory, and say so with EINVAL. */
    bool done = fsync(descriptor) == 0 || errno == EINVAL;
    enum status status = done ? STATUS_OK : unwritable(path, "sync", error);
    close(descriptor);
    return status;
}

enum status file_rename(const char *from, const char *to, struct error *error)
{
    char directory[FILE_PATH_MAX];
    if (rename(from, to) != 0)
        return unwritable(to, "rename the finished file", error);
    file_directory(to, directory);
    return file_sync(directory, error);
}
