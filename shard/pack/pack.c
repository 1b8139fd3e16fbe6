/* A source's images, shuffled over the shards of a dataset: see pack_source.h. */
#include "shard/pack/pack.h"

#include "proto/random.h"
#include "shard/align/face_table.h"
#include "shard/dataset/dataset_writer.h"
#include "shard/pack/pack_source.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    struct packed_image *images; /* [PACK_BATCH] */
    uint64_t begin; /* place of the first one */
    size_t count;
};

struct packing {
    const struct pack_dataset *wanted;
    const struct pack_style *style;
    const struct pack_source *source;
    uint32_t *order; /* [source.images]: image numbers in the order of packing */
    uint32_t *shard; /* [source.images]: of each image, for a source that arranges itself by it */
    struct pack_arrangement arrangement;
    struct batch batches[2];
    uint32_t sample[PACK_BATCH]; /* crc of the bytes of the first images; 0: not read */
    struct batch *full; /* of the two: packed, to be written while the other one is filled */
    enum status written; /* how that went */
    struct error error;
    struct dataset_writer *writer;
    struct pack_result *result;
};

enum status pack_check(const struct pack_dataset *wanted, const struct pack_style *style, struct error *error)
{
    enum status status = pack_style_is_valid(style, error);
    if (status == STATUS_OK && wanted->shard_bytes == 0) {
        status = error_set(error, STATUS_USAGE, NULL, NULL, "a shard needs a size above 0");
    }
    if (status == STATUS_OK) {
        status = dataset_writer_check(wanted->directory, wanted->name, wanted->force, error);
    }
    return status;
}

static enum status shuffle(struct packing *packing, struct error *error)
{
    const char *path = packing->wanted->source;
    uint64_t images = packing->source->images;
    if (images >= UINT32_MAX) {
        return error_set(error, STATUS_DATA, path, "make several datasets of it",
                         "there are %llu images, more than a dataset can have", (unsigned long long)images);
    }
    packing->order = malloc((size_t)images * sizeof *packing->order + 1);
    for (int i = 0; i < 2; i++) {
        packing->batches[i].images = calloc(PACK_BATCH, sizeof *packing->batches[i].images);
    }
    if (!packing->order || !packing->batches[0].images || !packing->batches[1].images) {
        return error_set(error, STATUS_INTERNAL, path, NULL, "no memory to pack %llu images",
                         (unsigned long long)images);
    }
    for (uint32_t number = 0; number < images; number++) {
        packing->order[number] = number;
    }
    struct random random = random_stream(packing->wanted->seed, RANDOM_PACK, 0, 0);
    random_shuffle(&random, packing->order, (size_t)images);
    return STATUS_OK;
}

/* --- Batches --- */

static void empty(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        packed_image_free(&batch->images[i]);
    }
    batch->count = 0;
}

/* The next images from place `begin` on: their numbers. */
static void choose(const struct packing *packing, struct batch *batch, uint64_t begin)
{
    uint64_t left = packing->source->images - begin;
    batch->begin = begin;
    batch->count = left < PACK_BATCH ? (size_t)left : PACK_BATCH;
    for (size_t i = 0; i < batch->count; i++) {
        batch->images[i].number = packing->order[begin + i];
    }
}

static enum status write_batch(struct packing *packing, const struct batch *batch, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        const struct packed_image *image = &batch->images[i];
        if (image->status == STATUS_OK) {
            status = dataset_writer_append(packing->writer, image->bytes, image->size,
                                           packing->source->label[image->number], image->kept, &image->origin,
                                           error);
            packing->result->fitted += image->fitted;
            packing->result->turned += image->turned;
        } else {
            status = pack_bad_image(packing->style, image, error);
            if (status == STATUS_OK) {
                status = dataset_writer_skip(packing->writer, &image->origin, error);
            }
        }
    }
    return status;
}

static void write_full(void *context)
{
    struct packing *packing = context;
    packing->written = write_batch(packing, packing->full, &packing->error);
}

/* --- The whole --- */

