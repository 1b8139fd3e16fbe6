/* A classifier larger than one worker would want to hold trains in the memory that its rows take: weights,
 * gradients and momenta, and tiles of logits, whatever the batch.
 *
 *     classifier_memory_test [CLASSES EMBEDDING SAMPLES [STEPS]]
 *
 * SAMPLES is of each worker. With arguments each worker prints a line of JSON (`make bench` reads it).
 */
#include "worker/loss/classifier.h"

#include "proto/random.h"
#include "tests/mpi/check.h"
#include "worker/exchange/exchange_mpi.h"
#include "worker/optimizer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define MEBIBYTE ((size_t)1 << 20)
/* Beside the classifier: the exchange's buffers, and what the program and its libraries touch. */
#define PROCESS_BYTES (64 * MEBIBYTE)
/* A sanitizer keeps memory of its own, of which nothing can be said. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZER_MEMORY true
#else
#define SANITIZER_MEMORY false
#endif

struct size {
    uint32_t classes;
    int embedding, samples, steps;
};

struct problem {
    struct size size;
    struct exchange *exchange;
    struct classifier *classifier;
    struct parameter_group group; /* its rows, with momenta */
    float *x, *grad_x; /* [samples][embedding] */
    struct sample *sample; /* [samples] */
};

static struct error error;

/* The most that this process ever had in memory, in bytes. */
static size_t peak_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    size_t kibibytes = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmHWM: %zu", &kibibytes) == 1) {
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    return kibibytes * 1024;
}

static void build(struct problem *problem)
{
    static const double weight[] = {1};
    const struct size *size = &problem->size;
    struct classifier_config config = {.embedding = size->embedding,
                                       .datasets = 1,
                                       .classes = &size->classes,
                                       .weight = weight,
                                       .rows_min = 1024,
                                       .margin = {MARGIN_PLAIN, {0.9, 0.4, 0.15}},
                                       .scale = 64,
                                       .seed = 1,
                                       .round_max = size->samples * problem->exchange->size,
                                       .threads = 1};
    CHECK(classifier_create(&config, problem->exchange, &problem->classifier, &error) == STATUS_OK);
    classifier_init(problem->classifier);
    problem->group = classifier_parameter_group(problem->classifier, 0, "classes");
    CHECK(parameter_group_is_valid(&problem->group) && parameter_group_add_momentum(&problem->group));
    size_t values = (size_t)size->samples * (size_t)size->embedding;
    problem->x = calloc(values, sizeof *problem->x);
    problem->grad_x = calloc(values, sizeof *problem->grad_x);
    problem->sample = calloc((size_t)size->samples, sizeof *problem->sample);
    CHECK(problem->x && problem->grad_x && problem->sample);
    struct random random = random_stream(2, RANDOM_SYNTH, (uint64_t)problem->exchange->rank, 0);
    for (size_t i = 0; i < values; i++) {
        problem->x[i] = random_normal(&random);
    }
    for (int i = 0; i < size->samples; i++) {
        uint64_t number = (uint64_t)(problem->exchange->rank * size->samples + i);
        problem->sample[i] =
            (struct sample){.label = (uint32_t)(number * 7919 % size->classes), .id = number};
    }
}

/* A step on the same samples each time; the mean loss over all workers. */
static double train(struct problem *problem, int64_t step)
{
    const struct size *size = &problem->size;
    struct exchange *exchange = problem->exchange;
    struct classifier_sums sums = {0};
    int64_t batch = (int64_t)size->samples * exchange->size;
    classifier_zero_gradient(problem->classifier);
    CHECK(classifier_step(problem->classifier, size->samples, problem->x, problem->sample, batch, step,
                          problem->grad_x, &sums, &error) == STATUS_OK);
    const struct optimizer_update update = {.scale = 1, .lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4};
    optimizer_step(&problem->group, &update, 1);
    CHECK(exchange->operations->sum_double(exchange, &sums.loss, 1, &error) == STATUS_OK);
    return sums.loss / (double)batch;
}

/* Of each vector of its rows: weights, gradients, momenta. */
static size_t vector_bytes(const struct problem *problem)
{
    return problem->group.count * sizeof(float);
}

/* Of the round: embeddings and gradients as they come, lie and go, for each sample of all workers. */
static size_t sample_bytes(const struct problem *problem)
{
    size_t embedding = (size_t)problem->size.embedding * sizeof(float);
    size_t most_chunk = 256 * sizeof(float), other = 256;
    size_t samples = (size_t)(problem->size.samples * problem->exchange->size);
    return samples * (6 * embedding + most_chunk + other);
}

static void free_problem(struct problem *problem)
{
    parameter_group_free_momentum(&problem->group);
    classifier_free(problem->classifier);
    free(problem->x);
    free(problem->grad_x);
    free(problem->sample);
}

int main(int argc, char **argv)
{
    struct problem problem = {.size = {.classes = 200000, .embedding = 16, .samples = 192, .steps = 2}};
    bool told = argc > 3;
    if (told) {
        problem.size = (struct size){(uint32_t)strtoul(argv[1], NULL, 10), atoi(argv[2]), atoi(argv[3]),
                                     argc > 4 ? atoi(argv[4]) : 3};
    }
    exchange_mpi_prepare();
    MPI_Init(&argc, &argv);
    CHECK(exchange_mpi_create(MPI_COMM_WORLD, &problem.exchange, &error) == STATUS_OK);
    size_t before = peak_bytes();
    build(&problem);
    double first = train(&problem, 1), last = first, begin = MPI_Wtime();
    for (int step = 2; step <= problem.size.steps; step++) {
        last = train(&problem, step);
    }
    double seconds = (MPI_Wtime() - begin) / (problem.size.steps - 1);
    CHECK(last < first);

    size_t vector = vector_bytes(&problem), rows = 3 * vector; /* the momenta are the group's */
    size_t held = classifier_memory_bytes(problem.classifier) + vector;
    size_t allowed = rows + CLASSIFIER_TILE_BYTES + sample_bytes(&problem) + rows / 32 + MEBIBYTE;
    CHECK(held >= rows && held <= allowed);
    CHECK(SANITIZER_MEMORY || peak_bytes() - before <= allowed + PROCESS_BYTES);
    if (told) {
        printf("{\"rank\": %d, \"rows_bytes\": %zu, \"tile_bytes\": %u, \"held_bytes\": %zu, \"peak_bytes\": "
               "%zu, "
               "\"seconds\": %.4f, \"loss\": [%.4f, %.4f]}\n",
               problem.exchange->rank, rows, CLASSIFIER_TILE_BYTES, held, peak_bytes(), seconds, first, last);
    }
    free_problem(&problem);
    problem.exchange->operations->close(problem.exchange);
    MPI_Finalize();
    return 0;
}
