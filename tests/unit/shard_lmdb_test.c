/* shard/archive/lmdb.h, stored_value.h and pack_lmdb: databases as Python's lmdb writes them (tests/oracle/make_lmdb.py), and
 * damaged ones. */
#include "tests/unit/shard_scratch.h"

#include "proto/random.h"
#include "shard/archive/lmdb.h"
#include "shard/pack/lmdb_set.h"
#include "shard/pack/pack.h"

#include <zlib.h>

#define GOLDEN "tests/oracle/lmdb"

static const struct pack_style strict = {.skip_bad = false};

/* How often "<layout> <label> <crc>" is among what is expected. */
static int count_lines(const char *expected, const char *line)
{
    int count = 0;
    for (const char *at = strstr(expected, line); at; at = strstr(at + 1, line)) {
        count += (at == expected || at[-1] == '\n') && at[strlen(line)] == '\n';
    }
    return count;
}

static void layouts_are_read(void **state)
{
    static const struct {
        const char *name;
        uint64_t images;
        uint32_t classes;
    } layouts[] = {
        {"pickle", 40, 13}, {"msgpack", 12, 5}, {"numbered", 40, 13}, {"datum", 12, 13}, {"raw", 6, 6}};
    size_t size;
    char *expected = (char *)scratch_read(GOLDEN "/expected", &size);
    (void)state;
    for (size_t layout = 0; layout < sizeof layouts / sizeof *layouts; layout++) {
        struct stored_images set = STORED_IMAGES_EMPTY("value");
        struct error error = {0};
        char path[200], line[200];
        snprintf(path, sizeof path, GOLDEN "/%s.mdb", layouts[layout].name);
        if (lmdb_set_fill(&set, path, &strict, &error) != STATUS_OK) {
            fail_msg("%s (%s)", error.what, error.where);
        }
        assert_int_equal(set.images, layouts[layout].images);
        assert_int_equal(set.classes, layouts[layout].classes);
        for (uint64_t i = 0; i < set.images; i++) {
            uint8_t *bytes;
            assert_int_equal(stored_images_read(&set, i, &bytes, &size, &error), STATUS_OK);
            char label[64];
            snprintf(label, sizeof label, "%u", set.label[i]);
            snprintf(line, sizeof line, "%s %s %lu", layouts[layout].name,
                     set.names.count > 0 ? set.names.names[set.label[i]] : label,
                     (unsigned long)crc32_z(0, bytes, size));
            assert_true(count_lines(expected, line) == 1);
            assert_true(i == 0 || set.offset[i] > set.offset[i - 1]);
            free(bytes);
        }
        stored_images_close(&set);
    }
    free(expected);
}

