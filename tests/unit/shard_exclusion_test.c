/* shard/list/exclusion_table.h and shard/identity/exclusion.h: what tables leave out of a run's datasets, and what is
 * refused of them. */
#include "tests/unit/shard_scratch.h"

#include "shard/identity/exclusion.h"
#include "shard/list/exclusion_table.h"

#define HEADER EXCLUSION_HEADER "\n"
enum { DATASETS = 2, SHARDS = 2, IMAGES = 6, CLASSES = 3 };

struct world {
    struct scratch *scratch;
    struct manifest manifests[DATASETS];
};

/* Two datasets, alpha with names and beta without; image i of a shard is of class i % 3. */
static void write_dataset(struct scratch *scratch, const char *name, bool named)
{
    char path[512], file[160], text[2048];
    int length =
        snprintf(text, sizeof text,
                 "dail_format: manifest\nversion: 1\nname: %s\ndataset_id: 0\nclasses: %d\nimages: %d\n"
                 "image_size: 16\nencoding: png\n%s%s%sshards:\n",
                 name, CLASSES, SHARDS * IMAGES, named ? "class_names: " : "", named ? name : "",
                 named ? ".classes.txt\n" : "");
    for (uint32_t index = 0; index < SHARDS; index++) {
        struct shard_writer *writer;
        struct error error;
        uint64_t bytes;
        uint32_t crc;
        snprintf(file, sizeof file, "%s-%05u.h5", name, index);
        snprintf(path, sizeof path, "%s/%s", scratch->directory, file);
        assert_int_equal(
            shard_writer_create(path, name, 0, index, SHARDS, CLASSES, IMAGE_PNG, &writer, &error),
            STATUS_OK);
        for (uint32_t i = 0; i < IMAGES; i++) {
            size_t size;
            uint8_t *image = scratch_image(16, 16, (int)i, IMAGE_PNG, &size);
            assert_int_equal(shard_writer_append(writer, image, size, i % CLASSES, &error), STATUS_OK);
            free(image);
        }
        assert_int_equal(shard_writer_finish(writer, &bytes, &crc, &error), STATUS_OK);
        length += snprintf(text + length, sizeof text - (size_t)length,
                           "- {file: %s, images: %d, bytes: %llu, crc: %u}\n", file, IMAGES,
                           (unsigned long long)bytes, crc);
    }
    snprintf(file, sizeof file, "%s.yaml", name);
    scratch_text(scratch_path(scratch, file), text);
    snprintf(file, sizeof file, "%s.classes.txt", name);
    scratch_text(scratch_path(scratch, file), "ann\nbob\ncid\n");
}

static int set_up(void **state)
{
    if (scratch_setup(state) != 0) {
        return -1;
    }
    write_dataset(*state, "alpha", true);
    write_dataset(*state, "beta", false);
    return 0;
}

static void begin(struct world *world, struct scratch *scratch)
{
    static const char *const names[DATASETS] = {"alpha.yaml", "beta.yaml"};
    struct error error;
    *world = (struct world){.scratch = scratch};
    for (size_t k = 0; k < DATASETS; k++) {
        assert_int_equal(manifest_open(scratch_path(scratch, names[k]), &world->manifests[k], &error),
                         STATUS_OK);
        assert_int_equal(manifest_fingerprint(&world->manifests[k], world->manifests[k].fingerprint, &error),
                         STATUS_OK);
    }
}

static void end(struct world *world)
{
    for (size_t k = 0; k < DATASETS; k++) {
        manifest_close(&world->manifests[k]);
    }
}

static enum status apply(struct world *world, const char *table, struct exclusion_counts *counts,
                         struct error *error)
{
    char path[1024];
    snprintf(path, sizeof path, "%s", scratch_path(world->scratch, "table.tsv"));
    scratch_text(path, table);
    return exclusion_apply((char *[]){path}, 1, world->manifests, DATASETS, counts, error);
}

