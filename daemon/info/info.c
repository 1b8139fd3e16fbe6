#include "daemon/info/info.h"

#include "daemon/info/info_dataset.h"
#include "daemon/info/info_text.h"
#include "proto/file.h"
#include "proto/folder_lock.h"
#include "proto/status/status_reader.h"
#include "proto/status/status_segment.h"
#include "proto/status/status_summary.h"
#include "shard/hdf5/hdf5.h"
#include "shard/manifest.h"
#include "shard/pairs.h"
#include "shard/shard.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TREE_DEPTH_MAX 16
#define TREE_OBJECTS_MAX 20000

static void print_bytes(FILE *output, const char *label, uint64_t bytes)
{
    double mega = (double)bytes / 1048576.0;
    fprintf(output, "%-12s %llu (%.1f MiB)\n", label, (unsigned long long)bytes, mega);
}

/* An id that nobody chose tells nothing. */
static void print_dataset(FILE *output, const char *name, uint32_t id)
{
    if (id == 0) {
        fprintf(output, "%-12s %s\n", "dataset", name);
    } else {
        fprintf(output, "%-12s %s (id %u)\n", "dataset", name, id);
    }
}

/* --- Shards --- */

static int compare_labels(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static enum status print_shard(const char *path, FILE *output, struct error *error)
{
    struct shard shard;
    enum status status = shard_open(path, &shard, error);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t present = 0;
    qsort(shard.label, shard.images, sizeof *shard.label, compare_labels);
    for (uint32_t i = 0; i < shard.images; i++) {
        present += i == 0 || shard.label[i] != shard.label[i - 1];
    }
    fprintf(output, "%s: shard %u (from 0) of %u\n", path, shard.shard, shard.shards);
    print_dataset(output, shard.dataset, shard.dataset_id);
    fprintf(output, "%-12s %u, of which %u are in this shard\n", "classes", shard.classes, present);
    fprintf(output, "%-12s %u, %s\n", "images", shard.images, shard_encoding_name(shard.encoding));
    print_bytes(output, "image bytes", shard.bytes);
    shard_close(&shard);
    return STATUS_OK;
}

static enum status print_manifest(const char *path, FILE *output, struct error *error)
{
    struct manifest manifest;
    char fingerprint[MANIFEST_FINGERPRINT_SIZE];
    enum status status = manifest_open(path, &manifest, error);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < manifest.shard_count; i++) {
        bytes += manifest.shards[i].bytes;
    }
    fprintf(output, "%s: dataset\n", path);
    print_dataset(output, manifest.name, manifest.dataset_id);
    fprintf(output, "%-12s %u\n", "classes", manifest.classes);
    fprintf(output, "%-12s %llu of %d x %d, %s\n", "images", (unsigned long long)manifest.images,
            manifest.image_size, manifest.image_size, shard_encoding_name(manifest.encoding));
    fprintf(output, "%-12s %u\n", "shards", manifest.shard_count);
    print_bytes(output, "bytes", bytes);
    if (manifest.class_names) {
        fprintf(output, "%-12s %s\n", "class names", manifest.class_names);
    }
    if (manifest.source) {
        fprintf(output, "%-12s %s\n", "source", manifest.source);
    }
    status = manifest_fingerprint(&manifest, fingerprint, error);
    if (status == STATUS_OK) {
        fprintf(output, "%-12s %s\n", "fingerprint", fingerprint);
        status = info_print_statistics(&manifest, output, error);
    }
    manifest_close(&manifest);
    return status;
}

static enum status print_pairs(const char *path, FILE *output, struct error *error)
{
    struct pairs pairs;
    enum status status = pairs_open(path, &pairs, error);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t of_fold[256] = {0}, same = 0;
    for (uint32_t i = 0; i < pairs.count; i++) {
        of_fold[pairs.fold[i]]++;
        same += pairs.same[i];
    }
    fprintf(output, "%s: verification set\n", path);
    fprintf(output, "%-12s %s\n", "name", pairs.name);
    fprintf(output, "%-12s %u of %d x %d, %s\n", "images", pairs.images, pairs.image_size, pairs.image_size,
            shard_encoding_name(pairs.encoding));
    fprintf(output, "%-12s %u: %u of one person, %u of two\n", "pairs", pairs.count, same,
            pairs.count - same);
    fprintf(output, "%-12s", "folds");
    for (int fold = 0; fold < 256; fold++) {
        if (of_fold[fold] > 0) {
            fprintf(output, " %d:%u", fold, of_fold[fold]);
        }
    }
    fputs(" (number from 0:pairs)\n", output);
    print_bytes(output, "image bytes", pairs.bytes);
    pairs_close(&pairs);
    return STATUS_OK;
}

