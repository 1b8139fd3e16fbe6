/* The folder in which a dataset lies until it is whole. */
#include "shard/dataset/dataset_commit.h"
#include "shard/dataset/dataset_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A packing that has shown no life for so many seconds is taken over. */
#define STALE_SECONDS 180.0
/* The hidden folder is removed at the end of another packing just when this one has found it: so often. */
#define TRIES 100

/* Whether a file of the hidden folder is one to go on from. */
static bool is_kept(const struct dataset_writer *writer, const char *name)
{
    if (strcmp(name, FOLDER_LOCK_NAME) == 0) {
        return true;
    }
    if (writer->done || strcmp(name, DATASET_MOVING_NAME) == 0) {
        return !writer->done && writer->journaled;
    }
    bool kept = strcmp(name, "job") == 0 || strcmp(name, "finished") == 0;
    for (uint32_t i = 0; i < writer->tally.shards && !kept; i++) {
        const char *file = writer->manifest.shards[i].file, *ending = name + strlen(file);
        kept = strncmp(name, file, strlen(file)) == 0 &&
               (*ending == '\0' || strcmp(ending, DATASET_ORIGINS_ENDING) == 0);
    }
    return kept && writer->tally.shards > 0;
}

/* Removes what is not to be kept from the hidden folder; there are no folders within. */
void dataset_hidden_clear(const struct dataset_writer *writer)
{
    int descriptor = open(writer->hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (!directory) {
        return;
    }
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !is_kept(writer, entry->d_name)) {
            unlinkat(descriptor, entry->d_name, 0);
        }
    }
    closedir(directory);
}

/* Whoever can write to it can have anything packed. */
static enum status trust_hidden(const struct dataset_writer *writer, struct error *error)
{
    struct stat info;
    if (lstat(writer->hidden, &info) != 0) {
        return file_storage_error(error, writer->hidden, "looking up the folder", errno);
    }
    if (info.st_uid != geteuid()) {
        return error_set(
            error, STATUS_USAGE, writer->hidden, "have its owner remove it, or choose another name",
            "the folder of unfinished shards is another user's (uid %lu), and nothing in it is used",
            (unsigned long)info.st_uid);
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return error_set(
            error, STATUS_USAGE, writer->hidden,
            "remove it, or chmod go-w it if nobody else has written there",
            "others can write to the folder of unfinished shards (mode %04o), and nothing in it is "
            "used",
            (unsigned)info.st_mode & 07777u);
    }
    return STATUS_OK;
}

/* A link in its place is removed, not what it leads to. */
static enum status make_hidden(const struct dataset_writer *writer, struct error *error)
{
    unlink(writer->hidden);
    enum status status = file_make_directory(writer->plan.directory, error);
    if (status != STATUS_OK || mkdir(writer->hidden, S_IRWXU) == 0) {
        return status;
    }
    return errno == EEXIST ? trust_hidden(writer, error)
                           : file_storage_error(error, writer->hidden, "making the folder", errno);
}

/* Makes the hidden folder and becomes its owner. */
enum status dataset_hidden_own(struct dataset_writer *writer, struct error *error)
{
    const struct folder_claim claim = {.folder = writer->hidden,
                                       .next = "wait for that packing, end it, or choose another name",
                                       .stale_seconds = STALE_SECONDS};
    char warning[512] = "";
    enum status status = STATUS_STORAGE;
    for (int i = 0; i < TRIES && status == STATUS_STORAGE && !writer->lock; i++) {
        status = make_hidden(writer, error);
        if (status == STATUS_OK) {
            status = folder_lock_take(&claim, &writer->lock, warning, sizeof warning, error);
        }
        if (status == STATUS_STORAGE && file_is_directory(writer->hidden)) {
            break;
        }
    }
    if (warning[0] != '\0') {
        dataset_tell(writer, "%s", warning);
    }
    return status;
}

/* Leaves the hidden folder to whoever comes next; where nothing in it is finished it is removed. What was lost to
 * another packing is left alone. */
void dataset_hidden_leave(struct dataset_writer *writer)
{
    if (!writer->unsettled && folder_lock_check(writer->lock, NULL) == STATUS_OK) {
        dataset_hidden_clear(writer);
    }
    folder_lock_release(writer->lock);
    rmdir(writer->hidden); /* if nothing is left in it */
}
