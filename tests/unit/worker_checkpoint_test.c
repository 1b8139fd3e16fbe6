/* Checkpoints: what is written comes back bit for bit, on any partition; what is damaged or foreign is named.
 */
#include "shard/hdf5.h"
#include "worker/checkpoint.h"
#include "worker/checkpoint_file.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define EMBEDDING 16
#define CLASSES 11
#define PATH 512

struct model {
    struct iresnet *net;
    struct domain *domain;
    float *momentum, *domain_momentum;
};

struct fixture {
    char directory[256];
    struct model model;
    float rows[CLASSES * EMBEDDING], row_momentum[CLASSES * EMBEDDING];
};

static struct model make_model(int embedding)
{
    static const int hidden[] = {8};
    static const double weight[] = {1, 1};
    struct iresnet_config net = {.arch = "iresnet10",
                                 .input = 32,
                                 .embedding = embedding,
                                 .width = 0.125,
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
    model.momentum = calloc(iresnet_weight_count(model.net), sizeof(float));
    model.domain_momentum = calloc(domain_weight_count(model.domain), sizeof(float));
    return model;
}

static struct checkpoint_model vectors_of(const struct model *model)
{
    return (struct checkpoint_model){.net = model->net,
                                     .weights = iresnet_weights(model->net),
                                     .statistics = iresnet_statistics(model->net),
                                     .momentum = model->momentum,
                                     .domain = model->domain,
                                     .domain_weights = domain_weights(model->domain),
                                     .domain_momentum = model->domain_momentum};
}

static void free_model(struct model *model)
{
    iresnet_free(model->net);
    domain_free(model->domain);
    free(model->momentum);
    free(model->domain_momentum);
}

/* Every value another one. */
static void fill(float *values, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)((double)seed / 4294967296.0 - 0.5);
    }
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *base = getenv("TMPDIR");
    snprintf(fixture->directory, sizeof fixture->directory, "%s/dail-checkpoint-XXXXXX",
             base ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->directory));
    struct model *model = &fixture->model;
    *model = make_model(EMBEDDING);
    fill(iresnet_weights(model->net), iresnet_weight_count(model->net), 1);
    fill(iresnet_statistics(model->net), iresnet_statistic_count(model->net), 2);
    fill(model->momentum, iresnet_weight_count(model->net), 3);
    fill(domain_weights(model->domain), domain_weight_count(model->domain), 4);
    fill(model->domain_momentum, domain_weight_count(model->domain), 5);
    fill(fixture->rows, CLASSES * EMBEDDING, 6);
    fill(fixture->row_momentum, CLASSES * EMBEDDING, 7);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free_model(&fixture->model);
    assert_int_equal(checkpoint_remove_tree(fixture->directory, NULL), STATUS_OK);
    free(fixture);
    return 0;
}

static struct classifier_block block_of(float *weight, float *momentum, int part, int parts)
{
    uint32_t begin = (uint32_t)(CLASSES * part / parts), end = (uint32_t)(CLASSES * (part + 1) / parts);
    return (struct classifier_block){.row_begin = begin,
                                     .row_end = end,
                                     .part = part,
                                     .parts = parts,
                                     .weight = weight + (size_t)begin * EMBEDDING,
                                     .momentum = momentum + (size_t)begin * EMBEDDING};
}

static struct checkpoint_state state_of(int64_t step, struct checkpoint_dataset *datasets)
{
    struct checkpoint_state state = {.step = step,
                                     .steps = 1000,
                                     .steps_per_epoch = 100,
                                     .lanes = 4,
                                     .workers = 2,
                                     .lane_batch = 8,
                                     .seed = UINT64_MAX,
                                     .digest = "0123456789abcdef",
                                     .version = "0.1.0",
                                     .arch = "iresnet10",
                                     .input = 32,
                                     .embedding = EMBEDDING,
                                     .width = 0.1,
                                     .dropout = 0.4,
                                     .hidden = {8},
                                     .hidden_count = 1,
                                     .datasets = datasets,
                                     .dataset_count = 2};
    return state;
}

