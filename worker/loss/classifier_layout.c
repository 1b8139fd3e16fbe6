#include "worker/loss/classifier_state.h"

static int owner_count(uint32_t classes, uint32_t rows_min, int workers)
{
    uint64_t wanted = ((uint64_t)classes + rows_min - 1) / rows_min;
    if (wanted < 1) {
        return 1;
    }
    return wanted > (uint64_t)workers ? workers : (int)wanted;
}

void classifier_layout(const uint32_t *classes, size_t datasets, uint32_t rows_min, int workers,
                       size_t dataset, int *first, int *count)
{
    uint64_t before = 0;
    for (size_t k = 0; k < dataset && k < datasets; k++) {
        before += (uint64_t)owner_count(classes[k], rows_min, workers);
    }
    *first = (int)(before % (uint64_t)workers);
    *count = owner_count(classes[dataset], rows_min, workers);
}

void classifier_owners(const struct classifier *classifier, size_t dataset, int *first, int *count)
{
    classifier_layout(classifier->classes, classifier->config.datasets, classifier->config.rows_min,
                      classifier->exchange->size, dataset, first, count);
}
