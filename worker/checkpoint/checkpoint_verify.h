/* A checkpoint's bytes in pieces, so that many can share in verifying it: checkpoint_verify is the same for one alone. */
#ifndef DAIL_WORKER_CHECKPOINT_CHECKPOINT_VERIFY_H
#define DAIL_WORKER_CHECKPOINT_CHECKPOINT_VERIFY_H

#include "worker/checkpoint/checkpoint.h"

/* What COMMIT lists, by name. Pieces are counted through the files in this order; none reaches over a file's end. */
struct checkpoint_listing {
    struct checkpoint_part *parts; /* [count], owned */
    size_t count;
    uint64_t piece_bytes; /* of every piece but a file's last */
};

/* Reads and checks everything but the files' bytes, and chooses pieces for so many readers. STATUS_DATA where the
 * checkpoint is damaged. The caller calls checkpoint_listing_close. */
enum status checkpoint_listing_open(const char *path, int readers, struct checkpoint_listing *listing,
                                    struct error *error);
void checkpoint_listing_close(struct checkpoint_listing *listing);

size_t checkpoint_listing_pieces(const struct checkpoint_listing *listing);

/* zlib's crc32 of one piece; `progress` (NULL: none) is called as its bytes come. STATUS_DATA where its file cannot be read or has another size. */
enum status checkpoint_listing_sum(const char *path, const struct checkpoint_listing *listing, size_t piece,
                                   const struct checkpoint_progress *progress, uint32_t *crc,
                                   struct error *error);

/* Whether the files have the crcs that COMMIT says, by those of all pieces. STATUS_DATA names the first that has
 * another. */
enum status checkpoint_listing_judge(const char *path, const struct checkpoint_listing *listing,
                                     const uint32_t *crc, struct error *error);

#endif
