#include "daemon/overlap/overlap_report.h"

#include "daemon/overlap/overlap_precision.h"
#include "daemon/overlap/overlap_sheet.h"
#include "proto/file.h"
#include "shard/identity/overlap_list.h"

#include <stdlib.h>

#define NAME_SIZE 1024

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

enum status overlap_report_table(const struct overlap *overlap, struct error *error)
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
    return file_write_printed(overlap->output, file, &text, &size, error);
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
    if (options->cosine_min != OVERLAP_UNSET) {
        fprintf(file, ", of cosine %g or more", options->cosine_min);
    }
    if (options->lead_min != OVERLAP_UNSET) {
        fprintf(file, ", ahead by %g or more", options->lead_min);
    }
    if (!overlap->probability) {
        return;
    }
    for (size_t i = 0; i < overlap->count; i++) {
        sum += overlap->probability[i];
    }
    fprintf(file, ", of probability %g or more: ", overlap_probability_least(options));
    if (!overlap->judgement.known) {
        fprintf(file, "what precision to expect cannot be told");
    } else if (overlap->count > 0) {
        const struct overlap_precision precision =
            overlap_precision_of(sum / (double)overlap->count, overlap->people);
        overlap_precision_print(&precision, file);
    } else {
        fprintf(file, "none");
    }
}

/* Beside the table, if that goes to stdout. */
void overlap_report_summary(const struct overlap *overlap)
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
enum status overlap_report_against(const struct overlap *overlap, struct error *error)
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
void overlap_report_groups(const struct overlap *overlap)
{
    const struct overlap_groups *groups = &overlap->groups;
    printf("%s: %zu groups of %zu pairs", overlap->options->groups, groups->groups, groups->within);
    if (groups->within > 0 && overlap->judgement.known) {
        const struct overlap_precision precision =
            overlap_precision_of(groups->expected / (double)groups->within, groups->groups);
        printf(", ");
        overlap_precision_print(&precision, stdout);
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
enum status overlap_report_sheet(const struct overlap *overlap, struct error *error)
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
