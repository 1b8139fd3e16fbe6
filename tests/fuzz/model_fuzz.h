/* The smallest network and domain head, of which checkpoint seeds are written and into which they are read.
 */
#ifndef DAIL_TESTS_FUZZ_MODEL_FUZZ_H
#define DAIL_TESTS_FUZZ_MODEL_FUZZ_H

#include "tests/fuzz/fuzz.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/loss/domain.h"
#include "worker/nn/iresnet.h"

enum { MODEL_EMBEDDING = 8, MODEL_DATASETS = 2, MODEL_CLASSES = 5 };

struct model_fuzz {
    struct iresnet *net;
    struct domain *domain;
    struct parameter_group groups[2]; /* with momenta */
};

static inline void model_fuzz_create(struct model_fuzz *model)
{
    static const int hidden[1] = {4};
    static const double weight[MODEL_DATASETS] = {1, 1};
    struct error error;
    const struct iresnet_config config = {
        .network = {.arch = "iresnet10", .input = 16, .embedding = MODEL_EMBEDDING, .width = 0.0625},
        .batch_max = 1,
        .threads = 1,
        .train = true};
    const struct domain_config head = {.embedding = MODEL_EMBEDDING,
                                       .datasets = MODEL_DATASETS,
                                       .hidden = hidden,
                                       .hidden_count = 1,
                                       .weight = weight,
                                       .batch_max = 1};
    fuzz_require(iresnet_create(&config, &model->net, &error) == STATUS_OK &&
                     domain_create(&head, &model->domain, &error) == STATUS_OK,
                 "a network can be made");
    model->groups[0] = iresnet_parameter_group(model->net);
    model->groups[1] = domain_parameter_group(model->domain);
    fuzz_require(parameter_group_add_momentum(&model->groups[0]) &&
                     parameter_group_add_momentum(&model->groups[1]),
                 "there is memory");
}

static inline void model_fuzz_free(struct model_fuzz *model)
{
    iresnet_free(model->net);
    domain_free(model->domain);
    parameter_group_free_momentum(&model->groups[0]);
    parameter_group_free_momentum(&model->groups[1]);
}

/* The rows from `begin` on of the only dataset; `parameter` is the group's. */
static inline struct parameter_group model_fuzz_rows(struct parameter *parameter, uint32_t begin,
                                                     float *weight, float *momentum)
{
    const size_t rows = MODEL_CLASSES - begin;
    *parameter = (struct parameter){
        .name = "weight", .rank = 2, .shape = {rows, MODEL_EMBEDDING}, .count = rows * MODEL_EMBEDDING};
    return (struct parameter_group){
        .name = "fuzz",
        .owned_rows = true,
        .parameters = parameter,
        .parameter_count = 1,
        .count = parameter->count,
        .weight = weight,
        .momentum = momentum,
        .rows = {.begin = begin, .end = MODEL_CLASSES, .all = MODEL_CLASSES, .parts = 1}};
}

#endif
