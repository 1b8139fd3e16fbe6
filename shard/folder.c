#include "shard/folder.h"

#include "proto/file.h"
#include "shard/align/face_table.h"
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

/* What is told of an entry that is not wanted, by its kind; hidden ones aside. */
static void leave_out(struct left_out *left_out, const char *path, mode_t kind, bool folders)
{
    if (kind == 0) {
        left_out_add(left_out, LEFT_OUT_DEAD_LINK, path, NULL);
    } else if (kind == S_IFDIR) {
        left_out_add(left_out, LEFT_OUT_DEEPER, path, NULL);
    } else if (kind != S_IFREG) {
        left_out_add(left_out, LEFT_OUT_SPECIAL, path, NULL);
    } else if (folders) {
        left_out_add(left_out, LEFT_OUT_BESIDE, path, NULL);
    } else {
        left_out_file(left_out, path);
    }
}

struct reading {
    const char *path; /* of the folder */
    bool folders; /* are wanted, else images */
    struct name_list *names;
    struct left_out *left_out;
    const struct face_table *faces; /* images are to be named by it; or NULL */
    const char *identity; /* whose folder it is, of images */
    struct name_filter *chosen; /* of images */
};

/* Whether an image is to be taken; those that are not are told. */
static bool takes_image(const struct reading *reading, const char *name, const char *path)
{
    if (!name_filter_takes_image(reading->chosen, reading->identity, name)) {
        left_out_add(reading->left_out, LEFT_OUT_EXCLUDED_IMAGE, path, NULL);
        return false;
    }
    if (reading->faces && !face_table_find(reading->faces, path)) {
        left_out_add(reading->left_out, LEFT_OUT_NOT_NAMED, path, NULL);
        return false;
    }
    return true;
}

static enum status read_entry(const struct reading *reading, DIR *directory, const struct dirent *entry,
                              struct error *error)
{
    const char *name = entry->d_name;
    char path[PATH_SIZE];
    int failed = 0;
    if (name[0] == '.') {
        return STATUS_OK;
    }
    const mode_t kind = kind_of(directory, entry, &failed);
    if (failed != 0) {
        enum status status = file_data_error(error, name, failed);
        error_prefix_where(error, reading->path);
        return status;
    }
    const bool wanted = reading->folders ? kind == S_IFDIR : kind == S_IFREG && is_image(name);
    enum status status = file_join(reading->path, name, path, wanted && reading->faces ? error : NULL);
    if (wanted && reading->faces && status != STATUS_OK) {
        return status;
    }
    if (wanted && !reading->folders && !takes_image(reading, name, status == STATUS_OK ? path : name)) {
        return STATUS_OK;
    }
    if (wanted) {
        return name_list_add(reading->names, name) ? STATUS_OK : error_no_memory(error, reading->path);
    }
    leave_out(reading->left_out, status == STATUS_OK ? path : name, kind, reading->folders);
    return STATUS_OK;
}

/* Names of the subfolders, or of the images, in a folder. */
static enum status read_names(const struct reading *reading, struct error *error)
{
    const char *path = reading->path;
    DIR *directory = opendir(path);
    if (!directory) {
        return error_set(error, STATUS_DATA, path, "check the path and its permissions",
                         "cannot read the folder: %s", strerror(errno));
    }
    enum status status = STATUS_OK;
    errno = 0;
    for (struct dirent *entry = readdir(directory); entry && status == STATUS_OK;
         entry = readdir(directory)) {
        status = read_entry(reading, directory, entry, error);
        errno = 0;
    }
    if (status == STATUS_OK && errno != 0) {
        status = error_set(error, STATUS_DATA, path, "check the disk", "cannot read the folder: %s",
                           strerror(errno));
    }
    closedir(directory);
    name_list_sort(reading->names);
    return status;
}

/* --- The whole --- */

/* Those beyond the first `most`. */
static void cap_images(struct name_list *images, uint32_t most, const char *folder, struct left_out *left_out)
{
    char path[PATH_SIZE];
    for (size_t i = most; most > 0 && i < images->count; i++) {
        const char *name = images->names[i];
        left_out_add(left_out, LEFT_OUT_MANY, file_join(folder, name, path, NULL) == STATUS_OK ? path : name,
                     NULL);
        free(images->names[i]);
    }
    images->count = most > 0 && images->count > most ? most : images->count;
}

static enum status add_identity(struct folder *folder, const char *name, struct name_filter *chosen,
                                const struct folder_filter *filter, struct error *error)
{
    char path[PATH_SIZE];
    struct name_list images = {0};
    const struct reading reading = {.path = path,
                                    .names = &images,
                                    .left_out = filter->left_out,
                                    .faces = filter->faces,
                                    .identity = name,
                                    .chosen = chosen};
    if (strpbrk(name, "\r\n")) {
        return error_set(error, STATUS_DATA, folder->path, "rename it",
                         "the name of a folder contains a line break, and names are kept one a line");
    }
    enum status status = file_join(folder->path, name, path, error);
    if (status == STATUS_OK) {
        status = read_names(&reading, error);
    }
    if (status != STATUS_OK || images.count == 0 || images.count < filter->min_images) {
        if (status == STATUS_OK) {
            left_out_add(filter->left_out, images.count == 0 ? LEFT_OUT_EMPTY : LEFT_OUT_FEW, name, NULL);
        }
        name_list_free(&images);
        return status;
    }
    cap_images(&images, filter->max_images, path, filter->left_out);
    struct folder_identity *identity = &folder->identities[folder->count++];
    identity->images = images.names;
    identity->image_count = (uint32_t)images.count;
    folder->images += images.count;
    identity->name = strdup(name);
    return !identity->name ? error_no_memory(error, folder->path) : STATUS_OK;
}

static enum status nothing_left(const struct folder *folder, const struct left_out *left_out,
                                struct error *error)
{
    char *sentence = left_out ? left_out_sentence(left_out) : NULL;
    enum status status = error_set(
        error, STATUS_DATA, folder->path, "name a folder that holds one folder of images for each person",
        "no identity with enough images is left%s%s", sentence ? "; " : "", sentence ? sentence : "");
    free(sentence);
    return status;
}

static enum status add_identities(struct folder *folder, const struct name_list *names,
                                  struct name_filter *chosen, const struct folder_filter *filter,
                                  struct error *error)
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
        const char *name = names->names[i];
        if (name_filter_takes(chosen, name)) {
            status = add_identity(folder, name, chosen, filter, error);
        } else {
            left_out_add(filter->left_out, name_filter_reason(chosen, name), name, NULL);
        }
    }
    if (status == STATUS_OK) {
        status = name_filter_check_images(chosen, folder->path, error);
    }
    return status == STATUS_OK && folder->count == 0 ? nothing_left(folder, filter->left_out, error) : status;
}

enum status folder_list(const char *path, const struct folder_filter *filter, struct folder *folder,
                        struct error *error)
{
    struct name_list names = {0};
    struct name_filter chosen;
    *folder = (struct folder){.path = path};
    enum status status = name_filter_read(filter->include, filter->exclude,
                                          filter->dataset ? filter->dataset : "", &chosen, error);
    if (status == STATUS_OK) {
        const struct reading reading = {
            .path = path, .folders = true, .names = &names, .left_out = filter->left_out};
        status = read_names(&reading, error);
    }
    if (status == STATUS_OK) {
        status = add_identities(folder, &names, &chosen, filter, error);
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
