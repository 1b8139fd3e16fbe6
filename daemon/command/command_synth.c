/* `dail synth`: makes datasets of synthetic faces. */
#include "daemon/command/command.h"
#include "daemon/terminal/options.h"
#include "daemon/terminal/progress.h"
#include "shard/synth/synth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHEET_PEOPLE 10
#define SHEET_PICTURES 4

static const char usage[] = "usage: dail synth -o DIR [OPTIONS]\n"
                            "Makes datasets of synthetic faces that share people and differ in look, with "
                            "verification sets\nof people who are in none of them. The same options make the "
                            "same files.";

struct synth_options {
    struct synth_config config;
    const char *seed;
    const char *encoding;
    const char *sheet;
    bool help;
};

static enum status parse(int argc, char **argv, struct synth_options *options, struct error *error)
{
    struct synth_config *config = &options->config;
    const char *positional[1];
    size_t positional_count;
    const struct option_spec specs[] = {
        {"output", 'o', OPTION_STRING, &config->directory, "DIR", "where the files go", 0, 0},
        {"name", 0, OPTION_STRING, &config->name, "NAME", "datasets are called NAME0, NAME1, ...", 0, 0},
        {"datasets", 0, OPTION_INT, &config->datasets, "N", "how many datasets", 1, SYNTH_DATASETS_MAX},
        {"identities", 0, OPTION_INT, &config->identities, "N", "people in each dataset", 2, 1000000},
        {"images", 0, OPTION_INT, &config->images, "N", "images of each of them", 1, 100000},
        {"overlap", 0, OPTION_DOUBLE, &config->overlap, "SHARE",
         "share of each dataset's people that all the others have too", 0, 1},
        {"shift", 0, OPTION_DOUBLE, &config->shift, "TIMES",
         "how far the datasets' looks are apart; 0: all have one look", 0, SYNTH_SHIFT_MAX},
        {"session", 0, OPTION_DOUBLE, &config->session, "TIMES",
         "how far each person's pictures in a dataset have a look of their own", 0, 1},
        {"size", 0, OPTION_INT, &config->size, "PIXELS", "side of the images", SYNTH_SIDE_MIN,
         SYNTH_SIDE_MAX},
        {"seed", 0, OPTION_STRING, &options->seed, "N", "another number makes other people", 0, 0},
        {"pairs", 0, OPTION_INT, &config->pairs, "N",
         "pairs of each verification set: a multiple of 20; 0: no sets", 0, 100000},
        {"within-pairs", 0, OPTION_INT, &config->within_pairs, "N",
         "pairs of each set within a domain; 0: as many as --pairs", 0, 100000},
        {"encoding", 0, OPTION_STRING, &options->encoding, "jpeg|png", "of the images", 0, 0},
        {"quality", 0, OPTION_INT, &config->quality, "N", "of JPEG", 1, 100},
        {"shard-images", 0, OPTION_INT, &config->shard_images, "N", "at most so many images a shard", 1, 1e9},
        {"sheet", 0, OPTION_STRING, &options->sheet, "FILE.png",
         "draws a contact sheet as well; without -o nothing else", 0, 0},
    };
    return options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv, positional, 0,
                         &positional_count, &options->help, error);
}

static enum status interpret(struct synth_options *options, struct error *error)
{
    char *end = NULL;
    errno = 0;
    options->config.seed = strtoull(options->seed, &end, 10);
    if (end == options->seed || *end != '\0' || options->seed[0] == '-' || errno != 0)
        return error_set(error, STATUS_USAGE, "--seed", "give a number of 0 or more", "'%s' is no seed",
                         options->seed);
    if (strcmp(options->encoding, "png") == 0)
        options->config.encoding = IMAGE_PNG;
    else if (strcmp(options->encoding, "jpeg") != 0)
        return error_set(error, STATUS_USAGE, "--encoding", "choose jpeg or png",
                         "'%s' is no encoding for shards", options->encoding);
    if (options->config.directory == NULL && options->sheet == NULL)
        return error_set(error, STATUS_USAGE, NULL, "add -o DIR, or see dail synth --help",
                         "nothing says where the datasets go");
    return STATUS_OK;
}

static enum status write_sheet(const struct synth_options *options, struct error *error)
{
    const struct synth_config *config = &options->config;
    struct sheet sheet;
    const int people = config->identities < SHEET_PEOPLE ? config->identities : SHEET_PEOPLE;
    enum status status = synth_sheet(config, people, SHEET_PICTURES, &sheet, error);
    if (status != STATUS_OK)
        return status;
    status = sheet_write(&sheet, options->sheet, error);
    sheet_free(&sheet);
    return status;
}

static enum status write_datasets(struct synth_options *options, struct error *error)
{
    struct synth_config *config = &options->config;
    struct progress progress;
    config->progress = progress_update;
    config->context = &progress;
    progress_begin(&progress, "synth", "images");
    enum status status = synth_write(config, error);
    progress_end(&progress);
    if (status != STATUS_OK)
        return status;
    printf("%s: %d datasets of %d people with %d images each, %.1f s\n", config->directory, config->datasets,
           config->identities, config->images, progress_seconds(&progress));
    return STATUS_OK;
}

enum status command_synth(int argc, char **argv, struct error *error)
{
    struct synth_options options = {.config = synth_defaults(), .seed = "1", .encoding = "jpeg"};
    enum status status = parse(argc, argv, &options, error);
    if (status != STATUS_OK || options.help)
        return status;
    status = interpret(&options, error);
    if (status == STATUS_OK && options.config.directory != NULL)
        status = write_datasets(&options, error);
    if (status == STATUS_OK && options.sheet != NULL)
        status = write_sheet(&options, error);
    return status;
}
