/* The network against PyTorch in float64 (tests/oracle/make_iresnet.py), and what its header promises. */
#include "worker/nn/iresnet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- The formula that the oracle shares --- */

static void draw(size_t index, size_t count, float *values)
{
    uint64_t state = (uint64_t)index * 2654435761u + 12345u;
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(state >> 40) / 16777216.0f;
    }
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

static void affine_of(const struct parameter *parameter, float *offset, float *scale)
{
    const char *name = parameter->name;
    *offset = 0.5f;
    *scale = 1.0f;
    if (ends_with(name, "prelu.weight")) {
        *offset = 0.125f;
        *scale = 0.25f;
    } else if (!ends_with(name, "running_var") && !(parameter->rank == 1 && ends_with(name, ".weight"))) {
        float amplitude = parameter->rank == 2 ? 0.125f : parameter->rank == 4 ? 0.25f : 0.5f;
        *offset = -amplitude;
        *scale = 2.0f * amplitude;
    }
}

static float *allocate(size_t count)
{
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    return values;
}

static float *vector_of(struct iresnet *net, const struct parameter *parameter)
{
    return parameter->kind == PARAMETER_STATISTIC ? iresnet_statistics(net) : iresnet_weights(net);
}

static void fill_network(struct iresnet *net)
{
    size_t count;
    const struct parameter *parameters = iresnet_parameters(net, &count);
    for (size_t i = 0; i < count; i++) {
        float offset, scale, *values = allocate(parameters[i].count);
        affine_of(&parameters[i], &offset, &scale);
        draw(i, parameters[i].count, values);
        for (size_t k = 0; k < parameters[i].count; k++) {
            values[k] = offset + scale * values[k];
        }
        parameter_from_file(&parameters[i], values, vector_of(net, &parameters[i]));
        free(values);
    }
    iresnet_weights_changed(net);
}

/* --- A network with one micro-batch for it --- */

struct fixture {
    struct iresnet_config config;
    struct iresnet *net;
    int batch;
    float *image, *mask, *factor, *embedding;
};

static const struct iresnet_config small = {
    .network = {.arch = "iresnet10", .input = 32, .embedding = 16, .width = 0.125},
    .batch_max = 6,
    .threads = 1,
    .train = true,
};

static void fixture_open(struct fixture *fixture, const struct iresnet_config *config, int batch)
{
    struct error error;
    *fixture = (struct fixture){.config = *config, .batch = batch};
    assert_int_equal(iresnet_create(config, &fixture->net, &error), STATUS_OK);
    size_t pixels = (size_t)batch * (size_t)config->network.input * (size_t)config->network.input * 3;
    size_t embeddings = (size_t)batch * (size_t)config->network.embedding;
    size_t masks = (size_t)batch * iresnet_dropout_count(fixture->net);
    fixture->image = allocate(pixels);
    fixture->factor = allocate(embeddings);
    fixture->embedding = allocate(embeddings);
    fixture->mask = allocate(masks);
    draw(1000, pixels, fixture->image);
    draw(1001, embeddings, fixture->factor);
    draw(1002, masks, fixture->mask);
    for (size_t i = 0; i < pixels; i++) {
        fixture->image[i] = 2.0f * fixture->image[i] - 1.0f;
    }
    for (size_t i = 0; i < embeddings; i++) {
        fixture->factor[i] = 2.0f * fixture->factor[i] - 1.0f;
    }
    for (size_t i = 0; i < masks; i++) {
        fixture->mask[i] = fixture->mask[i] < 0.4f ? 0.0f : (float)(1.0 / 0.6);
    }
    fill_network(fixture->net);
}

static void fixture_close(struct fixture *fixture)
{
    iresnet_free(fixture->net);
    free(fixture->image);
    free(fixture->mask);
    free(fixture->factor);
    free(fixture->embedding);
}

static void step(struct fixture *fixture, bool dropout, const struct iresnet_hooks *hooks)
{
    iresnet_forward(fixture->net, fixture->batch, fixture->image, dropout ? fixture->mask : NULL,
                    fixture->embedding, hooks);
    iresnet_backward(fixture->net, fixture->batch, fixture->factor, hooks);
}

/* |a - b| / |b| */
static double distance(const float *a, const float *b, size_t count)
{
    double difference = 0.0, norm = 0.0;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)a[i] - (double)b[i], 2.0);
        norm += pow((double)b[i], 2.0);
    }
    return sqrt(difference / (norm > 0.0 ? norm : 1.0));
}

