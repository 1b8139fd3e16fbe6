/* Evaluation: the shares of several workers make the result of one; failures and stops end it for all. */
#include "shard/image/image.h"
#include "worker/evaluate/evaluation.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIDE 32
#define EMBEDDING 16
#define IMAGES 23
#define PAIRS 40
#define BATCH 3
#define WORKERS_MAX 4
#define BYTES_MAX (1 << 18)

/* Several workers as threads of this process. */
struct meeting {
    pthread_barrier_t barrier;
    int size;
    unsigned char bytes[BYTES_MAX];
    double values[WORKERS_MAX][16];
};

struct member {
    struct exchange exchange;
    struct meeting *meeting;
};

static enum status meet_gather(struct exchange *exchange, const void *send, size_t bytes, void *recv,
                               struct error *error)
{
    struct meeting *meeting = ((struct member *)exchange)->meeting;
    (void)error;
    memcpy(meeting->bytes + (size_t)exchange->rank * bytes, send, bytes);
    pthread_barrier_wait(&meeting->barrier);
    memcpy(recv, meeting->bytes, (size_t)meeting->size * bytes);
    pthread_barrier_wait(&meeting->barrier);
    return STATUS_OK;
}

static enum status meet_sum(struct exchange *exchange, double *values, size_t count, struct error *error)
{
    struct meeting *meeting = ((struct member *)exchange)->meeting;
    (void)error;
    memcpy(meeting->values[exchange->rank], values, count * sizeof *values);
    pthread_barrier_wait(&meeting->barrier);
    for (size_t i = 0; i < count; i++) {
        values[i] = 0;
        for (int w = 0; w < meeting->size; w++) {
            values[i] += meeting->values[w][i];
        }
    }
    pthread_barrier_wait(&meeting->barrier);
    return STATUS_OK;
}

static const struct exchange_operations meet = {.allgather = meet_gather, .sum_double = meet_sum};

struct stopper {
    int calls, stop_at;
};

static bool stop_at_call(void *context)
{
    struct stopper *stopper = context;
    return ++stopper->calls == stopper->stop_at;
}

struct worker {
    struct member member;
    const struct pairs *pairs;
    struct stopper stopper;
    struct verification result;
    struct error error;
    enum status status;
};

static struct iresnet *make_net(void)
{
    struct iresnet_config config = {
        .network = {.arch = "iresnet10", .input = SIDE, .embedding = EMBEDDING, .width = 0.125},
        .batch_max = BATCH,
        .threads = 1};
    struct iresnet *net;
    assert_int_equal(iresnet_create(&config, &net, NULL), STATUS_OK);
    iresnet_init(net, 5);
    iresnet_weights_changed(net);
    return net;
}

static void *run_worker(void *context)
{
    struct worker *worker = context;
    struct iresnet *net = make_net();
    worker->status = evaluation_run(net, SIDE, BATCH, worker->pairs, &worker->member.exchange, NULL,
                                    stop_at_call, &worker->stopper, &worker->result, NULL, &worker->error);
    iresnet_free(net);
    return NULL;
}

static void run(const struct pairs *pairs, int workers, int stop_at, struct worker *worker)
{
    struct meeting *meeting = calloc(1, sizeof *meeting);
    pthread_t threads[WORKERS_MAX];
    meeting->size = workers;
    pthread_barrier_init(&meeting->barrier, NULL, (unsigned)workers);
    for (int w = 0; w < workers; w++) {
        worker[w] = (struct worker){.member = {{.rank = w, .size = workers, .operations = &meet}, meeting},
                                    .pairs = pairs,
                                    .stopper = {0, stop_at}};
        assert_int_equal(pthread_create(&threads[w], NULL, run_worker, &worker[w]), 0);
    }
    for (int w = 0; w < workers; w++) {
        pthread_join(threads[w], NULL);
    }
    pthread_barrier_destroy(&meeting->barrier);
    free(meeting);
}

/* Images of a few people: a pattern for each person, and noise. */
static void draw(uint32_t image, uint8_t *pixels)
{
    uint32_t seed = image * 7919 + 2;
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(((uint32_t)i * (image % 6 + 3) * 2654435761u >> 25) + (seed >> 25));
    }
}

static int set_up(void **state)
{
    struct pairs *pairs = calloc(1, sizeof *pairs);
    snprintf(pairs->path, sizeof pairs->path, "made-up.h5");
    snprintf(pairs->name, sizeof pairs->name, "made-up");
    pairs->image_size = SIDE;
    pairs->encoding = IMAGE_PNG;
    pairs->images = IMAGES;
    pairs->image = malloc(BYTES_MAX);
    pairs->offset = calloc(IMAGES + 1, sizeof *pairs->offset);
    for (uint32_t i = 0; i < IMAGES; i++) {
        uint8_t pixels[SIDE * SIDE * 3], *bytes;
        struct image image = {.width = SIDE, .height = SIDE, .pixels = pixels};
        size_t size;
        draw(i, pixels);
        assert_int_equal(image_encode(&image, IMAGE_PNG, 0, &bytes, &size, NULL), STATUS_OK);
        assert_true(pairs->offset[i] + size < BYTES_MAX);
        memcpy(pairs->image + pairs->offset[i], bytes, size);
        pairs->offset[i + 1] = pairs->offset[i] + size;
        free(bytes);
    }
    pairs->bytes = pairs->offset[IMAGES];
    pairs->count = PAIRS;
    pairs->pair = calloc(2 * PAIRS, sizeof *pairs->pair);
    pairs->same = calloc(PAIRS, 1);
    pairs->fold = calloc(PAIRS, 1);
    for (uint32_t i = 0; i < PAIRS; i++) {
        pairs->same[i] = i % 2 == 0;
        pairs->pair[2 * i] = i % (IMAGES - 7);
        pairs->pair[2 * i + 1] = i % (IMAGES - 7) + (pairs->same[i] ? 6 : 1 + i % 5);
    }
    *state = pairs;
    return 0;
}

