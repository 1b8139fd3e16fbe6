/* Folders: which links lead to them, how they are made and removed. */
#include "proto/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

/* Whether the link at `path`, in `directory`, may be another's trap. The rule is the kernel's fs.protected_symlinks,
 * and in a folder without the sticky bit anyone can exchange anyone's links. */
static bool is_foreign(const char *path, const char *directory)
{
    struct stat folder, link;
    if (stat(directory, &folder) != 0 || (folder.st_mode & S_IWOTH) == 0) {
        return false;
    }
    bool trusted = (folder.st_mode & S_ISVTX) != 0 && lstat(path, &link) == 0 &&
                   (link.st_uid == geteuid() || link.st_uid == folder.st_uid);
    return !trusted;
}

/* What the link at `path` leads to, in target[size]; *followed tells whether it is one. */
static enum status follow(const char *path, char *target, size_t size, bool *followed, struct error *error)
{
    char directory[PATH_SIZE], name[PATH_MAX];
    ssize_t length = readlink(path, name, sizeof name - 1);
    *followed = length >= 0;
    if (!*followed) {
        return STATUS_OK;
    }
    name[length] = '\0';
    file_directory(path, directory);
    if (is_foreign(path, directory)) {
        return error_set(error, STATUS_STORAGE, path, "name the folder that it leads to",
                         "another's symbolic link in a folder that anyone can write to is not followed");
    }
    bool alone = name[0] == '/' || !strchr(path, '/');
    if (snprintf(target, size, "%s%s%s", alone ? "" : directory, alone ? "" : "/", name) >= (int)size) {
        return file_storage_error(error, path, "following the link", ENAMETOOLONG);
    }
    return STATUS_OK;
}

/* *links counts those that were followed so far. */
static enum status refuse_links(const char *path, int *links, struct error *error)
{
    char partial[PATH_MAX], target[PATH_MAX];
    /* The system follows no more links itself, nor longer names. */
    if (*links > LINKS_MAX || snprintf(partial, sizeof partial, "%s", path) >= (int)sizeof partial) {
        return file_storage_error(error, path, "naming the file", *links > LINKS_MAX ? ELOOP : ENAMETOOLONG);
    }
    enum status status = STATUS_OK;
    for (char *at = partial; *at != '\0' && status == STATUS_OK;) {
        bool followed;
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char kept = *at;
        *at = '\0';
        status = follow(partial, target, sizeof target, &followed, error);
        if (status == STATUS_OK && followed) {
            ++*links;
            status = refuse_links(target, links, error);
        }
        *at = kept;
    }
    return status;
}

enum status file_refuse_links(const char *path, struct error *error)
{
    int links = 0;
    return refuse_links(path, &links, error);
}

enum status file_follow_links(const char *path, char *target, struct error *error)
{
    char next[PATH_SIZE];
    bool followed = true;
    enum status status = file_refuse_links(path, error);
    if (status == STATUS_OK && snprintf(target, PATH_SIZE, "%s", path) >= PATH_SIZE) {
        status = file_storage_error(error, path, "naming the file", ENAMETOOLONG);
    }
    while (status == STATUS_OK && followed) {
        status = follow(target, next, sizeof next, &followed, error);
        if (status == STATUS_OK && followed) {
            memcpy(target, next, sizeof next);
        }
    }
    return status;
}

enum status file_make_directory(const char *path, struct error *error)
{
    char partial[PATH_MAX];
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
        /* What stands there says more than mkdir, which may fail for another reason first. */
        int failed = mkdir(partial, 0777) != 0 ? errno : 0;
        if (failed != 0 && !file_is_directory(partial)) {
            return file_storage_error(error, partial, "making the folder",
                                      failed == EEXIST ? ENOTDIR : failed);
        }
        *slash = kept;
        if (kept == '\0') {
            return STATUS_OK;
        }
    }
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

enum status file_remove_tree(const char *path, struct error *error)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        return file_storage_error(error, path, "removing", errno);
    }
    return STATUS_OK;
}
