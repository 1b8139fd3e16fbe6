#include "daemon/opening/opening_tasks.h"

#include "proto/clock.h"
#include "proto/folder_lock.h"

#include <dirent.h>
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
    struct error fault = {0};
    for (;;) {
        if (folder_owner_check(run_dir, nonce, &fault) == STATUS_OK) {
            return STATUS_OK;
        }
        if (clock_monotonic() - begin > patience) {
            return error_set(
                error, STATUS_USAGE, run_dir, "give a run.dir that all hosts share, by the same path",
                "this rank does not see the run's folder as the coordinator does: %s", fault.what);
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NANOSECONDS}, NULL);
        refresh(run_dir);
    }
}

enum status opening_sum_share(const char *path, const struct checkpoint_listing *listing, int worker,
                              int workers, uint32_t *crc, const struct checkpoint_progress *progress,
                              struct error *error)
{
    const size_t pieces = checkpoint_listing_pieces(listing);
    const size_t end = pieces * ((size_t)worker + 1) / (size_t)workers;
    enum status status = STATUS_OK;
    for (size_t i = pieces * (size_t)worker / (size_t)workers; i < end && status == STATUS_OK; i++) {
        status = checkpoint_listing_sum(path, listing, i, progress, &crc[i], error);
    }
    return status;
}
