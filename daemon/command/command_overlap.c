/* dail overlap: which identities are probably the same person in two datasets. */
#include "daemon/command/checkpoint_data.h"
#include "daemon/command/commands.h"
#include "daemon/command/overlap_sheet.h"
#include "daemon/command/overlap_truth.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/progress.h"
#include "proto/file.h"
#include "shard/identity/overlap_list.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/evaluate/overlap.h"
#include "worker/evaluate/overlap_cosine.h"
#include "worker/evaluate/overlap_groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 1024

/* Not asked for. */
#define UNSET (-2.0)
/* As likely the same person as not. */
#define PROBABILITY_LEAST 0.5

struct overlap_options {
    double cosine_min, lead_min, probability_min; /* each may be UNSET */
    bool one_way;
    struct option_strings manifests;
    const char *truth, *output, *sheet;
    int sheet_pairs, sheet_faces, threads; /* threads 0: the cores allowed */
};

struct overlap {
    const struct overlap_options *options;
    char path[1024]; /* of the checkpoint */
    struct checkpoint_state state;
    struct identity_groups *identity; /* that the checkpoint was trained with */
    struct checkpoint_data *data; /* [state.dataset_count] */
    struct overlap_truth truth;
    struct overlap_pair *pairs; /* [count] */
    double *probability; /* [count], where that is asked for */
    bool *right; /* [count], with a truth */
    size_t count; /* of all nearest; then of those that are shown */
    struct overlap_groups groups;
    double cosine_best; /* with a truth: the least cosine that would have the best F1 of all */
    size_t found_best, right_best; /* pairs above it, 0: none */
    struct overlap_cosine cosine; /* with a truth */
    struct progress progress;
};

static enum status read_rows(void *context, size_t dataset, uint32_t begin, uint32_t count, float *rows,
                             struct error *error)
{
    const struct overlap *overlap = context;
    const struct checkpoint_dataset *known = &overlap->state.datasets[dataset];
    const struct parameter weight = {.rank = 2, .shape = {count, (size_t)overlap->state.network.embedding}};
    const struct parameter_group group = {
        .name = known->name,
        .owned_rows = true,
        .parameters = &weight,
        .parameter_count = 1,
        .weight = rows,
        .rows = {.begin = begin, .end = begin + count, .all = known->classes}};
    enum status status = checkpoint_read_classifier(overlap->path, known, &group, NULL, error);
    /* A class that shares another's row has none of its own, and a row of zeros is nobody's nearest. */
    const uint64_t first = overlap->identity->first_class[dataset] + begin;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        if (overlap->identity->home[first + i] != first + i) {
            memset(rows + (size_t)i * weight.shape[1], 0, weight.shape[1] * sizeof *rows);
        }
    }
    return status;
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

static enum status open_checkpoint(struct overlap *overlap, const char *argument, struct error *error)
{
    enum status status = checkpoint_find(argument, overlap->path, sizeof overlap->path, error);
    if (status == STATUS_OK) {
        status = checkpoint_verify(overlap->path, false, error);
    }
    if (status == STATUS_OK) {
        status = checkpoint_read_state(overlap->path, &overlap->state, error);
    }
    if (status == STATUS_OK) {
        status = checkpoint_read_identity(overlap->path, &overlap->state, &overlap->identity, error);
    }
    if (status == STATUS_OK && overlap->identity->shared > 0) {
        char text[160];
        snprintf(text, sizeof text,
                 "%llu classes of the checkpoint share another's row by its identity.file, and are left out",
                 (unsigned long long)overlap->identity->shared);
        warn(overlap, text);
    }
    if (status == STATUS_OK && overlap->state.dataset_count < 2) {
        status = error_set(error, STATUS_DATA, overlap->path, "train on several datasets",
                           "the checkpoint is of one dataset: nothing to compare");
    }
    return status;
}

/* Which of the pairs are known to be right, what would be the best threshold, and how near those known are:
 * only where that is asked for. */
