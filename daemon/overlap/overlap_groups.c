#include "daemon/overlap/overlap_groups.h"

#include "proto/file.h"
#include "shard/identity/class_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE 1024
#define REJECTED (-1.0f)
#define PROBABILITY_SHOWN 0.9999

/* A verdict in classes counted over all datasets. */
struct verdict {
    uint32_t class[2];
    enum overlap_verdict verdict;
    const struct overlap_list_row *row;
};

struct making {
    const struct overlap_source *source;
    struct judgement *judgement;
    struct overlap_groups *groups;
    struct identity_groups *identity;
    struct verdict *verdicts; /* [count] by classes */
    size_t count;
};

static int compare_classes(const uint32_t a[2], const uint32_t b[2])
{
    for (int i = 0; i < 2; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static int compare_verdicts(const void *first, const void *second)
{
    return compare_classes(((const struct verdict *)first)->class, ((const struct verdict *)second)->class);
}

static const struct verdict *find_verdict(const struct making *making, const uint32_t class[2])
{
    const struct verdict key = {.class = {class[0], class[1]}};
    return bsearch(&key, making->verdicts, making->count, sizeof key, compare_verdicts);
}

static enum status index_names(const struct overlap_source *source, struct class_names **names,
                               struct class_index *index, struct error *error)
{
    const size_t count = source->state.dataset_count;
    *names = calloc(count + 1, sizeof **names);
    if (!*names) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < count; i++) {
        (*names)[i] =
            (struct class_names){source->state.datasets[i].name, source->classes[i], source->data[i].names};
    }
    return class_index_create(*names, count, index, error);
}

/* Whether both names of a row are the source's; then the pair is in *verdict. */
static bool find_classes(const struct making *making, const struct class_index *index,
                         const struct overlap_list_row *row, struct verdict *verdict)
{
    uint32_t class[2];
    for (int side = 0; side < 2; side++) {
        size_t dataset;
        uint32_t number;
        if (class_index_find(index, row->dataset[side], row->identity[side], &dataset, &number) !=
            CLASS_FOUND) {
            return false;
        }
        class[side] = (uint32_t)making->source->first_class[dataset] + number;
    }
    const int first = class[0] < class[1] ? 0 : 1;
    *verdict =
        (struct verdict){.class = {class[first], class[1 - first]}, .verdict = row->verdict, .row = row};
    return class[0] != class[1];
}

/* Sorts the verdicts by their classes; of several on a pair the table's last holds. */
static void sort_verdicts(struct making *making)
{
    size_t kept = 0;
    qsort(making->verdicts, making->count, sizeof *making->verdicts, compare_verdicts);
    for (size_t i = 0; i < making->count; i++) {
        struct verdict *last = kept > 0 ? &making->verdicts[kept - 1] : NULL;
        if (last && compare_verdicts(last, &making->verdicts[i]) == 0) {
            *last = making->verdicts[i].row > last->row ? making->verdicts[i] : *last;
        } else {
            making->verdicts[kept++] = making->verdicts[i];
        }
    }
    making->count = kept;
}

static enum status read_verdicts(struct making *making, const char *path, struct error *error)
{
    struct overlap_list *before = &making->groups->before;
    struct class_names *names = NULL;
    struct class_index index = {0};
    enum status status = access(path, F_OK) == 0 ? overlap_list_read(path, before, error) : STATUS_OK;
    making->verdicts = calloc(before->count + 1, sizeof *making->verdicts);
    if (status == STATUS_OK && !making->verdicts) {
        status = error_no_memory(error, path);
    }
    if (status == STATUS_OK) {
        status = index_names(making->source, &names, &index, error);
    }
    for (size_t i = 0; i < before->count && status == STATUS_OK; i++) {
        const struct overlap_list_row *row = &before->rows[i];
        if (row->verdict == OVERLAP_UNJUDGED) {
            continue;
        }
        if (find_classes(making, &index, row, &making->verdicts[making->count])) {
            making->count++;
        } else {
            making->groups->elsewhere++;
        }
    }
    class_index_free(&index);
    free(names);
    if (status == STATUS_OK) {
        sort_verdicts(making);
    }
    return status;
}

/* The judgement's pairs by a person's word: accepted ones are certain, rejected ones negative. */
static enum status apply_verdicts(struct making *making, struct error *error)
{
    struct judgement *judgement = making->judgement;
    struct judge_pair *pairs =
        realloc(judgement->pairs, (judgement->count + making->count + 1) * sizeof *pairs);
    bool *seen = calloc(making->count + 1, sizeof *seen);
    if (pairs) {
        judgement->pairs = pairs;
    }
    if (!pairs || !seen) {
        free(seen);
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < judgement->count; i++) {
        const struct verdict *verdict = find_verdict(making, pairs[i].class);
        if (verdict) {
            seen[verdict - making->verdicts] = true;
            pairs[i].probability = verdict->verdict == OVERLAP_ACCEPTED ? 1 : REJECTED;
        }
    }
    for (size_t i = 0; i < making->count; i++) {
        const struct verdict *verdict = &making->verdicts[i];
        if (!seen[i]) {
            pairs[judgement->count++] =
                (struct judge_pair){.class = {verdict->class[0], verdict -> class[1]},
                                    .cosine = 0,
                                    .probability = verdict->verdict == OVERLAP_ACCEPTED ? 1 : REJECTED};
        }
        making->groups->accepted += verdict->verdict == OVERLAP_ACCEPTED;
        making->groups->rejected += verdict->verdict == OVERLAP_REJECTED;
    }
    free(seen);
    judgement_order(judgement);
    return STATUS_OK;
}

/* What a person accepted comes before all else. */
static enum status join_accepted(struct making *making, const char *path, struct error *error)
{
    for (size_t i = 0; i < making->count; i++) {
        const struct verdict *verdict = &making->verdicts[i];
        size_t twice;
        if (verdict->verdict == OVERLAP_ACCEPTED &&
            !identity_groups_join(making->identity, verdict->class[0], verdict -> class[1], &twice)) {
            char where[1100];
            snprintf(where, sizeof where, "%s:%zu", path, verdict->row->line);
            return error_set(error, STATUS_DATA, where, "correct the verdicts",
                             "with what else is accepted, two identities of %s would be one person",
                             making->source->state.datasets[twice].name);
        }
    }
    for (size_t i = 0; i < making->count; i++) {
        const struct verdict *verdict = &making->verdicts[i];
        if (verdict->verdict == OVERLAP_REJECTED &&
            making->identity->home[verdict->class[0]] == making->identity->home[verdict->class[1]]) {
            char where[1100];
            snprintf(where, sizeof where, "%s:%zu", path, verdict->row->line);
            return error_set(error, STATUS_DATA, where, "correct the verdicts",
                             "the pair is rejected, and what is accepted makes it one person");
        }
    }
    return STATUS_OK;
}

static const struct judge_pair *find_pair(const struct judge_pair *sorted, size_t count, uint32_t a,
                                          uint32_t b)
{
    size_t low = 0, high = count;
    const uint32_t wanted[2] = {a, b};
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_classes(sorted[middle].class, wanted);
        if (order == 0) {
            return &sorted[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static int compare_pairs(const void *first, const void *second)
{
    return compare_classes(((const struct judge_pair *)first)->class,
                           ((const struct judge_pair *)second)->class);
}

static double probability_of(const struct judge_pair *sorted, size_t count, uint32_t a, uint32_t b)
{
    const struct judge_pair *pair = find_pair(sorted, count, a < b ? a : b, a < b ? b : a);
    return pair && pair->probability > 0 ? (double)pair->probability : 0;
}

/* One pair of a group: its own probability, or the product of two through a third member where that is more. */
static struct overlap_groups_row make_row(const struct making *making, const struct judge_pair *sorted,
                                          uint32_t a, uint32_t b, size_t group)
{
    const size_t count = making->judgement->count;
    const struct judge_pair *pair = find_pair(sorted, count, a, b);
    const struct verdict *verdict = find_verdict(making, (const uint32_t[2]){a, b});
    struct overlap_groups_row row = {.class = {a, b},
                                     .cosine = pair ? (double)pair->cosine : 0,
                                     .probability = probability_of(sorted, count, a, b),
                                     .verdict = verdict ? verdict->verdict : OVERLAP_UNJUDGED,
                                     .group = group};
    for (uint32_t third = making->identity->next[a]; third != a; third = making->identity->next[third]) {
        const double way =
            third == b ? 0
                       : probability_of(sorted, count, a, third) * probability_of(sorted, count, third, b);
        row.probability = way > row.probability ? way : row.probability;
    }
    return row;
}

/* The pairs within groups, then the rejected ones. */
static enum status make_rows(struct making *making, size_t within, struct error *error)
{
    struct overlap_groups *groups = making->groups;
    const struct identity_groups *identity = making->identity;
    const size_t count = making->judgement->count;
    struct judge_pair *sorted = malloc((count + 1) * sizeof *sorted);
    groups->rows = calloc(within + making->count + 1, sizeof *groups->rows);
    if (!sorted || !groups->rows) {
        free(sorted);
        return error_no_memory(error, "overlap");
    }
    memcpy(sorted, making->judgement->pairs, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_pairs);
    for (uint32_t home = 0; home < identity->first_class[identity->datasets]; home++) {
        if (identity->home[home] != home || identity->next[home] == home) {
            continue;
        }
        groups->groups++;
        uint32_t member = home;
        do {
            for (uint32_t other = identity->next[member]; other != home; other = identity->next[other]) {
                groups->rows[groups->count++] = make_row(making, sorted, member, other, groups->groups);
            }
            member = identity->next[member];
        } while (member != home);
    }
    for (size_t i = 0; i < making->count; i++) {
        const struct verdict *verdict = &making->verdicts[i];
        if (verdict->verdict == OVERLAP_REJECTED) {
            const struct judge_pair *pair = find_pair(sorted, count, verdict->class[0], verdict -> class[1]);
            groups->rows[groups->count++] =
                (struct overlap_groups_row){.class = {verdict->class[0], verdict -> class[1]},
                                            .cosine = pair ? (double)pair->cosine : 0,
                                            .verdict = OVERLAP_REJECTED};
        }
    }
    free(sorted);
    return STATUS_OK;
}

enum status overlap_groups_make(const char *path, const struct overlap_source *source,
                                struct judgement *judgement, double min_probability,
                                struct overlap_groups *groups, struct error *error)
{
    struct making making = {.source = source, .judgement = judgement, .groups = groups};
    struct judge_groups made = {0};
    *groups = (struct overlap_groups){0};
    enum status status = read_verdicts(&making, path, error);
    if (status == STATUS_OK) {
        status = apply_verdicts(&making, error);
    }
    if (status == STATUS_OK) {
        status =
            identity_groups_create(source->classes, source->state.dataset_count, &making.identity, error);
    }
    if (status == STATUS_OK) {
        status = join_accepted(&making, path, error);
    }
    if (status == STATUS_OK) {
        /* Of what cannot be told only a person's word counts. */
        status =
            judge_group(judgement, judgement->known ? min_probability : 1, making.identity, &made, error);
    }
    if (status == STATUS_OK) {
        groups->within = made.pairs;
        groups->expected = made.expected;
        status = make_rows(&making, made.pairs, error);
    }
    identity_groups_free(making.identity);
    free(making.verdicts);
    return status;
}

void overlap_groups_free(struct overlap_groups *groups)
{
    free(groups->rows);
    overlap_list_free(&groups->before);
    *groups = (struct overlap_groups){0};
}

static const char *word_of(enum overlap_verdict verdict)
{
    return verdict == OVERLAP_ACCEPTED ? "accept" : verdict == OVERLAP_REJECTED ? "reject" : "";
}

static void print_row(const struct overlap_source *source, const struct overlap_groups_row *row, FILE *file)
{
    const struct centre_space space = {.datasets = source->state.dataset_count,
                                       .first_class = source->first_class};
    for (int side = 0; side < 2; side++) {
        const size_t dataset = centre_dataset(&space, row->class[side]);
        char name[NAME_SIZE];
        checkpoint_data_class_name(&source->data[dataset],
                                   row->class[side] - (uint32_t)source->first_class[dataset], name,
                                   sizeof name);
        fprintf(file, "%s\t%s\t", source->state.datasets[dataset].name, name);
    }
    /* 1 would be a person's certainty to who reads the table. */
    const double probability = row->verdict != OVERLAP_ACCEPTED && row->probability > PROBABILITY_SHOWN
                                   ? PROBABILITY_SHOWN
                                   : row->probability;
    fprintf(file, "%.4f\t%.4f\t%s\t%zu\n", row->cosine, probability, word_of(row->verdict), row->group);
}

/* Verdicts on names that the source does not have, as they stood. */
static void print_elsewhere(const struct overlap_source *source, const struct overlap_groups *groups,
                            FILE *file)
{
    struct class_names *names = NULL;
    struct class_index index = {0};
    struct error error;
    const struct making making = {.source = source};
    if (groups->elsewhere > 0 && index_names(source, &names, &index, &error) == STATUS_OK) {
        for (size_t i = 0; i < groups->before.count; i++) {
            const struct overlap_list_row *row = &groups->before.rows[i];
            struct verdict verdict;
            if (row->verdict != OVERLAP_UNJUDGED && !find_classes(&making, &index, row, &verdict)) {
                fprintf(file, "%s\t%s\t%s\t%s\t0\t%.4f\t%s\t0\n", row->dataset[0], row->identity[0],
                        row->dataset[1], row->identity[1], row->probability, word_of(row->verdict));
            }
        }
    }
    class_index_free(&index);
    free(names);
}

enum status overlap_groups_write(const char *path, const struct overlap_source *source,
                                 const struct overlap_groups *groups, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file) {
        fprintf(file, OVERLAP_LIST_HEADER "\tcosine\tprobability\tverdict\tgroup\n");
        for (size_t i = 0; i < groups->count; i++) {
            print_row(source, &groups->rows[i], file);
        }
        print_elsewhere(source, groups, file);
    }
    return file_write_printed(path, file, &text, &size, error);
}

/* A row, and how certain its group is. */
struct drawn {
    const struct overlap_groups_row *row;
    double least;
};

static int compare_drawn(const void *first, const void *second)
{
    const struct drawn *a = first, *b = second;
    if (a->least != b->least) {
        return a->least < b->least ? -1 : 1;
    }
    if (a->row->group != b->row->group) {
        return a->row->group < b->row->group ? -1 : 1;
    }
    if (a->row->probability != b->row->probability) {
        return a->row->probability < b->row->probability ? -1 : 1;
    }
    return a->row < b->row ? -1 : a->row > b->row;
}

enum status overlap_groups_pairs(const struct overlap_groups *groups, const struct overlap_source *source,
                                 struct overlap_pair **pairs, size_t *count, struct error *error)
{
    const struct centre_space space = {.datasets = source->state.dataset_count,
                                       .first_class = source->first_class};
    struct drawn *drawn = calloc(groups->count + 1, sizeof *drawn);
    double *least = calloc(groups->groups + 1, sizeof *least);
    *pairs = calloc(groups->count + 1, sizeof **pairs);
    *count = 0;
    enum status status = drawn && least && *pairs ? STATUS_OK : error_no_memory(error, "overlap");
    for (int pass = 0; pass < 3 && status == STATUS_OK; pass++) {
        for (size_t i = 0; i < groups->count; i++) {
            const struct overlap_groups_row *row = &groups->rows[i];
            if (row->group == 0) {
                continue;
            }
            if (pass == 0) {
                least[row->group] = 1;
            } else if (pass == 1) {
                least[row->group] =
                    row->probability < least[row->group] ? row->probability : least[row->group];
            } else {
                drawn[(*count)++] = (struct drawn){row, least[row->group]};
            }
        }
    }
    if (status == STATUS_OK) {
        qsort(drawn, *count, sizeof *drawn, compare_drawn);
    }
    for (size_t i = 0; status == STATUS_OK && i < *count; i++) {
        for (int side = 0; side < 2; side++) {
            const size_t dataset = centre_dataset(&space, drawn[i].row->class[side]);
            (*pairs)[i].dataset[side] = (uint32_t)dataset;
            (*pairs)[i].class[side] = drawn[i].row->class[side] - (uint32_t)source->first_class[dataset];
        }
        (*pairs)[i].cosine = (float)drawn[i].row->probability;
    }
    free(drawn);
    free(least);
    return status;
}
