#include "shard/hdf5.h"

#include "proto/file.h"
#include "shard/hdf5_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if !(H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0)))
#error "HDF5 1.10.7 or later is needed (1.12.0 excepted): only those can leave file locking off"
#endif

/* HDF5 has one state for the whole process: so it takes one lock for the whole process. */
static pthread_mutex_t library_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

bool h5_enter(void)
{
    pthread_mutex_lock(&library_lock);
    /* After a write that failed (a full disk) HDF5 cannot close the file, and its clean-up at the program's
     * exit crashes over what is left. Every file is closed explicitly here: nothing needs that clean-up. */
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
    return true;
}

void h5_leave(const bool *entered)
{
    (void)entered;
    pthread_mutex_unlock(&library_lock);
}

static const char *advice(const struct h5_file *file)
{
    return file->writable ? "check the disk's space and permissions"
                          : "check the file with 'dail verify', or make it again";
}

enum status h5_fault(const struct h5_file *file, struct error *error, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(error, file->writable ? STATUS_STORAGE : STATUS_DATA, file->path, advice(file), "%s",
                     text);
}

static herr_t innermost(unsigned depth, const H5E_error2_t *entry, void *text)
{
    if (depth != 0 || entry->desc == NULL)
        return 0;
    /* Of a failed system call HDF5 tells the time, the file, the addresses: what counts is the reason. */
    const char *quote = "error message = '", *reason = strstr(entry->desc, quote);
    if (reason != NULL)
        snprintf(text, 256, "%.*s", (int)strcspn(reason + strlen(quote), "'"), reason + strlen(quote));
    else
        snprintf(text, 256, "%.*s", (int)strcspn(entry->desc, "\n"), entry->desc);
    return 0;
}

enum status h5_library_fault(const struct h5_file *file, struct error *error, const char *format, ...)
{
    char library[256] = "no message", text[256];
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, library);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return h5_fault(file, error, "%s: HDF5 says '%s'", text, library);
}

/* --- Files --- */

static hid_t access_list(void)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    if (list < 0)
        return list;
    /* Strong: closing the file closes all that is open in it, so that no handle keeps it open. No sieve: a
     * small array is written at once, and where that fails it shows at once. */
    if (H5Pset_file_locking(list, false, true) < 0 || H5Pset_fclose_degree(list, H5F_CLOSE_STRONG) < 0 ||
        H5Pset_sieve_buf_size(list, 0) < 0) {
        H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

/* Nothing that has the name is written to, least of all through a link: it is replaced. */
static enum status make_room(const struct h5_file *file, struct error *error)
{
    char directory[sizeof file->path];
    const char *slash = strrchr(file->path, '/');
    snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 0 : (int)(slash - file->path), file->path);
    enum status status = file_refuse_links(directory, error);
    if (status == STATUS_OK && unlink(file->path) != 0 && errno != ENOENT)
        status = file_storage_error(error, file->path, "replacing the file", errno);
    return status;
}

static enum status open_or_create(const char *path, bool writable, struct h5_file *file, struct error *error)
{
    memset(file, 0, sizeof *file);
    file->writable = writable;
    int length = snprintf(file->path, sizeof file->path, "%s", path);
    if (length < 0 || (size_t)length >= sizeof file->path)
        return h5_fault(file, error, "the path is too long");
    enum status status = writable ? make_room(file, error) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    hid_t list = access_list();
    hid_t id = list < 0   ? list
               : writable ? H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, list)
                          : H5Fopen(path, H5F_ACC_RDONLY, list);
    if (id < 0)
        status = h5_library_fault(file, error, writable ? "cannot make the file" : "cannot open the file");
    else
        file->id = id;
    if (list >= 0)
        H5Pclose(list);
    return status;
}

enum status h5_create_file(const char *path, struct h5_file *file, struct error *error)
{
    H5_ALONE;
    return open_or_create(path, true, file, error);
}

