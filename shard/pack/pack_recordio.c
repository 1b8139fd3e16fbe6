/* An InsightFace set in RecordIO as a source of a dataset. */
#include "shard/name_filter.h"
#include "shard/pack/pack.h"
#include "shard/pack/pack_source.h"
#include "shard/pack/record_set.h"
#include "shard/pack/record_spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LEFT_OUT UINT32_MAX

struct records {
    const struct pack_style *style;
    struct record_set set;
    struct name_list all; /* every identity's name, by its label */
    uint32_t *moved; /* [set.classes]: the label that each one gets, or LEFT_OUT */
    uint64_t images; /* of those that are taken */
    uint32_t *number; /* [images]: which of the set's */
    uint32_t *label; /* [images] */
    uint32_t classes;
    const char **names; /* [classes] */
    struct record_spool *spool; /* or NULL: records are read where they are */
};

static enum status no_memory(const struct records *records, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, records->set.path, NULL, "no memory to pack %llu images",
                     (unsigned long long)records->set.images);
}

/* All names are of one width, so that the order of the names is that of the labels. */
static enum status name_identities(struct records *records, struct error *error)
{
    char name[32];
    int width = snprintf(name, sizeof name, "%u", records->set.classes - 1);
    for (uint32_t label = 0; label < records->set.classes; label++) {
        snprintf(name, sizeof name, "%0*u", width, label);
        if (!name_list_add(&records->all, name)) {
            return no_memory(records, error);
        }
    }
    return STATUS_OK;
}

/* Labels that nobody has are classes for nothing: 6 GB of weights for 3 million of them. */
static void tell_gaps(const struct records *records, uint32_t gaps)
{
    const struct record_set *set = &records->set;
    char line[PATH_SIZE + 300];
    if (gaps > 0 && records->style->warn) {
        snprintf(line, sizeof line,
                 "%u of %u labels have no image, and are classes all the same (the largest label that an "
                 "image has "
                 "is %u, of the record at byte %llu): --compact leaves them out",
                 gaps, set->classes, set->label[set->largest], (unsigned long long)set->offset[set->largest]);
        records->style->warn(records->style->context, line);
    }
}

/* The label that one with so many images gets. */
static void choose_identity(struct records *records, const struct pack_dataset *wanted,
                            const struct name_filter *filter, uint32_t label, uint32_t images)
{
    const char *name = records->all.names[label];
    const bool wants_images = wanted->compact || wanted->min_images > 0 || wanted->include || wanted->exclude;
    const uint32_t most = wanted->max_images;
    struct left_out *left_out = records->style->left_out;
    records->moved[label] = LEFT_OUT;
    if (!name_filter_takes(filter, name)) {
        left_out_add(left_out, name_filter_reason(filter, name), name, NULL);
    } else if (images == 0 && wants_images) {
        left_out_add(left_out, LEFT_OUT_NO_LABEL, name, NULL);
    } else if (images < wanted->min_images) {
        left_out_add(left_out, LEFT_OUT_FEW, name, NULL);
    } else {
        records->moved[label] = records->classes;
        records->names[records->classes++] = name;
        records->images += most > 0 && images > most ? most : images;
    }
}

static enum status choose_identities(struct records *records, const struct pack_dataset *wanted,
                                     const struct name_filter *filter, struct error *error)
{
    const struct record_set *set = &records->set;
    records->moved = calloc(set->classes, sizeof *records->moved);
    records->names = calloc(set->classes, sizeof *records->names);
    if (!records->moved || !records->names) {
        return no_memory(records, error);
    }
    for (uint64_t i = 0; i < set->images; i++) {
        records->moved[set->label[i]]++; /* for now how many images there are */
    }
    uint32_t gaps = 0;
    for (uint32_t label = 0; label < set->classes; label++) {
        const uint32_t images = records->moved[label];
        choose_identity(records, wanted, filter, label, images);
        gaps += images == 0 && records->moved[label] != LEFT_OUT;
    }
    tell_gaps(records, gaps);
    if (records->images == 0) {
        return error_set(error, STATUS_DATA, set->path, "leave out fewer",
                         "no identity with enough images is left");
    }
    return STATUS_OK;
}

