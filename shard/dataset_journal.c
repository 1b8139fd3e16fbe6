#include "shard/dataset_journal.h"

#include "proto/file.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOB_BYTES_MAX 65536
#define LINE_BYTES_MAX 64

/* The text of a file in the folder, or NULL if it cannot be read. */
static char *read_text(const char *directory, const char *name, size_t limit)
{
    char path[PATH_SIZE], *text;
    size_t size;
    if (file_join(directory, name, path, NULL) != STATUS_OK ||
        file_read(path, limit, &text, &size, NULL) != STATUS_OK) {
        return NULL;
    }
    return text;
}

static bool is_job(const char *directory, const char *job)
{
    char *found = read_text(directory, "job", JOB_BYTES_MAX);
    bool same = found && strcmp(found, job) == 0;
    free(found);
    return same;
}

enum status dataset_journal_read(const char *directory, const char *job, uint32_t most,
                                 struct journal_shard **shards, uint32_t *count, struct error *error)
{
    *count = 0;
    *shards = calloc((size_t)most + 1, sizeof **shards);
    if (!*shards) {
        return error_set(error, STATUS_INTERNAL, directory, NULL, "no memory for %u shards", most);
    }
    char *text =
        is_job(directory, job) ? read_text(directory, "finished", (size_t)most * LINE_BYTES_MAX) : NULL;
    char *rest = NULL;
    for (char *line = !text ? NULL : strtok_r(text, "\n", &rest); line && *count < most;
         line = strtok_r(NULL, "\n", &rest)) {
        struct journal_shard *shard = &(*shards)[*count];
        if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNx32, &shard->images, &shard->kept,
                   &shard->bytes, &shard->crc) != 4) {
            break;
        }
        ++*count;
    }
    free(text);
    return STATUS_OK;
}

enum status dataset_journal_begin(const char *directory, const char *job, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = file_join(directory, "job", path, error);
    return status == STATUS_OK ? file_write_atomic(path, job, strlen(job), error) : status;
}

enum status dataset_journal_write(const char *directory, const struct journal_shard *shards, uint32_t count,
                                  struct error *error)
{
    char path[PATH_SIZE];
    enum status status = file_join(directory, "finished", path, error);
    if (status != STATUS_OK) {
        return status;
    }
    char *text = malloc((size_t)count * LINE_BYTES_MAX + 1);
    if (!text) {
        return error_set(error, STATUS_INTERNAL, path, NULL, "no memory for %u shards", count);
    }
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, LINE_BYTES_MAX,
                                 "%" PRIu32 " %" PRIu32 " %" PRIu64 " %08" PRIx32 "\n", shards[i].images,
                                 shards[i].kept, shards[i].bytes, shards[i].crc);
    }
    status = file_write_atomic(path, text, size, error);
    free(text);
    return status;
}
