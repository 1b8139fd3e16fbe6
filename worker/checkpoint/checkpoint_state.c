#include "worker/checkpoint/checkpoint_state.h"

#include "proto/config/config.h"
#include "proto/file.h"
#include "proto/strict_yaml.h"
#include "worker/checkpoint/checkpoint_file.h"
#include "worker/nn/dimensions.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_SIZE 32
#define ARCH_SIZE 32
/* COMMIT has a line of a hundred bytes for each part of a classifier. */
#define YAML_BYTES_MAX ((size_t)1 << 24)

static const char state_format[] = "state";
static const char commit_format[] = "checkpoint";

void checkpoint_state_free(struct checkpoint_state *state)
{
    free(state->datasets);
    free(state->settings);
    state->datasets = NULL;
    state->settings = NULL;
    state->dataset_count = 0;
}

static void print_state(FILE *file, const struct checkpoint_state *state)
{
    fprintf(file, "dail_format: %s\nversion: %d\nprogram: ", state_format, CHECKPOINT_VERSION);
    strict_yaml_quote(file, state->version);
    fprintf(file, "\nstep: %lld\nsteps: %lld\nsteps_per_epoch: %lld\n", (long long)state->step,
            (long long)state->steps, (long long)state->steps_per_epoch);
    fprintf(file, "lanes: %d\nworkers: %d\nlane_batch: %d\n", state->lanes, state->workers,
            state->lane_batch);
    fprintf(file, "skips: %d\nevaluate: %d\n", state->skips, state->evaluate);
    fprintf(file, "seed: %llu\ndigest: ", (unsigned long long)state->seed);
    strict_yaml_quote(file, state->digest);
    if (state->settings) {
        fprintf(file, "\nsettings: ");
        strict_yaml_quote(file, state->settings);
    }
    fprintf(file, "\narch: ");
    strict_yaml_quote(file, state->network.arch);
    fprintf(file, "\ninput: %d\nembedding: %d\nwidth: %.17g\ndropout: %.17g\nhidden: [", state->network.input,
            state->network.embedding, state->network.width, state->network.dropout);
    for (size_t i = 0; i < state->hidden_count; i++) {
        fprintf(file, "%s%d", i > 0 ? ", " : "", state->hidden[i]);
    }
    fprintf(file, "]\ndatasets:%s\n", state->dataset_count == 0 ? " []" : "");
    for (size_t i = 0; i < state->dataset_count; i++) {
        const struct checkpoint_dataset *dataset = &state->datasets[i];
        fprintf(file, "  - {name: ");
        strict_yaml_quote(file, dataset->name);
        fprintf(file, ", id: %u, classes: %u, parts: %u", dataset->id, dataset->classes, dataset->parts);
        if (dataset->fingerprint[0] != '\0') {
            fprintf(file, ", fingerprint: ");
            strict_yaml_quote(file, dataset->fingerprint);
        }
        fprintf(file, "}\n");
    }
}

enum status checkpoint_write_state(const char *directory, const struct checkpoint_state *state,
                                   struct checkpoint_part *part, struct error *error)
{
    char path[PATH_SIZE], *text = NULL;
    size_t size = 0;
    enum status status = file_join(directory, "state.yaml", path, error);
    if (status != STATUS_OK) {
        return status;
    }
    FILE *file = open_memstream(&text, &size);
    if (file) {
        print_state(file, state);
    }
    status = file_write_printed(path, file, &text, &size, error);
    return status == STATUS_OK ? checkpoint_finish_part(directory, "state.yaml", part, error) : status;
}

static enum status read_hidden(const struct strict_yaml *yaml, const yaml_node_t *hidden,
                               struct checkpoint_state *state, struct error *error)
{
    state->hidden_count = strict_yaml_length(hidden);
    if (state->hidden_count > CHECKPOINT_HIDDEN_MAX) {
        return strict_yaml_fault(yaml, hidden, NULL, error, "hidden: expected at most %d layers",
                                 CHECKPOINT_HIDDEN_MAX);
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < state->hidden_count && status == STATUS_OK; i++) {
        const struct strict_yaml_field field = {"hidden", STRICT_YAML_INT, &state->hidden[i], 0, 1, 0, false};
        status = strict_yaml_value(yaml, strict_yaml_item(yaml, hidden, i), &field, error);
    }
    return status;
}