static enum status judge(struct overlap *overlap, const struct overlap_config *config, struct error *error)
{
    if (!overlap->options->truth) {
        return STATUS_OK;
    }
    overlap->right = calloc(overlap->count + 1, sizeof *overlap->right);
    if (!overlap->right) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < overlap->count; i++) {
        overlap->right[i] = overlap_truth_has(&overlap->truth, &overlap->pairs[i]);
    }
    overlap->found_best =
        overlap_best_cut(overlap->pairs, overlap->right, overlap->count, overlap->truth.count);
    for (size_t i = 0; i < overlap->found_best; i++) {
        overlap->right_best += overlap->right[i];
        overlap->cosine_best = (double)overlap->pairs[i].cosine;
    }
    return overlap_cosine(config, overlap->truth.known, overlap->truth.count, &overlap->cosine, error);
}

/* How probable each pair is: where nothing else is asked for, or just that. */
static enum status estimate(struct overlap *overlap, struct error *error)
{
    const struct overlap_options *options = overlap->options;
    if (options->probability_min == UNSET && (options->cosine_min != UNSET || options->lead_min != UNSET)) {
        return STATUS_OK;
    }
    struct error reason = {0};
    enum status status = overlap_groups_fit(overlap->pairs, overlap->count, &overlap->groups, &reason);
    if (status == STATUS_DATA && options->probability_min == UNSET) {
        char text[sizeof reason.what + 64];
        snprintf(text, sizeof text, "%s: all are shown; choose by --min-cosine", reason.what);
        warn(overlap, text);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return error_set(error, status, reason.where, reason.next, "%s", reason.what);
    }
    overlap->probability = calloc(overlap->count + 1, sizeof *overlap->probability);
    if (!overlap->probability) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < overlap->count; i++) {
        overlap->probability[i] = overlap_groups_probability(&overlap->groups, &overlap->pairs[i]);
    }
    if (overlap->groups.apart < OVERLAP_GROUPS_APART) {
        warn(overlap,
             "the nearest pairs are hardly of two kinds: few of the people may be the same; look at them "
             "by --sheet");
    }
    return STATUS_OK;
}

