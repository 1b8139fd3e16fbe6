/* shard/pickle/pickle.h, shard/pack/pickle_set.h: what Python wrote is read, and nothing else is. */
#include "tests/unit/shard_scratch.h"

#include "shard/pack/pack.h"
#include "shard/pack/pickle_set.h"
#include "shard/pairs.h"

#include <glob.h>

#define PICKLES "tests/oracle/pickle/"

static const char *const images[8] = {"grey.jpg",     "grey8.png",   "grey1.png", "grey4.png",
                                      "palette4.png", "rgbkey8.png", "grey.jpg",  "grey1.png"};
static const uint8_t verdicts[4] = {1, 0, 0, 1};

static void assert_is_set(const char *path)
{
    struct pickle_set set;
    struct error error = {0};
    char line[ERROR_LINE_SIZE];
    if (pickle_set_open(path, &set, &error) != STATUS_OK) {
        fail_msg("%s", error_format(&error, line, sizeof line));
    }
    assert_int_equal(set.pairs, 4);
    assert_memory_equal(set.same, verdicts, sizeof verdicts);
    for (uint32_t i = 0; i < 8; i++) {
        char file[128];
        size_t expected_size, size;
        uint8_t *bytes;
        snprintf(file, sizeof file, "tests/oracle/image/%s", images[i]);
        uint8_t *expected = scratch_read(file, &expected_size);
        assert_int_equal(pickle_read(&set.pickle, &set.image[i], &bytes, &size, &error), STATUS_OK);
        assert_int_equal(size, expected_size);
        assert_memory_equal(bytes, expected, size);
        free(bytes);
        free(expected);
    }
    pickle_set_close(&set);
}

/* Python 2 and 3, protocols 2 to 5, bytes and arrays by numpy 1 and 2, verdicts of every kind. */
static void what_python_wrote_is_read(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(PICKLES "*.bin", 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 23);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        assert_is_set(found.gl_pathv[i]);
    }
    globfree(&found);
}

static void sets_are_packed(void **state)
{
    struct pack_result result;
    struct pairs pairs;
    struct error error;
    struct pack_style style = PACK_STYLE_DEFAULTS;
    style.size = 16;
    struct pack_pairs import = {.list = PICKLES "python2-numpy1-bytes-2.bin",
                                .directory = ((struct scratch *)*state)->directory,
                                .name = "set"};
    assert_int_equal(pack_pickle(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 6);
    assert_int_equal(result.pairs, 4);
    assert_int_equal(pack_pickle(&import, &style, &result, &error), STATUS_USAGE);
    assert_int_equal(pairs_open(scratch_path(*state, "set.h5"), &pairs, &error), STATUS_OK);
    assert_int_equal(pairs.count, 4);
    /* An image that is there twice is stored once. */
    assert_memory_equal(pairs.pair, ((uint32_t[]){0, 1, 2, 3, 4, 5, 0, 2}), 8 * sizeof(uint32_t));
    assert_memory_equal(pairs.same, verdicts, sizeof verdicts);
    assert_memory_equal(pairs.fold, ((uint8_t[4]){0}), 4);
    pairs_close(&pairs);
}

/* Any beginning of a pickle is refused, wherever it ends. */
static void cut_pickles_are_refused(void **state)
{
    static const char *const files[] = {"python3-numpy1-arrays-2.bin", "python3-numpy2-arrays-5.bin",
                                        "python3-numpy1-array-2.bin"};
    for (size_t file = 0; file < sizeof files / sizeof *files; file++) {
        char source[128];
        size_t size;
        snprintf(source, sizeof source, PICKLES "%s", files[file]);
        uint8_t *bytes = scratch_read(source, &size);
        const char *path = scratch_path(*state, "cut.bin");
        for (size_t cut = 0; cut < size; cut++) {
            struct pickle_set set;
            struct error error = {0};
            scratch_write(path, bytes, cut);
            assert_int_equal(pickle_set_open(path, &set, &error), STATUS_DATA);
            assert_non_null(strstr(error.where, "cut.bin"));
        }
        free(bytes);
    }
}

struct refusal {
    const char *bytes;
    size_t size;
    const char *where, *what; /* words of the error */
};

#define REFUSAL(bytes, where, what)                                                                          \
    {                                                                                                        \
        bytes, sizeof bytes - 1, where, what                                                                 \
    }

static void assert_refused(struct scratch *scratch, const struct refusal *refusal)
{
    struct pickle_set set;
    struct error error = {0};
    const char *path = scratch_path(scratch, "set.bin");
    scratch_write(path, refusal->bytes, refusal->size);
    assert_int_equal(pickle_set_open(path, &set, &error), STATUS_DATA);
    if (!strstr(error.where, refusal->where) || !strstr(error.what, refusal->what)) {
        fail_msg("'%s' (%s) does not say '%s' (%s)", error.what, error.where, refusal->what, refusal->where);
    }
}

/* By their names and places; a name that is known in one module is not known in another. */
static void what_could_run_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        REFUSAL("\x80\x02"
                "cposix\nsystem\nX\x04\0\0\0true\x85R.",
                "GLOBAL at byte 2", "posix.system"),
        REFUSAL("\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "STACK_GLOBAL at byte 14",
                "os.system"),
        REFUSAL("\x80\x02"
                "cnumpy\n_reconstruct\n.",
                "GLOBAL at byte 2", "numpy._reconstruct"),
        REFUSAL("\x80\x02"
                "c__builtin__\neval\n.",
                "GLOBAL at byte 2", "__builtin__.eval"),
        REFUSAL("\x80\x02(iposix\nsystem\n.", "INST at byte 3", "was not run"),
        REFUSAL("\x80\x02(o.", "OBJ at byte 3", "was not run"),
        REFUSAL("\x80\x02]\x81.", "NEWOBJ at byte 3", "was not run"),
        REFUSAL("\x80\x02\x82\x01.", "EXT1 at byte 2", "was not run"),
        REFUSAL("\x80\x02Pid\n.", "PERSID at byte 2", "was not run"),
        REFUSAL("\x80\x04]\x92.", "NEWOBJ_EX at byte 3", "was not run"),
        REFUSAL("\x80\x05\x97.", "NEXT_BUFFER at byte 2", "was not run"),
        REFUSAL("\x80\x02}.", "EMPTY_DICT at byte 2", "was not run"),
        REFUSAL("\x80\x02G\0\0\0\0\0\0\0\0.", "BINFLOAT at byte 2", "was not run"),
        REFUSAL("\x80\x02K\x01)R.", "REDUCE at byte 5", "no function"),
        REFUSAL("\x80\x02"
                "cnumpy\nndarray\n)R.",
                "REDUCE at byte 18", "another way"),
        REFUSAL("\x80\x02]Nb.", "BUILD at byte 4", "has none"),
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        assert_refused(*state, &refusals[i]);
    }
}

