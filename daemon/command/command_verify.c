/* `dail verify`: checks data at rest. */
#include "daemon/command/command.h"
#include "daemon/terminal/options.h"
#include "daemon/terminal/progress.h"
#include "shard/verify.h"
#include "worker/checkpoint/checkpoint.h"

#include <stdio.h>

#define PATHS_MAX 4096

static const char usage[] =
    "usage: dail verify PATH...\n"
    "Checks every count, offset and crc of datasets (by their manifest), shards, verification sets and\n"
    "checkpoints, and names the first fault. A shard by itself has no crc of the whole file: name its "
    "manifest.";

static enum status verify_one(const char *path, struct error *error)
{
    enum kind kind;
    struct progress progress;
    struct verify_report report = {0};
    struct verify_listener listener = {progress_update, &progress};
    enum status status = kind_of_path(path, &kind, error);
    if (status != STATUS_OK)
        return status;
    if (kind == KIND_CHECKPOINT) {
        status = checkpoint_verify(path, 1, error);
        if (status == STATUS_OK)
            printf("%s: sound checkpoint\n", path);
        return status;
    }
    progress_begin(&progress, "verify", "images");
    status = verify_file(path, kind, &listener, &report, error);
    progress_end(&progress);
    if (status == STATUS_OK)
        printf("%s: sound: %llu images, %llu files, %.1f MiB, %.1f s\n", path,
               (unsigned long long)report.images, (unsigned long long)report.files,
               (double)report.bytes / 1048576.0, progress_seconds(&progress));
    return status;
}

enum status command_verify(int argc, char **argv, struct error *error)
{
    const char *paths[PATHS_MAX];
    size_t count;
    bool help = false;
    enum status status = options_parse(usage, NULL, 0, argc, argv, paths, PATHS_MAX, &count, &help, error);
    if (status != STATUS_OK || help)
        return status;
    if (count == 0)
        return error_set(error, STATUS_USAGE, NULL, "see dail verify --help", "no file is named");
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = verify_one(paths[i], error);
    return status;
}
