#include "shard/dataset/packing_folder.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A packing that has shown no life for so many seconds is taken over. */
#define STALE_SECONDS 180.0
/* The folder is removed at the end of another packing just when this one has found it: so often. */
#define TRIES 100

enum status packing_folder_path(const char *directory, const char *name, char *path, struct error *error)
{
    char folder[PATH_SIZE];
    snprintf(folder, sizeof folder, ".%s.packing", name);
    return file_join(directory, folder, path, error);
}

/* Whoever can write to it can have anything packed. */
static enum status trust(const char *path, struct error *error)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        return file_storage_error(error, path, "looking up the folder", errno);
    }
    if (info.st_uid != geteuid()) {
        return error_set(
            error, STATUS_USAGE, path, "have its owner remove it, or choose another name",
            "the folder of an unfinished packing is another user's (uid %lu), and nothing in it is used",
            (unsigned long)info.st_uid);
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return error_set(
            error, STATUS_USAGE, path, "remove it, or chmod go-w it if nobody else has written there",
            "others can write to the folder of an unfinished packing (mode %04o), and nothing in it is "
            "used",
            (unsigned)info.st_mode & 07777u);
    }
    return STATUS_OK;
}

/* A link in its place is removed, not what it leads to. */
static enum status make(const char *path, struct error *error)
{
    char directory[PATH_SIZE];
    file_directory(path, directory);
    unlink(path);
    enum status status = file_make_directory(directory, error);
    if (status != STATUS_OK || mkdir(path, S_IRWXU) == 0) {
        return status;
    }
    return errno == EEXIST ? trust(path, error) : file_storage_error(error, path, "making the folder", errno);
}

enum status packing_folder_own(const char *path, struct folder_lock **lock, char *warning, size_t size,
                               struct error *error)
{
    const struct folder_claim claim = {.folder = path,
                                       .next = "wait for that packing, end it, or choose another name",
                                       .stale_seconds = STALE_SECONDS};
    enum status status = STATUS_STORAGE;
    warning[0] = '\0';
    *lock = NULL;
    for (int i = 0; i < TRIES && status == STATUS_STORAGE && !*lock; i++) {
        status = make(path, error);
        if (status == STATUS_OK) {
            status = folder_lock_take(&claim, lock, warning, size, error);
        }
        if (status == STATUS_STORAGE && file_is_directory(path)) {
            break;
        }
    }
    return status;
}