static void datasets_of(struct checkpoint_dataset datasets[2])
{
    datasets[0] = (struct checkpoint_dataset){.name = "faces \"a\"", .id = 9, .classes = 3, .parts = 1};
    datasets[1] =
        (struct checkpoint_dataset){.name = "vgg", .id = UINT32_MAX, .classes = CLASSES, .parts = 2};
}

/* A whole checkpoint, its parts told in another order than they are written. */
static void write_checkpoint(struct fixture *fixture, int64_t step)
{
    char directory[PATH];
    struct checkpoint_part parts[4];
    struct checkpoint_dataset datasets[2];
    uint64_t bytes;
    datasets_of(datasets);
    struct checkpoint_state state = state_of(step, datasets);
    struct checkpoint_model vectors = vectors_of(&fixture->model);
    checkpoint_path(fixture->directory, step, 1, directory, sizeof directory);
    assert_int_equal(checkpoint_begin(fixture->directory, step, NULL), STATUS_OK);
    assert_int_equal(checkpoint_write_model(directory, &vectors, &parts[step % 3], NULL), STATUS_OK);
    struct classifier_block faces = {
        .row_end = 3, .parts = 1, .weight = fixture->rows, .momentum = fixture->row_momentum};
    assert_int_equal(
        checkpoint_write_classifier(directory, "faces \"a\"", 3, EMBEDDING, &faces, &parts[3], NULL),
        STATUS_OK);
    for (int p = 0; p < 2; p++) {
        struct classifier_block block = block_of(fixture->rows, fixture->row_momentum, p, 2);
        assert_int_equal(checkpoint_write_classifier(directory, "vgg", CLASSES, EMBEDDING, &block,
                                                     &parts[(step + 1 + p) % 3], NULL),
                         STATUS_OK);
    }
    assert_int_equal(checkpoint_commit(fixture->directory, &state, parts, 4, &bytes, NULL), STATUS_OK);
    assert_true(bytes > parts[0].bytes + parts[1].bytes + parts[2].bytes);
    assert_int_not_equal(access(directory, F_OK), 0);
}

static void path_of(const struct fixture *fixture, int64_t step, const char *file, char *path)
{
    char directory[PATH / 2];
    checkpoint_path(fixture->directory, step, 0, directory, sizeof directory);
    snprintf(path, PATH, "%s%s%s", directory, file[0] ? "/" : "", file);
}

static void test_model_comes_back(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    assert_non_null(strstr(path, "/checkpoints/step-000000007"));
    assert_int_equal(checkpoint_verify(path, 1, NULL), STATUS_OK);
    struct model *old = &fixture->model, new = make_model(EMBEDDING);
    assert_int_equal(
        checkpoint_read_model(path, new.net, new.momentum, new.domain, new.domain_momentum, NULL), STATUS_OK);
    size_t weights = iresnet_weight_count(old->net) * sizeof(float);
    size_t domain = domain_weight_count(old->domain) * sizeof(float);
    assert_memory_equal(iresnet_weights(old->net), iresnet_weights(new.net), weights);
    assert_memory_equal(iresnet_statistics(old->net), iresnet_statistics(new.net),
                        iresnet_statistic_count(old->net) * sizeof(float));
    assert_memory_equal(old->momentum, new.momentum, weights);
    assert_memory_equal(domain_weights(old->domain), domain_weights(new.domain), domain);
    assert_memory_equal(old->domain_momentum, new.domain_momentum, domain);
    free_model(&new);
}

