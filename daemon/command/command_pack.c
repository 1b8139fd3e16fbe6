/* `dail pack`: imports folders of images, RecordIO sets, lists of pairs and verification pickles. */
#include "daemon/command/command.h"
#include "daemon/terminal/options.h"
#include "daemon/terminal/progress.h"
#include "shard/pack/pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDS_MAX 256

static const char usage[] =
    "usage: dail pack [OPTIONS] FOLDER\n"
    "       dail pack [OPTIONS] --rec DIR\n"
    "       dail pack --pairs LIST --images FOLDER -o SET.h5 [OPTIONS]\n"
    "       dail pack --bin FILE -o SET.h5 [OPTIONS]\n"
    "Makes a dataset of FOLDER/<identity>/<image> (JPEG, PNG, PGM, PPM): shards and a manifest. With --rec, "
    "of\n"
    "an InsightFace set: DIR has train.rec (or one other .rec), perhaps its .idx and a property file. With\n"
    "--pairs, makes a verification set of a list of pairs: LFW's pairs.txt, or TSV with the columns fold, "
    "image,\n"
    "image, same. With --bin, of a pickle as InsightFace has them, such as lfw.bin.\n"
    "A dataset that was broken off is gone on with: give the same command again, and shards that are "
    "finished\n"
    "stay (in DIR/.NAME.packing). A command with another source, list or option begins anew.";

/* What is made of what. */
enum pack_mode { PACK_FOLDER, PACK_RECORDIO, PACK_PAIRS, PACK_PICKLE };

struct pack_command {
    enum pack_mode mode;
    const char *source; /* folder, RecordIO set, list or pickle */
    const char *record, *list, *pickle, *images, *output, *name, *include, *exclude, *encoding, *folds, *seed,
        *spool;
    int id, size, quality, min_images, shard_mb;
    bool force, help;
    char name_buffer[256], directory_buffer[1024];
    int fold[FOLDS_MAX];
    size_t fold_count;
    uint64_t seed_value;
    struct pack_style style;
};

/* "a/b/set.h5" is the set `set` in the folder a/b. */
static enum status name_set(struct pack_command *command, struct error *error)
{
    size_t length = command->output != NULL ? strlen(command->output) : 0;
    if (length < 4 || strcmp(command->output + length - 3, ".h5") != 0 ||
        command->output[length - 4] == '/' || length >= sizeof command->directory_buffer ||
        command->name != NULL)
        return error_set(error, STATUS_USAGE, "-o", "give -o SET.h5, and no --name",
                         "a verification set is one file, which gives it its name");
    const char *slash = strrchr(command->output, '/');
    const char *name = slash != NULL ? slash + 1 : command->output;
    snprintf(command->name_buffer, sizeof command->name_buffer, "%.*s", (int)strlen(name) - 3, name);
    snprintf(command->directory_buffer, sizeof command->directory_buffer, "%.*s",
             slash == NULL              ? 1
             : slash == command->output ? 1
                                        : (int)(slash - command->output),
             slash == NULL ? "." : command->output);
    command->name = command->name_buffer;
    command->output = command->directory_buffer;
    return STATUS_OK;
}

/* Exactly one source is named, and what is said of it suits it. */
static enum status choose_mode(struct pack_command *command, const char *folder, struct error *error)
{
    const struct {
        const char *source, *option;
        enum pack_mode mode;
    } sources[] = {{folder, "FOLDER", PACK_FOLDER},
                   {command->record, "--rec", PACK_RECORDIO},
                   {command->list, "--pairs", PACK_PAIRS},
                   {command->pickle, "--bin", PACK_PICKLE}};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (sources[i].source == NULL)
            continue;
        if (command->source != NULL)
            return error_set(error, STATUS_USAGE, sources[i].option, "see dail pack --help",
                             "images can come from one source at a time");
        command->source = sources[i].source;
        command->mode = sources[i].mode;
    }
    if (command->source == NULL)
        return error_set(error, STATUS_USAGE, NULL, "see dail pack --help", "no folder of images is named");
    if ((command->mode == PACK_PAIRS) != (command->images != NULL))
        return command->images != NULL
                   ? error_set(error, STATUS_USAGE, "--images", "add --pairs LIST",
                               "only the images of a list of pairs need to be named apart")
                   : error_set(error, STATUS_USAGE, "--pairs", "give --images FOLDER",
                               "the paths of a list of pairs are relative to one folder");
    if (command->folds != NULL && command->mode != PACK_PAIRS)
        return error_set(error, STATUS_USAGE, "--folds", "add --pairs LIST", "folds are of a list of pairs");
    return STATUS_OK;
}

