/* What the checkpoint tests share: a small model, and checkpoints of it in a folder of their own. */
#ifndef DAIL_TESTS_UNIT_CHECKPOINT_SCRATCH_H
#define DAIL_TESTS_UNIT_CHECKPOINT_SCRATCH_H

#include "proto/file.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/checkpoint_file.h"
#include "worker/loss/domain.h"
#include "worker/nn/iresnet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define EMBEDDING 16
#define CLASSES 11
#define PATH 512

struct model {
    struct iresnet *net;
    struct domain *domain;
    struct parameter_group groups[2]; /* with momenta */
};

struct fixture {
    char directory[256];
    struct model model;
    float rows[CLASSES * EMBEDDING], row_momentum[CLASSES * EMBEDDING];
};

static inline struct model make_model(int embedding)
{
    static const int hidden[] = {8};
    static const double weight[] = {1, 1};
    struct iresnet_config net = {
        .network = {.arch = "iresnet10", .input = 32, .embedding = embedding, .width = 0.125},
        .batch_max = 2,
        .threads = 1};
    struct domain_config domain = {.embedding = embedding,
                                   .datasets = 2,
                                   .hidden = hidden,
                                   .hidden_count = 1,
                                   .weight = weight,
                                   .batch_max = 2};
    struct model model = {0};
    assert_int_equal(iresnet_create(&net, &model.net, NULL), STATUS_OK);
    assert_int_equal(domain_create(&domain, &model.domain, NULL), STATUS_OK);
    model.groups[0] = iresnet_parameter_group(model.net);
    model.groups[1] = domain_parameter_group(model.domain);
    for (int i = 0; i < 2; i++) {
        assert_true(parameter_group_is_valid(&model.groups[i]));
        assert_true(parameter_group_add_momentum(&model.groups[i]));
    }
    return model;
}

static inline void free_model(struct model *model)
{
    iresnet_free(model->net);
    domain_free(model->domain);
    for (int i = 0; i < 2; i++) {
        parameter_group_free_momentum(&model->groups[i]);
    }
}

/* Every value another one. */
static inline void fill(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)((double)seed / 4294967296.0 - 0.5);
    }
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *base = getenv("TMPDIR");
    snprintf(fixture->directory, sizeof fixture->directory, "%s/dail-checkpoint-XXXXXX",
             base ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->directory));
    struct model *model = &fixture->model;
    *model = make_model(EMBEDDING);
    fill(model->groups[0].weight, model->groups[0].count, 1);
    fill(model->groups[0].statistics, model->groups[0].statistic_count, 2);
    fill(model->groups[0].momentum, model->groups[0].count, 3);
    fill(model->groups[1].weight, model->groups[1].count, 4);
    fill(model->groups[1].momentum, model->groups[1].count, 5);
    fill(fixture->rows, CLASSES * EMBEDDING, 6);
    fill(fixture->row_momentum, CLASSES * EMBEDDING, 7);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free_model(&fixture->model);
    assert_int_equal(file_remove_tree(fixture->directory, NULL), STATUS_OK);
    free(fixture);
    return 0;
}

/* Part `part` of `parts` of a dataset's class rows. */
struct rows_group {
    struct parameter parameter;
    struct parameter_group group;
};

static inline const struct parameter_group *rows_of(struct rows_group *rows, const char *dataset,
                                                    uint32_t classes, float *weight, float *momentum,
                                                    int part, int parts)
{
    uint32_t begin = classes * (uint32_t)part / (uint32_t)parts;
    uint32_t end = classes * (uint32_t)(part + 1) / (uint32_t)parts;
    size_t count = (size_t)(end - begin) * EMBEDDING;
    rows->parameter =
        (struct parameter){.name = "weight", .rank = 2, .shape = {end - begin, EMBEDDING}, .count = count};
    rows->group = (struct parameter_group){
        .name = dataset,
        .owned_rows = true,
        .parameters = &rows->parameter,
        .parameter_count = 1,
        .count = count,
        .weight = weight + (size_t)begin * EMBEDDING,
        .momentum = momentum ? momentum + (size_t)begin * EMBEDDING : NULL,
        .rows = {.begin = begin, .end = end, .all = classes, .part = part, .parts = parts}};
    assert_true(parameter_group_is_valid(&rows->group));
    return &rows->group;
}

static inline struct checkpoint_state state_of(int64_t step, struct checkpoint_dataset *datasets)
{
    struct checkpoint_state state = {
        .step = step,
        .steps = 1000,
        .steps_per_epoch = 100,
        .lanes = 4,
        .workers = 2,
        .lane_batch = 8,
        .seed = UINT64_MAX,
        .digest = "0123456789abcdef",
        .settings = "optimizer.lr: 0.1\nidentity.file: \"a \\\\ b\"\n",
        .version = "0.1.0",
        .network = {.arch = "iresnet10", .input = 32, .embedding = EMBEDDING, .width = 0.1, .dropout = 0.4},
        .hidden = {8},
        .hidden_count = 1,
        .datasets = datasets,
        .dataset_count = 2};
    return state;
}

static inline void datasets_of(struct checkpoint_dataset datasets[2])
{
    datasets[0] = (struct checkpoint_dataset){.name = "faces \"a\"", .id = 9, .classes = 3, .parts = 1};
    datasets[1] =
        (struct checkpoint_dataset){.name = "vgg", .id = UINT32_MAX, .classes = CLASSES, .parts = 2};
}

/* A whole checkpoint, its parts told in another order than they are written. */
static inline void write_checkpoint(struct fixture *fixture, int64_t step)
{
    char directory[PATH];
    struct checkpoint_part parts[4];
    struct checkpoint_dataset datasets[2];
    uint64_t bytes;
    datasets_of(datasets);
    struct checkpoint_state state = state_of(step, datasets);
    checkpoint_path(fixture->directory, step, "", directory, sizeof directory);
    assert_int_equal(checkpoint_begin(fixture->directory, "", step, NULL), STATUS_OK);
    assert_int_equal(
        checkpoint_write_model(directory, fixture->model.groups, 2, NULL, &parts[step % 3], NULL), STATUS_OK);
    struct rows_group rows;
    assert_int_equal(checkpoint_write_classifier(
                         directory,
                         rows_of(&rows, "faces \"a\"", 3, fixture->rows, fixture->row_momentum, 0, 1),
                         &parts[3], NULL),
                     STATUS_OK);
    for (int p = 0; p < 2; p++) {
        rows_of(&rows, "vgg", CLASSES, fixture->rows, fixture->row_momentum, p, 2);
        assert_int_equal(
            checkpoint_write_classifier(directory, &rows.group, &parts[(step + 1 + p) % 3], NULL), STATUS_OK);
    }
    assert_int_equal(checkpoint_commit(fixture->directory, NULL, &state, parts, 4, &bytes, NULL), STATUS_OK);
    assert_true(bytes > parts[0].bytes + parts[1].bytes + parts[2].bytes);
    assert_int_not_equal(access(directory, F_OK), 0);
}

static inline void path_of(const struct fixture *fixture, int64_t step, const char *file, char *path)
{
    char directory[PATH / 2];
    checkpoint_path(fixture->directory, step, NULL, directory, sizeof directory);
    snprintf(path, PATH, "%s%s%s", directory, file[0] ? "/" : "", file);
}

static inline char *read_text(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    *size = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

static inline void write_text(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
}

/* The same bits make the same files, whenever and whoever was first. */

#endif