/* The images of a dataset that are kept, a letter each: "-" where one is left out. */
static const char *kept(const struct manifest *manifest)
{
    static char text[SHARDS * IMAGES + 1];
    uint64_t count = 0;
    for (uint32_t s = 0; s < SHARDS; s++) {
        const struct manifest_shard *shard = &manifest->shards[s];
        uint32_t next = 0;
        for (uint32_t i = 0; i < IMAGES; i++) {
            const bool lacks = manifest_shard_lacks(shard, i);
            text[s * IMAGES + i] = lacks ? '-' : (char)('a' + i);
            if (!lacks) {
                assert_int_equal(manifest_shard_image(shard, next), i);
                next++;
            }
        }
        assert_int_equal(manifest_shard_kept(shard), next);
        count += next;
    }
    assert_int_equal(manifest_kept(manifest), count);
    return text;
}

static void rows_leave_out_images_and_identities(void **state)
{
    struct world world;
    struct exclusion_counts counts;
    struct error error;
    char text[EXCLUSION_TOLD];
    begin(&world, *state);
    assert_int_equal(apply(&world,
                           "\xef\xbb\xbf" EXCLUSION_HEADER "\tother\tverdict\r\n"
                           "alpha\tbob\t\ttwin\tann\taccept\r\n\r\n"
                           "alpha\tann\talpha-00001.h5:3\tstranger\t\t\n"
                           "alpha\tbob\talpha-00000.h5:1\tstranger\t\t\n" /* left out twice */
                           "gamma\tann\t\ttwin\n"
                           "beta\t2\tbeta-00000.h5:5",
                           &counts, &error),
                     STATUS_OK);
    assert_string_equal(kept(&world.manifests[0]), "a-cd-fa-c--f");
    assert_string_equal(kept(&world.manifests[1]), "abcde-abcdef");
    assert_int_equal(counts.images, 6);
    assert_int_equal(counts.identities, 1);
    assert_int_equal(counts.elsewhere, 1);
    exclusion_tell(&counts, text, sizeof text);
    assert_string_equal(
        text, "data.exclude: 6 images are left out, 1 identities whole; 1 rows are of other datasets, "
              "such as gamma");
    end(&world);
}

static void what_a_person_rejects_stays_in(void **state)
{
    struct world world;
    struct exclusion_counts counts;
    struct error error;
    begin(&world, *state);
    assert_int_equal(apply(&world,
                           EXCLUSION_HEADER "\tverdict\tnote\n"
                                            "alpha\tbob\t\ttwin\treject\tlooked at\n"
                                            "alpha\tcid\t\ttwin\tunsure\n"
                                            "alpha\tann\talpha-00000.h5:0\t\taccept\n",
                           &counts, &error),
                     STATUS_OK);
    assert_string_equal(kept(&world.manifests[0]), "-bcdefabcdef");
    assert_int_equal(counts.images, 1);
    end(&world);
}

static void the_fingerprint_tells_what_is_left_out(void **state)
{
    static const char *const tables[] = {HEADER, HEADER "alpha\tann\talpha-00000.h5:0\t\n",
                                         HEADER "alpha\tann\talpha-00001.h5:0\t\n"};
    struct exclusion_counts counts;
    struct error error;
    char fingerprint[3][MANIFEST_FINGERPRINT_SIZE], plain[MANIFEST_FINGERPRINT_SIZE];
    for (size_t i = 0; i < 3; i++) {
        struct world world;
        begin(&world, *state);
        memcpy(plain, world.manifests[0].fingerprint, sizeof plain);
        assert_int_equal(apply(&world, tables[i], &counts, &error), STATUS_OK);
        exclusion_mark(&world.manifests[0]);
        memcpy(fingerprint[i], world.manifests[0].fingerprint, sizeof plain);
        end(&world);
    }
    assert_string_equal(fingerprint[0], plain);
    assert_int_equal(manifest_compare(plain, fingerprint[1]), MANIFEST_OTHER_IMAGES);
    assert_int_equal(manifest_compare(fingerprint[1], fingerprint[2]), MANIFEST_OTHER_IMAGES);
}

