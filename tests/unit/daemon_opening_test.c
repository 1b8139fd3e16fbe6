/* daemon/opening/opening_tasks.h: the folder that a rank sees, and its share of a checkpoint's bytes. */
#include "tests/unit/checkpoint_scratch.h"

#include "daemon/opening/opening_tasks.h"

#define WORKERS_MAX 5

static void note_progress(void *context)
{
    ++*(int *)context;
}

/* The crcs of all pieces, by so many workers: each adds its own, and leaves the others' alone. */
static enum status sum_by(const char *path, const struct checkpoint_listing *listing, int workers,
                          uint32_t *all, int *signs, struct error *error)
{
    const struct checkpoint_progress progress = {.call = note_progress, .context = signs};
    const size_t pieces = checkpoint_listing_pieces(listing);
    enum status status = STATUS_OK;
    memset(all, 0, pieces * sizeof *all);
    for (int w = 0; w < workers && status == STATUS_OK; w++) {
        uint32_t *own = calloc(pieces, sizeof *own);
        assert_non_null(own);
        status = opening_sum_share(path, listing, w, workers, own, &progress, error);
        for (size_t i = 0; i < pieces; i++) {
            assert_true(own[i] == 0 || all[i] == 0);
            all[i] |= own[i];
        }
        free(own);
    }
    return status;
}

static void any_number_of_workers_finds_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint_listing listing;
    struct error error;
    char path[PATH], file[PATH];
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    path_of(fixture, 7, "model.h5", file);
    assert_int_equal(checkpoint_listing_open(path, 2, &listing, &error), STATUS_OK);
    for (listing.piece_bytes = 100; listing.piece_bytes < 1000000; listing.piece_bytes *= 10) {
        const size_t pieces = checkpoint_listing_pieces(&listing);
        uint32_t *crc = calloc(pieces, sizeof *crc);
        assert_true(pieces >= listing.count && crc);
        for (int workers = 1; workers <= WORKERS_MAX; workers++) {
            int signs = 0;
            assert_int_equal(sum_by(path, &listing, workers, crc, &signs, &error), STATUS_OK);
            assert_int_equal(signs, pieces);
            assert_int_equal(checkpoint_listing_judge(path, &listing, crc, &error), STATUS_OK);
            crc[pieces / 2] ^= 1;
            assert_int_equal(checkpoint_listing_judge(path, &listing, crc, &error), STATUS_DATA);
        }
        free(crc);
    }
    checkpoint_listing_close(&listing);
}

static void damage_is_found_and_named(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint_listing listing;
    struct error error;
    char path[PATH], file[PATH];
    size_t size;
    int signs = 0;
    write_checkpoint(fixture, 7);
    path_of(fixture, 7, "", path);
    path_of(fixture, 7, "classifier-vgg.2-of-2.h5", file);
    assert_int_equal(checkpoint_listing_open(path, 2, &listing, &error), STATUS_OK);
    listing.piece_bytes = 512;
    uint32_t *crc = calloc(checkpoint_listing_pieces(&listing), sizeof *crc);
    assert_non_null(crc);
    char *text = read_text(file, &size);
    text[size - 1] = (char)(text[size - 1] ^ 1);
    write_text(file, text, size);
    assert_int_equal(sum_by(path, &listing, 3, crc, &signs, &error), STATUS_OK);
    assert_int_equal(checkpoint_listing_judge(path, &listing, crc, &error), STATUS_DATA);
    assert_string_equal(error.where, file);
    assert_int_equal(truncate(file, (off_t)size - 1), 0); /* after it was listed */
    assert_int_equal(sum_by(path, &listing, 3, crc, &signs, &error), STATUS_DATA);
    assert_string_equal(error.where, file);
    free(crc);
    free(text);
    checkpoint_listing_close(&listing);
}

static void the_folder_is_known_by_its_nonce(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    struct folder_lock *lock;
    char warning[512];
    const struct folder_claim claim = {.folder = fixture->directory, .next = "wait", .stale_seconds = 100};
    assert_int_equal(folder_lock_take(&claim, &lock, warning, sizeof warning, &error), STATUS_OK);
    assert_int_equal(opening_see_folder(fixture->directory, folder_lock_nonce(lock), 0, &error), STATUS_OK);
    assert_int_equal(opening_see_folder(fixture->directory, "0123456789abcdef", 0.2, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "does not see the run's folder"));
    assert_string_equal(error.where, fixture->directory);
    folder_lock_release(lock);
    assert_int_equal(opening_see_folder(fixture->directory, "0123456789abcdef", 0.2, &error), STATUS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_number_of_workers_finds_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_found_and_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_folder_is_known_by_its_nonce, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
