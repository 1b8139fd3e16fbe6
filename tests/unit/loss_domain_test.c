#include "worker/loss/domain.h"

#include "tests/unit/golden.h"

#define GOLDEN "tests/oracle/loss/domain.golden"
#define NETS 3

struct fixture {
    double *shape, *weights;
    float *x;
    struct sample sample[8];
    int dimension, datasets, count;
    int64_t global_batch;
    double lambda;
};

static void load(struct fixture *fixture)
{
    size_t count;
    fixture->shape = golden_values(GOLDEN, "shape", &count);
    fixture->weights = golden_values(GOLDEN, "weights", &count);
    fixture->x = golden_floats(GOLDEN, "x", &count);
    fixture->dimension = (int)fixture->shape[0];
    fixture->datasets = (int)fixture->shape[1];
    fixture->count = (int)fixture->shape[2];
    fixture->global_batch = (int64_t)fixture->shape[3];
    fixture->lambda = fixture->shape[4];
    double *datasets = golden_values(GOLDEN, "datasets", &count);
    for (int i = 0; i < fixture->count; i++) {
        fixture->sample[i] = (struct sample){.dataset = (uint32_t)datasets[i]};
    }
    free(datasets);
}

static void unload(struct fixture *fixture)
{
    free(fixture->shape);
    free(fixture->weights);
    free(fixture->x);
}

static struct domain *make(const struct fixture *fixture, int net, int *hidden)
{
    char name[32];
    size_t hidden_count;
    snprintf(name, sizeof name, "net%d.hidden", net);
    double *wanted = golden_values(GOLDEN, name, &hidden_count);
    for (size_t i = 0; i < hidden_count; i++) {
        hidden[i] = (int)wanted[i];
    }
    free(wanted);
    struct domain_config config = {.embedding = fixture->dimension,
                                   .datasets = fixture->datasets,
                                   .hidden = hidden,
                                   .hidden_count = hidden_count,
                                   .weight = fixture->weights,
                                   .batch_max = fixture->count};
    struct domain *domain;
    struct error error;
    assert_int_equal(domain_create(&config, &domain, &error), STATUS_OK);
    return domain;
}

static void equals_pytorch(void **state)
{
    (void)state;
    struct fixture fixture;
    load(&fixture);
    size_t values = (size_t)(fixture.count * fixture.dimension);
    for (int net = 0; net < NETS; net++) {
        int hidden[4];
        char name[32];
        size_t count;
        struct domain *domain = make(&fixture, net, hidden);
        snprintf(name, sizeof name, "net%d.weight", net);
        float *weight = golden_floats(GOLDEN, name, &count);
        assert_int_equal(count, domain_parameter_group(domain).count);
        memcpy(domain_parameter_group(domain).weight, weight, count * sizeof *weight);
        float *grad_x = calloc(values, sizeof *grad_x);
        struct domain_sums sums = {0};
        domain_step(domain, fixture.count, fixture.x, fixture.sample, fixture.global_batch, fixture.lambda,
                    grad_x, &sums);
        snprintf(name, sizeof name, "net%d.logits", net);
        golden_check(GOLDEN, name, domain_logits(domain), (size_t)(fixture.count * fixture.datasets), 2e-6);
        snprintf(name, sizeof name, "net%d.gradient", net);
        golden_check(GOLDEN, name, domain_parameter_group(domain).gradient, count, 2e-6);
        snprintf(name, sizeof name, "net%d.grad_x", net);
        golden_check(GOLDEN, name, grad_x, values, 2e-6);
        snprintf(name, sizeof name, "net%d.sums", net);
        float found[2] = {(float)sums.loss, (float)sums.correct};
        golden_check(GOLDEN, name, found, 2, 2e-6);
        free(grad_x);
        free(weight);
        domain_free(domain);
    }
    unload(&fixture);
}

/* Gradients and sums add up over rounds; with lambda 0 the head learns and the backbone feels nothing. */
static void adds_up_and_leaves_the_backbone_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    load(&fixture);
    int hidden[4];
    struct domain *domain = make(&fixture, 1, hidden);
    domain_init(domain, 9);
    size_t count = domain_parameter_group(domain).count;
    size_t values = (size_t)(fixture.count * fixture.dimension);
    float *once = calloc(count, sizeof *once);
    float *grad_x = calloc(values, sizeof *grad_x);
    struct domain_sums sums = {0};
    domain_step(domain, fixture.count, fixture.x, fixture.sample, 8, 0, grad_x, &sums);
    memcpy(once, domain_parameter_group(domain).gradient, count * sizeof *once);
    domain_step(domain, fixture.count, fixture.x, fixture.sample, 8, 0, grad_x, &sums);
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)once[i]));
        assert_true(fabs(2.0 * (double)once[i] - (double)domain_parameter_group(domain).gradient[i]) < 1e-6);
    }
    assert_true(largest > 1e-3);
    for (size_t i = 0; i < values; i++) {
        assert_true(grad_x[i] == 0.0f);
    }
    domain_zero_gradient(domain);
    assert_true(domain_parameter_group(domain).gradient[0] == 0.0f);
    free(once);
    free(grad_x);
    domain_free(domain);
    unload(&fixture);
}

