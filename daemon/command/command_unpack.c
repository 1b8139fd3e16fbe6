/* `dail unpack`: shards and verification sets back into image files. */
#include "daemon/command/commands.h"
#include "daemon/terminal/progress.h"
#include "shard/unpack.h"

#include <stdio.h>

struct unpack_options {
    const char *directory;
    int threads;
};

static void report(const char *directory, const struct unpack_result *result, double seconds)
{
    printf("%s: %llu images ", directory, (unsigned long long)result->images);
    if (result->pairs > 0) {
        printf("of %u pairs", result->pairs);
    } else {
        printf("of %u identities", result->classes);
    }
    printf(", %.1f MiB, %.1f s\n", (double)result->bytes / 1048576.0, seconds);
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct unpack_options *options = line->values;
    struct progress progress;
    struct unpack_result result;
    const struct unpack_style style = {
        .threads = options->threads, .progress = progress_update, .context = &progress};
    if (!options->directory) {
        return error_set(error, STATUS_USAGE, NULL, "add -o DIR", "nothing says where the images go");
    }
    progress_begin(&progress, "unpack", "images");
    enum status status = unpack(line->operands[0], options->directory, &style, &result, error);
    progress_end(&progress);
    if (status == STATUS_OK) {
        report(options->directory, &result, progress_seconds(&progress));
    }
    return status;
}

#define AT(member) offsetof(struct unpack_options, member)

static const struct option_spec options[] = {{.name = "output",
                                              .short_name = 'o',
                                              .kind = OPTION_STRING,
                                              .offset = AT(directory),
                                              .metavar = "DIR",
                                              .help = "where the files go: a new or an empty folder",
                                              .word = WORD_FOLDER},
                                             OPTION_ROW_THREADS(AT(threads)),
                                             {0}};

static const struct operand_spec operands[] = {
    {.name = "MANIFEST|SHARD|SET.h5", .min = 1, .max = 1, .word = WORD_FILE, .endings = ".yaml .h5"}, {0}};

const struct command command_unpack = {
    .name = "unpack",
    .summary = "turn shards or a verification set back into image files",
    .usage = "dail unpack [OPTIONS] MANIFEST|SHARD|SET.h5 -o DIR",
    .description =
        "Writes the images as files, byte for byte: of a dataset (by its manifest) or one of its shards to\n"
        "DIR/<identity>/<number>.jpg or .png; of a verification set to DIR/<number>.jpg or .png, with the "
        "list\n"
        "DIR/pairs.tsv. dail pack makes a dataset or set of these again.",
    .options = options,
    .operands = operands,
    .size = sizeof(struct unpack_options),
    .run = execute,
};