/* --- Any HDF5 file --- */

static enum status print_attributes(const struct h5_file *file, const char *object, FILE *output,
                                    struct error *error)
{
    char **names, text[512];
    size_t count;
    enum status status = h5_list_attributes(file, object, &names, &count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (h5_attribute_text(file, object, names[i], text, sizeof text, NULL) != STATUS_OK) {
            snprintf(text, sizeof text, "(of a type that is none of ours)");
        }
        fprintf(output, "%s @%s = %s\n", object, names[i], text);
    }
    h5_list_free(names, count);
    return status;
}

static enum status print_array(const struct h5_file *file, const char *name, FILE *output,
                               struct error *error)
{
    static const char *const types[] = {"float32", "uint8", "uint32", "uint64"};
    enum h5_type type;
    int rank;
    uint64_t dims[H5_RANK_MAX];
    enum status status = h5_read_array_shape(file, name, &type, &rank, dims, error);
    if (status != STATUS_OK) {
        return status;
    }
    fprintf(output, "%s %s [", name, types[type]);
    for (int i = 0; i < rank; i++) {
        fprintf(output, i == 0 ? "%llu" : ", %llu", (unsigned long long)dims[i]);
    }
    fputs("]\n", output);
    return STATUS_OK;
}

/* What was printed of a file: an object with several names is printed once, a group within itself among them.
 */
struct tree {
    const struct h5_file *file;
    FILE *output;
    size_t count;
    uint64_t seen[TREE_OBJECTS_MAX]; /* identities */
};

/* Whether the object is new; it is not again. */
static enum status look_at(struct tree *tree, const char *name, bool *is_new, struct error *error)
{
    uint64_t identity = 0;
    enum status status = h5_identity(tree->file, name, &identity, error);
    *is_new = true;
    for (size_t i = 0; i < tree->count && *is_new; i++) {
        *is_new = tree->seen[i] != identity;
    }
    if (status != STATUS_OK || !*is_new) {
        return status;
    }
    if (tree->count == TREE_OBJECTS_MAX) {
        return error_set(error, STATUS_DATA, tree->file->path, "look at it with h5ls",
                         "there are more than %d groups and arrays", TREE_OBJECTS_MAX);
    }
    tree->seen[tree->count++] = identity;
    return STATUS_OK;
}

static enum status print_tree(struct tree *tree, const char *name, int depth, struct error *error)
{
    enum h5_kind kind;
    char **names = NULL, path[H5_NAME_SIZE];
    size_t count = 0;
    bool is_new;
    enum status status = look_at(tree, name, &is_new, error);
    if (status == STATUS_OK && !is_new) {
        fprintf(tree->output, "%s (another name of what is shown above)\n", name);
    }
    if (status != STATUS_OK || !is_new) {
        return status;
    }
    status = h5_kind_of(tree->file, name, &kind, error);
    if (status == STATUS_OK && kind == H5_KIND_ARRAY) {
        status = print_array(tree->file, name, tree->output, error);
    }
    if (status == STATUS_OK) {
        status = print_attributes(tree->file, name, tree->output, error);
    }
    if (status != STATUS_OK || kind != H5_KIND_GROUP || depth == TREE_DEPTH_MAX) {
        return status;
    }
    status = h5_list(tree->file, name, &names, &count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        int length = snprintf(path, sizeof path, "%s/%s", strcmp(name, "/") == 0 ? "" : name, names[i]);
        if (length < (int)sizeof path) {
            status = print_tree(tree, path, depth + 1, error);
        }
    }
    h5_list_free(names, count);
    return status;
}