static bool is_set(const struct pack_command *command)
{
    return command->mode == PACK_PAIRS || command->mode == PACK_PICKLE;
}

static enum status parse(int argc, char **argv, struct pack_command *command, struct error *error)
{
    const char *positional[1];
    size_t count;
    const struct option_spec specs[] = {
        {"output", 'o', OPTION_STRING, &command->output, "DIR|SET.h5",
         "where a dataset's files go (default: .), or the verification set's file", 0, 0},
        {"rec", 0, OPTION_STRING, &command->record, "DIR", "make a dataset of this RecordIO set", 0, 0},
        {"pairs", 0, OPTION_STRING, &command->list, "LIST", "make a verification set of this list", 0, 0},
        {"images", 0, OPTION_STRING, &command->images, "FOLDER",
         "with --pairs: what its paths are relative to", 0, 0},
        {"bin", 0, OPTION_STRING, &command->pickle, "FILE", "make a verification set of this pickle", 0, 0},
        {"name", 'n', OPTION_STRING, &command->name, "NAME",
         "of the dataset (default: the last part of FOLDER or DIR)", 0, 0},
        {"id", 0, OPTION_INT, &command->id, "N", "the dataset's id (default: 0)", 0, 2147483647},
        {"size", 's', OPTION_INT, &command->size, "PIXELS", "side of the stored images (default: 112)", 16,
         IMAGE_SIDE_MAX},
        {"encoding", 0, OPTION_STRING, &command->encoding, "jpeg|png",
         "of images that need resizing (default: jpeg); others keep their bytes", 0, 0},
        {"quality", 0, OPTION_INT, &command->quality, "N", "of JPEG (default: 95)", 1, 100},
        {"min-images", 0, OPTION_INT, &command->min_images, "N", "leave out identities with fewer", 1,
         1000000},
        {"include", 0, OPTION_STRING, &command->include, "FILE", "only the identities listed, one a line", 0,
         0},
        {"exclude", 0, OPTION_STRING, &command->exclude, "FILE", "none of the identities listed", 0, 0},
        {"shard-mb", 0, OPTION_INT, &command->shard_mb, "N", "about so many MiB a shard (default: 256)", 1,
         8192},
        {"seed", 0, OPTION_STRING, &command->seed, "N", "of the order of the images (default: 0)", 0, 0},
        {"folds", 0, OPTION_STRING, &command->folds, "A,B,...",
         "with --pairs: only these folds, as the list numbers them", 0, 0},
        {"spool", 0, OPTION_STRING, &command->spool, "auto|always|never",
         "with --rec: put records in the shards' order first, on disk (auto: larger than memory)", 0, 0},
        {"threads", 't', OPTION_INT, &command->style.threads, "N",
         "threads; any number makes the same files (default: the cores allowed)", 1, 1024},
        {"skip-bad", 0, OPTION_FLAG, &command->style.skip_bad, NULL,
         "leave out images that cannot be read, and say so", 0, 0},
        {"force", 'f', OPTION_FLAG, &command->force, NULL, "replace what has that name", 0, 0},
    };
    enum status status = options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv, positional, 1,
                                       &count, &command->help, error);
    if (status != STATUS_OK || command->help)
        return status;
    status = choose_mode(command, count == 1 ? positional[0] : NULL, error);
    if (status != STATUS_OK)
        return status;
    if (is_set(command))
        return name_set(command, error);
    command->output = command->output != NULL ? command->output : ".";
    return STATUS_OK;
}

