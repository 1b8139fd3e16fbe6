/* Pairs of identities across datasets: against tests/oracle/make_overlap.py, and many classes with known
 * pairs. */
#include "worker/evaluate/overlap.h"
#include "worker/evaluate/overlap_cosine.h"

#include "tests/oracle/overlap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLOSE(a, b, tolerance) assert_true(fabs((double)(a) - (b)) <= (tolerance))

struct source {
    int embedding;
    const float *rows[3]; /* of each dataset */
    uint64_t done, total;
    enum status failure; /* what reading the second dataset comes to */
};

static enum status read_rows(void *context, size_t dataset, uint32_t begin, uint32_t count, float *rows,
                             struct error *error)
{
    const struct source *source = context;
    const size_t width = (size_t)source->embedding;
    if (dataset == 1 && source->failure != STATUS_OK) {
        return error_set(error, source->failure, "dataset 1", NULL, "cannot be read");
    }
    memcpy(rows, source->rows[dataset] + begin * width, count * width * sizeof(float));
    return STATUS_OK;
}

static void count_progress(void *context, uint64_t done, uint64_t total)
{
    struct source *source = context;
    assert_true(done > source->done && done <= total);
    source->done = done;
    source->total = total;
}

static struct overlap_config make_config(struct source *source, const uint32_t *classes, size_t datasets)
{
    return (struct overlap_config){.datasets = datasets,
                                   .classes = classes,
                                   .embedding = source->embedding,
                                   .read = read_rows,
                                   .cosine_min = -1,
                                   .threads = 2,
                                   .progress = count_progress,
                                   .context = source};
}

/* The golden centres, every row of another length. */
static float *golden_source(struct source *source)
{
    const size_t values = sizeof overlap_centres / sizeof *overlap_centres;
    float *rows = malloc(values * sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < values; i++) {
        rows[i] = (float)overlap_centres[i] * (float)(i / overlap_embedding + 1);
    }
    *source = (struct source){.embedding = overlap_embedding, .rows[0] = rows};
    for (int k = 1; k < 3; k++) {
        source->rows[k] = source->rows[k - 1] + overlap_classes[k - 1] * overlap_embedding;
    }
    return rows;
}

static bool wanted(const struct overlap_config *config, size_t row)
{
    return (overlap_rows[row].mutual || config->one_way) && overlap_rows[row].cosine >= config->cosine_min &&
           overlap_rows[row].lead >= config->lead_min;
}

/* What is found is what the golden rows say of this configuration. */
static void check_golden(const struct overlap_config *config)
{
    struct overlap_pair *pairs;
    size_t count, at = 0;
    struct source *source = config->context;
    source->done = 0;
    assert_int_equal(overlap_find(config, &pairs, &count, NULL), STATUS_OK);
    assert_true(source->done == source->total && source->total == 40 * 23 + 40 * 31 + 23 * 31);
    for (size_t i = 0; i < overlap_count; i++) {
        if (!wanted(config, i)) {
            continue;
        }
        assert_true(at < count);
        const struct overlap_pair *pair = &pairs[at++];
        assert_true(pair->dataset[0] == overlap_rows[i].a && pair->class[0] == overlap_rows[i].i);
        assert_true(pair->dataset[1] == overlap_rows[i].b && pair->class[1] == overlap_rows[i].j);
        assert_int_equal(pair->mutual, overlap_rows[i].mutual);
        CLOSE(pair->cosine, overlap_rows[i].cosine, 1e-6);
        CLOSE(pair->lead, overlap_rows[i].lead, 2e-6);
    }
    assert_int_equal(at, count);
    assert_true(count > 0);
    free(pairs);
}

static void test_golden(void **state)
{
    (void)state;
    struct source source;
    float *rows = golden_source(&source);
    struct overlap_config config = make_config(&source, overlap_classes, 3);
    for (int filter = 0; filter < 8; filter++) {
        config.cosine_min = filter & 1 ? 0.8 : -1;
        config.lead_min = filter & 2 ? 0.05 : 0;
        config.one_way = filter & 4;
        for (config.threads = 1; config.threads <= 3; config.threads++) {
            check_golden(&config);
        }
    }
    free(rows);
}

