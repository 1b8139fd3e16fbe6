/* Steps of many workers on a simulated network: the exchange and the classifier as they are, between computation that is
 * only waited for. Compiled by SimGrid's smpicc; simulate.py runs it.
 *
 *     exchange_step FILE own|bf16
 *
 * FILE: of step_describe. MPI's sums are not simulated: SimGrid's are of another algorithm than any MPI's. Worker 0 prints seconds of a step, and those of them that it waited for the exchange.
 *
 * The classifier has few rows in place of many, and as many fewer of them make an owner, so that who owns what, and each
 * message, is as it is with all of them.
 */
#include "tests/simulation/step.h"
#include "worker/exchange/bucket.h"
#include "worker/exchange/exchange_mpi.h"
#include "worker/loss/classifier.h"

#include <smpi/smpi.h>
#include <string.h>

/* Of the steps the first is not counted. A backward pass is so many layers, between which messages are driven on. */
enum { STEPS = 3, LAYERS = 100, ROWS_LESS = 500 };

static struct error error;

static void check(enum status status)
{
    char line[1024];
    if (status != STATUS_OK) {
        fprintf(stderr, "%s\n", error_format(&error, line, sizeof line));
        MPI_Abort(MPI_COMM_WORLD, (int)status);
    }
}

struct worker {
    struct prediction_input input;
    struct exchange *exchange;
    struct classifier *classifier;
    struct buckets buckets;
    float *gradient, *residual, *embedding, *grad_embedding;
    struct sample *sample;
    double additions; /* seconds a byte */
    double classify, update; /* seconds of a round, of a step */
};

/* The classifier goes by the rows that this worker has and the share of samples that meet them, the update by weights. */
static void share_out(struct worker *worker)
{
    const struct prediction_input *input = &worker->input;
    double work = 0, whole = 0, rows = 0, own = 0,
           exchanged = (double)input->exchanged_weights / input->embedding;
    for (size_t k = 0; k < input->datasets; k++) {
        int first, count;
        classifier_layout(input->classes, input->datasets, input->rows_min, worker->exchange->size, k, &first,
                          &count);
        bool owns =
            (worker->exchange->rank - first + worker->exchange->size) % worker->exchange->size < count;
        double met = (double)input->classes[k] * (double)input->images[k];
        work += owns ? met / count : 0;
        whole += met;
        own += owns ? (double)input->classes[k] / count : 0;
        rows += input->classes[k];
    }
    worker->classify = input->classifier * worker->exchange->size * work / whole;
    worker->update = input->update * (exchanged + own) / (exchanged + rows);
}

static void start(struct worker *worker, const char *path, const char *how)
{
    struct prediction_input *input = &worker->input;
    double bytes = 0;
    step_read(path, input);
    for (size_t i = 0; i < input->buckets; i++) {
        bytes += input->bucket[i].bytes;
    }
    size_t count = (size_t)(bytes / sizeof(float)), batch = (size_t)input->lane_batch;
    uint32_t *classes = calloc(input->datasets, sizeof *classes);
    double *weight = calloc(input->datasets, sizeof *weight);
    for (size_t k = 0; k < input->datasets; k++) {
        classes[k] = (input->classes[k] + ROWS_LESS - 1) / ROWS_LESS;
        weight[k] = 1;
    }
    check(exchange_mpi_create(MPI_COMM_WORLD, &worker->exchange, &error));
    worker->exchange->own_sums = true;
    struct classifier_config config = {.embedding = input->embedding,
                                       .datasets = input->datasets,
                                       .classes = classes,
                                       .weight = weight,
                                       .rows_min = (input->rows_min + ROWS_LESS - 1) / ROWS_LESS,
                                       .margin = {MARGIN_PLAIN, {1, 0.5, 0}},
                                       .scale = 64,
                                       .seed = 1,
                                       .round_max = worker->exchange->size * input->lane_batch,
                                       .threads = 1};
    check(classifier_create(&config, worker->exchange, &worker->classifier, &error));
    classifier_init(worker->classifier);
    /* One piece of memory for all ranks: what is summed does not matter. */
    worker->gradient = SMPI_SHARED_MALLOC(count * sizeof(float));
    worker->residual = strcmp(how, "bf16") == 0 ? SMPI_SHARED_MALLOC(count * sizeof(float)) : NULL;
    worker->embedding = calloc(batch * (size_t)input->embedding, sizeof(float));
    worker->grad_embedding = calloc(batch * (size_t)input->embedding, sizeof(float));
    worker->sample = calloc(batch, sizeof *worker->sample);
    unsigned long long draw = 88172645463325252ull * (unsigned long long)(worker->exchange->rank + 1);
    for (size_t i = 0; i < batch; i++) {
        draw = draw * 6364136223846793005ull + 1442695040888963407ull;
        uint32_t k = (uint32_t)((draw >> 33) % input->datasets);
        worker->sample[i] = (struct sample){.dataset = k, .label = (uint32_t)((draw >> 40) % classes[k])};
        worker->embedding[i * (size_t)input->embedding + i] = 1;
    }
    buckets_init(&worker->buckets, worker->exchange, worker->gradient, worker->residual, count, 1);
    worker->additions = (double)(worker->exchange->size - 1) / worker->exchange->size / input->memory;
    share_out(worker);
    free(classes);
    free(weight);
}

