#include "shard/pack.h"

#include "proto/random.h"
#include "shard/dataset_writer.h"
#include "shard/folder.h"
#include "shard/pack_image.h"
#include "shard/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct import {
    const struct pack_folder *folder_import;
    const struct pack_style *style;
    struct folder folder;
    uint32_t *order; /* [folder.images]: image numbers, identity after identity, in the order of packing */
    uint32_t *label; /* [folder.images]: the label of each number */
    uint32_t *first; /* [folder.count]: the number of each identity's first image */
    uint32_t *stored; /* [folder.count]: images that each identity has got */
    struct packed_image *batch; /* [PACK_BATCH] */
    struct dataset_writer *writer;
    struct pack_result *result;
};

static enum status list(struct import *import, struct error *error)
{
    const struct pack_folder *wanted = import->folder_import;
    struct folder_filter filter = {wanted->include, wanted->exclude, wanted->min_images};
    enum status status = folder_list(wanted->folder, &filter, &import->folder, error);
    if (status != STATUS_OK)
        return status;
    const struct folder *folder = &import->folder;
    if (folder->images >= UINT32_MAX)
        return error_set(error, STATUS_DATA, wanted->folder, "make several datasets of it",
                         "there are %llu images, more than a dataset can have",
                         (unsigned long long)folder->images);
    import->order = malloc((size_t)folder->images * sizeof *import->order);
    import->label = malloc((size_t)folder->images * sizeof *import->label);
    import->first = malloc((size_t)folder->count * sizeof *import->first);
    import->stored = calloc(folder->count, sizeof *import->stored);
    import->batch = calloc(PACK_BATCH, sizeof *import->batch);
    if (import->order == NULL || import->label == NULL || import->first == NULL || import->stored == NULL ||
        import->batch == NULL)
        return error_set(error, STATUS_INTERNAL, wanted->folder, NULL, "no memory to pack %llu images",
                         (unsigned long long)folder->images);
    uint32_t number = 0;
    for (uint32_t label = 0; label < folder->count; label++) {
        import->first[label] = number;
        for (uint32_t i = 0; i < folder->identities[label].image_count; i++, number++) {
            import->order[number] = number;
            import->label[number] = label;
        }
    }
    struct random random = random_stream(wanted->seed, RANDOM_PACK, 0, 0);
    random_shuffle(&random, import->order, (size_t)folder->images);
    return STATUS_OK;
}

/* Reads the images order[begin..begin+count-1]. */
static enum status read_batch(struct import *import, uint32_t begin, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t number = import->order[begin + i], label = import->label[number];
        const struct folder_identity *identity = &import->folder.identities[label];
        char directory[PATH_SIZE];
        enum status status = path_join(import->folder.path, identity->name, directory, error);
        if (status == STATUS_OK)
            status = path_join(directory, identity->images[number - import->first[label]],
                               import->batch[i].path, error);
        if (status != STATUS_OK)
            return status;
    }
    pack_images(import->style, import->batch, count);
    return STATUS_OK;
}

/* How many shards there will be is settled by the first batch: it is a random sample of the dataset, so that
 * its mean size foretells the whole. */
static enum status begin_writing(struct import *import, size_t count, struct error *error)
{
    const struct pack_folder *wanted = import->folder_import;
    uint64_t bytes = 0, good = 0;
    for (size_t i = 0; i < count; i++)
        if (import->batch[i].status == STATUS_OK) {
            bytes += import->batch[i].size;
            good++;
        }
    double total = (good == 0 ? 0.0 : (double)bytes / (double)good) * (double)import->folder.images;
    double shards = total / (double)wanted->shard_bytes;
    double most = (double)(import->folder.images < 100000 ? import->folder.images : 100000);
    struct dataset_plan plan = {.directory = wanted->directory,
                                .name = wanted->name,
                                .dataset_id = wanted->dataset_id,
                                .classes = import->folder.count,
                                .image_size = import->style->size,
                                .encoding = IMAGE_UNKNOWN,
                                .images = import->folder.images,
                                .shards = shards >= most ? (uint32_t)most : (uint32_t)shards + 1,
                                .source = wanted->folder,
                                .force = wanted->force};
    plan.shards = plan.shards > plan.images ? (uint32_t)plan.images : plan.shards;
    import->result->shards = plan.shards;
    return dataset_writer_create(&plan, &import->writer, error);
}

