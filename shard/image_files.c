#include "shard/image_files.h"

#include "proto/file.h"
#include "shard/image/image.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that tell an image. */
#define HEAD_BYTES 16

enum status image_files_add(struct image_files *files, const char *path, struct error *error)
{
    if (files->count == files->capacity) {
        const size_t capacity = files->capacity * 2 + 64;
        char **larger = realloc(files->paths, capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, path);
        }
        files->paths = larger;
        files->capacity = capacity;
    }
    char *copy = strdup(path);
    if (!copy) {
        return error_no_memory(error, path);
    }
    files->paths[files->count++] = copy;
    return STATUS_OK;
}

enum status image_files_read_list(struct image_files *files, const char *list, struct error *error)
{
    const bool standard = strcmp(list, "-") == 0;
    const char *name = standard ? "standard input" : list;
    FILE *stream = standard ? stdin : fopen(list, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    enum status status = stream ? STATUS_OK : file_data_error(error, list, errno);
    while (status == STATUS_OK && (length = getline(&line, &room, stream)) >= 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
            line[--length] = '\0';
        }
        if (length > 0) {
            status = image_files_add(files, line, error);
        }
    }
    if (status == STATUS_OK && ferror(stream)) {
        status = file_data_error(error, name, errno);
    }
    if (status == STATUS_OK && files->count == 0) {
        status =
            error_set(error, STATUS_DATA, name, "give the paths of images, one a line", "the list is empty");
    }
    if (stream && !standard) {
        fclose(stream);
    }
    free(line);
    return status;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int compare_bytes(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static void free_entries(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
}

bool image_files_is_flat(const char *folder)
{
    struct dirent **entries = NULL;
    struct error error;
    char path[PATH_SIZE];
    const int count = scandir(folder, &entries, is_shown, NULL);
    bool flat = count > 0;
    for (int i = 0; i < count && flat; i++) {
        flat = file_join(folder, entries[i]->d_name, path, &error) == STATUS_OK && !file_is_directory(path);
    }
    if (count >= 0) {
        free_entries(entries, count);
    }
    return flat;
}

static bool is_image(const char *path)
{
    uint8_t head[HEAD_BYTES];
    FILE *file = fopen(path, "rb");
    const size_t size = file ? fread(head, 1, sizeof head, file) : 0;
    if (file) {
        fclose(file);
    }
    return image_sniff(head, size) != IMAGE_UNKNOWN;
}

static enum status add_entry(struct image_files *files, const char *folder, const char *name,
                             struct error *error)
{
    char path[PATH_SIZE];
    enum status status = file_join(folder, name, path, error);
    if (status == STATUS_OK && !is_image(path)) {
        if (files->left_out++ == 0) {
            snprintf(files->first_left_out, sizeof files->first_left_out, "%s", name);
        }
        return STATUS_OK;
    }
    return status == STATUS_OK ? image_files_add(files, path, error) : status;
}

enum status image_files_read_folder(struct image_files *files, const char *folder, struct error *error)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, is_shown, compare_bytes);
    enum status status = count >= 0 ? STATUS_OK : file_data_error(error, folder, errno);
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        status = add_entry(files, folder, entries[i]->d_name, error);
    }
    if (count >= 0) {
        free_entries(entries, count);
    }
    if (status == STATUS_OK && files->count == 0) {
        status = error_set(error, STATUS_DATA, folder, "name a folder of images, or of people with images",
                           "none of its %zu files is an image", files->left_out);
    }
    return status;
}

void image_files_free(struct image_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->paths[i]);
    }
    free(files->paths);
    *files = (struct image_files){0};
}
