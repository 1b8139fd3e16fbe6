/* shard/pack/pack.h, shard/dataset_writer.h: an interrupted import goes on from its finished shards, and
 * gives what one in one piece gives, by any number of threads. */
#include "tests/unit/shard_scratch.h"

#include "proto/random.h"
#include "shard/pack/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#define SIDE 24
#define PEOPLE 8
#define EACH 10
#define IMAGES (PEOPLE * EACH)
#define EACH_OF_MANY 40 /* more than are read before it is known what is finished */
#define MANY (PEOPLE * EACH_OF_MANY)

/* From the `after`-th time on that a file of this name is opened, that fails: the call of the C library that the program
 * defines itself. */
static struct {
    const char *name;
    int number, after;
    atomic_int opened;
} fault;

static void arrange(const char *name, int number, int after)
{
    fault.name = name;
    fault.number = number;
    fault.after = after;
    fault.opened = 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (fault.name && strstr(path, fault.name) && ++fault.opened >= fault.after) {
        errno = fault.number;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

struct work {
    char faces[600], out[600];
    uint64_t first_done;
    uint32_t each; /* images of a person */
    int told;
    char line[900]; /* told first */
    struct left_out *left_out; /* or NULL */
};

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    struct work *work = context;
    assert_int_equal(total, PEOPLE * work->each);
    if (work->first_done == 0) {
        work->first_done = done;
    }
}

static void on_warning(void *context, const char *text)
{
    struct work *work = context;
    if (work->told++ == 0) {
        snprintf(work->line, sizeof work->line, "%s", text);
    }
}

static const char *image_path(const struct work *work, uint32_t number, char path[1024])
{
    snprintf(path, 1024, "%s/p%u/%02u.jpg", work->faces, number / work->each, number % work->each);
    return path;
}

static void write_image(const struct work *work, uint32_t number)
{
    char path[1024];
    size_t size;
    uint8_t *bytes = scratch_image(SIDE + (number % 3 == 0), SIDE, (int)number, IMAGE_JPEG, &size);
    scratch_write(image_path(work, number, path), bytes, size);
    free(bytes);
}

static void make_images(struct scratch *scratch, struct work *work, uint32_t each)
{
    char path[1024];
    *work = (struct work){.each = each};
    snprintf(work->faces, sizeof work->faces, "%s/faces", scratch->directory);
    assert_int_equal(mkdir(work->faces, 0777), 0);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        snprintf(path, sizeof path, "%s/p%u", work->faces, i);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    for (uint32_t i = 0; i < PEOPLE * each; i++) {
        write_image(work, i);
    }
}

static void make_faces(struct scratch *scratch, struct work *work)
{
    make_images(scratch, work, EACH);
}

static enum status pack_to(struct work *work, const char *out, uint64_t seed, int threads, bool skip_bad,
                           struct pack_result *result)
{
    struct error error = {0};
    struct pack_style style = PACK_STYLE_DEFAULTS;
    style.size = SIDE;
    style.threads = threads;
    style.skip_bad = skip_bad;
    style.progress = on_progress;
    style.warn = on_warning;
    style.context = work;
    style.left_out = work->left_out;
    const struct pack_dataset import = {.source = work->faces,
                                        .directory = out,
                                        .name = "few",
                                        .min_images = 1,
                                        .shard_bytes = 8000,
                                        .seed = seed};
    work->first_done = 0;
    work->told = 0;
    enum status status = pack_folder(&import, &style, result, &error);
    if (status != STATUS_OK && status != STATUS_DATA) {
        fail_msg("%s (%s)", error.what, error.where);
    }
    return status;
}

static enum status pack(struct scratch *scratch, struct work *work, const char *out, uint64_t seed,
                        struct pack_result *result)
{
    snprintf(work->out, sizeof work->out, "%s/%s", scratch->directory, out);
    return pack_to(work, work->out, seed, 1, false, result);
}

/* The manifests, which have every shard's crc, are the same. */
static void assert_same(struct scratch *scratch, const char *one, const char *other)
{
    char path[64];
    size_t size[2];
    snprintf(path, sizeof path, "%s/few.yaml", one);
    uint8_t *first = scratch_read(scratch_path(scratch, path), &size[0]);
    snprintf(path, sizeof path, "%s/few.yaml", other);
    uint8_t *second = scratch_read(scratch_path(scratch, path), &size[1]);
    assert_string_equal(first, second);
    free(first);
    free(second);
    snprintf(path, sizeof path, "%s/.few.packing", other);
    assert_int_equal(access(scratch_path(scratch, path), F_OK), -1);
}

/* The image that comes at `place` in the order of packing. */
static uint32_t image_of(uint32_t images, uint32_t place, uint64_t seed)
{
    uint32_t order[MANY];
    for (uint32_t i = 0; i < images; i++) {
        order[i] = i;
    }
    struct random random = random_stream(seed, RANDOM_PACK, 0, 0);
    random_shuffle(&random, order, images);
    return order[place];
}

static uint32_t image_at(uint32_t place, uint64_t seed)
{
    return image_of(IMAGES, place, seed);
}

/* An import that meets a bad image near its end: shards are finished before. Returns the image. */
static uint32_t interrupt(struct scratch *scratch, struct work *work, const char *out)
{
    char path[1024], name[64];
    struct pack_result result;
    uint32_t bad = image_of(PEOPLE * work->each, PEOPLE * work->each - 2, 1);
    scratch_text(image_path(work, bad, path), "no image");
    assert_int_equal(pack(scratch, work, out, 1, &result), STATUS_DATA);
    assert_non_null(strstr(work->line, "shards are finished: the same command goes on after them"));
    snprintf(name, sizeof name, "%s/.few.packing/few-00000.h5", out);
    assert_int_equal(access(scratch_path(scratch, name), F_OK), 0);
    snprintf(name, sizeof name, "%s/few.yaml", out);
    assert_int_equal(access(scratch_path(scratch, name), F_OK), -1);
    return bad;
}

static ino_t inode(struct scratch *scratch, const char *name)
{
    struct stat status;
    assert_int_equal(stat(scratch_path(scratch, name), &status), 0);
    return status.st_ino;
}

static void threads_make_no_difference(void **state)
{
    struct work work;
    struct pack_result result;
    make_faces(*state, &work);
    assert_int_equal(pack(*state, &work, "one", 1, &result), STATUS_OK);
    assert_true(result.shards > 3);
    for (int threads = 2; threads <= 7; threads += 5) {
        char out[600];
        snprintf(out, sizeof out, "%s/threads%d", ((struct scratch *)*state)->directory, threads);
        assert_int_equal(pack_to(&work, out, 1, threads, false, &result), STATUS_OK);
        snprintf(out, sizeof out, "threads%d", threads);
        assert_same(*state, "one", out);
    }
}

static void finished_shards_are_gone_on_from(void **state)
{
    struct work work;
    struct pack_result whole, rest;
    make_faces(*state, &work);
    assert_int_equal(pack(*state, &work, "whole", 1, &whole), STATUS_OK);
    write_image(&work, interrupt(*state, &work, "out"));
    ino_t first = inode(*state, "out/.few.packing/few-00000.h5");
    assert_int_equal(pack(*state, &work, "out", 1, &rest), STATUS_OK);
    assert_non_null(strstr(work.line, "going on after"));
    assert_int_equal(inode(*state, "out/few-00000.h5"), first);
    assert_same(*state, "whole", "out");
    assert_int_equal(rest.images, whole.images);
    assert_int_equal(rest.kept, whole.kept);
    assert_true(whole.kept > 0 && whole.kept < whole.images);
    assert_int_equal(rest.bytes, whole.bytes);
}

/* The bad image is left out where that is wanted, and what was finished without it stays. */
static void bad_images_may_be_left_out_then(void **state)
{
    struct work work;
    struct pack_result result;
    make_faces(*state, &work);
    interrupt(*state, &work, "out");
    ino_t first = inode(*state, "out/.few.packing/few-00000.h5");
    assert_int_equal(pack_to(&work, work.out, 1, 2, true, &result), STATUS_OK);
    assert_int_equal(result.images, IMAGES - 1);
    assert_int_equal(result.skipped, 1);
    assert_int_equal(inode(*state, "out/few-00000.h5"), first);
}

/* What was left out of shards that are finished is counted, and named to who wants a list. */
static void earlier_bad_images_are_told(void **state)
{
    struct work work;
    struct pack_result result;
    char path[1024], bad[1024];
    make_images(*state, &work, EACH_OF_MANY);
    scratch_text(image_path(&work, image_of(MANY, 1, 1), bad), "no image");
    for (int listed = 0; listed < 2; listed++) {
        struct left_out left_out = {.listed = listed == 1};
        snprintf(work.out, sizeof work.out, "%s/out%d", ((struct scratch *)*state)->directory, listed);
        work.left_out = NULL;
        image_path(&work, image_of(MANY, MANY - 2, 1), path);
        arrange(path + strlen(work.faces) + 1, EIO, 1);
        assert_int_equal(pack_to(&work, work.out, 1, 1, true, &result), STATUS_DATA);
        arrange(NULL, 0, 0);
        work.left_out = &left_out;
        assert_int_equal(pack_to(&work, work.out, 1, 1, true, &result), STATUS_OK);
        assert_int_equal(result.skipped, 1);
        assert_int_equal(left_out.count[listed ? LEFT_OUT_BAD_IMAGE : LEFT_OUT_BAD_EARLIER], 1);
        assert_int_equal(left_out.item_count, listed);
        if (listed) {
            assert_string_equal(left_out.items[0].name, bad);
        }
        left_out_free(&left_out);
    }
}

static void other_imports_begin_anew(void **state)
{
    struct work work;
    struct pack_result result;
    make_faces(*state, &work);
    assert_int_equal(pack(*state, &work, "whole", 2, &result), STATUS_OK);
    write_image(&work, interrupt(*state, &work, "out"));
    assert_int_equal(pack(*state, &work, "out", 2, &result), STATUS_OK);
    assert_int_equal(work.told, 1);
    assert_non_null(strstr(work.line, "beginning anew"));
    assert_non_null(strstr(work.line, "finished shards: seed is 2, and was 1"));
    assert_same(*state, "whole", "out");
    /* The same names in another folder are other images. */
    char moved[620];
    write_image(&work, interrupt(*state, &work, "elsewhere"));
    snprintf(moved, sizeof moved, "%s-moved", work.faces);
    assert_int_equal(rename(work.faces, moved), 0);
    snprintf(work.faces, sizeof work.faces, "%.599s", moved);
    assert_int_equal(pack(*state, &work, "elsewhere", 1, &result), STATUS_OK);
    assert_int_equal(work.told, 1);
    assert_non_null(strstr(work.line, "faces-moved, and was "));
}

/* What does not have the bytes that were recorded is packed again, and all after it. */
static void damaged_shards_are_packed_again(void **state)
{
    static const char *const files[] = {"few-00000.h5", "few-00001.h5", "finished", "job"};
    static const int told[] = {1, 2, 0, 0}; /* that it is damaged, and what is gone on from */
    struct work work;
    struct pack_result result;
    make_faces(*state, &work);
    assert_int_equal(pack(*state, &work, "whole", 1, &result), STATUS_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char out[32], path[64];
        snprintf(out, sizeof out, "out%zu", i);
        write_image(&work, interrupt(*state, &work, out));
        snprintf(path, sizeof path, "%s/.few.packing/%s", out, files[i]);
        scratch_flip(scratch_path(*state, path), 0);
        assert_int_equal(pack(*state, &work, out, 1, &result), STATUS_OK);
        assert_int_equal(work.told, told[i]);
        assert_true(told[i] == 0 || strstr(work.line, "is not as it was when it was finished"));
        assert_same(*state, "whole", out);
    }
}

/* What the system cannot read is no bad image: the packing ends, and what is finished stays for the next one. */
static void unread_images_are_never_left_out(void **state)
{
    static const int numbers[] = {EIO, ESTALE, EMFILE, ENFILE, EACCES, ENOENT};
    struct work work;
    struct pack_result result;
    char path[1024], out[16], name[64];
    make_faces(*state, &work);
    assert_int_equal(pack(*state, &work, "whole", 1, &result), STATUS_OK);
    image_path(&work, image_at(IMAGES - 2, 1), path);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(out, sizeof out, "out%zu", i);
        snprintf(name, sizeof name, "%s/.few.packing/few-00000.h5", out);
        snprintf(work.out, sizeof work.out, "%s/%s", ((struct scratch *)*state)->directory, out);
        arrange(path, numbers[i], 2); /* the first one is the sample's */
        assert_int_equal(pack_to(&work, work.out, 1, 2, true, &result), STATUS_DATA);
        assert_true(fault.opened >= fault.after);
        assert_non_null(strstr(work.line, "shards are finished: the same command goes on after them"));
        const ino_t first = inode(*state, name);
        /* Nor does one of the sample change what is finished. */
        arrange(path, numbers[i], 1);
        assert_int_equal(pack_to(&work, work.out, 1, 2, true, &result), STATUS_DATA);
        assert_int_equal(inode(*state, name), first);
        arrange(NULL, 0, 0);
        assert_int_equal(pack_to(&work, work.out, 1, 2, true, &result), STATUS_OK);
        assert_non_null(strstr(work.line, "going on after"));
        assert_int_equal(result.skipped, 0);
        assert_same(*state, "whole", out);
    }
}

