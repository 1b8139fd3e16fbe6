/* What is gone on from of an earlier try, and how the files are called. */
#include "shard/dataset/dataset_commit.h"
#include "shard/dataset/dataset_file.h"
#include "shard/dataset/dataset_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As if none had been finished. */
static void forget_shards(struct dataset_writer *writer)
{
    struct manifest *manifest = &writer->manifest;
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        free(manifest->shards[i].file);
        manifest->shards[i] = (struct manifest_shard){0};
    }
    manifest->shard_count = 0;
    manifest->images = 0;
    memset(writer->tally.stored, 0, writer->plan.classes * sizeof *writer->tally.stored);
    writer->tally = (struct dataset_tally){.stored = writer->tally.stored};
}

/* Where a finished shard lies: in the hidden folder, or under its name where it was moved before a crash. */
static enum status find_shard(const struct dataset_writer *writer, uint32_t number, char path[PATH_SIZE],
                              bool *moved, struct error *error)
{
    char file[DATASET_FILE_SIZE];
    dataset_shard_file(writer->plan.name, writer->generation, number, file);
    enum status status = file_join(writer->hidden, file, path, error);
    if (status == STATUS_OK && !file_exists(path)) {
        status = file_join(writer->plan.directory, file, path, error);
        *moved = *moved || (status == STATUS_OK && file_exists(path));
    }
    return status;
}

static enum status count_taken(struct dataset_writer *writer, const struct shard *shard,
                               const struct journal_shard *recorded, struct error *error)
{
    struct dataset_tally *tally = &writer->tally;
    const uint32_t number = writer->manifest.shard_count;
    enum status status = dataset_list_shard(writer, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < shard->images; i++) {
        tally->stored[shard->label[i]]++;
    }
    writer->manifest.shards[number].images = shard->images;
    writer->manifest.shards[number].index = shard_index_crc(shard);
    writer->manifest.images += shard->images;
    dataset_count_encoding(&writer->manifest, shard->encoding);
    dataset_count_shard(writer, recorded);
    tally->images += shard->images;
    tally->kept += recorded->kept;
    tally->next = dataset_plan_share_end(&writer->plan, number);
    return STATUS_OK;
}

/* Whether the images of the next shard come from what they came from when it was finished. */
static enum status check_origins(const struct dataset_writer *writer, const struct journal_shard *recorded,
                                 bool *same, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    const uint64_t begin = writer->tally.next, end = dataset_plan_share_end(plan, writer->tally.shards);
    struct dataset_origin *origin;
    char file[DATASET_FILE_SIZE], first[PATH_SIZE];
    uint64_t changed = 0;
    *same = true;
    if (!plan->compare) {
        return STATUS_OK;
    }
    dataset_shard_file(plan->name, writer->generation, writer->tally.shards, file);
    enum status status =
        dataset_journal_origins(writer->hidden, file, end - begin, recorded->origins, &origin, error);
    if (status == STATUS_OK && !origin) {
        dataset_tell(writer, "it is not known what %s was made of: it is packed again, and what follows it",
                     file);
        *same = false;
    } else if (status == STATUS_OK) {
        status = plan->compare(plan->context, begin, end - begin, origin, &changed, first, error);
    }
    if (status == STATUS_OK && changed > 0) {
        dataset_tell(writer, "%s%s changed since %s was packed of %s: %s", first,
                     changed == 1 ? " has" : " and others have", file, changed == 1 ? "it" : "them",
                     writer->tally.shards == 0 ? "beginning anew"
                                               : "it is packed again, and what follows it");
        *same = false;
    }
    free(origin);
    return status;
}

/* Takes a shard as finished if its file has the bytes that were recorded, and its images' sources are unchanged. */
static enum status take_shard(struct dataset_writer *writer, const struct journal_shard *recorded,
                              bool *taken, bool *moved, struct error *error)
{
    struct shard shard = {0};
    struct error failure = {0};
    char path[PATH_SIZE];
    uint64_t bytes = 0;
    uint32_t crc = 0;
    *taken = false;
    enum status status = find_shard(writer, writer->tally.shards, path, moved, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = file_crc(path, FILE_LINKS_REFUSED, &bytes, &crc, &failure);
    if (status != STATUS_OK && failure.number != 0 && failure.number != ENOENT) {
        if (error) {
            *error = failure; /* what cannot be read now is not given up */
        }
        return status;
    }
    if (status != STATUS_OK || bytes != recorded->bytes || crc != recorded->crc) {
        dataset_tell(writer,
                     "%s is not as it was when it was finished: it is packed again, and what follows it",
                     path);
        return STATUS_OK;
    }
    bool same = false;
    status = check_origins(writer, recorded, &same, error);
    if (status != STATUS_OK || !same) {
        return status;
    }
    status = shard_open(path, &shard, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (shard.images == recorded->images && shard.classes == writer->plan.classes) {
        *taken = true;
        status = count_taken(writer, &shard, recorded, error);
    }
    shard_close(&shard);
    return status;
}

static enum status take_shards(struct dataset_writer *writer, const struct dataset_journal *journal,
                               struct error *error)
{
    bool taken = true, moved = false;
    enum status status = STATUS_OK;
    writer->generation = journal->generation;
    for (uint32_t i = 0; i < journal->count && i < writer->plan.shards && taken && status == STATUS_OK; i++) {
        status = take_shard(writer, &journal->shards[i], &taken, &moved, error);
    }
    if (status == STATUS_OK && moved && writer->tally.shards < writer->plan.shards) {
        forget_shards(writer); /* nothing is written over a file that has got its name */
    }
    return status;
}

enum status dataset_take_finished(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    struct dataset_journal journal;
    if (!plan->job) {
        return STATUS_OK;
    }
    enum status status = dataset_journal_read(writer->hidden, plan->job, &journal, error);
    if (status == STATUS_OK && journal.count > 0 && journal.difference[0] != '\0') {
        dataset_tell(writer, "beginning anew, not going on after %u finished shard%s: %s", journal.count,
                     journal.count == 1 ? "" : "s", journal.difference);
    } else if (status == STATUS_OK && journal.count > 0) {
        status = take_shards(writer, &journal, error);
    }
    free(journal.shards);
    return status;
}

/* The generation of files that no other dataset has, unless it is that of what is gone on from. */
enum status dataset_choose_names(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    char file[DATASET_FILE_SIZE], path[PATH_SIZE];
    enum status status = STATUS_OK;
    if (writer->tally.shards == 0) {
        status = dataset_remove_moved(plan->directory, writer->hidden, plan->name, error);
        if (status == STATUS_OK) {
            status = dataset_next_generation(plan->directory, plan->name, &writer->generation, error);
        }
    }
    snprintf(file, sizeof file, "%.*s.yaml", SHARD_NAME_MAX, plan->name);
    if (status == STATUS_OK) {
        status = file_join(plan->directory, file, path, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    dataset_shard_file(plan->name, writer->generation, 0, file);
    if (writer->tally.shards == 0 && writer->generation > 1 && !file_exists(path)) {
        dataset_tell(writer,
                     "files called as those of %s are there, and no manifest lists them: they are left "
                     "alone, and the new "
                     "ones are %s and so on",
                     plan->name, file);
    }
    dataset_class_file(plan->name, writer->generation, file);
    writer->manifest.class_names = strdup(file);
    return writer->manifest.class_names ? STATUS_OK : error_no_memory(error, plan->name);
}
