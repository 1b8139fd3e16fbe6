#include "shard/dataset/dataset_journal.h"

#include "proto/file.h"

#include <endian.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define TEXT_BYTES_MAX ((size_t)1 << 26)
#define LINE_BYTES_MAX 80

/* The text of a file in the folder; NULL where there is none. STATUS_DATA where the system fails to read it: that is no
 * reason to begin anew. */
static enum status read_text(const char *directory, const char *name, char **text, struct error *error)
{
    char path[PATH_SIZE];
    size_t size;
    *text = NULL;
    enum status status = file_join(directory, name, path, error);
    return status == STATUS_OK && file_exists(path) ? file_read(path, TEXT_BYTES_MAX, text, &size, error)
                                                    : status;
}

/* The value of "key value", or the whole line if it has another key. */
static const char *value_of(const char *line, const char *key, size_t length)
{
    return strncmp(line, key, length) == 0 && line[length] == ' ' ? line + length + 1 : line;
}

/* Tells the first line in which the job that was found is another. */
static void compare_jobs(const char *found, const char *job, char *difference, size_t size)
{
    while (*job != '\0' || *found != '\0') {
        const size_t now = strcspn(job, "\n"), then = strcspn(found, "\n");
        if (now != then || strncmp(job, found, now) != 0) {
            const size_t key = strcspn(job, " \n");
            const char *is = value_of(job, job, key), *was = value_of(found, job, key);
            snprintf(difference, size, "%.*s is %.*s, and was %.*s", (int)key, job, (int)(job + now - is), is,
                     (int)(found + then - was), was);
            return;
        }
        job += now + (job[now] == '\n');
        found += then + (found[then] == '\n');
    }
}

static uint32_t crc_of(const char *job)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const Bytef *)job, strlen(job));
}

static enum status read_shards(const char *directory, const char *job, char *text,
                               struct dataset_journal *journal, struct error *error)
{
    uint32_t job_crc = 0;
    size_t lines = 1;
    for (const char *at = text; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    journal->shards = calloc(lines, sizeof *journal->shards);
    if (!journal->shards) {
        return error_no_memory(error, directory);
    }
    char *rest = NULL, *line = strtok_r(text, "\n", &rest);
    bool good = line &&
                sscanf(line, "job %" SCNx32 " generation %" SCNu32, &job_crc, &journal->generation) == 2 &&
                job_crc == crc_of(job);
    while (good && (line = strtok_r(NULL, "\n", &rest))) {
        struct journal_shard *shard = &journal->shards[journal->count];
        good = sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNx32 " %" SCNx32, &shard->images,
                      &shard->kept, &shard->bytes, &shard->crc, &shard->origins) == 5;
        journal->count += good;
    }
    return STATUS_OK;
}

enum status dataset_journal_read(const char *directory, const char *job, struct dataset_journal *journal,
                                 struct error *error)
{
    char *found = NULL, *finished = NULL;
    *journal = (struct dataset_journal){.count = 0};
    enum status status = read_text(directory, "job", &found, error);
    if (status == STATUS_OK) {
        status = read_text(directory, "finished", &finished, error);
    }
    if (status == STATUS_OK && found && finished) {
        compare_jobs(found, job, journal->difference, sizeof journal->difference);
        status = read_shards(directory, found, finished, journal, error);
    }
    free(found);
    free(finished);
    return status;
}

/* --- Origins: of each image uint32 stamp, uint32 bytes, little-endian --- */

#define ORIGIN_BYTES 8

static enum status origins_path(const char *directory, const char *shard_file, char path[PATH_SIZE],
                                struct error *error)
{
    char file[PATH_SIZE];
    snprintf(file, sizeof file, "%.900s" DATASET_ORIGINS_ENDING, shard_file);
    return file_join(directory, file, path, error);
}

enum status dataset_journal_origins(const char *directory, const char *shard_file, uint64_t count,
                                    uint32_t crc, struct dataset_origin **origin, struct error *error)
{
    char path[PATH_SIZE], *bytes = NULL;
    size_t size = 0;
    *origin = NULL;
    enum status status = origins_path(directory, shard_file, path, error);
    if (status != STATUS_OK || !file_exists(path)) {
        return status;
    }
    status = file_read(path, (size_t)count * ORIGIN_BYTES + 1, &bytes, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (size == count * ORIGIN_BYTES && (uint32_t)crc32_z(0, (const Bytef *)bytes, size) == crc) {
        *origin = malloc(size + 1);
        status = !*origin ? error_no_memory(error, path) : STATUS_OK;
    }
    for (uint64_t i = 0; *origin && i < count; i++) {
        uint32_t pair[2];
        memcpy(pair, bytes + i * ORIGIN_BYTES, sizeof pair);
        (*origin)[i] = (struct dataset_origin){.stamp = le32toh(pair[0]), .bytes = le32toh(pair[1])};
    }
    free(bytes);
    return status;
}

enum status dataset_journal_write_origins(const char *directory, const char *shard_file,
                                          const struct dataset_origin *origin, uint64_t count, uint32_t *crc,
                                          struct error *error)
{
    char path[PATH_SIZE];
    const size_t size = (size_t)count * ORIGIN_BYTES;
    enum status status = origins_path(directory, shard_file, path, error);
    uint8_t *bytes = malloc(size + 1);
    if (!bytes) {
        return error_no_memory(error, shard_file);
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t pair[2] = {htole32(origin[i].stamp), htole32(origin[i].bytes)};
        memcpy(bytes + i * ORIGIN_BYTES, pair, sizeof pair);
    }
    *crc = (uint32_t)crc32_z(0, bytes, size);
    if (status == STATUS_OK) {
        status = file_write_atomic(path, bytes, size, error);
    }
    free(bytes);
    return status;
}

/* --- The record --- */

enum status dataset_journal_begin(const char *directory, const char *job, uint32_t *job_crc,
                                  struct error *error)
{
    char path[PATH_SIZE];
    *job_crc = crc_of(job);
    enum status status = file_join(directory, "job", path, error);
    return status == STATUS_OK ? file_write_atomic(path, job, strlen(job), error) : status;
}

enum status dataset_journal_write(const char *directory, uint32_t job_crc, uint32_t generation,
                                  const struct journal_shard *shards, uint32_t count, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = file_join(directory, "finished", path, error);
    if (status != STATUS_OK) {
        return status;
    }
    char *text = malloc(((size_t)count + 1) * LINE_BYTES_MAX);
    if (!text) {
        return error_set(error, STATUS_INTERNAL, path, NULL, "no memory for %u shards", count);
    }
    size_t size = (size_t)snprintf(text, LINE_BYTES_MAX, "job %08" PRIx32 " generation %" PRIu32 "\n",
                                   job_crc, generation);
    for (uint32_t i = 0; i < count; i++) {
        size += (size_t)snprintf(
            text + size, LINE_BYTES_MAX, "%" PRIu32 " %" PRIu32 " %" PRIu64 " %08" PRIx32 " %08" PRIx32 "\n",
            shards[i].images, shards[i].kept, shards[i].bytes, shards[i].crc, shards[i].origins);
    }
    status = file_write_atomic(path, text, size, error);
    free(text);
    return status;
}
