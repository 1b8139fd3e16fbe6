/* shard/pack/recordio.h: records, whole and in parts, their index, and damage that is passed over. */
#include "tests/unit/recordio_scratch.h"

#include "shard/pack/recordio.h"

#include <stdbool.h>

/* --- Records --- */

struct seen {
    struct recordio_record records[16];
    size_t count;
};

static enum status see(void *context, const struct recordio_record *record, struct error *error)
{
    (void)error;
    struct seen *seen = context;
    assert_true(seen->count < 16);
    seen->records[seen->count++] = *record;
    return STATUS_OK;
}

static void records_are_read(void **state)
{
    struct output output = {.size = 0};
    struct seen seen = {.count = 0};
    struct error error;
    put_image(&output, 2, 61, 71, 0, "", 0);
    put_image(&output, 0, 5, 0, 77, "image", 5);
    put_image(&output, 2, 3, 1.5f, 78, "another", 7);
    write_output(&output, scratch_path(*state, "a.rec"));
    assert_int_equal(recordio_scan(scratch_path(*state, "a.rec"), see, NULL, &seen, &error), STATUS_OK);
    assert_int_equal(seen.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(seen.records[i].offset, output.place[i]);
    }
    assert_int_equal(seen.records[0].span, 40);
    assert_int_equal(seen.records[0].image_bytes, 0);
    assert_int_equal(seen.records[0].labels, 2);
    assert_true(seen.records[0].label[0] == 61 && seen.records[0].label[1] == 71);
    assert_int_equal(seen.records[1].image_bytes, 5);
    assert_int_equal(seen.records[1].id, 77);
    assert_true(seen.records[1].label[0] == 5);
    assert_int_equal(seen.records[2].image_bytes, 7);
    assert_true(seen.records[2].label[0] == 3 && seen.records[2].label[1] == 1.5f);
}

/* The magic word anywhere in the data, also twice in a row, at the beginning and the end, and not aligned. */
static void parts_are_joined(void **state)
{
    static const size_t places[][3] = {{0, 4, 8},   {8, 16, 16}, {1, 5, 40},
                                       {0, 36, 40}, {3, 12, 20}, {40, 40, 40}};
    struct output output = {.size = 0};
    struct seen seen = {.count = 0};
    struct error error;
    uint8_t images[6][44];
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < sizeof images[i]; j++) {
            images[i][j] = (uint8_t)(i * 50 + j);
        }
        for (size_t j = 0; j < 3; j++) {
            memcpy(images[i] + places[i][j], magic_word, sizeof magic_word);
        }
        put_image(&output, i % 2 == 0 ? 0 : 2, (float)i, 0, i, images[i], sizeof images[i] - i % 3);
    }
    /* In the header, too: an id that is the word. */
    put_image(&output, 0, 6, 0, MAGIC, images[5], 44);
    const char *path = scratch_path(*state, "parts.rec");
    write_output(&output, path);
    assert_int_equal(recordio_scan(path, see, NULL, &seen, &error), STATUS_OK);
    assert_int_equal(seen.count, 7);
    for (size_t i = 0; i < 7; i++) {
        size_t size, expected = i == 6 ? 44 : 44 - i % 3;
        uint8_t bytes[256];
        assert_int_equal(seen.records[i].offset, output.place[i]);
        assert_int_equal(seen.records[i].image_bytes, expected);
        assert_true(seen.records[i].label[0] == (float)i);
        memcpy(bytes, output.bytes + output.place[i], seen.records[i].span);
        assert_int_equal(recordio_image(bytes, seen.records[i].span, &size, &error), STATUS_OK);
        assert_int_equal(size, expected);
        assert_memory_equal(bytes, images[i == 6 ? 5 : i], size);
    }
    assert_int_equal(seen.records[6].id, MAGIC);
}

static enum status scan_bytes(struct scratch *scratch, const uint8_t *bytes, size_t size, struct error *error)
{
    struct seen seen = {.count = 0};
    const char *path = scratch_path(scratch, "bad.rec");
    scratch_write(path, bytes, size);
    return recordio_scan(path, see, NULL, &seen, error);
}

