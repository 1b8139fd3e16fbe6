/* worker/identity_file.h and shard/identity/: lists of pairs become groups, and what is refused. */
#include "worker/identity_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER "dataset_a\tidentity_a\tdataset_b\tidentity_b\tprobability\tverdict\n"
#define LIST "identity_file_test.tsv"

enum { CLASSES = 9 };
static char *const alpha[] = {"ann", "bob", "cid"};
static char *const beta[] = {"b3", "b1", "b2"};
static const uint32_t classes[] = {3, 3, 3};
static const struct class_names datasets[] = {{"alpha", 3, alpha}, {"beta", 3, beta}, {"gamma", 3, NULL}};

static struct identity_groups *groups;
static struct identity_file_counts counts;
static struct error error;

static int setup(void **state)
{
    (void)state;
    char folder[] = "/tmp/dail-unit-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        return -1;
    }
    return identity_groups_create(classes, 3, &groups, &error) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char folder[256];
    identity_groups_free(groups);
    unlink(LIST);
    return getcwd(folder, sizeof folder) && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static enum status read_list(const char *text)
{
    FILE *file = fopen(LIST, "wb");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0 && fclose(file) == 0, 1);
    identity_groups_clear(groups);
    return identity_file_read(LIST, datasets, 3, 0.5, groups, &counts, &error);
}

/* The homes, a digit each. */
static const char *homes(void)
{
    static char text[CLASSES + 1];
    assert_true(identity_groups_is_valid(groups));
    for (int c = 0; c < CLASSES; c++) {
        text[c] = (char)('0' + groups->home[c]);
    }
    return text;
}

static void plain_lists(void **state)
{
    (void)state;
    assert_int_equal(
        read_list("alpha\tann\tbeta\tb1\r\n\nbeta\tb1\tgamma\t2\tanything\ngamma\t0\tbeta\tb2\n"), STATUS_OK);
    assert_string_equal(homes(), "012305570");
    assert_int_equal(counts.pairs, 3);
    assert_int_equal(read_list("\xEF\xBB\xBF"
                               "dataset_a\tidentity_a\tdataset_b\tidentity_b\nalpha\tbob\tgamma\t1"),
                     STATUS_OK);
    assert_string_equal(homes(), "012345618");
    assert_int_equal(read_list(""), STATUS_OK);
    assert_int_equal(groups->shared, 0);
}

static void the_likelier_pair_has_the_place(void **state)
{
    (void)state;
    assert_int_equal(read_list(HEADER "alpha\tann\tbeta\tb1\t0.6\t\n"
                                      "alpha\tann\tbeta\tb2\t0.9\t\n"
                                      "alpha\tbob\tbeta\tb3\t0.4\t\n"),
                     STATUS_OK);
    assert_string_equal(homes(), "012340678");
    assert_int_equal(counts.pairs, 1);
    assert_int_equal(counts.lost, 1);
    assert_int_equal(counts.unlikely, 1);
}

static void a_persons_word_holds(void **state)
{
    (void)state;
    assert_int_equal(read_list(HEADER "alpha\tann\tbeta\tb1\t0.3\taccept\n"
                                      "alpha\tann\tbeta\tb2\t0.9\t\n"
                                      "beta\tb2\tgamma\t0\t0.95\treject\n"
                                      "alpha\tbob\tbeta\tb2\t0.8\t\n"
                                      "alpha\tbob\tgamma\t0\t0.7\t\n"),
                     STATUS_OK);
    assert_string_equal(homes(), "012301678");
    assert_int_equal(counts.pairs, 2);
    assert_int_equal(counts.lost, 2);
    assert_int_equal(counts.rejected, 1);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *list, *where, *says;
    } cases[] = {
        {"alpha\tann\tdelta\tb1\n", LIST ":1", "delta is none of this run's datasets"},
        {"alpha\tann\tbeta\tb1\nalpha\tAnn\tbeta\tb2\n", LIST ":2", "alpha has no identity of that name"},
        {"alpha\tann\tgamma\t3\n", LIST ":1", "gamma has no identity of that name"},
        {"alpha\tann\talpha\tann\n", LIST ":1", "an identity and itself"},
        {"alpha\tann\talpha\tbob\n", LIST ":1", "two identities of alpha would be one person"},
        {"alpha\tann\tbeta\tb1\ngamma\t1\tbeta\tb1\ngamma\t1\talpha\tcid\n", LIST ":3",
         "two identities of alpha would be one person"},
        {HEADER
         "alpha\tann\tbeta\tb1\t1\taccept\nalpha\tann\tgamma\t1\t1\taccept\nbeta\tb1\tgamma\t1\t1\treject\n",
         LIST ":3", "the pair rejected in line 4"},
        {HEADER "alpha\tann\tbeta\tb1\t1.5\t\n", LIST ":2", "a probability from 0 to 1"},
        {HEADER "alpha\tann\tbeta\tb1\t\t\n", LIST ":2", "a probability from 0 to 1"},
        {HEADER "alpha\tann\tbeta\tb1\t1\tmaybe\n", LIST ":2", "accept, reject"},
        {"alpha\tann\tbeta\n", LIST ":1", "a tab between"},
        {"alpha\t\tbeta\tb1\n", LIST ":1", "one of them is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_list(cases[i].list), STATUS_DATA);
        assert_string_equal(error.where, cases[i].where);
        assert_non_null(strstr(error.what, cases[i].says));
    }
    unlink(LIST);
    assert_int_equal(identity_file_read(LIST, datasets, 3, 0.5, groups, &counts, &error), STATUS_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(the_likelier_pair_has_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_persons_word_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
