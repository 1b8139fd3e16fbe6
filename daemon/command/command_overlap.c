/* dail overlap: which identities are probably the same person in two datasets. */
#include "daemon/command/commands.h"
#include "daemon/overlap/overlap_pairs.h"
#include "daemon/overlap/overlap_report.h"
#include "daemon/overlap/overlap_sheet.h"
#include "daemon/overlap/overlap_within_report.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/warning.h"
#include "proto/file.h"
#include "worker/interchange/state_dict.h"

#include <stdlib.h>

/* What a run's datasets share with a set goes into the run's folder, unless the user says otherwise. */
static enum status choose_output(struct overlap *overlap, const char *operand, struct error *error)
{
    char checkpoints[PATH_SIZE], name[256];
    enum status status = file_join(operand, "checkpoints", checkpoints, error);
    overlap->output = overlap->options->output;
    if (status == STATUS_OK && overlap->options->against && !overlap->output &&
        file_is_directory(checkpoints)) {
        snprintf(name, sizeof name, OVERLAP_LEAKAGE_FILE,
                 overlap->source.state.datasets[overlap->against.dataset].name);
        status = file_join(operand, name, overlap->leakage, error);
        overlap->output = overlap->leakage;
    }
    return status;
}

static enum status open_source(struct overlap *overlap, const struct command_line *line, struct error *error)
{
    const struct overlap_options *options = overlap->options;
    const struct overlap_source_options source = {
        .operands = line->operands,
        .operand_count = line->operand_count,
        .manifests = options->manifests.values,
        .manifest_count = options->manifests.count,
        .embed = options->embed,
        .batch = options->batch,
        .threads = options->threads > 0 ? options->threads : host_threads(),
        .warn = warning_hear,
    };
    if (options->against && (options->groups || options->sheet || options->truth)) {
        return error_set(error, STATUS_USAGE, "--against", "leave out --groups, --sheet and --truth",
                         "a verification set has no groups, faces and known people");
    }
    enum status status = overlap_source_open(&source, &overlap->source, error);
    return status == STATUS_OK && options->against
               ? overlap_against_add(&source, options->against, &overlap->source, &overlap->against, error)
               : status;
}

static enum status find_overlap(struct overlap *overlap, const struct command_line *line, struct error *error)
{
    const struct overlap_options *options = overlap->options;
    enum status status = open_source(overlap, line, error);
    if (status == STATUS_OK) {
        status = choose_output(overlap, line->operands[0], error);
    }
    if (status == STATUS_OK && options->truth) {
        status = overlap_truth_read(options->truth, overlap->source.data, overlap->source.state.dataset_count,
                                    &overlap->truth, error);
    }
    if (status == STATUS_OK) {
        status = overlap_pairs_find(overlap, error);
    }
    if (status == STATUS_OK && options->groups) {
        status = overlap_groups_write(options->groups, &overlap->source, &overlap->groups, error);
    }
    if (status == STATUS_OK && (!options->groups || overlap->output)) {
        status = overlap_report_table(overlap, error);
    }
    if (status == STATUS_OK) {
        overlap_report_summary(overlap);
        if (options->groups) {
            overlap_report_groups(overlap);
        }
        status =
            options->against ? overlap_report_against(overlap, error) : overlap_report_sheet(overlap, error);
    }
    return status;
}

/* Each dataset by itself. */
static enum status look_within(const struct command_line *line, struct error *error)
{
    const struct overlap_options *options = line->values;
    if (options->groups || options->against || options->truth || options->embed) {
        return error_set(error, STATUS_USAGE, "--within",
                         "leave out --groups, --against, --truth and --embed",
                         "it looks at one dataset at a time, by its file of embeddings");
    }
    const struct within_request request = {
        .files = line->operands,
        .count = line->operand_count,
        .manifests = options->manifests.values,
        .manifest_count = options->manifests.count,
        .output = options->output,
        .sheet = options->sheet,
        .sheet_rows = options->sheet_pairs,
        .sheet_faces = options->sheet_faces,
        .min_probability = overlap_probability_least(options),
        .duplicate_cosine = options->duplicate_cosine,
        .threads = options->threads > 0 ? options->threads : host_threads(),
    };
    return within_report(&request, error);
}

static enum status execute(const struct command_line *line, struct error *error)
{
    struct overlap overlap = {.options = line->values};
    if (overlap.options->within) {
        return look_within(line, error);
    }
    enum status status = find_overlap(&overlap, line, error);
    free(overlap.pairs);
    free(overlap.probability);
    free(overlap.right);
    judgement_free(&overlap.judgement);
    overlap_groups_free(&overlap.groups);
    overlap_against_free(&overlap.against);
    overlap_truth_free(&overlap.truth);
    overlap_source_close(&overlap.source);
    return status;
}

#define AT(member) offsetof(struct overlap_options, member)

