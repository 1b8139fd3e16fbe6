#include "worker/checkpoint/checkpoint_state.h"

#include "proto/config.h"
#include "proto/file.h"
#include "worker/checkpoint/checkpoint_file.h"
#include "worker/checkpoint/checkpoint_yaml.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_SIZE 32

static const char state_format[] = "state";
static const char commit_format[] = "checkpoint";

static enum status out_of_memory(const char *path, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, path, NULL, "out of memory");
}

void checkpoint_state_free(struct checkpoint_state *state)
{
    free(state->datasets);
    state->datasets = NULL;
    state->dataset_count = 0;
}

/* Makes the file of what was printed to `file`, a stream of open_memstream; NULL: there was no memory for one. */
static enum status write_text(FILE *file, char **text, const size_t *size, const char *directory,
                              const char *name, struct error *error)
{
    char path[PATH_SIZE];
    bool printed = file && ferror(file) == 0;
    printed = file && fclose(file) == 0 && printed;
    enum status status = file_join(directory, name, path, error);
    if (status == STATUS_OK) {
        status = printed ? file_write_atomic(path, *text, *size, error) : out_of_memory(path, error);
    }
    free(*text);
    return status;
}

static void print_state(FILE *file, const struct checkpoint_state *state)
{
    fprintf(file, "dail_format: %s\nversion: %d\nprogram: ", state_format, CHECKPOINT_VERSION);
    checkpoint_yaml_quote(file, state->version);
    fprintf(file, "\nstep: %lld\nsteps: %lld\nsteps_per_epoch: %lld\n", (long long)state->step,
            (long long)state->steps, (long long)state->steps_per_epoch);
    fprintf(file, "lanes: %d\nworkers: %d\nlane_batch: %d\n", state->lanes, state->workers,
            state->lane_batch);
    fprintf(file, "skips: %d\nevaluate: %d\n", state->skips, state->evaluate);
    fprintf(file, "seed: %llu\ndigest: ", (unsigned long long)state->seed);
    checkpoint_yaml_quote(file, state->digest);
    fprintf(file, "\narch: ");
    checkpoint_yaml_quote(file, state->arch);
    fprintf(file, "\ninput: %d\nembedding: %d\nwidth: %.17g\ndropout: %.17g\nhidden: [", state->input,
            state->embedding, state->width, state->dropout);
    for (size_t i = 0; i < state->hidden_count; i++) {
        fprintf(file, "%s%d", i > 0 ? ", " : "", state->hidden[i]);
    }
    fprintf(file, "]\ndatasets:%s\n", state->dataset_count == 0 ? " []" : "");
    for (size_t i = 0; i < state->dataset_count; i++) {
        const struct checkpoint_dataset *dataset = &state->datasets[i];
        fprintf(file, "  - {name: ");
        checkpoint_yaml_quote(file, dataset->name);
        fprintf(file, ", id: %u, classes: %u, parts: %u}\n", dataset->id, dataset->classes, dataset->parts);
    }
}

enum status checkpoint_write_state(const char *directory, const struct checkpoint_state *state,
                                   struct checkpoint_part *part, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file) {
        print_state(file, state);
    }
    enum status status = write_text(file, &text, &size, directory, "state.yaml", error);
    return status == STATUS_OK ? checkpoint_finish_part(directory, "state.yaml", part, error) : status;
}

static enum status read_hidden(struct checkpoint_yaml *yaml, const yaml_node_t *hidden,
                               struct checkpoint_state *state, struct error *error)
{
    state->hidden_count = checkpoint_yaml_length(hidden);
    if (state->hidden_count > CHECKPOINT_HIDDEN_MAX) {
        return error_set(error, STATUS_DATA, yaml->path, NULL, "hidden: at most %d layers were expected",
                         CHECKPOINT_HIDDEN_MAX);
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < state->hidden_count && status == STATUS_OK; i++) {
        struct yaml_field field = {"hidden", YAML_KIND_INT, &state->hidden[i], 0, 1};
        status = checkpoint_yaml_scalar(yaml, checkpoint_yaml_item(yaml, hidden, i), &field, error);
    }
    return status;
}

