/* The smallest network and domain head, of which checkpoint seeds are written and into which they are read.
 */
#ifndef DAIL_TESTS_FUZZ_MODEL_FUZZ_H
#define DAIL_TESTS_FUZZ_MODEL_FUZZ_H

#include "tests/fuzz/fuzz.h"
#include "worker/checkpoint/checkpoint.h"

enum { MODEL_EMBEDDING = 8, MODEL_DATASETS = 2, MODEL_CLASSES = 5 };

struct model_fuzz {
    struct iresnet *net;
    struct domain *domain;
    float *momentum, *domain_momentum;
};

static inline void model_fuzz_create(struct model_fuzz *model)
{
    static const int hidden[1] = {4};
    static const double weight[MODEL_DATASETS] = {1, 1};
    struct error error;
    const struct iresnet_config config = {.arch = "iresnet10",
                                          .input = 16,
                                          .embedding = MODEL_EMBEDDING,
                                          .width = 0.0625,
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
    model->momentum = calloc(iresnet_weight_count(model->net), sizeof(float));
    model->domain_momentum = calloc(domain_weight_count(model->domain), sizeof(float));
    fuzz_require(model->momentum && model->domain_momentum, "there is memory");
}

static inline void model_fuzz_free(struct model_fuzz *model)
{
    iresnet_free(model->net);
    domain_free(model->domain);
    free(model->momentum);
    free(model->domain_momentum);
}

#endif
