/* safetensors: what is written is read back; every fault of a header is told before anything is believed. */
#include "tests/unit/shard_scratch.h"

#include "worker/interchange/safetensors.h"

#include <math.h>

/* A file of that header and so many bytes behind it; `length` is what it says of the header, -1: the truth.
 */
static void write_file(const char *path, const char *header, int64_t length, const void *data, size_t size)
{
    uint64_t says = length < 0 ? strlen(header) : (uint64_t)length;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int i = 0; i < 8; i++) {
        fputc((int)(says >> (8 * i) & 255), file);
    }
    fputs(header, file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_written_is_read_back(void **state)
{
    struct scratch *scratch = *state;
    static const char *const metadata[][2] = {{"format", "pt"}, {"arch", "a \"name\"\n"}};
    const struct safetensors_array arrays[] = {
        {.name = "steps", .type = SAFETENSORS_I64},
        {.name = "layer.0.weight", .type = SAFETENSORS_F32, .rank = 2, .shape = {3, 5}},
        {.name = "bias", .type = SAFETENSORS_F32, .rank = 1, .shape = {3}},
        {.name = "empty", .type = SAFETENSORS_F32, .rank = 2, .shape = {0, 7}},
    };
    const int64_t steps = 1234567890123;
    float weight[15], found[15] = {0};
    struct safetensors_writer *writer;
    struct safetensors file;
    struct error error;
    for (int i = 0; i < 15; i++) {
        weight[i] = (float)i / 7 - 1;
    }
    const char *path = scratch_path(scratch, "m.safetensors");
    assert_int_equal(safetensors_create(path, arrays, 4, metadata, 2, &writer, &error), STATUS_OK);
    assert_int_equal(safetensors_append_integers(writer, &steps, 1, &error), STATUS_OK);
    assert_int_equal(safetensors_append_floats(writer, weight, 15, &error), STATUS_OK);
    assert_int_equal(safetensors_append_floats(writer, weight + 2, 3, &error), STATUS_OK);
    assert_int_equal(safetensors_finish(writer, &error), STATUS_OK);
    assert_int_equal(scratch_count(scratch->directory), 1);
    assert_int_equal(safetensors_open(path, &file, &error), STATUS_OK);
    assert_int_equal(file.count, 4);
    assert_int_equal(file.data % 8, 0);
    const struct safetensors_array *array = safetensors_find(file.arrays, file.count, "layer.0.weight");
    assert_non_null(array);
    assert_int_equal(array->rank, 2);
    assert_int_equal(array->shape[1], 5);
    assert_int_equal(array->begin, 8);
    assert_int_equal(safetensors_read(&file, array, found, &error), STATUS_OK);
    assert_memory_equal(found, weight, sizeof weight);
    assert_int_equal(
        safetensors_read(&file, safetensors_find(file.arrays, file.count, "bias"), found, &error), STATUS_OK);
    assert_memory_equal(found, weight + 2, 3 * sizeof *weight);
    assert_int_equal(safetensors_find(file.arrays, file.count, "steps")->count, 1);
    assert_int_equal(
        safetensors_read(&file, safetensors_find(file.arrays, file.count, "steps"), found, &error),
        STATUS_DATA);
    assert_null(safetensors_find(file.arrays, file.count, "layer.0"));
    safetensors_close(&file);
}

static void test_values_must_be_as_announced(void **state)
{
    struct scratch *scratch = *state;
    const struct safetensors_array array = {.name = "x", .type = SAFETENSORS_F32, .rank = 1, .shape = {2}};
    const float values[3] = {0};
    struct safetensors_writer *writer;
    struct error error;
    const char *path = scratch_path(scratch, "m.safetensors");
    assert_int_equal(safetensors_create(path, &array, 1, NULL, 0, &writer, &error), STATUS_OK);
    assert_int_equal(safetensors_append_floats(writer, values, 3, &error), STATUS_INTERNAL);
    assert_int_equal(safetensors_append_floats(writer, values, 1, &error), STATUS_OK);
    assert_int_equal(safetensors_finish(writer, &error), STATUS_INTERNAL);
    assert_int_equal(scratch_count(scratch->directory), 0);
    assert_int_equal(safetensors_create("/nowhere/at/all", &array, 1, NULL, 0, &writer, &error),
                     STATUS_STORAGE);
}

static void test_halves_are_widened(void **state)
{
    struct scratch *scratch = *state;
    static const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x8400, 0x7bff, 0x7c00, 0x8000, 0x3555};
    static const uint16_t bfloat[] = {0x3f80, 0xc000, 0x0001, 0x7f80};
    static const float wide[] = {1,     -2,          0x1p-24f, -0x1p-14f, 65504,     INFINITY,
                                 -0.0f, 0x1.554p-2f, 1,        -2,        0x1p-133f, INFINITY};
    uint16_t data[12];
    float found[12];
    struct safetensors file;
    struct error error;
    memcpy(data, half, sizeof half);
    memcpy(data + 8, bfloat, sizeof bfloat);
    const char *path = scratch_path(scratch, "h.safetensors");
    write_file(path,
               "{\"b\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[16,24]},"
               "\"h\":{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[0,16]}}",
               -1, data, sizeof data);
    assert_int_equal(safetensors_open(path, &file, &error), STATUS_OK);
    assert_int_equal(safetensors_read(&file, safetensors_find(file.arrays, file.count, "h"), found, &error),
                     STATUS_OK);
    assert_int_equal(
        safetensors_read(&file, safetensors_find(file.arrays, file.count, "b"), found + 8, &error),
        STATUS_OK);
    assert_memory_equal(found, wide, sizeof wide);
    safetensors_close(&file);
}

