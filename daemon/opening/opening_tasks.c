#include "daemon/opening/opening_tasks.h"

#include "proto/clock.h"
#include "proto/folder_lock.h"

#include <dirent.h>
#include <string.h>
#include <time.h>

#define LOOK_NANOSECONDS 100000000L

/* Reading a folder makes a client of NFS ask the server again what is in it. */
static void refresh(const char *folder)
{
    DIR *entries = opendir(folder);
    while (entries && readdir(entries)) {
    }
    if (entries) {
        closedir(entries);
    }
}

enum status opening_see_folder(const char *run_dir, const char *nonce, double patience, struct error *error)
{
    const double begin = clock_monotonic();
    struct folder_owner owner;
    struct error fault = {0};
    for (;;) {
        enum status status = folder_owner_read(run_dir, &owner, &fault);
        if (status == STATUS_OK && strcmp(owner.nonce, nonce) == 0) {
            return STATUS_OK;
        }
        if (clock_monotonic() - begin > patience) {
            char text[512];
            return error_set(
                error, STATUS_USAGE, run_dir, "give a run.dir that all hosts share, by the same path",
                "this rank does not see the run's folder as the coordinator does: %s",
                status == STATUS_OK ? folder_owner_describe(&owner, text, sizeof text) : fault.what);
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NANOSECONDS}, NULL);
        refresh(run_dir);
    }
}

enum status opening_sum_share(const char *path, const struct checkpoint_listing *listing, int worker,
                              int workers, uint32_t *crc, struct error *error)
{
    const size_t pieces = checkpoint_listing_pieces(listing);
    const size_t end = pieces * ((size_t)worker + 1) / (size_t)workers;
    enum status status = STATUS_OK;
    for (size_t i = pieces * (size_t)worker / (size_t)workers; i < end && status == STATUS_OK; i++) {
        status = checkpoint_listing_sum(path, listing, i, &crc[i], error);
    }
    return status;
}
