/* Writing a dataset: shards, class names and manifest, in a hidden folder until all of it is there.
 *
 * While it is being written everything lies in `<directory>/.<name>.packing/`, which is this user's alone; finish moves
 * the files to their names, the manifest last, and then removes those of a dataset that is replaced
 * (shard/dataset/dataset_commit.h): at any instant the old dataset or the new one is whole. Shards that were finished
 * before an interruption are gone on from.
 */
#ifndef DAIL_SHARD_DATASET_DATASET_WRITER_H
#define DAIL_SHARD_DATASET_DATASET_WRITER_H

#include "proto/error.h"
#include "proto/file.h"
#include "shard/image/image.h"

#include <stdbool.h>
#include <stdint.h>

struct dataset_writer;

/* What an image was made of: enough to see whether its source has changed. */
struct dataset_origin {
    uint32_t stamp; /* crc of its size and time */
    uint32_t bytes; /* crc of its bytes */
};

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
    /* What is gone on from or begun anew, and why; may be NULL. */
    void (*tell)(void *context, const char *text);
    /* Of the images of places begin..begin+count-1, whose origins were then[count]: how many have changed, and what the
     * first of them is called. A finished shard is gone on from if none has. NULL: none ever does. */
    enum status (*compare)(void *context, uint64_t begin, uint64_t count, const struct dataset_origin *then,
                           uint64_t *changed, char first[PATH_SIZE], struct error *error);
    void *context; /* of both */
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

/* The plan's directory, name, source and context must stay until finish or abandon. What an earlier, interrupted try
 * left is gone on with or removed. STATUS_USAGE where another process writes a dataset of that name there
 * (proto/folder_lock.h), where another's or a folder that others can write to has the hidden folder's name, and where
 * another manifest lists files of these names. */
enum status dataset_writer_create(const struct dataset_plan *plan, struct dataset_writer **writer,
                                  struct error *error);
/* The next image, already in random order; `kept`: for the tally, byte for byte as it came. `skip` instead counts an image
 * that was left out; `origin` (NULL: not told) is the source's. A thread finishes a shard while images of the next one
 * come: what goes wrong there is told by a later call. */
enum status dataset_writer_append(struct dataset_writer *writer, const uint8_t *bytes, size_t size,
                                  uint32_t label, bool kept, const struct dataset_origin *origin,
                                  struct error *error);
enum status dataset_writer_skip(struct dataset_writer *writer, const struct dataset_origin *origin,
                                struct error *error);
/* Valid until finish or abandon. */
const struct dataset_tally *dataset_writer_tally(const struct dataset_writer *writer);
/* The folder in which everything lies until the end; what else is put there is removed with it. */
const char *dataset_writer_directory(const struct dataset_writer *writer);
/* The place after the last image of a shard. */
uint64_t dataset_plan_share_end(const struct dataset_plan *plan, uint32_t shard);
/* names[classes]: the identity of each label. Frees the writer in any case; on an error an old dataset is untouched and
 * nothing of the new one is left but finished shards of a job, or the error says that the new one is in place. `bytes` (may
 * be NULL): of all files. */
enum status dataset_writer_finish(struct dataset_writer *writer, const char *const *names, uint64_t *bytes,
                                  struct error *error);
/* Finished shards of a job stay for the next try. */
void dataset_writer_abandon(struct dataset_writer *writer);

/* STATUS_USAGE if `name` cannot name a dataset, there is one already and not `force`, or another manifest lists files of
 * its names: to be told before long work. */
enum status dataset_writer_check(const char *directory, const char *name, bool force, struct error *error);

#endif