/* What an HDF5 file of ours is, by its dail_format. */
static void print_heading(const struct h5_file *file, FILE *output)
{
    static const char *const formats[][2] = {
        {"model", "backbone and domain head of a checkpoint"},
        {"classifier", "rows of a checkpoint's classifier, [row_begin, row_end) of its dataset's classes"},
        {"trace", "trace of one step by one worker"},
        {"embeddings", "embeddings of images"},
        {"state_dict", "a network as InsightFace's state_dict"},
    };
    char format[64] = "";
    bool has = false;
    if (h5_has_attribute(file, "/", "dail_format", &has, NULL) == STATUS_OK && has) {
        h5_get_string(file, "/", "dail_format", format, sizeof format, NULL);
    }
    const char *what = "HDF5 file";
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        what = strcmp(formats[i][0], format) == 0 ? formats[i][1] : what;
    }
    fprintf(output, "%s: %s\n", file->path, what);
}

static enum status print_hdf5(const char *path, FILE *output, struct error *error)
{
    struct h5_file file;
    struct tree *tree = calloc(1, sizeof *tree);
    if (!tree) {
        return error_no_memory(error, path);
    }
    enum status status = h5_open_file(path, &file, error);
    if (status == STATUS_OK) {
        print_heading(&file, output);
        tree->file = &file;
        tree->output = output;
        status = print_tree(tree, "/", 0, error);
    }
    h5_close_file(&file, NULL);
    free(tree);
    return status;
}

/* --- Checkpoints and runs --- */