/* Rows written in two parts are read in one, three or five. */
static void test_rows_come_back_on_any_partition(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    struct checkpoint_dataset datasets[2];
    datasets_of(datasets);
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    for (int parts = 1; parts <= 5; parts += 2) {
        float rows[CLASSES * EMBEDDING] = {0}, momentum[CLASSES * EMBEDDING] = {0};
        for (int p = 0; p < parts; p++) {
            struct classifier_block block = block_of(rows, momentum, p, parts);
            assert_int_equal(checkpoint_read_classifier(path, &datasets[1], EMBEDDING, &block, 1, NULL),
                             STATUS_OK);
        }
        assert_memory_equal(rows, fixture->rows, sizeof rows);
        assert_memory_equal(momentum, fixture->row_momentum, sizeof momentum);
    }
    struct classifier_block block = block_of(fixture->rows, fixture->row_momentum, 0, 1);
    struct error error;
    assert_int_equal(checkpoint_read_classifier(path, &datasets[1], EMBEDDING + 1, &block, 1, &error),
                     STATUS_DATA);
    datasets[1].classes++;
    assert_int_equal(checkpoint_read_classifier(path, &datasets[1], EMBEDDING, &block, 1, &error),
                     STATUS_DATA);
    assert_non_null(strstr(error.where, "classifier-vgg.1-of-2.h5"));
}

static void test_state_comes_back(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    struct checkpoint_dataset datasets[2];
    struct checkpoint_state found;
    datasets_of(datasets);
    struct checkpoint_state wanted = state_of(12, datasets);
    write_checkpoint(fixture, 12);
    path_of(fixture, 12, "", path);
    assert_int_equal(checkpoint_read_state(path, &found, NULL), STATUS_OK);
    assert_true(found.step == wanted.step && found.steps == wanted.steps &&
                found.steps_per_epoch == wanted.steps_per_epoch);
    assert_true(found.lanes == wanted.lanes && found.workers == wanted.workers &&
                found.lane_batch == wanted.lane_batch && found.seed == wanted.seed);
    assert_string_equal(found.digest, wanted.digest);
    assert_string_equal(found.version, wanted.version);
    assert_string_equal(found.arch, wanted.arch);
    assert_true(found.input == wanted.input && found.embedding == wanted.embedding);
    assert_true(found.width == wanted.width && found.dropout == wanted.dropout); /* to the last bit */
    assert_int_equal(found.hidden_count, 1);
    assert_int_equal(found.hidden[0], 8);
    assert_int_equal(found.dataset_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(found.datasets[i].name, datasets[i].name);
        assert_true(found.datasets[i].id == datasets[i].id &&
                    found.datasets[i].classes == datasets[i].classes &&
                    found.datasets[i].parts == datasets[i].parts);
    }
    checkpoint_state_free(&found);
}

/* The names, shapes and attributes that the format promises. */
static void test_layout_of_the_files(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    struct h5_file file = {0};
    const struct {
        const char *name;
        int rank;
        uint64_t dims[4];
    } arrays[] = {{"/backbone/conv1.weight", 4, {8, 3, 3, 3}},
                  {"/backbone/layer2.0.downsample.0.weight", 4, {16, 8, 1, 1}},
                  {"/backbone/layer4.0.bn2.running_var", 1, {64}},
                  {"/backbone/fc.weight", 2, {EMBEDDING, 64 * 2 * 2}},
                  {"/backbone/features.weight", 1, {EMBEDDING}},
                  {"/momentum/backbone/prelu.weight", 1, {8}},
                  {"/domain/0.weight", 2, {8, EMBEDDING}},
                  {"/domain/2.bias", 1, {2}},
                  {"/momentum/domain/2.weight", 2, {2, 8}}};
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "model.h5", path);
    assert_int_equal(h5_open_file(path, &file, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        enum h5_type type;
        int rank;
        uint64_t dims[H5_RANK_MAX];
        assert_int_equal(h5_read_array_shape(&file, arrays[i].name, &type, &rank, dims, NULL), STATUS_OK);
        assert_int_equal(type, H5_TYPE_F32);
        assert_int_equal(rank, arrays[i].rank);
        assert_memory_equal(dims, arrays[i].dims, (size_t)rank * sizeof *dims);
    }
    enum h5_kind kind;
    assert_int_equal(h5_kind_of(&file, "/momentum/backbone/bn1.running_mean", &kind, NULL), STATUS_OK);
    assert_int_equal(kind, H5_KIND_NONE);
    float ones[EMBEDDING];
    uint64_t dims[1] = {EMBEDDING};
    assert_int_equal(h5_read_array(&file, "/backbone/features.weight", H5_TYPE_F32, 1, dims, ones, NULL),
                     STATUS_OK);
    for (int i = 0; i < EMBEDDING; i++) {
        assert_true(ones[i] == 1.0f);
    }
    h5_close_file(&file, NULL);
    path_of(fixture, 7, "classifier-vgg.2-of-2.h5", path);
    assert_int_equal(h5_open_file(path, &file, NULL), STATUS_OK);
    uint64_t value;
    assert_int_equal(h5_get_uint(&file, "/", "row_begin", 1000, &value, NULL), STATUS_OK);
    assert_int_equal(value, 5);
    assert_int_equal(h5_get_uint(&file, "/", "row_end", 1000, &value, NULL), STATUS_OK);
    assert_int_equal(value, CLASSES);
    assert_int_equal(h5_get_uint(&file, "/", "classes", 1000, &value, NULL), STATUS_OK);
    assert_int_equal(value, CLASSES);
    h5_close_file(&file, NULL);
}

