#include "daemon/overlap/overlap_within.h"

#include "worker/evaluate/class_centres.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The median absolute deviation of a normal is so much of its deviation. */
#define DEVIATION_OF_MEDIAN 0.6744897501960817

struct looking {
    const struct embeddings_file *file;
    size_t width; /* D */
    float *values; /* [rows][D] of length 1 */
    float *sums; /* [classes][D] */
    uint32_t *counts; /* [classes] */
    uint64_t *row; /* [rows] class by class */
    uint64_t *begin; /* [classes + 1] into row */
    struct within *within;
    size_t capacity;
};

static enum status add(struct looking *looking, struct within_finding finding, struct error *error)
{
    struct within *within = looking->within;
    if (within->count == looking->capacity) {
        const size_t capacity = 2 * looking->capacity + 256;
        struct within_finding *larger = realloc(within->found, capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, looking->file->path);
        }
        within->found = larger;
        looking->capacity = capacity;
    }
    within->found[within->count++] = finding;
    within->kinds[finding.kind]++;
    return STATUS_OK;
}

static enum status read_all(struct looking *looking, struct error *error)
{
    const struct embeddings_file *file = looking->file;
    const size_t width = file->embedding, classes = file->classes;
    looking->width = width;
    looking->values = malloc((file->rows + 1) * width * sizeof *looking->values);
    looking->sums = calloc((classes + 1) * width, sizeof *looking->sums);
    looking->counts = calloc(classes + 1, sizeof *looking->counts);
    looking->row = malloc((file->rows + 1) * sizeof *looking->row);
    looking->begin = calloc(classes + 2, sizeof *looking->begin);
    if (!looking->values || !looking->sums || !looking->counts || !looking->row || !looking->begin) {
        return error_no_memory(error, file->path);
    }
    enum status status = embeddings_file_read(file, 0, file->rows, looking->values, error);
    for (uint64_t i = 0; i < file->rows && status == STATUS_OK; i++) {
        float *value = looking->values + i * width;
        double square = 0;
        for (size_t d = 0; d < width; d++) {
            square += (double)value[d] * (double)value[d];
        }
        for (size_t d = 0; d < width && square > 0; d++) {
            value[d] = (float)((double)value[d] / sqrt(square));
        }
        class_centre_add(value, width, looking->sums + file->label[i] * width,
                         &looking->counts[file->label[i]]);
    }
    for (uint32_t i = 0; i < file->classes && status == STATUS_OK; i++) {
        looking->begin[i + 1] = looking->begin[i] + looking->counts[i];
    }
    memset(looking->counts, 0, classes * sizeof *looking->counts);
    for (uint64_t i = 0; i < file->rows && status == STATUS_OK; i++) {
        looking->row[looking->begin[file->label[i]] + looking->counts[file->label[i]]++] = i;
    }
    return status;
}

/* The dataset's lists as those of two datasets of the same classes, where each is the other's but for itself. */
static void double_lists(const struct neighbour_lists *own, struct neighbour_lists *twice)
{
    const uint32_t classes = (uint32_t)own->end;
    for (uint32_t i = 0; i < classes; i++) {
        for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
            const size_t from = neighbour_place(own, i, 0);
            for (uint32_t copy = 0; copy < 2; copy++) {
                const size_t to = neighbour_place(twice, i + (uint64_t)copy * classes, 1 - copy);
                for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
                    const uint32_t other = own->class[side][from + r];
                    twice->cosine[side][to + r] = own->cosine[side][from + r];
                    twice->class[side][to + r] =
                        other == NEIGHBOUR_NOBODY ? NEIGHBOUR_NOBODY : other + (1 - copy) * classes;
                }
            }
        }
    }
}