static float *random_rows(uint32_t classes, int embedding, uint32_t seed)
{
    float *rows = malloc((size_t)classes * (size_t)embedding * sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < (size_t)classes * (size_t)embedding; i++) {
        seed = seed * 1664525u + 1013904223u;
        rows[i] = (float)(int32_t)seed / 2147483648.0f;
    }
    return rows;
}

/* More classes than blocks and tiles have rows: every second class of the smaller dataset is one of the
 * larger again, slightly moved, and nothing else comes near. */
static void test_many_classes(void **state)
{
    (void)state;
    enum { EMBEDDING = 24 };
    const uint32_t classes[2] = {33001, 4357};
    float *first = random_rows(classes[0], EMBEDDING, 1), *second = random_rows(classes[1], EMBEDDING, 2);
    for (uint32_t j = 0; j < classes[1]; j += 2) {
        const uint32_t i = (j * 7 + 5) % classes[0];
        memcpy(second + j * EMBEDDING, first + i * EMBEDDING, EMBEDDING * sizeof(float));
        second[j * EMBEDDING] += 0.01f;
    }
    for (int swapped = 0; swapped < 2; swapped++) {
        struct source source = {.embedding = EMBEDDING,
                                .rows = {swapped ? second : first, swapped ? first : second}};
        const uint32_t sizes[2] = {classes[swapped], classes[1 - swapped]};
        struct overlap_config config = make_config(&source, sizes, 2);
        struct overlap_pair *pairs;
        size_t count;
        config.cosine_min = 0.99;
        config.threads = 3;
        assert_int_equal(overlap_find(&config, &pairs, &count, NULL), STATUS_OK);
        assert_int_equal(count, (classes[1] + 1) / 2);
        for (size_t i = 0; i < count; i++) {
            const uint32_t j = pairs[i].class[1 - swapped];
            assert_int_equal(pairs[i].class[swapped], (j * 7 + 5) % classes[0]);
            assert_true(pairs[i].mutual && pairs[i].lead > 0.02f && pairs[i].lead < 1);
            assert_true(i == 0 || pairs[i].cosine <= pairs[i - 1].cosine);
        }
        free(pairs);
    }
    free(first);
    free(second);
}

/* Of centres that are alike the one of the lowest number counts, and nobody leads. */
static void test_ties(void **state)
{
    (void)state;
    const float alike[8] = {1, 0, 2, 0, 3, 0, 0, 1};
    struct source source = {.embedding = 2, .rows = {alike, alike}};
    const uint32_t classes[2] = {4, 4};
    struct overlap_config config = make_config(&source, classes, 2);
    struct overlap_pair *pairs;
    size_t count;
    assert_int_equal(overlap_find(&config, &pairs, &count, NULL), STATUS_OK);
    assert_int_equal(count, 2);
    assert_true(pairs[0].class[0] == 0 && pairs[0].class[1] == 0);
    assert_true(pairs[1].class[0] == 3 && pairs[1].class[1] == 3);
    CLOSE(pairs[0].lead, 0, 0);
    CLOSE(pairs[1].lead, 1, 0);
    free(pairs);
}

static void test_refused(void **state)
{
    (void)state;
    const float fine[4] = {1, 0, 0, 1}, broken[4] = {1, 0, NAN, 1};
    struct source source = {.embedding = 2, .rows = {fine, broken}};
    const uint32_t classes[2] = {2, 2};
    struct overlap_config config = make_config(&source, classes, 2);
    struct overlap_pair *pairs;
    struct error error = {0};
    size_t count;
    assert_int_equal(overlap_find(&config, &pairs, &count, &error), STATUS_NUMERIC);
    assert_non_null(strstr(error.what, "class 1 of dataset 1"));
    free(pairs);
    source.failure = STATUS_DATA;
    assert_int_equal(overlap_find(&config, &pairs, &count, &error), STATUS_DATA);
    assert_string_equal(error.where, "dataset 1");
    free(pairs);
}