static int tear_down(void **state)
{
    pairs_close(*state);
    free(*state);
    return 0;
}

/* The same by the shortest way: every image and its mirror alone through the network. */
static void embed_alone(const struct pairs *pairs, float *sum, double *mean_norm)
{
    struct iresnet *net = make_net();
    *mean_norm = 0;
    for (uint32_t i = 0; i < IMAGES; i++) {
        for (int mirrored = 0; mirrored < 2; mirrored++) {
            uint8_t pixels[SIDE * SIDE * 3];
            float values[SIDE * SIDE * 3], embedding[EMBEDDING];
            double square = 0;
            draw(i, pixels);
            for (int p = 0; p < SIDE * SIDE * 3; p++) {
                int x = p / 3 % SIDE;
                int from = mirrored ? p + 3 * (SIDE - 1 - 2 * x) : p;
                values[p] = ((float)pixels[from] - 127.5f) / 127.5f;
            }
            iresnet_infer(net, 1, values, embedding, NULL);
            for (int j = 0; j < EMBEDDING; j++) {
                sum[i * EMBEDDING + (uint32_t)j] += embedding[j];
                square += (double)embedding[j] * (double)embedding[j];
            }
            *mean_norm += sqrt(square) / (2 * IMAGES);
        }
    }
    iresnet_free(net);
    (void)pairs;
}

/* No distance lies so near a threshold, nor a same pair's so near a different one's, that rounding could move it
 * across: then accuracy, threshold and area are certain. */
static void assert_clear_of_rounding(const struct pairs *pairs, const float *sum)
{
    const double rounding = 1e-5;
    double distance[PAIRS];
    assert_int_equal(verification_distances(sum, IMAGES, EMBEDDING, pairs->pair, PAIRS, distance, NULL),
                     STATUS_OK);
    for (uint32_t i = 0; i < PAIRS; i++) {
        assert_true(fabs(distance[i] - round(100 * distance[i]) / 100) > rounding);
        for (uint32_t j = 0; j < i; j++) {
            assert_true(pairs->same[i] == pairs->same[j] || fabs(distance[i] - distance[j]) > rounding);
        }
    }
}

static void test_any_number_of_workers_agrees(void **state)
{
    const struct pairs *pairs = *state;
    struct verification expected;
    float sum[IMAGES * EMBEDDING] = {0};
    double norm;
    embed_alone(pairs, sum, &norm);
    assert_clear_of_rounding(pairs, sum);
    assert_int_equal(verification_score(sum, IMAGES, EMBEDDING, norm, pairs->pair, pairs->same, pairs->fold,
                                        PAIRS, &expected, NULL),
                     STATUS_OK);
    assert_true(expected.auc > 0 && expected.auc < 1 && norm > 0);
    for (int workers = 1; workers <= WORKERS_MAX; workers++) {
        struct worker worker[WORKERS_MAX];
        run(pairs, workers, 0, worker);
        for (int w = 0; w < workers; w++) {
            assert_int_equal(worker[w].status, STATUS_OK);
            assert_memory_equal(&worker[w].result, &worker[0].result, sizeof worker[0].result);
            assert_int_equal(worker[w].stopper.calls, worker[0].stopper.calls);
        }
        assert_true(fabs(worker[0].result.accuracy - expected.accuracy) < 1e-12);
        assert_true(fabs(worker[0].result.threshold - expected.threshold) < 1e-12);
        assert_true(fabs(worker[0].result.auc - expected.auc) < 1e-12);
        assert_true(fabs(worker[0].result.norm - norm) < 1e-5 * norm);
    }
}

/* One worker has the broken image, and says which; all end with the same status. */
static void test_a_broken_image_ends_it_for_all(void **state)
{
    struct pairs *pairs = *state;
    struct worker worker[WORKERS_MAX];
    pairs->image[pairs->offset[9] + 5] ^= 1;
    run(pairs, 3, 0, worker);
    for (int w = 0; w < 3; w++) {
        assert_int_equal(worker[w].status, STATUS_DATA);
        assert_int_equal(worker[w].error.status, STATUS_DATA);
        assert_int_equal(worker[w].error.what[0] != '\0', w == 1);
        assert_int_equal(worker[w].stopper.calls, worker[0].stopper.calls);
    }
    assert_non_null(strstr(worker[1].error.where, "made-up.h5, image 9"));
}

static void test_stop_ends_it_for_all(void **state)
{
    const struct pairs *pairs = *state;
    struct worker worker[WORKERS_MAX];
    run(pairs, 3, 2, worker);
    for (int w = 0; w < 3; w++) {
        assert_int_equal(worker[w].status, STATUS_STOPPED);
        assert_int_equal(worker[w].stopper.calls, 2);
    }
}

static void test_another_size_is_refused(void **state)
{
    struct pairs *pairs = *state;
    struct worker worker[WORKERS_MAX];
    pairs->image_size = 2 * SIDE;
    run(pairs, 1, 0, worker);
    assert_int_equal(worker[0].status, STATUS_DATA);
    assert_non_null(strstr(worker[0].error.what, "another image size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_number_of_workers_agrees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_broken_image_ends_it_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_ends_it_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_size_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
