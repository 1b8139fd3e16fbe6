/* The status log: read, folded, shown in both forms, taken into a report, and gone on with.
 * Covers: proto/status/status_log.c proto/status/status_reader.c proto/status/status_digest.c
 * Covers: proto/status/status_record.c proto/status/status_summary.c
 * Covers: daemon/tail/tail_render.c daemon/tail/tail_chart.c daemon/report/report_log.c
 * Covers: daemon/report/report_figures_log.c */
#include "daemon/report/report_figure.h"
#include "daemon/tail/tail_render.h"
#include "proto/status/status_log.h"
#include "proto/status/status_reader.h"
#include "tests/fuzz/fuzz.h"

static void show(const struct status_summary *summary, const char *path, bool utf8)
{
    const struct tail_view view = {.path = path,
                                   .columns = 40,
                                   .rows = utf8 ? 10 : 0,
                                   .utf8 = utf8,
                                   .color = utf8,
                                   .now = 1e9,
                                   .stale = 60};
    char *text = tail_render(summary, &view);
    fuzz_require(text, "every summary can be shown");
    free(text);
    json_t *object = tail_json(summary, &view);
    char *json = object ? json_dumps(object, JSON_COMPACT) : NULL;
    fuzz_require(json, "every summary can be put as JSON");
    free(json);
    json_decref(object);
    tail_exit_code(summary, &view);
}

/* All of a report but the drawing by gnuplot. */
static void report(const char *path)
{
    static struct report_figures figures;
    struct report_log log;
    struct error error;
    if (report_log_read(path, &log, &error) == STATUS_OK) {
        report_figures_of_log(&log, &figures);
        fuzz_require(!figures.no_memory, "every log has its figures");
        report_figures_free(&figures);
    }
    report_log_free(&log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct status_summary summary;
    struct status_reader reader;
    const struct status_record warning = {.kind = STATUS_KIND_WARNING, .warning = {.what = "fuzzed"}};
    const struct status_log_limits limits = {.bytes = 64, .keep = 1};
    struct status_log log;
    struct error error;
    char path[512];
    fuzz_write("status.jsonl", data, size, path, sizeof path);
    status_summary_init(&summary);
    status_reader_open(&reader, path);
    struct status_record record;
    while (status_reader_next(&reader, &record)) {
        status_summary_fold(&summary, &record);
        json_t *again = status_record_json(&record);
        fuzz_require(again || record.kind == STATUS_KIND_UNKNOWN, "every record that is read can be written");
        json_decref(again);
        status_record_free(&record);
    }
    status_reader_close(&reader);
    show(&summary, path, true);
    show(&summary, path, false);
    report(path);
    if (status_log_open(&log, path, &limits, NULL, &error) == STATUS_OK) {
        fuzz_require(status_log_write(&log, &warning, &error) == STATUS_OK, "every log can be gone on with");
        fuzz_require(status_log_write(&log, &warning, &error) == STATUS_OK, "and rotated");
        status_log_close(&log);
    }
    return 0;
}