static void assert_below(double value, double limit, const char *what)
{
    if (!(value <= limit)) {
        fail_msg("%s: relative error %.3g, allowed %.3g", what, value, limit);
    }
}

/* --- Against PyTorch --- */

static void read_exactly(FILE *file, void *data, size_t size)
{
    assert_int_equal(fread(data, 1, size, file), size);
}

static void check_parameter(FILE *file, struct fixture *fixture, const struct parameter *parameter,
                            double *worst)
{
    struct {
        char name[64];
        uint32_t rank, shape[4];
    } head;
    read_exactly(file, &head, sizeof head);
    assert_string_equal(parameter->name, head.name);
    assert_int_equal(parameter->rank, head.rank);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(parameter->shape[i], head.shape[i]);
    }
    float *expected = allocate(parameter->count), *values = allocate(parameter->count);
    read_exactly(file, expected, parameter->count * sizeof *expected);
    const float *vector = parameter->kind == PARAMETER_STATISTIC ? iresnet_batch_statistics(fixture->net)
                                                                 : iresnet_gradient(fixture->net);
    parameter_to_file(parameter, vector, values);
    /* A shift that the next normalisation takes away again has no gradient: there only rounding is left. */
    float zero = 0.0f;
    bool vanishes = true;
    for (size_t i = 0; i < parameter->count; i++) {
        vanishes = vanishes && fabs((double)expected[i]) < 1e-9;
    }
    if (vanishes) {
        for (size_t i = 0; i < parameter->count; i++) {
            assert_below(distance(&values[i], &zero, 1), 1e-4, parameter->name);
        }
    } else {
        double error = distance(values, expected, parameter->count);
        assert_below(error, 1e-4, parameter->name);
        *worst = fmax(*worst, error);
    }
    free(expected);
    free(values);
}

static void check_golden(const char *path, const struct iresnet_config *config, int batch, bool dropout)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("%s is missing: run the tests from the repository's root", path);
    }
    struct fixture fixture;
    fixture_open(&fixture, config, batch);
    size_t count = (size_t)batch * (size_t)config->network.embedding, parameter_count;
    float *expected = allocate(count), *inferred = allocate(count);
    double expected_loss, loss = 0.0, size = 0.0, worst = 0.0;
    read_exactly(file, &expected_loss, sizeof expected_loss);
    read_exactly(file, expected, count * sizeof *expected);

    step(&fixture, dropout, NULL);
    double error = distance(fixture.embedding, expected, count);
    assert_below(error, 1e-5, "embedding");
    for (size_t i = 0; i < count; i++) {
        double term = (double)fixture.embedding[i] * (double)fixture.factor[i];
        loss += term;
        size += fabs(term); /* the terms cancel: their size, not the sum's, says what rounding may cost */
    }
    assert_below(fabs(loss - expected_loss) / size, 1e-5, "loss");

    read_exactly(file, expected, count * sizeof *expected);
    iresnet_infer(fixture.net, batch, fixture.image, inferred, NULL);
    assert_below(distance(inferred, expected, count), 1e-5, "embedding in inference");

    const struct parameter *parameters = iresnet_parameters(fixture.net, &parameter_count);
    for (size_t i = 0; i < parameter_count; i++) {
        check_parameter(file, &fixture, &parameters[i], &worst);
    }
    assert_int_equal(fgetc(file), EOF);
    print_message("%s: embedding %.2g, worst gradient %.2g\n", path, error, worst);
    fclose(file);
    free(expected);
    free(inferred);
    fixture_close(&fixture);
}

static void test_golden(void **state)
{
    (void)state;
    struct iresnet_config config = small;
    for (int kernels = IRESNET_KERNELS_FAST; kernels <= IRESNET_KERNELS_REFERENCE; kernels++) {
        config.kernels = (enum iresnet_kernels)kernels;
        config.network.arch = "iresnet10";
        config.network.width = 0.125;
        check_golden("tests/oracle/nn/iresnet10.golden", &config, 4, false);
        config.network.arch = "iresnet18";
        config.network.width = 0.0625;
        check_golden("tests/oracle/nn/iresnet18.golden", &config, 6, true);
    }
}

/* --- Passes --- */

struct ranges {
    size_t begin, reports, pauses;
    const float *gradient;
    float *reported; /* copied when told that it is final */
    bool broken;
};

