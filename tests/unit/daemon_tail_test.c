/* dail tail: the screen, its widths, its exit codes, and the command on a log in a folder. */
#include "daemon/command/commands.h"
#include "daemon/tail/tail_chart.h"
#include "daemon/tail/tail_render.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define T0 1700000000.0

static const char *const records[] = {
    "{\"t\":1700000000,\"seq\":1,\"kind\":\"start\",\"version\":\"0.1.0\",\"name\":\"demo\",\"workers\":[{"
    "\"rank\":1,"
    "\"host\":\"node1\",\"pid\":7,\"threads\":4,\"isa\":\"avx512\"},{\"rank\":2,\"host\":\"node2\",\"pid\":8,"
    "\"threads\":4,\"isa\":\"avx2\"}],\"lanes\":2,\"global_batch\":32,\"parameters\":1000,\"steps\":100,"
    "\"steps_per_epoch\":40,\"resumed_from\":null,\"step\":0}",
    "{\"t\":1700000010,\"seq\":2,\"kind\":\"step\",\"epoch\":1,\"step\":10,\"steps\":100,\"loss\":4.5,\"loss_"
    "cls\":4.0,"
    "\"loss_dom\":0.5,\"accuracy\":0.1,\"domain_accuracy\":0.6,\"lambda\":0.05,\"lr\":0.1,\"grad_norm\":2.5,"
    "\"images_per_second\":16,\"eta_seconds\":180,\"seconds\":{\"data\":0.01,\"compute\":1.5,\"exchange\":0."
    "25},"
    "\"workers\":[{\"rank\":1,\"data\":0.01,\"compute\":1.5,\"exchange\":0.25},{\"rank\":2,\"data\":0.02,"
    "\"compute\":1.25,\"exchange\":0.5}]}",
    "{\"t\":1700000015,\"seq\":3,\"kind\":\"checkpoint\",\"step\":10,\"path\":\"runs/demo/checkpoints/"
    "step-000000010\","
    "\"bytes\":1000,\"seconds\":0.5}",
    "{\"t\":1700000016,\"seq\":4,\"kind\":\"eval\",\"step\":10,\"set\":\"lfw\",\"pairs\":600,\"accuracy\":0."
    "8525,"
    "\"accuracy_std\":0.0125,\"threshold\":1.25,\"auc\":0.9321}",
    "{\"t\":1700000016.5,\"seq\":5,\"kind\":\"groups\",\"step\":40,\"epoch\":1,\"pairs\":120,\"groups\":30,"
    "\"joined\":20,\"parted\":3,\"precision\":0.875,\"shared\":200.5,\"seconds\":0.5}",
    "{\"t\":1700000020,\"seq\":5,\"kind\":\"step\",\"epoch\":2,\"step\":60,\"steps\":100,\"loss\":2.5,\"loss_"
    "cls\":2.25,"
    "\"loss_dom\":0.25,\"accuracy\":0.5,\"domain_accuracy\":0.7,\"lambda\":0.05,\"lr\":0.05,\"grad_norm\":1."
    "5,"
    "\"images_per_second\":16,\"eta_seconds\":80,\"seconds\":{\"data\":0.01,\"compute\":1.5,\"exchange\":0."
    "25,\"exchange_hidden\":0.75},"
    "\"workers\":[]}",
    "{\"t\":1700000021,\"seq\":6,\"kind\":\"warning\",\"what\":\"the disk\\u0007 is \\u00e4lmost full\"}",
};

#define RECORDS (sizeof records / sizeof *records)

static void fold(struct status_summary *summary, const char *text)
{
    struct status_record record;
    assert_true(status_record_read(text, strlen(text), &record));
    status_summary_fold(summary, &record);
    status_record_free(&record);
}

static struct status_summary *make_summary(size_t count)
{
    struct status_summary *summary = calloc(1, sizeof *summary);
    status_summary_init(summary);
    for (size_t i = 0; i < count; i++) {
        fold(summary, records[i]);
    }
    return summary;
}

static struct tail_view view_of(int columns, bool utf8)
{
    return (struct tail_view){
        .path = "demo/status.jsonl", .columns = columns, .utf8 = utf8, .now = T0 + 30, .stale = 120};
}

