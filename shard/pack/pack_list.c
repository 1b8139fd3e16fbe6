/* Lists of images, with the folder that they are in, as a source of a dataset. */
#include "shard/align/face_table.h"
#include "shard/name_filter.h"
#include "shard/pack/image_list.h"
#include "shard/pack/pack.h"
#include "shard/pack/pack_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LEFT_OUT UINT32_MAX

struct listed {
    const struct pack_dataset *wanted;
    const struct pack_style *style;
    char folder[PATH_SIZE]; /* that the list's paths are relative to */
    struct image_list list;
    uint32_t *moved; /* [list.names.count]: the label that each one gets, or LEFT_OUT */
    uint64_t *number; /* [images]: which of the list's */
    uint32_t *label; /* [images] */
    uint64_t images; /* of those that are taken */
    const char **names; /* [classes] */
    uint32_t classes;
};

static enum status no_memory(const struct listed *listed, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, listed->wanted->source, NULL, "no memory to pack %llu images",
                     (unsigned long long)listed->list.images);
}

static void choose_identity(struct listed *listed, const struct name_filter *filter, uint32_t label,
                            uint32_t images)
{
    const char *name = listed->list.names.names[label];
    struct left_out *left_out = listed->style->left_out;
    listed->moved[label] = LEFT_OUT;
    if (!name_filter_takes(filter, name)) {
        left_out_add(left_out, name_filter_reason(filter, name), name, NULL);
    } else if (images == 0) {
        left_out_add(left_out, LEFT_OUT_EMPTY, name, NULL);
    } else if (images < listed->wanted->min_images) {
        left_out_add(left_out, LEFT_OUT_FEW, name, NULL);
    } else {
        listed->moved[label] = listed->classes;
        listed->names[listed->classes++] = name;
    }
}

/* An image is known by its path in the list and by the name of its file. */
static bool takes_image(const struct listed *listed, struct name_filter *filter, uint64_t i)
{
    const char *identity = listed->list.names.names[listed->list.label[i]];
    const char *path = listed->list.path[i], *slash = strrchr(path, '/');
    return name_filter_takes_image(filter, identity, path) &&
           (!slash || name_filter_takes_image(filter, identity, slash + 1));
}

/* All images that can be had, with the list's labels; how many each identity has goes to `moved` for now. */
static enum status number_images(struct listed *listed, struct name_filter *filter, struct error *error)
{
    const struct image_list *list = &listed->list;
    char path[PATH_SIZE];
    for (uint64_t i = 0; i < list->images; i++) {
        if (!takes_image(listed, filter, i)) {
            left_out_add(listed->style->left_out, LEFT_OUT_EXCLUDED_IMAGE, list->path[i], NULL);
            continue;
        }
        if (listed->style->faces) {
            enum status status = file_join(listed->folder, list->path[i], path, error);
            if (status != STATUS_OK) {
                return status;
            }
            if (!face_table_find(listed->style->faces, path)) {
                left_out_add(listed->style->left_out, LEFT_OUT_NOT_NAMED, path, NULL);
                continue;
            }
        }
        listed->moved[list->label[i]]++;
        listed->number[listed->images++] = i;
    }
    return STATUS_OK;
}

