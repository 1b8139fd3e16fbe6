/* The transaction: a checkpoint's way from ".tmp" to its name, and from there to its removal. */
#include "worker/checkpoint/checkpoint.h"

#include "proto/file.h"
#include "proto/text.h"
#include "worker/checkpoint/checkpoint_file.h"
#include "worker/checkpoint/checkpoint_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_DIGITS 9
/* What a checkpoint adds to its folder's path at most, with what marks it as unfinished or old. */
#define STEP_NAME_SIZE 64

void checkpoint_path(const char *run_dir, int64_t step, const char *owner, char *path, size_t size)
{
    snprintf(path, size, "%s/checkpoints/step-%0*lld%s%s%s", run_dir, STEP_DIGITS, (long long)step,
             owner && owner[0] != '\0' ? "." : "", owner ? owner : "", owner ? ".tmp" : "");
}

enum status checkpoint_begin(const char *run_dir, const char *owner, int64_t step, struct error *error)
{
    char parent[PATH_SIZE], path[PATH_SIZE];
    enum status status = file_join(run_dir, "checkpoints", parent, error);
    if (status == STATUS_OK && strlen(parent) + STEP_NAME_SIZE > sizeof parent) {
        status = file_storage_error(error, parent, "naming the checkpoint", ENAMETOOLONG);
    }
    if (status == STATUS_OK) {
        status = file_make_directory(parent, error);
    }
    checkpoint_path(run_dir, step, owner, path, sizeof path);
    return status == STATUS_OK ? file_make_directory(path, error) : status;
}

/* Puts `complete` in the place of `final`, which may exist. Where the file system can, both change places at
 * once; elsewhere the old one steps aside first, and for a moment the step has none. */
static enum status put_in_place(const char *complete, const char *final, struct error *error)
{
    char aside[PATH_SIZE];
    if (rename(complete, final) == 0) {
        return STATUS_OK;
    }
    if (errno != ENOTEMPTY && errno != EEXIST) {
        return file_storage_error(error, final, "renaming", errno);
    }
    if (renameat2(AT_FDCWD, complete, AT_FDCWD, final, RENAME_EXCHANGE) == 0) {
        return file_remove_tree(complete, error);
    }
    int length = snprintf(aside, sizeof aside, "%s.old.tmp", final);
    if (length < 0 || (size_t)length >= sizeof aside) {
        return error_set(error, STATUS_STORAGE, final, "use a shorter run.dir", "the path is too long");
    }
    enum status status = file_remove_tree(aside, error);
    if (status == STATUS_OK && (rename(final, aside) != 0 || rename(complete, final) != 0)) {
        status = file_storage_error(error, final, "renaming", errno);
    }
    return status == STATUS_OK ? file_remove_tree(aside, error) : status;
}

enum status checkpoint_commit(const char *run_dir, struct folder_lock *lock,
                              const struct checkpoint_state *state, const struct checkpoint_part *parts,
                              size_t count, uint64_t *bytes, struct error *error)
{
    char parent[PATH_SIZE], temporary[PATH_SIZE], final[PATH_SIZE];
    struct checkpoint_part *all = malloc((count + 1) * sizeof *all);
    if (!all) {
        return error_no_memory(error, run_dir);
    }
    memcpy(all, parts, count * sizeof *all);
    checkpoint_path(run_dir, state->step, folder_lock_nonce(lock), temporary, sizeof temporary);
    checkpoint_path(run_dir, state->step, NULL, final, sizeof final);
    enum status status = checkpoint_write_state(temporary, state, &all[count], error);
    if (status == STATUS_OK) {
        status = checkpoint_write_commit(temporary, all, count + 1, error);
    }
    if (status == STATUS_OK) {
        status = file_sync(temporary, error);
    }
    if (status == STATUS_OK) {
        status = folder_lock_check(lock, error);
    }
    if (status == STATUS_OK) {
        status = put_in_place(temporary, final, error);
    }
    if (status == STATUS_OK) {
        status = file_join(run_dir, "checkpoints", parent, error);
    }
    if (status == STATUS_OK) {
        status = file_sync(parent, error);
    }
    *bytes = 0;
    for (size_t i = 0; i <= count && status == STATUS_OK; i++) {
        *bytes += all[i].bytes;
    }
    free(all);
    return status;
}