static enum status read_datasets(const struct strict_yaml *yaml, const yaml_node_t *datasets,
                                 struct checkpoint_state *state, struct error *error)
{
    size_t count = strict_yaml_length(datasets);
    state->datasets = calloc(count + 1, sizeof *state->datasets);
    if (!state->datasets) {
        return error_no_memory(error, yaml->name);
    }
    state->dataset_count = count;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct checkpoint_dataset *dataset = &state->datasets[i];
        const struct strict_yaml_field fields[] = {
            {"name", STRICT_YAML_NAME, dataset->name, sizeof dataset->name, 0, 0, false},
            {"id", STRICT_YAML_UINT32, &dataset->id, 0, 0, 0, false},
            {"classes", STRICT_YAML_UINT32, &dataset->classes, 0, 1, 0, false},
            {"parts", STRICT_YAML_UINT32, &dataset->parts, 0, 1, 0, false},
            {"fingerprint", STRICT_YAML_NAME, dataset->fingerprint, sizeof dataset->fingerprint, 0, 0, true},
        };
        const yaml_node_t *item = strict_yaml_item(yaml, datasets, i);
        status = strict_yaml_fields(yaml, item, fields, sizeof fields / sizeof *fields, error);
        if (status == STATUS_OK && !checkpoint_name_is_plain(dataset->name)) {
            status = strict_yaml_fault(yaml, item, NULL, error,
                                       "name: dataset %zu's name cannot be part of a file's name", i);
        }
    }
    return status;
}

/* What a configuration allows at most: whoever opens a checkpoint makes a network of these sizes. */
static enum status check_sizes(const struct strict_yaml *yaml, const struct checkpoint_state *state,
                               struct error *error)
{
    int hidden = 1;
    for (size_t i = 0; i < state->hidden_count; i++) {
        hidden = state->hidden[i] > hidden ? state->hidden[i] : hidden;
    }
    if (state->network.input > CONFIG_INPUT_MAX || state->network.embedding > CONFIG_EMBEDDING_MAX ||
        state->network.width > CONFIG_WIDTH_MAX || state->network.dropout >= 1 ||
        hidden > CONFIG_HIDDEN_MAX) {
        return error_set(
            error, STATUS_DATA, yaml->name, "resume from another checkpoint",
            "no network has input %d, embedding %d, width %g, dropout %g and hidden layers of %d",
            state->network.input, state->network.embedding, state->network.width, state->network.dropout,
            hidden);
    }
    return STATUS_OK;
}

/* Of the file `path`, which must outlive it. */
static struct strict_yaml yaml_of(const char *path)
{
    return (struct strict_yaml){.name = path,
                                .has_lines = true,
                                .status = STATUS_DATA,
                                .next = "the checkpoint is damaged: resume from an earlier one"};
}

