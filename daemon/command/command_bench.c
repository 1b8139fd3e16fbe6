/* `dail bench`: times training steps on this machine, and predicts those of several workers. */
#include "daemon/command/bench_report.h"
#include "daemon/command/commands.h"
#include "daemon/command/prediction_report.h"
#include "daemon/rank/host.h"

#include <stdio.h>
#include <stdlib.h>

#define CONFIG_SETTINGS 16

struct bench_options {
    const char *arch, *scope;
    int input, embedding, batch, classes, datasets;
    double width, sample;
    int threads, steps, workers; /* threads 0: the configuration's, or the cores allowed */
    double bandwidth, latency;
    bool layers, json;
    struct option_strings set;
};

/* Without a configuration, the options make one. */
static const struct bench_options defaults = {.arch = "iresnet50",
                                              .scope = "dataset",
                                              .input = 112,
                                              .embedding = 512,
                                              .batch = 16,
                                              .classes = 10000,
                                              .datasets = 1,
                                              .width = 1,
                                              .sample = 1,
                                              .steps = 5,
                                              .bandwidth = 1,
                                              .latency = 20};

/* Options that say what CONFIG says, or that mean nothing without it. */
static enum status check(const struct bench_options *options, const char *config_path, struct error *error)
{
    bool describes = options->arch != defaults.arch || options->scope != defaults.scope ||
                     options->input != defaults.input || options->embedding != defaults.embedding ||
                     options->batch != defaults.batch || options->classes != defaults.classes ||
                     options->datasets != defaults.datasets || options->width < defaults.width ||
                     options->width > defaults.width || options->sample < defaults.sample;
    if (config_path && describes) {
        return error_set(error, STATUS_USAGE, config_path, "override its keys with --set KEY=VALUE",
                         "the configuration says what the options of the network say");
    }
    if (!config_path && (options->workers > 0 || options->set.count > 0)) {
        return error_set(error, STATUS_USAGE, options->workers > 0 ? "--workers" : "--set",
                         "name a configuration: dail bench CONFIG --workers N", "this needs a configuration");
    }
    if (!config_path && options->classes < options->datasets) {
        return error_set(error, STATUS_USAGE, "--classes", "give each dataset at least one class",
                         "%d classes do not go round %d datasets", options->classes, options->datasets);
    }
    return STATUS_OK;
}

/* The configuration that the options describe. */
static enum status make_config(const struct bench_options *options, struct config *config,
                               struct error *error)
{
    char text[CONFIG_SETTINGS][128];
    const char *settings[CONFIG_SETTINGS];
    size_t count = 0;
    snprintf(text[count++], sizeof text[0], "model.arch=%.100s", options->arch);
    snprintf(text[count++], sizeof text[0], "loss.scope=%.100s", options->scope);
    snprintf(text[count++], sizeof text[0], "model.input=%d", options->input);
    snprintf(text[count++], sizeof text[0], "model.embedding=%d", options->embedding);
    snprintf(text[count++], sizeof text[0], "model.width=%.17g", options->width);
    snprintf(text[count++], sizeof text[0], "batch.lane=%d", options->batch);
    snprintf(text[count++], sizeof text[0], "classifier.sample=%.17g", options->sample);
    for (size_t i = 0; i < count; i++) {
        settings[i] = text[i];
    }
    return config_parse("data: {datasets: [noise]}\n", "dail bench", settings, count, config, error);
}

static uint32_t *share_classes(const struct bench_options *options, struct error *error)
{
    uint32_t *classes = calloc((size_t)options->datasets, sizeof *classes);
    if (!classes) {
        error_no_memory(error, "bench");
        return NULL;
    }
    int64_t all = options->classes, datasets = options->datasets;
    for (int64_t k = 0; k < datasets; k++) {
        classes[k] = (uint32_t)(all * (k + 1) / datasets - all * k / datasets);
    }
    return classes;
}