/* How many shards there will be is settled by the first images: they are a random sample of the dataset, so
 * that their mean size foretells the whole. */
static enum status count_shards(struct packing *packing, uint32_t *count, struct error *error)
{
    struct batch *sample = &packing->batches[0];
    double images = (double)packing->source->images;
    uint64_t bytes = 0, good = 0;
    enum status status = STATUS_OK;
    choose(packing, sample, 0);
    pack_images(packing->style, &packing->source->image, sample->images, sample->count, NULL, NULL);
    for (size_t i = 0; i < sample->count; i++) {
        const struct packed_image *image = &sample->images[i];
        packing->sample[i] = image->origin.bytes;
        if (image->status == STATUS_OK) {
            bytes += image->size;
            good++;
        } else if (status == STATUS_OK && (image->status != STATUS_DATA || packed_image_is_unread(image))) {
            status = pack_bad_image(packing->style, image, error);
        }
    }
    empty(sample);
    double total = (good == 0 ? 0.0 : (double)bytes / (double)good) * images;
    double shards = total / (double)packing->wanted->shard_bytes + 1;
    double most = images < 100000 ? images : 100000;
    *count = (uint32_t)(shards >= most ? most : shards);
    return status;
}

/* All that the bytes of a shard depend on, as text; of the images their source and names. */
static char *describe_job(const struct packing *packing, uint32_t shards)
{
    const struct pack_source *source = packing->source;
    const struct pack_style *style = packing->style;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream) {
        return NULL;
    }
    fprintf(stream,
            "dail %s\nforce %s\nsource %s\nimages %llu\nclasses %u\nlisting %08x\nseed %llu\nid %u\nsize %d\n"
            "encoding %s\nquality %d\nfit %d\nfaces %08x\nmargin %g\nshards %u\n",
            DAIL_VERSION, packing->wanted->force ? "yes" : "no", packing->wanted->source,
            (unsigned long long)source->images, source->classes, source->digest,
            (unsigned long long)packing->wanted->seed, packing->wanted->dataset_id, style->size,
            style->encoding == IMAGE_PNG ? "png" : "jpeg", style->quality, (int)style->fit,
            style->faces ? style->faces->crc : 0, style->margin, shards);
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void tell(const struct pack_style *style, const char *text, uint32_t finished, uint32_t shards)
{
    char line[200];
    snprintf(line, sizeof line, text, finished, shards);
    if (finished > 0 && style->warn) {
        style->warn(style->context, line);
    }
}

static enum status arrange(struct packing *packing, const struct dataset_plan *plan, uint64_t next,
                           struct error *error)
{
    const struct pack_source *source = packing->source;
    if (!source->arrange) {
        return STATUS_OK;
    }
    packing->shard = malloc((size_t)source->images * sizeof *packing->shard + 1);
    if (!packing->shard) {
        return error_set(error, STATUS_INTERNAL, packing->wanted->source, NULL,
                         "no memory to pack %llu images", (unsigned long long)source->images);
    }
    uint32_t shard = 0;
    for (uint64_t place = 0; place < source->images; place++) {
        shard += place == dataset_plan_share_end(plan, shard);
        packing->shard[packing->order[place]] = place < next ? PACK_FINISHED : shard;
    }
    packing->arrangement = (struct pack_arrangement){.directory = dataset_writer_directory(packing->writer),
                                                     .shards = plan->shards,
                                                     .shard = packing->shard};
    return source->arrange(source->arrange_context, &packing->arrangement, error);
}

static void tell_user(void *context, const char *text)
{
    const struct packing *packing = context;
    if (packing->style->warn) {
        packing->style->warn(packing->style->context, text);
    }
}

/* Those of the sample were just read: their bytes are compared, whatever the time of their file. */
static enum status compare_source(const struct packing *packing, uint64_t place,
                                  const struct dataset_origin *then, bool *changed, char *where,
                                  struct error *error)
{
    enum status status =
        pack_image_changed(&packing->source->image, packing->order[place], then, changed, where, error);
    if (place < PACK_BATCH && packing->sample[place] != then->bytes) {
        *changed = true;
    }
    return status;
}

