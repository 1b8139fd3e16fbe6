#include "proto/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, LINKS_MAX = 40 };

enum status file_storage_error(struct error *error, const char *path, const char *doing, int number)
{
    if (number == ENOSPC || number == EDQUOT) {
        return error_set(error, STATUS_STORAGE, path, "free some space, or choose another folder",
                         "no space left while %s", doing);
    }
    return error_set(error, STATUS_STORAGE, path, "check the folder and its permissions", "%s failed: %s",
                     doing, strerror(number));
}

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

enum status file_sync_directory(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return file_storage_error(error, path, "opening the folder", errno);
    }
    /* Some network file systems refuse to sync a directory: they do it with the rename. */
    int failed = fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP ? errno : 0;
    close(descriptor);
    return failed ? file_storage_error(error, path, "syncing the folder", failed) : STATUS_OK;
}

/* The folder of `path`, into directory[size]. */
static void directory_of(const char *path, char *directory, size_t size)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        snprintf(directory, size, ".");
    } else {
        snprintf(directory, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    }
}

static bool anyone_can_write(const char *directory)
{
    struct stat info;
    return stat(directory, &info) == 0 && (info.st_mode & S_IWOTH) != 0;
}

static enum status refuse_links(const char *path, int *links, struct error *error);

/* The link at `path`, if it is one: where it lies, and what it leads through. */
static enum status refuse_link(const char *path, int *links, struct error *error)
{
    char directory[PATH_SIZE], target[PATH_SIZE], next[PATH_SIZE * 2 + 2];
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) {
        return STATUS_OK;
    }
    target[length] = '\0';
    directory_of(path, directory, sizeof directory);
    if (anyone_can_write(directory)) {
        return error_set(error, STATUS_STORAGE, path, "name the folder that it leads to",
                         "a symbolic link in a folder that anyone can write to is not followed");
    }
    snprintf(next, sizeof next, "%s%s%s", target[0] == '/' ? "" : directory, target[0] == '/' ? "" : "/",
             target);
    ++*links;
    return refuse_links(next, links, error);
}

/* *links counts those that were followed so far. */
static enum status refuse_links(const char *path, int *links, struct error *error)
{
    char partial[PATH_SIZE];
    /* The system follows no more links itself, nor longer names. */
    if (*links > LINKS_MAX || snprintf(partial, sizeof partial, "%s", path) >= (int)sizeof partial) {
        return file_storage_error(error, path, "naming the file", *links > LINKS_MAX ? ELOOP : ENAMETOOLONG);
    }
    enum status status = STATUS_OK;
    for (char *at = partial; *at != '\0' && status == STATUS_OK;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char kept = *at;
        *at = '\0';
        status = refuse_link(partial, links, error);
        *at = kept;
    }
    return status;
}

enum status file_refuse_links(const char *path, struct error *error)
{
    int links = 0;
    return refuse_links(path, &links, error);
}

enum status file_create(const char *path, int *descriptor, struct error *error)
{
    char directory[PATH_SIZE];
    *descriptor = -1;
    directory_of(path, directory, sizeof directory);
    enum status status = file_refuse_links(directory, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (unlink(path) == 0 || errno == ENOENT) {
        *descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
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

static enum status write_synced(const char *path, const void *bytes, size_t size, struct error *error)
{
    int descriptor;
    enum status status = file_create(path, &descriptor, error);
    if (status == STATUS_OK) {
        status = file_write_all(descriptor, bytes, size, path, error);
    }
    if (descriptor < 0) {
        return status;
    }
    if (status == STATUS_OK && fsync(descriptor) != 0) {
        status = file_storage_error(error, path, "syncing the file", errno);
    }
    if (close(descriptor) != 0 && status == STATUS_OK) {
        status = file_storage_error(error, path, "closing the file", errno);
    }
    return status;
}

enum status file_write_atomic(const char *path, const void *bytes, size_t size, struct error *error)
{
    char temporary[PATH_SIZE], directory[PATH_SIZE];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary) {
        return file_storage_error(error, path, "naming the file", ENAMETOOLONG);
    }
    enum status status = write_synced(temporary, bytes, size, error);
    if (status == STATUS_OK && rename(temporary, path) != 0) {
        status = file_storage_error(error, path, "renaming the file", errno);
    }
    if (status != STATUS_OK) {
        unlink(temporary);
        return status;
    }
    directory_of(path, directory, sizeof directory);
    return file_sync_directory(directory, error);
}

static enum status read_stream(FILE *stream, const char *path, size_t limit, char **bytes, size_t *size,
                               struct error *error)
{
    size_t room = 4096, used = 0;
    char *text = malloc(room + 1);
    while (text) {
        used += fread(text + used, 1, room - used, stream);
        if (used < room || used > limit) {
            break;
        }
        room *= 2;
        char *grown = realloc(text, room + 1);
        if (!grown) {
            free(text);
        }
        text = grown;
    }
    if (!text) {
        return error_set(error, STATUS_INTERNAL, path, NULL, "out of memory");
    }
    if (used > limit || ferror(stream)) {
        free(text);
        return error_set(error, STATUS_DATA, path, NULL,
                         used > limit ? "larger than the %zu bytes such a file may have"
                                      : "reading failed within %zu bytes",
                         limit);
    }
    text[used] = '\0';
    *bytes = text;
    *size = used;
    return STATUS_OK;
}

enum status file_read(const char *path, size_t limit, char **bytes, size_t *size, struct error *error)
{
    struct stat info;
    FILE *stream = fopen(path, "rbe");
    if (!stream || fstat(fileno(stream), &info) != 0 || S_ISDIR(info.st_mode)) {
        int number = stream ? EISDIR : errno;
        if (stream) {
            fclose(stream);
        }
        return error_set(error, STATUS_DATA, path, "check the path", "cannot read the file: %s",
                         strerror(number));
    }
    enum status status = read_stream(stream, path, limit, bytes, size, error);
    fclose(stream);
    return status;
}

enum status file_make_directory(const char *path, struct error *error)
{
    char partial[PATH_SIZE];
    enum status status = file_refuse_links(path, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (snprintf(partial, sizeof partial, "%s", path) >= (int)sizeof partial) {
        return file_storage_error(error, path, "naming the folder", ENAMETOOLONG);
    }
    for (char *slash = partial + 1;; slash++) {
        if (*slash != '/' && *slash != '\0') {
            continue;
        }
        char kept = *slash;
        *slash = '\0';
        struct stat info;
        if (mkdir(partial, 0777) != 0 && (stat(partial, &info) != 0 || !S_ISDIR(info.st_mode))) {
            return file_storage_error(error, partial, "making the folder", errno == EEXIST ? ENOTDIR : errno);
        }
        *slash = kept;
        if (kept == '\0') {
            return STATUS_OK;
        }
    }
}
