#include "daemon/overlap/overlap_source.h"

#include "daemon/overlap/overlap_embed.h"
#include "worker/evaluate/class_centres.h"
#include "worker/evaluate/embeddings_file.h"
#include "worker/interchange/state_dict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 4096

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static enum status take_checkpoint(struct overlap_source *source,
                                   const struct overlap_source_options *options, struct error *error)
{
    enum status status = checkpoint_find(options->operands[0], source->path, sizeof source->path, error);
    if (status == STATUS_OK) {
        status = checkpoint_verify(source->path, false, error);
    }
    if (status == STATUS_OK) {
        status = checkpoint_read_state(source->path, &source->state, error);
    }
    if (status == STATUS_OK && source->state.dataset_count < 2) {
        status = error_set(error, STATUS_DATA, source->path, "train on several datasets",
                           "the checkpoint is of one dataset: nothing to compare");
    }
    return status == STATUS_OK ? checkpoint_data_find(source->path, &source->state, options->manifests,
                                                      options->manifest_count, options->warn,
                                                      options->context, &source->data, error)
                               : status;
}

static enum status take_rows(struct overlap_source *source, const struct overlap_source_options *options,
                             struct error *error)
{
    enum status status = checkpoint_read_identity(source->path, &source->state, &source->identity, error);
    if (status == STATUS_OK && source->identity->shared > 0) {
        char text[160];
        snprintf(text, sizeof text, "%llu classes of the checkpoint share another's row, and are left out",
                 (unsigned long long)source->identity->shared);
        options->warn(options->context, text);
    }
    return status;
}

/* The datasets that the manifests are of, in their order. */
static enum status take_manifests(struct overlap_source *source, const struct overlap_source_options *options,
                                  struct error *error)
{
    if (options->manifest_count < 2) {
        return error_set(error, STATUS_USAGE, options->operands[0], "name them by --manifest",
                         "a model alone says nothing of datasets: two or more are needed");
    }
    snprintf(source->path, sizeof source->path, "%s", options->operands[0]);
    source->state.datasets = calloc(options->manifest_count, sizeof *source->state.datasets);
    if (!source->state.datasets) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < options->manifest_count; i++) {
        struct manifest manifest;
        enum status status = manifest_open(options->manifests[i], &manifest, error);
        if (status != STATUS_OK) {
            return status;
        }
        struct checkpoint_dataset *dataset = &source->state.datasets[source->state.dataset_count++];
        snprintf(dataset->name, sizeof dataset->name, "%s", manifest.name);
        dataset->id = manifest.dataset_id;
        dataset->classes = manifest.classes;
        manifest_close(&manifest);
    }
    return checkpoint_data_find(source->path, &source->state, options->manifests, options->manifest_count,
                                options->warn, options->context, &source->data, error);
}

/* What the embedded source is called: by its manifest, if that is there, else as its file. */
static void name_dataset(const char *embedded, uint32_t classes, struct checkpoint_dataset *dataset,
                         struct checkpoint_data *data)
{
    struct error error;
    embedded_dataset_name(embedded, dataset->name, sizeof dataset->name);
    dataset->classes = classes;
    if (ends_with(embedded, ".yaml") && manifest_open(embedded, &data->manifest, &error) == STATUS_OK) {
        data->found = data->manifest.classes == classes;
        if (!data->found) {
            manifest_close(&data->manifest);
            return;
        }
        snprintf(dataset->name, sizeof dataset->name, "%s", data->manifest.name);
        dataset->id = data->manifest.dataset_id;
    }
}

/* Adds a file's classes and their centres behind those so far. */
static enum status add_centres(struct overlap_source *source, const struct embeddings_file *file,
                               struct error *error)
{
    const size_t before = (size_t)source->first_class[source->state.dataset_count];
    const size_t width = file->embedding, classes = file->classes;
    float *larger = realloc(source->centres, (before + classes + 1) * width * sizeof *larger);
    float *values = malloc(ROWS * width * sizeof *values);
    uint32_t *counts = calloc(classes + 1, sizeof *counts);
    enum status status = larger && values && counts ? STATUS_OK : error_no_memory(error, file->path);
    source->centres = larger ? larger : source->centres;
    if (status == STATUS_OK) {
        memset(larger + before * width, 0, classes * width * sizeof *larger);
    }
    for (uint64_t begin = 0; begin < file->rows && status == STATUS_OK; begin += ROWS) {
        const uint64_t count = file->rows - begin < ROWS ? file->rows - begin : ROWS;
        status = embeddings_file_read(file, begin, count, values, error);
        for (uint64_t i = 0; i < count && status == STATUS_OK; i++) {
            const uint32_t label = file->label[begin + i];
            class_centre_add(values + i * width, width, larger + (before + label) * width, &counts[label]);
        }
    }
    if (status == STATUS_OK) {
        class_centre_finish(larger + before * width, counts, file->classes, width);
    }
    free(values);
    free(counts);
    return status;
}

