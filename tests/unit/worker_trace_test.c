/* The trace of a step made here, replayed in PyTorch by tests/oracle/replay.py: this tests the trace, the
 * replay and every gradient of the step at once. Without PyTorch only the file's layout is tested. */
#include "proto/random.h"
#include "shard/hdf5/hdf5.h"
#include "worker/exchange/exchange.h"
#include "worker/loss/domain.h"
#include "worker/nn/iresnet.h"
#include "worker/optimizer.h"
#include "worker/trace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SIDE 32
#define EMBEDDING 16
#define BATCH 6
#define LANES 2
#define DATASETS 2
#define GROUPS (2 + DATASETS)
#define IMAGE (SIDE * SIDE * 3)
#define REPLAY "tests/oracle/replay.py"

static const uint32_t classes[DATASETS] = {7, 12};
static const double dataset_weight[DATASETS] = {1, 0.5};
static const double domain_weight[DATASETS] = {1.5, 0.4};
static const char *const names[DATASETS] = {"lfw", "web faces"};

/* What varies from case to case. */
struct variant {
    double margin[3];
    bool scope_all;
    double crossing, dropout, lambda, clip;
    int hidden;
    int64_t step;
    const char *arch;
    double lambda_told; /* added to the lambda that the trace tells */
};

struct step {
    char directory[256];
    struct variant variant;
    struct exchange *exchange;
    struct iresnet *net;
    struct domain *domain;
    struct classifier *classifier;
    struct parameter_group groups[GROUPS]; /* backbone, domain head, class rows */
    float *mask;
    float image[LANES][BATCH * IMAGE];
    struct sample sample[LANES][BATCH];
    float embedding[BATCH * EMBEDDING], gradient[BATCH * EMBEDDING];
    struct classifier_sums classifier_sums;
    struct domain_sums domain_sums;
    struct trace *trace;
};

static void create_losses(struct step *step)
{
    const struct variant *variant = &step->variant;
    struct domain_config domain = {.embedding = EMBEDDING,
                                   .datasets = DATASETS,
                                   .hidden = &variant->hidden,
                                   .hidden_count = variant->hidden > 0,
                                   .weight = domain_weight,
                                   .batch_max = BATCH};
    struct classifier_config classifier = {
        .embedding = EMBEDDING,
        .datasets = DATASETS,
        .classes = classes,
        .weight = dataset_weight,
        .rows_min = 4,
        .margin = {MARGIN_PLAIN, {variant->margin[0], variant->margin[1], variant->margin[2]}},
        .scale = 64,
        .scope_all = variant->scope_all,
        .crossing_dropout = variant->crossing,
        .seed = 11,
        .round_max = BATCH,
        .threads = 1};
    assert_int_equal(domain_create(&domain, &step->domain, NULL), STATUS_OK);
    assert_int_equal(classifier_create(&classifier, step->exchange, &step->classifier, NULL), STATUS_OK);
    domain_init(step->domain, 3);
    classifier_init(step->classifier);
    step->groups[0] = iresnet_parameter_group(step->net);
    step->groups[1] = domain_parameter_group(step->domain);
    for (size_t k = 0; k < DATASETS; k++) {
        step->groups[2 + k] = classifier_parameter_group(step->classifier, k, names[k]);
    }
    for (size_t i = 0; i < GROUPS; i++) {
        assert_true(parameter_group_is_valid(&step->groups[i]));
        assert_true(parameter_group_add_momentum(&step->groups[i]));
    }
}

static void fill(float *values, size_t count, uint64_t seed, float size)
{
    struct random random = random_stream(seed, RANDOM_SYNTH, 0, 0);
    for (size_t i = 0; i < count; i++) {
        values[i] = size * (2 * random_uniform(&random) - 1);
    }
}

static struct step *create_step(const char *directory, const struct variant *variant)
{
    struct step *step = calloc(1, sizeof *step);
    snprintf(step->directory, sizeof step->directory, "%s", directory);
    step->variant = *variant;
    struct iresnet_config net = {.network = {.arch = variant->arch,
                                             .input = SIDE,
                                             .embedding = EMBEDDING,
                                             .width = 0.25,
                                             .dropout = variant->dropout},
                                 .batch_max = BATCH,
                                 .threads = 1,
                                 .train = true};
    assert_int_equal(exchange_local_create(&step->exchange, NULL), STATUS_OK);
    assert_int_equal(iresnet_create(&net, &step->net, NULL), STATUS_OK);
    iresnet_init(step->net, 2);
    iresnet_weights_changed(step->net);
    create_losses(step);
    if (variant->dropout > 0) {
        step->mask = calloc(BATCH * iresnet_dropout_count(step->net), sizeof(float));
    }
    if (variant->step > 1) {
        fill(step->groups[0].momentum, step->groups[0].count, 8, 0.01f);
        fill(step->groups[1].momentum, step->groups[1].count, 9, 0.01f);
    }
    for (int lane = 0; lane < LANES; lane++) {
        fill(step->image[lane], BATCH * IMAGE, 20 + (uint64_t)lane, 1);
        for (uint32_t i = 0; i < BATCH; i++) {
            uint32_t dataset = (i + (uint32_t)lane) % 3 == 0 ? 0 : 1;
            step->sample[lane][i] = (struct sample){dataset, (i * 5 + (uint32_t)lane) % classes[dataset],
                                                    (uint64_t)dataset << 40 | (i + 100 * (uint32_t)lane)};
        }
    }
    return step;
}