static enum status compare_sources(void *context, uint64_t begin, uint64_t count,
                                   const struct dataset_origin *then, uint64_t *changed,
                                   char first[PATH_SIZE], struct error *error)
{
    const struct packing *packing = context;
    const int threads = packing->style->threads > 0 ? packing->style->threads : omp_get_max_threads();
    uint64_t found = 0, first_place = UINT64_MAX;
    enum status result = STATUS_OK;
#pragma omp parallel for schedule(dynamic, 64) num_threads(threads)
    for (uint64_t i = 0; i < count; i++) {
        char where[PATH_SIZE] = "";
        struct error failure = {0};
        bool is_other;
        enum status status = compare_source(packing, begin + i, &then[i], &is_other, where, &failure);
        if (status == STATUS_OK && !is_other) {
            continue;
        }
#pragma omp critical
        {
            if (status != STATUS_OK) {
                result = status;
                error_prefix_where(&failure, where);
                if (error) {
                    *error = failure;
                }
            } else if (i < first_place) {
                first_place = i;
                snprintf(first, PATH_SIZE, "%s", where);
            }
            found += status == STATUS_OK;
        }
    }
    *changed = found;
    return result;
}

/* Images that were left out of shards which are finished: the journal counts them; where each is to be named, these shards'
 * images are looked at again. Their sources have not changed. */
static void name_earlier(struct packing *packing, const struct dataset_tally *tally)
{
    struct left_out *left_out = packing->style->left_out;
    struct batch *batch = &packing->batches[0];
    const uint64_t bad = tally->next - tally->images;
    uint64_t named = 0;
    for (uint64_t begin = 0; left_out && left_out->listed && named < bad && begin < tally->next;
         begin += batch->count) {
        empty(batch);
        choose(packing, batch, begin);
        pack_images(packing->style, &packing->source->image, batch->images, batch->count, NULL, NULL);
        for (size_t i = 0; i < batch->count; i++) {
            const struct packed_image *image = &batch->images[i];
            if (image->status != STATUS_OK && begin + i < tally->next) {
                left_out_add(left_out, LEFT_OUT_BAD_IMAGE, image->where, image->error.what);
                named++;
            }
        }
    }
    empty(batch);
    left_out_count(left_out, LEFT_OUT_BAD_EARLIER, bad > named ? bad - named : 0);
}

static enum status begin_writing(struct packing *packing, uint64_t *next, struct error *error)
{
    const struct pack_dataset *wanted = packing->wanted;
    struct dataset_plan plan = {.directory = wanted->directory,
                                .name = wanted->name,
                                .dataset_id = wanted->dataset_id,
                                .classes = packing->source->classes,
                                .image_size = packing->style->size,
                                .encoding = IMAGE_UNKNOWN,
                                .images = packing->source->images,
                                .source = wanted->source,
                                .force = wanted->force,
                                .tell = tell_user,
                                .compare = compare_sources,
                                .context = packing};
    enum status status = count_shards(packing, &plan.shards, error);
    if (status != STATUS_OK) {
        return status;
    }
    packing->result->shards = plan.shards;
    char *job = describe_job(packing, plan.shards);
    if (!job) {
        return error_no_memory(error, wanted->source);
    }
    plan.job = job;
    status = dataset_writer_create(&plan, &packing->writer, error);
    free(job);
    if (status == STATUS_OK) {
        const struct dataset_tally *tally = dataset_writer_tally(packing->writer);
        *next = tally->next;
        if (!packing->style->skip_bad && tally->images != tally->next) {
            return error_set(error, STATUS_DATA, dataset_writer_directory(packing->writer),
                             "allow images to be left out again, or remove the folder to begin anew",
                             "the finished shards were packed with bad images left out: %llu of them",
                             (unsigned long long)(tally->next - tally->images));
        }
        name_earlier(packing, tally);
        tell(packing->style, "going on after %u of %u shards that are finished", tally->shards, plan.shards);
        status = arrange(packing, &plan, *next, error);
    }
    return status;
}

