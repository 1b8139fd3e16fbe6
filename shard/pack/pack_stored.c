/* Images in large files, with a label each, as a source of a dataset: RecordIO, tar archives and LMDB. */
#include "shard/archive/stored_images.h"
#include "shard/name_filter.h"
#include "shard/pack/lmdb_set.h"
#include "shard/pack/pack.h"
#include "shard/pack/pack_source.h"
#include "shard/pack/record_set.h"
#include "shard/pack/record_spool.h"
#include "shard/pack/tar_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LEFT_OUT UINT32_MAX

struct stored {
    const struct pack_dataset *wanted;
    const struct pack_style *style;
    struct stored_images set;
    struct name_filter filter;
    uint32_t *moved; /* [set.classes]: the label that each one gets, or LEFT_OUT */
    uint64_t images; /* of those that are taken */
    uint32_t *number; /* [images]: which of the set's */
    uint32_t *label; /* [images] */
    uint32_t classes;
    const char **names; /* [classes] */
    struct record_spool *spool; /* or NULL: images are read where they are */
};

static enum status no_memory(const struct stored *stored, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, stored->wanted->source, NULL, "no memory to pack %llu images",
                     (unsigned long long)stored->set.images);
}

/* Identities that only have numbers are called by them, all in one width, so that the order of the names is that of the
 * labels. */
static enum status name_identities(struct stored *stored, struct error *error)
{
    struct stored_images *set = &stored->set;
    char name[32];
    if (set->names.count > 0) {
        return STATUS_OK;
    }
    const int width = snprintf(name, sizeof name, "%u", set->classes - 1);
    for (uint32_t label = 0; label < set->classes; label++) {
        snprintf(name, sizeof name, "%0*u", width, label);
        if (!name_list_add(&set->names, name)) {
            return no_memory(stored, error);
        }
    }
    return STATUS_OK;
}

/* Labels that nobody has are classes for nothing: 6 GB of weights for 3 million of them. */
static void tell_gaps(const struct stored *stored, uint32_t gaps)
{
    const struct stored_images *set = &stored->set;
    char where[PATH_SIZE], line[PATH_SIZE + 300];
    if (gaps > 0 && stored->style->warn) {
        stored_images_place(set, set->largest, where);
        snprintf(line, sizeof line,
                 "%u of %u labels have no image, and are classes all the same (the largest label that an "
                 "image has is %u, of %s): --compact leaves them out",
                 gaps, set->classes, set->label[set->largest], where);
        stored->style->warn(stored->style->context, line);
    }
}

/* The label that one with so many images gets. */
static void choose_identity(struct stored *stored, uint32_t label, uint32_t images)
{
    const struct pack_dataset *wanted = stored->wanted;
    const char *name = stored->set.names.names[label];
    const bool wants_images = wanted->compact || wanted->min_images > 0 || wanted->include || wanted->exclude;
    struct left_out *left_out = stored->style->left_out;
    stored->moved[label] = LEFT_OUT;
    if (!name_filter_takes(&stored->filter, name)) {
        left_out_add(left_out, name_filter_reason(&stored->filter, name), name, NULL);
    } else if (images == 0 && wants_images) {
        left_out_add(left_out, LEFT_OUT_NO_LABEL, name, NULL);
    } else if (images < wanted->min_images) {
        left_out_add(left_out, LEFT_OUT_FEW, name, NULL);
    } else {
        stored->moved[label] = stored->classes;
        stored->names[stored->classes++] = name;
    }
}

/* An image is known by its path in the archive, and by the name of its file. */
static bool takes_image(struct stored *stored, uint32_t image)
{
    const struct stored_images *set = &stored->set;
    if (stored->filter.images.count == 0) {
        return true;
    }
    const char *identity = set->names.names[set->label[image]], *path = set->image_names.names[image];
    const char *slash = strrchr(path, '/');
    return name_filter_takes_image(&stored->filter, identity, path) &&
           (!slash || name_filter_takes_image(&stored->filter, identity, slash + 1));
}

/* All images but those that are excluded one by one, with the set's labels; how many each identity has goes to `moved` for
 * now. */