static void what_is_no_pickle_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        REFUSAL("", "set.bin", "ends within"),
        REFUSAL("(lp0\n.", "MARK at byte 0", "protocol 2 to 5"),
        REFUSAL("\x89PNG", "NEWFALSE at byte 0", "begins with PROTO"),
        REFUSAL("\x80\x02\xff.", "unknown opcode at byte 2", "no pickle"),
        REFUSAL("\x80\x06N.", "PROTO at byte 0", "protocol 6"),
        REFUSAL("\x80\x01N.", "PROTO at byte 0", "protocol 1"),
        REFUSAL("\x80\x02\x80\x02N.", "PROTO at byte 2", "begins within"),
        REFUSAL("\x80\x02.", "STOP at byte 2", "not one value"),
        REFUSAL("\x80\x02NN.", "STOP at byte 4", "not one value"),
        REFUSAL("\x80\x02(N.", "STOP at byte 4", "not one value"),
        REFUSAL("\x80\x02N.N", "STOP at byte 3", "goes on after"),
        REFUSAL("\x80\x02"
                "e.",
                "APPENDS at byte 2", "no mark"),
        REFUSAL("\x80\x02(Ne.", "APPENDS at byte 4", "no list"),
        REFUSAL("\x80\x02N(Ne.", "APPENDS at byte 5", "no list"),
        REFUSAL("\x80\x02Na.", "APPEND at byte 3", "no list"),
        REFUSAL("\x80\x02](a.", "APPEND at byte 4", "nothing on the stack"),
        REFUSAL("\x80\x02N\x86.", "TUPLE2 at byte 3", "too little"),
        REFUSAL("\x80\x02N(\x85.", "TUPLE1 at byte 4", "too little"),
        REFUSAL("\x80\x02h\x01.", "BINGET at byte 2", "not kept"),
        REFUSAL("\x80\x02Nr\xff\xff\xff\xff.", "LONG_BINPUT at byte 3", "too many values"),
        REFUSAL("\x80\x02q\x01.", "BINPUT at byte 2", "nothing on the stack"),
        REFUSAL("\x80\x02T\xff\xff\xff\x7f.", "BINSTRING at byte 2", "claims 2147483647 bytes"),
        REFUSAL("\x80\x03\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "BINBYTES8 at byte 2", "claims 1844"),
        REFUSAL("\x80\x04\x95\xff\0\0\0\0\0\0\0N.", "FRAME at byte 2", "within a frame"),
        REFUSAL("\x80\x02\x8a\x09"
                "123456789.",
                "LONG1 at byte 2", "too large"),
        REFUSAL("\x80\x02"
                "cnum\tpy\nndarray\n.",
                "GLOBAL at byte 2", "no text"),
    };
    char deep[70] = "\x80\x02";
    memset(deep + 2, '(', sizeof deep - 2);
    const struct refusal nested = {deep, sizeof deep, "MARK at byte 66", "too deeply"};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        assert_refused(*state, &refusals[i]);
    }
    assert_refused(*state, &nested);
}