static char *read_text(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    *size = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

static void write_text(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
}

/* The same bits make the same files, whenever and whoever was first. */
static void test_files_are_the_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    const char *files[] = {"model.h5", "classifier-vgg.1-of-2.h5", "classifier-vgg.2-of-2.h5"};
    char path[PATH];
    size_t size, again;
    write_checkpoint(fixture, 7);
    sleep(1);
    write_checkpoint(fixture, 8);
    for (size_t i = 0; i < 3; i++) {
        path_of(fixture, 7, files[i], path);
        char *first = read_text(path, &size);
        path_of(fixture, 8, files[i], path);
        char *second = read_text(path, &again);
        assert_int_equal(size, again);
        assert_memory_equal(first, second, size);
        free(first);
        free(second);
    }
    path_of(fixture, 7, "COMMIT", path);
    char *first = read_text(path, &size);
    write_checkpoint(fixture, 7);
    char *second = read_text(path, &again);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

/* Replaces the first `from` in a file by `to`. */
static void edit(const char *path, const char *from, const char *to)
{
    size_t size;
    char *text = read_text(path, &size);
    char *place = strstr(text, from);
    assert_non_null(place);
    char *changed = calloc(1, size + strlen(to) + 1);
    size_t before = (size_t)(place - text);
    memcpy(changed, text, before);
    strcat(changed, to);
    strcat(changed, place + strlen(from));
    write_text(path, changed, strlen(changed));
    free(text);
    free(changed);
}

static void test_damage_is_found(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH], file[PATH];
    size_t size;
    struct error error;
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    path_of(fixture, 7, "model.h5", file);
    char *bytes = read_text(file, &size);
    bytes[size / 2] ^= 4;
    write_text(file, bytes, size);
    assert_int_equal(checkpoint_verify(path, 0, &error), STATUS_OK);
    assert_int_equal(checkpoint_verify(path, 1, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "model.h5"));
    write_text(file, bytes, size - 1);
    assert_int_equal(checkpoint_verify(path, 0, &error), STATUS_DATA);
    unlink(file);
    assert_int_equal(symlink("/dev/zero", file), 0);
    assert_int_equal(checkpoint_verify(path, 1, &error), STATUS_DATA);
    unlink(file);
    assert_int_equal(checkpoint_verify(path, 0, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "model.h5"));
    free(bytes);
}

static void test_commit_lists_what_belongs(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH], file[PATH], line[64];
    size_t size;
    struct error error;
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    path_of(fixture, 7, "notes", file);
    write_text(file, "x", 1);
    assert_int_equal(checkpoint_verify(path, 1, &error), STATUS_OK); /* another file does no harm */
    path_of(fixture, 7, "COMMIT", file);
    char *text = read_text(file, &size);
    char *begin = strstr(text, "  - {file: \"classifier-vgg.2-of-2.h5\""), *end = strchr(begin, '\n') + 1;
    size_t length = (size_t)(end - begin);
    assert_true(length < sizeof line * 2);
    /* Not listed, its bytes are not checked: so it is none of the checkpoint's. */
    memmove(begin, end, size - (size_t)(end - text) + 1);
    write_text(file, text, size - length);
    assert_int_equal(checkpoint_verify(path, 0, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "does not list classifier-vgg.2-of-2.h5"));
    free(text);
    write_checkpoint(fixture, 7);
    snprintf(line, sizeof line, "files:\n  - {file: \"notes\", bytes: 1, crc: %u}", 0x8cdc1683u);
    edit(file, "files:", line);
    path_of(fixture, 7, "notes", file);
    write_text(file, "x", 1);
    assert_int_equal(checkpoint_verify(path, 1, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "6 files where 5 belong"));
}

