#include "worker/identity/judge.h"

#include "worker/identity/judge_calibrate.h"
#include "worker/identity/judge_match.h"
#include "worker/identity/judge_score.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDS 3 /* of support through third datasets */
#define CLASSES_LEAST 20 /* in the two largest datasets, each */
/* Pairs above even odds beyond those by chance, in standard deviations of chance. Where nobody was shared it was up to
 * 3.8, since pairs support one another. */
#define EVIDENCE_LEAST 5.0
#define ALONE_LEAST 3.0 /* the same if third datasets are not asked */

static void work_free(struct judge_work *work)
{
    free(work->live);
    free(work->width);
    free(work->pair);
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        free(work->near[side]);
        free(work->evidence[side]);
        free(work->odds[side]);
        free(work->probability[side]);
    }
    free(work->message);
    free(work->reverse);
}

/* How many classes of each dataset have a centre, and how long its lists in others are. */
static void measure_lists(struct judge_work *work)
{
    const struct neighbour_lists *lists = work->lists;
    for (size_t a = 0; a < work->datasets; a++) {
        for (uint64_t i = lists->space.first_class[a]; i < lists->space.first_class[a + 1]; i++) {
            size_t longest = 0;
            for (size_t b = 0; b < work->datasets; b++) {
                size_t length = 0;
                while (a != b && length < NEIGHBOUR_WIDTH &&
                       judge_has(work, NEIGHBOUR_OWN, neighbour_place(lists, i, b) + length)) {
                    length++;
                }
                work->width[b] = length > work->width[b] ? length : work->width[b];
                longest = length > longest ? length : longest;
            }
            work->live[a] += longest > 0;
        }
    }
}

static enum status work_create(const struct neighbour_lists *lists, int threads, struct judge_work *work,
                               struct error *error)
{
    const size_t datasets = lists->space.datasets, classes = (size_t)lists->space.first_class[datasets];
    const size_t places = classes * datasets * NEIGHBOUR_WIDTH;
    *work = (struct judge_work){
        .lists = lists, .threads = threads, .datasets = datasets, .classes = classes, .places = places};
    work->live = calloc(datasets + 1, sizeof *work->live);
    work->width = calloc(datasets + 1, sizeof *work->width);
    work->pair = calloc(datasets * datasets + 1, sizeof *work->pair);
    work->message = malloc((places + 1) * sizeof *work->message);
    work->reverse = malloc(places + 1);
    bool all = work->live && work->width && work->pair && work->message && work->reverse;
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        work->near[side] = malloc((classes * datasets + 1) * sizeof *work->near[side]);
        work->evidence[side] = malloc((places + 1) * sizeof *work->evidence[side]);
        work->odds[side] = malloc((places + 1) * sizeof *work->odds[side]);
        work->probability[side] = calloc(places + 1, sizeof *work->probability[side]);
        all = all && work->near[side] && work->evidence[side] && work->odds[side] && work->probability[side];
    }
    if (!all) {
        return error_no_memory(error, "identity pairs");
    }
    measure_lists(work);
    judge_match_begin(work);
    return STATUS_OK;
}

static int compare_pairs(const void *first, const void *second)
{
    const struct judge_pair *a = first, *b = second;
    if (a->probability != b->probability) {
        return a->probability > b->probability ? -1 : 1;
    }
    for (int i = 0; i < 2; i++) {
        if (a->class[i] != b->class[i]) {
            return a->class[i] < b->class[i] ? -1 : 1;
        }
    }
    return 0;
}

/* The pairs that are probable enough; counts them alone where `pairs` is NULL. */
static size_t gather(const struct judge_work *work, struct judge_pair *pairs)
{
    size_t count = 0;
    for (uint32_t class = 0; class < work->classes; class ++) {
        const size_t begin = neighbour_place(work->lists, class, 0);
        const size_t end = neighbour_place(work->lists, (uint64_t) class + 1, 0);
        for (size_t place = begin; place < end; place++) {
            const float probability = work->probability[NEIGHBOUR_OWN][place];
            if (!((double)probability >= JUDGE_PROBABILITY_LEAST) || !judge_stands(work, class, place)) {
                continue;
            }
            if (pairs) {
                const uint32_t other = work->lists->class[NEIGHBOUR_OWN][place];
                pairs[count] = (struct judge_pair){
                    .class = {class < other ? class : other, class < other ? other : class},
                    .cosine = work->lists->cosine[NEIGHBOUR_OWN][place],
                    .probability = probability};
            }
            count++;
        }
    }
    return count;
}

void judgement_order(struct judgement *judgement)
{
    qsort(judgement->pairs, judgement->count, sizeof *judgement->pairs, compare_pairs);
}

static enum status take_pairs(const struct judge_work *work, struct judgement *judgement, struct error *error)
{
    judgement->count = gather(work, NULL);
    judgement->pairs = malloc((judgement->count + 1) * sizeof *judgement->pairs);
    if (!judgement->pairs) {
        return error_no_memory(error, "identity pairs");
    }
    gather(work, judgement->pairs);
    judgement_order(judgement);
    for (size_t i = 0; i < judgement->count; i++) {
        judgement->shared += (double)judgement->pairs[i].probability;
    }
    return STATUS_OK;
}

static double beyond_chance(const struct judge_evidence *evidence)
{
    return (evidence->own - evidence->mirror) / sqrt(2 * evidence->mirror + 4);
}

/* What third datasets say counts only where the pairs by themselves stand out: people who look alike agree there too. */
static void say_what_is_known(const struct judge_work *work, const struct judge_evidence *alone,
                              const struct judge_evidence *supported, struct judgement *judgement)
{
    size_t large = 0;
    for (size_t k = 0; k < work->datasets; k++) {
        large += work->live[k] >= CLASSES_LEAST;
    }
    judgement->reason = large < 2 ? "too few classes to tell chance from the same person"
                        : beyond_chance(alone) < ALONE_LEAST || beyond_chance(supported) < EVIDENCE_LEAST
                            ? "the nearest classes are hardly nearer than chance makes strangers"
                            : NULL;
    judgement->known = !judgement->reason;
}

enum status judge_pairs(const struct neighbour_lists *lists, int threads, struct judgement *judgement,
                        struct error *error)
{
    struct judge_work work;
    struct judge_evidence alone = {0}, evidence = {0};
    *judgement = (struct judgement){0};
    enum status status = work_create(lists, threads, &work, error);
    for (int round = 0; round <= ROUNDS && status == STATUS_OK; round++) {
        judge_score(&work);
        if (round > 0) {
            judge_support(&work);
        }
        judge_match(&work);
        status = judge_calibrate(&work, &evidence, error);
    }
    if (status == STATUS_OK) {
        status = take_pairs(&work, judgement, error);
    }
    if (status == STATUS_OK) {
        /* Once more without third datasets. */
        judge_score(&work);
        judge_match(&work);
        judge_measure(&work, &alone);
        say_what_is_known(&work, &alone, &evidence, judgement);
    }
    work_free(&work);
    return status;
}

void judgement_free(struct judgement *judgement)
{
    free(judgement->pairs);
    *judgement = (struct judgement){0};
}
