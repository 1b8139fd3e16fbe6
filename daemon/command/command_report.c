/* dail report: a run as one page. */
#include "daemon/command/commands.h"
#include "daemon/rank/host.h"
#include "daemon/report/report_page.h"
#include "proto/clock.h"
#include "proto/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration larger than this is none. */
#define CONFIG_BYTES_MAX (1 << 20)

static const char fast_words[] = "Left out: the page was made with --fast.";

struct report_options {
    const char *output, *png, *svg;
    bool fast;
    struct report_model_use use; /* threads 0: the cores allowed */
};

struct work {
    const char *run_dir;
    const char *output; /* NULL: no page */
    const char *png, *svg; /* folders; NULL: no images */
    bool fast;
    struct report_model_use use;
    struct report_log log;
    char *config_text; /* NULL: there is none */
    char config_trouble[1024];
    bool config_read;
    struct config config;
    struct report_model model;
    bool model_made;
    struct report_figures *figures;
};

/* The configuration is shown as it stands, and read: neither has to succeed. */
static void read_config(struct work *work)
{
    char path[PATH_SIZE], line[ERROR_LINE_SIZE];
    size_t size;
    struct error failure = {0};
    enum status status = file_join(work->run_dir, "config.yaml", path, &failure);
    if (status == STATUS_OK) {
        status = file_read(path, CONFIG_BYTES_MAX, &work->config_text, &size, &failure);
    }
    if (status == STATUS_OK) {
        status = config_parse(work->config_text, path, NULL, 0, &work->config, &failure);
        work->config_read = status == STATUS_OK;
    }
    if (status != STATUS_OK) {
        snprintf(work->config_trouble, sizeof work->config_trouble, "%.1000s",
                 error_format(&failure, line, sizeof line));
    }
}