static void free_step(struct step *step)
{
    for (size_t i = 0; i < GROUPS; i++) {
        parameter_group_free_momentum(&step->groups[i]);
    }
    free(step->mask);
    classifier_free(step->classifier);
    domain_free(step->domain);
    iresnet_free(step->net);
    step->exchange->operations->close(step->exchange);
    free(step);
}

static void write_root(struct step *step, double lr)
{
    const struct variant *variant = &step->variant;
    struct trace_step root = {
        .step = variant->step,
        .epoch = 2,
        .global_batch = LANES * BATCH,
        .lanes = LANES,
        .dataset_count = DATASETS,
        .datasets = names,
        .classes = classes,
        .dataset_weight = dataset_weight,
        .domain_weight = domain_weight,
        .domain_balance = true,
        .domain_hidden = &variant->hidden,
        .domain_hidden_count = variant->hidden > 0,
        .lambda = variant->lambda + variant->lambda_told,
        .lr = lr,
        .scale = 64,
        .margin = {MARGIN_PLAIN, {variant->margin[0], variant->margin[1], variant->margin[2]}},
        .scope_all = variant->scope_all,
        .crossing_dropout = variant->crossing,
        .sample = 1,
        .network = {.arch = variant->arch,
                    .input = SIDE,
                    .embedding = EMBEDDING,
                    .width = 0.25,
                    .dropout = variant->dropout},
        .momentum = 0.9,
        .weight_decay = 5e-4,
        .clip = variant->clip};
    assert_int_equal(trace_root(step->trace, &root, NULL), STATUS_OK);
}

static void write_state(struct step *step, enum trace_state state)
{
    for (size_t i = 0; i < GROUPS; i++) {
        assert_int_equal(trace_group(step->trace, state, &step->groups[i], NULL), STATUS_OK);
    }
}

static void write_lane(struct step *step, int lane)
{
    size_t count;
    struct trace_lane traced = {.lane = lane,
                                .batch = BATCH,
                                .side = SIDE,
                                .embedding = EMBEDDING,
                                .datasets = DATASETS,
                                .image = step->image[lane],
                                .sample = step->sample[lane],
                                .embedding_values = step->embedding,
                                .domain_logit = domain_logits(step->domain),
                                .dropout_mask = step->mask,
                                .dropout_count = iresnet_dropout_count(step->net)};
    assert_int_equal(trace_lane(step->trace, &traced, NULL), STATUS_OK);
    const struct crossing_draw *draws = classifier_draws(step->classifier, &count);
    for (size_t i = 0; i < count; i++) {
        uint32_t draw[3] = {(uint32_t)lane, draws[i].sample, draws[i].class_index};
        assert_int_equal(trace_crossing(step->trace, draw, 1, NULL), STATUS_OK);
    }
}

static void run_lane(struct step *step, int lane)
{
    const struct variant *variant = &step->variant;
    if (step->mask) {
        struct random random = random_stream(5, RANDOM_DROPOUT, (uint64_t)lane, 0);
        for (size_t i = 0; i < BATCH * iresnet_dropout_count(step->net); i++) {
            bool kept = random_uniform(&random) >= (float)variant->dropout;
            step->mask[i] = kept ? (float)(1 / (1 - variant->dropout)) : 0;
        }
    }
    iresnet_forward(step->net, BATCH, step->image[lane], step->mask, step->embedding, NULL);
    assert_int_equal(classifier_step(step->classifier, BATCH, step->embedding, step->sample[lane],
                                     LANES * BATCH, variant->step, step->gradient, &step->classifier_sums,
                                     NULL),
                     STATUS_OK);
    domain_step(step->domain, BATCH, step->embedding, step->sample[lane], LANES * BATCH, variant->lambda,
                step->gradient, &step->domain_sums);
    write_lane(step, lane);
    iresnet_backward(step->net, BATCH, step->gradient, NULL);
}

