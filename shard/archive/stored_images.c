#include "shard/archive/stored_images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* Files that stay open: a process may have 1024. */
#define OPEN_MAX_FILES 256

/* --- Filling --- */

static enum status add_file(struct stored_images *set, const char *path, bool packed, struct error *error)
{
    const struct stored_file *last = set->file_count > 0 ? &set->files[set->file_count - 1] : NULL;
    const uint64_t begin = last ? last->begin + last->bytes : 0;
    struct stored_file file = {.path = strdup(path), .begin = begin, .descriptor = -1, .packed = packed};
    struct stored_file *larger = realloc(set->files, (set->file_count + 1) * sizeof *larger);
    set->files = larger ? larger : set->files;
    if (!larger || !file.path) {
        free(file.path);
        return error_no_memory(error, path);
    }
    enum status status = file_open(path, FILE_LINKS_FOLLOWED, &file.descriptor, &file.bytes, error);
    if (status != STATUS_OK) {
        free(file.path);
        return status;
    }
    if (packed || set->file_count >= OPEN_MAX_FILES) {
        close(file.descriptor);
        file.descriptor = -1;
    }
    set->files[set->file_count++] = file;
    return STATUS_OK;
}

enum status stored_images_add_file(struct stored_images *set, const char *path, struct error *error)
{
    return add_file(set, path, false, error);
}

enum status stored_images_add_packed(struct stored_images *set, const char *path, const char *folder,
                                     struct error *error)
{
    char name[PATH_SIZE];
    enum status status = add_file(set, path, true, error);
    if (status != STATUS_OK || set->unpacked >= 0) {
        return status;
    }
    status = file_join(folder, ".unpacked-XXXXXX", name, error);
    if (status != STATUS_OK) {
        return status;
    }
    set->unpacked = mkostemp(name, O_CLOEXEC);
    if (set->unpacked < 0) {
        return file_storage_error(error, name, "making a file for what is unpacked", errno);
    }
    unlink(name);
    return STATUS_OK;
}

enum status stored_images_end_packed(struct stored_images *set, uint64_t bytes, struct error *error)
{
    struct stored_file *file = &set->files[set->file_count - 1];
    file->bytes = bytes;
    return ftruncate(set->unpacked, (off_t)(file->begin + bytes)) == 0
               ? STATUS_OK
               : file_storage_error(error, file->path, "unpacking the archive", errno);
}

enum status stored_images_put(struct stored_images *set, uint64_t offset, const void *bytes, size_t size,
                              struct error *error)
{
    const struct stored_file *file = &set->files[set->file_count - 1];
    const uint8_t *from = bytes;
    offset += file->begin;
    while (size > 0) {
        const ssize_t count = pwrite(set->unpacked, from, size, (off_t)offset);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return file_storage_error(error, file->path, "unpacking the archive", errno);
        }
        from += count;
        size -= (size_t)count;
        offset += (uint64_t)count;
    }
    return STATUS_OK;
}

static enum status grow(struct stored_images *set, struct error *error)
{
    const uint64_t capacity = set->capacity == 0 ? 4096 : set->capacity * 2;
    uint64_t *offset = realloc(set->offset, (size_t)capacity * sizeof *offset);
    set->offset = offset ? offset : set->offset;
    uint32_t *span = realloc(set->span, (size_t)capacity * sizeof *span);
    set->span = span ? span : set->span;
    uint32_t *label = realloc(set->label, (size_t)capacity * sizeof *label);
    set->label = label ? label : set->label;
    if (!offset || !span || !label) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "no memory for more than %llu images",
                         (unsigned long long)set->images);
    }
    set->capacity = capacity;
    return STATUS_OK;
}

enum status stored_images_add(struct stored_images *set, uint64_t offset, uint32_t span, uint32_t label,
                              struct error *error)
{
    enum status status = set->images == set->capacity ? grow(set, error) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    set->offset[set->images] = set->files[set->file_count - 1].begin + offset;
    set->span[set->images] = span;
    set->label[set->images] = label;
    if (label >= set->classes) {
        set->classes = label + 1;
        set->largest = set->images;
    }
    set->images++;
    return STATUS_OK;
}

uint32_t stored_images_digest(const struct stored_images *set)
{
    uLong sum = crc32(0, NULL, 0);
    sum = crc32_z(sum, (const Bytef *)set->offset, (size_t)set->images * sizeof *set->offset);
    sum = crc32_z(sum, (const Bytef *)set->span, (size_t)set->images * sizeof *set->span);
    return (uint32_t)crc32_z(sum, (const Bytef *)set->label, (size_t)set->images * sizeof *set->label);
}

void stored_images_close(struct stored_images *set)
{
    for (uint32_t i = 0; i < set->file_count; i++) {
        if (set->files[i].descriptor >= 0) {
            close(set->files[i].descriptor);
        }
        free(set->files[i].path);
    }
    if (set->unpacked >= 0) {
        close(set->unpacked);
    }
    free(set->files);
    free(set->offset);
    free(set->span);
    free(set->label);
    name_list_free(&set->names);
    name_list_free(&set->image_names);
    *set = (struct stored_images)STORED_IMAGES_EMPTY(set->what);
}

/* --- Reading --- */

const struct stored_file *stored_images_file(const struct stored_images *set, uint64_t offset)
{
    uint32_t low = 0, high = set->file_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (set->files[middle].begin <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &set->files[low];
}

int stored_images_descriptor(const struct stored_images *set, uint64_t offset, uint64_t *at)
{
    const struct stored_file *file = stored_images_file(set, offset);
    *at = file->packed ? offset : offset - file->begin;
    return file->packed ? set->unpacked : file->descriptor;
}

void stored_images_place(const struct stored_images *set, uint64_t number, char *where)
{
    const struct stored_file *file = stored_images_file(set, set->offset[number]);
    snprintf(where, PATH_SIZE, "%.900s, %s at byte %llu", file->path, set->what,
             (unsigned long long)(set->offset[number] - file->begin));
}

enum status stored_images_look(const struct stored_images *set, uint64_t number, struct stat *file,
                               struct error *error)
{
    const struct stored_file *stored = stored_images_file(set, set->offset[number]);
    const int failed = stored->descriptor >= 0 ? fstat(stored->descriptor, file) : stat(stored->path, file);
    return failed == 0 ? STATUS_OK : file_data_error(error, "", errno);
}

enum status stored_images_read_part(const struct stored_images *set, uint64_t offset, void *bytes,
                                    size_t size, struct error *error)
{
    uint64_t at, whole;
    int descriptor = stored_images_descriptor(set, offset, &at);
    if (descriptor >= 0) {
        return file_read_part(descriptor, at, bytes, size, error);
    }
    const char *path = stored_images_file(set, offset)->path;
    enum status status = file_open(path, FILE_LINKS_FOLLOWED, &descriptor, &whole, error);
    if (status == STATUS_OK) {
        status = file_read_part(descriptor, at, bytes, size, error);
        close(descriptor);
    } else if (error) {
        error->where[0] = 0;
    }
    return status;
}

enum status stored_images_read(const struct stored_images *set, uint64_t number, uint8_t **bytes,
                               size_t *size, struct error *error)
{
    uint8_t *image = malloc((size_t)set->span[number] + 1);
    if (!image) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "no memory for %u bytes", set->span[number]);
    }
    *size = set->span[number];
    enum status status = stored_images_read_part(set, set->offset[number], image, *size, error);
    if (status == STATUS_OK && set->unwrap) {
        status = set->unwrap(&image, *size, size, error);
    }
    if (status == STATUS_OK) {
        *bytes = image;
    } else {
        free(image);
    }
    return status;
}
