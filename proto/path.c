#include "proto/path.h"

#include "proto/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK ((size_t)1 << 20)

enum status path_join(const char *directory, const char *name, char *path, struct error *error)
{
    bool alone = name[0] == '/' || directory[0] == 0;
    bool slash = !alone && directory[strlen(directory) - 1] != '/';
    int length = snprintf(path, PATH_SIZE, "%s%s%s", alone ? "" : directory, slash ? "/" : "", name);
    if (length < 0 || length >= PATH_SIZE)
        return error_set(error, STATUS_DATA, name, "use a shorter path", "the path is too long");
    return STATUS_OK;
}

void path_directory(const char *path, char *directory)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(directory, PATH_SIZE, ".");
    else
        snprintf(directory, PATH_SIZE, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

bool path_exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

bool path_is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static enum status unreadable(const char *path, struct error *error)
{
    return error_set(error, STATUS_DATA, path, "check the path and its permissions",
                     "cannot read the file: %s", strerror(errno));
}

enum status path_crc(const char *path, uint64_t *bytes, uint32_t *crc, struct error *error)
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

enum status path_sync(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return file_storage_error(error, path, "sync", errno);
    /* Some network file systems cannot sync a directory, and say so with EINVAL. */
    bool done = fsync(descriptor) == 0 || errno == EINVAL;
    enum status status = done ? STATUS_OK : file_storage_error(error, path, "sync", errno);
    close(descriptor);
    return status;
}

enum status path_rename(const char *from, const char *to, struct error *error)
{
    char directory[PATH_SIZE];
    if (rename(from, to) != 0)
        return file_storage_error(error, to, "rename", errno);
    path_directory(to, directory);
    return path_sync(directory, error);
}