static enum status judge_twins(struct looking *looking, const struct centre_block *all, int threads,
                               struct judgement *judgement, struct error *error)
{
    const uint64_t classes = looking->file->classes, once[2] = {0, classes},
                   twice[3] = {0, classes, 2 * classes};
    const struct centre_space space = {.datasets = 1, .first_class = once, .embedding = looking->width};
    const struct centre_space doubled = {.datasets = 2, .first_class = twice, .embedding = looking->width};
    struct neighbour_lists own = {0}, both = {0};
    double *sums = calloc(looking->width + 1, sizeof *sums);
    uint64_t counts[1] = {0}, broken;
    struct centre_block prepared = *all;
    enum status status = sums ? STATUS_OK : error_no_memory(error, looking->file->path);
    if (status == STATUS_OK) {
        centre_add_to_sums(&space, all, sums, counts, &broken);
        centre_prepare(&space, sums, counts, &prepared, threads);
        status = neighbour_lists_create(&space, 0, classes, &own, error);
    }
    if (status == STATUS_OK) {
        status = neighbour_offer(&own, all, all, threads, error);
    }
    if (status == STATUS_OK) {
        status = neighbour_lists_create(&doubled, 0, 2 * classes, &both, error);
    }
    if (status == STATUS_OK) {
        double_lists(&own, &both);
        status = judge_pairs(&both, threads, judgement, error);
    }
    neighbour_lists_free(&own);
    neighbour_lists_free(&both);
    free(sums);
    return status;
}

static enum status find_twins(struct looking *looking, double min_probability, int threads,
                              struct error *error)
{
    const uint32_t classes = looking->file->classes;
    struct judgement judgement = {0};
    struct centre_block all = {.rows = malloc(((size_t)classes + 1) * looking->width * sizeof *all.rows),
                               .count = classes};
    enum status status = all.rows ? STATUS_OK : error_no_memory(error, looking->file->path);
    if (status == STATUS_OK) {
        memcpy(all.rows, looking->sums, classes * looking->width * sizeof *all.rows);
        status = judge_twins(looking, &all, threads, &judgement, error);
    }
    looking->within->twins_known = judgement.known;
    for (size_t i = 0; i < judgement.count && status == STATUS_OK; i++) {
        const struct judge_pair *pair = &judgement.pairs[i];
        const uint32_t a = pair->class[0], b = pair->class[1] - classes;
        /* Each pair is there from both sides. */
        if (a < b && (double)pair->probability >= min_probability) {
            const bool fewer = looking->counts[a] < looking->counts[b];
            status = add(looking,
                         (struct within_finding){.kind = WITHIN_TWIN,
                                                 .class = {fewer ? a : b, fewer ? b : a},
                                                 .cosine = (double)pair->cosine,
                                                 .probability = (double)pair->probability},
                         error);
        }
    }
    judgement_free(&judgement);
    free(all.rows);
    return status;
}

/* The cosine of an image and the centre of its class's other images. */
static double cosine_with_others(const struct looking *looking, uint64_t row)
{
    const float *value = looking->values + row * looking->width;
    const float *sum = looking->sums + looking->file->label[row] * looking->width;
    double dot = 0, square = 0;
    for (size_t d = 0; d < looking->width; d++) {
        const double other = (double)sum[d] - (double)value[d];
        dot += other * (double)value[d];
        square += other * other;
    }
    return square > 0 ? dot / sqrt(square) : 0;
}

static int compare_numbers(const void *first, const void *second)
{
    const double a = *(const double *)first, b = *(const double *)second;
    return (a > b) - (a < b);
}

/* What lies below it is far from usual. */
static double find_least(double *cosines, size_t count)
{
    if (count == 0) {
        return -1;
    }
    qsort(cosines, count, sizeof *cosines, compare_numbers);
    const double median = cosines[count / 2];
    for (size_t i = 0; i < count; i++) {
        cosines[i] = fabs(cosines[i] - median);
    }
    qsort(cosines, count, sizeof *cosines, compare_numbers);
    return median - WITHIN_DEVIATIONS * cosines[count / 2] / DEVIATION_OF_MEDIAN;
}