static enum status print_text(const char *directory, const char *name, FILE *output, struct error *error)
{
    char path[PATH_SIZE], *text;
    size_t size;
    enum status status = file_join(directory, name, path, error);
    if (status == STATUS_OK) {
        status = file_read(path, 1 << 20, &text, &size, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    fprintf(output, "\n%s:\n%s%s", name, text, size > 0 && text[size - 1] == '\n' ? "" : "\n");
    free(text);
    return STATUS_OK;
}

static enum status print_checkpoint(const char *path, FILE *output, struct error *error)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        return error_set(error, STATUS_DATA, path, "check the path and its permissions",
                         "cannot read the folder");
    }
    fprintf(output, "%s: checkpoint\n", path);
    for (int i = 0; i < count; i++) {
        char file[PATH_SIZE];
        struct stat status;
        if (entries[i]->d_name[0] != '.' && file_join(path, entries[i]->d_name, file, NULL) == STATUS_OK &&
            stat(file, &status) == 0) {
            fprintf(output, "%14lld %s\n", (long long)status.st_size, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    enum status status = print_text(path, "state.yaml", output, error);
    return status == STATUS_OK ? print_text(path, "COMMIT", output, error) : status;
}

static void print_summary(const struct status_summary *summary, FILE *output)
{
    fprintf(output, "%-12s %s\n", "state", status_summary_state_name(summary->state));
    fprintf(output, "%-12s %lld of %lld, epoch %lld\n", "step", (long long)summary->step.step,
            (long long)summary->step.steps, (long long)summary->step.epoch);
    fprintf(output, "%-12s %d, %d lanes, global batch %lld\n", "workers", summary->worker_count,
            summary->lanes, (long long)summary->global_batch);
    fprintf(output, "%-12s %g\n", "loss", summary->step.loss);
    for (int i = 0; i < summary->eval_count; i++) {
        fprintf(output, "%-12s %s at step %lld: accuracy %.4f +- %.4f\n", "evaluation", summary->evals[i].set,
                (long long)summary->evals[i].step, summary->evals[i].accuracy,
                summary->evals[i].accuracy_std);
    }
    if (summary->checkpoint_step >= 0) {
        fprintf(output, "%-12s %s\n", "checkpoint", summary->checkpoint_path);
    }
    if (summary->warning[0] != 0) {
        fprintf(output, "%-12s %s\n", "warning", summary->warning);
    }
    if (summary->fault[0] != 0) {
        fprintf(output, "%-12s %s\n", "fault", summary->fault);
    }
}

static void print_segments(const char *log, FILE *output)
{
    char path[PATH_SIZE];
    int64_t *numbers;
    uint64_t all = 0;
    size_t count = status_segment_list(log, &numbers);
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes;
        if (status_segment_path(log, numbers[i], path, NULL) == STATUS_OK &&
            file_size(path, FILE_LINKS_FOLLOWED, &bytes, NULL) == STATUS_OK) {
            all += bytes;
        }
    }
    if (count > 0) {
        fprintf(output, "%-12s %zu, from %s.%06lld on, %.1f MB\n", "segments", count, log,
                (long long)numbers[0], (double)all / 1e6);
    }
    free(numbers);
}

static enum status print_status(const char *path, FILE *output, struct error *error)
{
    struct status_summary *summary = malloc(sizeof *summary);
    struct status_reader reader;
    size_t records = 0;
    status_reader_open(&reader, path);
    bool there = status_reader_exists(&reader);
    if (!summary || !there) {
        free(summary);
        return error_set(error, there ? STATUS_INTERNAL : STATUS_DATA, path,
                         "check the path and its permissions",
                         there ? "no memory for a summary" : "there is no status log");
    }
    status_summary_init(summary);
    struct status_record record;
    char problem[sizeof record.problem] = "";
    size_t odd = 0;
    while (status_reader_next(&reader, &record)) {
        status_summary_fold(summary, &record);
        records++;
        if (record.problem[0] != 0 && odd++ == 0) {
            snprintf(problem, sizeof problem, "%s", record.problem);
        }
        status_record_free(&record);
    }
    fprintf(output, "%s: status log of %zu records (%lld lines unreadable)\n", path, records,
            (long long)reader.garbage);
    if (odd > 0) {
        fprintf(output, "%-12s %zu records are not as dail-status(5) has them; the first: %s\n", "damaged",
                odd, problem);
    }
    print_segments(path, output);
    print_summary(summary, output);
    status_reader_close(&reader);
    free(summary);
    return STATUS_OK;
}

static enum status print_run(const char *path, FILE *output, struct error *error)
{
    char status_log[PATH_SIZE];
    struct folder_owner owner;
    enum status status = file_join(path, "status.jsonl", status_log, error);
    if (status == STATUS_OK) {
        status = print_status(status_log, output, error);
    }
    if (status == STATUS_OK && folder_owner_read(path, &owner, NULL) == STATUS_OK) {
        char text[512];
        fprintf(output, "%-12s %s/%s: %s\n", "owner", path, FOLDER_LOCK_NAME,
                folder_owner_describe(&owner, text, sizeof text));
    }
    return status;
}

enum status info_print(const char *path, enum kind kind, FILE *output, struct error *error)
{
    switch (kind) {
    case KIND_SHARD:
        return print_shard(path, output, error);
    case KIND_MANIFEST:
        return print_manifest(path, output, error);
    case KIND_PAIRS:
        return print_pairs(path, output, error);
    case KIND_HDF5:
        return print_hdf5(path, output, error);
    case KIND_CHECKPOINT:
        return print_checkpoint(path, output, error);
    case KIND_STATE:
        return info_text(path, "what a checkpoint says of itself", output, error);
    case KIND_COMMIT:
        return info_text(path, "the files of a checkpoint, written when it was whole", output, error);
    case KIND_RUN:
        return print_run(path, output, error);
    case KIND_PACKING:
        return info_packing(path, output, error);
    case KIND_CONFIG:
        return info_config(path, output, error);
    case KIND_STATUS:
        return print_status(path, output, error);
    case KIND_LOG:
        return info_log(path, output, error);
    case KIND_EVENTS:
        return info_events(path, output, error);
    case KIND_OVERLAP:
        return info_overlap(path, output, error);
    case KIND_ROC:
        return info_roc(path, output, error);
    case KIND_CLASS_NAMES:
        return info_class_names(path, output, error);
    case KIND_SAFETENSORS:
        return info_network(path, "safetensors", output, error);
    case KIND_ONNX:
        return info_network(path, "ONNX", output, error);
    case KIND_TORCH:
        return info_network(path, "PyTorch saves it", output, error);
    case KIND_PICTURE:
        return info_picture(path, output, error);
    case KIND_PAGE:
        return info_page(path, output, error);
    }
    return error_set(error, STATUS_INTERNAL, path, NULL, "a kind of file without a description");
}