/* Layers up to a time of the backward pass, messages driven on between them. */
static void compute_until(struct worker *worker, double *now, double until)
{
    double layer = worker->input.backward / LAYERS;
    while (*now < until) {
        double seconds = until - *now < layer ? until - *now : layer;
        smpi_execute(seconds);
        *now += seconds;
        check(worker->exchange->operations->buckets_progress(worker->exchange, &error));
    }
}

static void step(struct worker *worker, int number)
{
    const struct prediction_input *input = &worker->input;
    struct classifier_sums sums = {0};
    double now = 0, scalars[4] = {0};
    size_t end = worker->buckets.count;
    smpi_execute(input->forward);
    check(classifier_step(worker->classifier, input->lane_batch, worker->embedding, worker->sample,
                          (int64_t)input->lane_batch * worker->exchange->size, number, worker->grad_embedding,
                          &sums, &error));
    smpi_execute(worker->classify);
    buckets_begin(&worker->buckets);
    for (size_t i = 0; i < input->buckets; i++) {
        size_t count = (size_t)(input->bucket[i].bytes / sizeof(float));
        compute_until(worker, &now,
                      input->bucket[i].ready < input->backward ? input->bucket[i].ready : input->backward);
        buckets_ready(&worker->buckets, end - count, end);
        end -= count;
        smpi_execute(worker->additions * input->bucket[i].bytes);
    }
    compute_until(worker, &now, input->backward);
    check(buckets_flush(&worker->buckets, &error));
    check(worker->exchange->operations->buckets_wait(worker->exchange, &error));
    check(worker->exchange->operations->sum_double(worker->exchange, scalars, 4, &error));
    smpi_execute(worker->update);
}

int main(int argc, char **argv)
{
    struct worker worker = {0};
    if (argc != 3) {
        return 2;
    }
    MPI_Init(&argc, &argv);
    start(&worker, argv[1], argv[2]);
    double begin = 0, waited = 0;
    for (int number = 0; number < STEPS; number++) {
        if (number == 1) {
            MPI_Barrier(MPI_COMM_WORLD);
            begin = MPI_Wtime();
            waited = worker.exchange->seconds_waited;
        }
        step(&worker, number);
    }
    double seconds = (MPI_Wtime() - begin) / (STEPS - 1), longest = 0;
    MPI_Reduce(&seconds, &longest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    if (worker.exchange->rank == 0) {
        printf("%.6f %.6f\n", longest, (worker.exchange->seconds_waited - waited) / (STEPS - 1));
    }
    SMPI_SHARED_FREE(worker.gradient);
    MPI_Finalize();
    return 0;
}