void checkpoint_abandon(const char *run_dir, const char *owner, int64_t step)
{
    char path[PATH_SIZE];
    checkpoint_path(run_dir, step, owner, path, sizeof path);
    file_remove_tree(path, NULL);
}

/* The step in "step-000000123", or -1 for any other name. */
static int64_t step_of(const char *name)
{
    char rendered[64];
    errno = 0;
    long long step = strncmp(name, "step-", 5) == 0 ? strtoll(name + 5, NULL, 10) : -1;
    snprintf(rendered, sizeof rendered, "step-%0*lld", STEP_DIGITS, step);
    return errno == 0 && step >= 0 && strcmp(name, rendered) == 0 ? step : -1;
}

/* Whether a name is that of something half done: of this owner, or for NULL of any. What is renamed away to be removed
 * is nobody's. */
static bool is_stale(const char *name, const char *owner)
{
    bool half_done = strncmp(name, "step-", 5) == 0 && text_ends_with(name, ".tmp");
    return half_done && (!owner || strstr(name, owner) || text_ends_with(name, ".pruned.tmp") ||
                         text_ends_with(name, ".old.tmp"));
}

static int compare_descending(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left < right) - (left > right);
}

/* Steps of all directories with a checkpoint's name, newest first; with `remove_stale` removes the .tmp of `owner`, or
 * for NULL of any. */
static enum status list_steps(const char *run_dir, int remove_stale, const char *owner, int64_t **steps,
                              size_t *count, struct error *error)
{
    char parent[PATH_SIZE], path[PATH_SIZE];
    enum status status = file_join(run_dir, "checkpoints", parent, error);
    *steps = NULL;
    *count = 0;
    DIR *directory = status == STATUS_OK ? opendir(parent) : NULL;
    if (!directory) {
        return status != STATUS_OK || errno == ENOENT
                   ? status
                   : file_storage_error(error, parent, "reading the folder", errno);
    }
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(directory));) {
        int64_t step = step_of(entry->d_name);
        if (step >= 0) {
            int64_t *grown = realloc(*steps, (*count + 1) * sizeof *grown);
            if (!grown) {
                status = error_no_memory(error, parent);
                break;
            }
            *steps = grown;
            (*steps)[(*count)++] = step;
        } else if (remove_stale && is_stale(entry->d_name, owner)) {
            status = file_join(parent, entry->d_name, path, error);
            if (status == STATUS_OK) {
                status = file_remove_tree(path, error);
            }
        }
    }
    closedir(directory);
    if (*count > 0) {
        qsort(*steps, *count, sizeof **steps, compare_descending);
    }
    if (status != STATUS_OK) {
        free(*steps);
        *steps = NULL;
    }
    return status;
}

enum status checkpoint_prepare(const char *run_dir, struct folder_lock *lock, struct error *error)
{
    char parent[PATH_SIZE];
    int64_t *steps = NULL;
    size_t count;
    enum status status = file_join(run_dir, "checkpoints", parent, error);
    if (status == STATUS_OK) {
        status = file_make_directory(run_dir, error);
    }
    if (status == STATUS_OK) {
        status = file_make_directory(parent, error);
    }
    if (status == STATUS_OK) {
        status = folder_lock_check(lock, error);
    }
    if (status == STATUS_OK) {
        status = list_steps(run_dir, 1, NULL, &steps, &count, error);
    }
    free(steps);
    return status == STATUS_OK ? file_sync(run_dir, error) : status;
}

