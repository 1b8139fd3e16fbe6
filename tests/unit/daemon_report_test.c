/* What a report makes of a status log, and of text that is not its own. */
#include "daemon/report/html.h"
#include "daemon/report/plot.h"
#include "daemon/report/report_figure.h"
#include "daemon/report/report_log.h"
#include "proto/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads a log of this text. */
static enum status read_log(const char *text, struct report_log *log)
{
    char path[256];
    struct error error;
    const char *base = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/daemon_report_XXXXXX", base ? base : "/tmp");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    close(descriptor);
    enum status status = report_log_read(path, log, &error);
    unlink(path);
    return status;
}

#define START(step) "{\"t\": 1, \"kind\": \"start\", \"step\": " #step ", \"workers\": [{\"rank\": 1}]}\n"
#define STEP(step, loss) "{\"t\": 2, \"kind\": \"step\", \"step\": " #step ", \"loss\": " #loss "}\n"

static void test_a_start_takes_the_place_of_what_was_beyond(void **state)
{
    (void)state;
    struct report_log log;
    assert_int_equal(
        read_log(START(0) STEP(1, 9) STEP(2, 8)
                     STEP(3, 7) "{\"kind\": \"checkpoint\", \"step\": 2}\n"
                                "{\"kind\": \"eval\", \"step\": 3, \"set\": \"a\"}\n" START(2) STEP(3, 5)
                                    STEP(4, 4) START(3) STEP(
                                        4, 3) "{\"kind\": \"stop\", \"exit_code\": 75, \"reason\": \"r\"}\n",
                 &log),
        STATUS_OK);
    static const double losses[] = {9, 8, 5, 3};
    assert_int_equal(log.step_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(log.steps[i].step, i + 1);
        assert_true(log.steps[i].loss == losses[i]);
        assert_true(isnan(log.steps[i].lr));
    }
    assert_int_equal(log.replaced, 2);
    assert_int_equal(log.eval_count, 0);
    assert_int_equal(log.checkpoint_count, 1);
    assert_int_equal(log.start_count, 3);
    assert_int_equal(log.starts[0].reached, 3);
    assert_int_equal(log.starts[1].stop.kind, STATUS_KIND_UNKNOWN);
    assert_int_equal(log.starts[2].stop.kind, STATUS_KIND_STOP);
    assert_int_equal(log.starts[2].stop.stop.exit_code, 75);
    report_log_free(&log);
}

static void test_workers_are_averaged_since_the_last_start(void **state)
{
    (void)state;
#define SECONDS(compute)                                                                                     \
    "{\"kind\": \"step\", \"step\": 1, \"workers\": [{\"rank\": 1, \"data\": 0, \"compute\": " #compute      \
    ", \"exchange\": 0.5}]}\n"
    struct report_log log;
    assert_int_equal(read_log(START(0) SECONDS(90) START(0) SECONDS(1) SECONDS(null) SECONDS(3), &log),
                     STATUS_OK);
    assert_int_equal(log.worker_count, 1);
    assert_int_equal(log.workers[0].reports, 2);
    assert_true(log.workers[0].mean.compute == 2);
    assert_true(log.workers[0].mean.exchange == 0.5);
    report_log_free(&log);
}

static void test_logs_that_tell_nothing(void **state)
{
    (void)state;
    struct report_log log;
    assert_int_equal(read_log("", &log), STATUS_DATA);
    report_log_free(&log);
    assert_int_equal(read_log("no record\n[1]\n", &log), STATUS_DATA);
    report_log_free(&log);
}

/* More records than a figure has points: each point is a mean, and none is lost. */
static void test_long_runs_are_thinned(void **state)
{
    (void)state;
    struct report_log log = {.step_count = 10007};
    struct report_figures *figures = calloc(1, sizeof *figures);
    log.steps = calloc(log.step_count, sizeof *log.steps);
    for (size_t i = 0; i < log.step_count; i++) {
        log.steps[i].step = (int64_t)i + 1;
        log.steps[i].loss = i == 5 ? (double)NAN : (double)i + 1;
    }
    report_figures_of_log(&log, figures);
    assert_string_equal(figures->figure[0].id, "losses");
    const struct plot_curve *curve = &figures->figure[0].plot.curves[0];
    assert_true(curve->count > 100 && curve->count < 1000);
    for (size_t i = 1; i < curve->count; i++) {
        assert_true(fabs(curve->y[i] - curve->x[i]) < 1e-6);
    }
    assert_true(curve->x[0] < 20 && curve->x[curve->count - 1] > 9990);
    report_figures_free(figures);
    free(figures);
    free(log.steps);
}

static void assert_shown(const char *text, const char *expected)
{
    char *found = NULL;
    size_t size;
    FILE *out = open_memstream(&found, &size);
    html_text(out, text);
    fclose(out);
    assert_string_equal(found, expected);
    free(found);
}

