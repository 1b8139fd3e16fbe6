/* What is known of a dataset that is being written. */
#include "proto/text.h"
#include "shard/dataset/dataset_file.h"
#include "shard/dataset/dataset_private.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void dataset_tell(const struct dataset_writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = text_format_list(format, arguments);
    va_end(arguments);
    if (text && writer->plan.tell) {
        writer->plan.tell(writer->plan.context, text);
    }
    free(text);
}

uint64_t dataset_plan_share_end(const struct dataset_plan *plan, uint32_t shard)
{
    /* Without overflow for any number of images. */
    uint64_t whole = plan->images / plan->shards, rest = plan->images % plan->shards;
    return whole * (shard + 1) + (shard + 1 < rest ? shard + 1 : rest);
}

enum status dataset_list_shard(struct dataset_writer *writer, struct error *error)
{
    struct manifest *manifest = &writer->manifest;
    char file[DATASET_FILE_SIZE];
    dataset_shard_file(writer->plan.name, writer->generation, manifest->shard_count, file);
    manifest->shards[manifest->shard_count].file = strdup(file);
    if (!manifest->shards[manifest->shard_count].file) {
        return error_no_memory(error, writer->plan.name);
    }
    manifest->shard_count++;
    return STATUS_OK;
}

void dataset_count_shard(struct dataset_writer *writer, const struct journal_shard *shard)
{
    struct manifest_shard *listed = &writer->manifest.shards[writer->tally.shards];
    writer->finished[writer->tally.shards++] = *shard;
    listed->bytes = shard->bytes;
    listed->crc = shard->crc;
}

void dataset_count_encoding(struct manifest *manifest, enum image_encoding encoding)
{
    if (manifest->shard_count == 1) {
        manifest->encoding = encoding;
    } else if (manifest->encoding != encoding) {
        manifest->encoding = IMAGE_UNKNOWN;
    }
}