static void refusals(void **state)
{
    static const struct {
        const char *table, *where, *says;
    } cases[] = {
        {"", "table.tsv", "the first line is not the header"},
        {"alpha\tann\t\ttwin\n", "table.tsv", "the first line is not the header"},
        {EXCLUSION_HEADER "s\nalpha\tann\n", "table.tsv", "the first line is not the header"},
        {HEADER "alpha\tanne\t\ttwin\n", "table.tsv:2", "alpha has no identity 'anne'; the nearest is 'ann'"},
        {HEADER "\nbeta\t3\t\t\n", "table.tsv:3", "beta has no identity '3'"},
        {HEADER "alpha\n", "table.tsv:2", "the row names no identity"},
        {HEADER "\tann\n", "table.tsv:2", "the row names no dataset"},
        {HEADER "alpha\t\talpha-00000.h5:1\n", "table.tsv:2", "the row names no identity"},
        {HEADER "alpha\tann\t1.jpg\n", "table.tsv:2", "alpha has no image '1.jpg'"},
        {HEADER "alpha\tann\talpha-00000.h5:6\n", "table.tsv:2", "alpha has no image 'alpha-00000.h5:6'"},
        {HEADER "alpha\tann\talpha-00000.h5:-1\n", "table.tsv:2", "alpha has no image"},
        {HEADER "alpha\tann\talpha-00000.h5:4294967296\n", "table.tsv:2", "alpha has no image"},
        {HEADER "alpha\tann\tbeta-00000.h5:0\n", "table.tsv:2", "alpha has no image"},
        {HEADER "alpha\tbob\talpha-00000.h5:0\n", "table.tsv:2",
         "the image is of identity 0 (ann) of alpha, not of"},
        {EXCLUSION_HEADER "\tverdict\nalpha\tann\t\ttwin\tyes\n", "table.tsv:2",
         "the verdict 'yes' is none of"},
        {HEADER "gamma\tann\n", "table.tsv",
         "no row of the table is of a dataset of this run; there is 'gamma'"},
        {HEADER "beta\t0\nbeta\t1\nbeta\t2\n", "beta.yaml", "all images of beta are left out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world;
        struct exclusion_counts counts;
        struct error error = {0};
        begin(&world, *state);
        assert_int_equal(apply(&world, cases[i].table, &counts, &error), STATUS_DATA);
        if (!strstr(error.what, cases[i].says)) {
            fail_msg("%zu: '%s' does not say '%s'", i, error.what, cases[i].says);
        }
        const size_t length = strlen(error.where), ending = strlen(cases[i].where);
        if (length < ending || strcmp(error.where + length - ending, cases[i].where) != 0) {
            fail_msg("%zu: '%s' is not at %s", i, error.where, cases[i].where);
        }
        end(&world);
    }
}

static void a_table_is_there(void **state)
{
    struct world world;
    struct exclusion_counts counts;
    struct error error = {0};
    begin(&world, *state);
    assert_int_equal(exclusion_apply(NULL, 0, world.manifests, DATASETS, &counts, &error), STATUS_OK);
    assert_int_equal(
        exclusion_apply((char *[]){(char *)"none.tsv"}, 1, world.manifests, DATASETS, &counts, &error),
        STATUS_DATA);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_leave_out_images_and_identities, set_up, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_a_person_rejects_stays_in, set_up, scratch_teardown),
        cmocka_unit_test_setup_teardown(the_fingerprint_tells_what_is_left_out, set_up, scratch_teardown),
        cmocka_unit_test_setup_teardown(refusals, set_up, scratch_teardown),
        cmocka_unit_test_setup_teardown(a_table_is_there, set_up, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
