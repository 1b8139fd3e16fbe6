#include "tests/unit/shard_scratch.h"

#include "shard/hdf5/hdf5.h"

#include <hdf5.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

static const uint64_t SHAPE[3] = {2, 3, 4};

static void write_file(const char *path)
{
    struct h5_file file;
    struct error error;
    float values[24];
    for (int i = 0; i < 24; i++) {
        values[i] = (float)i * 0.5f;
    }
    assert_int_equal(h5_create_file(path, &file, &error), STATUS_OK);
    assert_int_equal(h5_write_array(&file, "/a/b/values", H5_TYPE_F32, 3, SHAPE, values, &error), STATUS_OK);
    assert_int_equal(h5_write_array(&file, "/a/none", H5_TYPE_U32, 2, (const uint64_t[]){0, 3}, NULL, &error),
                     STATUS_OK);
    assert_int_equal(h5_set_string(&file, "/", "dail_format", "test", &error), STATUS_OK);
    assert_int_equal(h5_set_uint(&file, "/", "version", 1, &error), STATUS_OK);
    assert_int_equal(h5_set_int(&file, "/a/b/values", "below", -5, &error), STATUS_OK);
    assert_int_equal(h5_set_double(&file, "/a", "half", 0.5, &error), STATUS_OK);
    assert_int_equal(h5_set_doubles(&file, "/", "margin", (const double[]){1, 0.5, 0}, 3, &error), STATUS_OK);
    assert_int_equal(h5_set_uints(&file, "/", "large", (const uint64_t[]){1, UINT64_MAX}, 2, &error),
                     STATUS_OK);
    assert_int_equal(
        h5_set_strings(&file, "/", "names", (const char *const[]){"one", "", "three"}, 3, &error), STATUS_OK);
    assert_int_equal(h5_close_file(&file, &error), STATUS_OK);
}

static void arrays_come_back(void **state)
{
    struct h5_file file;
    struct error error;
    enum h5_type type;
    int rank;
    uint64_t dims[H5_RANK_MAX];
    float values[24];
    const char *path = scratch_path(*state, "a.h5");
    write_file(path);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(h5_read_array_shape(&file, "/a/b/values", &type, &rank, dims, &error), STATUS_OK);
    assert_int_equal(type, H5_TYPE_F32);
    assert_int_equal(rank, 3);
    assert_memory_equal(dims, SHAPE, sizeof SHAPE);
    assert_int_equal(h5_read_array(&file, "/a/b/values", H5_TYPE_F32, 3, SHAPE, values, &error), STATUS_OK);
    for (int i = 0; i < 24; i++) {
        assert_true(values[i] == (float)i * 0.5f);
    }
    assert_int_equal(h5_read_array_shape(&file, "/a/none", &type, &rank, dims, &error), STATUS_OK);
    assert_int_equal(dims[0], 0);
    h5_close_file(&file, NULL);
}

static void rows_come_back(void **state)
{
    struct h5_file file;
    struct h5_array array;
    struct error error;
    uint32_t rows[10][2], read[3][2];
    const char *path = scratch_path(*state, "rows.h5");
    for (uint32_t i = 0; i < 10; i++) {
        rows[i][0] = i, rows[i][1] = 100 + i;
    }
    assert_int_equal(h5_create_file(path, &file, &error), STATUS_OK);
    assert_int_equal(
        h5_create_array(&file, "/rows", H5_TYPE_U32, 2, (const uint64_t[]){0, 2}, 4, &array, &error),
        STATUS_OK);
    assert_int_equal(h5_append_rows(&array, 3, rows, &error), STATUS_OK);
    assert_int_equal(h5_append_rows(&array, 7, rows[3], &error), STATUS_OK);
    h5_close_array(&array, NULL);
    assert_int_equal(h5_close_file(&file, &error), STATUS_OK);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(h5_open_array(&file, "/rows", &array, &error), STATUS_OK);
    assert_int_equal(array.dims[0], 10);
    assert_int_equal(h5_read_rows(&array, 3, 3, read, &error), STATUS_OK);
    assert_memory_equal(read, rows[3], sizeof read);
    assert_int_equal(h5_read_rows(&array, 8, 3, read, &error), STATUS_DATA);
    h5_close_array(&array, NULL);
    h5_close_file(&file, NULL);
}