/* Sound pickles of something else. */
static void other_values_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        REFUSAL("\x80\x02N.", "set.bin", "no pair of images and verdicts"),
        REFUSAL("\x80\x02]]\x86.", "set.bin", "0 images for 0 verdicts"),
        REFUSAL("\x80\x02](C\x01x"
                "e](\x88"
                "e\x86.",
                "set.bin", "1 images for 1 verdicts"),
        REFUSAL("\x80\x02](C\x01xNe](\x88"
                "e\x86.",
                "set.bin", "image 1 is neither"),
        REFUSAL("\x80\x02](C\x01xC\x01xe](K\x02"
                "e\x86.",
                "set.bin", "verdict 0 is neither"),
        REFUSAL("\x80\x02](C\x01xC\x01xe](J\xff\xff\xff\xff"
                "e\x86.",
                "set.bin", "verdict 0 is neither"),
        REFUSAL("\x80\x02"
                "cnumpy\ndtype\nU\x02O8\x85R.",
                "REDUCE at byte 20", "neither bools nor whole numbers"),
        REFUSAL("\x80\x02"
                "c_codecs\nencode\nX\x01\0\0\0aX\x05\0\0\0utf-8\x86R.",
                "REDUCE at byte 35", "something else than bytes"),
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        assert_refused(*state, &refusals[i]);
    }
}

/* Replaces the first `from` of a golden pickle by as many bytes of `to`. */
static void assert_edit_is_refused(struct scratch *scratch, const char *file, const char *from,
                                   const char *to, size_t length, const char *what)
{
    char source[128];
    size_t size;
    snprintf(source, sizeof source, PICKLES "%s", file);
    uint8_t *bytes = scratch_read(source, &size);
    uint8_t *at = memmem(bytes, size, from, length);
    assert_non_null(at);
    memcpy(at, to, length);
    const struct refusal refusal = {(const char *)bytes, size, "", what};
    assert_refused(scratch, &refusal);
    free(bytes);
}

static void arrays_are_checked(void **state)
{
    assert_edit_is_refused(*state, "python3-numpy1-arrays-4.bin", "\x8c\x02u1", "\x8c\x02u2", 4,
                           "as many bytes as its shape");
    assert_edit_is_refused(*state, "python3-numpy1-arrays-4.bin", "\x8c\x02u1", "\x8c\x02i1", 4,
                           "image 0 is neither");
    assert_edit_is_refused(*state, "python3-numpy1-arrays-4.bin", "M\x91\x01\x85", "M\x92\x01\x85", 4,
                           "as many bytes as its shape");
    assert_edit_is_refused(*state, "python3-numpy1-arrays-4.bin", "\x8c\x01|", "\x8c\x01>", 3,
                           "not little-endian");
    assert_edit_is_refused(*state, "python2-numpy1-array-2.bin",
                           "U\x02"
                           "b1",
                           "U\x02"
                           "x1",
                           4, "neither bools nor whole numbers");
    assert_edit_is_refused(*state, "python3-numpy1-array-2.bin", "X\x04\0\0\0\x01\0\0\x01",
                           "X\x04\0\0\0\x01\0\x02\x01", 9, "neither true nor false");
    assert_edit_is_refused(*state, "python2-numpy1-array-2.bin", "K\x04\x85", "K\x03\x85", 3,
                           "as many bytes");
}

/* A text whose characters are no bytes is no image. */
static void texts_that_are_no_bytes_are_refused(void **state)
{
    static const char bytes[] =
        "\x80\x02](c_codecs\nencode\nX\x02\0\0\0\xc4\x80X\x06\0\0\0latin1\x86RC\x01xe](\x88"
        "e\x86.";
    struct pickle_set set;
    struct error error = {0};
    uint8_t *data;
    size_t size;
    const char *path = scratch_path(*state, "set.bin");
    scratch_write(path, bytes, sizeof bytes - 1);
    assert_int_equal(pickle_set_open(path, &set, &error), STATUS_OK);
    assert_int_equal(pickle_read(&set.pickle, &set.image[0], &data, &size, &error), STATUS_DATA);
    pickle_set_close(&set);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_python_wrote_is_read),    TEST(sets_are_packed),
        TEST(cut_pickles_are_refused),      TEST(what_could_run_is_refused),
        TEST(what_is_no_pickle_is_refused), TEST(other_values_are_refused),
        TEST(arrays_are_checked),           TEST(texts_that_are_no_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