static enum status number_images(struct stored *stored, struct error *error)
{
    const struct stored_images *set = &stored->set;
    for (uint32_t i = 0; i < set->images; i++) {
        if (takes_image(stored, i)) {
            stored->moved[set->label[i]]++;
            stored->number[stored->images++] = i;
        } else {
            left_out_add(stored->style->left_out, LEFT_OUT_EXCLUDED_IMAGE, set->image_names.names[i], NULL);
        }
    }
    return name_filter_check_images(&stored->filter, stored->wanted->source, error);
}

static enum status choose_identities(struct stored *stored, struct error *error)
{
    const struct stored_images *set = &stored->set;
    uint32_t gaps = 0;
    for (uint32_t label = 0; label < set->classes; label++) {
        const uint32_t images = stored->moved[label];
        choose_identity(stored, label, images);
        gaps += images == 0 && stored->moved[label] != LEFT_OUT;
    }
    tell_gaps(stored, gaps);
    const uint64_t all = stored->images;
    const uint32_t most = stored->wanted->max_images;
    uint32_t *taken = calloc(stored->classes + 1, sizeof *taken);
    if (!taken) {
        return no_memory(stored, error);
    }
    stored->images = 0;
    for (uint64_t i = 0; i < all; i++) {
        const uint32_t image = stored->number[i], label = stored->moved[set->label[image]];
        char where[PATH_SIZE];
        if (label == LEFT_OUT) {
            continue;
        }
        if (most > 0 && taken[label]++ >= most) {
            stored_images_place(set, image, where);
            left_out_add(stored->style->left_out, LEFT_OUT_MANY, where, NULL);
        } else {
            stored->label[stored->images] = label;
            stored->number[stored->images++] = image;
        }
    }
    free(taken);
    return stored->images > 0 ? STATUS_OK
                              : error_set(error, STATUS_DATA, stored->wanted->source, "leave out fewer",
                                          "no identity with enough images is left");
}