static void attributes_come_back(void **state)
{
    struct h5_file file;
    struct error error;
    uint64_t uints[2];
    int64_t below;
    double half, margin[3];
    char text[16], **names;
    size_t count;
    bool has;
    const char *path = scratch_path(*state, "a.h5");
    write_file(path);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(h5_get_ints(&file, "/a/b/values", "below", 1, &below, &count, &error), STATUS_OK);
    assert_true(count == 1 && below == -5);
    assert_int_equal(h5_get_doubles(&file, "/a", "half", 1, &half, &count, &error), STATUS_OK);
    assert_true(count == 1 && half == 0.5);
    assert_int_equal(h5_get_doubles(&file, "/", "margin", 3, margin, &count, &error), STATUS_OK);
    assert_int_equal(count, 3);
    assert_true(margin[0] == 1 && margin[1] == 0.5 && margin[2] == 0);
    assert_int_equal(h5_get_uints(&file, "/", "large", 2, uints, &count, &error), STATUS_OK);
    assert_true(count == 2 && uints[1] == UINT64_MAX);
    assert_int_equal(h5_get_string(&file, "/", "dail_format", text, sizeof text, &error), STATUS_OK);
    assert_string_equal(text, "test");
    assert_int_equal(h5_get_strings(&file, "/", "names", &names, &count, &error), STATUS_OK);
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "one");
    assert_string_equal(names[1], "");
    assert_string_equal(names[2], "three");
    h5_list_free(names, count);
    assert_int_equal(h5_has_attribute(&file, "/", "absent", &has, &error), STATUS_OK);
    assert_false(has);
    h5_close_file(&file, NULL);
}

static void wrong_attributes_are_refused(void **state)
{
    struct h5_file file;
    struct error error;
    uint64_t number;
    int64_t whole[3];
    double real;
    size_t count;
    char text[4];
    const char *path = scratch_path(*state, "a.h5");
    write_file(path);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(h5_get_uint(&file, "/", "absent", 10, &number, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "'absent' of / is missing"));
    assert_string_equal(error.where, path);
    assert_int_equal(h5_get_uint(&file, "/a/b/values", "below", 10, &number, &error), STATUS_DATA);
    assert_int_equal(h5_get_uint(&file, "/", "dail_format", 10, &number, &error), STATUS_DATA);
    assert_int_equal(h5_get_uint(&file, "/", "version", 0, &number, &error), STATUS_DATA);
    assert_int_equal(h5_get_uint(&file, "/", "large", 10, &number, &error), STATUS_DATA);
    assert_int_equal(h5_get_ints(&file, "/", "margin", 3, whole, &count, &error), STATUS_DATA);
    assert_int_equal(h5_get_doubles(&file, "/", "version", 1, &real, &count, &error), STATUS_DATA);
    assert_int_equal(h5_get_doubles(&file, "/", "margin", 2, (double[2]){0}, &count, &error), STATUS_DATA);
    assert_int_equal(h5_get_string(&file, "/", "dail_format", text, sizeof text, &error), STATUS_DATA);
    assert_int_equal(h5_get_string(&file, "/", "version", text, sizeof text, &error), STATUS_DATA);
    assert_int_equal(h5_check_format(&file, "shard", 1, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "'test' where 'shard'"));
    assert_int_equal(h5_check_format(&file, "test", 1, &error), STATUS_OK);
    h5_close_file(&file, NULL);
}

static void other_shapes_are_refused(void **state)
{
    struct h5_file file;
    struct error error;
    float values[24];
    const char *path = scratch_path(*state, "a.h5");
    write_file(path);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(
        h5_read_array(&file, "/a/b/values", H5_TYPE_F32, 2, (const uint64_t[]){6, 4}, values, &error),
        STATUS_DATA);
    assert_non_null(strstr(error.what, "float32 [2, 3, 4] where float32 [6, 4]"));
    assert_int_equal(h5_read_array(&file, "/a/b/values", H5_TYPE_U32, 3, SHAPE, values, &error), STATUS_DATA);
    assert_int_equal(h5_read_array(&file, "/a/b", H5_TYPE_F32, 3, SHAPE, values, &error), STATUS_DATA);
    assert_int_equal(h5_read_array(&file, "/a/c/values", H5_TYPE_F32, 3, SHAPE, values, &error), STATUS_DATA);
    assert_int_equal(h5_read_array(&file, "a/b/values", H5_TYPE_F32, 3, SHAPE, values, &error), STATUS_DATA);
    h5_close_file(&file, NULL);
}