static void test_score(void **state)
{
    (void)state;
    const struct overlap_score score = overlap_score(6, 8, 10);
    CLOSE(score.precision, 0.75, 1e-15);
    CLOSE(score.recall, 0.6, 1e-15);
    CLOSE(score.f1, 2 * 0.75 * 0.6 / (0.75 + 0.6), 1e-15);
    CLOSE(overlap_score(0, 0, 10).f1, 0, 0);
    CLOSE(overlap_score(0, 0, 0).f1, 1, 0);
    const float cosines[6] = {0.9f, 0.8f, 0.7f, 0.7f, 0.5f, 0.4f};
    const bool right[6] = {true, true, false, true, false, false};
    struct overlap_pair pairs[6];
    for (int i = 0; i < 6; i++) {
        pairs[i] = (struct overlap_pair){.cosine = cosines[i]};
    }
    assert_int_equal(overlap_best_cut(pairs, right, 6, 3), 4);
    assert_int_equal(overlap_best_cut(pairs, right, 6, 2), 2);
    assert_int_equal(overlap_best_cut(pairs + 4, right + 4, 2, 3), 0);
}

/* The cosine of two of the golden centres, 0 of one of length 0. */
static double golden_cosine(const float *a, const float *b)
{
    double dot = 0, left = 0, right = 0;
    for (int d = 0; d < overlap_embedding; d++) {
        dot += (double)a[d] * (double)b[d];
        left += (double)a[d] * (double)a[d];
        right += (double)b[d] * (double)b[d];
    }
    return left > 0 && right > 0 ? dot / sqrt(left * right) : 0;
}

/* Known: the golden pairs that are mutual. All: every cosine on its own. */
static void test_mean_cosines(void **state)
{
    (void)state;
    struct source source;
    float *centres = golden_source(&source);
    struct overlap_config config = make_config(&source, overlap_classes, 3);
    struct overlap_pair known[overlap_count];
    struct overlap_cosine cosine;
    size_t count = 0, pairs = 0;
    double sum = 0, all = 0;
    for (size_t i = 0; i < overlap_count; i++) {
        if (overlap_rows[i].mutual) {
            known[count++] = (struct overlap_pair){.dataset = {overlap_rows[i].a, overlap_rows[i].b},
                                                   .class = {overlap_rows[i].i, overlap_rows[i].j}};
            sum += overlap_rows[i].cosine;
        }
    }
    for (size_t b = 1; b < 3; b++) {
        for (size_t a = 0; a < b; a++) {
            for (size_t i = 0; i < overlap_classes[a]; i++) {
                for (size_t j = 0; j < overlap_classes[b]; j++) {
                    all += golden_cosine(source.rows[a] + i * overlap_embedding,
                                         source.rows[b] + j * overlap_embedding);
                    pairs++;
                }
            }
        }
    }
    assert_int_equal(overlap_cosine(&config, known, count, &cosine, NULL), STATUS_OK);
    assert_int_equal(cosine.known_count, count);
    assert_int_equal(cosine.other_count, pairs - count);
    CLOSE(cosine.known, sum / (double)count, 1e-6);
    CLOSE(cosine.others, (all - sum) / (double)(pairs - count), 1e-6);
    assert_int_equal(overlap_cosine(&config, known, 0, &cosine, NULL), STATUS_OK);
    CLOSE(cosine.known, 0, 0);
    CLOSE(cosine.others, all / (double)pairs, 1e-6);
    source.failure = STATUS_DATA;
    assert_int_equal(overlap_cosine(&config, known, count, &cosine, NULL), STATUS_DATA);
    free(centres);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden), cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_ties),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_score),  cmocka_unit_test(test_mean_cosines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