static enum status choose(struct stored *stored, struct error *error)
{
    const struct stored_images *set = &stored->set;
    if (set->images >= UINT32_MAX) {
        return no_memory(stored, error);
    }
    enum status status = name_identities(stored, error);
    if (status == STATUS_OK) {
        status = name_filter_check(&stored->filter, &set->names, stored->wanted->source, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    stored->moved = calloc(set->classes, sizeof *stored->moved);
    stored->names = calloc(set->classes, sizeof *stored->names);
    stored->number = malloc((size_t)set->images * sizeof *stored->number);
    stored->label = malloc((size_t)set->images * sizeof *stored->label);
    if (!stored->moved || !stored->names || !stored->number || !stored->label) {
        return no_memory(stored, error);
    }
    status = number_images(stored, error);
    return status == STATUS_OK ? choose_identities(stored, error) : status;
}

static enum status look_at_image(const void *context, uint64_t number, char *where, struct stat *file,
                                 struct error *error)
{
    const struct stored *stored = context;
    stored_images_place(&stored->set, stored->number[number], where);
    return stored_images_look(&stored->set, stored->number[number], file, error);
}

static enum status read_image(const void *context, uint64_t number, char *where, uint8_t **bytes,
                              size_t *size, struct error *error)
{
    const struct stored *stored = context;
    const uint32_t image = stored->number[number];
    stored_images_place(&stored->set, image, where);
    return stored->spool ? record_spool_read(stored->spool, number, bytes, size, error)
                         : stored_images_read(&stored->set, image, bytes, size, error);
}

static enum status arrange(void *context, const struct pack_arrangement *arrangement, struct error *error)
{
    struct stored *stored = context;
    const struct pack_style *style = stored->style;
    char path[PATH_SIZE];
    if (style->spool == PACK_SPOOL_NEVER ||
        (style->spool == PACK_SPOOL_AUTO && !record_spool_is_needed(&stored->set))) {
        return STATUS_OK;
    }
    if (style->warn) {
        style->warn(style->context,
                    "the set does not stay in memory: its images are first put in the order of "
                    "the shards, on disk");
    }
    enum status status = file_join(arrangement->directory, "records", path, error);
    return status == STATUS_OK
               ? record_spool_create(path, &stored->set, stored->number, arrangement->shard, stored->images,
                                     arrangement->shards, &stored->spool, error)
               : status;
}

static enum status write_taken(struct stored *stored, struct pack_result *result, struct error *error)
{
    enum status status = choose(stored, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uLong digest = crc32_z(stored_images_digest(&stored->set), (const Bytef *)stored->moved,
                                 stored->set.classes * sizeof *stored->moved);
    const struct pack_source source = {.image = {stored, read_image, look_at_image},
                                       .images = stored->images,
                                       .label = stored->label,
                                       .classes = stored->classes,
                                       .names = stored->names,
                                       .digest = (uint32_t)digest,
                                       .arrange = arrange,
                                       .arrange_context = stored};
    return pack_write(stored->wanted, stored->style, &source, result, error);
}

static void free_stored(struct stored *stored)
{
    record_spool_close(stored->spool);
    stored_images_close(&stored->set);
    name_filter_free(&stored->filter);
    free(stored->moved);
    free(stored->number);
    free(stored->label);
    free(stored->names);
}

/* What the set is filled by. */
typedef enum status filler(struct stored *stored, struct error *error);

static enum status pack(struct stored *stored, filler *fill, struct pack_result *result, struct error *error)
{
    const struct pack_dataset *wanted = stored->wanted;
    *result = (struct pack_result){0};
    enum status status = pack_check(wanted, stored->style, error);
    if (status == STATUS_OK) {
        status = name_filter_read(wanted->include, wanted->exclude, wanted->name, &stored->filter, error);
    }
    if (status == STATUS_OK) {
        status = fill(stored, error);
    }
    if (status == STATUS_OK) {
        status = write_taken(stored, result, error);
    }
    free_stored(stored);
    return status;
}

static enum status refuse_image_names(const struct stored *stored, const char *what, struct error *error)
{
    return stored->filter.images.count > 0
               ? error_set(error, STATUS_USAGE, stored->wanted->exclude, "list identities alone",
                           "%s have no names by which an image could be excluded", what)
               : STATUS_OK;
}

/* The sources, each by itself. */
static const char *const *sources_of(const struct pack_dataset *wanted, size_t *count)
{
    *count = wanted->sources ? wanted->source_count : 1;
    return wanted->sources ? wanted->sources : &wanted->source;
}

static enum status fill_recordio(struct stored *stored, struct error *error)
{
    enum status status = refuse_image_names(stored, "records", error);
    if (status != STATUS_OK) {
        return status;
    }
    size_t count;
    const char *const *sources = sources_of(stored->wanted, &count);
    return record_set_fill(&stored->set, sources, count, stored->wanted->labels, stored->style, error);
}

enum status pack_recordio(const struct pack_dataset *wanted, const struct pack_style *style,
                          struct pack_result *result, struct error *error)
{
    struct stored stored = {.wanted = wanted, .style = style, .set = STORED_IMAGES_EMPTY("record")};
    return pack(&stored, fill_recordio, result, error);
}

static enum status fill_tar(struct stored *stored, struct error *error)
{
    const struct pack_dataset *wanted = stored->wanted;
    size_t count;
    const char *const *sources = sources_of(wanted, &count);
    return tar_set_fill(&stored->set, sources, count, wanted->directory, wanted->label_key,
                        stored->filter.images.count > 0, stored->style, error);
}

enum status pack_tar(const struct pack_dataset *wanted, const struct pack_style *style,
                     struct pack_result *result, struct error *error)
{
    struct stored stored = {.wanted = wanted, .style = style, .set = STORED_IMAGES_EMPTY("image")};
    return pack(&stored, fill_tar, result, error);
}

static enum status fill_lmdb(struct stored *stored, struct error *error)
{
    enum status status = refuse_image_names(stored, "values of a database", error);
    return status == STATUS_OK ? lmdb_set_fill(&stored->set, stored->wanted->source, stored->style, error)
                               : status;
}

enum status pack_lmdb(const struct pack_dataset *wanted, const struct pack_style *style,
                      struct pack_result *result, struct error *error)
{
    struct stored stored = {.wanted = wanted, .style = style, .set = STORED_IMAGES_EMPTY("value")};
    return pack(&stored, fill_lmdb, result, error);
}