static void groups_are_listed(void **state)
{
    struct h5_file file;
    struct error error;
    enum h5_kind kind;
    char **names;
    size_t count;
    const char *path = scratch_path(*state, "a.h5");
    write_file(path);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(h5_list(&file, "/a", &names, &count, &error), STATUS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "b");
    assert_string_equal(names[1], "none");
    h5_list_free(names, count);
    assert_int_equal(h5_list(&file, "/a/none", &names, &count, &error), STATUS_DATA);
    assert_int_equal(h5_kind_of(&file, "/a/b", &kind, &error), STATUS_OK);
    assert_int_equal(kind, H5_KIND_GROUP);
    assert_int_equal(h5_kind_of(&file, "/a/b/values", &kind, &error), STATUS_OK);
    assert_int_equal(kind, H5_KIND_ARRAY);
    assert_int_equal(h5_kind_of(&file, "/x/y", &kind, &error), STATUS_OK);
    assert_int_equal(kind, H5_KIND_NONE);
    assert_int_equal(h5_list_attributes(&file, "/", &names, &count, &error), STATUS_OK);
    assert_int_equal(count, 5);
    assert_string_equal(names[0], "dail_format");
    h5_list_free(names, count);
    h5_close_file(&file, NULL);
}

/* Made with HDF5 itself: what our writer never makes. */
static void ways_out_are_refused(void **state)
{
    struct h5_file file;
    struct error error;
    float values[24];
    char path[1024], target[1024];
    snprintf(target, sizeof target, "%s", scratch_path(*state, "target.h5"));
    snprintf(path, sizeof path, "%s", scratch_path(*state, "links.h5"));
    write_file(target);
    hid_t id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Lcreate_external(target, "/a/b/values", id, "/external", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_external(target, "/a", id, "/group", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_soft("/stored", id, "/soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    hid_t space = H5Screate_simple(1, (const hsize_t[]){16}, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_external(plist, target, 0, 16) >= 0);
    hid_t stored = H5Dcreate2(id, "/stored", H5T_STD_U8LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    assert_true(stored >= 0);
    hid_t virtual_list = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_virtual(virtual_list, space, target, "/a", space) >= 0);
    hid_t virtual = H5Dcreate2(id, "/virtual", H5T_STD_U8LE, space, H5P_DEFAULT, virtual_list, H5P_DEFAULT);
    assert_true(virtual >= 0);
    H5Dclose(virtual);
    H5Dclose(stored);
    H5Pclose(virtual_list);
    H5Pclose(plist);
    H5Sclose(space);
    H5Fclose(id);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(h5_read_array(&file, "/external", H5_TYPE_F32, 3, SHAPE, values, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "/external is an external link"));
    assert_int_equal(h5_read_array(&file, "/group/b/values", H5_TYPE_F32, 3, SHAPE, values, &error),
                     STATUS_DATA);
    assert_non_null(strstr(error.what, "/group is an external link"));
    assert_int_equal(h5_read_array(&file, "/soft", H5_TYPE_U8, 1, (const uint64_t[]){16}, values, &error),
                     STATUS_DATA);
    assert_non_null(strstr(error.what, "soft link"));
    assert_int_equal(h5_read_array(&file, "/stored", H5_TYPE_U8, 1, (const uint64_t[]){16}, values, &error),
                     STATUS_DATA);
    assert_non_null(strstr(error.what, "another file"));
    assert_int_equal(h5_read_array(&file, "/virtual", H5_TYPE_U8, 1, (const uint64_t[]){16}, values, &error),
                     STATUS_DATA);
    assert_non_null(strstr(error.what, "virtual dataset"));
    h5_close_file(&file, NULL);
}

/* Makes "/values", of 16 bytes, stored as `list` says, and writes them, or leaves them out. */
static void write_stored(const char *path, hid_t list, bool written)
{
    static const uint8_t bytes[16] = {1, 2, 3};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, (const hsize_t[]){16}, (const hsize_t[]){H5S_UNLIMITED});
    hid_t array = H5Dcreate2(file, "/values", H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(array >= 0);
    if (written) {
        assert_true(H5Dwrite(array, H5T_STD_U8LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0);
    }
    H5Dclose(array);
    H5Sclose(space);
    H5Fclose(file);
}

/* Reads it; `words` are of the refusal, or NULL. */
static void assert_stored(const char *path, const char *words)
{
    struct h5_file file;
    struct error error = {0};
    void *data;
    uint64_t count;
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    enum status status = h5_read_vector(&file, "/values", H5_TYPE_U8, 1 << 20, &data, &count, &error);
    if (words && !strstr(error.what, words)) {
        fail_msg("'%s' is not in: %s", words, error.what);
    }
    assert_int_equal(status, words ? STATUS_DATA : STATUS_OK);
    free(data);
    h5_close_file(&file, NULL);
}

/* A filter that leaves the bytes as they are. */
static size_t pass(unsigned flags, size_t parameters, const unsigned *parameter, size_t bytes, size_t *size,
                   void **buffer)
{
    (void)flags;
    (void)parameters;
    (void)parameter;
    (void)size;
    (void)buffer;
    return bytes;
}

static void unusual_storage_is_refused(void **state)
{
    static const H5Z_class2_t other = {.version = H5Z_CLASS_T_VERS,
                                       .id = 300,
                                       .encoder_present = 1,
                                       .decoder_present = 1,
                                       .name = "other",
                                       .filter = pass};
    const char *path = scratch_path(*state, "stored.h5");
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, (const hsize_t[]){8});
    H5Pset_shuffle(list);
    H5Pset_deflate(list, 6);
    H5Pset_fletcher32(list);
    write_stored(path, list, true);
    assert_stored(path, NULL);
    assert_true(H5Zregister(&other) >= 0);
    assert_true(H5Pset_filter(list, 300, H5Z_FLAG_OPTIONAL, 0, NULL) >= 0);
    write_stored(path, list, true);
    assert_stored(path, "the filter 300");
    H5Pclose(list);
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, (const hsize_t[]){(1 << 28) + 1});
    write_stored(path, list, false);
    assert_stored(path, "chunks of more than");
    H5Pclose(list);
}

/* An array of which nothing is stored claims more than any compression makes of its file. */
static void claims_are_bounded_by_the_file(void **state)
{
    struct h5_file file;
    struct error error;
    void *data;
    uint64_t count;
    const char *path = scratch_path(*state, "claims.h5");
    hid_t id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, (const hsize_t[]){1024});
    hid_t space = H5Screate_simple(1, (const hsize_t[]){(hsize_t)1 << 40}, NULL);
    H5Dclose(H5Dcreate2(id, "/values", H5T_STD_U64LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(list);
    H5Fclose(id);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_OK);
    assert_int_equal(h5_read_vector(&file, "/values", H5_TYPE_U64, UINT64_MAX, &data, &count, &error),
                     STATUS_DATA);
    assert_non_null(strstr(error.what, "1099511627776 elements, more than"));
    h5_close_file(&file, NULL);
}

/* What has the name is replaced, not written to: here a link to a file that must stay as it is. */
static void files_are_made_anew(void **state)
{
    struct stat info;
    size_t size;
    char victim[1024];
    snprintf(victim, sizeof victim, "%s", scratch_path(*state, "victim"));
    scratch_text(victim, "old");
    assert_int_equal(symlink(victim, scratch_path(*state, "new.h5")), 0);
    const mode_t mask = umask(026);
    write_file(scratch_path(*state, "new.h5"));
    umask(mask);
    assert_int_equal(lstat(scratch_path(*state, "new.h5"), &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_int_equal(info.st_mode & 0777, 0640);
    uint8_t *bytes = scratch_read(victim, &size);
    assert_string_equal((const char *)bytes, "old");
    free(bytes);
}

static void damaged_files_are_refused(void **state)
{
    struct h5_file file;
    struct error error;
    size_t size;
    char path[1024];
    snprintf(path, sizeof path, "%s", scratch_path(*state, "a.h5"));
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "No such file"));
    write_file(path);
    uint8_t *bytes = scratch_read(path, &size);
    scratch_write(path, bytes, size - 1);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "truncated"));
    scratch_write(path, "not HDF5", 8);
    assert_int_equal(h5_open_file(path, &file, &error), STATUS_DATA);
    assert_int_equal(h5_close_file(&file, &error), STATUS_OK);
    free(bytes);
}

