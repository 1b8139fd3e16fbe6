#include "daemon/overlap/overlap_against.h"

#include "daemon/overlap/overlap_embed.h"
#include "shard/pairs.h"
#include "worker/evaluate/class_centres.h"
#include "worker/evaluate/embeddings_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t root_of(uint32_t *parent, uint32_t image)
{
    while (parent[image] != image) {
        parent[image] = parent[parent[image]];
        image = parent[image];
    }
    return image;
}

/* Who is who: images that a pair of one person joins, numbered by their first image. */
static enum status number_people(struct overlap_against *against, const uint8_t *same, struct error *error)
{
    uint32_t *parent = malloc(((size_t)against->images + 1) * sizeof *parent);
    against->person = malloc(((size_t)against->images + 1) * sizeof *against->person);
    if (!parent || !against->person) {
        free(parent);
        return error_no_memory(error, "verification set");
    }
    for (uint32_t i = 0; i < against->images; i++) {
        parent[i] = i;
    }
    for (uint64_t i = 0; i < against->pairs; i++) {
        if (same[i]) {
            const uint32_t a = root_of(parent, against->pair[2 * i]),
                           b = root_of(parent, against->pair[2 * i + 1]);
            parent[a > b ? a : b] = a > b ? b : a;
        }
    }
    /* A root is the first image of its person. */
    for (uint32_t i = 0; i < against->images; i++) {
        const uint32_t root = root_of(parent, i);
        against->person[i] = root == i ? against->people++ : against->person[root];
    }
    free(parent);
    return STATUS_OK;
}

/* Every dataset's centres in memory, with room for those of the set. */
static enum status make_room(struct overlap_source *source, uint32_t people, struct error *error)
{
    const size_t width = (size_t)source->state.network.embedding, datasets = source->state.dataset_count;
    const size_t before = (size_t)source->first_class[datasets];
    float *centres = calloc((before + people + 1) * width, sizeof *centres);
    enum status status = centres ? STATUS_OK : error_no_memory(error, "overlap");
    for (size_t k = 0; k < datasets && status == STATUS_OK; k++) {
        status = overlap_source_read(source, k, 0, source->classes[k],
                                     centres + source->first_class[k] * width, error);
    }
    if (status != STATUS_OK) {
        free(centres);
        return status;
    }
    free(source->centres);
    source->centres = centres;
    return STATUS_OK;
}

static enum status name_people(const struct overlap_against *against, struct checkpoint_data *data,
                               struct error *error)
{
    uint32_t next = 0;
    data->names = calloc((size_t)against->people + 1, sizeof *data->names);
    if (!data->names) {
        return error_no_memory(error, "overlap");
    }
    for (uint32_t i = 0; i < against->images; i++) {
        if (against->person[i] == next) {
            char name[32];
            snprintf(name, sizeof name, "image %u", i);
            data->names[next] = strdup(name);
            if (!data->names[next++]) {
                return error_no_memory(error, "overlap");
            }
        }
    }
    return STATUS_OK;
}

static enum status add_dataset(struct overlap_source *source, const struct overlap_against *against,
                               const char *name, struct error *error)
{
    const size_t k = source->state.dataset_count;
    struct checkpoint_dataset *datasets = realloc(source->state.datasets, (k + 1) * sizeof *datasets);
    source->state.datasets = datasets ? datasets : source->state.datasets;
    struct checkpoint_data *data = realloc(source->data, (k + 2) * sizeof *data);
    source->data = data ? data : source->data;
    uint32_t *classes = realloc(source->classes, (k + 2) * sizeof *classes);
    source->classes = classes ? classes : source->classes;
    uint64_t *first = realloc(source->first_class, (k + 2) * sizeof *first);
    source->first_class = first ? first : source->first_class;
    if (!datasets || !data || !classes || !first) {
        return error_no_memory(error, "overlap");
    }
    datasets[k] = (struct checkpoint_dataset){.classes = against->people};
    snprintf(datasets[k].name, sizeof datasets[k].name, "%s", name);
    data[k] = (struct checkpoint_data){0};
    for (size_t i = 0; i <= k; i++) {
        data[i].dataset = &datasets[i];
    }
    classes[k] = against->people;
    first[k + 1] = first[k] + against->people;
    source->state.dataset_count++;
    return name_people(against, &data[k], error);
}