static void databases_are_packed(void **state)
{
    struct scratch *scratch = *state;
    struct pack_style style = PACK_STYLE_DEFAULTS;
    struct pack_dataset import = {.source = GOLDEN "/numbered.mdb",
                                  .directory = scratch->directory,
                                  .name = "set",
                                  .shard_bytes = 1 << 20,
                                  .compact = true};
    struct pack_result result;
    struct error error;
    style.size = 16;
    assert_int_equal(pack_lmdb(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 40);
    assert_int_equal(result.classes, 5);
    assert_true(result.kept > 30);
    import.source = GOLDEN "/raw.mdb";
    import.force = true;
    assert_int_equal(pack_lmdb(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 6);
    import.source = GOLDEN;
    assert_int_equal(pack_lmdb(&import, &style, &result, &error), STATUS_DATA);
}

static enum status see(void *context, const struct lmdb_entry *entry, struct error *error)
{
    const uint64_t *bytes = context;
    (void)error;
    assert_true(entry->offset <= *bytes && entry->size <= *bytes - entry->offset && entry->key_size < 65536);
    return STATUS_OK;
}

static void write_u16(uint8_t *bytes, unsigned number)
{
    bytes[0] = (uint8_t)number;
    bytes[1] = (uint8_t)(number >> 8);
}

static void assert_refused(const char *path, const uint8_t *bytes, size_t size, const char *what)
{
    struct error error = {0};
    uint64_t whole = size;
    scratch_write(path, bytes, size);
    if (lmdb_walk(path, see, &whole, &error) != STATUS_DATA || !strstr(error.what, what)) {
        fail_msg("'%s' (%s) does not say '%s'", error.what, error.where, what);
    }
}

/* Each page is checked before it is used. */
static void damaged_pages_are_named(void **state)
{
    const char *path = scratch_path(*state, "data.mdb");
    size_t size;
    uint8_t *bytes = scratch_read(GOLDEN "/numbered.mdb", &size), *copy = malloc(size);
    assert_non_null(copy);
    uint64_t txnid[2], root;
    memcpy(&txnid[0], bytes + 144, 8);
    memcpy(&txnid[1], bytes + 4096 + 144, 8);
    const size_t meta = txnid[1] > txnid[0] ? 4096 : 0;
    memcpy(&root, bytes + meta + 128, 8);
    const size_t at = (size_t)root * 4096;
    const size_t node = at + bytes[at + 16] + 256u * bytes[at + 17];
    uint64_t child = bytes[node] + 256u * bytes[node + 1];
    assert_true(bytes[at + 10] == 1 && child > 1 && child * 4096 < size);
#define REFUSED(place, value, what)                                                                          \
    memcpy(copy, bytes, size);                                                                               \
    write_u16(copy + (place), (value));                                                                      \
    assert_refused(path, copy, size, what)
    REFUSED(meta + 128, 0xffff, "beyond the file");
    REFUSED(meta + 128, 1, "beyond the file");
    REFUSED(meta + 120, 7, "entries, but there are");
    REFUSED(meta + 92, 4, "several values");
    REFUSED(40, 4095, "no LMDB");
    REFUSED(16, 0, "no LMDB");
    REFUSED(node, (unsigned)root, "no tree");
    REFUSED(node, 0xffff, "beyond the file");
    REFUSED(at, 0xffff, "no page of a tree");
    REFUSED(at + 10, 3, "no page of a tree");
    REFUSED(at + 12, 4098, "no page of a tree");
    REFUSED(at + 16, 4095, "a node lies beyond");
    REFUSED(at + 16, 2, "a node lies beyond");
    REFUSED(node + 6, 4096, "a node lies beyond");
    const size_t leaf = (size_t)child * 4096, first = leaf + bytes[leaf + 16] + 256u * bytes[leaf + 17];
    assert_int_equal(bytes[leaf + 10], 2);
    REFUSED(first + 4, 2, "a database within");
    REFUSED(first, 0xffff, "beyond its page");
    assert_refused(path, bytes, 2 * 4096, "beyond the file");
    assert_refused(path, bytes, 100, "no LMDB");
    /* Bytes drawn at any place: refused or read, never beyond the file. */
    struct random random = random_stream(7, RANDOM_PACK, 0, 2);
    for (int round = 0; round < 2000; round++) {
        uint64_t whole = size;
        memcpy(copy, bytes, size);
        for (int i = 0; i < 4; i++) {
            copy[random_below(&random, (uint32_t)size)] = (uint8_t)random_below(&random, 256);
        }
        scratch_write(path, copy, size);
        struct error error;
        lmdb_walk(path, see, &whole, &error);
    }
    free(copy);
    free(bytes);
}

/* Values that have no label are told, or left out. */
static void bad_values_are_told(void **state)
{
    const char *path = scratch_path(*state, "data.mdb");
    struct left_out left_out = {.listed = false};
    const struct pack_style skip = {.skip_bad = true, .left_out = &left_out};
    size_t size, spoilt = 0;
    uint8_t *bytes = scratch_read(GOLDEN "/msgpack.mdb", &size);
    struct stored_images set = STORED_IMAGES_EMPTY("value");
    struct error error = {0};
    assert_int_equal(lmdb_set_fill(&set, GOLDEN "/msgpack.mdb", &strict, &error), STATUS_OK);
    /* The third value's first byte, before its bin's length. */
    for (uint64_t at = set.offset[2] - 1; spoilt == 0; at--) {
        spoilt = bytes[at] == 0x92 ? (size_t)at : 0;
    }
    stored_images_close(&set);
    bytes[spoilt] = 0x00;
    scratch_write(path, bytes, size);
    assert_int_equal(lmdb_set_fill(&set, path, &strict, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "neither a pickle"));
    assert_non_null(strstr(error.where, "data.mdb, value at byte"));
    stored_images_close(&set);
    assert_int_equal(lmdb_set_fill(&set, path, &skip, &error), STATUS_OK);
    assert_int_equal(set.images, 11);
    assert_int_equal(left_out.count[LEFT_OUT_UNLABELLED], 1);
    stored_images_close(&set);
    left_out_free(&left_out);
    free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(layouts_are_read),
        TEST(databases_are_packed),
        TEST(damaged_pages_are_named),
        TEST(bad_values_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
