#include "daemon/command/bench_report.h"

#include "proto/json_value.h"

#include <string.h>

#define GIGA 1e9
#define MEBIBYTE (1024.0 * 1024.0)

/* Bytes of the update: of the backbone's and the domain head's weights the gradient is set to zero, summed
 * into the backward pass elsewhere, read for its norm, and read with weight and momentum, which are written;
 * of the classifier's rows the same without the norm. */
enum { UPDATE_BYTES = 4 + 4 + 12 + 8, UPDATE_BYTES_ROWS = 4 + 12 + 8 };

static const enum conv_pass pass_of[] = {[BENCH_CONV_FORWARD] = CONV_FORWARD,
                                         [BENCH_CONV_BACKWARD_DATA] = CONV_BACKWARD_DATA,
                                         [BENCH_CONV_BACKWARD_WEIGHT] = CONV_BACKWARD_WEIGHT};

/* Operations a second of a phase: of the definition, and done; 0 where none are counted. */
struct rate {
    double direct, actual;
};

static struct rate rate_of(const struct bench *bench, enum bench_phase phase)
{
    struct rate rate = {0};
    for (size_t i = 0; i < bench->layer_count; i++) {
        const struct iresnet_layer *layer = &bench->layers[i];
        if (layer->convolution && phase <= BENCH_CONV_BACKWARD_WEIGHT) {
            rate.direct += layer->direct[pass_of[phase]];
            rate.actual += layer->actual[pass_of[phase]];
        }
        for (int pass = 0; !layer->convolution && phase == BENCH_LINEAR && pass < CONV_PASSES; pass++) {
            rate.direct += layer->direct[pass];
            rate.actual += layer->actual[pass];
        }
    }
    if (bench->phase[phase] <= 0) {
        return (struct rate){0};
    }
    return (struct rate){rate.direct / bench->phase[phase], rate.actual / bench->phase[phase]};
}

/* Of all convolutions, over the time they took. */
static struct rate convolution_rate(const struct bench *bench)
{
    double seconds = bench->phase[BENCH_CONV_FORWARD] + bench->phase[BENCH_CONV_BACKWARD_DATA] +
                     bench->phase[BENCH_CONV_BACKWARD_WEIGHT];
    return (struct rate){bench->direct / seconds, bench->actual / seconds};
}

/* Bytes a second of the update. */
static double update_rate(const struct bench *bench)
{
    double bytes = (double)bench->exchanged_weights * UPDATE_BYTES +
                   (double)bench->classifier_weights * UPDATE_BYTES_ROWS;
    return bench->phase[BENCH_OPTIMIZER] > 0 ? bytes / bench->phase[BENCH_OPTIMIZER] : 0;
}

static const char *algorithm_name(enum conv_algorithm algorithm)
{
    switch (algorithm) {
    case CONV_WINOGRAD_4:
        return "winograd-4";
    case CONV_WINOGRAD_7:
        return "winograd-7";
    case CONV_GEMM:
        return "gemm";
    case CONV_REFERENCE:
        return "reference";
    default:
        return "auto";
    }
}

/* --- For people --- */

static int64_t classes_of(const struct bench *bench)
{
    int64_t sum = 0;
    for (size_t k = 0; k < bench->datasets; k++) {
        sum += bench->classes[k];
    }
    return sum;
}

static void print_phases(const struct bench *bench, const struct bench_machine *machine, FILE *out)
{
    fprintf(out, "\n%-30s %9s %6s %15s %8s %9s\n", "phase", "s/step", "share", "direct GFLOP/s", "actual",
            "of peak");
    for (int phase = 0; phase < BENCH_PHASES; phase++) {
        double seconds = bench->phase[phase];
        struct rate rate = rate_of(bench, (enum bench_phase)phase);
        fprintf(out, "%-30s %9.4f %5.1f%%", bench_phase_name((enum bench_phase)phase), seconds,
                100 * seconds / bench->mean);
        if (rate.direct > 0) {
            fprintf(out, " %15.1f %8.1f %8.1f%%", rate.direct / GIGA, rate.actual / GIGA,
                    100 * rate.actual / machine->sgemm);
        } else if (phase == BENCH_OPTIMIZER) {
            fprintf(out, " %19.1f GB/s %8.1f%%", update_rate(bench) / GIGA,
                    100 * update_rate(bench) / machine->copy);
        }
        fprintf(out, "\n");
    }
    fprintf(out, "%-30s %9.4f\n", "step (mean)", bench->mean);
}

