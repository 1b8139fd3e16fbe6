/* `dail synth`: makes datasets of synthetic faces. */
#include "daemon/command/commands.h"
#include "daemon/terminal/progress.h"
#include "shard/synth/synth.h"

#include <stdio.h>

#define SHEET_PEOPLE 10
#define SHEET_PICTURES 4

struct synth_options {
    struct synth_config config;
    const char *sheet;
};

static enum status write_sheet(const struct synth_options *options, struct error *error)
{
    const struct synth_config *config = &options->config;
    struct sheet sheet;
    const int people = config->identities < SHEET_PEOPLE ? config->identities : SHEET_PEOPLE;
    enum status status = synth_sheet(config, people, SHEET_PICTURES, &sheet, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = sheet_write(&sheet, options->sheet, error);
    sheet_free(&sheet);
    return status;
}

static enum status write_datasets(const struct synth_options *options, struct error *error)
{
    struct synth_config config = options->config;
    struct progress progress;
    config.progress = progress_update;
    config.context = &progress;
    progress_begin(&progress, "synth", "images");
    enum status status = synth_write(&config, error);
    progress_end(&progress);
    if (status != STATUS_OK) {
        return status;
    }
    printf("%s: %d datasets of %d people with %d images each, %.1f s\n", config.directory, config.datasets,
           config.identities, config.images, progress_seconds(&progress));
    return STATUS_OK;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct synth_options *options = line->values;
    enum status status = STATUS_OK;
    if (!options->config.directory && !options->sheet) {
        return error_set(error, STATUS_USAGE, NULL, "add -o DIR, or see dail synth --help",
                         "nothing says where the datasets go");
    }
    if (options->config.directory) {
        status = write_datasets(options, error);
    }
    if (status == STATUS_OK && options->sheet) {
        status = write_sheet(options, error);
    }
    return status;
}

#define AT(member) offsetof(struct synth_options, member)

static const struct option_spec options[] = {
    {.name = "output",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .offset = AT(config.directory),
     .metavar = "DIR",
     .help = "where the files go",
     .word = WORD_FOLDER},
    {.name = "name",
     .kind = OPTION_STRING,
     .offset = AT(config.name),
     .metavar = "NAME",
     .help = "datasets are called NAME0, NAME1, ..."},
    {.name = "datasets",
     .kind = OPTION_INT,
     .offset = AT(config.datasets),
     .metavar = "N",
     .help = "how many datasets",
     .min = 1,
     .max = SYNTH_DATASETS_MAX},
    {.name = "identities",
     .kind = OPTION_INT,
     .offset = AT(config.identities),
     .metavar = "N",
     .help = "people in each dataset",
     .min = 2,
     .max = 1000000},
    {.name = "images",
     .kind = OPTION_INT,
     .offset = AT(config.images),
     .metavar = "N",
     .help = "images of each of them",
     .min = 1,
     .max = 100000},
    {.name = "overlap",
     .kind = OPTION_DOUBLE,
     .offset = AT(config.overlap),
     .metavar = "SHARE",
     .help = "share of each dataset's people that all the others have too",
     .low = 0,
     .high = 1},
    {.name = "shift",
     .kind = OPTION_DOUBLE,
     .offset = AT(config.shift),
     .metavar = "TIMES",
     .help = "how far the datasets' looks are apart; 0: all have one look",
     .low = 0,
     .high = SYNTH_SHIFT_MAX},
    {.name = "session",
     .kind = OPTION_DOUBLE,
     .offset = AT(config.session),
     .metavar = "TIMES",
     .help = "how far each person's pictures in a dataset have a look of their own",
     .low = 0,
     .high = 1},
    {.name = "size",
     .kind = OPTION_INT,
     .offset = AT(config.size),
     .metavar = "PIXELS",
     .help = "side of the images",
     .min = SYNTH_SIDE_MIN,
     .max = SYNTH_SIDE_MAX},
    {.name = "seed",
     .kind = OPTION_UINT64,
     .offset = AT(config.seed),
     .metavar = "N",
     .help = "another number makes other people",
     .max = UINT64_MAX},
    {.name = "pairs",
     .kind = OPTION_INT,
     .offset = AT(config.pairs),
     .metavar = "N",
     .help = "pairs of each verification set: a multiple of 20; 0: no sets",
     .max = 100000},
    {.name = "within-pairs",
     .kind = OPTION_INT,
     .offset = AT(config.within_pairs),
     .metavar = "N",
     .help = "pairs of each set within a domain; 0: as many as --pairs",
     .max = 100000},
    {.name = "encoding",
     .kind = OPTION_CHOICE,
     .offset = AT(config.encoding),
     .help = "of the images",
     .min = IMAGE_JPEG,
     .choices = "jpeg|png"},
    {.name = "quality",
     .kind = OPTION_INT,
     .offset = AT(config.quality),
     .metavar = "N",
     .help = "of JPEG",
     .min = 1,
     .max = 100},
    {.name = "shard-images",
     .kind = OPTION_INT,
     .offset = AT(config.shard_images),
     .metavar = "N",
     .help = "at most so many images a shard",
     .min = 1,
     .max = 1000000000},
    {.name = "sheet",
     .kind = OPTION_STRING,
     .offset = AT(sheet),
     .metavar = "FILE.png",
     .help = "draws a contact sheet as well; without -o nothing else",
     .word = WORD_FILE,
     .endings = ".png"},
    {0}};

static const struct synth_options defaults = {.config = SYNTH_DEFAULTS};

const struct command command_synth = {
    .name = "synth",
    .summary = "make datasets of synthetic faces that share people",
    .usage = "dail synth -o DIR [OPTIONS]",
    .description = "Makes datasets of synthetic faces that share people and differ in look, with "
                   "verification sets of people\n"
                   "who are in none of them. The same options make the same files.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
