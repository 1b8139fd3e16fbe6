#include "proto/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CRC_BLOCK ((size_t)1 << 20)

enum status file_write_all(int descriptor, const void *bytes, size_t size, const char *path,
                           struct error *error)
{
    const char *next = bytes;
    while (size > 0) {
        ssize_t written = write(descriptor, next, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return file_storage_error(error, path, "writing", errno);
        }
        next += written;
        size -= (size_t)written;
    }
    return STATUS_OK;
}

static enum status sync_descriptor(int descriptor, const char *path, struct error *error)
{
    struct stat info;
    int failed;
    do {
        failed = fsync(descriptor) == 0 ? 0 : errno;
    } while (failed == EINTR);
    if ((failed == EINVAL || failed == ENOTSUP) && fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode)) {
        failed = 0;
    }
    return failed == 0 ? STATUS_OK : file_storage_error(error, path, "syncing", failed);
}

enum status file_sync(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return file_storage_error(error, path, "opening for the sync", errno);
    }
    enum status status = sync_descriptor(descriptor, path, error);
    close(descriptor);
    return status;
}

enum status file_rename(const char *from, const char *to, struct error *error)
{
    char directory[PATH_SIZE];
    if (rename(from, to) != 0) {
        return file_storage_error(error, to, "renaming", errno);
    }
    file_directory(to, directory);
    return file_sync(directory, error);
}

enum status file_make_way(const char *path, struct error *error)
{
    char directory[PATH_SIZE];
    struct stat info;
    file_directory(path, directory);
    enum status status = file_refuse_links(directory, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? STATUS_OK : file_storage_error(error, path, "looking up the file", errno);
    }
    if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) {
        return error_set(error, STATUS_STORAGE, path, "choose another name",
                         "what has this name is no plain file, and is not replaced");
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return file_storage_error(error, path, "replacing the file", errno);
    }
    return STATUS_OK;
}

enum status file_create(const char *path, int *descriptor, struct error *error)
{
    *descriptor = -1;
    enum status status = file_make_way(path, error);
    if (status != STATUS_OK) {
        return status;
    }
    *descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return *descriptor < 0 ? file_storage_error(error, path, "creating the file", errno) : STATUS_OK;
}

enum status file_append(const char *path, int *descriptor, struct error *error)
{
    *descriptor = -1;
    enum status status = file_refuse_links(path, error);
    if (status != STATUS_OK) {
        return status;
    }
    *descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    return *descriptor < 0 ? file_storage_error(error, path, "opening the file", errno) : STATUS_OK;
}

/* Reads until the end, or until more than `limit` is there. Returns 0, or the errno of what failed. */
static int read_growing(int descriptor, size_t limit, char **text, size_t *used)
{
    size_t room = 0;
    ssize_t count = 1;
    *text = NULL;
    *used = 0;
    while (count != 0 && *used <= limit) {
        if (*used == room) {
            room = room == 0 ? 4096 : room * 2;
            char *grown = realloc(*text, room + 1);
            if (!grown) {
                return ENOMEM;
            }
            *text = grown;
        }
        count = read(descriptor, *text + *used, room - *used);
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        *used += count > 0 ? (size_t)count : 0;
    }
    (*text)[*used] = '\0';
    return 0;
}

enum status file_read(const char *path, size_t limit, char **bytes, size_t *size, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) {
        return file_data_error(error, path, errno);
    }
    int failed = read_growing(descriptor, limit, bytes, size);
    close(descriptor);
    enum status status = STATUS_OK;
    if (failed != 0) {
        status = failed == ENOMEM ? error_no_memory(error, path) : file_data_error(error, path, failed);
    } else if (*size > limit) {
        status = error_set(error, STATUS_DATA, path, NULL, "larger than the %zu bytes such a file may have",
                           limit);
    }
    if (status != STATUS_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}

enum status file_open(const char *path, enum file_links links, int *descriptor, uint64_t *bytes,
                      struct error *error)
{
    struct stat info;
    int refused = links == FILE_LINKS_REFUSED ? O_NOFOLLOW : 0;
    *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | refused);
    if (*descriptor < 0) {
        return file_data_error(error, path, errno);
    }
    enum status status = STATUS_OK;
    if (fstat(*descriptor, &info) != 0) {
        status = file_data_error(error, path, errno);
    } else if (!S_ISREG(info.st_mode)) {
        status = error_set(error, STATUS_DATA, path, "name a file", "this is no plain file");
    }
    if (status != STATUS_OK) {
        close(*descriptor);
        *descriptor = -1;
        return status;
    }
    *bytes = (uint64_t)info.st_size;
    return STATUS_OK;
}

enum status file_read_part(int descriptor, uint64_t offset, void *bytes, size_t size, struct error *error)
{
    size_t done = 0;
    ssize_t count = 1;
    int failed = ENODATA; /* unless the system tells why: the file has become shorter */
    while (done < size && count > 0) {
        count = pread(descriptor, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR) {
            count = 1;
        } else if (count < 0) {
            failed = errno;
        } else {
            done += (size_t)count;
        }
    }
    if (done == size) {
        return STATUS_OK;
    }
    error_set(error, STATUS_DATA, NULL, "check the file and its disk",
              "%zu bytes at byte %llu cannot be read: %s", size, (unsigned long long)offset,
              count < 0 ? strerror(failed) : "the file has become shorter");
    error_of_system(error, failed);
    return STATUS_DATA;
}

enum status file_size(const char *path, enum file_links links, uint64_t *bytes, struct error *error)
{
    int descriptor;
    enum status status = file_open(path, links, &descriptor, bytes, error);
    if (status == STATUS_OK) {
        close(descriptor);
    }
    return status;
}

/* 0, or the errno of the read that failed. */
static int sum_bytes(int descriptor, uint8_t *block, uint64_t *bytes, uint32_t *crc)
{
    uLong sum = crc32(0, NULL, 0);
    ssize_t count;
    *bytes = 0;
    while ((count = read(descriptor, block, CRC_BLOCK)) != 0) {
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        if (count > 0) {
            sum = crc32(sum, block, (uInt)count);
            *bytes += (uint64_t)count;
        }
    }
    *crc = (uint32_t)sum;
    return 0;
}

enum status file_crc(const char *path, enum file_links links, uint64_t *bytes, uint32_t *crc,
                     struct error *error)
{
    int descriptor;
    uint8_t *block = malloc(CRC_BLOCK);
    if (!block) {
        return error_no_memory(error, path);
    }
    enum status status = file_open(path, links, &descriptor, bytes, error);
    if (status == STATUS_OK) {
        int failed = sum_bytes(descriptor, block, bytes, crc);
        close(descriptor);
        status = failed == 0 ? STATUS_OK : file_data_error(error, path, failed);
    }
    free(block);
    return status;
}
