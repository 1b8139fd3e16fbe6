/* Names of files, and how a failure at one is told. */
#include "proto/file.h"
#include "proto/text.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status file_join(const char *directory, const char *name, char *path, struct error *error)
{
    bool alone = name[0] == '/' || directory[0] == '\0';
    bool slash = !alone && directory[strlen(directory) - 1] != '/';
    int length = snprintf(path, PATH_SIZE, "%s%s%s", alone ? "" : directory, slash ? "/" : "", name);
    if (length < 0 || length >= PATH_SIZE) {
        return error_set(error, STATUS_DATA, name, "use a shorter path", "the path is too long");
    }
    return STATUS_OK;
}

void file_directory(const char *path, char *directory)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        snprintf(directory, PATH_SIZE, ".");
    } else {
        snprintf(directory, PATH_SIZE, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    }
}

char *file_expand_home(const char *path)
{
    if (path[0] != '~') {
        return strdup(path);
    }
    const char *home = getenv("HOME");
    const struct passwd *user = home ? NULL : getpwuid(getuid());
    home = user ? user->pw_dir : home;
    bool own = path[1] == '\0' || path[1] == '/';
    return own && home && home[0] == '/' ? text_format("%s%s", home, path + 1) : NULL;
}

bool file_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

bool file_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

enum status file_storage_error(struct error *error, const char *path, const char *doing, int number)
{
    if (number == ENOSPC || number == EDQUOT) {
        error_set(error, STATUS_STORAGE, path,
                  "free some space there (a run: lower checkpoint.keep), or choose another folder",
                  "no space left while %s: %s", doing, strerror(number));
    } else {
        error_set(error, STATUS_STORAGE, path, "check the folder and its permissions", "%s failed: %s", doing,
                  strerror(number));
    }
    error_of_system(error, number);
    return STATUS_STORAGE;
}

enum status file_data_error(struct error *error, const char *path, int number)
{
    error_set(error, STATUS_DATA, path, "check the path and its permissions", "cannot read the file: %s",
              strerror(number));
    error_of_system(error, number);
    return STATUS_DATA;
}