static enum status measure(const struct bench_options *options, bool described, const struct config *config,
                           struct bench *bench, struct error *error)
{
    struct bench_request request = {.config = config,
                                    .threads = options->threads > 0          ? options->threads
                                               : config->runtime.threads > 0 ? config->runtime.threads
                                                                             : host_threads(),
                                    .steps = options->steps};
    uint32_t *classes = NULL;
    if (described) {
        classes = share_classes(options, error);
        if (!classes) {
            return error->status;
        }
        request.classes = classes;
        request.datasets = (size_t)options->datasets;
    }
    enum status status = bench_run(&request, bench, error);
    free(classes);
    return status;
}

static enum status predict(const struct bench_options *options, const struct config *config,
                           const struct bench *bench, const struct bench_machine *machine,
                           struct prediction_input *input, struct prediction_table *table,
                           struct error *error)
{
    *input = (struct prediction_input){.lanes = config->data.lanes,
                                       .lane_batch = config->batch.lane,
                                       .embedding = config->model.embedding,
                                       .forward = bench->seconds_forward,
                                       .classifier = bench->seconds_classifier,
                                       .backward = bench->seconds_backward,
                                       .update = bench->seconds_update,
                                       .bucket = bench->buckets,
                                       .buckets = bench->bucket_count,
                                       .exchanged_weights = bench->exchanged_weights,
                                       .classes = bench->classes,
                                       .images = bench->images,
                                       .datasets = bench->datasets,
                                       .rows_min = (uint32_t)config->classifier.rows_min,
                                       .scope_all = config->loss.scope == CONFIG_SCOPE_ALL,
                                       .sample = config->classifier.sample,
                                       .bandwidth = options->bandwidth * 1e9,
                                       .latency = options->latency * 1e-6,
                                       .memory = machine->copy};
    return prediction_table_make(input, options->workers, table, error);
}

static enum status print_json(json_t *object, struct error *error)
{
    if (!object || json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0) {
        json_decref(object);
        return error_set(error, STATUS_INTERNAL, "bench", NULL, "the figures cannot be put as JSON");
    }
    putchar('\n');
    json_decref(object);
    return STATUS_OK;
}

