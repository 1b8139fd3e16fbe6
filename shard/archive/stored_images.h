/* Images that lie one behind the other in large files: where each of them is, and its label. What reads such files fills
 * it; packing reads the images by number. Private to shard/.
 *
 * The files are thought of as laid end to end, so that one number is a place in any of them. What a compressed file holds
 * is unpacked to a file without a name, which is gone with the process, at the same places.
 */
#ifndef DAIL_SHARD_ARCHIVE_STORED_IMAGES_H
#define DAIL_SHARD_ARCHIVE_STORED_IMAGES_H

#include "proto/error.h"
#include "proto/file.h"
#include "shard/name_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Numbers of identities are below it: a float, as RecordIO has them, is exact so far. */
#define STORED_LABELS_MAX (1 << 24)

struct stored_file {
    char *path; /* owned */
    uint64_t begin, bytes; /* of all files laid end to end */
    int descriptor; /* -1: it is opened for each reading, or unpacked */
    bool packed; /* compressed */
};

/* Begin with STORED_IMAGES_EMPTY. */
struct stored_images {
    struct stored_file *files; /* [file_count], owned */
    uint32_t file_count;
    int unpacked; /* what the compressed files hold; -1: there are none */
    uint64_t images, capacity;
    uint64_t *offset; /* [images], owned: in the files laid end to end */
    uint32_t *span; /* [images], owned: bytes there */
    uint32_t *label; /* [images], owned */
    uint32_t classes; /* labels are below it */
    uint64_t largest; /* which image has the largest label */
    struct name_list
        names; /* [classes], sorted: of the identities; or none, they are called by their numbers */
    struct name_list image_names; /* [images], where the filler keeps them; or none */
    const char *what; /* errors call an image "<file>, <what> at byte 42" */
    /* Makes the image of its `span` bytes, in the same memory or in other: then the old is freed. Several threads call it at
     * once. NULL: the bytes are the image. */
    enum status (*unwrap)(uint8_t **bytes, size_t span, size_t *size, struct error *error);
};

#define STORED_IMAGES_EMPTY(noun)                                                                            \
    {                                                                                                        \
        .unpacked = -1, .what = (noun)                                                                       \
    }

/* A further file, the one that stored_images_add is about from now on. STATUS_DATA. */
enum status stored_images_add_file(struct stored_images *set, const char *path, struct error *error);
/* Likewise a compressed one, whose images go through stored_images_put: `folder`, which is there, is where they are unpacked
 * to. stored_images_end_packed tells how many bytes it has, unpacked. */
enum status stored_images_add_packed(struct stored_images *set, const char *path, const char *folder,
                                     struct error *error);
enum status stored_images_end_packed(struct stored_images *set, uint64_t bytes, struct error *error);
/* The bytes at `offset` of the last file, unpacked. STATUS_STORAGE. */
enum status stored_images_put(struct stored_images *set, uint64_t offset, const void *bytes, size_t size,
                              struct error *error);

/* An image at `offset` of the last file. */
enum status stored_images_add(struct stored_images *set, uint64_t offset, uint32_t span, uint32_t label,
                              struct error *error);
/* A crc of the labels and places. */
uint32_t stored_images_digest(const struct stored_images *set);
void stored_images_close(struct stored_images *set);

/* What follows may be called by several threads at once. */

/* Where an image is, for people: where[PATH_SIZE]. */
void stored_images_place(const struct stored_images *set, uint64_t number, char *where);
/* The file that an image is in; STATUS_DATA, with no path. */
enum status stored_images_look(const struct stored_images *set, uint64_t number, struct stat *file,
                               struct error *error);
/* The bytes of an image as new memory that the caller frees. STATUS_DATA. */
enum status stored_images_read(const struct stored_images *set, uint64_t number, uint8_t **bytes,
                               size_t *size, struct error *error);
/* `size` bytes at a place in the files laid end to end, within one of them; STATUS_DATA, with no path. */
enum status stored_images_read_part(const struct stored_images *set, uint64_t offset, void *bytes,
                                    size_t size, struct error *error);
/* Which file a place is in. */
const struct stored_file *stored_images_file(const struct stored_images *set, uint64_t offset);
/* The open file that has a place, and where in it; -1 where it is none that stays open. */
int stored_images_descriptor(const struct stored_images *set, uint64_t offset, uint64_t *at);

#endif
