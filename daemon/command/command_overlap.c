/* dail overlap: which identities are probably the same person in two datasets. */
#include "daemon/command/commands.h"
#include "daemon/overlap/overlap_against.h"
#include "daemon/overlap/overlap_groups.h"
#include "daemon/overlap/overlap_judge.h"
#include "daemon/overlap/overlap_sheet.h"
#include "daemon/overlap/overlap_truth.h"
#include "daemon/overlap/overlap_within_report.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/progress.h"
#include "proto/file.h"
#include "shard/identity/overlap_list.h"
#include "worker/evaluate/overlap.h"
#include "worker/evaluate/overlap_cosine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 1024

/* Not asked for. */
#define UNSET (-2.0)
/* As likely the same person as not. */
#define PROBABILITY_LEAST 0.5
/* Below it an expected precision is a lower bound. */
#define PRECISION_TOLD 0.9

struct overlap_options {
    double cosine_min, lead_min, probability_min; /* each may be UNSET */
    bool one_way;
    struct option_strings manifests;
    bool embed, within;
    double duplicate_cosine;
    const char *truth, *output, *sheet, *groups, *against;
    int sheet_pairs, sheet_faces, batch, threads; /* threads 0: the cores allowed */
};

struct overlap {
    const struct overlap_options *options;
    const char *output; /* where the table goes; NULL: to stdout */
    char leakage[PATH_SIZE]; /* in the run's folder, where `dail report` looks */
    struct overlap_source source;
    struct overlap_truth truth;
    struct overlap_pair *pairs; /* [count] */
    double *probability; /* [count], where that is asked for */
    bool *right; /* [count], with a truth */
    size_t count; /* of all nearest; then of those that are shown */
    struct judgement judgement;
    struct overlap_groups groups; /* where they are asked for */
    struct overlap_against against; /* likewise */
    double cosine_best; /* with a truth: the least cosine that would have the best F1 of all */
    size_t found_best, right_best; /* pairs above it, 0: none */
    struct overlap_cosine cosine; /* with a truth */
    struct progress progress;
};

static enum status read_rows(void *context, size_t dataset, uint32_t begin, uint32_t count, float *rows,
                             struct error *error)
{
    struct overlap *overlap = context;
    return overlap_source_read(&overlap->source, dataset, begin, count, rows, error);
}

static void show_progress(void *context, uint64_t done, uint64_t total)
{
    struct overlap *overlap = context;
    progress_update(&overlap->progress, done / 1000000, total / 1000000);
}

static void warn(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "dail: warning: %s\n", text);
}

/* What would be the best threshold of the cosine, and how near those are that are known. */
static enum status measure_truth(struct overlap *overlap, const struct overlap_config *config,
                                 struct error *error)
{
    bool *right = calloc(overlap->count + 1, sizeof *right);
    if (!right) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < overlap->count; i++) {
        right[i] = overlap_truth_has(&overlap->truth, &overlap->pairs[i]);
    }
    overlap->found_best = overlap_best_cut(overlap->pairs, right, overlap->count, overlap->truth.count);
    for (size_t i = 0; i < overlap->found_best; i++) {
        overlap->right_best += right[i];
        overlap->cosine_best = (double)overlap->pairs[i].cosine;
    }
    free(right);
    return overlap_cosine(config, overlap->truth.known, overlap->truth.count, &overlap->cosine, error);
}

/* Which of the pairs are known to be right. */
static enum status mark_right(struct overlap *overlap, struct error *error)
{
    overlap->right = calloc(overlap->count + 1, sizeof *overlap->right);
    if (!overlap->right) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < overlap->count; i++) {
        overlap->right[i] = overlap_truth_has(&overlap->truth, &overlap->pairs[i]);
    }
    return STATUS_OK;
}