static void update(struct step *step, double norm, double lr)
{
    double clip = step->variant.clip;
    double scale = clip > 0 && clip / (norm + 1e-6) < 1 ? clip / (norm + 1e-6) : 1;
    for (size_t i = 0; i < GROUPS; i++) {
        struct optimizer_update update = {
            .scale = step->groups[i].owned_rows ? 1 : scale, .lr = lr, .momentum = 0.9, .weight_decay = 5e-4};
        optimizer_step(&step->groups[i], &update, 1);
    }
    iresnet_update_statistics(step->net, LANES);
}

static void run_step(struct step *step)
{
    const double lr = 0.1, batch = LANES * BATCH;
    assert_int_equal(trace_open(step->directory, "", step->variant.step, 1, &step->trace, NULL), STATUS_OK);
    write_root(step, lr);
    write_state(step, TRACE_BEFORE);
    if (step->variant.step > 1) {
        write_state(step, TRACE_MOMENTUM);
    }
    iresnet_zero_gradient(step->net);
    domain_zero_gradient(step->domain);
    classifier_zero_gradient(step->classifier);
    for (int lane = 0; lane < LANES; lane++) {
        run_lane(step, lane);
    }
    write_state(step, TRACE_GRAD);
    double norm = sqrt(optimizer_square_sum(step->groups[0].gradient, step->groups[0].count, 1) +
                       optimizer_square_sum(step->groups[1].gradient, step->groups[1].count, 1));
    struct trace_result result = {.loss_cls = step->classifier_sums.loss / batch,
                                  .loss_dom = step->domain_sums.loss / batch,
                                  .grad_norm = norm};
    result.loss = result.loss_cls + result.loss_dom;
    assert_int_equal(trace_results(step->trace, &result, NULL), STATUS_OK);
    update(step, norm, lr);
    write_state(step, TRACE_AFTER);
    assert_int_equal(trace_close(step->trace, NULL), STATUS_OK);
}