static enum status report(const struct bench_options *options, const struct config *config,
                          const struct bench *bench, struct error *error)
{
    struct bench_machine machine;
    struct prediction_input input;
    struct prediction_table table = {0};
    enum status status = bench_machine_measure(bench->threads, &machine, error);
    if (status == STATUS_OK && options->workers > 0) {
        status = predict(options, config, bench, &machine, &input, &table, error);
    }
    if (status == STATUS_OK && options->json) {
        json_t *object = bench_json(bench, config, &machine, options->layers);
        if (object && table.rows > 0) {
            json_object_set_new(object, "prediction", prediction_json(&input, &table));
        }
        status = print_json(object, error);
    } else if (status == STATUS_OK) {
        bench_print(bench, config, &machine, stdout);
        if (options->layers) {
            bench_print_layers(bench, &machine, stdout);
        }
        if (table.rows > 0) {
            prediction_print(&input, &table, stdout);
        }
    }
    prediction_table_free(&table);
    return status;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct bench_options *options = line->values;
    const char *config_path = line->operand_count > 0 ? line->operands[0] : NULL;
    struct config config = {0};
    struct bench bench;
    enum status status = check(options, config_path, error);
    if (status == STATUS_OK) {
        status = config_path
                     ? config_load(config_path, options->set.values, options->set.count, &config, error)
                     : make_config(options, &config, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = measure(options, !config_path, &config, &bench, error);
    if (status == STATUS_OK) {
        status = report(options, &config, &bench, error);
        bench_free(&bench);
    }
    config_free(&config);
    return status;
}

#define AT(member) offsetof(struct bench_options, member)

static const struct option_spec options[] = {
    {.name = "arch",
     .kind = OPTION_STRING,
     .offset = AT(arch),
     .metavar = "NAME",
     .help = "the network: iresnet and 10, 18, 34, 50, 100 or 200",
     .key = "model.arch"},
    {.name = "input",
     .kind = OPTION_INT,
     .offset = AT(input),
     .metavar = "PIXELS",
     .help = "side of the images",
     .min = 16,
     .max = CONFIG_INPUT_MAX},
    {.name = "width",
     .kind = OPTION_DOUBLE,
     .offset = AT(width),
     .metavar = "FACTOR",
     .help = "scales the numbers of channels",
     .low = 0.01,
     .high = CONFIG_WIDTH_MAX},
    {.name = "embedding",
     .kind = OPTION_INT,
     .offset = AT(embedding),
     .metavar = "N",
     .help = "length of the embedding",
     .min = 1,
     .max = CONFIG_EMBEDDING_MAX},
    {.name = "batch",
     .kind = OPTION_INT,
     .offset = AT(batch),
     .metavar = "N",
     .help = "images of a step",
     .min = 2,
     .max = 65536},
    {.name = "classes",
     .kind = OPTION_INT,
     .offset = AT(classes),
     .metavar = "N",
     .help = "of all datasets together",
     .min = 1,
     .max = 1000000000},
    {.name = "datasets",
     .kind = OPTION_INT,
     .offset = AT(datasets),
     .metavar = "N",
     .help = "that share the classes out",
     .min = 1,
     .max = 1000000},
    {.name = "scope",
     .kind = OPTION_STRING,
     .offset = AT(scope),
     .help = "classes that a sample is compared with",
     .key = "loss.scope"},
    {.name = "sample",
     .kind = OPTION_DOUBLE,
     .offset = AT(sample),
     .metavar = "RATE",
     .help = "share of the classes that is drawn for a step",
     .low = 1e-6,
     .high = 1},
    {.name = "threads",
     .short_name = 't',
     .kind = OPTION_INT,
     .offset = AT(threads),
     .metavar = "N",
     .help = "threads (default: the cores allowed here)",
     .min = 1,
     .max = 4096},
    {.name = "steps",
     .kind = OPTION_INT,
     .offset = AT(steps),
     .metavar = "N",
     .help = "steps to measure, after one to warm up",
     .min = 1,
     .max = 100000},
    {.name = "layers", .kind = OPTION_FLAG, .offset = AT(layers), .help = "every layer's times as well"},
    {.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "print one JSON object"},
    {.name = "workers",
     .kind = OPTION_INT,
     .offset = AT(workers),
     .metavar = "N",
     .help = "with CONFIG: predict for up to N workers",
     .min = 1,
     .max = 65536},
    {.name = "bandwidth",
     .kind = OPTION_DOUBLE,
     .offset = AT(bandwidth),
     .metavar = "GB/s",
     .help = "between workers, each way",
     .low = 1e-6,
     .high = 1e6},
    {.name = "latency",
     .kind = OPTION_DOUBLE,
     .offset = AT(latency),
     .metavar = "us",
     .help = "of a message between workers",
     .low = 0,
     .high = 1e9},
    OPTION_ROW_SET(AT(set)),
    {0}};

static const struct operand_spec operands[] = {
    {.name = "CONFIG", .max = 1, .word = WORD_FILE, .endings = ".yaml"}, {0}};

const struct command command_bench = {
    .name = "bench",
    .summary = "time training steps here, and predict those of several workers",
    .usage = "dail bench [OPTIONS]\n"
             "dail bench CONFIG [--workers N --bandwidth GB/s --latency us] [OPTIONS]",
    .description =
        "Times whole training steps of a network on noise, in this one process, and tells where the time "
        "goes.\n"
        "With CONFIG the network, losses and datasets (their manifests alone are read) are the "
        "configuration's;\n"
        "with --workers it also predicts the steps and epochs of that many workers, from what it measured.",
    .options = options,
    .operands = operands,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
