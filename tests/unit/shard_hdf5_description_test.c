/* Descriptions of HDF5 files that nobody honest writes: each is refused, or harms nobody. */
#include "tests/unit/shard_scratch.h"

#include "shard/hdf5/hdf5_private.h"

#include <fcntl.h>

enum { VALUES = 6 };

struct array {
    uint64_t dims[2];
    enum h5_layout layout;
    uint64_t piece_bytes, pieces, piece[3];
};

static const struct array SOUND = {{3, 2}, H5_LAYOUT_PIECES, 16, 2, {0, 16}};

static void put_object(struct h5_writing *out, enum h5_kind kind, uint64_t identity)
{
    h5_put_record(out, 'O');
    h5_put_u8(out, (uint8_t)kind);
    h5_put_u64(out, identity);
    h5_put_text(out, "");
    h5_put_text(out, "");
}

static void put_link(struct h5_writing *out, uint32_t group, enum h5_link_kind kind, uint32_t object,
                     const char *name)
{
    h5_put_record(out, 'L');
    h5_put_u32(out, group);
    h5_put_u8(out, (uint8_t)kind);
    h5_put_u32(out, object);
    h5_put_text(out, name);
}

static void put_attribute(struct h5_writing *out, enum h5_class class, const char *name, uint32_t count)
{
    h5_put_record(out, 'A');
    h5_put_u32(out, 0);
    h5_put_u8(out, (uint8_t) class);
    h5_put_text(out, name);
    h5_put_text(out, "");
    h5_put_u32(out, count);
}

/* A root with an array of float32 [3, 2] by two names, links that are not followed, and attributes. */
static void put_file(struct h5_writing *out, const struct array *array)
{
    h5_put_begin(out, 1 << 20);
    put_link(out, 0, H5_LINK_HARD, 1, "values");
    put_link(out, 0, H5_LINK_HARD, 1, "again");
    put_link(out, 0, H5_LINK_HARD, 0, "self");
    put_link(out, 0, H5_LINK_SOFT, 0, "soft");
    put_attribute(out, H5_CLASS_TEXT, "names", 2);
    h5_put_text(out, "one");
    h5_put_text(out, "");
    put_attribute(out, H5_CLASS_UNSIGNED, "number", 1);
    h5_put_u64(out, 7);
    put_object(out, H5_KIND_GROUP, 96);
    put_object(out, H5_KIND_ARRAY, 800);
    h5_put_u8(out, H5_TYPE_F32);
    h5_put_u8(out, 2);
    h5_put_u64(out, array->dims[0]);
    h5_put_u64(out, array->dims[1]);
    h5_put_u8(out, (uint8_t)array->layout);
    h5_put_u64(out, array->piece_bytes);
    h5_put_u64(out, array->pieces);
    for (uint64_t i = 0; i < array->pieces && i < 3; i++) {
        h5_put_u64(out, array->piece[i]);
    }
    h5_put_end(out);
    assert_false(out->full);
}

/* Reads a copy of exactly that size, so that a sanitizer sees every step beyond it. */
static struct h5_description *read_copy(const uint8_t *bytes, size_t size)
{
    const char *what;
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct h5_description *description = h5_description_read(copy, size, &what);
    assert_true(!description == !!what);
    return description;
}

static bool is_read(struct h5_writing *out)
{
    struct h5_description *description = read_copy(out->bytes, out->size);
    bool read = description;
    h5_description_free(description);
    free(out->bytes);
    return read;
}

/* The numbers 0 to 5 in a file, and a description of it that is opened as if a child had written it. */
static void open_described(void **state, const struct array *array, struct h5_file *file)
{
    struct h5_writing out;
    float values[VALUES] = {0, 1, 2, 3, 4, 5};
    const char *path = scratch_path(*state, "values");
    scratch_write(path, values, sizeof values);
    put_file(&out, array);
    *file = (struct h5_file){.descriptor = open(path, O_RDONLY), .bytes = sizeof values};
    file->description = read_copy(out.bytes, out.size);
    assert_non_null(file->description);
    free(out.bytes);
}

