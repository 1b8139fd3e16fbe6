/* Checkpoints as transactions: what is damaged is named, COMMIT and state.yaml are read strictly, the newest
 * valid one is found, and the old ones go. */
#include "tests/unit/checkpoint_scratch.h"

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
    assert_int_equal(checkpoint_verify(path, false, &error), STATUS_OK);
    assert_int_equal(checkpoint_verify(path, true, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "model.h5"));
    write_text(file, bytes, size - 1);
    assert_int_equal(checkpoint_verify(path, false, &error), STATUS_DATA);
    unlink(file);
    assert_int_equal(symlink("/dev/zero", file), 0);
    assert_int_equal(checkpoint_verify(path, true, &error), STATUS_DATA);
    unlink(file);
    assert_int_equal(checkpoint_verify(path, false, &error), STATUS_DATA);
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
    assert_int_equal(checkpoint_verify(path, true, &error), STATUS_OK); /* another file does no harm */
    path_of(fixture, 7, "COMMIT", file);
    char *text = read_text(file, &size);
    char *begin = strstr(text, "  - {file: \"classifier-vgg.2-of-2.h5\""), *end = strchr(begin, '\n') + 1;
    size_t length = (size_t)(end - begin);
    assert_true(length < sizeof line * 2);
    /* Not listed, its bytes are not checked: so it is none of the checkpoint's. */
    memmove(begin, end, size - (size_t)(end - text) + 1);
    write_text(file, text, size - length);
    assert_int_equal(checkpoint_verify(path, false, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "does not list classifier-vgg.2-of-2.h5"));
    free(text);
    write_checkpoint(fixture, 7);
    snprintf(line, sizeof line, "files:\n  - {file: \"notes\", bytes: 1, crc: %u}", 0x8cdc1683u);
    edit(file, "files:", line);
    path_of(fixture, 7, "notes", file);
    write_text(file, "x", 1);
    assert_int_equal(checkpoint_verify(path, true, &error), STATUS_DATA);
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
                 {"files:", "file:", "unknown key"},
                 {"crc:", "crcs:", "unknown key"},
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
        assert_int_equal(checkpoint_verify(path, false, &error), STATUS_DATA);
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
    assert_int_equal(checkpoint_newest(fixture->directory, NULL, path, sizeof path, NULL, NULL, NULL),
                     STATUS_OK);
    assert_string_equal(path, "");
    write_checkpoint(fixture, 7);
    write_checkpoint(fixture, 9);
    write_checkpoint(fixture, 8);
    assert_int_equal(checkpoint_newest(fixture->directory, NULL, path, sizeof path, NULL, NULL, NULL),
                     STATUS_OK);
    path_of(fixture, 9, "", file);
    assert_string_equal(path, file);
    path_of(fixture, 9, "classifier-vgg.1-of-2.h5", file);
    char *bytes = read_text(file, &size);
    bytes[size - 1] ^= 1;
    write_text(file, bytes, size);
    free(bytes);
    assert_int_equal(
        checkpoint_newest(fixture->directory, NULL, path, sizeof path, count_warning, &warnings, NULL),
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
    assert_int_equal(checkpoint_begin(fixture->directory, "", 6, NULL), STATUS_OK);
    snprintf(path, sizeof path, "%s/checkpoints/mine", fixture->directory);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(checkpoint_prune(fixture->directory, NULL, &(struct checkpoint_retention){0}, NULL),
                     STATUS_OK);
    checkpoint_path(fixture->directory, 6, "", path, sizeof path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(exists(fixture, 1));
    /* A damaged one does not count among those kept. */
    path_of(fixture, 5, "COMMIT", path);
    unlink(path);
    assert_int_equal(
        checkpoint_prune(fixture->directory, NULL, &(struct checkpoint_retention){.last = 2}, NULL),
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
        assert_int_equal(checkpoint_prune(fixture->directory, NULL, &retention, NULL), STATUS_OK);
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
    assert_int_equal(checkpoint_verify(path, true, NULL), STATUS_OK);
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
    checkpoint_path(fixture->directory, 3, "", directory, sizeof directory);
    assert_int_equal(checkpoint_begin(fixture->directory, "", 3, NULL), STATUS_OK);
    assert_int_equal(checkpoint_write_model(directory, fixture->model.groups, 2, NULL, &part, NULL),
                     STATUS_OK);
    part.bytes++;
    assert_int_equal(checkpoint_commit(fixture->directory, NULL, &wanted, &part, 1, &bytes, NULL),
                     STATUS_STORAGE);
    assert_false(exists(fixture, 3));
    checkpoint_abandon(fixture->directory, "", 3);
    assert_int_not_equal(access(directory, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_damage_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_lists_what_belongs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_is_read_strictly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_state_is_read_strictly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newest_passes_over_damaged_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prune, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prune_keeps_the_lasting_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_checks_its_parts, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