static bool is_shown(const struct overlap *overlap, size_t i)
{
    const struct overlap_options *options = overlap->options;
    const double probable = options->probability_min == UNSET ? PROBABILITY_LEAST : options->probability_min;
    return (options->cosine_min == UNSET || overlap->pairs[i].cosine >= (float)options->cosine_min) &&
           (options->lead_min == UNSET || overlap->pairs[i].lead >= (float)options->lead_min) &&
           (!overlap->probability || overlap->probability[i] >= probable);
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

static enum status find_pairs(struct overlap *overlap, struct error *error)
{
    const struct overlap_options *options = overlap->options;
    const size_t datasets = overlap->state.dataset_count;
    uint32_t *classes = calloc(datasets, sizeof *classes);
    if (!classes) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < datasets; i++) {
        classes[i] = overlap->state.datasets[i].classes;
    }
    const struct overlap_config config = {
        .datasets = datasets,
        .classes = classes,
        .embedding = overlap->state.network.embedding,
        .read = read_rows,
        /* What is usual among them, and with a truth what the best threshold would be, all of them tell. */
        .cosine_min = -1,
        .lead_min = 0,
        .one_way = options->one_way,
        .threads = options->threads > 0 ? options->threads : host_threads(),
        .progress = show_progress,
        .context = overlap,
    };
    progress_begin(&overlap->progress, "overlap", "million comparisons");
    enum status status = overlap_find(&config, &overlap->pairs, &overlap->count, error);
    progress_end(&overlap->progress);
    if (status == STATUS_OK) {
        status = judge(overlap, &config, error);
    }
    free(classes);
    if (status == STATUS_OK) {
        status = estimate(overlap, error);
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
        const struct checkpoint_data *data = &overlap->data[pair->dataset[side]];
        char name[NAME_SIZE];
        checkpoint_data_class_name(data, pair->class[side], name, sizeof name);
        fprintf(file, "%s\t%s\t", data->dataset->name, name);
    }
    fprintf(file, "%.4f", (double)pair->cosine);
    if (overlap->probability) {
        fprintf(file, "\t%.4f\t%.4f", (double)pair->lead, overlap->probability[i]);
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
            overlap->probability             ? "\tlead\tprobability"
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
    if (!overlap->options->output) {
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
        status = file_write_atomic(overlap->options->output, text, size, error);
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
    fprintf(file, ", of probability %g or more: expected precision %.2f, by groups of cosine %.2f and %.2f",
            options->probability_min == UNSET ? PROBABILITY_LEAST : options->probability_min,
            overlap->count > 0 ? sum / (double)overlap->count : 1.0, overlap->groups.mean[1][0],
            overlap->groups.mean[0][0]);
}

/* Beside the table, if that goes to stdout. */
static void print_summary(const struct overlap *overlap)
{
    FILE *file = overlap->options->output ? stdout : stderr;
    size_t right = 0;
    fprintf(file, "%s: %zu pairs in %.1f s", overlap->path, overlap->count,
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
    if (overlap->identity->shared > 0) {
        size_t pairs;
        overlap_truth_count(&overlap->truth, overlap->identity, &pairs, &right);
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

static enum status write_sheet(const struct overlap *overlap, struct error *error)
{
    const struct overlap_options *options = overlap->options;
    const size_t most = (size_t)options->sheet_pairs;
    if (!options->sheet) {
        return STATUS_OK;
    }
    if (overlap->count == 0) {
        return error_set(error, STATUS_DATA, options->sheet, "try --min-cosine",
                         "there are no pairs to draw");
    }
    return overlap_sheet_write(options->sheet, overlap->data, overlap->state.dataset_count, overlap->pairs,
                               overlap->right, overlap->count < most ? overlap->count : most,
                               options->sheet_faces, error);
}

static enum status find_overlap(struct overlap *overlap, const char *argument, struct error *error)
{
    const struct overlap_options *options = overlap->options;
    enum status status = open_checkpoint(overlap, argument, error);
    if (status == STATUS_OK) {
        status = checkpoint_data_find(overlap->path, &overlap->state, options->manifests.values,
                                      options->manifests.count, warn, NULL, &overlap->data, error);
    }
    if (status == STATUS_OK && options->truth) {
        status = overlap_truth_read(options->truth, overlap->data, overlap->state.dataset_count,
                                    &overlap->truth, error);
    }
    if (status == STATUS_OK) {
        status = find_pairs(overlap, error);
    }
    if (status == STATUS_OK) {
        status = write_table(overlap, error);
    }
    if (status == STATUS_OK) {
        print_summary(overlap);
        status = write_sheet(overlap, error);
    }
    return status;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    struct overlap overlap = {.options = line->values};
    enum status status = find_overlap(&overlap, line->operands[0], error);
    free(overlap.pairs);
    free(overlap.probability);
    free(overlap.right);
    overlap_truth_free(&overlap.truth);
    checkpoint_data_free(overlap.data, overlap.state.dataset_count);
    identity_groups_free(overlap.identity);
    checkpoint_state_free(&overlap.state);
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
             "given), judged by the cosines and leads of all pairs",
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
    OPTION_ROW_THREADS(AT(threads)),
    {0}};

static const struct operand_spec operands[] = {{.name = "CHECKPOINT", .min = 1, .max = 1, .word = WORD_MODEL},
                                               {0}};

static const struct command_example examples[] = {
    {"dail overlap runs/first -o overlap.tsv --sheet overlap.png", "a table, and faces of its first pairs"},
    {0}};

static const struct overlap_options defaults = {
    .cosine_min = UNSET, .lead_min = UNSET, .probability_min = UNSET, .sheet_pairs = 30, .sheet_faces = 4};

const struct command command_overlap = {
    .name = "overlap",
    .summary = "find who is probably the same person in two datasets",
    .usage = "dail overlap [OPTIONS] CHECKPOINT",
    .description =
        "Finds identities that are probably the same person in two datasets: those whose class centres, the\n"
        "classifier's rows, are each other's nearest across the datasets, and ahead of what is usual among "
        "them.\n"
        "Prints them as TSV (dataset, identity, dataset, identity, cosine), the highest cosine first. "
        "CHECKPOINT\n"
        "may be a run's folder: its newest one is taken.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
