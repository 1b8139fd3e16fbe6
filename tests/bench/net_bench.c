/* Times a forward and backward pass, and what of it the convolutions take.
 *
 *     net_bench ARCH INPUT WIDTH BATCH THREADS STEPS [fast|gemm|reference|recompute]
 *
 * Prints one line: seconds per image of the whole (median of STEPS steps after a first one; with one thread
 * of processor time), of the convolutions, and of the rest; the network's own bytes; the process's peak of
 * resident bytes.
 */
#include "worker/nn/iresnet_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define STEPS_MAX 1000

/* One thread's work is measured in processor time, which other programs on the machine disturb less. */
static double now(int threads)
{
    struct timespec time;
    clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

static float *noise(size_t count)
{
    float *values = malloc(count * sizeof *values);
    uint64_t state = 1;
    for (size_t i = 0; values && i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(state >> 40) / 8388608.0f - 1.0f;
    }
    return values;
}

static double step(struct iresnet *net, int batch, const float *image, float *embedding,
                   const float *gradient)
{
    double start = now(net->threads);
    iresnet_weights_changed(net);
    iresnet_zero_gradient(net);
    iresnet_forward(net, batch, image, NULL, embedding, NULL);
    iresnet_backward(net, batch, gradient, NULL);
    return now(net->threads) - start;
}

/* The convolutions' share of the time since the profile was reset. */
static double convolutions(struct profile *profile)
{
    double seconds = profile_phase_seconds(profile, PROFILE_CONV_FORWARD) +
                     profile_phase_seconds(profile, PROFILE_CONV_BACKWARD_DATA) +
                     profile_phase_seconds(profile, PROFILE_CONV_BACKWARD_WEIGHT);
    double all = 0.0;
    for (int phase = 0; phase < PROFILE_PHASES; phase++) {
        all += profile_phase_seconds(profile, (enum profile_phase)phase);
    }
    profile_reset(profile);
    return seconds / all;
}

static void measure(struct iresnet *net, const struct iresnet_config *config, int steps)
{
    static double whole[STEPS_MAX], convolution[STEPS_MAX];
    size_t pixels = (size_t)config->batch_max * (size_t)(config->network.input * config->network.input) * 3;
    size_t embeddings = (size_t)config->batch_max * (size_t)config->network.embedding;
    float *image = noise(pixels), *gradient = noise(embeddings), *embedding = noise(embeddings);
    struct profile profile;
    if (!image || !gradient || !embedding ||
        profile_create(iresnet_layer_count(net), &profile, NULL) != STATUS_OK) {
        exit(1);
    }
    iresnet_set_profile(net, &profile);
    int batch = config->batch_max;
    for (int i = -1; i < steps; i++) {
        double seconds = step(net, batch, image, embedding, gradient);
        double share = convolutions(&profile);
        if (i >= 0) {
            whole[i] = seconds / batch;
            convolution[i] = share * seconds / batch;
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double all = median(whole, steps), conv = median(convolution, steps);
    printf("%s input %d width %g batch %d threads %d: %.5f s/image, convolutions %.5f, rest %.5f; "
           "%zu bytes, peak %ld KiB\n",
           config->network.arch, config->network.input, config->network.width, batch, config->threads, all,
           conv, all - conv, iresnet_memory_bytes(net), usage.ru_maxrss);
    iresnet_set_profile(net, NULL);
    profile_free(&profile);
    free(image);
    free(gradient);
    free(embedding);
}

int main(int argc, char **argv)
{
    static const char *const kernels[] = {"fast", "gemm", "reference"};
    int steps = argc >= 7 ? atoi(argv[6]) : 0, chosen = 0;
    bool recompute = argc == 8 && strcmp(argv[7], "recompute") == 0;
    while (argc == 8 && !recompute && chosen < 3 && strcmp(argv[7], kernels[chosen]) != 0) {
        chosen++;
    }
    if (steps < 1 || steps > STEPS_MAX || argc > 8 || chosen == 3) {
        fprintf(stderr, "usage: %s ARCH INPUT WIDTH BATCH THREADS STEPS [fast|gemm|reference|recompute]\n",
                argv[0]);
        return 2;
    }
    struct iresnet_config config = {
        .network = {.arch = argv[1], .input = atoi(argv[2]), .embedding = 512, .width = atof(argv[3])},
        .batch_max = atoi(argv[4]),
        .threads = atoi(argv[5]),
        .train = true,
        .micro_batches = 1,
        .recompute = recompute,
        .kernels = (enum iresnet_kernels)chosen,
    };
    struct iresnet *net;
    struct error error;
    char line[1024];
    if (iresnet_create(&config, &net, &error) != STATUS_OK) {
        fprintf(stderr, "%s\n", error_format(&error, line, sizeof line));
        return (int)error.status;
    }
    iresnet_init(net, 1);
    measure(net, &config, steps);
    iresnet_free(net);
    return 0;
}