static int set_up(void **state)
{
    char *directory = calloc(1, 256);
    const char *base = getenv("TMPDIR");
    snprintf(directory, 256, "%s/dail-trace-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(directory));
    *state = directory;
    return 0;
}

static int tear_down(void **state)
{
    char path[512];
    for (int step = 1; step <= 2; step++) {
        snprintf(path, sizeof path, "%s/trace/step-%09d/worker-1.h5", (char *)*state, step);
        unlink(path);
        snprintf(path, sizeof path, "%s/trace/step-%09d", (char *)*state, step);
        rmdir(path);
    }
    snprintf(path, sizeof path, "%s/trace", (char *)*state);
    rmdir(path);
    assert_int_equal(rmdir(*state), 0);
    free(*state);
    return 0;
}

/* Exit code of the replay; 77: there is no PyTorch. */
static int replay(const char *directory, int64_t step)
{
    char command[512];
    snprintf(command, sizeof command, "python3 %s %s/trace/step-%09lld", REPLAY, directory, (long long)step);
    fflush(stdout);
    int status = access(REPLAY, R_OK) == 0 ? system(command) : 77 << 8;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check(const char *directory, const struct variant *variant)
{
    struct step *step = create_step(directory, variant);
    run_step(step);
    free_step(step);
    int code = replay(directory, variant->step);
    if (code == 77 || code == 127) {
        skip();
    }
    assert_int_equal(code, 0);
}

static void test_dataset_scope(void **state)
{
    check(*state,
          &(struct variant){.margin = {1, 0.5, 0}, .lambda = 0.3, .clip = 5, .step = 1, .arch = "iresnet10"});
}

static void test_crossing_dropout_and_dropout(void **state)
{
    check(*state, &(struct variant){.margin = {0.9, 0.4, 0.15},
                                    .crossing = 0.2,
                                    .dropout = 0.4,
                                    .lambda = 0.7,
                                    .clip = 0.5,
                                    .hidden = 8,
                                    .step = 2,
                                    .arch = "iresnet10"});
}

static void test_scope_all(void **state)
{
    check(*state,
          &(struct variant){
              .margin = {1.35, 0, 0}, .scope_all = true, .hidden = 8, .step = 2, .arch = "iresnet18"});
}

/* A trace that lies is found out: the replay is no rubber stamp. */
static void test_replay_finds_a_wrong_gradient(void **state)
{
    struct variant variant = {
        .margin = {1, 0, 0.35}, .lambda = 0.5, .lambda_told = 0.5, .clip = 5, .step = 1, .arch = "iresnet10"};
    struct step *step = create_step(*state, &variant);
    run_step(step);
    free_step(step);
    int code = replay(*state, 1);
    if (code == 77 || code == 127) {
        skip();
    }
    assert_int_equal(code, 1);
}

static void test_layout(void **state)
{
    struct variant variant = {.margin = {1, 0.5, 0}, .crossing = 0.3, .step = 1, .arch = "iresnet10"};
    struct step *step = create_step(*state, &variant);
    struct h5_file file = {0};
    char path[512], text[32];
    uint64_t dims[H5_RANK_MAX], count;
    enum h5_type type;
    int rank;
    run_step(step);
    snprintf(path, sizeof path, "%s/trace/step-000000001/worker-1.h5", (char *)*state);
    assert_int_equal(h5_open_file(path, &file, NULL), STATUS_OK);
    assert_int_equal(h5_get_string(&file, "/", "scope", text, sizeof text, NULL), STATUS_OK);
    assert_string_equal(text, "dataset");
    assert_int_equal(h5_get_uint(&file, "/", "global_batch", 1000, &count, NULL), STATUS_OK);
    assert_int_equal(count, LANES * BATCH);
    assert_int_equal(h5_read_array_shape(&file, "/lane-1/image", &type, &rank, dims, NULL), STATUS_OK);
    assert_true(rank == 4 && dims[0] == BATCH && dims[1] == 3 && dims[2] == SIDE && dims[3] == SIDE);
    float *planes = malloc(BATCH * IMAGE * sizeof *planes);
    assert_int_equal(h5_read_array(&file, "/lane-1/image", H5_TYPE_F32, 4, dims, planes, NULL), STATUS_OK);
    for (int i = 0; i < BATCH * IMAGE; i += 37) {
        int image = i / IMAGE, c = i % IMAGE / (SIDE * SIDE), pixel = i % (SIDE * SIDE);
        assert_true(planes[i] == step->image[1][image * IMAGE + pixel * 3 + c]);
    }
    free(planes);
    assert_int_equal(h5_read_array_shape(&file, "/crossing", &type, &rank, dims, NULL), STATUS_OK);
    assert_true(type == H5_TYPE_U32 && rank == 2 && dims[0] > 0 && dims[1] == 3);
    assert_int_equal(h5_get_uint(&file, "/classifier/web faces", "row_end", 1000, &count, NULL), STATUS_OK);
    assert_int_equal(count, classes[1]);
    h5_close_file(&file, NULL);
    free_step(step);
}

static void test_abandoned_trace_leaves_nothing(void **state)
{
    struct trace *trace;
    char path[512];
    assert_int_equal(trace_open(*state, "", 1, 1, &trace, NULL), STATUS_OK);
    trace_abandon(trace);
    snprintf(path, sizeof path, "%s/trace/step-000000001", (char *)*state);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(trace_open("/proc/no-such-place", "", 1, 1, &trace, NULL), STATUS_STORAGE);
}

/* The folder's lock names an owner with this nonce. */
static void write_lock(const char *directory, const char *nonce)
{
    char path[300];
    snprintf(path, sizeof path, "%s/lock", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "dail_format: lock\nversion: 1\nhost: h\npid: 1\nstarted: 1\nnonce: \"%s\"\nheartbeat: 1.0\n",
            nonce);
    assert_int_equal(fclose(file), 0);
}

/* A worker whose run has lost its folder leaves no trace in it, whenever that came about. */
static void test_lost_folder_gets_no_trace(void **state)
{
    struct trace *trace;
    struct error error;
    char path[300];
    const char *mine = "0123456789abcdef", *other = "fedcba9876543210";
    snprintf(path, sizeof path, "%s/trace/step-000000001/worker-1.h5", (const char *)*state);
    write_lock(*state, other);
    assert_int_equal(trace_open(*state, mine, 1, 1, &trace, &error), STATUS_LOST);
    write_lock(*state, mine);
    assert_int_equal(trace_open(*state, mine, 1, 1, &trace, NULL), STATUS_OK);
    write_lock(*state, other);
    assert_int_equal(trace_close(trace, &error), STATUS_LOST);
    assert_non_null(strstr(error.what, "lost the folder"));
    assert_int_equal(access(path, F_OK), -1);
    write_lock(*state, mine);
    assert_int_equal(trace_open(*state, mine, 1, 1, &trace, NULL), STATUS_OK);
    assert_int_equal(trace_close(trace, NULL), STATUS_OK);
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0); /* nothing else is left in it */
    snprintf(path, sizeof path, "%s/lock", (const char *)*state);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_abandoned_trace_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_folder_gets_no_trace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dataset_scope, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crossing_dropout_and_dropout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scope_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replay_finds_a_wrong_gradient, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
