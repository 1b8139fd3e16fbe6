#include "daemon/overlap/overlap_judge.h"

#include <stdlib.h>

#define BLOCK 4096

static enum status read_centres(struct overlap_source *source, const struct centre_space *space,
                                struct centre_block *all, struct error *error)
{
    all->count = (uint32_t)space->first_class[space->datasets];
    all->rows = malloc(((size_t)all->count + 1) * space->embedding * sizeof *all->rows);
    enum status status = all->rows ? STATUS_OK : error_no_memory(error, "overlap");
    for (size_t k = 0; k < space->datasets && status == STATUS_OK; k++) {
        for (uint32_t begin = 0; begin < source->classes[k] && status == STATUS_OK; begin += BLOCK) {
            const uint32_t left = source->classes[k] - begin;
            status =
                overlap_source_read(source, k, begin, left < BLOCK ? left : BLOCK,
                                    all->rows + (space->first_class[k] + begin) * space->embedding, error);
        }
    }
    return status;
}

static enum status prepare(const struct centre_space *space, struct centre_block *all, int threads,
                           struct error *error)
{
    double *sums = calloc(space->datasets * space->embedding + 1, sizeof *sums);
    uint64_t *counts = calloc(space->datasets + 1, sizeof *counts), broken;
    enum status status = sums && counts ? STATUS_OK : error_no_memory(error, "overlap");
    if (status == STATUS_OK && !centre_add_to_sums(space, all, sums, counts, &broken)) {
        const size_t dataset = centre_dataset(space, broken);
        status = error_set(error, STATUS_NUMERIC, NULL,
                           "the model is not usable: go back to an earlier checkpoint",
                           "the centre of class %llu of dataset %zu is not finite",
                           (unsigned long long)(broken - space->first_class[dataset]), dataset);
    }
    if (status == STATUS_OK) {
        centre_prepare(space, sums, counts, all, threads);
    }
    free(sums);
    free(counts);
    return status;
}

static enum status find_nearest(const struct centre_block *all, int threads, struct progress *progress,
                                struct neighbour_lists *lists, struct error *error)
{
    const uint32_t block = BLOCK * (uint32_t)threads;
    enum status status = STATUS_OK;
    for (uint32_t begin = 0; begin < all->count && status == STATUS_OK; begin += block) {
        const uint32_t left = all->count - begin;
        const struct centre_block own = {all->rows + (size_t)begin * lists->space.embedding, begin,
                                         left < block ? left : block};
        status = neighbour_offer(lists, &own, all, threads, error);
        progress_update(progress, (uint64_t)(begin + own.count) * all->count / 1000000,
                        (uint64_t)all->count * all->count / 1000000);
    }
    return status;
}

enum status overlap_judge(struct overlap_source *source, int threads, struct progress *progress,
                          struct judgement *judgement, struct error *error)
{
    const struct centre_space space = {.datasets = source->state.dataset_count,
                                       .first_class = source->first_class,
                                       .embedding = (size_t)source->state.network.embedding};
    struct centre_block all = {0};
    struct neighbour_lists lists = {0};
    *judgement = (struct judgement){0};
    enum status status = read_centres(source, &space, &all, error);
    if (status == STATUS_OK) {
        status = prepare(&space, &all, threads, error);
    }
    if (status == STATUS_OK) {
        status = neighbour_lists_create(&space, 0, all.count, &lists, error);
    }
    if (status == STATUS_OK) {
        status = find_nearest(&all, threads, progress, &lists, error);
    }
    free(all.rows);
    if (status == STATUS_OK) {
        status = judge_pairs(&lists, threads, judgement, error);
    }
    neighbour_lists_free(&lists);
    return status;
}