static enum status read_document(const struct strict_yaml *yaml, const yaml_node_t *root,
                                 struct checkpoint_state *state, struct error *error)
{
    char format[FORMAT_SIZE], arch[ARCH_SIZE];
    int version, evaluate = 0;
    const yaml_node_t *hidden, *datasets;
    const struct strict_yaml_field fields[] = {
        {"dail_format", STRICT_YAML_NAME, format, sizeof format, 0, 0, false},
        {"version", STRICT_YAML_INT, &version, 0, 1, 0, false},
        {"program", STRICT_YAML_NAME, state->version, sizeof state->version, 0, 0, false},
        {"step", STRICT_YAML_INT64, &state->step, 0, 0, 0, false},
        {"steps", STRICT_YAML_INT64, &state->steps, 0, 0, 0, false},
        {"steps_per_epoch", STRICT_YAML_INT64, &state->steps_per_epoch, 0, 0, 0, false},
        {"lanes", STRICT_YAML_INT, &state->lanes, 0, 1, 0, false},
        {"workers", STRICT_YAML_INT, &state->workers, 0, 1, 0, false},
        {"lane_batch", STRICT_YAML_INT, &state->lane_batch, 0, 1, 0, false},
        {"skips", STRICT_YAML_INT, &state->skips, 0, 0, 0, false},
        {"evaluate", STRICT_YAML_INT, &evaluate, 0, 0, 0, false},
        {"seed", STRICT_YAML_UINT64, &state->seed, 0, 0, 0, false},
        {"digest", STRICT_YAML_NAME, state->digest, sizeof state->digest, 0, 0, false},
        {"settings", STRICT_YAML_TEXT, &state->settings, 0, 0, 0, true},
        {"arch", STRICT_YAML_NAME, arch, sizeof arch, 0, 0, false},
        {"input", STRICT_YAML_INT, &state->network.input, 0, 1, 0, false},
        {"embedding", STRICT_YAML_INT, &state->network.embedding, 0, 1, 0, false},
        {"width", STRICT_YAML_DOUBLE, &state->network.width, 0, 0, 0, false},
        {"dropout", STRICT_YAML_DOUBLE, &state->network.dropout, 0, 0, 0, false},
        {"hidden", STRICT_YAML_LIST, &hidden, 0, 0, 0, false},
        {"datasets", STRICT_YAML_LIST, &datasets, 0, 0, 0, false},
    };
    enum status status = strict_yaml_version(yaml, root, state_format, CHECKPOINT_VERSION, error);
    if (status == STATUS_OK) {
        status = strict_yaml_fields(yaml, root, fields, sizeof fields / sizeof *fields, error);
    }
    if (status == STATUS_OK) {
        status = read_hidden(yaml, hidden, state, error);
    }
    if (status == STATUS_OK) {
        status = check_sizes(yaml, state, error);
    }
    if (status == STATUS_OK) {
        state->evaluate = evaluate != 0;
        state->network.arch = dimensions_arch_named(arch);
        if (!state->network.arch) {
            status = error_set(error, STATUS_DATA, yaml->name, "resume from another checkpoint",
                               "no architecture is called \"%s\"", arch);
        }
    }
    return status == STATUS_OK ? read_datasets(yaml, datasets, state, error) : status;
}

enum status checkpoint_read_state(const char *path, struct checkpoint_state *state, struct error *error)
{
    char file[PATH_SIZE];
    const yaml_node_t *root;
    struct strict_yaml yaml = yaml_of(file);
    *state = (struct checkpoint_state){0};
    enum status status = file_join(path, "state.yaml", file, error);
    if (status == STATUS_OK) {
        status = strict_yaml_open(&yaml, YAML_BYTES_MAX, &root, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = read_document(&yaml, root, state, error);
    strict_yaml_close(&yaml);
    if (status != STATUS_OK) {
        checkpoint_state_free(state);
    }
    return status;
}

static int compare_parts(const void *a, const void *b)
{
    return strcmp(((const struct checkpoint_part *)a)->file, ((const struct checkpoint_part *)b)->file);
}

/* What the workers told must be what is there. */
static enum status check_parts(const char *directory, const struct checkpoint_part *parts, size_t count,
                               struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        char path[PATH_SIZE];
        uint64_t bytes = 0;
        enum status status = file_join(directory, parts[i].file, path, error);
        if (status != STATUS_OK) {
            return status;
        }
        if (!checkpoint_name_is_plain(parts[i].file) ||
            (i > 0 && strcmp(parts[i].file, parts[i - 1].file) == 0)) {
            return error_set(error, STATUS_STORAGE, directory, NULL,
                             "the part \"%s\" was written twice, or is no plain file name", parts[i].file);
        }
        if (file_size(path, FILE_LINKS_REFUSED, &bytes, NULL) != STATUS_OK || bytes != parts[i].bytes) {
            return error_set(error, STATUS_STORAGE, path, "check that all ranks see the same run.dir",
                             "the file has %llu bytes where a worker wrote %llu", (unsigned long long)bytes,
                             (unsigned long long)parts[i].bytes);
        }
    }
    return STATUS_OK;
}

static void print_commit(FILE *file, const struct checkpoint_part *parts, size_t count)
{
    fprintf(file, "dail_format: %s\nversion: %d\nfiles:%s\n", commit_format, CHECKPOINT_VERSION,
            count == 0 ? " []" : "");
    for (size_t i = 0; i < count; i++) {
        fprintf(file, "  - {file: ");
        strict_yaml_quote(file, parts[i].file);
        fprintf(file, ", bytes: %llu, crc: %u}\n", (unsigned long long)parts[i].bytes, parts[i].crc);
    }
}

enum status checkpoint_write_commit(const char *directory, const struct checkpoint_part *parts, size_t count,
                                    struct error *error)
{
    struct checkpoint_part *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) {
        return error_no_memory(error, directory);
    }
    memcpy(sorted, parts, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_parts);
    char path[PATH_SIZE];
    enum status status = check_parts(directory, sorted, count, error);
    if (status == STATUS_OK) {
        status = file_join(directory, "COMMIT", path, error);
    }
    if (status == STATUS_OK) {
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        if (file) {
            print_commit(file, sorted, count);
        }
        status = file_write_printed(path, file, &text, &size, error);
    }
    free(sorted);
    return status;
}