/* Writes 1 MiB in ten parts; the first error. */
static enum status write_large(const char *path, struct error *error)
{
    struct h5_file file;
    uint8_t *data = calloc(100000, 1);
    enum status status = h5_create_file(path, &file, error);
    for (int i = 0; i < 10 && status == STATUS_OK; i++) {
        char name[32];
        snprintf(name, sizeof name, "/part%d", i);
        status = h5_write_array(&file, name, H5_TYPE_U8, 1, (const uint64_t[]){100000}, data, error);
    }
    enum status closed = h5_close_file(&file, status == STATUS_OK ? error : NULL);
    free(data);
    return status == STATUS_OK ? closed : status;
}

/* A file-size limit fails as a full disk does. Whatever HDF5 is left with, the program goes on and can exit.
 */
static void a_full_disk_is_a_storage_error(void **state)
{
    struct error error;
    struct rlimit before, limit;
    const char *path = scratch_path(*state, "large.h5");
    assert_int_equal(h5_create_file("/nowhere/at.h5", &(struct h5_file){0}, &error), STATUS_STORAGE);
    assert_non_null(strstr(error.what, "No such file"));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t bytes = 0; bytes < 1100000; bytes = bytes * 4 + 500) {
        limit = before;
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        enum status status = write_large(path, &error);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, bytes > 1050000 ? STATUS_OK : STATUS_STORAGE);
        if (status != STATUS_OK) {
            assert_non_null(strstr(error.what, "File too large"));
        }
        /* HDF5 may hold it open for ever: it must hold no space. */
        struct stat left;
        assert_true(status == STATUS_OK || stat(path, &left) != 0 || left.st_blocks == 0);
        unlink(path);
        assert_int_equal(write_large(path, &error), STATUS_OK);
        unlink(path);
    }
}