static enum status stream(struct packing *packing, struct error *error)
{
    uint64_t images = packing->source->images, next = 0;
    struct batch *filling = &packing->batches[0];
    packing->full = &packing->batches[1];
    enum status status = begin_writing(packing, &next, error);
    while (status == STATUS_OK && (next < images || packing->full->count > 0)) {
        choose(packing, filling, next);
        pack_images(packing->style, &packing->source->image, filling->images, filling->count, write_full,
                    packing);
        next += filling->count;
        status = packing->written;
        if (status != STATUS_OK && error) {
            *error = packing->error;
        }
        if (status == STATUS_OK && packing->full->count > 0 && packing->style->progress) {
            packing->style->progress(packing->style->context, packing->full->begin + packing->full->count,
                                     images);
        }
        struct batch *written = packing->full;
        empty(written);
        packing->full = filling;
        filling = written;
    }
    empty(filling);
    empty(packing->full);
    return status;
}

/* An identity that lost images to --skip-bad keeps its label: labels must not depend on what was bad. */
static enum status warn_thinned(const struct packing *packing, struct error *error)
{
    const struct pack_source *source = packing->source;
    const uint32_t *stored = dataset_writer_tally(packing->writer)->stored;
    uint32_t *had = calloc(source->classes, sizeof *had);
    uint32_t least = packing->wanted->min_images < 1 ? 1 : packing->wanted->min_images;
    char line[400];
    if (!had) {
        return error_no_memory(error, packing->wanted->source);
    }
    for (uint64_t i = 0; i < source->images; i++) {
        had[source->label[i]]++;
    }
    for (uint32_t label = 0; label < source->classes; label++) {
        if (stored[label] >= least || had[label] == stored[label]) {
            continue;
        }
        if (stored[label] == 0) {
            left_out_add(packing->style->left_out, LEFT_OUT_EMPTIED, source->names[label], NULL);
        }
        snprintf(line, sizeof line, "identity %.200s (label %u) is left with %u of %u images",
                 source->names[label], label, stored[label], had[label]);
        if (packing->style->warn) {
            packing->style->warn(packing->style->context, line);
        }
    }
    free(had);
    return STATUS_OK;
}

static enum status finish(struct packing *packing, struct error *error)
{
    struct pack_result *result = packing->result;
    struct dataset_writer *writer = packing->writer;
    const struct dataset_tally *tally = dataset_writer_tally(writer);
    result->classes = packing->source->classes;
    result->images = tally->images;
    result->kept = tally->kept;
    result->skipped = tally->next - tally->images;
    enum status status = warn_thinned(packing, error);
    if (status != STATUS_OK) {
        return status;
    }
    packing->writer = NULL;
    return dataset_writer_finish(writer, packing->source->names, &result->bytes, error);
}

/* Before the long work: people may have to be rescued first. */
static void tell_vanished(const struct pack_style *style)
{
    char *line = style->left_out ? left_out_vanished(style->left_out) : NULL;
    if (line && style->warn) {
        style->warn(style->context, line);
    }
    free(line);
}

enum status pack_write(const struct pack_dataset *wanted, const struct pack_style *style,
                       const struct pack_source *source, struct pack_result *result, struct error *error)
{
    struct packing packing = {.wanted = wanted, .style = style, .source = source, .result = result};
    tell_vanished(style);
    enum status status = shuffle(&packing, error);
    if (status == STATUS_OK) {
        status = stream(&packing, error);
    }
    if (status == STATUS_OK) {
        status = finish(&packing, error);
    }
    if (packing.writer) {
        tell(style, "%u of %u shards are finished: the same command goes on after them",
             dataset_writer_tally(packing.writer)->shards, result->shards);
    }
    dataset_writer_abandon(packing.writer);
    free(packing.order);
    free(packing.shard);
    free(packing.batches[0].images);
    free(packing.batches[1].images);
    return status;
}