static void names_are_those_of_a_sequential(void **state)
{
    (void)state;
    struct fixture fixture;
    load(&fixture);
    int hidden[4];
    struct domain *domain = make(&fixture, 2, hidden);
    static const char *const names[] = {"0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"};
    static const size_t shapes[][2] = {{5, 6}, {5, 0}, {4, 5}, {4, 0}, {3, 4}, {3, 0}};
    size_t offset = 0;
    const struct parameter_group group = domain_parameter_group(domain);
    const struct parameter *parameters = group.parameters;
    assert_true(parameter_group_is_valid(&group));
    assert_string_equal(group.name, "domain");
    assert_int_equal(group.parameter_count, 6);
    for (size_t i = 0; i < group.parameter_count; i++) {
        assert_string_equal(parameters[i].name, names[i]);
        assert_int_equal(parameters[i].rank, shapes[i][1] ? 2 : 1);
        assert_int_equal(parameters[i].shape[0], shapes[i][0]);
        assert_int_equal(parameters[i].shape[1], shapes[i][1]);
        assert_int_equal(parameters[i].offset, offset);
        offset += parameters[i].count;
    }
    assert_int_equal(offset, domain_parameter_group(domain).count);
    domain_free(domain);
    unload(&fixture);
}

/* Uniform in +-1/sqrt(fan in), and the same for the same seed only. */
static void starts_as_pytorch_does(void **state)
{
    (void)state;
    const double weights[] = {1, 1};
    const int hidden[] = {400};
    struct domain_config config = {100, 2, hidden, 1, weights, 4};
    struct domain *domain, *twin;
    struct error error;
    assert_int_equal(domain_create(&config, &domain, &error), STATUS_OK);
    assert_int_equal(domain_create(&config, &twin, &error), STATUS_OK);
    domain_init(domain, 1);
    domain_init(twin, 1);
    size_t bytes = domain_parameter_group(domain).count * sizeof(float);
    assert_memory_equal(domain_parameter_group(domain).weight, domain_parameter_group(twin).weight, bytes);
    domain_init(twin, 2);
    assert_memory_not_equal(domain_parameter_group(domain).weight, domain_parameter_group(twin).weight,
                            bytes);
    double square = 0;
    double largest = 0;
    for (size_t i = 0; i < 40000; i++) {
        double value = (double)domain_parameter_group(domain).weight[i];
        square += value * value;
        largest = fmax(largest, fabs(value));
    }
    assert_true(largest <= 0.1 && largest > 0.0999);
    assert_near(sqrt(square / 40000), 0.1 / sqrt(3), 5e-4);
    domain_free(domain);
    domain_free(twin);
}

static void lambda_follows_its_schedule(void **state)
{
    (void)state;
    assert_near(domain_lambda(0.4, 0.5, false, 0.4999), 0, 0);
    assert_near(domain_lambda(0.4, 0.5, false, 0.5), 0.4, 0);
    assert_near(domain_lambda(0.4, 0.5, false, 0.99), 0.4, 0);
    assert_near(domain_lambda(0.4, 0.5, true, 0.4999), 0, 0);
    assert_near(domain_lambda(0.4, 0.5, true, 0.5), 0, 0);
    /* q = 0.5: 2 / (1 + e^-5) - 1 */
    assert_near(domain_lambda(0.4, 0.5, true, 0.75), 0.4 * 0.98661429815143, 1e-12);
    assert_near(domain_lambda(1, 0, true, 0.1), 0.46211715726001, 1e-12);
    assert_near(domain_lambda(0, 0, true, 0.1), 0, 0);
    assert_near(domain_lambda(1, 1, true, 0.99), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pytorch),
        cmocka_unit_test(adds_up_and_leaves_the_backbone_alone),
        cmocka_unit_test(names_are_those_of_a_sequential),
        cmocka_unit_test(starts_as_pytorch_does),
        cmocka_unit_test(lambda_follows_its_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
