/* What a worker does in a step, as a file of numbers hands it from step_describe to the simulation. */
#ifndef DAIL_TESTS_SIMULATION_STEP_H
#define DAIL_TESTS_SIMULATION_STEP_H

#include "worker/measure/prediction.h"

#include <stdio.h>
#include <stdlib.h>

/* Reads into *input all but the network: seconds, buckets and datasets. Ends the program where the file is not whole. */
static inline void step_read(const char *path, struct prediction_input *input)
{
    FILE *file = fopen(path, "r");
    long weights = 0;
    unsigned rows_min = 0;
    *input = (struct prediction_input){0};
    int read =
        file ? fscanf(file, "%d %d %lf %lf %lf %lf %ld %lf %u %zu %zu", &input->lane_batch, &input->embedding,
                      &input->forward, &input->classifier, &input->backward, &input->update, &weights,
                      &input->memory, &rows_min, &input->datasets, &input->buckets)
             : 0;
    struct prediction_bucket *bucket = calloc(input->buckets + 1, sizeof *bucket);
    uint32_t *classes = calloc(input->datasets + 1, sizeof *classes);
    uint64_t *images = calloc(input->datasets + 1, sizeof *images);
    for (size_t k = 0; read == 11 && bucket && classes && images && k < input->datasets; k++) {
        unsigned of_classes = 0;
        unsigned long of_images = 0;
        read -= fscanf(file, "%u %lu", &of_classes, &of_images) != 2;
        classes[k] = of_classes;
        images[k] = of_images;
    }
    for (size_t i = 0; read == 11 && bucket && classes && images && i < input->buckets; i++) {
        read -= fscanf(file, "%lf %lf", &bucket[i].ready, &bucket[i].bytes) != 2;
    }
    if (read != 11 || !bucket || !classes || !images) {
        fprintf(stderr, "%s: no description of a step: step_describe writes one\n", path);
        exit(2);
    }
    fclose(file);
    input->exchanged_weights = weights;
    input->rows_min = rows_min;
    input->bucket = bucket;
    input->classes = classes;
    input->images = images;
}

#endif
