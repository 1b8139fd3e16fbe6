/* What PyTorch saves: the same arrays as the safetensors file that it was made of; damaged, it is refused or has arrays
 * that can be read. Files of PyTorch's own are read by tests/system/export.t. */
#include "tests/unit/shard_scratch.h"
#include "tests/unit/torch_scratch.h"

#include "worker/interchange/state_dict_names.h"
#include "worker/interchange/torch_file.h"
#include "worker/interchange/zip.h"

#define COUNT 3

static const struct safetensors_array arrays[COUNT] = {
    {.name = "layer1.0.conv1.weight", .type = SAFETENSORS_F32, .rank = 4, .shape = {2, 1, 3, 3}},
    {.name = "bn1.num_batches_tracked", .type = SAFETENSORS_I64, .rank = 0},
    {.name = "fc.bias", .type = SAFETENSORS_F32, .rank = 1, .shape = {5}}};
static const float weights[18] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
static const float bias[5] = {-1, 0.5f, 0, 3, 1e-8f};
static const int64_t tracked = 77;

static void make(struct scratch *scratch, char path[1024])
{
    struct safetensors_writer *writer;
    char from[1024];
    snprintf(from, sizeof from, "%s", scratch_path(scratch, "net.safetensors"));
    assert_int_equal(safetensors_create(from, arrays, COUNT, NULL, 0, &writer, NULL), STATUS_OK);
    assert_int_equal(safetensors_append_floats(writer, weights, 18, NULL), STATUS_OK);
    assert_int_equal(safetensors_append_integers(writer, &tracked, 1, NULL), STATUS_OK);
    assert_int_equal(safetensors_append_floats(writer, bias, 5, NULL), STATUS_OK);
    assert_int_equal(safetensors_finish(writer, NULL), STATUS_OK);
    snprintf(path, 1024, "%s", scratch_path(scratch, "net.pth"));
    assert_true(torch_scratch_convert(from, path));
}

static void test_arrays_are_read(void **state)
{
    struct safetensors file;
    struct error error;
    char path[1024];
    float values[18];
    make(*state, path);
    if (torch_file_open(path, &file, &error) != STATUS_OK) {
        fail_msg("%s: %s", error.where, error.what);
    }
    assert_int_equal(file.count, COUNT);
    const struct safetensors_array *array = safetensors_find(file.arrays, file.count, arrays[0].name);
    assert_non_null(array);
    assert_int_equal(array->rank, 4);
    assert_memory_equal(array->shape, arrays[0].shape, sizeof array->shape);
    assert_int_equal(safetensors_read(&file, array, values, &error), STATUS_OK);
    assert_memory_equal(values, weights, sizeof weights);
    assert_int_equal(
        safetensors_read(&file, safetensors_find(file.arrays, file.count, "fc.bias"), values, &error),
        STATUS_OK);
    assert_memory_equal(values, bias, sizeof bias);
    assert_int_equal(safetensors_find(file.arrays, file.count, arrays[1].name)->type, SAFETENSORS_I64);
    safetensors_close(&file);
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Refused with words, or every array that is listed can be read. */
static void try_file(const char *path, bool may_be_read)
{
    struct safetensors file;
    struct error error = {0};
    if (torch_file_open(path, &file, &error) != STATUS_OK) {
        assert_int_not_equal(error.what[0], 0);
        return;
    }
    assert_true(may_be_read);
    for (size_t i = 0; i < file.count; i++) {
        float *values = malloc((size_t)file.arrays[i].count * sizeof *values + 1);
        assert_non_null(values);
        if (file.arrays[i].type == SAFETENSORS_F32) {
            assert_int_equal(safetensors_read(&file, &file.arrays[i], values, &error), STATUS_OK);
        }
        free(values);
    }
    safetensors_close(&file);
}

/* With each bit changed, and cut at each place. */
static void test_damaged(void **state)
{
    char path[1024];
    size_t size;
    make(*state, path);
    uint8_t *bytes = scratch_read(path, &size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (uint8_t)(1 << (i % 8));
        write_file(path, bytes, size);
        bytes[i] ^= (uint8_t)(1 << (i % 8));
        try_file(path, true);
        write_file(path, bytes, i);
        try_file(path, false);
    }
    free(bytes);
}

/* The archive's file with other bytes in the place of some. */
static void told(struct scratch *scratch, const char *from, const char *to, const char *what)
{
    struct safetensors file;
    struct error error = {0};
    char path[1024];
    size_t size;
    make(scratch, path);
    uint8_t *bytes = scratch_read(path, &size), *at = memmem(bytes, size, from, strlen(from));
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    write_file(path, bytes, size);
    free(bytes);
    assert_int_equal(torch_file_open(path, &file, &error), STATUS_DATA);
    if (!strstr(error.what, what)) {
        fail_msg("told '%s' where '%s' was expected", error.what, what);
    }
}

static void test_what_is_refused(void **state)
{
    told(*state, "torch\nFloatStorage", "posix\nsystem111111",
         "posix.system111111, which no state_dict needs");
    told(*state, "little", "bigger", "not little-endian");
    told(*state, "PK\5\6", "PK\5\7", "no archive");
}

static void test_two_names(void **state)
{
    struct safetensors_array list[] = {{.name = "a.layer1.0.conv1.weight"},
                                       {.name = "a.fc.bias"},
                                       {.name = "a.head.weight"},
                                       {.name = "optimizer.fc.bias"}};
    struct state_dict_naming naming;
    struct error error;
    size_t count = 4;
    char text[300];
    (void)state;
    assert_int_equal(state_dict_names_take(list, &count, "file", &naming, &error), STATUS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "layer1.0.conv1.weight");
    assert_string_equal(list[1].name, "fc.bias");
    state_dict_naming_format(&naming, text, sizeof text);
    assert_string_equal(
        text, "its names were taken without 'a.'; what is not an iresnet's was left out: a.head.weight, "
              "optimizer.fc.bias");
    struct safetensors_array both[] = {{.name = "a.layer1.0.conv1.weight"},
                                       {.name = "b.layer1.0.conv1.weight"}};
    count = 2;
    assert_int_equal(state_dict_names_take(both, &count, "file", &naming, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "two networks"));
    struct safetensors_array other[] = {{.name = "alayer1.0.conv1.weight"}};
    count = 1;
    assert_int_equal(state_dict_names_take(other, &count, "file", &naming, &error), STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(other[0].name, "alayer1.0.conv1.weight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arrays_are_read, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_damaged, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_refused, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_two_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