/* Whether the judge is asked, rather than thresholds of cosine and lead alone. */
static bool is_judged(const struct overlap_options *options)
{
    return options->groups || options->against || options->probability_min != UNSET ||
           (options->cosine_min == UNSET && options->lead_min == UNSET && !options->one_way);
}

static double probability_least(const struct overlap_options *options)
{
    return options->probability_min == UNSET ? PROBABILITY_LEAST : options->probability_min;
}

/* The judged pairs take the place of those found by cosine alone. */
static enum status take_judged(struct overlap *overlap, struct error *error)
{
    const struct judgement *judgement = &overlap->judgement;
    const struct centre_space space = {.datasets = overlap->source.state.dataset_count,
                                       .first_class = overlap->source.first_class};
    free(overlap->pairs);
    overlap->pairs = calloc(judgement->count + 1, sizeof *overlap->pairs);
    overlap->probability = calloc(judgement->count + 1, sizeof *overlap->probability);
    overlap->count = 0;
    if (!overlap->pairs || !overlap->probability) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < judgement->count && judgement->pairs[i].probability >= 0; i++) {
        const struct judge_pair *judged = &judgement->pairs[i];
        struct overlap_pair *pair = &overlap->pairs[overlap->count];
        for (int side = 0; side < 2; side++) {
            const size_t dataset = centre_dataset(&space, judged->class[side]);
            pair->dataset[side] = (uint32_t)dataset;
            pair->class[side] = judged->class[side] - (uint32_t)space.first_class[dataset];
        }
        pair->cosine = judged->cosine;
        pair->mutual = true;
        overlap->probability[overlap->count++] = (double)judged->probability;
    }
    return STATUS_OK;
}

static enum status judge(struct overlap *overlap, int threads, struct error *error)
{
    enum status status =
        overlap_judge(&overlap->source, threads, &overlap->progress, &overlap->judgement, error);
    if (status == STATUS_OK && !overlap->judgement.known) {
        char text[256];
        snprintf(text, sizeof text,
                 "who is one person cannot be told: %s; look at pairs by --min-cosine and --sheet",
                 overlap->judgement.reason);
        warn(overlap, text);
    }
    if (status == STATUS_OK && overlap->options->groups) {
        status = overlap_groups_make(overlap->options->groups, &overlap->source, &overlap->judgement,
                                     probability_least(overlap->options), &overlap->groups, error);
    }
    return status == STATUS_OK ? take_judged(overlap, error) : status;
}

static bool is_shown(const struct overlap *overlap, size_t i)
{
    const struct overlap_options *options = overlap->options;
    return (!options->against || overlap->pairs[i].dataset[1] == overlap->against.dataset) &&
           (options->cosine_min == UNSET || overlap->pairs[i].cosine >= (float)options->cosine_min) &&
           (options->lead_min == UNSET || overlap->pairs[i].lead >= (float)options->lead_min) &&
           (!overlap->probability || overlap->probability[i] >= probability_least(options));
}

/* Leaves the pairs that are asked for. */
static void select_pairs(struct overlap *overlap)
{
    size_t shown = 0;
    for (size_t i = 0; i < overlap->count; i++) {
        if (!is_shown(overlap, i)) {
            continue;
        }
        overlap->pairs[shown] = overlap->pairs[i];
        if (overlap->probability) {
            overlap->probability[shown] = overlap->probability[i];
        }
        if (overlap->right) {
            overlap->right[shown] = overlap->right[i];
        }
        shown++;
    }
    overlap->count = shown;
}

/* Nearest by the cosine alone: where that is asked for, or a truth tells how good it would be. */
static enum status find_nearest(struct overlap *overlap, int threads, struct error *error)
{
    const struct overlap_config config = {
        .datasets = overlap->source.state.dataset_count,
        .classes = overlap->source.classes,
        .embedding = overlap->source.state.network.embedding,
        .read = read_rows,
        /* With a truth what the best threshold would be, all of them tell. */
        .cosine_min = -1,
        .lead_min = 0,
        .one_way = overlap->options->one_way,
        .threads = threads,
        .progress = show_progress,
        .context = overlap,
    };
    enum status status = overlap_find(&config, &overlap->pairs, &overlap->count, error);
    return status == STATUS_OK && overlap->options->truth ? measure_truth(overlap, &config, error) : status;
}