static enum status read_parts(const struct strict_yaml *yaml, const yaml_node_t *files,
                              struct checkpoint_part *parts, struct error *error)
{
    size_t count = strict_yaml_length(files);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct strict_yaml_field fields[] = {
            {"file", STRICT_YAML_NAME, parts[i].file, sizeof parts[i].file, 0, 0, false},
            {"bytes", STRICT_YAML_UINT64, &parts[i].bytes, 0, 0, 0, false},
            {"crc", STRICT_YAML_UINT32, &parts[i].crc, 0, 0, 0, false},
        };
        const yaml_node_t *item = strict_yaml_item(yaml, files, i);
        status = strict_yaml_fields(yaml, item, fields, sizeof fields / sizeof *fields, error);
        if (status == STATUS_OK && !checkpoint_name_is_plain(parts[i].file)) {
            status = strict_yaml_fault(yaml, item, "the checkpoint is not one of this program's", error,
                                       "file %zu is outside of the checkpoint's directory", i);
        }
    }
    return status;
}

static enum status read_list(const struct strict_yaml *yaml, const yaml_node_t *root,
                             struct checkpoint_part **parts, size_t *count, struct error *error)
{
    char format[FORMAT_SIZE];
    int version;
    const yaml_node_t *files;
    const struct strict_yaml_field fields[] = {
        {"dail_format", STRICT_YAML_NAME, format, sizeof format, 0, 0, false},
        {"version", STRICT_YAML_INT, &version, 0, 1, 0, false},
        {"files", STRICT_YAML_LIST, &files, 0, 0, 0, false},
    };
    enum status status = strict_yaml_version(yaml, root, commit_format, CHECKPOINT_VERSION, error);
    if (status == STATUS_OK) {
        status = strict_yaml_fields(yaml, root, fields, sizeof fields / sizeof *fields, error);
    }
    if (status == STATUS_OK) {
        *count = strict_yaml_length(files);
        *parts = calloc(*count + 1, sizeof **parts);
        status = *parts ? read_parts(yaml, files, *parts, error) : error_no_memory(error, yaml->name);
    }
    return status;
}

enum status checkpoint_read_commit(const char *path, struct checkpoint_part **parts, size_t *count,
                                   struct error *error)
{
    char file[PATH_SIZE];
    const yaml_node_t *root;
    struct strict_yaml yaml = yaml_of(file);
    *parts = NULL;
    enum status status = file_join(path, "COMMIT", file, error);
    if (status == STATUS_OK) {
        status = strict_yaml_open(&yaml, YAML_BYTES_MAX, &root, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = read_list(&yaml, root, parts, count, error);
    strict_yaml_close(&yaml);
    if (status != STATUS_OK) {
        free(*parts);
        *parts = NULL;
    }
    return status;
}
