#include "daemon/report/plot.h"

#include "daemon/report/gnuplot.h"
#include "proto/file.h"
#include "proto/text.h"
#include "proto/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shade {
    const char *light, *dark;
};

static const struct shade frame = {"#57606a", "#9ba4ae"};
static const struct shade grid = {"#dfe3e8", "#343b44"};
/* Apart from each other also for most who see few colours, and from the ground by a contrast of 4 or more. */
static const struct shade shades[PLOT_COLORS] = {
    {"#1f62d0", "#6cb0ff"}, {"#c4560a", "#ff9d4d"}, {"#1a7f37", "#56d364"}, {"#8250df", "#c297ff"},
    {"#cf222e", "#ff7b72"}, {"#0e7c86", "#4dd0d9"}, {"#7a6a00", "#e3c94a"}, {"#b8327f", "#ff8fc8"}};

static const char *shade_of(const struct shade *shade, bool dark)
{
    return dark ? shade->dark : shade->light;
}

const char *plot_frame_color(bool dark)
{
    return shade_of(&frame, dark);
}

const char *plot_grid_color(bool dark)
{
    return shade_of(&grid, dark);
}

const char *plot_color(int color, bool dark)
{
    return shade_of(&shades[color % PLOT_COLORS], dark);
}

static bool is_seen(const struct plot *plot, double x, double y)
{
    return isfinite(x) && isfinite(y) && (!plot->log_x || x > 0);
}

bool plot_is_empty(const struct plot *plot)
{
    for (size_t c = 0; c < plot->count; c++) {
        const struct plot_curve *curve = &plot->curves[c];
        for (size_t i = 0; i < curve->count && curve->style != PLOT_RULE; i++) {
            if (is_seen(plot, curve->x[i], curve->y[i])) {
                return false;
            }
        }
    }
    return true;
}

/* --- The script --- */

/* Text in single quotes, within which gnuplot interprets nothing; a quote is doubled. */
static void write_quoted(FILE *script, const char *text)
{
    fputc('\'', script);
    while (*text != '\0') {
        size_t length = utf8_character(text);
        if (*text == '\'') {
            fputs("''", script);
        } else if (length > 0) {
            fwrite(text, 1, length, script);
        } else {
            fputc('?', script);
        }
        text += length > 0 ? length : 1;
    }
    fputc('\'', script);
}

static void write_data(FILE *script, const struct plot_curve *curve, size_t number)
{
    fprintf(script, "$curve%zu << END\n", number);
    for (size_t i = 0; i < curve->count; i++) {
        if (isfinite(curve->x[i]) && isfinite(curve->y[i])) {
            fprintf(script, "%.9g %.9g\n", curve->x[i], curve->y[i]);
        } else {
            fputs("NaN NaN\n", script);
        }
    }
    fputs("END\n", script);
}

static void write_range(FILE *script, char axis, double least, double most)
{
    fprintf(script, "set %crange [", axis);
    if (isfinite(least)) {
        fprintf(script, "%.9g", least);
    }
    fputc(':', script);
    if (isfinite(most)) {
        fprintf(script, "%.9g", most);
    }
    fputs("]\n", script);
}

/* A round step of about a sixth of `range`: gnuplot's own ticks are so many that long numbers touch. */
static double tick_step(double range)
{
    double power = pow(10, floor(log10(range / 6)));
    double digits = range / 6 / power;
    return power * (digits <= 1 ? 1 : digits <= 2 ? 2 : digits <= 5 ? 5 : 10);
}

static void write_axes(FILE *script, const struct plot *plot)
{
    fprintf(
        script,
        "set encoding utf8\nset border 3 lc rgb '%s' lw 1\nset tics nomirror scale 0.6 textcolor rgb '%s'\n"
        "set grid lc rgb '%s' lw 1 dt solid\nset style fill solid noborder\nset boxwidth 0.7\n"
        "set lmargin 9\nset rmargin 2\nset tmargin 1\n",
        frame.light, frame.light, grid.light);
    fprintf(script, "set xlabel '%s' textcolor rgb '%s'\nset ylabel '%s' textcolor rgb '%s' offset 1\n",
            plot->x_label, frame.light, plot->y_label, frame.light);
    write_range(script, 'x', plot->x_min, plot->x_max);
    write_range(script, 'y', plot->y_min, plot->y_max);
    if (plot->log_x) {
        fputs("set logscale x\nset format x '%g'\n", script);
    }
    if (plot->whole_x) {
        fputs("set xtics 1\n", script);
    } else if (!plot->log_x && plot->x_max > plot->x_min) {
        fprintf(script, "set xtics %.9g\n", tick_step(plot->x_max - plot->x_min));
    }
}

