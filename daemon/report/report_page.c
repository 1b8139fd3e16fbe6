#include "daemon/report/report_page.h"

#include "daemon/report/html.h"

#include <stdlib.h>

struct section {
    const char *anchor, *title;
    void (*write)(const struct report *report, FILE *out); /* a table behind the figures; NULL: none */
};

static const struct section sections[REPORT_SECTIONS] = {
    [REPORT_TRAINING] = {"training", "Training", NULL},
    [REPORT_VERIFICATION] = {"verification", "Verification", report_write_verification},
    [REPORT_DATASETS] = {"datasets", "Datasets", report_write_datasets},
    [REPORT_SPEED] = {"speed", "Speed", report_write_speed},
};

static void write_keys(const struct plot *plot, FILE *out)
{
    if (plot->count < 2) {
        return;
    }
    fputs("<ul class=\"keys\">", out);
    for (size_t c = 0; c < plot->count; c++) {
        const struct plot_curve *curve = &plot->curves[c];
        if (curve->style == PLOT_RULE) {
            fputs("<li><i class=\"rule\"></i>", out);
        } else {
            const char *class = curve->style == PLOT_POINTS   ? " class=\"dot\""
                                : curve->color >= PLOT_COLORS ? " class=\"dash\""
                                                              : "";
            fprintf(out, "<li><i%s style=\"color:var(--plot-%d)\"></i>", class, curve->color % PLOT_COLORS);
        }
        html_text(out, curve->name);
        fputs("</li>", out);
    }
    fputs("</ul>\n", out);
}

static enum status write_drawing(const struct report_figure *figure, FILE *out, struct error *error)
{
    char *svg;
    enum status status = plot_svg(&figure->plot, figure->id, &svg, error);
    if (status != STATUS_OK) {
        return status;
    }
    fputs("<div role=\"img\" aria-label=\"", out);
    html_text(out, figure->title);
    fprintf(out, "\">%s</div>\n", svg);
    free(svg);
    write_keys(&figure->plot, out);
    return STATUS_OK;
}

static void write_paragraph(const char *class, const char *text, FILE *out)
{
    if (text[0] != '\0') {
        fprintf(out, "<p class=\"%s\">", class);
        html_text(out, text);
        fputs("</p>", out);
    }
}

static enum status write_figure(const struct report_figure *figure, FILE *out, struct error *error)
{
    bool empty = plot_is_empty(&figure->plot);
    enum status status = STATUS_OK;
    fprintf(out, "<figure id=\"%s\">\n<h3>", figure->id);
    html_text(out, figure->title);
    fputs("</h3>\n", out);
    struct error refused = {0};
    if (!empty) {
        status = write_drawing(figure, out, &refused);
    }
    fputs("<figcaption>", out);
    if (status == STATUS_INTERNAL) {
        /* One drawing that fails is no reason for no page. */
        write_paragraph("trouble", refused.what, out);
        status = STATUS_OK;
    } else if (status != STATUS_OK) {
        *error = refused;
    }
    write_paragraph("trouble",
                    empty && figure->missing[0] == '\0' ? "There is nothing to draw: no number is finite."
                                                        : figure->missing,
                    out);
    write_paragraph("caption", empty ? "" : figure->caption, out);
    fputs("</figcaption>\n</figure>\n", out);
    return status;
}

static enum status write_section(const struct report *report, enum report_section section, FILE *out,
                                 struct error *error)
{
    enum status status = STATUS_OK;
    fprintf(out, "<section id=\"%s\">\n<h2>%s</h2>\n<div class=\"figures\">\n", sections[section].anchor,
            sections[section].title);
    for (size_t i = 0; i < report->figures->count && status == STATUS_OK; i++) {
        if (report->figures->figure[i].section == section) {
            status = write_figure(&report->figures->figure[i], out, error);
        }
    }
    fputs("</div>\n", out);
    if (sections[section].write) {
        sections[section].write(report, out);
    }
    fputs("</section>\n", out);
    return status;
}

static void write_configuration(const struct report *report, FILE *out)
{
    fputs("<section id=\"configuration\">\n<h2>Configuration</h2>\n", out);
    if (report->config_text) {
        fputs("<pre>", out);
        html_text(out, report->config_text);
        fputs("</pre>\n", out);
    } else {
        write_paragraph("trouble", report->config_trouble, out);
    }
    fputs("</section>\n", out);
}

static void write_head(const struct report *report, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    html_print(out, "DAIL: %s", report->log->summary->name);
    fputs("</title>\n", out);
    report_write_style(out);
    fputs("</head>\n<body>\n", out);
}

static void write_links(FILE *out)
{
    fputs("<nav>", out);
    for (int i = 0; i < REPORT_SECTIONS; i++) {
        fprintf(out, "<a href=\"#%s\">%s</a>", sections[i].anchor, sections[i].title);
    }
    fputs("<a href=\"#checkpoints\">Checkpoints</a><a href=\"#starts\">Starts</a>"
          "<a href=\"#configuration\">Configuration</a></nav>\n",
          out);
}

enum status report_page_write(const struct report *report, FILE *out, struct error *error)
{
    enum status status = STATUS_OK;
    write_head(report, out);
    report_write_summary(report, out);
    write_links(out);
    for (int i = 0; i < REPORT_SECTIONS && status == STATUS_OK; i++) {
        status = write_section(report, (enum report_section)i, out, error);
    }
    fputs("<section id=\"checkpoints\">\n<h2>Checkpoints</h2>\n", out);
    report_write_checkpoints(report, out);
    fputs("</section>\n<section id=\"starts\">\n<h2>Starts, warnings and faults</h2>\n", out);
    report_write_starts(report, out);
    report_write_notes(report, out);
    fputs("</section>\n", out);
    write_configuration(report, out);
    fputs("</body>\n</html>\n", out);
    return status;
}