static enum status write_batch(struct import *import, uint32_t begin, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct packed_image *image = &import->batch[i];
        uint32_t label = import->label[import->order[begin + i]];
        enum status status = STATUS_OK;
        if (image->status == STATUS_OK) {
            status = dataset_writer_append(import->writer, image->bytes, image->size, label, error);
            import->stored[label]++;
            import->result->images++;
            import->result->kept += image->kept;
        } else {
            status = pack_bad_image(import->style, image, error);
            import->result->skipped++;
            if (status == STATUS_OK)
                status = dataset_writer_skip(import->writer, error);
        }
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status stream(struct import *import, struct error *error)
{
    uint32_t images = (uint32_t)import->folder.images;
    enum status status = STATUS_OK;
    for (uint32_t begin = 0; begin < images && status == STATUS_OK; begin += PACK_BATCH) {
        size_t count = images - begin < PACK_BATCH ? images - begin : PACK_BATCH;
        status = read_batch(import, begin, count, error);
        if (status == STATUS_OK && begin == 0)
            status = begin_writing(import, count, error);
        if (status == STATUS_OK)
            status = write_batch(import, begin, count, error);
        for (size_t i = 0; i < count; i++)
            packed_image_free(&import->batch[i]);
        if (status == STATUS_OK && import->style->progress != NULL)
            import->style->progress(import->style->context, begin + count, images);
        if (images - begin <= PACK_BATCH)
            break;
    }
    return status;
}

/* An identity that lost images to --skip-bad keeps its label: labels must not depend on what was bad. */
static void warn_thinned(const struct import *import)
{
    char line[400];
    const struct pack_style *style = import->style;
    for (uint32_t label = 0; label < import->folder.count && style->warn != NULL; label++) {
        const struct folder_identity *identity = &import->folder.identities[label];
        uint32_t least = import->folder_import->min_images;
        least = least < 1 ? 1 : least;
        if (import->stored[label] >= least || identity->image_count == import->stored[label])
            continue;
        snprintf(line, sizeof line, "identity %.200s (label %u) is left with %u of %u images", identity->name,
                 label, import->stored[label], identity->image_count);
        style->warn(style->context, line);
    }
}

static enum status finish(struct import *import, struct error *error)
{
    const struct folder *folder = &import->folder;
    const char **names = malloc(folder->count * sizeof *names);
    if (names == NULL)
        return error_set(error, STATUS_INTERNAL, folder->path, NULL, "no memory for the names of classes");
    for (uint32_t label = 0; label < folder->count; label++)
        names[label] = folder->identities[label].name;
    struct dataset_writer *writer = import->writer;
    import->writer = NULL;
    enum status status = dataset_writer_finish(writer, names, &import->result->bytes, error);
    free(names);
    return status;
}

enum status pack_folder(const struct pack_folder *wanted, const struct pack_style *style,
                        struct pack_result *result, struct error *error)
{
    struct import import = {.folder_import = wanted, .style = style, .result = result};
    *result = (struct pack_result){0};
    enum status status = pack_style_is_valid(style, error);
    if (status == STATUS_OK && wanted->shard_bytes == 0)
        status = error_set(error, STATUS_USAGE, NULL, NULL, "a shard needs a size above 0");
    if (status == STATUS_OK)
        status = dataset_writer_check(wanted->directory, wanted->name, wanted->force, error);
    if (status == STATUS_OK)
        status = list(&import, error);
    if (status == STATUS_OK)
        status = stream(&import, error);
    if (status == STATUS_OK) {
        result->classes = import.folder.count;
        warn_thinned(&import);
        status = finish(&import, error);
    }
    dataset_writer_abandon(import.writer);
    folder_free(&import.folder);
    free(import.order);
    free(import.label);
    free(import.first);
    free(import.stored);
    free(import.batch);
    return status;
}
