/* `dail bench`: times training steps on this machine, and predicts those of several workers. */
#include "daemon/command/bench_report.h"
#include "daemon/command/command.h"
#include "daemon/command/prediction_report.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_SETTINGS 16

static const char usage[] =
    "usage: dail bench [OPTIONS]\n"
    "       dail bench CONFIG [--workers N --bandwidth GB/s --latency us] [OPTIONS]\n"
    "Times whole training steps of a network on noise, in this one process, and tells where the time goes.\n"
    "With CONFIG the network, losses and datasets (their manifests alone are read) are the configuration's;\n"
    "with --workers it also predicts the steps and epochs of that many workers, from what it measured.";

struct bench_options {
    const char *config_path; /* NULL: the options below make one */
    const char *arch, *scope;
    int input, embedding, batch, classes, datasets;
    double width;
    int threads, steps, workers;
    double bandwidth, latency;
    bool layers, json, help;
    struct option_list set;
};

static enum status parse(int argc, char **argv, struct bench_options *options, struct error *error)
{
    const char *positional[1] = {NULL};
    size_t positional_count;
    const struct option_spec specs[] = {
        {"arch", 0, OPTION_STRING, &options->arch, "NAME", "iresnet10, 18, 34, 50, 100 or 200", 0, 0},
        {"input", 0, OPTION_INT, &options->input, "PIXELS", "side of the images", 16, 1024},
        {"width", 0, OPTION_DOUBLE, &options->width, "FACTOR", "scales the numbers of channels", 0.01, 8},
        {"embedding", 0, OPTION_INT, &options->embedding, "N", "length of the embedding", 1, 8192},
        {"batch", 0, OPTION_INT, &options->batch, "N", "images of a step", 2, 65536},
        {"classes", 0, OPTION_INT, &options->classes, "N", "of all datasets together", 1, 1e9},
        {"datasets", 0, OPTION_INT, &options->datasets, "N", "that share the classes out", 1, 1e6},
        {"scope", 0, OPTION_STRING, &options->scope, "all|dataset", "classes that a sample is compared with",
         0, 0},
        {"threads", 't', OPTION_INT, &options->threads, "N", "threads; default: the cores allowed here", 1,
         4096},
        {"steps", 0, OPTION_INT, &options->steps, "N", "steps to measure, after one to warm up", 1, 100000},
        {"layers", 0, OPTION_FLAG, &options->layers, NULL, "every layer's times as well", 0, 0},
        {"json", 0, OPTION_FLAG, &options->json, NULL, "print one JSON object", 0, 0},
        {"workers", 0, OPTION_INT, &options->workers, "N", "with CONFIG: predict for up to N workers", 1,
         65536},
        {"bandwidth", 0, OPTION_DOUBLE, &options->bandwidth, "GB/s", "between workers, each way", 1e-6, 1e6},
        {"latency", 0, OPTION_DOUBLE, &options->latency, "us", "of a message between workers", 0, 1e9},
        {"set", 0, OPTION_LIST, &options->set, "KEY=VALUE", "overrides a key of CONFIG", 0, 0},
    };
    enum status status = options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv, positional, 1,
                                       &positional_count, &options->help, error);
    options->config_path = positional[0];
    return status;
}

/* Options that say what CONFIG says, or that mean nothing without it. */
static enum status check(const struct bench_options *options, const struct bench_options *defaults,
                         struct error *error)
{
    bool describes = options->arch != defaults->arch || options->scope != defaults->scope ||
                     options->input != defaults->input || options->embedding != defaults->embedding ||
                     options->batch != defaults->batch || options->classes != defaults->classes ||
                     options->datasets != defaults->datasets || options->width < defaults->width ||
                     options->width > defaults->width;
    if (options->config_path && describes) {
        return error_set(error, STATUS_USAGE, options->config_path, "override its keys with --set KEY=VALUE",
                         "the configuration says what the options of the network say");
    }
    if (!options->config_path && (options->workers > 0 || options->set.count > 0)) {
        return error_set(error, STATUS_USAGE, options->workers > 0 ? "--workers" : "--set",
                         "name a configuration: dail bench CONFIG --workers N", "this needs a configuration");
    }
    if (!options->config_path && options->classes < options->datasets) {
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
    for (size_t i = 0; i < count; i++) {
        settings[i] = text[i];
    }
    return config_parse("data: {datasets: [noise]}\n", "dail bench", settings, count, config, error);
}

static uint32_t *share_classes(const struct bench_options *options, struct error *error)
{
    uint32_t *classes = calloc((size_t)options->datasets, sizeof *classes);
    if (!classes) {
        error_set(error, STATUS_INTERNAL, "bench", NULL, "out of memory");
        return NULL;
    }
    int64_t all = options->classes, datasets = options->datasets;
    for (int64_t k = 0; k < datasets; k++) {
        classes[k] = (uint32_t)(all * (k + 1) / datasets - all * k / datasets);
    }
    return classes;
}

static enum status measure(const struct bench_options *options, const struct config *config,
                           struct bench *bench, struct error *error)
{
    struct bench_request request = {.config = config,
                                    .threads = options->threads > 0          ? options->threads
                                               : config->runtime.threads > 0 ? config->runtime.threads
                                                                             : host_threads(),
                                    .steps = options->steps};
    uint32_t *classes = NULL;
    if (!options->config_path) {
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

enum status command_bench(int argc, char **argv, struct error *error)
{
    const struct bench_options defaults = {.arch = "iresnet50",
                                           .scope = "dataset",
                                           .input = 112,
                                           .embedding = 512,
                                           .batch = 16,
                                           .classes = 10000,
                                           .datasets = 1,
                                           .width = 1,
                                           .steps = 5,
                                           .bandwidth = 1,
                                           .latency = 20};
    struct bench_options options = defaults;
    struct config config = {0};
    struct bench bench;
    enum status status = parse(argc, argv, &options, error);
    if (status == STATUS_OK && !options.help) {
        status = check(&options, &defaults, error);
        if (status == STATUS_OK) {
            status = options.config_path ? config_load(options.config_path, options.set.values,
                                                       options.set.count, &config, error)
                                         : make_config(&options, &config, error);
        }
        if (status == STATUS_OK) {
            status = measure(&options, &config, &bench, error);
            if (status == STATUS_OK) {
                status = report(&options, &config, &bench, error);
                bench_free(&bench);
            }
            config_free(&config);
        }
    }
    option_list_free(&options.set);
    return status;
}