/* The longest line in characters; lines are counted too. */
static int widest(const char *text, int *lines)
{
    int width = 0, most = 0;
    *lines = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            most = width > most ? width : most;
            width = 0;
            (*lines)++;
        } else {
            width += ((unsigned char)*text & 0xc0) != 0x80;
        }
    }
    return most;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("'%s' is missing in:\n%s", part, text);
    }
}

static void shows_the_run(void **state)
{
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    struct tail_view view = view_of(80, true);
    char *text = tail_render(summary, &view);
    has(text, "running  DAIL demo");
    has(text, "last record 9s ago");
    has(text, "epoch 2/3");
    has(text, "]  50%  20 of 40 steps");
    has(text, "step 60/100");
    has(text, "]  60%  eta 1m 20s, up 30s");
    has(text, "  identity   2.2500 █▁\n");
    has(text, "  domain     0.2500 █▁\n");
    has(text,
        "speed 16.0 images/s, 2.00 s a step\n  data 0.010, compute 1.500, exchange 0.250 s (75% hidden)\n");
    has(text, "lr 0.05   lambda 0.05   gradient norm 1.5");
    has(text, "accuracy 50.0 %, of the dataset guessed 70.0 %");
    has(text, "checkpoint: step 10, 15s ago, runs/demo/checkpoints/step-000000010");
    has(text, "eval lfw                  85.25 +- 1.25 %, AUC 0.9321, step 10");
    has(text, "identity groups: 30, 120 pairs, 88 % expected to be right, step 40");
    has(text, "warning: the disk? is älmost full");
    has(text, "rank 1   node1           4 x avx512  data 0.010  compute 1.500  exchange 0.250 s");
    has(text, "rank 2   node2");
    free(text);
    free(summary);
}

/* Numbers that no run has, but a damaged log may. */
static void shows_any_numbers(void **state)
{
    static const char *const damaged[] = {
        "{\"t\":-1e300,\"kind\":\"start\",\"steps\":9223372036854775807,"
        "\"steps_per_epoch\":9223372036854775807,\"workers\":[]}",
        "{\"t\":1e300,\"kind\":\"step\",\"epoch\":-9223372036854775808,\"step\":9223372036854775807,"
        "\"steps\":-9223372036854775808,\"eta_seconds\":1e300,\"loss_cls\":1.7e308,\"loss_dom\":-1.7e308}",
        "{\"t\":0,\"kind\":\"step\",\"eta_seconds\":1e300,\"loss_cls\":-1.7e308,\"loss_dom\":1.7e308}",
        "{\"t\":0,\"kind\":\"step\",\"epoch\":9223372036854775807,\"eta_seconds\":1e300,\"loss_cls\":0,"
        "\"loss_dom\":0}"};
    (void)state;
    struct status_summary *summary = calloc(1, sizeof *summary);
    status_summary_init(summary);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        fold(summary, damaged[i]);
    }
    struct tail_view view = view_of(80, true);
    char *text = tail_render(summary, &view);
    has(text, "eta -, up -");
    has(text, "  identity   0.0000 █▁▅\n");
    has(text, "  domain     0.0000 ▁█▅\n");
    free(text);
    free(summary);
}

static void fits_any_terminal(void **state)
{
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    for (int columns = 40; columns <= 300; columns += 13) {
        for (int utf8 = 0; utf8 < 2; utf8++) {
            struct tail_view view = view_of(columns, utf8);
            int lines;
            char *text = tail_render(summary, &view);
            assert_true(widest(text, &lines) <= columns);
            for (const char *at = text; *at != '\0'; at++) {
                assert_true(utf8 || (unsigned char)*at < 0x80);
                assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
            }
            free(text);
        }
    }
    free(summary);
}

static void shows_a_fault_to_its_end(void **state)
{
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    fold(summary, "{\"t\":1700000022,\"seq\":7,\"kind\":\"fault\",\"rank\":2,\"host\":\"node2\",\"what\":"
                  "\"the bytes of "
                  "an image are damaged (dataset lfw: data/lfw-00003.h5); copy the shard again\"}");
    struct tail_view view = view_of(40, true);
    int lines;
    char *text = tail_render(summary, &view);
    assert_true(widest(text, &lines) <= 40);
    has(text, "\nfault: rank 2@node2: the bytes of an\nimage are damaged (dataset lfw:\ndata/lfw-00003.h5); "
              "copy the shard again\n");
    free(text);
    free(summary);
}