static void a_description_is_answered_from(void **state)
{
    struct h5_file file;
    struct error error;
    enum h5_kind kind;
    uint64_t identities[2], number;
    float values[VALUES];
    char **names, text[8];
    size_t count;
    open_described(state, &SOUND, &file);
    assert_int_equal(h5_kind_of(&file, "/", &kind, &error), STATUS_OK);
    assert_int_equal(kind, H5_KIND_GROUP);
    assert_int_equal(h5_list(&file, "/", &names, &count, &error), STATUS_OK);
    assert_int_equal(count, 4);
    assert_string_equal(names[0], "again");
    assert_string_equal(names[3], "values");
    h5_list_free(names, count);
    assert_int_equal(h5_identity(&file, "/values", &identities[0], &error), STATUS_OK);
    assert_int_equal(h5_identity(&file, "/self/self/again", &identities[1], &error), STATUS_OK);
    assert_true(identities[0] == identities[1]);
    assert_int_equal(h5_kind_of(&file, "/val", &kind, &error), STATUS_OK);
    assert_int_equal(kind, H5_KIND_NONE);
    assert_int_equal(h5_kind_of(&file, "/values/none", &kind, &error), STATUS_OK);
    assert_int_equal(kind, H5_KIND_NONE);
    assert_int_equal(h5_kind_of(&file, "/soft", &kind, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "/soft is a soft link"));
    assert_int_equal(h5_read_array(&file, "/again", H5_TYPE_F32, 2, (const uint64_t[]){3, 2}, values, &error),
                     STATUS_OK);
    assert_true(values[0] == 0 && values[5] == 5);
    assert_int_equal(h5_get_strings(&file, "/", "names", &names, &count, &error), STATUS_OK);
    assert_string_equal(names[0], "one");
    h5_list_free(names, count);
    assert_int_equal(h5_attribute_text(&file, "/", "number", text, sizeof text, &error), STATUS_OK);
    assert_string_equal(text, "7");
    assert_int_equal(h5_get_uint(&file, "/", "names", 9, &number, &error), STATUS_DATA);
    h5_close_file(&file, NULL);
    assert_int_equal(h5_kind_of(&file, "/", &kind, &error), STATUS_INTERNAL);
}

/* Cut anywhere, or followed by anything, it is none. */
static void only_whole_ones_are_read(void **state)
{
    struct h5_writing out;
    uint8_t longer[1024] = {0};
    (void)state;
    put_file(&out, &SOUND);
    for (size_t size = 0; size < out.size; size++) {
        assert_null(read_copy(out.bytes, size));
    }
    memcpy(longer, out.bytes, out.size);
    assert_null(read_copy(longer, out.size + 1));
    free(out.bytes);
}

/* Every byte changed to every value: refused or read, and what is read can be asked for everything. */
static void any_byte_may_lie(void **state)
{
    struct h5_writing out;
    struct error error;
    float values[VALUES];
    char text[64], **names;
    size_t count, read = 0;
    put_file(&out, &SOUND);
    const char *path = scratch_path(*state, "none");
    scratch_write(path, values, 0);
    struct h5_file file = {.descriptor = open(path, O_RDONLY)};
    for (size_t i = 0; i < out.size; i++) {
        for (int change = 1; change < 256; change++) {
            out.bytes[i] ^= (uint8_t)change;
            file.description = read_copy(out.bytes, out.size);
            out.bytes[i] ^= (uint8_t)change;
            if (!file.description) {
                continue;
            }
            read++;
            if (h5_list(&file, "/", &names, &count, &error) == STATUS_OK) {
                h5_list_free(names, count);
            }
            assert_int_not_equal(
                h5_read_array(&file, "/values", H5_TYPE_F32, 2, (const uint64_t[]){3, 2}, values, &error),
                STATUS_OK);
            h5_attribute_text(&file, "/", "names", text, sizeof text, NULL);
            h5_description_free(file.description);
        }
    }
    assert_true(read > 0);
    close(file.descriptor);
    free(out.bytes);
}