static enum status read_datasets(struct checkpoint_yaml *yaml, const yaml_node_t *datasets,
                                 struct checkpoint_state *state, struct error *error)
{
    size_t count = checkpoint_yaml_length(datasets);
    state->datasets = calloc(count + 1, sizeof *state->datasets);
    if (!state->datasets) {
        return out_of_memory(yaml->path, error);
    }
    state->dataset_count = count;
    for (size_t i = 0; i < count; i++) {
        struct checkpoint_dataset *dataset = &state->datasets[i];
        struct yaml_field fields[] = {
            {"name", YAML_KIND_TEXT, dataset->name, sizeof dataset->name, 0},
            {"id", YAML_KIND_UINT32, &dataset->id, 0, 0},
            {"classes", YAML_KIND_UINT32, &dataset->classes, 0, 1},
            {"parts", YAML_KIND_UINT32, &dataset->parts, 0, 1},
        };
        enum status status = checkpoint_yaml_fields(yaml, checkpoint_yaml_item(yaml, datasets, i), fields,
                                                    sizeof fields / sizeof *fields, error);
        if (status == STATUS_OK && !checkpoint_name_is_plain(dataset->name)) {
            status = error_set(error, STATUS_DATA, yaml->path, NULL,
                               "name: dataset %zu's name cannot be part of a file's name", i);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* What a configuration allows at most: whoever opens a checkpoint makes a network of these sizes. */
static enum status check_sizes(const struct checkpoint_yaml *yaml, const struct checkpoint_state *state,
                               struct error *error)
{
    int hidden = 1;
    for (size_t i = 0; i < state->hidden_count; i++) {
        hidden = state->hidden[i] > hidden ? state->hidden[i] : hidden;
    }
    if (state->input > CONFIG_INPUT_MAX || state->embedding > CONFIG_EMBEDDING_MAX ||
        state->width > CONFIG_WIDTH_MAX || state->dropout >= 1 || hidden > CONFIG_HIDDEN_MAX) {
        return error_set(
            error, STATUS_DATA, yaml->path, "resume from another checkpoint",
            "no network has input %d, embedding %d, width %g, dropout %g and hidden layers of %d",
            state->input, state->embedding, state->width, state->dropout, hidden);
    }
    return STATUS_OK;
}

static enum status read_document(struct checkpoint_yaml *yaml, struct checkpoint_state *state,
                                 struct error *error)
{
    char format[FORMAT_SIZE];
    int version;
    yaml_node_t *hidden, *datasets;
    struct yaml_field fields[] = {
        {"dail_format", YAML_KIND_TEXT, format, sizeof format, 0},
        {"version", YAML_KIND_INT, &version, 0, 1},
        {"program", YAML_KIND_TEXT, state->version, sizeof state->version, 0},
        {"step", YAML_KIND_INT64, &state->step, 0, 0},
        {"steps", YAML_KIND_INT64, &state->steps, 0, 0},
        {"steps_per_epoch", YAML_KIND_INT64, &state->steps_per_epoch, 0, 0},
        {"lanes", YAML_KIND_INT, &state->lanes, 0, 1},
        {"workers", YAML_KIND_INT, &state->workers, 0, 1},
        {"lane_batch", YAML_KIND_INT, &state->lane_batch, 0, 1},
        {"skips", YAML_KIND_INT, &state->skips, 0, 0},
        {"evaluate", YAML_KIND_INT, &state->evaluate, 0, 0},
        {"seed", YAML_KIND_UINT64, &state->seed, 0, 0},
        {"digest", YAML_KIND_TEXT, state->digest, sizeof state->digest, 0},
        {"arch", YAML_KIND_TEXT, state->arch, sizeof state->arch, 0},
        {"input", YAML_KIND_INT, &state->input, 0, 1},
        {"embedding", YAML_KIND_INT, &state->embedding, 0, 1},
        {"width", YAML_KIND_DOUBLE, &state->width, 0, 0},
        {"dropout", YAML_KIND_DOUBLE, &state->dropout, 0, 0},
        {"hidden", YAML_KIND_SEQUENCE, &hidden, 0, 0},
        {"datasets", YAML_KIND_SEQUENCE, &datasets, 0, 0},
    };
    enum status status = checkpoint_yaml_fields(yaml, checkpoint_yaml_root(yaml), fields,
                                                sizeof fields / sizeof *fields, error);
    if (status == STATUS_OK) {
        status = checkpoint_yaml_version(yaml->path, format, state_format, version, error);
    }
    if (status == STATUS_OK) {
        status = read_hidden(yaml, hidden, state, error);
    }
    if (status == STATUS_OK) {
        status = check_sizes(yaml, state, error);
    }
    return status == STATUS_OK ? read_datasets(yaml, datasets, state, error) : status;
}

enum status checkpoint_read_state(const char *path, struct checkpoint_state *state, struct error *error)
{
    char file[PATH_SIZE];
    struct checkpoint_yaml yaml;
    *state = (struct checkpoint_state){0};
    enum status status = file_join(path, "state.yaml", file, error);
    if (status == STATUS_OK) {
        status = checkpoint_yaml_open(file, &yaml, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = read_document(&yaml, state, error);
    checkpoint_yaml_close(&yaml);
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
        checkpoint_yaml_quote(file, parts[i].file);
        fprintf(file, ", bytes: %llu, crc: %u}\n", (unsigned long long)parts[i].bytes, parts[i].crc);
    }
}

enum status checkpoint_write_commit(const char *directory, const struct checkpoint_part *parts, size_t count,
                                    struct error *error)
{
    struct checkpoint_part *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) {
        return out_of_memory(directory, error);
    }
    memcpy(sorted, parts, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_parts);
    enum status status = check_parts(directory, sorted, count, error);
    if (status == STATUS_OK) {
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        if (file) {
            print_commit(file, sorted, count);
        }
        status = write_text(file, &text, &size, directory, "COMMIT", error);
    }
    free(sorted);
    return status;
}

static enum status read_parts(struct checkpoint_yaml *yaml, const yaml_node_t *files,
                              struct checkpoint_part *parts, struct error *error)
{
    size_t count = checkpoint_yaml_length(files);
    for (size_t i = 0; i < count; i++) {
        struct yaml_field fields[] = {
            {"file", YAML_KIND_TEXT, parts[i].file, sizeof parts[i].file, 0},
            {"bytes", YAML_KIND_UINT64, &parts[i].bytes, 0, 0},
            {"crc", YAML_KIND_UINT32, &parts[i].crc, 0, 0},
        };
        enum status status = checkpoint_yaml_fields(yaml, checkpoint_yaml_item(yaml, files, i), fields,
                                                    sizeof fields / sizeof *fields, error);
        if (status == STATUS_OK && !checkpoint_name_is_plain(parts[i].file)) {
            status = error_set(error, STATUS_DATA, yaml->path, "the checkpoint is not one of this program's",
                               "file %zu is outside of the checkpoint's directory", i);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status checkpoint_read_commit(const char *path, struct checkpoint_part **parts, size_t *count,
                                   struct error *error)
{
    char file[PATH_SIZE], format[FORMAT_SIZE];
    int version;
    yaml_node_t *files;
    struct checkpoint_yaml yaml;
    struct yaml_field fields[] = {
        {"dail_format", YAML_KIND_TEXT, format, sizeof format, 0},
        {"version", YAML_KIND_INT, &version, 0, 1},
        {"files", YAML_KIND_SEQUENCE, &files, 0, 0},
    };
    *parts = NULL;
    enum status status = file_join(path, "COMMIT", file, error);
    if (status == STATUS_OK) {
        status = checkpoint_yaml_open(file, &yaml, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = checkpoint_yaml_fields(&yaml, checkpoint_yaml_root(&yaml), fields,
                                    sizeof fields / sizeof *fields, error);
    if (status == STATUS_OK) {
        status = checkpoint_yaml_version(file, format, commit_format, version, error);
    }
    if (status == STATUS_OK) {
        *count = checkpoint_yaml_length(files);
        *parts = calloc(*count + 1, sizeof **parts);
        status = *parts ? read_parts(&yaml, files, *parts, error) : out_of_memory(path, error);
    }
    checkpoint_yaml_close(&yaml);
    if (status != STATUS_OK) {
        free(*parts);
        *parts = NULL;
    }
    return status;
}