static void on_between(void *context)
{
    ((struct ranges *)context)->pauses++;
}

static void on_ready(void *context, size_t begin, size_t end)
{
    struct ranges *ranges = context;
    ranges->broken = ranges->broken || end != ranges->begin || begin >= end;
    memcpy(ranges->reported + begin, ranges->gradient + begin, (end - begin) * sizeof *ranges->gradient);
    ranges->begin = begin;
    ranges->reports++;
}

static void test_ready(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, &small, 4);
    size_t count = iresnet_weight_count(fixture.net);
    struct ranges ranges = {
        .begin = count, .gradient = iresnet_gradient(fixture.net), .reported = allocate(count)};
    struct iresnet_hooks hooks = {.between = on_between, .ready = on_ready, .context = &ranges};
    step(&fixture, true, &hooks);
    assert_false(ranges.broken);
    assert_int_equal(ranges.begin, 0);
    assert_true(ranges.reports >= 7);
    assert_memory_equal(ranges.reported, ranges.gradient, count * sizeof *ranges.reported);
    size_t training = ranges.pauses;
    assert_true(training >= 3 * 13); /* every convolution's three passes */
    iresnet_infer(fixture.net, fixture.batch, fixture.image, fixture.embedding, &hooks);
    assert_true(ranges.pauses >= training + 13);
    free(ranges.reported);
    fixture_close(&fixture);
}

static void test_accumulates(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, &small, 4);
    size_t count = iresnet_weight_count(fixture.net), statistics = iresnet_statistic_count(fixture.net);
    float *once = allocate(count), *means = allocate(statistics);
    step(&fixture, false, NULL);
    memcpy(once, iresnet_gradient(fixture.net), count * sizeof *once);
    memcpy(means, iresnet_batch_statistics(fixture.net), statistics * sizeof *means);
    step(&fixture, false, NULL);
    for (size_t i = 0; i < count; i++) {
        once[i] *= 2.0f;
    }
    for (size_t i = 0; i < statistics; i++) {
        means[i] *= 2.0f;
    }
    assert_below(distance(iresnet_gradient(fixture.net), once, count), 1e-6, "gradient");
    assert_below(distance(iresnet_batch_statistics(fixture.net), means, statistics), 1e-6, "statistics");
    iresnet_zero_gradient(fixture.net);
    for (size_t i = 0; i < count; i++) {
        assert_true(iresnet_gradient(fixture.net)[i] == 0.0f);
    }
    free(once);
    free(means);
    fixture_close(&fixture);
}

static void test_statistics(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, &small, 4);
    size_t count = iresnet_statistic_count(fixture.net);
    float *before = allocate(count);
    memcpy(before, iresnet_statistics(fixture.net), count * sizeof *before);
    step(&fixture, false, NULL);
    step(&fixture, false, NULL);
    iresnet_update_statistics(fixture.net, 2);
    for (size_t i = 0; i < count; i++) {
        double batch = (double)iresnet_batch_statistics(fixture.net)[i] / 2.0;
        double expected = 0.9 * (double)before[i] + 0.1 * batch;
        assert_true(fabs((double)iresnet_statistics(fixture.net)[i] - expected) <=
                    1e-6 * fmax(1.0, fabs(expected)));
    }
    free(before);
    fixture_close(&fixture);
}

/* A network without backward memory infers the same bits, whatever the batch was planned for. */
static void test_inference_network(void **state)
{
    (void)state;
    struct fixture trained, bare;
    struct iresnet_config config = small;
    config.network.arch = "iresnet18";
    fixture_open(&trained, &config, 4);
    config.train = false;
    config.batch_max = 4;
    fixture_open(&bare, &config, 4);
    assert_null(iresnet_gradient(bare.net));
    assert_true(iresnet_memory_bytes(bare.net) < iresnet_memory_bytes(trained.net));
    iresnet_infer(trained.net, 4, trained.image, trained.embedding, NULL);
    iresnet_infer(bare.net, 4, bare.image, bare.embedding, NULL);
    assert_below(distance(bare.embedding, trained.embedding, 4 * 16), 1e-6, "inference");
    /* An image's embedding does not depend on its company. */
    float one[16];
    iresnet_infer(bare.net, 1, bare.image + 2 * 32 * 32 * 3, one, NULL);
    assert_below(distance(one, bare.embedding + 2 * 16, 16), 1e-6, "one image");
    fixture_close(&bare);
    fixture_close(&trained);
}

