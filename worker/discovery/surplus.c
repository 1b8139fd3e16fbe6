#include "worker/discovery/surplus.h"

#include "worker/discovery/consensus.h"

#include <math.h>
#include <stdlib.h>

#define MIRROR_WEIGHT 0.5 /* there are two mirror images for each two classes */
#define LIKELY 0.5f /* from here on a pair counts as likely */
/* Likely pairs beyond those of mirror images, in standard deviations of these. */
#define EVIDENCE_LEAST 5.0
/* Real centres lie skewly, with look-alikes that no mirror image has: so large a share of the pairs may stand out of these
 * and be chance, the less the more third datasets have a say in it. */
#define SKEW_MOST 0.06
#define PAIRS_MOST 4 /* that are taken for each that stands out without help, */
#define PAIRS_THIRD 0.5 /* which by each third dataset that can help are so many more than itself */

/* The likeliest to a class, or to its mirror image, in a dataset. */
struct nearest {
    uint32_t class_index; /* NEIGHBOUR_NOBODY: none */
    float odds, cosine;
};

/* Two that are each other's likeliest. */
struct mutual {
    uint32_t class_index[2]; /* the lower one first */
    float odds, cosine;
    bool mirror;
    float probability;
};

struct surplus {
    const struct neighbour_lists *lists;
    size_t datasets;
    uint64_t classes;
    struct consensus consensus;
    struct nearest *there; /* [classes][K]: of a class in a dataset */
    struct nearest
        *back; /* [classes][K]: of the dataset's classes, the one whose list has the class likeliest */
    struct mutual *mutual; /* [count], of both sides */
    size_t count;
};

static void find_nearest(struct surplus *surplus, int side)
{
    const struct neighbour_lists *lists = surplus->lists;
    for (size_t i = 0; i < surplus->classes * surplus->datasets; i++) {
        surplus->there[i] = surplus->back[i] = (struct nearest){NEIGHBOUR_NOBODY, -INFINITY, 0};
    }
    for (uint64_t a = 0; a < surplus->classes; a++) {
        const size_t home = centre_dataset(&lists->space, a);
        for (size_t k = 0; k < surplus->datasets; k++) {
            struct nearest *there = &surplus->there[a * surplus->datasets + k];
            const size_t place = neighbour_place(lists, a, k);
            for (size_t i = place; i < place + NEIGHBOUR_WIDTH && k != home; i++) {
                const uint32_t b = lists->class[side][i];
                if (b == NEIGHBOUR_NOBODY) {
                    break;
                }
                const float odds = surplus->consensus.odds[side][i];
                struct nearest *back = &surplus->back[(size_t)b * surplus->datasets + home];
                if (odds > there->odds) {
                    *there = (struct nearest){b, odds, lists->cosine[side][i]};
                }
                if (odds > back->odds) {
                    *back = (struct nearest){(uint32_t)a, odds, lists->cosine[side][i]};
                }
            }
        }
    }
}

/* Adds those that are each other's likeliest: of the classes each pair once, of mirror images and classes in both
 * directions, so that there are twice as many by chance. */
static void find_mutual(struct surplus *surplus, int side)
{
    find_nearest(surplus, side);
    for (uint64_t a = 0; a < surplus->classes; a++) {
        const size_t home = centre_dataset(&surplus->lists->space, a);
        for (size_t k = side == NEIGHBOUR_MIRROR ? 0 : home + 1; k < surplus->datasets; k++) {
            const struct nearest *there = &surplus->there[a * surplus->datasets + k];
            if (there->class_index != NEIGHBOUR_NOBODY &&
                surplus->back[(size_t)there->class_index * surplus->datasets + home].class_index == a) {
                surplus->mutual[surplus->count++] =
                    (struct mutual){.class_index = {(uint32_t)a, there->class_index},
                                    .odds = there->odds,
                                    .cosine = there->cosine,
                                    .mirror = side == NEIGHBOUR_MIRROR};
            }
        }
    }
}

