#include "shard/folder.h"

#include "proto/file.h"
#include "shard/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* A growing list of texts. */
struct names {
    char **names;
    size_t count, capacity;
};

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct names){0};
}

static bool names_add(struct names *names, const char *name)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 16 : names->capacity * 2;
        char **larger = realloc(names->names, capacity * sizeof *larger);
        if (larger == NULL)
            return false;
        names->names = larger;
        names->capacity = capacity;
    }
    names->names[names->count] = strdup(name);
    return names->names[names->count] != NULL && ++names->count > 0;
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void names_sort(struct names *names)
{
    if (names->count > 1)
        qsort(names->names, names->count, sizeof *names->names, compare);
}

static bool names_have(const struct names *names, const char *name)
{
    return names->count > 0 && bsearch(&name, names->names, names->count, sizeof name, compare) != NULL;
}

static enum status no_memory(const char *path, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, path, NULL, "no memory to list the folder");
}

/* --- Reading folders --- */

static bool is_image(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".pnm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

/* The kind of an entry; asked of the file only where the folder does not tell, or it is a link. */
static mode_t kind_of(DIR *directory, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type == DT_DIR)
        return S_IFDIR;
    if (entry->d_type == DT_REG)
        return S_IFREG;
    if (fstatat(dirfd(directory), entry->d_name, &status, 0) != 0)
        return 0;
    return status.st_mode & S_IFMT;
}

/* Names of the subfolders, or of the images, in a folder. */
static enum status read_names(const char *path, bool folders, struct names *names, struct error *error)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return error_set(error, STATUS_DATA, path, "check the path and its permissions",
                         "cannot read the folder: %s", strerror(errno));
    enum status status = STATUS_OK;
    errno = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL && status == STATUS_OK;
         entry = readdir(directory)) {
        const char *name = entry->d_name;
        bool wanted = name[0] != '.' && (folders || is_image(name)) &&
                      kind_of(directory, entry) == (folders ? S_IFDIR : S_IFREG);
        if (wanted && !names_add(names, name))
            status = no_memory(path, error);
        errno = 0;
    }
    if (status == STATUS_OK && errno != 0)
        status = error_set(error, STATUS_DATA, path, "check the disk", "cannot read the folder: %s",
                           strerror(errno));
    closedir(directory);
    names_sort(names);
    return status;
}

static enum status read_list(const char *path, struct names *names, struct error *error)
{
    char *text, *rest;
    size_t size;
    if (path == NULL)
        return STATUS_OK;
    enum status status = file_read(path, (size_t)1 << 30, &text, &size, error);
    if (status != STATUS_OK)
        return status;
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL && status == STATUS_OK;
         line = strtok_r(NULL, "\r\n", &rest))
        if (!names_add(names, line))
            status = no_memory(path, error);
    free(text);
    names_sort(names);
    return status;
}

/* --- The whole --- */

static enum status add_identity(struct folder *folder, const char *name, uint32_t least, struct error *error)
{
    char path[PATH_SIZE];
    struct names images = {0};
    if (strpbrk(name, "\r\n") != NULL)
        return error_set(error, STATUS_DATA, folder->path, "rename it",
                         "the name of a folder contains a line break, and names are kept one a line");
    enum status status = path_join(folder->path, name, path, error);
    if (status == STATUS_OK)
        status = read_names(path, false, &images, error);
    if (status != STATUS_OK || images.count == 0 || images.count < least) {
        names_free(&images);
        return status;
    }
    struct folder_identity *identity = &folder->identities[folder->count++];
    identity->images = images.names;
    identity->image_count = (uint32_t)images.count;
    folder->images += images.count;
    identity->name = strdup(name);
    return identity->name == NULL ? no_memory(folder->path, error) : STATUS_OK;
}

static enum status add_identities(struct folder *folder, const struct names *names,
                                  const struct names *include, const struct names *exclude,
                                  const struct folder_filter *filter, struct error *error)
{
    for (size_t i = 0; i < include->count; i++)
        if (!names_have(names, include->names[i]))
            return error_set(error, STATUS_DATA, filter->include, "correct the list",
                             "identity '%.100s' is not in %.300s", include->names[i], folder->path);
    folder->identities = calloc(names->count + 1, sizeof *folder->identities);
    if (folder->identities == NULL)
        return no_memory(folder->path, error);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < names->count && status == STATUS_OK; i++) {
        const char *name = names->names[i];
        if ((filter->include == NULL || names_have(include, name)) && !names_have(exclude, name))
            status = add_identity(folder, name, filter->min_images, error);
    }
    if (status == STATUS_OK && folder->count == 0)
        status = error_set(error, STATUS_DATA, folder->path,
                           "name a folder that holds one folder of images for each person",
                           "no identity with enough images is left");
    return status;
}

enum status folder_list(const char *path, const struct folder_filter *filter, struct folder *folder,
                        struct error *error)
{
    struct names names = {0}, include = {0}, exclude = {0};
    *folder = (struct folder){.path = path};
    enum status status = read_list(filter->include, &include, error);
    if (status == STATUS_OK)
        status = read_list(filter->exclude, &exclude, error);
    if (status == STATUS_OK)
        status = read_names(path, true, &names, error);
    if (status == STATUS_OK)
        status = add_identities(folder, &names, &include, &exclude, filter, error);
    names_free(&names);
    names_free(&include);
    names_free(&exclude);
    if (status != STATUS_OK)
        folder_free(folder);
    return status;
}

void folder_free(struct folder *folder)
{
    for (uint32_t i = 0; folder->identities != NULL && i < folder->count; i++) {
        struct folder_identity *identity = &folder->identities[i];
        for (uint32_t image = 0; image < identity->image_count; image++)
            free(identity->images[image]);
        free(identity->images);
        free(identity->name);
    }
    free(folder->identities);
    *folder = (struct folder){0};
}