enum status h5_open_file(const char *path, struct h5_file *file, struct error *error)
{
    H5_ALONE;
    return open_or_create(path, false, file, error);
}

enum status h5_check_format(const struct h5_file *file, const char *format, uint64_t version,
                            struct error *error)
{
    H5_ALONE;
    char found[64];
    uint64_t number = 0;
    enum status status = h5_get_string(file, "/", "dail_format", found, sizeof found, error);
    if (status == STATUS_OK && strcmp(found, format) != 0)
        return error_set(error, STATUS_DATA, file->path, "check which file is meant",
                         "this file is of format '%s' where '%s' is needed", found, format);
    if (status == STATUS_OK)
        status = h5_get_uint(file, "/", "version", UINT32_MAX, &number, error);
    if (status == STATUS_OK && number > version)
        return error_set(
            error, STATUS_DATA, file->path, "use a newer program, or make the file again",
            "this is a %s file of version %llu, newer than the version %llu that this program reads", format,
            (unsigned long long)number, (unsigned long long)version);
    if (status == STATUS_OK && number == 0)
        status = h5_fault(file, error, "there is no version 0 of %s files", format);
    return status;
}

enum status h5_close_file(struct h5_file *file, struct error *error)
{
    H5_ALONE;
    if (file->id <= 0)
        return STATUS_OK;
    enum status status = STATUS_OK;
    if (file->writable && H5Fflush(file->id, H5F_SCOPE_GLOBAL) < 0)
        status = h5_library_fault(file, error, "cannot write the file");
    if (H5Fclose(file->id) < 0 && status == STATUS_OK)
        status = h5_library_fault(file, error, "cannot close the file");
    file->id = 0;
    /* HDF5 keeps a file open that it cannot close: emptied, it takes no space once its name is removed. */
    if (file->writable && status != STATUS_OK && truncate(file->path, 0) != 0)
        unlink(file->path);
    return status;
}

/* --- Objects --- */

/* Checks every link on the way to `name`. */
static enum status follow(const struct h5_file *file, const char *name, bool *exists, struct error *error)
{
    char path[H5_NAME_SIZE];
    size_t length = strlen(name);
    *exists = true;
    if (name[0] != '/' || length >= sizeof path)
        return h5_fault(file, error, "'%.100s' is not the path of an object", name);
    memcpy(path, name, length + 1);
    for (size_t end = 1; end < length; end++) {
        end += strcspn(path + end, "/");
        char rest = path[end];
        path[end] = 0;
        H5L_info_t info;
        htri_t there = H5Lexists(file->id, path, H5P_DEFAULT);
        if (there < 0)
            return h5_library_fault(file, error, "cannot look up %s", path);
        if (there == 0) {
            *exists = false;
            return STATUS_OK;
        }
        if (H5Lget_info(file->id, path, &info, H5P_DEFAULT) < 0)
            return h5_library_fault(file, error, "cannot look up %s", path);
        if (info.type != H5L_TYPE_HARD)
            return h5_fault(file, error, "%s is %s link, which is refused", path,
                            info.type == H5L_TYPE_EXTERNAL ? "an external" : "a soft");
        path[end] = rest;
    }
    return STATUS_OK;
}

enum status h5_open_object(const struct h5_file *file, const char *name, hid_t *id, struct error *error)
{
    H5_ALONE;
    bool exists;
    *id = H5I_INVALID_HID;
    enum status status = follow(file, name, &exists, error);
    if (status != STATUS_OK)
        return status;
    if (!exists)
        return h5_fault(file, error, "there is no %s in the file", name);
    *id = H5Oopen(file->id, name, H5P_DEFAULT);
    return *id < 0 ? h5_library_fault(file, error, "cannot open %s", name) : STATUS_OK;
}