/* The highest odds first; of equal ones the mirror image, then by class. */
static int compare_odds(const void *first, const void *second)
{
    const struct mutual *a = first, *b = second;
    if (a->odds != b->odds) {
        return a->odds > b->odds ? -1 : 1;
    }
    if (a->mirror != b->mirror) {
        return a->mirror ? -1 : 1;
    }
    for (int i = 0; i < 2; i++) {
        if (a->class_index[i] != b->class_index[i]) {
            return a->class_index[i] < b->class_index[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Neighbouring odds of which the share of mirror images rises from one to the next: pooled adjacent violators. */
struct pool {
    size_t own, mirror;
};

static enum status estimate(struct surplus *surplus, struct error *error)
{
    struct pool *pools = malloc((surplus->count + 1) * sizeof *pools);
    size_t count = 0, at = 0;
    if (!pools) {
        return error_no_memory(error, "identity pairs");
    }
    qsort(surplus->mutual, surplus->count, sizeof *surplus->mutual, compare_odds);
    for (size_t i = 0; i < surplus->count; i++) {
        const bool mirror = surplus->mutual[i].mirror;
        pools[count++] = (struct pool){.own = !mirror, .mirror = mirror};
        while (count > 1 && pools[count - 2].own * pools[count - 1].mirror <=
                                pools[count - 1].own * pools[count - 2].mirror) {
            pools[count - 2].own += pools[count - 1].own;
            pools[count - 2].mirror += pools[count - 1].mirror;
            count--;
        }
    }
    for (size_t p = 0; p < count; p++) {
        /* One more than there is: of a few nothing is certain. */
        const double right =
            pools[p].own > 0 ? 1 - MIRROR_WEIGHT * ((double)pools[p].mirror + 1) / (double)pools[p].own : 0;
        for (size_t end = at + pools[p].own + pools[p].mirror; at < end; at++) {
            surplus->mutual[at].probability = right > 0 ? (float)right : 0;
        }
    }
    free(pools);
    return STATUS_OK;
}

static int compare_pairs(const void *first, const void *second)
{
    const struct judge_pair *a = first, *b = second;
    for (int i = 0; i < 2; i++) {
        if (a->class[i] != b->class[i]) {
            return a->class[i] < b->class[i] ? -1 : 1;
        }
    }
    return 0;
}

/* The judgement's pair, of [known] in order of class. */
static struct judge_pair *find_pair(const struct judgement *judgement, size_t known,
                                    const struct mutual *mutual)
{
    const struct judge_pair key = {.class = {mutual->class_index[0], mutual->class_index[1]}};
    return bsearch(&key, judgement->pairs, known, sizeof key, compare_pairs);
}

/* Datasets beside two of the size of the others that a class finds itself among: of one large dataset and four small ones
 * there are hardly any, since most people of the large one can be in none of the others. */
static double third_datasets(const struct centre_space *space)
{
    double all = 0, squares = 0;
    for (size_t k = 0; k < space->datasets; k++) {
        const double classes = (double)(space->first_class[k + 1] - space->first_class[k]);
        all += classes;
        squares += classes * classes;
    }
    return squares > 0 ? fmax(all * all / squares - 2, 0) : 0;
}

/* How many pairs may be taken: of likely ones as many as third datasets can help to, if they are more than chance makes;
 * otherwise 0. */
static size_t count_most(const struct surplus *surplus)
{
    const double help = 1 + PAIRS_THIRD * third_datasets(&surplus->lists->space);
    const double each = help < PAIRS_MOST ? help : PAIRS_MOST;
    double own = 0, mirror = 0, pairs = 0;
    for (size_t i = 0; i < surplus->count; i++) {
        const struct mutual *mutual = &surplus->mutual[i];
        const bool likely = mutual->probability >= LIKELY;
        pairs += !mutual->mirror;
        own += !mutual->mirror && likely;
        mirror += mutual->mirror && likely ? MIRROR_WEIGHT : 0;
    }
    const double chance = EVIDENCE_LEAST * sqrt(2 * mirror + 4) + SKEW_MOST / each * pairs;
    return own - mirror > chance ? (size_t)(each * own) : 0;
}

/* The first `most` pairs. */
static enum status merge(const struct surplus *surplus, size_t most, struct judgement *judgement,
                         struct error *error)
{
    const size_t known = judgement->count;
    struct judge_pair *pairs = realloc(judgement->pairs, (known + surplus->count + 1) * sizeof *pairs);
    if (!pairs) {
        return error_no_memory(error, "identity pairs");
    }
    judgement->pairs = pairs;
    qsort(pairs, known, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < surplus->count && most > 0; i++) {
        const struct mutual *mutual = &surplus->mutual[i];
        const float probability = mutual->probability;
        if (mutual->mirror || (double)probability < JUDGE_PROBABILITY_LEAST) {
            continue;
        }
        most--;
        struct judge_pair *pair = find_pair(judgement, known, mutual);
        if (!pair) {
            pairs[judgement->count++] =
                (struct judge_pair){.class = {mutual->class_index[0], mutual->class_index[1]},
                                    .cosine = mutual->cosine,
                                    .probability = probability};
        } else if (pair->probability < probability) {
            pair->probability = probability;
        }
    }
    judgement_order(judgement);
    return STATUS_OK;
}

/* What the judge cannot tell counts for nothing where this can. */
static enum status take(const struct surplus *surplus, size_t most, struct judgement *judgement,
                        struct error *error)
{
    if (!judgement->known) {
        judgement->count = 0;
        judgement->known = true;
        judgement->reason = NULL;
    }
    const enum status status = merge(surplus, most, judgement, error);
    double shared = 0;
    for (size_t i = 0; i < judgement->count; i++) {
        shared += (double)judgement->pairs[i].probability;
    }
    judgement->shared = shared > judgement->shared ? shared : judgement->shared;
    return status;
}

/* The pairs by their odds, with or without the help of chance. */
static enum status find_pairs(struct surplus *surplus, bool apart, int threads, struct error *error)
{
    enum status status = consensus_create(surplus->lists, apart, threads, &surplus->consensus, error);
    surplus->count = 0;
    for (int side = 0; side < NEIGHBOUR_SIDES && status == STATUS_OK; side++) {
        find_mutual(surplus, side);
    }
    consensus_free(&surplus->consensus);
    return status == STATUS_OK ? estimate(surplus, error) : status;
}

enum status surplus_add(const struct neighbour_lists *lists, int threads, struct judgement *judgement,
                        struct error *error)
{
    const size_t datasets = lists->space.datasets;
    const uint64_t classes = lists->space.first_class[datasets];
    struct surplus surplus = {.lists = lists, .datasets = datasets, .classes = classes};
    surplus.there = malloc((classes * datasets + 1) * sizeof *surplus.there);
    surplus.back = malloc((classes * datasets + 1) * sizeof *surplus.back);
    surplus.mutual = malloc((2 * classes * datasets + 1) * sizeof *surplus.mutual);
    enum status status = surplus.there && surplus.back && surplus.mutual
                             ? STATUS_OK
                             : error_no_memory(error, "identity pairs");
    if (status == STATUS_OK) {
        status = find_pairs(&surplus, true, threads, error);
    }
    const size_t most = status == STATUS_OK ? count_most(&surplus) : 0;
    if (most > 0) {
        status = find_pairs(&surplus, false, threads, error);
    }
    if (most > 0 && status == STATUS_OK) {
        status = take(&surplus, most, judgement, error);
    }
    free(surplus.there);
    free(surplus.back);
    free(surplus.mutual);
    return status;
}