static void write_style(FILE *script, const struct plot_curve *curve, size_t number)
{
    const char *color = shades[curve->color % PLOT_COLORS].light;
    const char *dash = curve->color >= PLOT_COLORS ? " dt 2" : "";
    switch (curve->style) {
    case PLOT_LINE:
        fprintf(script, "with lines lc rgb '%s' lw 1.5%s", color, dash);
        break;
    case PLOT_MARKED_LINE:
        fprintf(script, "with linespoints lc rgb '%s' lw 1.5 pt 7 ps 0.45%s", color, dash);
        break;
    case PLOT_POINTS:
        fprintf(script, "with points lc rgb '%s' pt %d ps 0.3", color, curve->color >= PLOT_COLORS ? 5 : 7);
        break;
    case PLOT_AREA:
        fprintf(script, "with filledcurves y1=0 lc rgb '%s'", color);
        break;
    case PLOT_STEPS:
        /* The outline again, above the tint of the area. */
        fprintf(script, "with fillsteps lc rgb '%s' fs transparent solid 0.25 noborder", color);
        fprintf(script, ", $curve%zu using 1:2 with steps lc rgb '%s' lw 1.5 notitle", number, color);
        break;
    case PLOT_BARS:
        fprintf(script, "with boxes lc rgb '%s'", color);
        break;
    case PLOT_RULE:
        fprintf(script, "with lines lc rgb '%s' lw 1.5 dt 3", frame.light);
        break;
    }
}

/* --- A drawing of its own: title above, legend below --- */

struct canvas {
    const char *terminal; /* printf's format of its height */
    double height; /* without the legend */
    double legend; /* width for it: gnuplot gives it no more than the axes */
    double line, character; /* height and width of its text, as gnuplot counts them, generously */
};

/* In pixels, as the axes are. */
static const struct canvas png = {"pngcairo size 1200,%.0f noenhanced font 'sans,18' lw 2", 800, 1020, 27,
                                  15};
static const struct canvas svg = {
    "svg size 900,%.0f dynamic noenhanced font 'sans-serif,14' background '#ffffff'", 600, 760, 21, 11};

/* The legend's line to the left of a name, in characters. */
#define LEGEND_SAMPLE 7

struct legend {
    size_t columns, rows;
};

static bool is_named(const struct plot_curve *curve)
{
    return curve->count > 0 && curve->name[0] != '\0';
}

/* As many columns as the longest name leaves room for. */
static struct legend legend_of(const struct plot *plot, const struct canvas *canvas)
{
    size_t names = 0, longest = 1;
    for (size_t c = 0; c < plot->count; c++) {
        size_t length = strlen(plot->curves[c].name);
        names += is_named(&plot->curves[c]);
        longest = is_named(&plot->curves[c]) && length > longest ? length : longest;
    }
    size_t room = (size_t)(canvas->legend / canvas->character / (double)(longest + LEGEND_SAMPLE));
    struct legend legend = {.columns = room > names ? names : room};
    legend.columns = legend.columns > 0 ? legend.columns : 1;
    legend.rows = (names + legend.columns - 1) / legend.columns;
    return legend;
}

static double height_with(const struct legend *legend, const struct canvas *canvas)
{
    return canvas->height + (double)legend->rows * canvas->line;
}

/* The drawing grows by its legend, and the margins are given: left to itself gnuplot writes the legend over the
 * axis. */
static void write_layout(FILE *script, const struct plot *plot, const struct canvas *canvas)
{
    const struct legend legend = legend_of(plot, canvas);
    double height = height_with(&legend, canvas), half = canvas->line / 2;
    double axis = (double)legend.rows * canvas->line + half; /* where the axis' label begins, from below */
    fprintf(script, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", 1 - 2 * canvas->line / height,
            (axis + 3.5 * canvas->line) / height);
    fprintf(script,
            "set key at screen 0.5,%.4f center top horizontal Left reverse samplen 2 maxcols %zu "
            "textcolor rgb '%s'\n",
            axis / height, legend.columns, frame.light);
    fprintf(script, "set title textcolor rgb '%s' ", frame.light);
    write_quoted(script, plot->title);
    fputc('\n', script);
}

static void write_title(FILE *script, const struct plot_curve *curve)
{
    if (is_named(curve)) {
        fputs("title ", script);
        write_quoted(script, curve->name);
    } else {
        fputs("notitle", script);
    }
}

/* What all forms have in common, behind their own beginning; NULL: without title and legend. */
static void write_plot(FILE *script, const struct plot *plot, const struct canvas *canvas)
{
    bool first = true;
    write_axes(script, plot);
    if (canvas) {
        write_layout(script, plot, canvas);
    }
    for (size_t c = 0; c < plot->count; c++) {
        write_data(script, &plot->curves[c], c);
    }
    for (size_t c = 0; c < plot->count; c++) {
        const struct plot_curve *curve = &plot->curves[c];
        if (curve->count == 0) {
            continue;
        }
        fprintf(script, "%s $curve%zu using 1:2 ", first ? "plot" : ",", c);
        first = false;
        /* Points are too small to be told apart in a legend. */
        if (canvas && curve->style != PLOT_POINTS) {
            write_title(script, curve);
        } else {
            fputs("notitle", script);
        }
        fputc(' ', script);
        write_style(script, curve, c);
        if (canvas && curve->style == PLOT_POINTS) {
            fprintf(script, ", NaN with points lc rgb '%s' pt %d ps 1.2 ",
                    shades[curve->color % PLOT_COLORS].light, curve->color >= PLOT_COLORS ? 5 : 7);
            write_title(script, curve);
        }
    }
    fputc('\n', script);
}