static enum status gather(struct work *work, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = file_join(work->run_dir, "status.jsonl", path, error);
    if (status == STATUS_OK) {
        status = report_log_read(path, &work->log, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    read_config(work);
    if (!work->fast && work->config_read) {
        work->model_made = true;
        status = report_model_make(work->run_dir, &work->config, &work->use, &work->model, error);
    }
    return status;
}

static enum status draw(struct work *work, struct error *error)
{
    work->figures = calloc(1, sizeof *work->figures);
    if (!work->figures) {
        return error_no_memory(error, "report");
    }
    report_figures_of_log(&work->log, work->figures);
    report_figures_of_model(work->model_made ? &work->model : NULL,
                            work->fast ? fast_words : work->config_trouble, work->figures);
    return work->figures->no_memory ? error_no_memory(error, "report") : STATUS_OK;
}

static enum status write_page(const struct work *work, struct error *error)
{
    const struct report report = {.run_dir = work->run_dir,
                                  .now = clock_unix(),
                                  .log = &work->log,
                                  .model = work->model_made ? &work->model : NULL,
                                  .figures = work->figures,
                                  .config_text = work->config_text,
                                  .config_trouble = work->config_trouble};
    char *page = NULL;
    size_t size;
    FILE *out = open_memstream(&page, &size);
    if (!out) {
        return error_no_memory(error, work->output);
    }
    enum status status = report_page_write(&report, out, error);
    if (fclose(out) != 0 && status == STATUS_OK) {
        status = error_no_memory(error, work->output);
    }
    if (status == STATUS_OK) {
        status = file_write_atomic(work->output, page, size, error);
    }
    free(page);
    if (status == STATUS_OK) {
        printf("%s: %zu figures, %.1f MB\n", work->output, work->figures->count, (double)size / 1e6);
    }
    return status;
}

/* Each figure as <folder>/<name>.<form>. */
static enum status write_images(const struct work *work, const char *folder, const char *form,
                                struct error *error)
{
    size_t written = 0;
    enum status status = file_make_directory(folder, error);
    for (size_t i = 0; i < work->figures->count && status == STATUS_OK; i++) {
        const struct report_figure *figure = &work->figures->figure[i];
        char path[PATH_SIZE], name[64];
        if (plot_is_empty(&figure->plot)) {
            fprintf(stderr, "dail: no %s.%s: %s\n", figure->id, form, figure->missing);
            continue;
        }
        snprintf(name, sizeof name, "%s.%s", figure->id, form);
        status = file_join(folder, name, path, error);
        status = status == STATUS_OK ? plot_file(&figure->plot, path, error) : status;
        written += status == STATUS_OK;
    }
    if (status == STATUS_OK) {
        printf("%s: %zu images\n", folder, written);
    }
    return status;
}

static enum status run(struct work *work, struct error *error)
{
    enum status status = gather(work, error);
    if (status == STATUS_OK) {
        status = draw(work, error);
    }
    if (status == STATUS_OK && work->output) {
        status = write_page(work, error);
    }
    if (status == STATUS_OK && work->png) {
        status = write_images(work, work->png, "png", error);
    }
    if (status == STATUS_OK && work->svg) {
        status = write_images(work, work->svg, "svg", error);
    }
    return status;
}

static void release(struct work *work)
{
    if (work->figures) {
        report_figures_free(work->figures);
    }
    free(work->figures);
    report_model_free(&work->model);
    if (work->config_read) {
        config_free(&work->config);
    }
    free(work->config_text);
    report_log_free(&work->log);
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct report_options *options = line->values;
    struct work work = {.run_dir = line->operands[0],
                        .output = options->output,
                        .png = options->png,
                        .svg = options->svg,
                        .fast = options->fast,
                        .use = options->use};
    char page[PATH_SIZE];
    enum status status = STATUS_OK;
    work.use.threads = options->use.threads > 0 ? options->use.threads : host_threads();
    if (!work.output && !work.png && !work.svg) {
        status = file_join(work.run_dir, "report.html", page, error);
        work.output = page;
    }
    status = status == STATUS_OK ? run(&work, error) : status;
    release(&work);
    return status;
}

#define AT(member) offsetof(struct report_options, member)

static const struct option_spec options[] = {
    {.name = "output",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .offset = AT(output),
     .metavar = "FILE",
     .help = "the page (default: report.html in the run's folder, unless --png or --svg is given)",
     .word = WORD_FILE,
     .endings = ".html"},
    {.name = "png",
     .kind = OPTION_STRING,
     .offset = AT(png),
     .metavar = "DIR",
     .help = "write the plots alone, as DIR/<name>.png",
     .word = WORD_FOLDER},
    {.name = "svg",
     .kind = OPTION_STRING,
     .offset = AT(svg),
     .metavar = "DIR",
     .help = "write the plots alone, as DIR/<name>.svg",
     .word = WORD_FOLDER},
    {.name = "fast",
     .kind = OPTION_FLAG,
     .offset = AT(fast),
     .help = "leave out what needs the network: ROC curves, cosines, projection"},
    {.name = "images",
     .kind = OPTION_INT,
     .offset = AT(use.images),
     .metavar = "N",
     .help = "images of each dataset in the projection",
     .min = 2,
     .max = 100000},
    OPTION_ROW_BATCH(AT(use.batch)),
    OPTION_ROW_THREADS(AT(use.threads)),
    {0}};

static const struct operand_spec operands[] = {{.name = "RUN", .min = 1, .max = 1, .word = WORD_RUN}, {0}};

static const struct report_options defaults = {.use = {.batch = 32, .images = 300}};

const struct command command_report = {
    .name = "report",
    .summary = "make one page of all that a run has shown: curves, ROC, embeddings",
    .usage = "dail report [OPTIONS] RUN [-o FILE.html]",
    .description = "Makes one page of a run's folder that needs no other file and no network: losses, "
                   "accuracies, schedules,\n"
                   "speed and balance of the workers from its status log; ROC curves, cosines and a "
                   "projection of embeddings\n"
                   "from its newest checkpoint, whose data are looked for where the configuration names "
                   "them. The run may\n"
                   "still be going. Needs gnuplot.",
    .options = options,
    .operands = operands,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
