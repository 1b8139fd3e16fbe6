/* Tables and JSON of what `dail search` found. */
#include "daemon/judge/judge_json.h"
#include "daemon/judge/search_result.h"

#include "proto/json_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CMC_RANKS 100 /* of JSON */

static const char *const fpir_names[IDENTIFICATION_FPIRS] = {"1e-3", "1e-2", "1e-1"};

static void print_figure(const char *name, double value, struct interval interval, bool with_interval)
{
    printf("%-24s %8.2f", name, 100 * value);
    if (with_interval) {
        printf(" %8.2f %8.2f", 100 * interval.low, 100 * interval.high);
    }
}

static void print_head(const struct search_result *result)
{
    const struct identification *found = &result->found;
    printf("gallery %s: %zu images of %u people", result->gallery, result->gallery_images,
           result->gallery_people);
    if (result->distractors > 0) {
        printf(", and %zu distractors", result->distractors);
    }
    printf("\nprobes %s: %zu images of %u people who are in the gallery, %zu of others\n", result->probes,
           found->mated, found->mated_people, found->stranger_count);
    if (result->each_mate) {
        printf("each of %zu pairs of a probe and an image of its person by itself, among the distractors\n",
               found->trial_count);
    }
}

void search_print_table(const struct search_result *result)
{
    const struct identification_figures *figures = &result->figures;
    const bool intervals = result->intervals.people > 0;
    char name[64];
    print_head(result);
    printf("\n%-24s %8s%s\n", "", "%", intervals ? " 95% from       to" : "");
    for (int i = 0; i < result->question.rank_count; i++) {
        snprintf(name, sizeof name, "rank %d", result->question.ranks[i]);
        print_figure(name, figures->rank[i], result->intervals.rank[i], intervals);
        printf("\n");
    }
    for (int i = 0; i < IDENTIFICATION_FPIRS; i++) {
        if (!isnan(figures->fnir[i])) {
            snprintf(name, sizeof name, "FNIR at FPIR %s", fpir_names[i]);
            print_figure(name, figures->fnir[i], result->intervals.fnir[i], intervals);
            printf("  cosine above %.4f\n", figures->threshold[i]);
        }
    }
    if (intervals) {
        printf("\nIntervals of 95%%: %d draws of the probes' %u people.\n", result->bootstrap.draws,
               result->intervals.people);
    }
}

/* --- JSON --- */

static json_t *make_range(struct interval interval)
{
    return json_pack("[o, o]", json_figure(interval.low), json_figure(interval.high));
}

/* {"rank": {"1": ...}, "fnir": {"1e-2": ...}} of figures, or of intervals. */
static void put_figures(const struct search_result *result, bool intervals, json_t *object)
{
    json_t *ranks = json_object(), *fnir = json_object();
    for (int i = 0; i < result->question.rank_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", result->question.ranks[i]);
        json_object_set_new(ranks, name,
                            intervals ? make_range(result->intervals.rank[i])
                                      : json_figure(result->figures.rank[i]));
    }
    for (int i = 0; i < IDENTIFICATION_FPIRS; i++) {
        if (!isnan(result->figures.fnir[i])) {
            json_object_set_new(fnir, fpir_names[i],
                                intervals ? make_range(result->intervals.fnir[i])
                                          : json_figure(result->figures.fnir[i]));
        }
    }
    json_object_set_new(object, "rank", ranks);
    json_object_set_new(object, "fnir", fnir);
}

static json_t *make_thresholds(const struct search_result *result)
{
    json_t *object = json_object();
    for (int i = 0; i < IDENTIFICATION_FPIRS; i++) {
        if (!isnan(result->figures.fnir[i])) {
            json_object_set_new(object, fpir_names[i], json_figure(result->figures.threshold[i]));
        }
    }
    return object;
}

static json_t *make_cmc(const struct search_result *result)
{
    double rate[CMC_RANKS];
    json_t *array = json_array();
    identification_cmc(&result->found, CMC_RANKS, rate);
    for (int i = 0; i < CMC_RANKS; i++) {
        json_array_append_new(array, json_real(rate[i]));
    }
    return array;
}

enum status search_print_json(const struct search_result *result, struct error *error)
{
    const struct identification *found = &result->found;
    json_t *object =
        json_pack("{s:{s:o, s:I, s:I}, s:I, s:{s:o, s:I, s:I, s:I, s:I}, s:s, s:I, s:i, s:o, s:o}", "gallery",
                  "file", json_text(result->gallery), "images", (json_int_t)result->gallery_images, "people",
                  (json_int_t)result->gallery_people, "distractors", (json_int_t)result->distractors,
                  "probes", "file", json_text(result->probes), "images",
                  (json_int_t)(found->mated + found->stranger_count), "people", (json_int_t)found->people,
                  "mated", (json_int_t)found->mated, "mated_people", (json_int_t)found->mated_people, "mates",
                  result->each_mate ? "each" : "any", "trials", (json_int_t)found->trial_count, "candidates",
                  result->question.candidates, "threshold", make_thresholds(result), "cmc", make_cmc(result));
    if (!object) {
        return error_no_memory(error, "search");
    }
    put_figures(result, false, object);
    if (result->intervals.people > 0) {
        json_t *interval = json_pack("{s:I}", "people", (json_int_t)result->intervals.people);
        put_figures(result, true, interval);
        json_object_set_new(object, "interval", interval);
        json_object_set_new(object, "bootstrap", judge_json_bootstrap(&result->bootstrap));
    }
    judge_json_print(object);
    return STATUS_OK;
}
