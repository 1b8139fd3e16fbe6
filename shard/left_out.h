/* What an importer leaves out and why: counted for one line, each one kept for a list. Every function takes NULL for
 * nobody who asks. One thread at a time. Private to shard/. */
#ifndef DAIL_SHARD_LEFT_OUT_H
#define DAIL_SHARD_LEFT_OUT_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reasons; the table in left_out.c has what is said of each. */
enum left_out_reason {
    LEFT_OUT_BAD_IMAGE, /* --skip-bad */
    LEFT_OUT_BAD_EARLIER, /* likewise, in shards that were finished before a break */
    LEFT_OUT_BAD_PAIR, /* of a bad image */
    LEFT_OUT_NOT_READ, /* an image of a kind that is not decoded */
    LEFT_OUT_OTHER_ENDING, /* no image by its name */
    LEFT_OUT_NO_ENDING,
    LEFT_OUT_DEAD_LINK,
    LEFT_OUT_SPECIAL, /* a pipe, a socket, a device */
    LEFT_OUT_BESIDE, /* a file that is in no identity's folder */
    LEFT_OUT_DEEPER, /* a folder inside an identity's */
    LEFT_OUT_NOT_NAMED, /* an image that the table of faces does not name */
    LEFT_OUT_TORN, /* a piece of a file that is no record */
    LEFT_OUT_NO_IMAGE, /* a record or a sample without an image */
    LEFT_OUT_UNLABELLED, /* an image of an archive */
    LEFT_OUT_NOT_LISTED, /* a record that the index does not have */
    LEFT_OUT_NO_LABEL, /* a label of no image; --compact */
    LEFT_OUT_EMPTY, /* an identity without an image */
    LEFT_OUT_FEW, /* --min-images */
    LEFT_OUT_EXCLUDED,
    LEFT_OUT_NOT_INCLUDED,
    LEFT_OUT_EXCLUDED_IMAGE,
    LEFT_OUT_MANY, /* an image; --max-images */
    LEFT_OUT_EMPTIED, /* an identity that lost all its images to --skip-bad, and keeps its label */
    LEFT_OUT_REASONS
};

#define LEFT_OUT_GROUPS 8 /* endings that are told apart; further ones are counted together */
#define LEFT_OUT_NAMES 8 /* identities that are named where nobody asked for a list */

struct left_out {
    bool listed; /* by the caller: keep each one, for left_out_write */
    uint64_t count[LEFT_OUT_REASONS];
    struct left_out_group {
        enum left_out_reason reason;
        char what[16]; /* an ending, with its dot */
        uint64_t count;
    } groups[LEFT_OUT_GROUPS];
    struct left_out_item {
        enum left_out_reason reason;
        char *name, *detail; /* may be NULL */
    } * items; /* [item_count], owned: all of them, or the first identities that vanish */
    size_t item_count, capacity;
    uint64_t vanished; /* identities that nobody asked to be left out */
    bool failed; /* memory ran out */
};

/* One more. `detail` (may be NULL) is what else is known of it, such as why it cannot be decoded. */
void left_out_add(struct left_out *left_out, enum left_out_reason reason, const char *name,
                  const char *detail);
/* A file whose name says that it is not read, by its ending. */
void left_out_file(struct left_out *left_out, const char *path);
/* So many that are known by number alone. */
void left_out_count(struct left_out *left_out, enum left_out_reason reason, uint64_t count);

/* "left out: 3 images that cannot be decoded; ...", or "left out: nothing"; the caller frees it. NULL without memory. */
char *left_out_sentence(const struct left_out *left_out);
/* The identities that nobody asked to be left out, by name, as a sentence; the caller frees it. NULL where there are none,
 * or without memory. */
char *left_out_vanished(const struct left_out *left_out);

/* Writes all of them as TSV: what, name, why. STATUS_STORAGE. */
enum status left_out_write(const struct left_out *left_out, const char *path, struct error *error);

void left_out_free(struct left_out *left_out);

#endif