void bench_print(const struct bench *bench, const struct config *config, const struct bench_machine *machine,
                 FILE *out)
{
    struct rate rate = convolution_rate(bench);
    fprintf(out,
            "%s, input %d, width %g, embedding %d: %lld parameters; batch %d, %lld classes in %zu dataset%s",
            config->model.arch, config->model.input, config->model.width, config->model.embedding,
            (long long)bench->parameters, bench->batch, (long long)classes_of(bench), bench->datasets,
            bench->datasets == 1 ? "" : "s");
    if (config->classifier.sample < 1) {
        fprintf(out, ", of which %lld stand in a step",
                (long long)(bench->classifier_weights / config->model.embedding));
    }
    fprintf(out, "\n%d thread%s, %s: %d step%s after a first one\n\n", bench->threads,
            bench->threads == 1 ? "" : "s", bench->isa, bench->steps, bench->steps == 1 ? "" : "s");
    fprintf(out, "images/s    %.3f (%.3f to %.3f)\n", bench->batch / bench->seconds.median,
            bench->batch / bench->seconds.most, bench->batch / bench->seconds.least);
    fprintf(out, "step        %.4f s (%.4f to %.4f)\n", bench->seconds.median, bench->seconds.least,
            bench->seconds.most);
    print_phases(bench, machine, out);
    fprintf(out, "\nmachine     sgemm %.1f GFLOP/s, copy %.1f GB/s, on %d thread%s\n", machine->sgemm / GIGA,
            machine->copy / GIGA, bench->threads, bench->threads == 1 ? "" : "s");
    if (machine->openblas_kernel) {
        fprintf(
            out,
            "openblas    %s kernels, which do not use all instructions of this processor: %.1f GFLOP/s in "
            "classifier and domain head; unset OPENBLAS_CORETYPE or take a newer OpenBLAS\n",
            machine->openblas_kernel, machine->openblas / GIGA);
    }
    fprintf(out,
            "convolution %.1f GFLOP/s as direct convolution, %.1f actual (transforms included): %.0f%% and "
            "%.0f%% of sgemm\n",
            rate.direct / GIGA, rate.actual / GIGA, 100 * rate.direct / machine->sgemm,
            100 * rate.actual / machine->sgemm);
    fprintf(
        out,
        "activations %.0f MB an image read and written, %.0f at least: %.1f%% of the step at the speed of a "
        "copy\n",
        bench->moved / bench->batch / 1e6, bench->least / bench->batch / 1e6,
        100 * bench->moved / machine->copy / bench->mean);
    fprintf(out, "memory      %.0f MiB at the peak; network %.0f, classifier %.0f MiB\n",
            (double)bench->peak_bytes / MEBIBYTE, (double)bench->network_bytes / MEBIBYTE,
            (double)bench->classifier_bytes / MEBIBYTE);
}

static void print_layer(const struct bench *bench, size_t i, const struct bench_machine *machine, FILE *out)
{
    const struct iresnet_layer *layer = &bench->layers[i];
    const double *seconds = bench->layer_seconds[i];
    char shape[64] = "";
    double actual = 0, all = seconds[PROFILE_LINEAR];
    for (int pass = 0; pass < CONV_PASSES; pass++) {
        actual += layer->actual[pass];
        all += seconds[pass];
    }
    if (layer->convolution) {
        const struct conv_shape *of = &layer->shape;
        snprintf(shape, sizeof shape, "%d@%d to %d, %dx%d/%d", of->channels_in, of->height, of->channels_out,
                 of->kernel, of->kernel, of->stride);
    }
    fprintf(out, "%-24s %-24s %-9s %8.2f %8.2f %8.2f %8.2f %8.2f %8.1f %6.0f%%\n", layer->name, shape,
            layer->convolution ? algorithm_name(layer->algorithm) : "sgemm",
            1e3 * seconds[PROFILE_CONV_FORWARD], 1e3 * seconds[PROFILE_CONV_BACKWARD_DATA],
            1e3 * seconds[PROFILE_CONV_BACKWARD_WEIGHT], 1e3 * seconds[PROFILE_LINEAR],
            1e3 * seconds[PROFILE_BETWEEN], actual / all / GIGA, 100 * actual / all / machine->sgemm);
}

void bench_print_layers(const struct bench *bench, const struct bench_machine *machine, FILE *out)
{
    fprintf(out, "\nmilliseconds of a step; GFLOP/s actual, of convolution or product\n");
    fprintf(out, "%-24s %-24s %-9s %8s %8s %8s %8s %8s %8s %7s\n", "layer", "channels@side, kernel/stride",
            "algorithm", "forward", "data", "weights", "linear", "between", "GFLOP/s", "of peak");
    for (size_t i = 0; i < bench->layer_count; i++) {
        print_layer(bench, i, machine, out);
    }
}

/* --- JSON --- */

static json_t *spread_json(double median, double least, double most)
{
    return json_pack("{s:o, s:o, s:o}", "median", json_figure(median), "min", json_figure(least), "max",
                     json_figure(most));
}

static json_t *rate_json(struct rate rate)
{
    return json_pack("{s:o, s:o}", "direct", json_figure(rate.direct / GIGA), "actual",
                     json_figure(rate.actual / GIGA));
}

