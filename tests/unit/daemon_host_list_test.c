/* daemon/supervisor/host_list.h: hostfiles, and how workers are spread over hosts. */
#include "daemon/supervisor/host_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static enum status read_text(const char *text, struct host_list *list, struct error *error)
{
    char path[] = "/tmp/dail-hosts.XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
    enum status status = host_list_read(path, list, error);
    unlink(path);
    return status;
}

static void test_read(void **state)
{
    (void)state;
    struct host_list list;
    struct error error;
    assert_int_equal(read_text("# the lab\nalpha slots=4\n\n  beta\t slots=8 max_slots=2 # small\r\ngamma\n"
                               "alpha slots=1\nlocalhost slots=3",
                               &list, &error),
                     STATUS_OK);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.host[0].name, "alpha");
    assert_int_equal(list.host[0].slots, 5);
    assert_int_equal(list.host[1].slots, 2);
    assert_int_equal(list.host[2].slots, 1);
    assert_true(list.host[3].local && !list.host[0].local);
    assert_int_equal(host_list_slots(&list), 11);
    list.host[0].answers = false;
    assert_int_equal(host_list_slots(&list), 6);
    host_list_free(&list);
}

static void refuses(const char *text, const char *where)
{
    struct host_list list;
    struct error error = {0};
    assert_int_equal(read_text(text, &list, &error), STATUS_USAGE);
    assert_non_null(strstr(error.where, where));
    host_list_free(&list);
}

static void test_refused(void **state)
{
    (void)state;
    refuses("alpha slots=4\nbeta slots=many\n", ":2");
    refuses("alpha slots=0\n", ":1");
    refuses("alpha slots=99999999999999999999\n", ":1");
    refuses("alpha 4\n", ":1");
    refuses("alpha,beta\n", ":1");
    refuses("# nobody\n", "/tmp/");
}

static void test_fit(void **state)
{
    (void)state;
    assert_int_equal(host_list_fit(8, 12), 6);
    assert_int_equal(host_list_fit(6, 12), 6);
    assert_int_equal(host_list_fit(5, 7), 4); /* two rounds, as five would take */
    assert_int_equal(host_list_fit(7, 64), 7);
    assert_int_equal(host_list_fit(20, 7), 7);
    assert_int_equal(host_list_fit(5, 0), 5);
    assert_int_equal(host_list_fit(0, 4), 0);
}

static void test_place(void **state)
{
    (void)state;
    struct host_list list;
    struct error error;
    assert_int_equal(read_text("a slots=4\nb slots=1\nc slots=4\nd slots=4\n", &list, &error), STATUS_OK);
    list.host[2].answers = false;
    host_list_place(&list, 6);
    assert_int_equal(list.host[0].workers, 3);
    assert_int_equal(list.host[1].workers, 1);
    assert_int_equal(list.host[2].workers, 0);
    assert_int_equal(list.host[3].workers, 2);
    host_list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_place),
    };
    return cmocka_run_group_tests_name("daemon/host_list", tests, NULL, NULL);
}
