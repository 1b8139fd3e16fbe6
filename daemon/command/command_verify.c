/* `dail verify`: checks data at rest. */
#include "daemon/command/commands.h"
#include "daemon/terminal/progress.h"
#include "shard/verify.h"
#include "worker/checkpoint/checkpoint.h"

#include <stdio.h>

#define PATHS_MAX 4096

static enum status verify_one(const char *path, struct error *error)
{
    enum kind kind;
    struct progress progress;
    struct verify_report report = {0};
    struct verify_listener listener = {progress_update, &progress};
    enum status status = kind_of_path(path, &kind, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (kind == KIND_CHECKPOINT) {
        status = checkpoint_verify(path, true, error);
        if (status == STATUS_OK) {
            printf("%s: sound checkpoint\n", path);
        }
        return status;
    }
    progress_begin(&progress, "verify", "images");
    status = verify_file(path, kind, &listener, &report, error);
    progress_end(&progress);
    if (status == STATUS_OK) {
        printf("%s: sound: %llu images, %llu files, %.1f MiB, %.1f s\n", path,
               (unsigned long long)report.images, (unsigned long long)report.files,
               (double)report.bytes / 1048576.0, progress_seconds(&progress));
    }
    return status;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < line->operand_count && status == STATUS_OK; i++) {
        status = verify_one(line->operands[i], error);
    }
    return status;
}

static const struct operand_spec operands[] = {
    {.name = "PATH", .min = 1, .max = PATHS_MAX, .word = WORD_FILE, .endings = ".yaml .h5"}, {0}};

const struct command command_verify = {
    .name = "verify",
    .summary = "check every byte of shards, manifests, pairs and checkpoints",
    .usage = "dail verify PATH...",
    .description =
        "Checks every count, offset and crc of datasets (by their manifest), shards, verification sets and\n"
        "checkpoints, and names the first fault. A shard by itself has no crc of the whole file: name its\n"
        "manifest.",
    .operands = operands,
    .run = execute,
};