static void give_workers(struct status_summary *summary, int count)
{
    summary->worker_count = count;
    for (int i = 0; i < count; i++) {
        summary->workers[i] = summary->workers[0];
        summary->workers[i].rank = i + 1;
    }
}

static void leaves_workers_out_that_do_not_fit(void **state)
{
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    give_workers(summary, 100);
    struct tail_view view = view_of(80, false);
    int lines;
    view.rows = 24;
    char *text = tail_render(summary, &view);
    widest(text, &lines);
    assert_int_equal(lines, 23);
    has(text, "\n... 92 more workers\n");
    free(text);
    view.rows = 0;
    text = tail_render(summary, &view);
    has(text, "rank 100 ");
    free(text);
    free(summary);
}

/* Where each of the words stands in the text, in this order. */
static void has_in_order(const char *text, const char *const *words, size_t count)
{
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(at, words[i]);
        if (!found) {
            fail_msg("'%s' is missing, or comes too early, in:\n%s", words[i], text);
        }
        at = found + 1;
    }
}

static void puts_the_slowest_of_many_workers_first(void **state)
{
    static const char *const slow[] = {"\nrank 77 ", "\nrank 5 ",  "\nrank 1 ",
                                       "\nrank 2 ",  "\nrank 99 ", "\nrank 40 "};
    static const char *const ranks[] = {"\nrank 1 ", "\nrank 2 ", "\nrank 3 ", "\nrank 8 "};
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    give_workers(summary, 99);
    summary->workers[76].seconds.compute = 3;
    summary->workers[4].seconds.data = 1; /* whoever waits for images is waited for, too */
    summary->workers[39].seconds.compute = NAN;
    struct tail_view view = view_of(80, false);
    char *text = tail_render(summary, &view);
    has_in_order(text, slow, sizeof slow / sizeof *slow);
    free(text);
    /* A few that fit stay where they are. */
    summary->worker_count = 8;
    text = tail_render(summary, &view);
    has_in_order(text, ranks, sizeof ranks / sizeof *ranks);
    free(text);
    view.rows = 20;
    text = tail_render(summary, &view);
    has_in_order(text, &slow[1], 2);
    free(text);
    free(summary);
}

static void keeps_the_state_and_progress_on_a_small_terminal(void **state)
{
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    give_workers(summary, 100);
    for (int rows = 5; rows <= 40; rows++) {
        for (int utf8 = 0; utf8 < 2; utf8++) {
            struct tail_view view = view_of(80, utf8);
            int lines;
            view.rows = rows;
            char *text = tail_render(summary, &view);
            widest(text, &lines);
            assert_true(lines == rows - 1);
            assert_memory_equal(text, "running  DAIL demo", 18);
            has(text, "\nepoch 2/3 ");
            has(text, "\nstep 60/100 ");
            has(text, utf8 ? "\n… " : "\n... ");
            free(text);
        }
    }
    /* What went wrong is more than how it went. */
    fold(summary, "{\"t\":1700000022,\"kind\":\"fault\",\"rank\":2,\"host\":\"node2\",\"what\":\"gone\"}");
    struct tail_view view = view_of(80, false);
    view.rows = 10;
    char *text = tail_render(summary, &view);
    has(text, "\nloss 2.5");
    has(text, "\nspeed 16.0");
    has(text, "\ncheckpoint: step 10");
    has(text, "\nfault: rank 2@node2: gone\n");
    has(text, " more lines\n");
    free(text);
    free(summary);
}

static void marks_what_is_cut(void **state)
{
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    struct tail_view view = view_of(40, true);
    int lines;
    char *text = tail_render(summary, &view);
    assert_int_equal(widest(text, &lines), 40);
    has(text, "\ncheckpoint: step 10, 15s ago, runs/demo…\n");
    has(text, "\nspeed 16.0 images/s, 2.00 s a step\n");
    free(text);
    view = view_of(40, false);
    text = tail_render(summary, &view);
    has(text, "\ncheckpoint: step 10, 15s ago, runs/de...\n");
    free(text);
    free(summary);
}

