#include "worker/protocol/features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status features_open(const char *path, struct features *features, struct error *error)
{
    *features = (struct features){.rows = 0};
    snprintf(features->path, sizeof features->path, "%s", path);
    const enum status status = embeddings_file_open(path, &features->file, error);
    if (status == STATUS_OK) {
        features->rows = (size_t)features->file.rows;
        features->width = features->file.embedding;
        features->label = features->file.label;
        features->classes = features->file.classes;
        features->identities = features->file.identities;
        features->file.label = NULL; /* they are the features' now */
        features->file.identities = NULL;
    }
    return status;
}

void features_close(struct features *features)
{
    for (uint32_t i = 0; features->identities && i < features->classes; i++) {
        free(features->identities[i]);
    }
    free(features->identities);
    free(features->label);
    free(features->values);
    embeddings_file_close(&features->file);
    *features = (struct features){.rows = 0};
}

enum status features_read(const struct features *features, size_t begin, size_t count, float *values,
                          struct error *error)
{
    if (!features->values) {
        const enum status status = embeddings_file_read(&features->file, begin, count, values, error);
        if (status == STATUS_NUMERIC && error) { /* here it is the file that is wrong */
            error->status = STATUS_DATA;
        }
        return status == STATUS_NUMERIC ? STATUS_DATA : status;
    }
    memcpy(values, features->values + begin * features->width, count * features->width * sizeof *values);
    for (size_t i = 0; i < count * features->width; i++) {
        if (!isfinite(values[i])) {
            return error_set(error, STATUS_DATA, features->path, "embed with another model",
                             "the embedding of image %zu is not finite", begin + i / features->width);
        }
    }
    return STATUS_OK;
}

/* --- People by name --- */

struct named {
    const char *name;
    uint32_t *number; /* to be filled in */
};

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static void list_names(const struct features *features, struct named *named, uint32_t *number)
{
    for (uint32_t i = 0; i < features->classes; i++) {
        named[i] = (struct named){features->identities[i], &number[i]};
    }
}

/* a_number [a->classes], b_number [b->classes]: the same for the same name. */
static enum status number_names(const struct features *a, const struct features *b, uint32_t *a_number,
                                uint32_t *b_number, struct error *error)
{
    const size_t count = (size_t)a->classes + b->classes;
    uint32_t number = 0;
    struct named *named = malloc((count + 1) * sizeof *named);
    if (!named) {
        return error_no_memory(error, b->path);
    }
    list_names(a, named, a_number);
    list_names(b, named + a->classes, b_number);
    qsort(named, count, sizeof *named, compare_named);
    for (size_t i = 0; i < count; i++) {
        number += i > 0 && strcmp(named[i - 1].name, named[i].name) != 0;
        *named[i].number = number;
    }
    free(named);
    return STATUS_OK;
}

static enum status check(const struct features *a, const struct features *b, struct error *error)
{
    const struct features *unlabelled = !a->label ? a : !b->label ? b : NULL;
    if (unlabelled) {
        return error_set(error, STATUS_DATA, unlabelled->path,
                         "embed a dataset, or a folder of people's folders",
                         "the embeddings do not tell whom they show");
    }
    if (!a->identities != !b->identities) {
        return error_set(error, STATUS_DATA, a->identities ? b->path : a->path,
                         "embed both by their manifests or folders",
                         "its people have no names, those of %s have", a->identities ? a->path : b->path);
    }
    return STATUS_OK;
}

enum status features_match(const struct features *a, const struct features *b, uint32_t *a_person,
                           uint32_t *b_person, struct error *error)
{
    uint32_t *a_number = NULL, *b_number = NULL;
    enum status status = check(a, b, error);
    if (status == STATUS_OK && a->identities) {
        a_number = malloc(((size_t)a->classes + 1) * sizeof *a_number);
        b_number = malloc(((size_t)b->classes + 1) * sizeof *b_number);
        status = a_number && b_number ? number_names(a, b, a_number, b_number, error)
                                      : error_no_memory(error, b->path);
    }
    for (size_t i = 0; status == STATUS_OK && i < a->rows; i++) {
        a_person[i] = a_number ? a_number[a->label[i]] : a->label[i];
    }
    for (size_t i = 0; status == STATUS_OK && i < b->rows; i++) {
        b_person[i] = b_number ? b_number[b->label[i]] : b->label[i];
    }
    free(a_number);
    free(b_number);
    return status;
}
