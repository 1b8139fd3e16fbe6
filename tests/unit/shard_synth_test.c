#include "shard/synth/synth.h"
#include "shard/synth/synth_people.h"

#include "shard/manifest.h"
#include "shard/pairs.h"

#include <ftw.h>
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#define SIDE 16
#define BYTES (SIDE * SIDE * 3)
#define DATASETS 3
#define IDENTITIES 10
#define IMAGES 4
#define SHARED 3
#define PAIRS 40
#define PICTURES 16 /* of one person, whose mean is looked at */

static char directory[256];

static struct synth_config small_config(void)
{
    struct synth_config config = SYNTH_DEFAULTS;
    config.directory = directory;
    config.name = "toy";
    config.datasets = DATASETS;
    config.identities = IDENTITIES;
    config.images = IMAGES;
    config.overlap = 0.3;
    config.size = SIDE;
    config.pairs = PAIRS;
    config.encoding = IMAGE_PNG;
    config.shard_images = 16;
    return config;
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static int make_directory(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/dail-synth-XXXXXX", !base ? "/tmp" : base);
    return !mkdtemp(directory);
}

static int remove_directory(void **state)
{
    (void)state;
    return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void must(enum status status, const struct error *error)
{
    if (status != STATUS_OK) {
        fail_msg("%s (%s)", error->what, error->where);
    }
}

static uint32_t picture_crc(const struct synth_config *config, int dataset, uint64_t person, uint32_t number)
{
    struct error error = {0};
    uint8_t *pixels = malloc((size_t)config->size * (size_t)config->size * 3);
    assert_non_null(pixels);
    must(synth_picture(config, dataset, person, number, pixels, &error), &error);
    const uint32_t crc = (uint32_t)crc32(0, pixels, (uInt)(config->size * config->size * 3));
    free(pixels);
    return crc;
}

/* The pixels are part of what a seed means: these are the same for gcc and clang at every level of
 * optimisation. */
static void test_same_seed_same_pixels(void **state)
{
    (void)state;
    static const uint32_t golden[6] = {0xdfcefd32U, 0xcc784e7U,  0xd20cb26dU,
                                       0x9ea1ccf0U, 0x45488071U, 0x7bc0af77U};
    struct synth_config config = SYNTH_DEFAULTS;
    config.size = 48;
    for (int dataset = 0; dataset < 6; dataset++) {
        uint32_t crc = 0;
        for (uint32_t i = 0; i < 8; i++) {
            const uint32_t one = picture_crc(&config, dataset, 1000 + i, i);
            assert_int_equal(one, picture_crc(&config, dataset, 1000 + i, i));
            crc = crc * 31 + one;
        }
        if (crc != golden[dataset]) {
            fail_msg("dataset %d: %#x", dataset, crc);
        }
    }
}

static void test_everything_counts(void **state)
{
    (void)state;
    struct synth_config config = small_config();
    const uint32_t crc = picture_crc(&config, 0, 5, 0);
    assert_int_not_equal(crc, picture_crc(&config, 1, 5, 0));
    assert_int_not_equal(crc, picture_crc(&config, 0, 6, 0));
    assert_int_not_equal(crc, picture_crc(&config, 0, 5, 1));
    config.seed++;
    assert_int_not_equal(crc, picture_crc(&config, 0, 5, 0));
}

static void test_people(void **state)
{
    (void)state;
    const struct synth_config config = small_config();
    struct error error = {0};
    int seen[SHARED + DATASETS * (IDENTITIES - SHARED)] = {0};
    uint64_t people[DATASETS][IDENTITIES];
    const uint64_t held_out = synth_first_held_out(&config);
    assert_int_equal(held_out, sizeof seen / sizeof *seen);
    for (int dataset = 0; dataset < DATASETS; dataset++) {
        must(synth_people(&config, dataset, people[dataset], &error), &error);
        for (int i = 0; i < IDENTITIES; i++) {
            assert_true(people[dataset][i] < held_out);
            seen[people[dataset][i]]++;
        }
    }
    for (uint64_t person = 0; person < held_out; person++) {
        assert_int_equal(seen[person], person < SHARED ? DATASETS : 1);
    }
    int moved = 0;
    for (int i = 0; i < IDENTITIES; i++) {
        moved += people[0][i] < SHARED && people[0][i] != people[1][i];
    }
    assert_true(moved > 0);
}

/* Every image of a dataset is a picture of the person behind its label, each exactly once. */
static void check_shards(const struct synth_config *config, int dataset, uint32_t *sum)
{
    struct error error = {0};
    struct manifest manifest;
    char path[512];
    uint64_t people[IDENTITIES];
    int seen[IDENTITIES][IMAGES] = {0};
    must(synth_people(config, dataset, people, &error), &error);
    snprintf(path, sizeof path, "%s/toy%d.yaml", directory, dataset);
    must(manifest_open(path, &manifest, &error), &error);
    assert_int_equal(manifest.classes, IDENTITIES);
    assert_int_equal(manifest.images, IDENTITIES * IMAGES);
    assert_int_equal(manifest.shard_count, 3);
    assert_int_equal(manifest.image_size, SIDE);
    for (uint32_t s = 0; s < manifest.shard_count; s++) {
        struct shard shard;
        must(manifest_open_shard(&manifest, s, &shard, &error), &error);
        uint8_t *bytes = malloc(shard.bytes);
        assert_non_null(bytes);
        must(shard_read(&shard, 0, shard.images, bytes, &error), &error);
        for (uint32_t i = 0; i < shard.images; i++) {
            uint8_t pixels[BYTES];
            must(image_decode_into(bytes + shard.offset[i], shard.offset[i + 1] - shard.offset[i], SIDE,
                                   pixels, &error),
                 &error);
            const uint32_t crc = (uint32_t)crc32(0, pixels, BYTES);
            uint32_t number = 0;
            while (number < IMAGES && picture_crc(config, dataset, people[shard.label[i]], number) != crc) {
                number++;
            }
            assert_true(number < IMAGES);
            seen[shard.label[i]][number]++;
            *sum = *sum * 31 + crc + shard.label[i];
        }
        free(bytes);
        shard_close(&shard);
    }
    manifest_close(&manifest);
    for (int i = 0; i < IDENTITIES * IMAGES; i++) {
        assert_int_equal(seen[i / IMAGES][i % IMAGES], 1);
    }
}

static void test_datasets(void **state)
{
    (void)state;
    const struct synth_config config = small_config();
    struct error error = {0};
    uint32_t sums[2] = {0, 0};
    const int threads = omp_get_max_threads();
    for (int run = 0; run < 2; run++) {
        omp_set_num_threads(1 + 2 * run);
        must(synth_write(&config, &error), &error);
        for (int dataset = 0; dataset < DATASETS; dataset++) {
            check_shards(&config, dataset, &sums[run]);
        }
    }
    omp_set_num_threads(threads);
    assert_int_equal(sums[0], sums[1]);
}

static void test_overlap_truth(void **state)
{
    (void)state;
    const struct synth_config config = small_config();
    struct error error = {0};
    uint64_t people[DATASETS][IDENTITIES];
    char path[512], line[512];
    int rows = 0;
    for (int dataset = 0; dataset < DATASETS; dataset++) {
        must(synth_people(&config, dataset, people[dataset], &error), &error);
    }
    snprintf(path, sizeof path, "%s/overlap.tsv", directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "dataset_a\tidentity_a\tdataset_b\tidentity_b\n");
    bool listed[DATASETS][DATASETS][SHARED] = {0};
    while (fgets(line, sizeof line, file)) {
        int a, b, class_a, class_b, label_a, label_b;
        assert_int_equal(sscanf(line, "toy%d\ttoy%d-%d\ttoy%d\ttoy%d-%d\n", &a, &class_a, &label_a, &b,
                                &class_b, &label_b),
                         6);
        assert_true(a < b && a == class_a && b == class_b);
        assert_int_equal(people[a][label_a], people[b][label_b]);
        listed[a][b][people[a][label_a]] = true;
        rows++;
    }
    fclose(file);
    assert_int_equal(rows, SHARED * DATASETS * (DATASETS - 1) / 2);
    for (int a = 0; a < DATASETS; a++) {
        for (int b = a + 1; b < DATASETS; b++) {
            for (int person = 0; person < SHARED; person++) {
                assert_true(listed[a][b][person]);
            }
        }
    }
}

static void test_class_names(void **state)
{
    (void)state;
    struct error error = {0};
    struct manifest manifest;
    char path[512], **names;
    snprintf(path, sizeof path, "%s/toy1.yaml", directory);
    must(manifest_open(path, &manifest, &error), &error);
    must(manifest_class_names(&manifest, &names, &error), &error);
    assert_string_equal(names[0], "toy1-000000");
    assert_string_equal(names[IDENTITIES - 1], "toy1-000009");
    for (int i = 0; i < IDENTITIES; i++) {
        free(names[i]);
    }
    free(names);
    manifest_close(&manifest);
}

struct origin {
    int dataset;
    uint64_t person;
};

/* Whose picture an image of a set is, found by its pixels among all of the held-out people's. */
static struct origin find_origin(const struct synth_config *config, const uint8_t *pixels)
{
    static uint32_t crcs[DATASETS][40][4];
    const uint64_t first = synth_first_held_out(config);
    const uint32_t crc = (uint32_t)crc32(0, pixels, BYTES);
    for (int dataset = 0; dataset < DATASETS; dataset++) {
        for (uint32_t i = 0; i < 40 * 4; i++) {
            uint32_t *known = &crcs[dataset][i / 4][i % 4];
            if (*known == 0) {
                *known = picture_crc(config, dataset, first + i / 4, i % 4);
            }
            if (*known == crc) {
                return (struct origin){.dataset = dataset, .person = first + i / 4};
            }
        }
    }
    fail_msg("an image is of nobody held out");
    return (struct origin){0};
}

/* `dataset`: whose look all images have, ACROSS or ANY. */
#define ACROSS (-1)
#define ANY (-2)
static void check_set(const struct synth_config *config, const char *name, int dataset)
{
    int across = 0;
    struct error error = {0};
    struct pairs pairs;
    char path[512];
    int fold_of[64], same = 0, per_fold[SYNTH_FOLDS] = {0};
    memset(fold_of, -1, sizeof fold_of);
    snprintf(path, sizeof path, "%s/%s.h5", directory, name);
    must(pairs_open(path, &pairs, &error), &error);
    assert_int_equal(pairs.count, PAIRS);
    for (uint32_t i = 0; i < pairs.count; i++) {
        struct origin origin[2];
        assert_int_not_equal(pairs.pair[i * 2], pairs.pair[i * 2 + 1]);
        for (int side = 0; side < 2; side++) {
            const uint32_t image = pairs.pair[i * 2 + (uint32_t)side];
            uint8_t pixels[BYTES];
            must(image_decode_into(pairs.image + pairs.offset[image],
                                   pairs.offset[image + 1] - pairs.offset[image], SIDE, pixels, &error),
                 &error);
            origin[side] = find_origin(config, pixels);
            int *fold = &fold_of[origin[side].person - synth_first_held_out(config)];
            assert_true(*fold == -1 || *fold == pairs.fold[i]);
            *fold = pairs.fold[i];
            assert_true(dataset < 0 || origin[side].dataset == dataset);
        }
        assert_int_equal(pairs.same[i], origin[0].person == origin[1].person);
        across += origin[0].dataset != origin[1].dataset;
        same += pairs.same[i];
        per_fold[pairs.fold[i]]++;
    }
    assert_int_equal(same, PAIRS / 2);
    if (dataset == ANY) {
        assert_in_range(across, 1, PAIRS - 1);
    } else {
        assert_int_equal(across, dataset == ACROSS ? PAIRS : 0);
    }
    for (int fold = 0; fold < SYNTH_FOLDS; fold++) {
        assert_int_equal(per_fold[fold], PAIRS / SYNTH_FOLDS);
    }
    pairs_close(&pairs);
}

static void test_verification_sets(void **state)
{
    (void)state;
    const struct synth_config config = small_config();
    check_set(&config, "toy0-within", 0);
    check_set(&config, "toy1-within", 1);
    check_set(&config, "toy2-within", 2);
    check_set(&config, "toy-cross", ACROSS);
    check_set(&config, "toy-all", ANY);
}

static void test_fewer_pairs_within(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t pairs;
    } sets[] = {{"few0-within", 20}, {"few2-within", 20}, {"few-cross", PAIRS}, {"few-all", PAIRS}};
    struct error error = {0};
    struct synth_config config = small_config();
    config.name = "few";
    config.within_pairs = 20;
    must(synth_write(&config, &error), &error);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char path[512];
        struct pairs pairs;
        snprintf(path, sizeof path, "%s/%s.h5", directory, sets[i].name);
        must(pairs_open(path, &pairs, &error), &error);
        assert_int_equal(pairs.count, sets[i].pairs);
        pairs_close(&pairs);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct synth_config config = small_config();
    must(synth_is_valid(&config, &error), &error);
    config.pairs = 30;
    assert_int_equal(synth_is_valid(&config, &error), STATUS_USAGE);
    config = small_config();
    config.within_pairs = 30;
    assert_int_equal(synth_is_valid(&config, &error), STATUS_USAGE);
    config = small_config();
    config.overlap = 1.5;
    assert_int_equal(synth_is_valid(&config, &error), STATUS_USAGE);
    config = small_config();
    config.session = 1.5;
    assert_int_equal(synth_is_valid(&config, &error), STATUS_USAGE);
    config = small_config();
    config.shift = 3.5;
    assert_int_equal(synth_is_valid(&config, &error), STATUS_USAGE);
    config = small_config();
    config.name = "../up";
    assert_int_equal(synth_write(&config, &error), STATUS_USAGE);
    config = small_config();
    config.identities = 1;
    assert_int_equal(synth_is_valid(&config, &error), STATUS_USAGE);
    config = small_config();
    config.directory = "/proc/nowhere";
    assert_int_equal(synth_write(&config, &error), STATUS_STORAGE);
}

/* The mean colour of pictures `first` and after it, PICTURES of each person. */
static void mean_colour(const struct synth_config *config, int dataset, uint32_t first, uint32_t count,
                        double mean[3])
{
    struct error error = {0};
    mean[0] = mean[1] = mean[2] = 0;
    for (uint32_t picture = first; picture < first + count; picture++) {
        uint8_t pixels[BYTES];
        must(synth_picture(config, dataset, picture / PICTURES, picture % PICTURES, pixels, &error), &error);
        for (size_t i = 0; i < BYTES; i++) {
            mean[i % 3] += pixels[i] / (count * (BYTES / 3.0));
        }
    }
}

static double colour_distance(const double one[3], const double two[3])
{
    return fabs(one[0] - two[0]) + fabs(one[1] - two[1]) + fabs(one[2] - two[2]);
}

/* How far two datasets' pictures of the same things are apart: the mean difference of a pixel. A look without
 * a shift differs by the draws of each picture alone, so the means over many pictures are compared. */
static double look_distance(double shift, int one, int two)
{
    double mean[2][3];
    struct synth_config config = small_config();
    config.shift = shift;
    mean_colour(&config, one, 0, 100 * PICTURES, mean[0]);
    mean_colour(&config, two, 0, 100 * PICTURES, mean[1]);
    return colour_distance(mean[0], mean[1]);
}

/* The same of one person after the other, in datasets of one look: the mean over people. */
static double session_distance(double session)
{
    double sum = 0;
    struct synth_config config = small_config();
    config.shift = 0;
    config.session = session;
    for (uint32_t person = 0; person < 20; person++) {
        double mean[2][3];
        for (int dataset = 0; dataset < 2; dataset++) {
            mean_colour(&config, dataset, person * PICTURES, PICTURES, mean[dataset]);
        }
        sum += colour_distance(mean[0], mean[1]);
    }
    return sum / 20;
}

static void test_session(void **state)
{
    (void)state;
    const double none = session_distance(0);
    assert_true(session_distance(0.5) > 1.5 * none);
    assert_true(session_distance(1) > 2.5 * none);
}

static void test_shift(void **state)
{
    (void)state;
    const double none = look_distance(0, 0, 1);
    const double usual = look_distance(1, 0, 1);
    const double strong = look_distance(2, 0, 1);
    assert_true(none < 12); /* of 255 in each of three colours: chance */
    assert_true(usual > 20);
    assert_true(strong > 1.5 * usual);
}

static void test_sheet(void **state)
{
    (void)state;
    const struct synth_config config = small_config();
    struct error error = {0};
    struct sheet sheet;
    uint8_t pixels[BYTES];
    must(synth_sheet(&config, 4, 2, &sheet, &error), &error);
    const int label = sheet.layout.label, gap = sheet.layout.gap;
    const int head = sheet.image.height - 4 * SIDE - 3 * gap; /* two lines: what it is, the datasets' names */
    assert_int_equal(sheet.image.width, label + DATASETS * 2 * SIDE + (DATASETS - 1) * gap);
    assert_int_equal(head, 2 * 14);
    /* Row 3 is the first person of dataset 2 whom no other has; its second picture. */
    must(synth_picture(&config, 2, SHARED + 2 * (IDENTITIES - SHARED), 1, pixels, &error), &error);
    for (int y = 0; y < SIDE; y++) {
        assert_memory_equal(
            sheet.image.pixels +
                ((head + 3 * (SIDE + gap) + y) * sheet.image.width + label + 5 * SIDE + 2 * gap) * 3,
            pixels + y * SIDE * 3, SIDE * 3);
    }
    sheet_free(&sheet);
    assert_int_equal(synth_sheet(&config, 11, 1, &sheet, &error), STATUS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_pixels),
        cmocka_unit_test(test_everything_counts),
        cmocka_unit_test(test_people),
        cmocka_unit_test(test_datasets),
        cmocka_unit_test(test_overlap_truth),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_verification_sets),
        cmocka_unit_test(test_fewer_pairs_within),
        cmocka_unit_test(test_shift),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sheet),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