static void test_commit_is_read_strictly(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *from, *to, *said;
    } edits[] = {{"\"model.h5\"", "\"../step-000000007/model.h5\"", "outside"},
                 {"\"model.h5\"", "\"/etc/passwd\"", "outside"},
                 {"\"model.h5\"", "\"..\"", "outside"},
                 {"version: 1", "version: 2", "newer"},
                 {"version: 1", "version: one", "version"},
                 {"dail_format: checkpoint", "dail_format: shard", "dail_format"},
                 {"files:", "file:", "no such key"},
                 {"crc:", "crcs:", "no such key"},
                 {"version: 1", "version: 1\nversion: 1", "twice"},
                 {"version: 1\n", "", "missing"},
                 {"bytes: ", "bytes: -", "bytes"},
                 {"files:", "files: [", "YAML"}};
    char path[PATH], file[PATH];
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct error error = {0};
        write_checkpoint(fixture, 7);
        path_of(fixture, 7, "", path);
        path_of(fixture, 7, "COMMIT", file);
        edit(file, edits[i].from, edits[i].to);
        assert_int_equal(checkpoint_verify(path, 0, &error), STATUS_DATA);
        assert_non_null(strstr(error.what, edits[i].said));
        assert_non_null(strstr(error.where, "COMMIT"));
    }
}

static void test_state_is_read_strictly(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *from, *to, *said;
    } edits[] = {{"steps_per_epoch: 100", "steps_per_epoch: 1e2", "steps_per_epoch"},
                 {"lanes: 4", "lanes: 0", "lanes"},
                 {"width: 0.1", "width: nan #", "width"},
                 {"seed: ", "sead: ", "sead"},
                 {"name: \"vgg\"", "name: \"../vgg\"", "name"},
                 {"hidden: [8]", "hidden: [8, 8, 8, 8, 8, 8, 8, 8, 8]", "hidden"},
                 {"hidden: [8]", "hidden: 8", "hidden"},
                 {"digest: \"", "digest: \"00000", "digest"},
                 {"version: 1", "version: 9", "newer"},
                 {"parts: 2", "parts: 4294967296", "parts"},
                 {"width: 0.1", "width: 1e9 #", "width 1e+09"},
                 {"hidden: [8]", "hidden: [2000000000]", "hidden layers of 2000000000"},
                 {"embedding: ", "embedding: 1000000", "embedding 1000000"},
                 {"input: ", "input: 1000000", "input 1000000"}};
    char path[PATH], file[PATH];
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct error error = {0};
        struct checkpoint_state found;
        write_checkpoint(fixture, 7);
        path_of(fixture, 7, "", path);
        path_of(fixture, 7, "state.yaml", file);
        edit(file, edits[i].from, edits[i].to);
        assert_int_equal(checkpoint_read_state(path, &found, &error), STATUS_DATA);
        assert_non_null(strstr(error.what, edits[i].said));
        assert_non_null(strstr(error.where, "state.yaml"));
    }
    struct error error = {0};
    struct checkpoint_state found;
    char *deep = malloc(1 << 20);
    memset(deep, '[', 1 << 20);
    write_text(file, deep, 1 << 20);
    free(deep);
    assert_int_equal(checkpoint_read_state(path, &found, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "more than 1000 deep"));
}

static void count_warning(void *context, const char *text)
{
    assert_non_null(strstr(text, "step-000000009"));
    (*(int *)context)++;
}

