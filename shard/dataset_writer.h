/* Writing a dataset: shards, class names and manifest, in a hidden folder until all of it is there.
 *
 * While it is being written everything lies in `<directory>/.<name>.packing/`; finish moves the files to
 * their names, the manifest last: a dataset has its manifest only when it is whole.
 */
#ifndef DAIL_SHARD_DATASET_WRITER_H
#define DAIL_SHARD_DATASET_WRITER_H

#include "proto/error.h"
#include "shard/image.h"

#include <stdbool.h>
#include <stdint.h>

struct dataset_writer;

struct dataset_plan {
    const char *directory; /* made if missing */
    const char *name;
    uint32_t dataset_id;
    uint32_t classes;
    int image_size; /* side in pixels, of every image */
    enum image_encoding encoding; /* of every image; IMAGE_UNKNOWN takes JPEG and PNG */
    uint64_t images; /* how many will be appended at most */
    uint32_t shards; /* images are spread over them evenly, in the order they come; from 1 to images */
    const char *source; /* where the images come from, for the manifest; NULL: not told */
    bool force; /* replace a dataset of that name; else that is STATUS_USAGE */
};

/* The plan's texts must stay until finish or abandon. What an earlier, interrupted try left is removed. */
enum status dataset_writer_create(const struct dataset_plan *plan, struct dataset_writer **writer,
                                  struct error *error);
/* The next image, already in random order. `skip` instead counts an image that was left out. */
enum status dataset_writer_append(struct dataset_writer *writer, const uint8_t *bytes, size_t size,
                                  uint32_t label, struct error *error);
enum status dataset_writer_skip(struct dataset_writer *writer, struct error *error);
/* names[classes]: the identity of each label. Frees the writer in any case; on an error nothing of the new
 * dataset is left, and (unless the very last renames failed) an old one is untouched. `bytes` (may be NULL):
 * of all files. */
enum status dataset_writer_finish(struct dataset_writer *writer, const char *const *names, uint64_t *bytes,
                                  struct error *error);
void dataset_writer_abandon(struct dataset_writer *writer);

/* STATUS_USAGE if `name` cannot name a dataset, or there is one already and not `force`: to be told before
 * long work. */
enum status dataset_writer_check(const char *directory, const char *name, bool force, struct error *error);

#endif