static enum status add_file(struct overlap_source *source, const char *path, struct error *error)
{
    struct embeddings_file file;
    const size_t k = source->state.dataset_count;
    enum status status = embeddings_file_open(path, &file, error);
    if (status == STATUS_OK && !file.label) {
        status = error_set(
            error, STATUS_DATA, path, "embed a dataset, or name it by --against",
            "the embeddings have no labels, as those of a verification set or of files by themselves");
    }
    if (status == STATUS_OK && k > 0 && file.embedding != (size_t)source->state.network.embedding) {
        status = error_set(error, STATUS_DATA, path, "embed all datasets by one model",
                           "its embeddings have %zu values, those before have %d", file.embedding,
                           source->state.network.embedding);
    }
    if (status == STATUS_OK) {
        source->state.network.embedding = (int)file.embedding;
        status = add_centres(source, &file, error);
    }
    if (status == STATUS_OK) {
        struct checkpoint_data *data = &source->data[k];
        data->dataset = &source->state.datasets[k];
        name_dataset(file.source, file.classes, &source->state.datasets[k], data);
        data->names = file.identities;
        file.identities = NULL;
        source->first_class[k + 1] = source->first_class[k] + file.classes;
        source->state.dataset_count++;
    }
    embeddings_file_close(&file);
    return status;
}

static enum status take_files(struct overlap_source *source, const struct overlap_source_options *options,
                              struct error *error)
{
    const size_t count = options->operand_count;
    if (count < 2) {
        return error_set(error, STATUS_USAGE, options->operands[0], "name the files of all datasets",
                         "embeddings of one dataset: nothing to compare");
    }
    snprintf(source->path, sizeof source->path, "%zu files of embeddings", count);
    source->files = true;
    source->state.datasets = calloc(count, sizeof *source->state.datasets);
    source->data = calloc(count + 1, sizeof *source->data);
    source->first_class = calloc(count + 1, sizeof *source->first_class);
    enum status status = source->state.datasets && source->data && source->first_class
                             ? STATUS_OK
                             : error_no_memory(error, "overlap");
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = add_file(source, options->operands[i], error);
    }
    return status;
}

/* How many classes there are, and where each dataset's begin. */
static enum status count_classes(struct overlap_source *source, struct error *error)
{
    const size_t count = source->state.dataset_count;
    source->classes = calloc(count + 1, sizeof *source->classes);
    if (!source->first_class) {
        source->first_class = calloc(count + 1, sizeof *source->first_class);
    }
    if (!source->classes || !source->first_class) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < count; i++) {
        source->classes[i] = source->state.datasets[i].classes;
        source->first_class[i + 1] = source->first_class[i] + source->classes[i];
    }
    if (source->first_class[count] >= UINT32_MAX) {
        return error_set(error, STATUS_DATA, source->path, "compare fewer datasets",
                         "more classes than 32 bits count");
    }
    return STATUS_OK;
}

enum status overlap_source_open(const struct overlap_source_options *options, struct overlap_source *source,
                                struct error *error)
{
    const char *first = options->operands[0];
    const bool files = ends_with(first, ".h5");
    const bool model = state_dict_is_meant(first);
    *source = (struct overlap_source){0};
    if (!files && options->operand_count > 1) {
        return error_set(error, STATUS_USAGE, options->operands[1], "name one, or files of dail embed",
                         "two sources do not go together");
    }
    enum status status = files   ? take_files(source, options, error)
                         : model ? take_manifests(source, options, error)
                                 : take_checkpoint(source, options, error);
    if (status == STATUS_OK) {
        status = count_classes(source, error);
    }
    if (status != STATUS_OK || files) {
        return status;
    }
    return model || options->embed ? overlap_embed(options, source, error)
                                   : take_rows(source, options, error);
}

void overlap_source_close(struct overlap_source *source)
{
    checkpoint_data_free(source->data, source->state.dataset_count);
    identity_groups_free(source->identity);
    checkpoint_state_free(&source->state);
    free(source->classes);
    free(source->first_class);
    free(source->centres);
    *source = (struct overlap_source){0};
}

enum status overlap_source_read(void *context, size_t dataset, uint32_t begin, uint32_t count, float *rows,
                                struct error *error)
{
    const struct overlap_source *source = context;
    const size_t width = (size_t)source->state.network.embedding;
    const uint64_t first = source->first_class[dataset] + begin;
    if (source->centres) {
        memcpy(rows, source->centres + first * width, count * width * sizeof *rows);
        return STATUS_OK;
    }
    const struct checkpoint_dataset *known = &source->state.datasets[dataset];
    const struct parameter weight = {.rank = 2, .shape = {count, width}};
    const struct parameter_group group = {
        .name = known->name,
        .owned_rows = true,
        .parameters = &weight,
        .parameter_count = 1,
        .weight = rows,
        .rows = {.begin = begin, .end = begin + count, .all = known->classes}};
    enum status status = checkpoint_read_classifier(source->path, known, &group, NULL, error);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        if (source->identity->home[first + i] != first + i) {
            memset(rows + (size_t)i * width, 0, width * sizeof *rows);
        }
    }
    return status;
}