static void test_newest_passes_over_damaged_ones(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH], file[PATH];
    int warnings = 0;
    size_t size;
    assert_int_equal(checkpoint_newest(fixture->directory, path, sizeof path, NULL, NULL, NULL), STATUS_OK);
    assert_string_equal(path, "");
    write_checkpoint(fixture, 7);
    write_checkpoint(fixture, 9);
    write_checkpoint(fixture, 8);
    assert_int_equal(checkpoint_newest(fixture->directory, path, sizeof path, NULL, NULL, NULL), STATUS_OK);
    path_of(fixture, 9, "", file);
    assert_string_equal(path, file);
    path_of(fixture, 9, "classifier-vgg.1-of-2.h5", file);
    char *bytes = read_text(file, &size);
    bytes[size - 1] ^= 1;
    write_text(file, bytes, size);
    free(bytes);
    assert_int_equal(checkpoint_newest(fixture->directory, path, sizeof path, count_warning, &warnings, NULL),
                     STATUS_OK);
    path_of(fixture, 8, "", file);
    assert_string_equal(path, file);
    assert_int_equal(warnings, 1);
}

static int exists(const struct fixture *fixture, int64_t step)
{
    char path[PATH];
    path_of(fixture, step, "", path);
    return access(path, F_OK) == 0;
}

static void test_prune(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    for (int64_t step = 1; step <= 5; step++) {
        write_checkpoint(fixture, step);
    }
    assert_int_equal(checkpoint_begin(fixture->directory, 6, NULL), STATUS_OK);
    snprintf(path, sizeof path, "%s/checkpoints/mine", fixture->directory);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(checkpoint_prune(fixture->directory, &(struct checkpoint_retention){0}, NULL),
                     STATUS_OK);
    checkpoint_path(fixture->directory, 6, 1, path, sizeof path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(exists(fixture, 1));
    /* A damaged one does not count among those kept. */
    path_of(fixture, 5, "COMMIT", path);
    unlink(path);
    assert_int_equal(checkpoint_prune(fixture->directory, &(struct checkpoint_retention){.last = 2}, NULL),
                     STATUS_OK);
    assert_false(exists(fixture, 1) || exists(fixture, 2));
    assert_true(exists(fixture, 3) && exists(fixture, 4) && exists(fixture, 5));
    snprintf(path, sizeof path, "%s/checkpoints/mine", fixture->directory);
    assert_int_equal(access(path, F_OK), 0);
}

/* Beside the newest, the first at or after each multiple stays, however far behind it comes. */
static void test_prune_keeps_the_lasting_ones(void **state)
{
    struct fixture *fixture = *state;
    static const int64_t steps[] = {3, 10, 13, 21, 24, 27, 30, 33, 36, 39};
    static const bool stays[] = {false, true, false, false, true, false, true, false, true, true};
    struct checkpoint_retention retention = {.last = 2, .every_steps = 10};
    char path[PATH];
    for (size_t i = 0; i < 10; i++) {
        write_checkpoint(fixture, steps[i]);
    }
    path_of(fixture, 21, "state.yaml", path); /* damaged: 24 comes in its place */
    unlink(path);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(checkpoint_prune(fixture->directory, &retention, NULL), STATUS_OK);
        for (size_t i = 0; i < 10; i++) {
            assert_int_equal(exists(fixture, steps[i]), stays[i]);
        }
    }
}

/* A checkpoint of the same step takes the place of the old one, complete. */
static void test_commit_replaces(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "left-over", path);
    write_text(path, "x", 1);
    write_checkpoint(fixture, 7);
    assert_int_not_equal(access(path, F_OK), 0);
    path_of(fixture, 7, "", path);
    assert_int_equal(checkpoint_verify(path, 1, NULL), STATUS_OK);
}