static void is_never_in_an_epoch_beyond_the_last(void **state)
{
    static const struct {
        const char *record, *epoch;
    } cases[] = {
        {"{\"kind\":\"start\",\"step\":0,\"steps\":600,\"steps_per_epoch\":10}", "epoch 1/60"},
        {"{\"kind\":\"start\",\"step\":10,\"steps\":600,\"steps_per_epoch\":10,\"resumed_from\":\"x\"}",
         "epoch 1/60"},
        {"{\"kind\":\"step\",\"epoch\":2,\"step\":11,\"steps\":600}", "epoch 2/60"},
        {"{\"kind\":\"start\",\"step\":600,\"steps\":600,\"steps_per_epoch\":10,\"resumed_from\":\"x\"}",
         "epoch 60/60"},
        {"{\"kind\":\"step\",\"epoch\":61,\"step\":600,\"steps\":600}", "epoch 60/60"},
        {"{\"kind\":\"step\",\"epoch\":0,\"step\":3,\"steps\":600}", "epoch 1/60"}};
    (void)state;
    struct status_summary *summary = make_summary(0);
    struct tail_view view = view_of(80, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fold(summary, cases[i].record);
        char *text = tail_render(summary, &view);
        has(text, cases[i].epoch);
        free(text);
    }
    free(summary);
}

static void tells_states_apart(void **state)
{
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    struct tail_view view = view_of(80, false);
    assert_int_equal(tail_exit_code(summary, &view), 0);
    view.now = T0 + 21 + 119;
    assert_int_equal(tail_exit_code(summary, &view), 0);
    view.now = T0 + 21 + 121;
    assert_int_equal(tail_exit_code(summary, &view), 3);
    assert_string_equal(tail_state(summary, &view), "stalled");
    /* Long before, the coordinator has given no sign of life; once it has ended it need not. */
    view.now = T0 + 40;
    view.silent = 14;
    char *screen = tail_render(summary, &view);
    assert_null(strstr(screen, "no sign of life"));
    free(screen);
    view.silent = 19;
    screen = tail_render(summary, &view);
    has(screen, "no sign of life from the coordinator for 19s");
    free(screen);
    assert_string_equal(tail_state(summary, &view), "running");
    view.now = T0 + 21 + 121;
    fold(summary, "{\"t\":1700000022,\"seq\":7,\"kind\":\"stop\",\"reason\":\"done\",\"exit_code\":0}");
    assert_int_equal(tail_exit_code(summary, &view), 0);
    assert_string_equal(tail_state(summary, &view), "done");
    fold(summary,
         "{\"t\":1700000022,\"seq\":8,\"kind\":\"stop\",\"reason\":\"stopped on request\",\"exit_code\":75}");
    assert_int_equal(tail_exit_code(summary, &view), 0);
    fold(summary, "{\"t\":1700000022,\"seq\":9,\"kind\":\"stop\",\"reason\":\"failed\",\"exit_code\":5}");
    assert_int_equal(tail_exit_code(summary, &view), 4);
    free(summary);
    summary = make_summary(0);
    assert_int_equal(tail_exit_code(summary, &view), 1);
    char *text = tail_render(summary, &view);
    assert_string_equal(text, "demo/status.jsonl: no record yet\n");
    free(text);
    free(summary);
}

static void gives_the_same_as_json(void **state)
{
    (void)state;
    struct status_summary *summary = make_summary(RECORDS);
    struct tail_view view = view_of(80, true);
    summary->step.grad_norm = NAN;
    json_t *object = tail_json(summary, &view);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "state")), "running");
    assert_int_equal(json_integer_value(json_object_get(object, "step")), 60);
    assert_true(json_number_value(json_object_get(object, "loss")) == 2.5);
    assert_true(json_is_null(json_object_get(object, "grad_norm")));
    json_t *worker = json_array_get(json_object_get(object, "workers"), 1);
    assert_true(json_number_value(json_object_get(worker, "exchange")) == 0.5);
    json_t *seconds = json_object_get(object, "seconds");
    assert_true(json_number_value(json_object_get(seconds, "exchange_hidden")) == 0.75);
    json_t *eval = json_array_get(json_object_get(object, "evals"), 0);
    assert_true(json_number_value(json_object_get(eval, "accuracy")) == 0.8525);
    json_t *checkpoint = json_object_get(object, "checkpoint");
    assert_int_equal(json_integer_value(json_object_get(checkpoint, "step")), 10);
    assert_int_equal(json_array_size(json_object_get(object, "loss_history")), 2);
    json_decref(object);
    free(summary);
}