/* Another image under the same name: of the same size, one byte apart, and with the same time if wanted. */
static void change_image(const struct work *work, uint32_t number, bool same_time)
{
    char path[1024];
    struct stat info;
    size_t size;
    image_path(work, number, path);
    assert_int_equal(stat(path, &info), 0);
    uint8_t *bytes = scratch_read(path, &size);
    bytes[15] ^= 0x10; /* of the density, which no decoder heeds */
    scratch_write(path, bytes, size);
    free(bytes);
    const struct timespec times[2] = {info.st_atim,
                                      {info.st_mtim.tv_sec - (same_time ? 0 : 5), info.st_mtim.tv_nsec}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What is packed is what is there now, as in one piece. */
static void assert_current(struct scratch *scratch, struct work *work, const char *out, const char *words)
{
    struct pack_result result;
    char whole[64];
    snprintf(whole, sizeof whole, "%s-whole", out);
    assert_int_equal(pack(scratch, work, out, 1, &result), STATUS_OK);
    if (!strstr(work->line, words)) {
        fail_msg("'%s' does not say '%s'", work->line, words);
    }
    assert_int_equal(pack(scratch, work, whole, 1, &result), STATUS_OK);
    assert_same(scratch, whole, out);
}

static void changed_sources_are_packed_anew(void **state)
{
    struct work work;
    char path[1024];
    make_images(*state, &work, EACH_OF_MANY);
    /* By its bytes: one of those that are read anyway. */
    write_image(&work, interrupt(*state, &work, "first"));
    change_image(&work, image_of(MANY, 0, 1), true);
    assert_current(*state, &work, "first", "has changed since few-00000.h5 was packed of it: beginning anew");
    /* By its time: one that is not. */
    const uint32_t late = image_of(MANY, 280, 1);
    write_image(&work, interrupt(*state, &work, "later"));
    change_image(&work, late, false);
    assert_current(*state, &work, "later", "it is packed again, and what follows it");
    /* The same bytes at another time are the same image. */
    write_image(&work, interrupt(*state, &work, "touched"));
    const ino_t first = inode(*state, "touched/.few.packing/few-00000.h5");
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(utimensat(AT_FDCWD, image_path(&work, i, path), NULL, 0), 0);
    }
    assert_current(*state, &work, "touched", "going on after");
    assert_int_equal(inode(*state, "touched/few-00000.h5"), first);
}

/* What the finished shards were made of is recorded with them. */
static void unknown_sources_are_packed_anew(void **state)
{
    struct work work;
    make_faces(*state, &work);
    write_image(&work, interrupt(*state, &work, "out"));
    scratch_flip(scratch_path(*state, "out/.few.packing/few-00000.h5.origins"), 3);
    assert_current(*state, &work, "out", "it is not known what few-00000.h5 was made of");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_make_no_difference),       TEST(finished_shards_are_gone_on_from),
        TEST(bad_images_may_be_left_out_then),  TEST(earlier_bad_images_are_told),
        TEST(other_imports_begin_anew),         TEST(damaged_shards_are_packed_again),
        TEST(unread_images_are_never_left_out), TEST(changed_sources_are_packed_anew),
        TEST(unknown_sources_are_packed_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