static enum status find_pairs(struct overlap *overlap, struct error *error)
{
    const struct overlap_options *options = overlap->options;
    const int threads = options->threads > 0 ? options->threads : host_threads();
    const bool judged = is_judged(options);
    enum status status = STATUS_OK;
    progress_begin(&overlap->progress, "overlap", "million comparisons");
    if (!judged || options->truth) {
        status = find_nearest(overlap, threads, error);
    }
    if (status == STATUS_OK && judged) {
        status = judge(overlap, threads, error);
    }
    progress_end(&overlap->progress);
    if (status == STATUS_OK && options->truth) {
        status = mark_right(overlap, error);
    }
    if (status == STATUS_OK) {
        select_pairs(overlap);
    }
    return status;
}

static void print_pair(const struct overlap *overlap, size_t i, FILE *file)
{
    const struct overlap_pair *pair = &overlap->pairs[i];
    for (int side = 0; side < 2; side++) {
        const struct checkpoint_data *data = &overlap->source.data[pair->dataset[side]];
        char name[NAME_SIZE];
        checkpoint_data_class_name(data, pair->class[side], name, sizeof name);
        fprintf(file, "%s\t%s\t", data->dataset->name, name);
    }
    fprintf(file, "%.4f", (double)pair->cosine);
    if (overlap->probability) {
        fprintf(file, "\t%.4f", overlap->probability[i]);
    } else if (overlap->options->lead_min > 0) {
        fprintf(file, "\t%.4f", (double)pair->lead);
    }
    if (overlap->options->one_way) {
        fprintf(file, "\t%d", pair->mutual);
    }
    if (overlap->right) {
        fprintf(file, "\t%d", overlap->right[i]);
    }
    fputc('\n', file);
}

static void print_table(const struct overlap *overlap, FILE *file)
{
    fprintf(file, OVERLAP_LIST_HEADER "\tcosine%s%s%s\n",
            overlap->probability             ? "\tprobability"
            : overlap->options->lead_min > 0 ? "\tlead"
                                             : "",
            overlap->options->one_way ? "\tmutual" : "", overlap->right ? "\tknown" : "");
    for (size_t i = 0; i < overlap->count; i++) {
        print_pair(overlap, i, file);
    }
}

static enum status write_table(const struct overlap *overlap, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    if (!overlap->output) {
        print_table(overlap, stdout);
        return STATUS_OK;
    }
    FILE *file = open_memstream(&text, &size);
    if (file) {
        print_table(overlap, file);
    }
    enum status status = STATUS_OK;
    if (!file || fclose(file) != 0) {
        status = error_no_memory(error, "overlap");
    }
    if (status == STATUS_OK) {
        status = file_write_atomic(overlap->output, text, size, error);
    }
    free(text);
    return status;
}

static void print_score(const struct overlap *overlap, size_t found, size_t right, FILE *file)
{
    const struct overlap_score score = overlap_score(right, found, overlap->truth.count);
    fprintf(file, "%zu pairs, %zu of them among the %zu known: precision %.4f, recall %.4f, F1 %.4f\n", found,
            right, overlap->truth.count, score.precision, score.recall, score.f1);
}

/* Where many partners are not found, they lift the ranks by which strangers are measured, and less is promised. */
static void print_precision(double precision, FILE *file)
{
    fprintf(file, "expected precision %s%.2f", precision < PRECISION_TOLD ? "at least " : "", precision);
}