static void numbers_must_agree(void **state)
{
    struct h5_writing out;
    (void)state;
    const struct array wrong[] = {
        {{3, 2}, H5_LAYOUT_PIECES, 16, 1, {0}}, /* too few pieces */
        {{3, 2}, H5_LAYOUT_PIECES, 16, 3, {0, 16, 32}}, /* too many */
        {{3, 2}, H5_LAYOUT_PIECES, 0, 0, {0}}, /* pieces without bytes */
        {{3, 2}, H5_LAYOUT_PIECES, 1, 24, {0}}, /* fewer places than pieces */
        {{3, 2}, H5_LAYOUT_PIECES, 16, UINT64_MAX, {0}},
        {{3, 2}, H5_LAYOUT_COMPACT, 16, 2, {0, 16}}, /* pieces of what has none */
        {{3, 2}, H5_LAYOUT_OTHER + 1, 0, 0, {0}},
        {{1ull << 40, 1ull << 40},
         H5_LAYOUT_PIECES,
         1ull << 62,
         1,
         {0}}, /* more bytes than there are numbers */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put_file(&out, &wrong[i]);
        assert_false(is_read(&out));
    }
    h5_put_begin(&out, 4096);
    put_object(&out, H5_KIND_GROUP, 1);
    put_link(&out, 0, H5_LINK_HARD, 1, "beyond");
    h5_put_end(&out);
    assert_false(is_read(&out));
    h5_put_begin(&out, 4096);
    put_object(&out, H5_KIND_GROUP, 1);
    put_attribute(&out, H5_CLASS_OTHER, "many",
                  H5_VALUES_MAX + 1); /* without values: only the bound refuses it */
    h5_put_end(&out);
    assert_false(is_read(&out));
    h5_put_begin(&out, 4096);
    h5_put_end(&out);
    assert_false(is_read(&out));
}

static void there_are_bounds(void **state)
{
    struct h5_writing out;
    (void)state;
    h5_put_begin(&out, 1 << 24);
    for (uint32_t i = 0; i <= H5_OBJECTS_MAX; i++) {
        put_object(&out, H5_KIND_GROUP, i);
    }
    h5_put_end(&out);
    assert_false(is_read(&out));
    h5_put_begin(&out, 64);
    for (int i = 0; i < 10; i++) {
        h5_put_text(&out, "0123456789");
    }
    assert_true(out.full && out.size <= 64);
    free(out.bytes);
    assert_true(h5_description_most(UINT64_MAX) == h5_description_most((uint64_t)1 << 40));
    assert_true(h5_description_most(0) <= 1 << 20);
}

/* Where pieces lie is checked when they are read. */
static void pieces_lie_within_the_file(void **state)
{
    static const uint64_t dims[2] = {3, 2};
    const struct array wrong[] = {
        {{3, 2}, H5_LAYOUT_PIECES, 24, 1, {1}},
        {{3, 2}, H5_LAYOUT_PIECES, 24, 1, {UINT64_MAX - 1}},
        {{3, 2}, H5_LAYOUT_PIECES, 16, 2, {0, 17}},
        {{3, 2}, H5_LAYOUT_PIECES, (uint64_t)INT64_MAX, 1, {24}},
    };
    const struct array overlapping = {{3, 2}, H5_LAYOUT_PIECES, 8, 3, {0, 0, 8}};
    struct h5_file file;
    struct error error;
    float values[VALUES];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        open_described(state, &wrong[i], &file);
        assert_int_equal(h5_read_array(&file, "/values", H5_TYPE_F32, 2, dims, values, &error), STATUS_DATA);
        assert_non_null(strstr(error.what, "not within the file"));
        h5_close_file(&file, NULL);
    }
    open_described(state, &overlapping, &file);
    assert_int_equal(h5_read_array(&file, "/values", H5_TYPE_F32, 2, dims, values, &error), STATUS_OK);
    assert_true(values[2] == 0 && values[3] == 1 && values[4] == 2 && values[5] == 3);
    h5_close_file(&file, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_description_is_answered_from),
        TEST(only_whole_ones_are_read),
        TEST(any_byte_may_lie),
        TEST(numbers_must_agree),
        TEST(there_are_bounds),
        TEST(pieces_lie_within_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
