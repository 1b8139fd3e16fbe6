/* Folders of images as a source of a dataset. */
#include "shard/folder.h"
#include "shard/pack/pack.h"
#include "shard/pack/pack_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct faces {
    struct folder folder;
    uint32_t *label; /* [folder.images]: of each number; numbers go identity after identity */
    uint32_t *first; /* [folder.count]: the number of each identity's first image */
    const char **names; /* [folder.count] */
};

static enum status number_images(struct faces *faces, struct error *error)
{
    const struct folder *folder = &faces->folder;
    faces->label = malloc((size_t)folder->images * sizeof *faces->label + 1);
    faces->first = malloc((size_t)folder->count * sizeof *faces->first + 1);
    faces->names = malloc((size_t)folder->count * sizeof *faces->names + 1);
    if (!faces->label || !faces->first || !faces->names) {
        return error_set(error, STATUS_INTERNAL, folder->path, NULL, "no memory to pack %llu images",
                         (unsigned long long)folder->images);
    }
    uint64_t number = 0;
    for (uint32_t label = 0; label < folder->count; label++) {
        faces->first[label] = (uint32_t)number;
        faces->names[label] = folder->identities[label].name;
        for (uint32_t i = 0; i < folder->identities[label].image_count; i++) {
            faces->label[number++] = label;
        }
    }
    return STATUS_OK;
}

static uint32_t digest(const struct folder *folder)
{
    uLong sum = crc32(0, NULL, 0);
    for (uint32_t label = 0; label < folder->count; label++) {
        const struct folder_identity *identity = &folder->identities[label];
        /* With their terminators, so that no two listings are one text. */
        sum = crc32_z(sum, (const Bytef *)identity->name, strlen(identity->name) + 1);
        for (uint32_t i = 0; i < identity->image_count; i++) {
            sum = crc32_z(sum, (const Bytef *)identity->images[i], strlen(identity->images[i]) + 1);
        }
    }
    return (uint32_t)sum;
}

static enum status find_image(const struct faces *faces, uint64_t number, char *where, struct error *error)
{
    uint32_t label = faces->label[number];
    const struct folder_identity *identity = &faces->folder.identities[label];
    char directory[PATH_SIZE];
    enum status status = file_join(faces->folder.path, identity->name, directory, error);
    if (status == STATUS_OK) {
        status = file_join(directory, identity->images[number - faces->first[label]], where, error);
    }
    return status;
}

static enum status read_image(const void *context, uint64_t number, char *where, uint8_t **bytes,
                              size_t *size, struct error *error)
{
    enum status status = find_image(context, number, where, error);
    return status == STATUS_OK ? pack_read_file(where, bytes, size, error) : status;
}

static enum status look_at_image(const void *context, uint64_t number, char *where, struct stat *file,
                                 struct error *error)
{
    enum status status = find_image(context, number, where, error);
    if (status == STATUS_OK && stat(where, file) != 0) {
        status = file_data_error(error, "", errno);
    }
    return status;
}

enum status pack_folder(const struct pack_dataset *wanted, const struct pack_style *style,
                        struct pack_result *result, struct error *error)
{
    struct faces faces = {.label = NULL};
    const struct folder_filter filter = {.include = wanted->include,
                                         .exclude = wanted->exclude,
                                         .min_images = wanted->min_images,
                                         .max_images = wanted->max_images,
                                         .dataset = wanted->name,
                                         .left_out = style->left_out,
                                         .faces = style->faces};
    *result = (struct pack_result){0};
    enum status status = pack_check(wanted, style, error);
    if (status == STATUS_OK) {
        status = folder_list(wanted->source, &filter, &faces.folder, error);
    }
    if (status == STATUS_OK) {
        status = number_images(&faces, error);
    }
    if (status == STATUS_OK) {
        const struct pack_source source = {.image = {&faces, read_image, look_at_image},
                                           .images = faces.folder.images,
                                           .label = faces.label,
                                           .classes = faces.folder.count,
                                           .names = faces.names,
                                           .digest = digest(&faces.folder)};
        status = pack_write(wanted, style, &source, result, error);
    }
    folder_free(&faces.folder);
    free(faces.label);
    free(faces.first);
    free(faces.names);
    return status;
}
