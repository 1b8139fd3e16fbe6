/* Our side of the convolutions of `make bench`: answers each line "conv SIDE IN OUT STRIDE DATA" of standard
 * input with the seconds of forward, backward to weights and, if DATA is not 0, backward to data, of a
 * micro-batch, by the algorithm that the network takes; the transform of new weights included.
 *
 *     conv_server BATCH THREADS
 */
#include "tests/bench/values.h"
#include "worker/nn/conv/conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHAPES_MAX 64

struct subject {
    struct conv_shape shape;
    struct conv *conv;
    float *input, *output, *weight, *grad_weight;
};

struct server {
    int batch, threads;
    struct subject subjects[SHAPES_MAX];
    size_t count;
    void *scratch;
    size_t scratch_bytes;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double run(struct server *server, struct subject *subject, int data)
{
    double begin = now();
    conv_set_weight(subject->conv, subject->weight);
    struct conv_input input = {.values = subject->input};
    conv_forward(subject->conv, server->batch, &input, subject->output, NULL, server->scratch);
    conv_backward_weight(subject->conv, server->batch, &input, subject->output, subject->grad_weight,
                         server->scratch);
    if (data) {
        conv_backward_data(subject->conv, server->batch, subject->output, subject->input, NULL,
                           server->scratch);
    }
    return now() - begin;
}

static struct subject *make(struct server *server, const struct conv_shape *shape, int data)
{
    struct subject *subject = &server->subjects[server->count++];
    struct error error;
    enum isa isa;
    size_t images = (size_t)server->batch, in = (size_t)shape->channels_in, out = (size_t)shape->channels_out;
    *subject = (struct subject){.shape = *shape};
    if (isa_detect(&isa, &error) != STATUS_OK ||
        conv_create(shape, CONV_AUTO, isa, server->batch, server->threads, false, &subject->conv, &error) !=
            STATUS_OK) {
        fprintf(stderr, "conv_server: %s\n", error.what);
        exit(1);
    }
    subject->input = values_make(images * (size_t)(shape->height * shape->width) * in);
    subject->output = values_make(images * (size_t)(conv_height_out(shape) * conv_width_out(shape)) * out);
    subject->weight = values_make(9 * in * out);
    subject->grad_weight = values_make(9 * in * out);
    if (conv_scratch_bytes(subject->conv) > server->scratch_bytes) {
        server->scratch_bytes = conv_scratch_bytes(subject->conv);
        free(server->scratch);
        server->scratch = values_memory(server->scratch_bytes);
    }
    run(server, subject, data);
    return subject;
}

static struct subject *find(struct server *server, const struct conv_shape *shape, int data)
{
    for (size_t i = 0; i < server->count; i++) {
        if (memcmp(&server->subjects[i].shape, shape, sizeof *shape) == 0) {
            return &server->subjects[i];
        }
    }
    return server->count < SHAPES_MAX ? make(server, shape, data) : NULL;
}

int main(int argc, char **argv)
{
    static struct server server;
    char line[256];
    server.batch = argc == 3 ? atoi(argv[1]) : 0;
    server.threads = argc == 3 ? atoi(argv[2]) : 0;
    if (server.batch < 1 || server.threads < 1) {
        fprintf(stderr, "usage: conv_server BATCH THREADS\n");
        return 2;
    }
    while (fgets(line, sizeof line, stdin)) {
        struct conv_shape shape = {.kernel = 3};
        int data;
        if (sscanf(line, "conv %d %d %d %d %d", &shape.height, &shape.channels_in, &shape.channels_out,
                   &shape.stride, &data) != 5) {
            return 2;
        }
        shape.width = shape.height;
        struct subject *subject = find(&server, &shape, data);
        if (!subject) {
            return 2;
        }
        printf("%.9f\n", run(&server, subject, data));
        fflush(stdout);
    }
    return 0;
}