/* Of files of embeddings: the set's rows as they are. */
static enum status take_rows(struct overlap_source *source, struct overlap_against *against,
                             const struct embeddings_file *file, const char *path, struct error *error)
{
    const size_t width = file->embedding;
    float *values = malloc((width + 1) * sizeof *values);
    uint32_t *counts = calloc((size_t)against->people + 1, sizeof *counts);
    enum status status = values && counts ? STATUS_OK : error_no_memory(error, path);
    if (status == STATUS_OK) {
        status = make_room(source, against->people, error);
    }
    const uint64_t before = source->first_class[source->state.dataset_count];
    for (uint32_t i = 0; i < against->images && status == STATUS_OK; i++) {
        status = embeddings_file_read(file, i, 1, values, error);
        if (status == STATUS_OK) {
            class_centre_add(values, width, source->centres + (before + against->person[i]) * width,
                             &counts[against->person[i]]);
        }
    }
    if (status == STATUS_OK) {
        class_centre_finish(source->centres + before * width, counts, against->people, width);
        char name[128];
        embedded_dataset_name(path, name, sizeof name);
        status = add_dataset(source, against, name, error);
    }
    free(values);
    free(counts);
    return status;
}

static enum status add_file(struct overlap_source *source, const char *path, struct overlap_against *against,
                            struct error *error)
{
    struct embeddings_file file;
    enum status status = embeddings_file_open(path, &file, error);
    if (status == STATUS_OK && (!file.pair || file.embedding != (size_t)source->state.network.embedding)) {
        status =
            error_set(error, STATUS_DATA, path, "embed the verification set by the model of the other files",
                      "these are not embeddings of a verification set by the same model");
    }
    if (status == STATUS_OK) {
        against->images = (uint32_t)file.rows;
        against->pairs = file.pairs;
        against->pair = file.pair;
        file.pair = NULL;
        status = number_people(against, file.same, error);
    }
    if (status == STATUS_OK) {
        status = take_rows(source, against, &file, path, error);
    }
    embeddings_file_close(&file);
    return status;
}

static enum status add_set(const struct overlap_source_options *options, const char *path,
                           struct overlap_source *source, struct overlap_against *against,
                           struct error *error)
{
    struct pairs pairs;
    enum status status = pairs_open(path, &pairs, error);
    if (status != STATUS_OK) {
        return status;
    }
    against->images = pairs.images;
    against->pairs = pairs.count;
    against->pair = pairs.pair;
    pairs.pair = NULL;
    char name[sizeof pairs.name];
    memcpy(name, pairs.name, sizeof name);
    status = number_people(against, pairs.same, error);
    pairs_close(&pairs);
    if (status == STATUS_OK) {
        status = make_room(source, against->people, error);
    }
    if (status == STATUS_OK) {
        status = overlap_embed_set(options, path, against->person, against->people, source, error);
    }
    return status == STATUS_OK ? add_dataset(source, against, name, error) : status;
}

enum status overlap_against_add(const struct overlap_source_options *options, const char *path,
                                struct overlap_source *source, struct overlap_against *against,
                                struct error *error)
{
    *against = (struct overlap_against){.dataset = source->state.dataset_count};
    return source->files ? add_file(source, path, against, error)
                         : add_set(options, path, source, against, error);
}

void overlap_against_free(struct overlap_against *against)
{
    free(against->person);
    free(against->pair);
    *against = (struct overlap_against){0};
}

uint64_t overlap_against_touched(const struct overlap_against *against, const bool *found)
{
    uint64_t touched = 0;
    for (uint64_t i = 0; i < against->pairs; i++) {
        touched +=
            found[against->person[against->pair[2 * i]]] || found[against->person[against->pair[2 * i + 1]]];
    }
    return touched;
}