static const struct option_spec options[] = {
    {.name = "min-probability",
     .short_name = 'p',
     .kind = OPTION_DOUBLE,
     .offset = AT(probability_min),
     .metavar = "P",
     .help = "the least probability that a pair is the same person (0.5, unless one of the next two is "
             "given), judged by all pairs of all datasets",
     .low = 0,
     .high = 1},
    {.name = "min-cosine",
     .short_name = 'c',
     .kind = OPTION_DOUBLE,
     .offset = AT(cosine_min),
     .metavar = "X",
     .help = "the least cosine of a pair; --truth tells which would be best",
     .low = -1,
     .high = 1},
    {.name = "lead",
     .short_name = 'l',
     .kind = OPTION_DOUBLE,
     .offset = AT(lead_min),
     .metavar = "X",
     .help = "the least by which a pair's cosine is above that of the next nearest to either",
     .low = 0,
     .high = 2},
    {.name = "one-way",
     .kind = OPTION_FLAG,
     .offset = AT(one_way),
     .help = "also pairs of which only one is the other's nearest; a column tells"},
    {.name = "manifest",
     .short_name = 'm',
     .kind = OPTION_STRINGS,
     .offset = AT(manifests),
     .metavar = "FILE",
     .help = "a dataset's manifest, for names and faces; may be repeated (default: those in the run's "
             "config.yaml)",
     .word = WORD_FILE,
     .endings = ".yaml"},
    {.name = "embed",
     .kind = OPTION_FLAG,
     .offset = AT(embed),
     .help = "compare what the checkpoint's network makes of the images, rather than the classifier's rows"},
    {.name = "groups",
     .short_name = 'g',
     .kind = OPTION_STRING,
     .offset = AT(groups),
     .metavar = "FILE.tsv",
     .help = "write the groups of one person each, for identity.file; verdicts that FILE has are kept",
     .word = WORD_FILE,
     .endings = ".tsv"},
    {.name = "within",
     .kind = OPTION_FLAG,
     .offset = AT(within),
     .help = "look through each file of embeddings by itself: one person under two labels, strangers, "
             "duplicates"},
    {.name = "duplicate",
     .kind = OPTION_DOUBLE,
     .offset = AT(duplicate_cosine),
     .metavar = "X",
     .help = "with --within: the least cosine of two images of one identity that are nearly one",
     .low = -1,
     .high = 1},
    {.name = "against",
     .kind = OPTION_STRING,
     .offset = AT(against),
     .metavar = "SET.h5",
     .help = "which identities stand in this verification set (of embeddings: a file of the set's)",
     .word = WORD_FILE,
     .endings = ".h5"},
    {.name = "truth",
     .kind = OPTION_STRING,
     .offset = AT(truth),
     .metavar = "FILE.tsv",
     .help = "pairs known to be the same person: prints precision, recall and their cosines; a column tells",
     .word = WORD_FILE,
     .endings = ".tsv"},
    {.name = "output",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .offset = AT(output),
     .metavar = "FILE.tsv",
     .help = "write the table there",
     .word = WORD_FILE,
     .endings = ".tsv"},
    {.name = "sheet",
     .kind = OPTION_STRING,
     .offset = AT(sheet),
     .metavar = "FILE.png",
     .help = "draw faces of the first pairs",
     .word = WORD_FILE,
     .endings = ".png"},
    {.name = "sheet-pairs",
     .kind = OPTION_INT,
     .offset = AT(sheet_pairs),
     .metavar = "N",
     .help = "so many pairs",
     .min = 1,
     .max = OVERLAP_SHEET_PAIRS_MAX},
    {.name = "sheet-faces",
     .kind = OPTION_INT,
     .offset = AT(sheet_faces),
     .metavar = "N",
     .help = "so many faces of each identity",
     .min = 1,
     .max = OVERLAP_SHEET_FACES_MAX},
    OPTION_ROW_BATCH(AT(batch)),
    OPTION_ROW_THREADS(AT(threads)),
    {0}};

static const struct operand_spec operands[] = {
    {.name = "SOURCE", .min = 1, .max = 4096, .word = WORD_MODEL, .endings = STATE_DICT_ENDINGS " .h5"}, {0}};

static const struct command_example examples[] = {
    {"dail overlap runs/first -o overlap.tsv --sheet overlap.png", "a table, and faces of its first pairs"},
    {"dail overlap w600k_r50.onnx -m data/a.yaml -m data/b.yaml --groups people.tsv",
     "groups by a published model, for identity.file"},
    {"dail overlap --within a.h5 -o doubtful.tsv --sheet doubtful.png", "what is wrong within a dataset"},
    {0}};

static const struct overlap_options defaults = {.cosine_min = OVERLAP_UNSET,
                                                .lead_min = OVERLAP_UNSET,
                                                .probability_min = OVERLAP_UNSET,
                                                .sheet_pairs = 30,
                                                .sheet_faces = 4,
                                                .batch = 64,
                                                .duplicate_cosine = 0.995};

const struct command command_overlap = {
    .name = "overlap",
    .summary = "find who is probably the same person in two datasets",
    .usage = "dail overlap [OPTIONS] SOURCE...",
    .description =
        "Finds identities that are probably the same person in two datasets, each with a "
        "probability: whose class\n"
        "centres are nearer across the datasets than chance makes strangers, and which third "
        "datasets support.\n"
        "Prints them as TSV (dataset, identity, dataset, identity, cosine, probability), the "
        "likeliest first; with "
        "--groups\n"
        "writes who is one person. SOURCE is a checkpoint or a run's folder, whose newest one is "
        "taken: the centres "
        "are\n"
        "the classifier's rows; or a published model (.onnx, .safetensors, .pth) with the datasets' "
        "--manifest; or files of "
        "dail\n"
        "embed, one a dataset. Where who is one person cannot be told, a warning says so.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
