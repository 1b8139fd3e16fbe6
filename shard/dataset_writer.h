/* Writing a dataset: shards, class names and manifest, in a hidden folder until all of it is there.
 *
 * While it is being written everything lies in `<directory>/.<name>.packing/`; finish moves the files to
 * their names, the manifest last: a dataset has its manifest only when it is whole. Shards that were finished
 * there before an interruption are gone on from.
 */
#ifndef DAIL_SHARD_DATASET_WRITER_H
#define DAIL_SHARD_DATASET_WRITER_H

#include "proto/error.h"
#include "shard/image/image.h"

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
    const char *job; /* all that the shards' bytes depend on: one that was interrupted is gone on with where
                        this text is the same. NULL: none is */
    bool force; /* replace a dataset of that name; else that is STATUS_USAGE */
};

/* How far it is. */
struct dataset_tally {
    /* Place of the image that comes next: above 0 at first where an earlier try is gone on with. */
    uint64_t next;
    uint64_t images; /* that are in shards */
    uint64_t kept; /* of them */
    uint32_t shards; /* finished */
    uint32_t *stored; /* [classes]: images that each class has got */
};

/* The plan's directory, name and source must stay until finish or abandon. What an earlier, interrupted try
 * left is gone on with or removed. STATUS_USAGE where another process writes a dataset of that name there
 * (proto/folder_lock.h). */
enum status dataset_writer_create(const struct dataset_plan *plan, struct dataset_writer **writer,
                                  struct error *error);
/* The next image, already in random order; `kept`: for the tally, byte for byte as it came. `skip` instead
 * counts an image that was left out. A thread finishes a shard while images of the next one come: what goes
 * wrong there is told by a later call. */
enum status dataset_writer_append(struct dataset_writer *writer, const uint8_t *bytes, size_t size,
                                  uint32_t label, bool kept, struct error *error);
enum status dataset_writer_skip(struct dataset_writer *writer, struct error *error);
/* That the work of another process was taken over, which is gone or stands still; else empty. */
const char *dataset_writer_warning(const struct dataset_writer *writer);
/* Valid until finish or abandon. */
const struct dataset_tally *dataset_writer_tally(const struct dataset_writer *writer);
/* The folder in which everything lies until the end; what else is put there is removed with it. */
const char *dataset_writer_directory(const struct dataset_writer *writer);
/* The place after the last image of a shard. */
uint64_t dataset_plan_share_end(const struct dataset_plan *plan, uint32_t shard);
/* names[classes]: the identity of each label. Frees the writer in any case; on an error nothing of the new
 * dataset is left but finished shards of a job, and (unless the very last renames failed) an old one is
 * untouched. `bytes` (may be NULL): of all files. */
enum status dataset_writer_finish(struct dataset_writer *writer, const char *const *names, uint64_t *bytes,
                                  struct error *error);
/* Finished shards of a job stay for the next try. */
void dataset_writer_abandon(struct dataset_writer *writer);

/* STATUS_USAGE if `name` cannot name a dataset, or there is one already and not `force`: to be told before
 * long work. */
enum status dataset_writer_check(const char *directory, const char *name, bool force, struct error *error);

#endif