static enum status remove_checkpoint(const char *path, struct error *error)
{
    char away[PATH_SIZE + 16];
    snprintf(away, sizeof away, "%s.pruned.tmp", path);
    enum status status = file_remove_tree(away, error);
    if (status == STATUS_OK && rename(path, away) != 0) {
        status = file_storage_error(error, path, "renaming", errno);
    }
    return status == STATUS_OK ? file_remove_tree(away, error) : status;
}

/* Whether the checkpoint `steps[i]` (newest first) is the first one of its stretch of `every` steps. */
static bool begins_stretch(const int64_t *steps, const bool *valid, size_t count, size_t i, int64_t every)
{
    int64_t stretch = every > 0 ? steps[i] / every : 0;
    for (size_t older = i + 1; older < count && stretch > 0 && steps[older] / every == stretch; older++) {
        if (valid[older]) {
            return false;
        }
    }
    return stretch > 0;
}

enum status checkpoint_prune(const char *run_dir, struct folder_lock *lock,
                             const struct checkpoint_retention *retention, struct error *error)
{
    int64_t *steps;
    size_t count;
    int newer = 0; /* valid ones */
    char path[PATH_SIZE];
    enum status status = folder_lock_check(lock, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = list_steps(run_dir, 1, folder_lock_nonce(lock), &steps, &count, error);
    bool *valid = status == STATUS_OK ? calloc(count + 1, sizeof *valid) : NULL;
    if (status == STATUS_OK && !valid) {
        status = error_no_memory(error, run_dir);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        checkpoint_path(run_dir, steps[i], NULL, path, sizeof path);
        valid[i] = checkpoint_verify(path, false, NULL) == STATUS_OK;
    }
    for (size_t i = 0; i < count && retention->last > 0 && status == STATUS_OK; i++) {
        bool stays = newer < retention->last ||
                     (valid[i] && begins_stretch(steps, valid, count, i, retention->every_steps));
        newer += valid[i];
        if (!stays) {
            checkpoint_path(run_dir, steps[i], NULL, path, sizeof path);
            status = folder_lock_check(lock, error);
            status = status == STATUS_OK ? remove_checkpoint(path, error) : status;
        }
    }
    free(valid);
    free(steps);
    return status;
}

static enum status verify_by(const struct checkpoint_verifier *verifier, const char *path,
                             struct error *error)
{
    return verifier ? verifier->verify(verifier->context, path, error) : checkpoint_verify(path, true, error);
}

enum status checkpoint_newest(const char *run_dir, const struct checkpoint_verifier *verifier, char *path,
                              size_t size, void (*warn)(void *context, const char *text), void *context,
                              struct error *error)
{
    int64_t *steps;
    size_t count;
    path[0] = '\0';
    enum status status = list_steps(run_dir, 0, NULL, &steps, &count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct error fault = {0};
        char line[ERROR_LINE_SIZE];
        checkpoint_path(run_dir, steps[i], NULL, path, size);
        enum status verdict = verify_by(verifier, path, &fault);
        if (verdict == STATUS_OK) {
            break;
        }
        if (verdict != STATUS_DATA) { /* which tells nothing of the checkpoint */
            status = verdict;
            *error = fault;
        } else if (warn) {
            warn(context, error_format(&fault, line, sizeof line));
        }
        path[0] = '\0';
    }
    free(steps);
    return status;
}

enum status checkpoint_find(const char *argument, char *path, size_t size, struct error *error)
{
    char parent[PATH_SIZE];
    enum status status = file_join(argument, "checkpoints", parent, error);
    if (status != STATUS_OK || !file_is_directory(parent)) {
        snprintf(path, size, "%s", argument);
        return status;
    }
    status = checkpoint_newest(argument, NULL, path, size, NULL, NULL, error);
    if (status == STATUS_OK && path[0] == '\0') {
        status = error_set(error, STATUS_DATA, argument, "train first", "the run has no checkpoint yet");
    }
    return status;
}
