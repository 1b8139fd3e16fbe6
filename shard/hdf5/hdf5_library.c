#include "shard/hdf5/hdf5_library.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

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

hid_t h5_access_list(void)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    if (list < 0) {
        return list;
    }
    /* Strong: closing the file closes all that is open in it, so that no handle keeps it open. No sieve: a
     * small array is written at once, and where that fails it shows at once. */
    if (H5Pset_file_locking(list, false, true) < 0 || H5Pset_fclose_degree(list, H5F_CLOSE_STRONG) < 0 ||
        H5Pset_sieve_buf_size(list, 0) < 0) {
        H5Pclose(list);
        return H5I_INVALID_HID;
    }
    return list;
}

struct message {
    char *text;
    size_t size;
};

static herr_t innermost(unsigned depth, const H5E_error2_t *entry, void *context)
{
    struct message *message = context;
    if (depth != 0 || !entry->desc) {
        return 0;
    }
    /* Of a failed system call HDF5 tells the time, the file, the addresses: what counts is the reason. */
    const char *quote = "error message = '", *reason = strstr(entry->desc, quote);
    if (reason) {
        snprintf(message->text, message->size, "%.*s", (int)strcspn(reason + strlen(quote), "'"),
                 reason + strlen(quote));
    } else {
        snprintf(message->text, message->size, "%.*s", (int)strcspn(entry->desc, "\n"), entry->desc);
    }
    return 0;
}

const char *h5_library_message(char *text, size_t size)
{
    struct message message = {text, size};
    snprintf(text, size, "no message");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &message);
    return text;
}

hid_t h5_memory_type(enum h5_type type)
{
    switch (type) {
    case H5_TYPE_F32:
        return H5T_NATIVE_FLOAT;
    case H5_TYPE_U8:
        return H5T_NATIVE_UINT8;
    case H5_TYPE_U32:
        return H5T_NATIVE_UINT32;
    case H5_TYPE_U64:
        return H5T_NATIVE_UINT64;
    }
    return H5I_INVALID_HID;
}

hid_t h5_file_type(enum h5_type type)
{
    switch (type) {
    case H5_TYPE_F32:
        return H5T_IEEE_F32LE;
    case H5_TYPE_U8:
        return H5T_STD_U8LE;
    case H5_TYPE_U32:
        return H5T_STD_U32LE;
    case H5_TYPE_U64:
        return H5T_STD_U64LE;
    }
    return H5I_INVALID_HID;
}