static void test_text_stays_text(void **state)
{
    (void)state;
    assert_shown("größe 3 < 4", "größe 3 &lt; 4");
    assert_shown("</pre><a href=\"x\" b='y'>&amp;",
                 "&lt;/pre&gt;&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
    assert_shown("a\tb\nc\x01\x7f", "a\tb\nc\xef\xbf\xbd\xef\xbf\xbd");
    assert_shown("\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_a_plot_as_an_element(void **state)
{
    (void)state;
    double x[] = {1, 2, 3}, y[] = {1, NAN, 2};
    struct plot_curve curve = {
        .name = "'; system 'false'", .style = PLOT_LINE, .color = 3, .x = x, .y = y, .count = 3};
    struct plot plot = {.title = "t", .x_label = "step", .y_label = "loss", .curves = &curve, .count = 1};
    plot.x_min = plot.x_max = plot.y_min = plot.y_max = NAN;
    struct error error = {0};
    char *svg = NULL;
    enum status status = plot_svg(&plot, "name", &svg, &error);
    if (status == STATUS_USAGE) {
        skip(); /* no gnuplot */
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(strncmp(svg, "<svg", 4), 0);
    assert_non_null(strstr(svg, "var(--plot-3)"));
    assert_non_null(strstr(svg, "var(--plot-frame)"));
    assert_non_null(strstr(svg, ">loss</text>"));
    assert_null(strstr(svg, "<title"));
    assert_null(strstr(svg, "http"));
    assert_null(strstr(svg, "rgb("));
    free(svg);
    curve.count = 0;
    assert_true(plot_is_empty(&plot));
    assert_int_equal(plot_svg(&plot, "name", &svg, &error), STATUS_INTERNAL);
}

/* Where a text of a drawing stands, from above; fails where it is not. */
static double height_of(const char *drawing, const char *text)
{
    char element[256];
    double x, y = -1;
    snprintf(element, sizeof element, "<text>%s</text>", text);
    const char *place = strstr(drawing, element);
    if (!place) {
        fail_msg("no text '%s'", text);
        return 0;
    }
    while (place > drawing && strncmp(place, "translate(", 10) != 0) {
        place--;
    }
    assert_int_equal(sscanf(place, "translate(%lf,%lf)", &x, &y), 2);
    return y;
}

/* A legend of any size lies below the axis, whole, and no two of its names on each other. */
static void test_a_drawing_has_room_for_its_legend(void **state)
{
    (void)state;
    enum { CURVES = 24 };
    static struct plot_curve curves[CURVES];
    const size_t counts[] = {1, 3, 5, CURVES};
    char path[256], *drawing = NULL;
    double x[] = {1, 2}, y[] = {1, 2};
    size_t size;
    const char *base = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/daemon_report_%d.svg", base ? base : "/tmp", (int)getpid());
    for (size_t i = 0; i < CURVES; i++) {
        curves[i] = (struct plot_curve){
            .style = i % 2 ? PLOT_POINTS : PLOT_AREA, .color = (int)i, .x = x, .y = y, .count = 2};
        snprintf(curves[i].name, sizeof curves[i].name, "%.*s %zu", i % 3 ? 8 : 40,
                 "a name that is as long as those of datasets often are", i);
    }
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        struct plot plot = {.title = "its title", .x_label = "steps done", .y_label = "y", .curves = curves};
        struct error error = {0};
        plot.count = counts[n];
        plot.x_min = plot.x_max = plot.y_min = plot.y_max = NAN;
        enum status status = plot_file(&plot, path, &error);
        if (status == STATUS_USAGE) {
            skip(); /* no gnuplot */
        }
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(file_read(path, 1 << 20, &drawing, &size, &error), STATUS_OK);
        double width, height, label = height_of(drawing, "steps done"), last = label;
        assert_int_equal(sscanf(strstr(drawing, "viewBox="), "viewBox=\"0 0 %lf %lf\"", &width, &height), 2);
        assert_in_range(height_of(drawing, "its title"), 10, 30);
        for (size_t i = 0; i < counts[n]; i++) {
            double at = height_of(drawing, curves[i].name);
            assert_true(at > label + 14 && at < height - 3);
            last = at > last ? at : last;
        }
        assert_true(last - label < height - 500);
        free(drawing);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_start_takes_the_place_of_what_was_beyond),
        cmocka_unit_test(test_workers_are_averaged_since_the_last_start),
        cmocka_unit_test(test_logs_that_tell_nothing),
        cmocka_unit_test(test_long_runs_are_thinned),
        cmocka_unit_test(test_text_stays_text),
        cmocka_unit_test(test_a_plot_as_an_element),
        cmocka_unit_test(test_a_drawing_has_room_for_its_legend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
