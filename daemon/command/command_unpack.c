/* `dail unpack`: shards and verification sets back into image files. */
#include "daemon/command/command.h"
#include "daemon/terminal/options.h"
#include "daemon/terminal/progress.h"
#include "shard/unpack.h"

#include <stdio.h>

static const char usage[] =
    "usage: dail unpack [OPTIONS] MANIFEST|SHARD|SET.h5 -o DIR\n"
    "Writes the images as files, byte for byte: of a dataset (by its manifest) or one of its shards to\n"
    "DIR/<identity>/<number>.jpg or .png; of a verification set to DIR/<number>.jpg or .png, with the list\n"
    "DIR/pairs.tsv. dail pack makes a dataset or set of these again.";

static void report(const char *directory, const struct unpack_result *result, double seconds)
{
    printf("%s: %llu images ", directory, (unsigned long long)result->images);
    if (result->pairs > 0)
        printf("of %u pairs", result->pairs);
    else
        printf("of %u identities", result->classes);
    printf(", %.1f MiB, %.1f s\n", (double)result->bytes / 1048576.0, seconds);
}

enum status command_unpack(int argc, char **argv, struct error *error)
{
    const char *path[1], *directory = NULL;
    size_t count;
    bool help;
    struct progress progress;
    struct unpack_result result;
    struct unpack_style style = {.progress = progress_update, .context = &progress};
    const struct option_spec specs[] = {
        {"output", 'o', OPTION_STRING, &directory, "DIR", "where the files go: a new or an empty folder", 0,
         0},
        {"threads", 't', OPTION_INT, &style.threads, "N", "threads (default: the cores allowed)", 1, 1024},
    };
    enum status status =
        options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv, path, 1, &count, &help, error);
    if (status != STATUS_OK || help)
        return status;
    if (count == 0)
        return error_set(error, STATUS_USAGE, NULL, "see dail unpack --help", "no file is named");
    if (directory == NULL)
        return error_set(error, STATUS_USAGE, NULL, "add -o DIR", "nothing says where the images go");
    progress_begin(&progress, "unpack", "images");
    status = unpack(path[0], directory, &style, &result, error);
    progress_end(&progress);
    if (status == STATUS_OK)
        report(directory, &result, progress_seconds(&progress));
    return status;
}