/* What the pairs were chosen by, and what that promises. */
static void print_choice(const struct overlap *overlap, FILE *file)
{
    const struct overlap_options *options = overlap->options;
    double sum = 0;
    if (options->cosine_min != UNSET) {
        fprintf(file, ", of cosine %g or more", options->cosine_min);
    }
    if (options->lead_min != UNSET) {
        fprintf(file, ", ahead by %g or more", options->lead_min);
    }
    if (!overlap->probability) {
        return;
    }
    for (size_t i = 0; i < overlap->count; i++) {
        sum += overlap->probability[i];
    }
    fprintf(file, ", of probability %g or more: ", probability_least(options));
    if (!overlap->judgement.known) {
        fprintf(file, "what precision to expect cannot be told");
    } else if (overlap->count > 0) {
        print_precision(sum / (double)overlap->count, file);
    } else {
        fprintf(file, "none");
    }
}

/* Beside the table, if that goes to stdout. */
static void print_summary(const struct overlap *overlap)
{
    FILE *file = overlap->output || overlap->options->groups ? stdout : stderr;
    size_t right = 0;
    fprintf(file, "%s: %zu pairs in %.1f s", overlap->source.path, overlap->count,
            progress_seconds(&overlap->progress));
    print_choice(overlap, file);
    fputc('\n', file);
    if (!overlap->right) {
        return;
    }
    if (overlap->truth.elsewhere > 0) {
        fprintf(file, "%s: %zu rows name no two identities of these datasets and are left out\n",
                overlap->options->truth, overlap->truth.elsewhere);
    }
    for (size_t i = 0; i < overlap->count; i++) {
        right += overlap->right[i];
    }
    print_score(overlap, overlap->count, right, file);
    if (overlap->source.identity && overlap->source.identity->shared > 0) {
        size_t pairs;
        overlap_truth_count(&overlap->truth, overlap->source.identity, &pairs, &right);
        fprintf(file, "trained as one person: ");
        print_score(overlap, pairs, right, file);
    }
    if (overlap->found_best > 0) {
        fprintf(file, "by the cosine alone the best F1, at --min-cosine %.4f: ", overlap->cosine_best);
        print_score(overlap, overlap->found_best, overlap->right_best, file);
    }
    fprintf(file,
            "mean cosine of class centres: %.4f of the %llu known pairs, %.4f of the %llu others of two "
            "datasets\n",
            overlap->cosine.known, (unsigned long long)overlap->cosine.known_count, overlap->cosine.others,
            (unsigned long long)overlap->cosine.other_count);
}

/* Of a verification set: how many of its people and pairs. */
static enum status print_against(const struct overlap *overlap, struct error *error)
{
    const struct overlap_against *against = &overlap->against;
    bool *found = calloc((size_t)against->people + 1, sizeof *found);
    size_t people = 0;
    if (!found) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < overlap->count; i++) {
        people += !found[overlap->pairs[i].class[1]];
        found[overlap->pairs[i].class[1]] = true;
    }
    fprintf(overlap->output ? stdout : stderr,
            "%s: %zu of its %u people are probably in the datasets; they are in %.1f %% of its pairs\n",
            overlap->options->against, people, against->people,
            100 * (double)overlap_against_touched(against, found) /
                (double)(against->pairs ? against->pairs : 1));
    free(found);
    return STATUS_OK;
}

/* Of the groups: how many, and what is to be expected of them. */
static void print_groups(const struct overlap *overlap)
{
    const struct overlap_groups *groups = &overlap->groups;
    printf("%s: %zu groups of %zu pairs", overlap->options->groups, groups->groups, groups->within);
    if (groups->within > 0 && overlap->judgement.known) {
        printf(", ");
        print_precision(groups->expected / (double)groups->within, stdout);
    }
    if (groups->accepted + groups->rejected + groups->elsewhere > 0) {
        printf("; kept of the table before: %zu accepted, %zu rejected", groups->accepted, groups->rejected);
    }
    if (groups->elsewhere > 0) {
        printf(", %zu verdicts on names that are not here", groups->elsewhere);
    }
    putchar('\n');
}