static void same_calls_give_same_bytes(void **state)
{
    size_t sizes[2];
    uint8_t *bytes[2];
    for (int i = 0; i < 2; i++) {
        write_file(scratch_path(*state, "a.h5"));
        bytes[i] = scratch_read(scratch_path(*state, "a.h5"), &sizes[i]);
        if (i == 0) {
            sleep(1);
        }
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}

enum { THREADS = 4, ROUNDS = 12, LARGE_ROWS = 5000, LARGE_COLUMNS = 1024 }; /* 20 MB: more than one piece */

struct writer {
    const char *folder;
    int number;
    int faults;
};

/* What one thread does: writes a file, reads it again, and stumbles over one that is not there. */
static void *write_and_read(void *context)
{
    struct writer *writer = context;
    char path[1200], missing[1200];
    snprintf(path, sizeof path, "%s/thread-%d.h5", writer->folder, writer->number);
    snprintf(missing, sizeof missing, "%s/missing-%d.h5", writer->folder, writer->number);
    const uint64_t dims[2] = {LARGE_ROWS, LARGE_COLUMNS};
    float *values = calloc(LARGE_ROWS * LARGE_COLUMNS, sizeof *values);
    float *read = calloc(LARGE_ROWS * LARGE_COLUMNS, sizeof *read);
    for (int round = 0; round < ROUNDS; round++) {
        struct h5_file file;
        struct error error;
        uint64_t number = 0;
        uint64_t rows[2] = {round == 0 ? LARGE_ROWS : 3, LARGE_COLUMNS};
        for (size_t i = 0; i < LARGE_ROWS * LARGE_COLUMNS; i++) {
            values[i] = (float)(i % 1013 + (size_t)(writer->number * 100 + round));
        }
        writer->faults += h5_create_file(path, &file, &error) != STATUS_OK;
        writer->faults +=
            h5_write_array(&file, "/a/large", H5_TYPE_F32, 2, rows, values, &error) != STATUS_OK;
        writer->faults += h5_set_uint(&file, "/a", "number", (uint64_t)writer->number, &error) != STATUS_OK;
        writer->faults += h5_close_file(&file, &error) != STATUS_OK;
        writer->faults += h5_open_file(missing, &file, &error) != STATUS_DATA;
        writer->faults += !strstr(error.where, missing) || !strstr(error.what, "No such file");
        writer->faults += h5_open_file(path, &file, &error) != STATUS_OK;
        writer->faults += h5_read_array(&file, "/a/large", H5_TYPE_F32, 2, rows, read, &error) != STATUS_OK;
        writer->faults += memcmp(read, values, rows[0] * dims[1] * sizeof *read) != 0;
        writer->faults += h5_get_uint(&file, "/a", "number", 99, &number, &error) != STATUS_OK;
        writer->faults += number != (uint64_t)writer->number;
        h5_close_file(&file, NULL);
    }
    free(values);
    free(read);
    return NULL;
}

/* Each with its own file, the threads do not get in each other's way, nor mix up each other's errors. */
static void threads_go_side_by_side(void **state)
{
    pthread_t threads[THREADS];
    struct writer writers[THREADS];
    char folder[1024];
    snprintf(folder, sizeof folder, "%s", scratch_path(*state, "."));
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.folder = folder, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_read, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(writers[i].faults, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arrays_come_back),
        TEST(rows_come_back),
        TEST(attributes_come_back),
        TEST(wrong_attributes_are_refused),
        TEST(other_shapes_are_refused),
        TEST(groups_are_listed),
        TEST(ways_out_are_refused),
        TEST(unusual_storage_is_refused),
        TEST(claims_are_bounded_by_the_file),
        TEST(files_are_made_anew),
        TEST(damaged_files_are_refused),
        TEST(a_full_disk_is_a_storage_error),
        TEST(same_calls_give_same_bytes),
        TEST(threads_go_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