/* Any beginning of a file is refused unless it ends between records (or without the last one's filling). */
static void cut_files_are_refused(void **state)
{
    struct output output = {.size = 0};
    struct error error;
    put_image(&output, 0, 5, 0, 1, "image", 5);
    put_image(&output, 2, 5, 0, 2, "imagimag\x0a\x23\xd7\xce----", 16);
    put_image(&output, 0, 5, 0, 3, "image", 5);
    for (size_t cut = 1; cut < output.size; cut++) {
        bool whole = cut == output.place[1] || cut == output.place[2];
        bool unfilled = (cut < output.place[1] && cut >= output.place[1] - 3) || cut >= output.size - 3;
        assert_int_equal(scan_bytes(*state, output.bytes, cut, &error),
                         whole || unfilled ? STATUS_OK : STATUS_DATA);
        if (!whole && !unfilled) {
            assert_non_null(strstr(error.where, "bad.rec, record at byte "));
        }
    }
}

static void assert_bad(struct scratch *scratch, const struct output *output, const char *where,
                       const char *what)
{
    struct error error = {0};
    assert_int_equal(scan_bytes(scratch, output->bytes, output->size, &error), STATUS_DATA);
    if (!strstr(error.where, where) || !strstr(error.what, what)) {
        fail_msg("'%s' (%s) does not say '%s' (%s)", error.what, error.where, what, where);
    }
}

static void bad_records_are_named(void **state)
{
    struct output good = {.size = 0}, bad;
    put_image(&good, 0, 5, 0, 1, "image", 5);
    put_image(&good, 0, 5, 0, 1, "imag", 4);
    const size_t second = (size_t)good.place[1];
    bad = good;
    bad.bytes[second] ^= 1;
    assert_bad(*state, &bad, "record at byte 40", "ced7230b is there where");
    bad = good;
    bad.bytes[second + 7] |= 0x40; /* part 2 */
    assert_bad(*state, &bad, "record at byte 40", "part 2 is there where a record begins");
    bad = good;
    bad.bytes[second + 7] |= 0xe0;
    assert_bad(*state, &bad, "record at byte 40", "part 7");
    bad = good;
    bad.bytes[7] |= 0x20; /* part 1, and a whole one follows */
    assert_bad(*state, &bad, "record at byte 0", "part 0 follows where a record goes on");
    bad = good;
    bad.bytes[second + 7] |= 0x20;
    assert_bad(*state, &bad, "record at byte 40", "ends within the record");
    bad = good;
    bad.bytes[second + 6] = 1;
    assert_bad(*state, &bad, "record at byte 40", "claims 65564 bytes, and the file ends after 28");
    bad = good;
    bad.bytes[second + 8] = 2; /* labels where there is but room for one */
    assert_bad(*state, &bad, "record at byte 40", "claims to have 2 labels");
    bad = (struct output){.size = 0};
    put_record(&bad, (const uint8_t *)"text", 4);
    assert_bad(*state, &bad, "record at byte 0", "no image record");
}

static void changed_records_are_refused(void **state)
{
    (void)state;
    struct output output = {.size = 0};
    struct error error;
    size_t size;
    put_image(&output, 2, 5, 0, 2, "imagimag\x0a\x23\xd7\xce----", 16);
    for (size_t cut = 0; cut < output.size; cut++) {
        uint8_t bytes[256];
        memcpy(bytes, output.bytes, cut);
        assert_int_equal(recordio_image(bytes, cut, &size, &error), STATUS_DATA);
    }
}

static void indices_are_read(void **state)
{
    struct recordio_index index;
    struct error error = {0};
    const char *path = scratch_path(*state, "a.idx");
    const char *const good[] = {"0\t0\n3\t40\n1\t1234567890123\n",
                                "\xef\xbb\xbf"
                                "0\t0\r\n1\t1234567890123\r\n3\t40 \r\n\r\n"};
    const char *const bad[] = {"0\t0\none\t40\n",
                               "0\t0\n1 40\n",
                               "0\t0\n1\t\n",
                               "0\t0\n1\t40\t2\n",
                               "0\t0\n1\t99999999999999999999999\n",
                               "0\t0\n-1\t40\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        scratch_text(path, good[i]);
        assert_int_equal(recordio_read_index(path, &index, &error), STATUS_OK);
        assert_int_equal(index.count, 3);
        assert_true(index.offset[0] == 0 && index.offset[1] == 40 && index.offset[2] == 1234567890123);
        free(index.offset);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scratch_text(path, bad[i]);
        assert_int_equal(recordio_read_index(path, &index, &error), STATUS_DATA);
        assert_non_null(strstr(error.where, "a.idx:2"));
        free(index.offset);
    }
    scratch_text(path, "0\t40\n3\t0\n1\t40\n");
    assert_int_equal(recordio_read_index(path, &index, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "byte 40 is listed twice"));
    free(index.offset);
}