static enum status draw(const struct overlap *overlap, const struct overlap_sheet *sheet, size_t count,
                        struct error *error)
{
    const struct overlap_options *options = overlap->options;
    const size_t most = (size_t)options->sheet_pairs;
    return overlap_sheet_write(options->sheet, overlap->source.data, overlap->source.state.dataset_count,
                               sheet, count < most ? count : most, options->sheet_faces, error);
}

/* Of groups the least certain first: a few faces to look at, rather than all. */
static enum status write_sheet(const struct overlap *overlap, struct error *error)
{
    struct overlap_sheet sheet = {.title = "Probably one person; left: line of the table, cosine",
                                  .pairs = overlap->pairs,
                                  .right = overlap->right};
    size_t count = overlap->count;
    struct overlap_pair *pairs = NULL;
    if (!overlap->options->sheet) {
        return STATUS_OK;
    }
    if (overlap->options->groups) {
        enum status status = overlap_groups_pairs(&overlap->groups, &overlap->source, &pairs, &count, error);
        if (status != STATUS_OK) {
            return status;
        }
        sheet = (struct overlap_sheet){.title = "Groups, the least certain first; left: number, probability",
                                       .pairs = pairs};
    }
    enum status status =
        count > 0 ? draw(overlap, &sheet, count, error)
                  : error_set(error, STATUS_DATA, overlap->options->sheet,
                              overlap->options->groups ? "lower --min-probability" : "try --min-cosine",
                              "there are no pairs to draw");
    free(pairs);
    return status;
}

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
        .warn = warn,
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
        status = find_pairs(overlap, error);
    }
    if (status == STATUS_OK && options->groups) {
        status = overlap_groups_write(options->groups, &overlap->source, &overlap->groups, error);
    }
    if (status == STATUS_OK && (!options->groups || overlap->output)) {
        status = write_table(overlap, error);
    }
    if (status == STATUS_OK) {
        print_summary(overlap);
        if (options->groups) {
            print_groups(overlap);
        }
        status = options->against ? print_against(overlap, error) : write_sheet(overlap, error);
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
        .min_probability = probability_least(options),
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
    {.name = "SOURCE", .min = 1, .max = 4096, .word = WORD_MODEL, .endings = ".onnx .safetensors .h5"}, {0}};

static const struct command_example examples[] = {
    {"dail overlap runs/first -o overlap.tsv --sheet overlap.png", "a table, and faces of its first pairs"},
    {"dail overlap w600k_r50.onnx -m data/a.yaml -m data/b.yaml --groups people.tsv",
     "groups by a published model, for identity.file"},
    {"dail overlap --within a.h5 -o doubtful.tsv --sheet doubtful.png", "what is wrong within a dataset"},
    {0}};

static const struct overlap_options defaults = {.cosine_min = UNSET,
                                                .lead_min = UNSET,
                                                .probability_min = UNSET,
                                                .sheet_pairs = 30,
                                                .sheet_faces = 4,
                                                .batch = 64,
                                                .duplicate_cosine = 0.995};

const struct command command_overlap = {
    .name = "overlap",
    .summary = "find who is probably the same person in two datasets",
    .usage = "dail overlap [OPTIONS] SOURCE...",
    .description = "Finds identities that are probably the same person in two datasets, each with a "
                   "probability: whose class\n"
                   "centres are nearer across the datasets than chance makes strangers, and which third "
                   "datasets support.\n"
                   "Prints them as TSV (dataset, identity, dataset, identity, cosine, probability), the "
                   "likeliest first; with "
                   "--groups\n"
                   "writes who is one person. SOURCE is a checkpoint or a run's folder, whose newest one is "
                   "taken: the centres "
                   "are\n"
                   "the classifier's rows; or a published model (.onnx, .safetensors) with the datasets' "
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
