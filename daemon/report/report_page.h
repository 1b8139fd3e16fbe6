/* The report of a run as one HTML page that needs no other file and no network.
 */
#ifndef DAIL_DAEMON_REPORT_REPORT_PAGE_H
#define DAIL_DAEMON_REPORT_REPORT_PAGE_H

#include "daemon/report/report_figure.h"

#include <stdio.h>

struct report {
    const char *run_dir;
    double now; /* Unix seconds: when the report is made */
    const struct report_log *log;
    const struct report_model *model; /* NULL: left out */
    const struct report_figures *figures;
    const char *config_text; /* RUN/config.yaml; NULL where it cannot be read */
    const char *config_trouble; /* then why */
};

/* Draws the figures and writes the page; the caller looks after the stream's own errors. Errors as plot_svg.
 */
enum status report_page_write(const struct report *report, FILE *out, struct error *error);

/* The parts of it. A table comes with its heading row and says in words when it has no other. */
void report_write_summary(const struct report *report, FILE *out);
void report_write_verification(const struct report *report, FILE *out);
void report_write_datasets(const struct report *report, FILE *out);
void report_write_speed(const struct report *report, FILE *out);
void report_write_checkpoints(const struct report *report, FILE *out);
void report_write_starts(const struct report *report, FILE *out);
void report_write_notes(const struct report *report, FILE *out);

/* The page's <style> element. */
void report_write_style(FILE *out);

#endif
