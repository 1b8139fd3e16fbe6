/* Checkpoints: what is written comes back bit for bit, on any partition; what is foreign, and a full disk,
 * are named. */
#include "shard/hdf5/hdf5.h"
#include "tests/unit/checkpoint_scratch.h"

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
static void test_model_comes_back(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    assert_non_null(strstr(path, "/checkpoints/step-000000007"));
    assert_int_equal(checkpoint_verify(path, true, NULL), STATUS_OK);
    struct model *old = &fixture->model, new = make_model(EMBEDDING);
    assert_int_equal(checkpoint_read_model(path, new.groups, 2, NULL, NULL), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        const struct parameter_group *wanted = &old->groups[i], *found = &new.groups[i];
        assert_memory_equal(wanted->weight, found->weight, wanted->count * sizeof(float));
        assert_memory_equal(wanted->momentum, found->momentum, wanted->count * sizeof(float));
    }
    assert_memory_equal(iresnet_statistics(old->net), iresnet_statistics(new.net),
                        iresnet_statistic_count(old->net) * sizeof(float));
    free_model(&new);
}

/* Rows written in two parts are read in one, three or five. */
static void test_rows_come_back_on_any_partition(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    struct checkpoint_dataset datasets[2];
    struct rows_group part;
    datasets_of(datasets);
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    for (int parts = 1; parts <= 5; parts += 2) {
        float rows[CLASSES * EMBEDDING] = {0}, momentum[CLASSES * EMBEDDING] = {0};
        for (int p = 0; p < parts; p++) {
            rows_of(&part, "vgg", CLASSES, rows, momentum, p, parts);
            assert_int_equal(checkpoint_read_classifier(path, &datasets[1], &part.group, NULL, NULL),
                             STATUS_OK);
        }
        assert_memory_equal(rows, fixture->rows, sizeof rows);
        assert_memory_equal(momentum, fixture->row_momentum, sizeof momentum);
    }
    /* Momenta that nobody asks for are left alone. */
    float rows[CLASSES * EMBEDDING] = {0};
    rows_of(&part, "vgg", CLASSES, rows, NULL, 0, 1);
    assert_int_equal(checkpoint_read_classifier(path, &datasets[1], &part.group, NULL, NULL), STATUS_OK);
    assert_memory_equal(rows, fixture->rows, sizeof rows);
    struct error error;
    rows_of(&part, "vgg", CLASSES, fixture->rows, fixture->row_momentum, 0, 1);
    part.parameter.shape[1]++;
    assert_int_equal(checkpoint_read_classifier(path, &datasets[1], &part.group, NULL, &error), STATUS_DATA);
    part.parameter.shape[1]--;
    datasets[1].classes++;
    assert_int_equal(checkpoint_read_classifier(path, &datasets[1], &part.group, NULL, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "classifier-vgg.1-of-2.h5"));
}

/* Who wants rows of the second part has no use for the first, which may be on its way out of a cache. */
static void test_no_other_part_is_opened(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH], first[PATH];
    struct checkpoint_dataset datasets[2];
    struct rows_group part;
    struct error error;
    float rows[CLASSES * EMBEDDING] = {0}, momentum[CLASSES * EMBEDDING] = {0};
    datasets_of(datasets);
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    path_of(fixture, 7, "classifier-vgg.1-of-2.h5", first);
    assert_int_equal(unlink(first), 0);
    rows_of(&part, "vgg", CLASSES, rows, momentum, 1, 2);
    assert_int_equal(checkpoint_read_classifier(path, &datasets[1], &part.group, NULL, NULL), STATUS_OK);
    assert_memory_equal(rows + CLASSES / 2 * EMBEDDING, fixture->rows + CLASSES / 2 * EMBEDDING,
                        (CLASSES - CLASSES / 2) * EMBEDDING * sizeof(float));
    rows_of(&part, "vgg", CLASSES, rows, momentum, 0, 1);
    assert_int_equal(checkpoint_read_classifier(path, &datasets[1], &part.group, NULL, &error), STATUS_DATA);
    assert_string_equal(error.where, first);
}

static void note_progress(void *context)
{
    ++*(int *)context;
}

static void test_reading_shows_life(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    int signs = 0;
    const struct checkpoint_progress progress = {.call = note_progress, .context = &signs};
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    assert_int_equal(checkpoint_read_model(path, fixture->model.groups, 2, &progress, NULL), STATUS_OK);
    assert_true(signs > 2);
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
    assert_string_equal(found.settings, wanted.settings);
    assert_string_equal(found.version, wanted.version);
    assert_string_equal(found.network.arch, wanted.network.arch);
    assert_true(found.network.input == wanted.network.input &&
                found.network.embedding == wanted.network.embedding);
    assert_true(found.network.width == wanted.network.width &&
                found.network.dropout == wanted.network.dropout); /* to the last bit */
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

/* A checkpoint of another program's network is named, before anybody makes a network of it. */
static void test_unknown_architecture(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint_state found;
    struct error error;
    char path[PATH], file[PATH];
    size_t size;
    write_checkpoint(fixture, 12);
    path_of(fixture, 12, "", path);
    path_of(fixture, 12, "state.yaml", file);
    char *text = read_text(file, &size), *arch = strstr(text, "iresnet10");
    assert_non_null(arch);
    arch[strlen("iresnet")] = '9';
    write_text(file, text, size);
    assert_int_equal(checkpoint_read_state(path, &found, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "iresnet90"));
    checkpoint_state_free(&found);
    free(text);
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
static void test_another_model_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH];
    struct error error;
    struct model other = make_model(EMBEDDING / 2);
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    assert_int_equal(checkpoint_read_model(path, other.groups, 1, NULL, &error), STATUS_DATA);
    char line[ERROR_LINE_SIZE];
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
    uint32_t rows = 4000;
    float *values = calloc(rows * EMBEDDING, sizeof *values);
    struct rows_group large, small;
    rows_of(&large, "vgg", rows, values, values, 0, 1);
    rows_of(&small, "vgg", 100, values, values, 0, 1);
    struct checkpoint_part part;
    struct error error[2] = {{0}, {0}};
    char path[2][PATH + 32];
    int faults = 0;
    snprintf(path[0], sizeof path[0], "%s/model.h5", directory);
    snprintf(path[1], sizeof path[1], "%s/classifier-vgg.1-of-1.h5", directory);
    for (int try = 0; try < 2; try++) {
        faults += checkpoint_write_model(directory, fixture->model.groups, 2, NULL, &part, &error[0]) !=
                  STATUS_STORAGE;
        faults += checkpoint_write_classifier(directory, &large.group, &part, &error[1]) != STATUS_STORAGE;
        for (int file = 0; file < 2; file++) {
            faults += error[file].status != STATUS_STORAGE || !strstr(error[file].what, "no space") ||
                      !strstr(error[file].next, "free some space") || !strstr(error[file].where, directory) ||
                      access(path[file], F_OK) == 0;
        }
    }
    faults += checkpoint_write_classifier(directory, &small.group, &part, NULL) != STATUS_OK;
    free(values);
    return faults;
}

/* In a process of its own, whose end shows that HDF5 was left in order. */
static void test_full_disk_is_a_storage_error(void **state)
{
    struct fixture *fixture = *state;
    char directory[PATH];
    int status;
    checkpoint_path(fixture->directory, 7, "", directory, sizeof directory);
    assert_int_equal(checkpoint_begin(fixture->directory, "", 7, NULL), STATUS_OK);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_come_back_on_any_partition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_other_part_is_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reading_shows_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_state_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_architecture, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_layout_of_the_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_are_the_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_model_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk_is_a_storage_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
