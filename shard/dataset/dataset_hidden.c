/* The folder in which a dataset lies until it is whole. */
#include "shard/dataset/dataset_commit.h"
#include "shard/dataset/dataset_private.h"
#include "shard/dataset/packing_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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

/* Makes the hidden folder and becomes its owner. */
enum status dataset_hidden_own(struct dataset_writer *writer, struct error *error)
{
    char warning[512];
    enum status status = packing_folder_own(writer->hidden, &writer->lock, warning, sizeof warning, error);
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