/* --- Damage that is passed over --- */

struct passed {
    uint64_t seen[16], begin[16], end[16];
    size_t records, pieces;
};

static enum status see_place(void *context, const struct recordio_record *record, struct error *error)
{
    struct passed *passed = context;
    (void)error;
    passed->seen[passed->records++] = record->offset;
    return STATUS_OK;
}

static void see_piece(void *context, uint64_t begin, uint64_t end, const struct error *why)
{
    struct passed *passed = context;
    assert_true(why->what[0] != 0);
    passed->begin[passed->pieces] = begin;
    passed->end[passed->pieces++] = end;
}

static struct passed scan_damaged(struct scratch *scratch, const uint8_t *bytes, size_t size)
{
    struct passed passed = {.records = 0};
    struct error error;
    const char *path = scratch_path(scratch, "torn.rec");
    scratch_write(path, bytes, size);
    assert_int_equal(recordio_scan(path, see_place, see_piece, &passed, &error), STATUS_OK);
    return passed;
}

/* Five records, of which the fourth is in parts. Whatever happens to one costs no other. */
static void damage_costs_one_record(void **state)
{
    struct output output = {.size = 0};
    uint8_t bytes[1 << 10];
    for (int i = 0; i < 5; i++) {
        put_image(&output, 0, 5, 0, 1, i == 3 ? "imagimag\x0a\x23\xd7\xce----" : "imagimagimagimag", 16);
    }
    output.place[5] = output.size;
    for (size_t hurt = 0; hurt < 5; hurt++) {
        const size_t begin = output.place[hurt], end = output.place[hurt + 1];
        /* The word; a length that ends within the record, one that takes in the next one, one beyond the file. */
        const size_t changed[4] = {begin, begin + 4, begin + 4, begin + 6};
        const uint8_t to[4] = {0, 24, (uint8_t)(end - begin + 16), 0xff};
        for (size_t kind = 0; kind < 4; kind++) {
            memcpy(bytes, output.bytes, output.size);
            bytes[changed[kind]] = to[kind];
            struct passed passed = scan_damaged(*state, bytes, output.size);
            /* One that has become shorter is a record still, and its image will be none. */
            const bool shorter = kind == 1 && hurt != 3;
            assert_int_equal(passed.pieces, 1);
            assert_int_equal(passed.records, shorter ? 5 : 4);
            for (size_t i = 0, at = 0; i < 5; i++) {
                if (i != hurt || shorter) {
                    assert_int_equal(passed.seen[at++], output.place[i]);
                }
            }
            assert_true(passed.begin[0] >= begin && passed.end[0] == end);
        }
        /* Bytes are lost, so that what follows lies at no multiple of 4. */
        memcpy(bytes, output.bytes, begin + 11);
        memcpy(bytes + begin + 11, output.bytes + end - 2, output.size - (end - 2));
        struct passed passed = scan_damaged(*state, bytes, output.size - (end - 2 - begin - 11));
        assert_int_equal(passed.records, 4);
        assert_int_equal(passed.seen[3],
                         hurt == 4 ? output.place[3] : output.place[4] - (end - 2 - begin - 11));
    }
    struct passed passed = scan_damaged(*state, (const uint8_t *)"this is no RecordIO at all", 26);
    assert_int_equal(passed.records, 0);
    assert_true(passed.pieces == 1 && passed.begin[0] == 0 && passed.end[0] == 26);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_are_read),
        TEST(parts_are_joined),
        TEST(cut_files_are_refused),
        TEST(bad_records_are_named),
        TEST(changed_records_are_refused),
        TEST(indices_are_read),
        TEST(damage_costs_one_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