/* What a header of one array x, with the file's 8 bytes behind it, is refused for. */
static void test_faults_are_told(void **state)
{
    struct scratch *scratch = *state;
    static const struct {
        const char *header, *told;
        int64_t length;
    } cases[] = {
        {"", "this is no safetensors file", 1},
        {"{}", "this is no safetensors file", INT64_MAX},
        {"{}", "this is no safetensors file", SAFETENSORS_HEADER_MAX + 1},
        {"{}", "the arrays have 8 bytes where the header says 0", -1},
        {"[]", "no JSON object", -1},
        {"{\"x\":", "no JSON object", -1},
        {"{\"x\":1}", "known dtype", -1},
        {"{\"x\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", "known dtype", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"y\":1}}", "known dtype", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", "its shape", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", "its shape", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "its shape", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", "its shape", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", "its shape",
         -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387906],\"data_offsets\":[0,8]}}",
         "its data_offsets", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "its data_offsets", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "its data_offsets", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", "its data_offsets", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", "its data_offsets", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "does not begin", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         "8 bytes where the header says 4", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
         "8 bytes where the header says 16", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         "does not begin", -1},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         "duplicate", -1},
    };
    struct safetensors file;
    struct error error;
    const char *path = scratch_path(scratch, "f.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(path, cases[i].header, cases[i].length, "12345678", cases[i].header[0] ? 8 : 0);
        if (safetensors_open(path, &file, &error) != STATUS_DATA || !strstr(error.what, cases[i].told)) {
            fail_msg("%s: %s", cases[i].header, error.what);
        }
    }
    assert_int_equal(safetensors_open(scratch->directory, &file, &error), STATUS_DATA);
    assert_int_equal(safetensors_open("/nowhere/at/all", &file, &error), STATUS_DATA);
}

static void test_file_that_shrinks_is_noticed(void **state)
{
    struct scratch *scratch = *state;
    struct safetensors file;
    struct error error;
    float found[2];
    const char *path = scratch_path(scratch, "s.safetensors");
    write_file(path, "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, "12345678", 8);
    assert_int_equal(safetensors_open(path, &file, &error), STATUS_OK);
    assert_int_equal(truncate(path, (off_t)file.data + 4), 0);
    assert_int_equal(safetensors_read(&file, &file.arrays[0], found, &error), STATUS_DATA);
    safetensors_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_is_read_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_values_must_be_as_announced, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_halves_are_widened, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_faults_are_told, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_file_that_shrinks_is_noticed, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