static json_t *layer_json(const struct bench *bench, size_t i)
{
    const struct iresnet_layer *layer = &bench->layers[i];
    json_t *seconds = json_object(), *operations = json_object();
    for (int phase = 0; phase < PROFILE_PHASES; phase++) {
        json_object_set_new(seconds, profile_phase_name((enum profile_phase)phase),
                            json_figure(bench->layer_seconds[i][phase]));
    }
    double direct = 0, actual = 0;
    for (int pass = 0; pass < CONV_PASSES; pass++) {
        direct += layer->direct[pass];
        actual += layer->actual[pass];
    }
    json_object_set_new(operations, "direct", json_figure(direct));
    json_object_set_new(operations, "actual", json_figure(actual));
    json_t *object =
        json_pack("{s:s, s:o, s:o}", "name", layer->name, "seconds", seconds, "operations", operations);
    if (layer->convolution) {
        const struct conv_shape *shape = &layer->shape;
        json_t *convolution =
            json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "algorithm", algorithm_name(layer->algorithm),
                      "height", shape->height, "width", shape->width, "channels_in", shape->channels_in,
                      "channels_out", shape->channels_out, "kernel", shape->kernel, "stride", shape->stride);
        json_object_update_new(object, convolution);
    }
    return object;
}

static json_t *phases_json(const struct bench *bench)
{
    json_t *phases = json_object();
    for (int phase = 0; phase < BENCH_PHASES; phase++) {
        json_object_set_new(phases, bench_phase_name((enum bench_phase)phase),
                            json_figure(bench->phase[phase]));
    }
    return phases;
}

static json_t *gflops_json(const struct bench *bench)
{
    json_t *gflops = json_object();
    for (int phase = 0; phase <= BENCH_LINEAR; phase++) {
        if (phase != BENCH_BETWEEN) {
            json_object_set_new(gflops, bench_phase_name((enum bench_phase)phase),
                                rate_json(rate_of(bench, (enum bench_phase)phase)));
        }
    }
    json_object_set_new(gflops, "convolutions", rate_json(convolution_rate(bench)));
    return gflops;
}

json_t *bench_json(const struct bench *bench, const struct config *config,
                   const struct bench_machine *machine, bool layers)
{
    struct rate rate = convolution_rate(bench);
    json_t *object = json_pack(
        "{s:s, s:i, s:f, s:i, s:I, s:i, s:I, s:f, s:I, s:i, s:s, s:i}", "arch", config->model.arch, "input",
        config->model.input, "width", config->model.width, "embedding", config->model.embedding, "parameters",
        (json_int_t)bench->parameters, "batch", bench->batch, "classes", (json_int_t)classes_of(bench),
        "sample", config->classifier.sample, "datasets", (json_int_t)bench->datasets, "threads",
        bench->threads, "isa", bench->isa, "steps", bench->steps);
    double batch = bench->batch;
    json_object_set_new(object, "images_per_second",
                        spread_json(batch / bench->seconds.median, batch / bench->seconds.most,
                                    batch / bench->seconds.least));
    json_object_set_new(object, "seconds_per_step",
                        spread_json(bench->seconds.median, bench->seconds.least, bench->seconds.most));
    json_object_set_new(object, "seconds_mean", json_figure(bench->mean));
    json_object_set_new(object, "phases", phases_json(bench));
    json_object_set_new(object, "gflops", gflops_json(bench));
    json_object_set_new(object, "machine",
                        json_pack("{s:o, s:o, s:s?, s:o}", "sgemm_gflops", json_figure(machine->sgemm / GIGA),
                                  "openblas_gflops", json_figure(machine->openblas / GIGA),
                                  "openblas_lesser_kernel", machine->openblas_kernel, "copy_gb_per_second",
                                  json_figure(machine->copy / GIGA)));
    json_object_set_new(object, "share_of_peak",
                        json_pack("{s:o, s:o}", "convolutions", json_figure(rate.actual / machine->sgemm),
                                  "optimizer", json_figure(update_rate(bench) / machine->copy)));
    json_object_set_new(object, "activations",
                        json_pack("{s:o, s:o, s:o}", "moved_bytes_per_image",
                                  json_figure(bench->moved / batch), "least_bytes_per_image",
                                  json_figure(bench->least / batch), "seconds_at_copy_speed",
                                  json_figure(bench->moved / machine->copy)));
    json_object_set_new(object, "memory",
                        json_pack("{s:I, s:I, s:I}", "peak_bytes", (json_int_t)bench->peak_bytes,
                                  "network_bytes", (json_int_t)bench->network_bytes, "classifier_bytes",
                                  (json_int_t)bench->classifier_bytes));
    json_t *list = layers ? json_array() : NULL;
    for (size_t i = 0; list && i < bench->layer_count; i++) {
        json_array_append_new(list, layer_json(bench, i));
    }
    if (list) {
        json_object_set_new(object, "layers", list);
    }
    return object;
}
