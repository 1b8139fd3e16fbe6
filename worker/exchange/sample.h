/* A sample as all workers know it: what they gather of each image beside its embedding. */
#ifndef DAIL_WORKER_EXCHANGE_SAMPLE_H
#define DAIL_WORKER_EXCHANGE_SAMPLE_H

#include <stdint.h>

/* Low bits of a sample's id that number the image within its dataset; the dataset's index is above them. */
#define SAMPLE_IMAGE_BITS 40

/* Dataset of what stands where a worker has no sample in a round. */
#define SAMPLE_ABSENT UINT32_MAX

struct sample {
    uint32_t dataset; /* index in config order, or SAMPLE_ABSENT */
    uint32_t label;
    uint64_t id; /* sample_id */
};

/* The id of image `image`, counted over the dataset's shards. */
static inline uint64_t sample_id(uint32_t dataset, uint64_t image)
{
    return (uint64_t)dataset << SAMPLE_IMAGE_BITS | image;
}

static inline uint32_t sample_id_dataset(uint64_t id)
{
    return (uint32_t)(id >> SAMPLE_IMAGE_BITS);
}

static inline uint64_t sample_id_image(uint64_t id)
{
    return id & ((UINT64_C(1) << SAMPLE_IMAGE_BITS) - 1);
}

#endif
