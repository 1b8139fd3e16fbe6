#include "worker/discovery/surplus.h"

#include <stdlib.h>

/* From here on a pair counts as likely. */
#define LIKELY 0.5f

/* The nearest to a class, or to its mirror image, in a dataset, by CSLS (Conneau et al. 2018). */
struct nearest {
    uint32_t class_index; /* NEIGHBOUR_NOBODY: none */
    float score, cosine;
};

/* Two that are each other's nearest. */
struct mutual {
    uint32_t class_index[2]; /* the lower one first */
    float score, cosine;
    bool mirror;
    float probability;
};

struct surplus {
    const struct neighbour_lists *lists;
    size_t datasets;
    uint64_t classes;
    float *near; /* [classes][K]: mean cosine of a class's nearest */
    struct nearest *nearest; /* [classes][K] */
    struct mutual *mutual; /* [count], of both sides */
    size_t count;
};

static size_t dataset_of(const struct surplus *surplus, uint64_t class_index)
{
    size_t dataset = 0;
    while (class_index >= surplus->lists->space.first_class[dataset + 1]) {
        dataset++;
    }
    return dataset;
}

/* Of a third of a small dataset, so that its mean is of near ones too. */
static size_t entries_of_mean(const struct surplus *surplus, size_t dataset)
{
    const uint64_t *first = surplus->lists->space.first_class;
    const uint64_t third = (first[dataset + 1] - first[dataset]) / 3;
    return third < 1 ? 1 : third < NEIGHBOUR_WIDTH ? (size_t)third : NEIGHBOUR_WIDTH;
}

static void take_means(struct surplus *surplus, enum neighbour_side side)
{
    for (uint64_t a = 0; a < surplus->classes; a++) {
        for (size_t k = 0; k < surplus->datasets; k++) {
            const size_t place = neighbour_place(surplus->lists, a, k), most = entries_of_mean(surplus, k);
            float sum = 0;
            size_t entries = 0;
            while (entries < most && surplus->lists->class[side][place + entries] != NEIGHBOUR_NOBODY) {
                sum += surplus->lists->cosine[side][place + entries++];
            }
            surplus->near[a * surplus->datasets + k] = entries > 0 ? sum / (float)entries : 0;
        }
    }
}

static struct nearest find_nearest(const struct surplus *surplus, enum neighbour_side side, uint64_t a,
                                   size_t home, size_t dataset)
{
    const size_t place = neighbour_place(surplus->lists, a, dataset);
    const float own = surplus->near[a * surplus->datasets + dataset];
    struct nearest best = {.class_index = NEIGHBOUR_NOBODY};
    for (size_t i = place; i < place + NEIGHBOUR_WIDTH && dataset != home; i++) {
        const uint32_t b = surplus->lists->class[side][i];
        if (b == NEIGHBOUR_NOBODY) {
            break;
        }
        const float cosine = surplus->lists->cosine[side][i];
        const float score = 2 * cosine - own - surplus->near[(size_t)b * surplus->datasets + home];
        if (best.class_index == NEIGHBOUR_NOBODY || score > best.score) {
            best = (struct nearest){b, score, cosine};
        }
    }
    return best;
}

static void find_all_nearest(struct surplus *surplus, enum neighbour_side side)
{
    for (uint64_t a = 0; a < surplus->classes; a++) {
        const size_t home = dataset_of(surplus, a);
        for (size_t k = 0; k < surplus->datasets; k++) {
            surplus->nearest[a * surplus->datasets + k] = find_nearest(surplus, side, a, home, k);
        }
    }
}

/* Adds those that are each other's nearest. */
static void find_mutual(struct surplus *surplus, enum neighbour_side side)
{
    take_means(surplus, side);
    find_all_nearest(surplus, side);
    for (uint64_t a = 0; a < surplus->classes; a++) {
        const size_t home = dataset_of(surplus, a);
        for (size_t k = home + 1; k < surplus->datasets; k++) {
            const struct nearest *there = &surplus->nearest[a * surplus->datasets + k];
            if (there->class_index != NEIGHBOUR_NOBODY &&
                surplus->nearest[(size_t)there->class_index * surplus->datasets + home].class_index == a) {
                surplus->mutual[surplus->count++] =
                    (struct mutual){.class_index = {(uint32_t)a, there->class_index},
                                    .score = there->score,
                                    .cosine = there->cosine,
                                    .mirror = side == NEIGHBOUR_MIRROR};
            }
        }
    }
}

/* The highest score first; of equal ones the mirror image, then by class. */
static int compare_scores(const void *first, const void *second)
{
    const struct mutual *a = first, *b = second;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
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

/* Neighbouring scores of which the share of mirror images rises from one to the next: pooled adjacent violators. */
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
    qsort(surplus->mutual, surplus->count, sizeof *surplus->mutual, compare_scores);
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
        /* Half a mirror image more than there is: of a few nothing is certain. */
        const double right =
            pools[p].own > 0 ? 1 - ((double)pools[p].mirror + 0.5) / (double)pools[p].own : 0;
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

/* How far the estimate is to be trusted. */
static float trust(const struct surplus *surplus, const struct judgement *judgement)
{
    size_t likely = 0, confirmed = 0;
    for (size_t i = 0; i < surplus->count; i++) {
        const struct mutual *mutual = &surplus->mutual[i];
        if (!mutual->mirror && mutual->probability >= LIKELY) {
            const struct judge_pair *pair = find_pair(judgement, judgement->count, mutual);
            likely++;
            confirmed += pair && pair->probability >= LIKELY;
        }
    }
    return likely == 0 ? 0 : 2 * confirmed >= likely ? 1 : 2 * (float)confirmed / (float)likely;
}

static enum status merge(const struct surplus *surplus, struct judgement *judgement, struct error *error)
{
    const size_t known = judgement->count;
    struct judge_pair *pairs = realloc(judgement->pairs, (known + surplus->count + 1) * sizeof *pairs);
    if (!pairs) {
        return error_no_memory(error, "identity pairs");
    }
    judgement->pairs = pairs;
    qsort(pairs, known, sizeof *pairs, compare_pairs);
    const float share = trust(surplus, judgement);
    for (size_t i = 0; i < surplus->count; i++) {
        const struct mutual *mutual = &surplus->mutual[i];
        const float probability = share * mutual->probability;
        if (mutual->mirror || (double)probability < JUDGE_PROBABILITY_LEAST) {
            continue;
        }
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

enum status surplus_add(const struct neighbour_lists *lists, struct judgement *judgement, struct error *error)
{
    const size_t datasets = lists->space.datasets;
    const uint64_t classes = lists->space.first_class[datasets];
    struct surplus surplus = {.lists = lists, .datasets = datasets, .classes = classes};
    surplus.near = malloc((classes * datasets + 1) * sizeof *surplus.near);
    surplus.nearest = malloc((classes * datasets + 1) * sizeof *surplus.nearest);
    surplus.mutual = malloc((classes * datasets + 1) * sizeof *surplus.mutual);
    enum status status = surplus.near && surplus.nearest && surplus.mutual
                             ? STATUS_OK
                             : error_no_memory(error, "identity pairs");
    for (int side = 0; side < NEIGHBOUR_SIDES && status == STATUS_OK; side++) {
        find_mutual(&surplus, (enum neighbour_side)side);
    }
    if (status == STATUS_OK) {
        status = estimate(&surplus, error);
    }
    if (status == STATUS_OK) {
        status = merge(&surplus, judgement, error);
    }
    free(surplus.near);
    free(surplus.nearest);
    free(surplus.mutual);
    return status;
}
