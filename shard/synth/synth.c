#include "shard/synth/synth.h"

#include "proto/file.h"
#include "shard/identity/overlap_list.h"
#include "shard/synth/synth_batch.h"
#include "shard/synth/synth_dataset.h"
#include "shard/synth/synth_pairs.h"
#include "shard/synth/synth_people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64
#define IMAGES_MAX (1u << 31)

static enum status refuse(struct error *error, const char *what, double low, double high)
{
    return error_set(error, STATUS_USAGE, NULL, "see dail synth --help", "%s must be from %g to %g", what,
                     low, high);
}

enum status synth_is_valid(const struct synth_config *config, struct error *error)
{
    if (config->name[0] == '\0' || strlen(config->name) > NAME_MAX_BYTES ||
        strspn(config->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
            strlen(config->name)) {
        return error_set(error, STATUS_USAGE, config->name, "see dail synth --help",
                         "a name has 1 to %d letters, digits, - and _", NAME_MAX_BYTES);
    }
    if (config->datasets < 1 || config->datasets > SYNTH_DATASETS_MAX) {
        return refuse(error, "the number of datasets", 1, SYNTH_DATASETS_MAX);
    }
    if (config->identities < 2 || config->identities > 1000000) {
        return refuse(error, "the number of identities", 2, 1000000);
    }
    if (config->images < 1 || config->images > 100000) {
        return refuse(error, "the number of images of an identity", 1, 100000);
    }
    if ((uint64_t)config->identities * (uint64_t)config->images >= IMAGES_MAX) {
        return refuse(error, "the number of images of a dataset", 2, IMAGES_MAX - 1);
    }
    if (!(config->overlap >= 0 && config->overlap <= 1)) {
        return refuse(error, "the overlap", 0, 1);
    }
    if (!(config->shift >= 0 && config->shift <= SYNTH_SHIFT_MAX)) {
        return refuse(error, "the domain shift", 0, SYNTH_SHIFT_MAX);
    }
    if (!(config->session >= 0 && config->session <= 1)) {
        return refuse(error, "the sessions' strength", 0, 1);
    }
    if (config->size < SYNTH_SIDE_MIN || config->size > SYNTH_SIDE_MAX) {
        return refuse(error, "the size in pixels", SYNTH_SIDE_MIN, SYNTH_SIDE_MAX);
    }
    for (int within = 0; within < 2; within++) {
        const int pairs = within ? config->within_pairs : config->pairs;
        if (pairs < 0 || pairs > 100000 || pairs % (2 * SYNTH_FOLDS) != 0) {
            return error_set(error, STATUS_USAGE, NULL, "see dail synth --help",
                             "the number of pairs%s must be a multiple of %d from 0 to 100000, not %d",
                             within ? " within a domain" : "", 2 * SYNTH_FOLDS, pairs);
        }
    }
    if (config->encoding != IMAGE_JPEG && config->encoding != IMAGE_PNG) {
        return error_set(error, STATUS_USAGE, NULL, "choose jpeg or png", "no such encoding for shards");
    }
    if (config->quality < 1 || config->quality > 100) {
        return refuse(error, "the JPEG quality", 1, 100);
    }
    if (config->shard_images < 1) {
        return refuse(error, "the number of images of a shard", 1, IMAGES_MAX - 1);
    }
    return STATUS_OK;
}

/* label[dataset * shared + person] for the people whom all datasets share. */
static enum status shared_labels(const struct synth_config *config, uint32_t *label, struct error *error)
{
    const uint32_t shared = synth_shared_people(config);
    uint64_t *person = malloc((size_t)config->identities * sizeof *person);
    enum status status = STATUS_OK;
    if (!person) {
        return error_no_memory(error, "overlap");
    }
    for (int dataset = 0; dataset < config->datasets && status == STATUS_OK; dataset++) {
        status = synth_people(config, dataset, person, error);
        for (uint32_t i = 0; i < (uint32_t)config->identities && status == STATUS_OK; i++) {
            if (person[i] < shared) {
                label[(uint64_t)dataset * shared + person[i]] = i;
            }
        }
    }
    free(person);
    return status;
}

static void print_overlap(const struct synth_config *config, const uint32_t *label, FILE *file)
{
    const uint32_t shared = synth_shared_people(config);
    char one[SYNTH_CLASS_MAX];
    char two[SYNTH_CLASS_MAX];
    fputs(OVERLAP_LIST_HEADER "\n", file);
    for (int a = 0; a < config->datasets; a++) {
        for (int b = a + 1; b < config->datasets; b++) {
            for (uint32_t person = 0; person < shared; person++) {
                synth_class_name(config, a, label[(uint64_t)a * shared + person], one);
                synth_class_name(config, b, label[(uint64_t)b * shared + person], two);
                fprintf(file, "%s%d\t%s\t%s%d\t%s\n", config->name, a, one, config->name, b, two);
            }
        }
    }
}

static enum status write_overlap(const struct synth_config *config, struct error *error)
{
    char path[PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    uint32_t *label =
        malloc(((size_t)synth_shared_people(config) * (size_t)config->datasets + 1) * sizeof *label);
    FILE *file = open_memstream(&text, &size);
    enum status status = STATUS_OK;
    if (!label || !file) {
        status = error_no_memory(error, "overlap");
    }
    if (status == STATUS_OK) {
        status = shared_labels(config, label, error);
    }
    if (status == STATUS_OK) {
        print_overlap(config, label, file);
    }
    if (file && fclose(file) != 0 && status == STATUS_OK) {
        status = error_no_memory(error, "overlap");
    }
    if (status == STATUS_OK) {
        status = file_join(config->directory, "overlap.tsv", path, error);
    }
    if (status == STATUS_OK) {
        status = file_write_atomic(path, text, size, error);
    }
    free(label);
    free(text);
    return status;
}

static enum status write_sets(const struct synth_config *config, struct synth_progress *progress,
                              struct error *error)
{
    char name[NAME_MAX_BYTES + 32];
    enum status status = STATUS_OK;
    for (int dataset = 0; dataset < config->datasets && status == STATUS_OK; dataset++) {
        snprintf(name, sizeof name, "%s%d-within", config->name, dataset);
        status = synth_pairs_write(config, name, dataset, progress, error);
    }
    if (status == STATUS_OK && config->datasets > 1) {
        snprintf(name, sizeof name, "%s-cross", config->name);
        status = synth_pairs_write(config, name, SYNTH_PAIRS_CROSS, progress, error);
    }
    if (status == STATUS_OK && config->datasets > 1) {
        snprintf(name, sizeof name, "%s-all", config->name);
        status = synth_pairs_write(config, name, SYNTH_PAIRS_ALL, progress, error);
    }
    return status;
}

enum status synth_write(const struct synth_config *config, struct error *error)
{
    struct synth_progress progress = {0};
    enum status status = synth_is_valid(config, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (strlen(config->directory) > 700) {
        return error_set(error, STATUS_USAGE, NULL, "choose a shorter path",
                         "the directory's path is too long");
    }
    const uint64_t datasets = (uint64_t)config->datasets;
    progress.total = datasets * (uint64_t)config->identities * (uint64_t)config->images;
    if (config->pairs > 0) {
        progress.total += datasets * synth_pairs_images(config, 0) +
                          (datasets > 1 ? 2 * synth_pairs_images(config, SYNTH_PAIRS_ALL) : 0);
    }
    status = file_make_directory(config->directory, error);
    for (int dataset = 0; dataset < config->datasets && status == STATUS_OK; dataset++) {
        status = synth_dataset_write(config, dataset, &progress, error);
    }
    if (status == STATUS_OK) {
        status = write_overlap(config, error);
    }
    if (status == STATUS_OK && config->pairs > 0) {
        status = write_sets(config, &progress, error);
    }
    return status;
}

enum status synth_picture(const struct synth_config *config, int dataset, uint64_t person, uint32_t number,
                          uint8_t *pixels, struct error *error)
{
    struct canvas canvas;
    enum status status = canvas_create(&canvas, config->size, error);
    if (status == STATUS_OK) {
        synth_draw(config, &canvas, dataset, person, number, pixels);
    }
    canvas_free(&canvas);
    return status;
}