enum status h5_kind_of(const struct h5_file *file, const char *name, enum h5_kind *kind, struct error *error)
{
    H5_ALONE;
    bool exists;
    *kind = H5_KIND_NONE;
    enum status status = follow(file, name, &exists, error);
    if (status != STATUS_OK || !exists)
        return status;
    hid_t id;
    status = h5_open_object(file, name, &id, error);
    if (status != STATUS_OK)
        return status;
    H5I_type_t type = H5Iget_type(id);
    *kind = type == H5I_GROUP ? H5_KIND_GROUP : type == H5I_DATASET ? H5_KIND_ARRAY : H5_KIND_NONE;
    H5Oclose(id);
    return STATUS_OK;
}

/* The object's place in the file. */
static bool find_place(hid_t id, uint64_t *place)
{
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t info;
    if (H5Oget_info3(id, &info, H5O_INFO_BASIC) < 0)
        return false;
    memcpy(place, &info.token, sizeof *place);
#else
    H5O_info_t info;
    if (H5Oget_info2(id, &info, H5O_INFO_BASIC) < 0)
        return false;
    *place = info.addr;
#endif
    return true;
}

enum status h5_identity(const struct h5_file *file, const char *name, uint64_t *identity, struct error *error)
{
    H5_ALONE;
    hid_t id;
    enum status status = h5_open_object(file, name, &id, error);
    if (status != STATUS_OK)
        return status;
    if (!find_place(id, identity))
        status = h5_library_fault(file, error, "cannot look up %s", name);
    H5Oclose(id);
    return status;
}

enum status h5_make_group(struct h5_file *file, const char *name, struct error *error)
{
    H5_ALONE;
    enum h5_kind kind;
    enum status status = h5_kind_of(file, name, &kind, error);
    if (status != STATUS_OK || kind == H5_KIND_GROUP)
        return status;
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t id = H5Gcreate2(file->id, name, links, H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0)
        status = h5_library_fault(file, error, "cannot make the group %s", name);
    else
        H5Gclose(id);
    H5Pclose(links);
    return status;
}

static enum status list_names(const struct h5_file *file, hid_t id, const char *group, char **names,
                              size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        ssize_t length = H5Lget_name_by_idx(id, ".", H5_INDEX_NAME, H5_ITER_INC, i, NULL, 0, H5P_DEFAULT);
        if (length < 0)
            return h5_library_fault(file, error, "cannot list %s", group);
        names[i] = malloc((size_t)length + 1);
        if (names[i] == NULL)
            return error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory for a list of names");
        if (H5Lget_name_by_idx(id, ".", H5_INDEX_NAME, H5_ITER_INC, i, names[i], (size_t)length + 1,
                               H5P_DEFAULT) < 0)
            return h5_library_fault(file, error, "cannot list %s", group);
    }
    return STATUS_OK;
}

enum status h5_list(const struct h5_file *file, const char *group, char ***names, size_t *count,
                    struct error *error)
{
    H5_ALONE;
    hid_t id;
    H5G_info_t info;
    *names = NULL;
    *count = 0;
    enum status status = h5_open_object(file, group, &id, error);
    if (status != STATUS_OK)
        return status;
    if (H5Iget_type(id) != H5I_GROUP)
        status = h5_fault(file, error, "%s is not a group", group);
    else if (H5Gget_info(id, &info) < 0)
        status = h5_library_fault(file, error, "cannot list %s", group);
    if (status == STATUS_OK) {
        *names = calloc((size_t)info.nlinks + 1, sizeof **names);
        if (*names == NULL)
            status = error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory for a list of names");
        else
            status = list_names(file, id, group, *names, *count = (size_t)info.nlinks, error);
    }
    H5Oclose(id);
    if (status != STATUS_OK) {
        h5_list_free(*names, *count);
        *names = NULL;
        *count = 0;
    }
    return status;
}

void h5_list_free(char **names, size_t count)
{
    for (size_t i = 0; names != NULL && i < count; i++)
        free(names[i]);
    free(names);
}
