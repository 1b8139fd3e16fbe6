#include "proto/status/status_segment.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 6 /* at least, so that names sort as numbers do */
#define DIGITS_MAX 15

enum status status_segment_path(const char *log, int64_t number, char *path, struct error *error)
{
    char name[PATH_SIZE + 32];
    snprintf(name, sizeof name, "%s.%0*lld", log, DIGITS, (long long)number);
    return file_join("", name, path, error);
}

/* The number in "<log>.000001"; 0: `name` is of no segment. */
static int64_t number_of(const char *name, const char *log)
{
    size_t length = strlen(log);
    if (strncmp(name, log, length) != 0 || name[length] != '.') {
        return 0;
    }
    const char *digits = name + length + 1;
    size_t count = strspn(digits, "0123456789");
    bool numbered = count >= DIGITS && count <= DIGITS_MAX && digits[count] == '\0';
    return numbered ? strtoll(digits, NULL, 10) : 0;
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

size_t status_segment_list(const char *log, int64_t **numbers)
{
    char directory[PATH_SIZE];
    size_t count = 0, room = 0;
    *numbers = NULL;
    file_directory(log, directory);
    const char *slash = strrchr(log, '/');
    const char *name = slash ? slash + 1 : log;
    DIR *folder = opendir(directory);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        int64_t number = number_of(entry->d_name, name);
        if (number > 0 && count == room) {
            room = 2 * room + 16;
            int64_t *grown = realloc(*numbers, room * sizeof *grown);
            if (!grown) {
                break;
            }
            *numbers = grown;
        }
        if (number > 0) {
            (*numbers)[count++] = number;
        }
    }
    if (folder) {
        closedir(folder);
    }
    if (count > 0) {
        qsort(*numbers, count, sizeof **numbers, compare);
    }
    return count;
}

int64_t status_segment_of(const char *log, const struct stat *info)
{
    char path[PATH_SIZE];
    int64_t *numbers, found = 0;
    size_t count = status_segment_list(log, &numbers);
    for (size_t i = count; i > 0 && found == 0; i--) {
        struct stat segment;
        if (status_segment_path(log, numbers[i - 1], path, NULL) == STATUS_OK && stat(path, &segment) == 0 &&
            segment.st_ino == info->st_ino && segment.st_dev == info->st_dev) {
            found = numbers[i - 1];
        }
    }
    free(numbers);
    return found;
}