static enum status number_images(struct records *records, uint32_t most, struct error *error)
{
    const struct record_set *set = &records->set;
    records->number = malloc((size_t)records->images * sizeof *records->number);
    records->label = malloc((size_t)records->images * sizeof *records->label);
    uint32_t *taken = calloc(records->classes + 1, sizeof *taken);
    if (!records->number || !records->label || !taken || set->images >= UINT32_MAX) {
        free(taken);
        return no_memory(records, error);
    }
    uint64_t count = 0;
    for (uint32_t i = 0; i < set->images; i++) {
        uint32_t label = records->moved[set->label[i]];
        if (label == LEFT_OUT) {
            continue;
        }
        if (most > 0 && taken[label]++ >= most) {
            left_out_count(records->style->left_out, LEFT_OUT_MANY, 1);
            continue;
        }
        records->number[count] = i;
        records->label[count++] = label;
    }
    free(taken);
    return STATUS_OK;
}

static enum status choose(struct records *records, const struct pack_dataset *wanted, struct error *error)
{
    struct name_filter filter;
    enum status status = name_filter_read(wanted->include, wanted->exclude, wanted->name, &filter, error);
    if (status == STATUS_OK && filter.images.count > 0) {
        status = error_set(error, STATUS_USAGE, wanted->exclude, "list identities alone",
                           "records have no names by which an image could be excluded");
    }
    if (status == STATUS_OK) {
        status = name_filter_check(&filter, &records->all, records->set.path, error);
    }
    if (status == STATUS_OK) {
        status = choose_identities(records, wanted, &filter, error);
    }
    if (status == STATUS_OK) {
        status = number_images(records, wanted->max_images, error);
    }
    name_filter_free(&filter);
    return status;
}

static void name_image(const struct records *records, uint64_t number, char *where)
{
    snprintf(where, PATH_SIZE, "%.900s, record at byte %llu", records->set.path,
             (unsigned long long)records->set.offset[records->number[number]]);
}

/* All are in one file. */
static enum status look_at_image(const void *context, uint64_t number, char *where, struct stat *file,
                                 struct error *error)
{
    const struct records *records = context;
    name_image(records, number, where);
    return fstat(records->set.descriptor, file) == 0 ? STATUS_OK : file_data_error(error, "", errno);
}

static enum status read_image(const void *context, uint64_t number, char *where, uint8_t **bytes,
                              size_t *size, struct error *error)
{
    const struct records *records = context;
    uint32_t image = records->number[number];
    name_image(records, number, where);
    return records->spool ? record_spool_read(records->spool, number, bytes, size, error)
                          : record_set_read(&records->set, image, bytes, size, error);
}

static enum status arrange(void *context, const struct pack_arrangement *arrangement, struct error *error)
{
    struct records *records = context;
    const struct pack_style *style = records->style;
    char path[PATH_SIZE];
    if (style->spool == PACK_SPOOL_NEVER ||
        (style->spool == PACK_SPOOL_AUTO && !record_spool_is_needed(&records->set))) {
        return STATUS_OK;
    }
    if (style->warn) {
        style->warn(style->context,
                    "the set does not stay in memory: its records are first put in the order of "
                    "the shards, on disk");
    }
    enum status status = file_join(arrangement->directory, "records", path, error);
    return status == STATUS_OK
               ? record_spool_create(path, &records->set, records->number, arrangement->shard,
                                     records->images, arrangement->shards, &records->spool, error)
               : status;
}

enum status pack_recordio(const struct pack_dataset *wanted, const struct pack_style *style,
                          struct pack_result *result, struct error *error)
{
    struct records records = {.style = style, .set = {.descriptor = -1}};
    *result = (struct pack_result){0};
    enum status status = pack_check(wanted, style, error);
    if (status == STATUS_OK) {
        status = record_set_open(wanted->source, style, &records.set, error);
    }
    if (status == STATUS_OK) {
        status = name_identities(&records, error);
    }
    if (status == STATUS_OK) {
        status = choose(&records, wanted, error);
    }
    if (status == STATUS_OK) {
        uLong digest = crc32_z(records.set.digest, (const Bytef *)records.moved,
                               records.set.classes * sizeof *records.moved);
        const struct pack_source source = {.image = {&records, read_image, look_at_image},
                                           .images = records.images,
                                           .label = records.label,
                                           .classes = records.classes,
                                           .names = records.names,
                                           .digest = (uint32_t)digest,
                                           .arrange = arrange,
                                           .arrange_context = &records};
        status = pack_write(wanted, style, &source, result, error);
    }
    record_spool_close(records.spool);
    record_set_close(&records.set);
    name_list_free(&records.all);
    free(records.moved);
    free(records.number);
    free(records.label);
    free(records.names);
    return status;
}