static void test_commit_checks_its_parts(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint_dataset datasets[2];
    struct checkpoint_part part;
    char directory[PATH];
    uint64_t bytes;
    datasets_of(datasets);
    struct checkpoint_state wanted = state_of(3, datasets);
    struct checkpoint_model vectors = vectors_of(&fixture->model);
    checkpoint_path(fixture->directory, 3, 1, directory, sizeof directory);
    assert_int_equal(checkpoint_begin(fixture->directory, 3, NULL), STATUS_OK);
    assert_int_equal(checkpoint_write_model(directory, &vectors, &part, NULL), STATUS_OK);
    part.bytes++;
    assert_int_equal(checkpoint_commit(fixture->directory, &wanted, &part, 1, &bytes, NULL), STATUS_STORAGE);
    assert_false(exists(fixture, 3));
    checkpoint_abandon(fixture->directory, 3);
    assert_int_not_equal(access(directory, F_OK), 0);
}

static void test_another_model_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    struct error error;
    struct model other = make_model(EMBEDDING / 2);
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    assert_int_equal(checkpoint_read_model(path, other.net, NULL, NULL, NULL, &error), STATUS_DATA);
    char line[1400];
    assert_non_null(strstr(error_format(&error, line, sizeof line), "fc.weight"));
    free_model(&other);
}

/* A place of 64 KiB, seen by this process alone. False where the machine does not let us have it. */
static bool mount_small(const char *directory)
{
    return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", directory, "tmpfs", 0, "size=64k") == 0;
}

/* model.h5 and a classifier part do not fit; both are explained, and nothing of them stays. */
static int write_to_full_disk(struct fixture *fixture, const char *directory)
{
    struct checkpoint_model vectors = vectors_of(&fixture->model);
    uint32_t rows = 4000;
    float *values = calloc(rows * EMBEDDING, sizeof *values);
    struct classifier_block block = {
        .row_end = rows, .parts = 1, .weight = values, .momentum = values, .gradient = NULL};
    struct checkpoint_part part;
    struct error error[2] = {{0}, {0}};
    char path[2][PATH + 32];
    int faults = 0;
    snprintf(path[0], sizeof path[0], "%s/model.h5", directory);
    snprintf(path[1], sizeof path[1], "%s/classifier-vgg.1-of-1.h5", directory);
    for (int try = 0; try < 2; try++) {
        faults += checkpoint_write_model(directory, &vectors, &part, &error[0]) != STATUS_STORAGE;
        faults += checkpoint_write_classifier(directory, "vgg", rows, EMBEDDING, &block, &part, &error[1]) !=
                  STATUS_STORAGE;
        for (int file = 0; file < 2; file++) {
            faults += error[file].status != STATUS_STORAGE || !strstr(error[file].what, "no space") ||
                      !strstr(error[file].next, "free space") || !strstr(error[file].where, directory) ||
                      access(path[file], F_OK) == 0;
        }
    }
    block.row_end = 100;
    faults += checkpoint_write_classifier(directory, "vgg", 100, EMBEDDING, &block, &part, NULL) != STATUS_OK;
    free(values);
    return faults;
}

/* In a process of its own, whose end shows that HDF5 was left in order. */
static void test_full_disk_is_a_storage_error(void **state)
{
    struct fixture *fixture = *state;
    char directory[PATH];
    int status;
    checkpoint_path(fixture->directory, 7, 1, directory, sizeof directory);
    assert_int_equal(checkpoint_begin(fixture->directory, 7, NULL), STATUS_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        exit(mount_small(directory) ? write_to_full_disk(fixture, directory) : 77);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("no small file system to be had here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_no_space_is_said(void **state)
{
    struct error error = {0};
    (void)state;
    assert_int_equal(checkpoint_storage_error("x", "cannot write", ENOSPC, &error), STATUS_STORAGE);
    assert_non_null(strstr(error.what, "no space"));
    assert_int_equal(checkpoint_storage_error("x", "cannot write", EIO, &error), STATUS_STORAGE);
    assert_null(strstr(error.what, "no space"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_come_back_on_any_partition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_state_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_layout_of_the_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_are_the_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_lists_what_belongs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_is_read_strictly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_state_is_read_strictly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newest_passes_over_damaged_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prune, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prune_keeps_the_lasting_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_checks_its_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_model_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk_is_a_storage_error, set_up, tear_down),
        cmocka_unit_test(test_no_space_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