static enum status find_strangers(struct looking *looking, struct error *error)
{
    const struct embeddings_file *file = looking->file;
    double *cosines = malloc((file->rows + 1) * sizeof *cosines);
    size_t count = 0;
    enum status status = cosines ? STATUS_OK : error_no_memory(error, file->path);
    for (int pass = 0; pass < 2 && status == STATUS_OK; pass++) {
        for (uint64_t i = 0; i < file->rows && status == STATUS_OK; i++) {
            const uint32_t label = file->label[i];
            const double cosine = looking->counts[label] < 3 ? 2 : cosine_with_others(looking, i);
            if (pass == 0 && cosine <= 1.5) {
                cosines[count++] = cosine;
            } else if (pass == 1 && cosine < looking->within->least) {
                status = add(
                    looking,
                    (struct within_finding){
                        .kind = WITHIN_STRANGER, .class = {label, label}, .image = {i, i}, .cosine = cosine},
                    error);
            }
        }
        if (pass == 0) {
            looking->within->least = find_least(cosines, count);
        }
    }
    free(cosines);
    return status;
}

static enum status find_duplicates(struct looking *looking, double least, struct error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t class = 0; class < looking->file->classes && status == STATUS_OK; class ++) {
        for (uint64_t i = looking->begin[class]; i < looking->begin[class + 1]; i++) {
            for (uint64_t j = i + 1; j < looking->begin[class + 1] && status == STATUS_OK; j++) {
                const float *a = looking->values + looking->row[i] * looking->width;
                const float *b = looking->values + looking->row[j] * looking->width;
                double dot = 0;
                for (size_t d = 0; d < looking->width; d++) {
                    dot += (double)a[d] * (double)b[d];
                }
                if (dot >= least) {
                    status = add(looking,
                                 (struct within_finding){.kind = WITHIN_DUPLICATE,
                                                         .class = {class, class},
                                                         .image = {looking->row[j], looking->row[i]},
                                                         .cosine = dot},
                                 error);
                }
            }
        }
    }
    return status;
}

/* By kind, then the surest first: likely twins, far strangers, near duplicates. */
static int compare_findings(const void *first, const void *second)
{
    const struct within_finding *a = first, *b = second;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    const double sure[2] = {a->kind == WITHIN_TWIN       ? a->probability
                            : a->kind == WITHIN_STRANGER ? -a->cosine
                                                         : a->cosine,
                            b->kind == WITHIN_TWIN       ? b->probability
                            : b->kind == WITHIN_STRANGER ? -b->cosine
                                                         : b->cosine};
    if (sure[0] != sure[1]) {
        return sure[0] > sure[1] ? -1 : 1;
    }
    const uint32_t lower[2] = {a->class[0] < a -> class[1] ? a -> class[0] : a -> class[1],
                               b -> class[0] < b -> class[1] ? b -> class[0] : b -> class[1]};
    if (lower[0] != lower[1]) {
        return lower[0] < lower[1] ? -1 : 1;
    }
    const int order = (a->image[0] > b->image[0]) - (a->image[0] < b->image[0]);
    return order != 0 ? order : (a->image[1] > b->image[1]) - (a->image[1] < b->image[1]);
}

enum status within_find(const struct embeddings_file *file, double min_probability, double duplicate_cosine,
                        int threads, struct within *within, struct error *error)
{
    struct looking looking = {.file = file, .within = within};
    *within = (struct within){0};
    enum status status = read_all(&looking, error);
    if (status == STATUS_OK) {
        status = find_twins(&looking, min_probability, threads, error);
    }
    if (status == STATUS_OK) {
        status = find_strangers(&looking, error);
    }
    if (status == STATUS_OK) {
        status = find_duplicates(&looking, duplicate_cosine, error);
    }
    if (status == STATUS_OK && within->count > 0) {
        qsort(within->found, within->count, sizeof *within->found, compare_findings);
    }
    free(looking.values);
    free(looking.sums);
    free(looking.counts);
    free(looking.row);
    free(looking.begin);
    return status;
}

void within_free(struct within *within)
{
    free(within->found);
    *within = (struct within){0};
}
