#include "daemon/overlap/overlap_pairs.h"

#include "daemon/overlap/overlap_precision.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/warning.h"

#include <stdlib.h>

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
    return options->groups || options->against || options->probability_min != OVERLAP_UNSET ||
           (options->cosine_min == OVERLAP_UNSET && options->lead_min == OVERLAP_UNSET && !options->one_way);
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
        warning_print(text);
    }
    if (status == STATUS_OK && overlap->options->groups) {
        status = overlap_groups_make(overlap->options->groups, &overlap->source, &overlap->judgement,
                                     overlap_probability_least(overlap->options), &overlap->groups, error);
    }
    return status == STATUS_OK ? take_judged(overlap, error) : status;
}

static bool is_shown(const struct overlap *overlap, size_t i)
{
    const struct overlap_options *options = overlap->options;
    return (!options->against || overlap->pairs[i].dataset[1] == overlap->against.dataset) &&
           (options->cosine_min == OVERLAP_UNSET || overlap->pairs[i].cosine >= (float)options->cosine_min) &&
           (options->lead_min == OVERLAP_UNSET || overlap->pairs[i].lead >= (float)options->lead_min) &&
           (!overlap->probability || overlap->probability[i] >= overlap_probability_least(options));
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

enum status overlap_pairs_find(struct overlap *overlap, struct error *error)
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
    if (status == STATUS_OK && overlap->probability) {
        status = overlap_count_people(overlap->pairs, overlap->count, overlap->source.first_class,
                                      overlap->source.state.dataset_count, &overlap->people, error);
    }
    return status;
}