static void draws_charts(void **state)
{
    (void)state;
    char text[256];
    const double values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    tail_sparkline(values, 8, 20, true, text, sizeof text);
    assert_string_equal(text, "▁▂▃▄▅▆▇█");
    tail_sparkline(values, 8, 20, false, text, sizeof text);
    assert_string_equal(text, "_.,-~=+#");
    tail_sparkline(values, 8, 4, false, text, sizeof text); /* means 0.5, 2.5, 4.5, 6.5 */
    assert_string_equal(text, "_,=#");
    const double gaps[] = {1, NAN, 2, INFINITY};
    tail_sparkline(gaps, 4, 4, false, text, sizeof text);
    assert_string_equal(text, "_ # ");
    tail_sparkline(gaps, 0, 4, false, text, sizeof text);
    assert_string_equal(text, "");
    tail_bar(0.5, 4, false, text, sizeof text);
    assert_string_equal(text, "[##--]  50%");
    tail_bar(1.5, 2, true, text, sizeof text);
    assert_string_equal(text, "[██] 100%");
    tail_bar(NAN, 2, false, text, sizeof text);
    assert_string_equal(text, "[--]   0%");
}

/* Runs `dail tail --once --json [--stale S] FOLDER`; what it prints goes to `text`. */
static enum status run_command(const char *folder, const char *stale, char *text, size_t size,
                               struct error *error)
{
    char words[6][256] = {"tail", "--once", "--json", "--stale"};
    char *argv[7] = {words[0], words[1], words[2], words[3], words[4], words[5], NULL};
    snprintf(words[4], sizeof words[4], "%s", stale);
    snprintf(words[5], sizeof words[5], "%s", folder);
    FILE *file = tmpfile();
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    *error = (struct error){0};
    enum status status = command_execute(&command_tail, 6, argv, error);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    return status;
}

static void is_a_command(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    char folder[200], path[256], text[8192];
    struct error error;
    snprintf(folder, sizeof folder, "%s/dail-tail-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(run_command(folder, "10", text, sizeof text, &error), 1);
    assert_non_null(strstr(error.what, "no status log"));
    snprintf(path, sizeof path, "%s/status.jsonl", folder);
    FILE *log = fopen(path, "w");
    for (size_t i = 0; i < RECORDS; i++) {
        fprintf(log, "%s\n", records[i]);
    }
    fprintf(log, "{\"t\":17000000"); /* being written */
    fclose(log);
    assert_int_equal(run_command(folder, "10", text, sizeof text, &error), 3);
    assert_int_equal(error.status, STATUS_OK);
    has(text, "\"state\":\"stalled\"");
    assert_int_equal(run_command(folder, "1e9", text, sizeof text, &error), 0);
    has(text, "\"state\":\"running\"");
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_the_run),
        cmocka_unit_test(shows_any_numbers),
        cmocka_unit_test(fits_any_terminal),
        cmocka_unit_test(shows_a_fault_to_its_end),
        cmocka_unit_test(leaves_workers_out_that_do_not_fit),
        cmocka_unit_test(puts_the_slowest_of_many_workers_first),
        cmocka_unit_test(keeps_the_state_and_progress_on_a_small_terminal),
        cmocka_unit_test(marks_what_is_cut),
        cmocka_unit_test(is_never_in_an_epoch_beyond_the_last),
        cmocka_unit_test(tells_states_apart),
        cmocka_unit_test(gives_the_same_as_json),
        cmocka_unit_test(draws_charts),
        cmocka_unit_test(is_a_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
