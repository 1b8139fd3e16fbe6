/* Milliseconds per image of the network's convolutions, by matrix products and by Winograd's algorithms:
 * medians of rounds in which all of them take turns.
 *
 * conv_bench [threads [batch [rounds [width]]]], by default 1, 16, 9, 1: the channels are scaled by the
 * width.
 */
#include "tests/bench/values.h"
#include "worker/nn/conv/conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PASSES = 3, ALGORITHMS = 3, ROUNDS_MOST = 99 };

static const struct conv_shape shapes[] = {
    {112, 112, 3, 64, 3, 1},  {112, 112, 64, 64, 3, 1}, {112, 112, 64, 64, 3, 2}, {112, 112, 64, 64, 1, 2},
    {56, 56, 64, 64, 3, 1},   {56, 56, 64, 128, 3, 1},  {56, 56, 128, 128, 3, 2}, {56, 56, 64, 128, 1, 2},
    {28, 28, 128, 128, 3, 1}, {28, 28, 256, 256, 3, 2}, {14, 14, 256, 256, 3, 1}, {14, 14, 512, 512, 3, 2},
    {7, 7, 512, 512, 3, 1},   {64, 64, 64, 64, 3, 1},   {32, 32, 64, 64, 3, 1},   {16, 16, 128, 128, 3, 1},
    {8, 8, 256, 256, 3, 1},   {4, 4, 512, 512, 3, 1},
};
static const enum conv_algorithm algorithms[ALGORITHMS] = {CONV_GEMM, CONV_WINOGRAD_4, CONV_WINOGRAD_7};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

struct subject {
    struct conv_shape shape;
    struct conv *conv[ALGORITHMS];
    float *input, *output, *weight, *grad_weight;
    double milliseconds[ALGORITHMS][PASSES][ROUNDS_MOST];
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

static int scaled(int channels, double width)
{
    return channels == 3 ? 3 : (int)(channels * width);
}

static size_t subject_make(struct subject *subject, const struct conv_shape *shape, int threads, int batch,
                           double width)
{
    struct error error;
    enum isa isa;
    size_t scratch = 0;
    subject->shape = *shape;
    subject->shape.channels_in = scaled(shape->channels_in, width);
    subject->shape.channels_out = scaled(shape->channels_out, width);
    shape = &subject->shape;
    size_t images = (size_t)batch, in = (size_t)shape->channels_in, out = (size_t)shape->channels_out;
    size_t weight = (size_t)(shape->kernel * shape->kernel) * in * out;
    subject->input = values_make(images * (size_t)(shape->height * shape->width) * in);
    subject->output = values_make(images * (size_t)(conv_height_out(shape) * conv_width_out(shape)) * out);
    subject->weight = values_make(weight);
    subject->grad_weight = values_make(weight);
    for (int a = 0; a < ALGORITHMS; a++) {
        enum conv_algorithm algorithm = algorithms[a];
        if (algorithm != CONV_GEMM && (shape->kernel != 3 || shape->stride != 1)) {
            continue;
        }
        if (isa_detect(&isa, &error) != STATUS_OK || conv_create(shape, algorithm, isa, batch, threads, false,
                                                                 &subject->conv[a], &error) != STATUS_OK) {
            fprintf(stderr, "conv_bench: %s\n", error.what);
            exit(1);
        }
        conv_set_weight(subject->conv[a], subject->weight);
        size_t bytes = conv_scratch_bytes(subject->conv[a]);
        scratch = bytes > scratch ? bytes : scratch;
    }
    return scratch;
}

static void subject_run(struct subject *subject, int a, int batch, int round, void *scratch)
{
    struct conv *conv = subject->conv[a];
    struct conv_input input = {.values = subject->input};
    for (int pass = 0; pass < PASSES; pass++) {
        double start = now();
        if (pass == 0) {
            conv_forward(conv, batch, &input, subject->output, NULL, scratch);
        } else if (pass == 1) {
            conv_backward_data(conv, batch, subject->output, subject->input, NULL, scratch);
        } else {
            conv_backward_weight(conv, batch, &input, subject->output, subject->grad_weight, scratch);
        }
        if (round >= 0) {
            subject->milliseconds[a][pass][round] = (now() - start) / batch;
        }
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct subject *subject, int rounds)
{
    const struct conv_shape *shape = &subject->shape;
    char name[64];
    snprintf(name, sizeof name, "%dx%d %d to %d, %d/%d", shape->height, shape->width, shape->channels_in,
             shape->channels_out, shape->kernel, shape->stride);
    printf("%-26s", name);
    for (int a = 0; a < ALGORITHMS; a++) {
        for (int pass = 0; pass < PASSES && subject->conv[a]; pass++) {
            double *samples = subject->milliseconds[a][pass];
            qsort(samples, (size_t)rounds, sizeof *samples, compare);
            printf(" %8.3f", samples[rounds / 2]);
        }
        printf(a + 1 < ALGORITHMS ? "  |" : "\n");
    }
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1, batch = argc > 2 ? atoi(argv[2]) : 16;
    int rounds = argc > 3 ? atoi(argv[3]) : 9;
    double width = argc > 4 ? atof(argv[4]) : 1.0;
    if (threads < 1 || batch < 1 || rounds < 1 || rounds > ROUNDS_MOST || width < 1.0 / 64) {
        fprintf(stderr, "usage: conv_bench [threads [batch [rounds [width]]]]\n");
        return 2;
    }
    static struct subject subjects[SHAPES];
    size_t scratch_bytes = 0;
    for (int i = 0; i < SHAPES; i++) {
        size_t bytes = subject_make(&subjects[i], &shapes[i], threads, batch, width);
        scratch_bytes = bytes > scratch_bytes ? bytes : scratch_bytes;
    }
    void *scratch = values_memory(scratch_bytes);
    for (int round = -1; round < rounds; round++) {
        for (int i = 0; i < SHAPES; i++) {
            for (int a = 0; a < ALGORITHMS; a++) {
                if (subjects[i].conv[a]) {
                    subject_run(&subjects[i], a, batch, round, scratch);
                }
            }
        }
    }
    printf("ms/image, %d threads, batch %d, %d rounds\n", threads, batch, rounds);
    printf("%-26s %8s %8s %8s  | %8s %8s %8s  | %8s %8s %8s\n", "input, channels, kernel/stride", "gemm fwd",
           "data", "weight", "4x4 fwd", "data", "weight", "7x7 fwd", "data", "weight");
    for (int i = 0; i < SHAPES; i++) {
        report(&subjects[i], rounds);
    }
    return 0;
}