/* --- SVG --- */

static const char *skip_element(const char *at, const char *end_tag)
{
    const char *end = strstr(at, end_tag);
    return end ? end + strlen(end_tag) : at + 1;
}

/* At a colour as gnuplot writes it: the variable that stands for it, NULL if it is none of ours. */
static const char *write_color(FILE *out, const char *at)
{
    int red, green, blue, length = 0;
    char hex[16];
    if (sscanf(at, "rgb(%d,%d,%d)%n", &red, &green, &blue, &length) != 3 || length == 0) {
        return NULL;
    }
    snprintf(hex, sizeof hex, "#%02x%02x%02x", (unsigned)red & 255, (unsigned)green & 255,
             (unsigned)blue & 255);
    if (strcmp(hex, frame.light) == 0) {
        fputs("var(--plot-frame)", out);
        return at + length;
    }
    if (strcmp(hex, grid.light) == 0) {
        fputs("var(--plot-grid)", out);
        return at + length;
    }
    for (int i = 0; i < PLOT_COLORS; i++) {
        if (strcmp(hex, shades[i].light) == 0) {
            fprintf(out, "var(--plot-%d)", i);
            return at + length;
        }
    }
    return NULL;
}

/* A group of nothing: gnuplot writes many. */
static const char *skip_empty_group(const char *at)
{
    const char *end = strchr(at, '>');
    return end && strncmp(end + 1, "\n</g>\n", 6) == 0 ? end + 7 : NULL;
}

static bool begins(const char *at, const char *word)
{
    return strncmp(at, word, strlen(word)) == 0;
}

/* gnuplot's document -> an element: colours become variables, ids the page's own, and what shows up as
 * tooltips or names other addresses is left out. */
static void write_element(FILE *out, const char *at, const char *id)
{
    static const char *const names[] = {"id='", "id=\"", "href='#", "href=\"#", "url(#"};
    while (*at != '\0') {
        const char *next = NULL;
        if (begins(at, "<title>")) {
            next = skip_element(at, "</title>");
        } else if (begins(at, "<desc>")) {
            next = skip_element(at, "</desc>");
        } else if (begins(at, "xmlns")) {
            next = at + strcspn(at, "\n>");
        } else if (begins(at, "<g ")) {
            next = skip_empty_group(at);
        } else if (begins(at, "rgb(")) {
            next = write_color(out, at);
        }
        for (size_t i = 0; !next && i < sizeof names / sizeof *names; i++) {
            if (begins(at, names[i])) {
                fprintf(out, "%s%s-", names[i], id);
                next = at + strlen(names[i]);
            }
        }
        if (!next) {
            fputc(*at, out);
            next = at + 1;
        }
        at = next;
    }
}

static enum status adopt(const char *drawing, const char *id, char **element, struct error *error)
{
    const char *begin = strstr(drawing, "<svg");
    size_t size;
    *element = NULL;
    if (!begin) {
        return error_set(error, STATUS_INTERNAL, "gnuplot", NULL, "what it drew is no SVG");
    }
    FILE *out = open_memstream(element, &size);
    if (!out) {
        return error_no_memory(error, "gnuplot");
    }
    write_element(out, begin, id);
    if (fclose(out) != 0) {
        free(*element);
        *element = NULL;
        return error_no_memory(error, "gnuplot");
    }
    return STATUS_OK;
}

/* Writes the script by `plot` behind `beginning` and runs it. */
static enum status draw(const struct plot *plot, const char *beginning, const struct canvas *canvas,
                        char **output, size_t *size, struct error *error)
{
    char *script = NULL;
    size_t length;
    FILE *out = open_memstream(&script, &length);
    if (out) {
        fputs(beginning, out);
        write_plot(out, plot, canvas);
    }
    if (!out || fclose(out) != 0) {
        free(script);
        return error_no_memory(error, "gnuplot");
    }
    enum status status = gnuplot_run(script, output, size, error);
    free(script);
    return status;
}

enum status plot_svg(const struct plot *plot, const char *id, char **element, struct error *error)
{
    static const char beginning[] =
        "set terminal svg size 480,300 dynamic noenhanced font 'sans-serif,14'\nunset key\n";
    char *drawing;
    size_t size;
    enum status status = draw(plot, beginning, NULL, &drawing, &size, error);
    if (status == STATUS_OK) {
        status = adopt(drawing, id, element, error);
        free(drawing);
    }
    return status;
}

enum status plot_file(const struct plot *plot, const char *path, struct error *error)
{
    const struct canvas *canvas = text_ends_with(path, ".svg") ? &svg : &png;
    const struct legend legend = legend_of(plot, canvas);
    char size_told[128], beginning[160], *drawing;
    size_t size;
    snprintf(size_told, sizeof size_told, canvas->terminal, height_with(&legend, canvas));
    snprintf(beginning, sizeof beginning, "set terminal %s\n", size_told);
    enum status status = draw(plot, beginning, canvas, &drawing, &size, error);
    if (status == STATUS_OK) {
        status = file_write_atomic(path, drawing, size, error);
        free(drawing);
    }
    return status;
}
