#include "daemon/overlap/checkpoint_data.h"

#include "daemon/terminal/run_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct finder {
    struct checkpoint_data *data;
    size_t count;
    void (*warn)(void *context, const char *text);
    void *context;
};

static void free_names(struct checkpoint_data *data)
{
    for (uint32_t i = 0; data->names && i < data->dataset->classes; i++) {
        free(data->names[i]);
    }
    free(data->names);
}

void checkpoint_data_free(struct checkpoint_data *data, size_t count)
{
    for (size_t i = 0; data && i < count; i++) {
        free_names(&data[i]);
        if (data[i].found) {
            manifest_close(&data[i].manifest);
        }
    }
    free(data);
}

void checkpoint_data_class_name(const struct checkpoint_data *data, uint32_t class, char *text, size_t size)
{
    if (!data->names) {
        snprintf(text, size, "%u", class);
        return;
    }
    snprintf(text, size, "%s", data->names[class]);
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    }
}

/* The checkpoint's dataset that the manifest is of. */
static struct checkpoint_data *find_dataset(const struct finder *finder, const struct manifest *manifest)
{
    for (size_t i = 0; i < finder->count; i++) {
        const struct checkpoint_dataset *dataset = finder->data[i].dataset;
        if (strcmp(dataset->name, manifest->name) == 0 && dataset->classes == manifest->classes) {
            return &finder->data[i];
        }
    }
    return NULL;
}

/* Takes a manifest for the dataset that it is of, unless that has one. */
static enum status take_manifest(const struct finder *finder, const char *path, struct error *error)
{
    struct manifest manifest;
    enum status status = manifest_open(path, &manifest, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct checkpoint_data *data = find_dataset(finder, &manifest);
    if (!data) {
        status = error_set(error, STATUS_DATA, path, "name the manifests that the run was trained on",
                           "the checkpoint has no dataset %s of %u classes", manifest.name, manifest.classes);
    }
    if (status != STATUS_OK || data->found) {
        manifest_close(&manifest);
        return status;
    }
    data->manifest = manifest;
    data->found = true;
    return manifest.class_names ? manifest_class_names(&data->manifest, &data->names, error) : STATUS_OK;
}

static void warn(const struct finder *finder, const struct error *error)
{
    char line[ERROR_LINE_SIZE];
    finder->warn(finder->context, error_format(error, line, sizeof line));
}

static void take_config(const struct finder *finder, const char *checkpoint)
{
    char run[PATH_SIZE], path[PATH_SIZE];
    struct config config;
    struct error error;
    enum status status = file_join(checkpoint, "../..", run, &error);
    if (status == STATUS_OK) {
        status = file_join(run, "config.yaml", path, &error);
    }
    if (status == STATUS_OK) {
        status = config_load(path, NULL, 0, &config, &error);
    }
    if (status != STATUS_OK) {
        warn(finder, &error);
        return;
    }
    for (size_t i = 0; i < config.data.dataset_count; i++) {
        status = run_path(run, &config, config.data.datasets[i].manifest, path, &error);
        if (status == STATUS_OK) {
            status = take_manifest(finder, path, &error);
        }
        if (status != STATUS_OK) {
            warn(finder, &error);
        }
    }
    config_free(&config);
}

enum status checkpoint_data_find(const char *path, const struct checkpoint_state *state,
                                 const char *const *named, size_t named_count,
                                 void (*warning)(void *context, const char *text), void *context,
                                 struct checkpoint_data **data, struct error *error)
{
    struct finder finder = {.count = state->dataset_count, .warn = warning, .context = context};
    *data = finder.data = calloc(finder.count + 1, sizeof *finder.data);
    if (!finder.data) {
        return error_no_memory(error, path);
    }
    for (size_t i = 0; i < finder.count; i++) {
        finder.data[i].dataset = &state->datasets[i];
    }
    for (size_t i = 0; i < named_count; i++) {
        enum status status = take_manifest(&finder, named[i], error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < finder.count; i++) {
        if (!finder.data[i].found) {
            take_config(&finder, path);
            break;
        }
    }
    return STATUS_OK;
}
