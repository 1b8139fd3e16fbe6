#include "shard/folder.h"

#include "proto/file.h"
#include "shard/image/image_format.h"
#include "shard/name_filter.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- Reading folders --- */

static bool is_image(const char *name)
{
    const struct image_format *format = image_format_of_name(name);
    return format && format->encoding != IMAGE_UNKNOWN;
}

/* The kind of an entry; asked of the file only where the folder does not tell, or it is a link. 0 for a link that leads
 * nowhere, and where that cannot be told: then *failed is the errno. */
static mode_t kind_of(DIR *directory, const struct dirent *entry, int *failed)
{
    struct stat status;
    if (entry->d_type == DT_DIR) {
        return S_IFDIR;
    }
    if (entry->d_type == DT_REG) {
        return S_IFREG;
    }
    if (fstatat(dirfd(directory), entry->d_name, &status, 0) != 0) {
        *failed = errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : errno;
        return 0;
    }
    return status.st_mode & S_IFMT;
}

/* Names of the subfolders, or of the images, in a folder. */
static enum status read_names(const char *path, bool folders, struct name_list *names, struct error *error)
{
    DIR *directory = opendir(path);
    if (!directory) {
        return error_set(error, STATUS_DATA, path, "check the path and its permissions",
                         "cannot read the folder: %s", strerror(errno));
    }
    enum status status = STATUS_OK;
    errno = 0;
    for (struct dirent *entry = readdir(directory); entry && status == STATUS_OK;
         entry = readdir(directory)) {
        const char *name = entry->d_name;
        int failed = 0;
        bool wanted = name[0] != '.' && (folders || is_image(name)) &&
                      kind_of(directory, entry, &failed) == (folders ? S_IFDIR : S_IFREG);
        if (failed != 0) {
            status = file_data_error(error, name, failed);
            error_prefix_where(error, path);
        } else if (wanted && !name_list_add(names, name)) {
            status = error_no_memory(error, path);
        }
        errno = 0;
    }
    if (status == STATUS_OK && errno != 0) {
        status = error_set(error, STATUS_DATA, path, "check the disk", "cannot read the folder: %s",
                           strerror(errno));
    }
    closedir(directory);
    name_list_sort(names);
    return status;
}

/* --- The whole --- */

static enum status add_identity(struct folder *folder, const char *name, uint32_t least, struct error *error)
{
    char path[PATH_SIZE];
    struct name_list images = {0};
    if (strpbrk(name, "\r\n")) {
        return error_set(error, STATUS_DATA, folder->path, "rename it",
                         "the name of a folder contains a line break, and names are kept one a line");
    }
    enum status status = file_join(folder->path, name, path, error);
    if (status == STATUS_OK) {
        status = read_names(path, false, &images, error);
    }
    if (status != STATUS_OK || images.count == 0 || images.count < least) {
        name_list_free(&images);
        return status;
    }
    struct folder_identity *identity = &folder->identities[folder->count++];
    identity->images = images.names;
    identity->image_count = (uint32_t)images.count;
    folder->images += images.count;
    identity->name = strdup(name);
    return !identity->name ? error_no_memory(error, folder->path) : STATUS_OK;
}

static enum status add_identities(struct folder *folder, const struct name_list *names,
                                  const struct name_filter *chosen, uint32_t least, struct error *error)
{
    enum status status = name_filter_check(chosen, names, folder->path, error);
    if (status != STATUS_OK) {
        return status;
    }
    folder->identities = calloc(names->count + 1, sizeof *folder->identities);
    if (!folder->identities) {
        return error_no_memory(error, folder->path);
    }
    for (size_t i = 0; i < names->count && status == STATUS_OK; i++) {
        if (name_filter_takes(chosen, names->names[i])) {
            status = add_identity(folder, names->names[i], least, error);
        }
    }
    if (status == STATUS_OK && folder->count == 0) {
        status = error_set(error, STATUS_DATA, folder->path,
                           "name a folder that holds one folder of images for each person",
                           "no identity with enough images is left");
    }
    return status;
}

enum status folder_list(const char *path, const struct folder_filter *filter, struct folder *folder,
                        struct error *error)
{
    struct name_list names = {0};
    struct name_filter chosen;
    *folder = (struct folder){.path = path};
    enum status status = name_filter_read(filter->include, filter->exclude, &chosen, error);
    if (status == STATUS_OK) {
        status = read_names(path, true, &names, error);
    }
    if (status == STATUS_OK) {
        status = add_identities(folder, &names, &chosen, filter->min_images, error);
    }
    name_list_free(&names);
    name_filter_free(&chosen);
    if (status != STATUS_OK) {
        folder_free(folder);
    }
    return status;
}

void folder_free(struct folder *folder)
{
    for (uint32_t i = 0; folder->identities && i < folder->count; i++) {
        struct folder_identity *identity = &folder->identities[i];
        for (uint32_t image = 0; image < identity->image_count; image++) {
            free(identity->images[image]);
        }
        free(identity->images);
        free(identity->name);
    }
    free(folder->identities);
    *folder = (struct folder){0};
}