/* "a/lfw/" -> "lfw"; "a/train.rec" -> "train". */
static void default_name(struct pack_command *command)
{
    size_t end = strlen(command->source);
    while (end > 1 && command->source[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && command->source[begin - 1] != '/')
        begin--;
    if (command->mode == PACK_RECORDIO && end - begin > 4 && strcmp(command->source + end - 4, ".rec") == 0)
        end -= 4;
    snprintf(command->name_buffer, sizeof command->name_buffer, "%.*s", (int)(end - begin),
             command->source + begin);
    command->name = command->name_buffer;
}

static enum status parse_folds(struct pack_command *command, struct error *error)
{
    for (const char *text = command->folds; text != NULL;) {
        char *end;
        long fold = strtol(text, &end, 10);
        if (end == text || (*end != 0 && *end != ',') || fold < 0 || fold > FOLDS_MAX ||
            command->fold_count == FOLDS_MAX)
            return error_set(error, STATUS_USAGE, "--folds", "give numbers, as in --folds 9,10",
                             "'%s' is no list of folds", command->folds);
        command->fold[command->fold_count++] = (int)fold;
        text = *end == ',' ? end + 1 : NULL;
    }
    return STATUS_OK;
}

static enum status interpret(struct pack_command *command, struct error *error)
{
    char *end = NULL;
    errno = 0;
    command->seed_value = strtoull(command->seed, &end, 10);
    if (end == command->seed || *end != 0 || command->seed[0] == '-' || errno != 0)
        return error_set(error, STATUS_USAGE, "--seed", "give a number of 0 or more", "'%s' is no seed",
                         command->seed);
    if (command->name == NULL)
        default_name(command);
    if (strcmp(command->encoding, "png") == 0)
        command->style.encoding = IMAGE_PNG;
    else if (strcmp(command->encoding, "jpeg") != 0)
        return error_set(error, STATUS_USAGE, "--encoding", "choose jpeg or png",
                         "'%s' is no encoding for shards", command->encoding);
    if (strcmp(command->spool, "always") == 0)
        command->style.spool = PACK_SPOOL_ALWAYS;
    else if (strcmp(command->spool, "never") == 0)
        command->style.spool = PACK_SPOOL_NEVER;
    else if (strcmp(command->spool, "auto") != 0)
        return error_set(error, STATUS_USAGE, "--spool", "choose auto, always or never",
                         "'%s' is no way to read records", command->spool);
    if (is_set(command) && (command->include != NULL || command->exclude != NULL))
        return error_set(error, STATUS_USAGE, command->include != NULL ? "--include" : "--exclude",
                         "leave out --include and --exclude", "a verification set names its images itself");
    command->style.size = command->size;
    command->style.quality = command->quality;
    return parse_folds(command, error);
}

static enum status run(struct pack_command *command, struct pack_result *result, struct error *error)
{
    const struct pack_pairs pairs = {.list = command->source,
                                     .folder = command->images,
                                     .directory = command->output,
                                     .name = command->name,
                                     .folds = command->fold,
                                     .fold_count = command->fold_count,
                                     .force = command->force};
    const struct pack_dataset dataset = {.source = command->source,
                                         .directory = command->output,
                                         .name = command->name,
                                         .dataset_id = (uint32_t)command->id,
                                         .include = command->include,
                                         .exclude = command->exclude,
                                         .min_images = (uint32_t)command->min_images,
                                         .shard_bytes = (uint64_t)command->shard_mb << 20,
                                         .seed = command->seed_value,
                                         .force = command->force};
    switch (command->mode) {
    case PACK_PAIRS:
        return pack_pairs(&pairs, &command->style, result, error);
    case PACK_PICKLE:
        return pack_pickle(&pairs, &command->style, result, error);
    case PACK_RECORDIO:
        return pack_recordio(&dataset, &command->style, result, error);
    case PACK_FOLDER:
        break;
    }
    return pack_folder(&dataset, &command->style, result, error);
}

static void report(const struct pack_command *command, const struct pack_result *result, double seconds)
{
    if (is_set(command))
        printf("%s/%s.h5: %u pairs, ", command->output, command->name, result->pairs);
    else
        printf("%s/%s.yaml: %u classes in %u shards, ", command->output, command->name, result->classes,
               result->shards);
    printf("%llu images (%llu byte for byte), %.1f MiB, %.1f s", (unsigned long long)result->images,
           (unsigned long long)result->kept, (double)result->bytes / 1048576.0, seconds);
    if (result->skipped > 0)
        printf(", %llu %s left out as bad", (unsigned long long)result->skipped,
               is_set(command) ? "pairs" : "images");
    putchar('\n');
}

enum status command_pack(int argc, char **argv, struct error *error)
{
    struct progress progress;
    struct pack_result result;
    char what[300];
    const struct pack_style style = pack_style_defaults();
    struct pack_command command = {.encoding = "jpeg",
                                   .seed = "0",
                                   .spool = "auto",
                                   .size = style.size,
                                   .quality = style.quality,
                                   .min_images = 1,
                                   .shard_mb = 256,
                                   .style = style};
    enum status status = parse(argc, argv, &command, error);
    if (status != STATUS_OK || command.help)
        return status;
    status = interpret(&command, error);
    if (status != STATUS_OK)
        return status;
    snprintf(what, sizeof what, "pack %.200s", command.name);
    command.style.progress = progress_update;
    command.style.warn = progress_say;
    command.style.context = &progress;
    progress_begin(&progress, what, "images");
    status = run(&command, &result, error);
    progress_end(&progress);
    if (status == STATUS_OK)
        report(&command, &result, progress_seconds(&progress));
    return status;
}