static enum status choose_identities(struct listed *listed, struct name_filter *filter, struct error *error)
{
    const struct image_list *list = &listed->list;
    listed->moved = calloc(list->names.count, sizeof *listed->moved);
    listed->names = calloc(list->names.count, sizeof *listed->names);
    listed->number = malloc((size_t)list->images * sizeof *listed->number);
    listed->label = malloc((size_t)list->images * sizeof *listed->label);
    if (!listed->moved || !listed->names || !listed->number || !listed->label) {
        return no_memory(listed, error);
    }
    enum status status = number_images(listed, filter, error);
    if (status == STATUS_OK) {
        status = name_filter_check_images(filter, listed->wanted->source, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t label = 0; label < list->names.count; label++) {
        choose_identity(listed, filter, label, listed->moved[label]);
    }
    const uint64_t all = listed->images;
    const uint32_t most = listed->wanted->max_images;
    uint32_t *taken = calloc(listed->classes + 1, sizeof *taken);
    if (!taken) {
        return no_memory(listed, error);
    }
    listed->images = 0;
    for (uint64_t i = 0; i < all; i++) {
        const uint32_t label = listed->moved[list->label[listed->number[i]]];
        if (label == LEFT_OUT) {
            continue;
        }
        if (most > 0 && taken[label]++ >= most) {
            left_out_add(listed->style->left_out, LEFT_OUT_MANY, list->path[listed->number[i]], NULL);
        } else {
            listed->label[listed->images] = label;
            listed->number[listed->images++] = listed->number[i];
        }
    }
    free(taken);
    return listed->images > 0 ? STATUS_OK
                              : error_set(error, STATUS_DATA, listed->wanted->source, "leave out fewer",
                                          "no identity with enough images is left");
}

static enum status choose(struct listed *listed, struct error *error)
{
    const struct pack_dataset *wanted = listed->wanted;
    struct name_filter filter;
    enum status status = name_filter_read(wanted->include, wanted->exclude, wanted->name, &filter, error);
    if (status == STATUS_OK) {
        status = name_filter_check(&filter, &listed->list.names, wanted->source, error);
    }
    if (status == STATUS_OK) {
        status = choose_identities(listed, &filter, error);
    }
    name_filter_free(&filter);
    return status;
}

static enum status find_image(const struct listed *listed, uint64_t number, char *where, struct error *error)
{
    return file_join(listed->folder, listed->list.path[listed->number[number]], where, error);
}

static enum status read_image(const void *context, uint64_t number, char *where, uint8_t **bytes,
                              size_t *size, struct error *error)
{
    const struct listed *listed = context;
    enum status status = find_image(listed, number, where, error);
    return status == STATUS_OK ? pack_read_listed(where, bytes, size, error) : status;
}

/* One that is not there has neither size nor time: reading it tells. */
static enum status look_at_image(const void *context, uint64_t number, char *where, struct stat *file,
                                 struct error *error)
{
    const struct listed *listed = context;
    enum status status = find_image(listed, number, where, error);
    if (status != STATUS_OK || stat(where, file) == 0) {
        return status;
    }
    *file = (struct stat){0};
    return errno == ENOENT ? STATUS_OK : file_data_error(error, "", errno);
}

static uint32_t add_text(uint32_t sum, const char *text)
{
    return (uint32_t)crc32_z(sum, (const Bytef *)text, strlen(text) + 1);
}

static uint32_t digest(const struct listed *listed)
{
    uint32_t sum = add_text((uint32_t)crc32_z(0, NULL, 0), listed->folder);
    for (uint64_t i = 0; i < listed->images; i++) {
        sum = add_text(sum, listed->names[listed->label[i]]);
        sum = add_text(sum, listed->list.path[listed->number[i]]);
    }
    return sum;
}

enum status pack_list(const struct pack_dataset *wanted, const struct pack_style *style,
                      struct pack_result *result, struct error *error)
{
    struct listed listed = {.wanted = wanted, .style = style};
    *result = (struct pack_result){0};
    enum status status = pack_check(wanted, style, error);
    if (status == STATUS_OK && wanted->folder) {
        status = file_join("", wanted->folder, listed.folder, error);
    } else if (status == STATUS_OK) {
        file_directory(wanted->source, listed.folder);
    }
    if (status == STATUS_OK) {
        status = image_list_read(wanted->source, &listed.list, error);
    }
    if (status == STATUS_OK) {
        status = choose(&listed, error);
    }
    if (status == STATUS_OK) {
        const struct pack_source source = {.image = {&listed, read_image, look_at_image},
                                           .images = listed.images,
                                           .label = listed.label,
                                           .classes = listed.classes,
                                           .names = listed.names,
                                           .digest = digest(&listed)};
        status = pack_write(wanted, style, &source, result, error);
    }
    image_list_free(&listed.list);
    free(listed.moved);
    free(listed.names);
    free(listed.number);
    free(listed.label);
    return status;
}