static void compare_runs(const struct iresnet_config *a, const struct iresnet_config *b, double limit)
{
    struct fixture first, second;
    fixture_open(&first, a, 4);
    fixture_open(&second, b, 4);
    step(&first, true, NULL);
    step(&second, true, NULL);
    size_t count = iresnet_weight_count(first.net);
    if (limit == 0.0) {
        assert_memory_equal(second.embedding, first.embedding, 4 * 16 * sizeof(float));
        assert_memory_equal(iresnet_gradient(second.net), iresnet_gradient(first.net), count * sizeof(float));
    }
    assert_below(distance(second.embedding, first.embedding, 4 * 16), limit, "embedding");
    assert_below(distance(iresnet_gradient(second.net), iresnet_gradient(first.net), count), limit,
                 "gradient");
    fixture_close(&second);
    fixture_close(&first);
}

static void test_threads(void **state)
{
    (void)state;
    struct iresnet_config one = small, two = small, three = small;
    two.threads = 2;
    three.threads = 3;
    compare_runs(&one, &one, 0.0);
    compare_runs(&two, &two, 0.0);
    compare_runs(&one, &two, 1e-5);
    compare_runs(&one, &three, 1e-5);
}

static void check_smaller(const struct iresnet_config *config, const struct iresnet_config *than)
{
    struct iresnet *nets[2];
    assert_int_equal(iresnet_create(config, &nets[0], NULL), STATUS_OK);
    assert_int_equal(iresnet_create(than, &nets[1], NULL), STATUS_OK);
    assert_true(iresnet_memory_bytes(nets[0]) < iresnet_memory_bytes(nets[1]));
    iresnet_free(nets[0]);
    iresnet_free(nets[1]);
}

/* What is computed again is the same, and need not be kept. */
static void test_recompute(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        for (int kernels = IRESNET_KERNELS_FAST; kernels <= IRESNET_KERNELS_REFERENCE; kernels++) {
            struct iresnet_config kept = small;
            kept.threads = threads;
            kept.kernels = (enum iresnet_kernels)kernels;
            struct iresnet_config again = kept, once = kept;
            again.recompute = true;
            compare_runs(&kept, &again, 0.0);
            check_smaller(&again, &kept);
            once.micro_batches = 1;
            compare_runs(&kept, &once, 0.0);
            if (kernels == IRESNET_KERNELS_FAST) {
                check_smaller(&once, &kept);
            }
        }
    }
}

static void test_sets(void **state)
{
    (void)state;
    struct fixture plain, other;
    setenv("DAIL_ISA", "generic", 1);
    fixture_open(&plain, &small, 4);
    step(&plain, false, NULL);
    size_t count = iresnet_weight_count(plain.net);
    for (int isa = ISA_GENERIC + 1; isa < ISA_COUNT; isa++) {
        setenv("DAIL_ISA", isa_name((enum isa)isa), 1);
        enum isa found;
        if (isa_detect(&found, NULL) != STATUS_OK) {
            print_message("skipped %s: this machine cannot run it\n", isa_name((enum isa)isa));
            continue;
        }
        fixture_open(&other, &small, 4);
        step(&other, false, NULL);
        assert_below(distance(other.embedding, plain.embedding, 4 * 16), 1e-5, "embedding");
        assert_below(distance(iresnet_gradient(other.net), iresnet_gradient(plain.net), count), 1e-5,
                     "gradient");
        fixture_close(&other);
    }
    unsetenv("DAIL_ISA");
    fixture_close(&plain);
}

/* The embedding is wider than all that comes before it. Buffers planned for more images are large enough in
 * any case: those planned for just these must give the same. */
static void test_wide_embedding(void **state)
{
    (void)state;
    struct iresnet_config tight = small, roomy = small;
    tight.network.input = 16;
    tight.network.embedding = 2000;
    roomy = tight;
    roomy.batch_max = 40;
    struct fixture first, second;
    fixture_open(&first, &tight, 6);
    fixture_open(&second, &roomy, 6);
    step(&first, true, NULL);
    step(&second, true, NULL);
    assert_below(
        distance(iresnet_gradient(first.net), iresnet_gradient(second.net), iresnet_weight_count(first.net)),
        1e-5, "gradient");
    fixture_close(&second);
    fixture_close(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_accumulates),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_inference_network),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_recompute),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_wide_embedding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
