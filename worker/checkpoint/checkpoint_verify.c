/* Whether a checkpoint is whole: its files against what COMMIT says of them. */
#include "worker/checkpoint/checkpoint_verify.h"

#include "proto/file.h"
#include "worker/checkpoint/checkpoint_file.h"
#include "worker/checkpoint/checkpoint_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK_BYTES ((size_t)1 << 20)
/* A piece is small enough for the readers to have about as much to read, and large enough to be read at full speed. */
#define PIECES_A_READER 4
#define PIECE_BYTES_MIN ((uint64_t)1 << 20)
#define PIECE_BYTES_MAX ((uint64_t)64 << 20)

static const char damaged[] = "the checkpoint is damaged: resume from an earlier one";

static enum status check_size(const char *file, uint64_t bytes, const struct checkpoint_part *part,
                              struct error *error)
{
    return bytes == part->bytes ? STATUS_OK
                                : error_set(error, STATUS_DATA, file, damaged,
                                            "the file has %llu bytes where COMMIT says %llu",
                                            (unsigned long long)bytes, (unsigned long long)part->bytes);
}

static enum status check_file_size(const char *path, const struct checkpoint_part *part, struct error *error)
{
    char file[PATH_SIZE];
    uint64_t bytes;
    enum status status = file_join(path, part->file, file, error);
    if (status == STATUS_OK) {
        status = file_size(file, FILE_LINKS_REFUSED, &bytes, error);
    }
    if (status != STATUS_OK) {
        error_advise(error, damaged);
        return status;
    }
    return check_size(file, bytes, part, error);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct checkpoint_part *)a)->file, ((const struct checkpoint_part *)b)->file);
}

static enum status check_listed(const char *path, const struct checkpoint_part *parts, size_t count,
                                const char *file, struct error *error)
{
    struct checkpoint_part key;
    snprintf(key.file, sizeof key.file, "%s", file);
    if (bsearch(&key, parts, count, sizeof *parts, compare_names)) {
        return STATUS_OK;
    }
    return error_set(error, STATUS_DATA, path, damaged, "COMMIT does not list %s", file);
}

/* What is read is what was checked: COMMIT lists every file that a checkpoint of these datasets has, and no
 * other.
 */
static enum status check_list(const char *path, const struct checkpoint_part *parts, size_t count,
                              struct error *error)
{
    struct checkpoint_state state;
    uint64_t expected = 2;
    enum status status = check_listed(path, parts, count, "model.h5", error);
    if (status == STATUS_OK) {
        status = check_listed(path, parts, count, "state.yaml", error);
    }
    if (status == STATUS_OK) {
        status = checkpoint_read_state(path, &state, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t k = 0; k < state.dataset_count; k++) {
        expected += state.datasets[k].parts;
    }
    for (size_t k = 0; k < state.dataset_count && status == STATUS_OK; k++) {
        const struct checkpoint_dataset *dataset = &state.datasets[k];
        for (uint32_t part = 1; part <= dataset->parts && status == STATUS_OK; part++) {
            char file[sizeof parts->file];
            status = checkpoint_name_classifier(path, dataset->name, part, dataset->parts, file, sizeof file,
                                                error);
            if (status == STATUS_OK) {
                status = check_listed(path, parts, count, file, error);
            }
        }
    }
    checkpoint_state_free(&state);
    if (status == STATUS_OK && expected != count) {
        status = error_set(error, STATUS_DATA, path, damaged,
                           "COMMIT lists %zu files where %llu belong to the checkpoint", count,
                           (unsigned long long)expected);
    }
    return status;
}

/* --- All of it, in pieces --- */

static size_t pieces_of(const struct checkpoint_listing *listing, const struct checkpoint_part *part)
{
    return (size_t)((part->bytes + listing->piece_bytes - 1) / listing->piece_bytes);
}

static uint64_t piece_bytes_for(const struct checkpoint_listing *listing, int readers)
{
    uint64_t all = 0;
    for (size_t i = 0; i < listing->count; i++) {
        all += listing->parts[i].bytes;
    }
    const uint64_t fair = all / (PIECES_A_READER * (uint64_t)readers);
    return fair < PIECE_BYTES_MIN ? PIECE_BYTES_MIN : fair > PIECE_BYTES_MAX ? PIECE_BYTES_MAX : fair;
}

enum status checkpoint_listing_open(const char *path, int readers, struct checkpoint_listing *listing,
                                    struct error *error)
{
    *listing = (struct checkpoint_listing){0};
    enum status status = checkpoint_read_commit(path, &listing->parts, &listing->count, error);
    for (size_t i = 0; i < listing->count && status == STATUS_OK; i++) {
        status = check_file_size(path, &listing->parts[i], error);
    }
    if (status == STATUS_OK) {
        qsort(listing->parts, listing->count, sizeof *listing->parts, compare_names);
        status = check_list(path, listing->parts, listing->count, error);
    }
    if (status != STATUS_OK) {
        checkpoint_listing_close(listing);
        return status;
    }
    listing->piece_bytes = piece_bytes_for(listing, readers);
    return STATUS_OK;
}

void checkpoint_listing_close(struct checkpoint_listing *listing)
{
    free(listing->parts);
    *listing = (struct checkpoint_listing){0};
}

size_t checkpoint_listing_pieces(const struct checkpoint_listing *listing)
{
    size_t pieces = 0;
    for (size_t i = 0; i < listing->count; i++) {
        pieces += pieces_of(listing, &listing->parts[i]);
    }
    return pieces;
}

/* zlib's crc32 of `bytes` from `offset` on. */
static enum status sum_stretch(int descriptor, const char *file, uint64_t offset, uint64_t bytes,
                               const struct checkpoint_progress *progress, uint32_t *crc, struct error *error)
{
    uint8_t *block = malloc(BLOCK_BYTES);
    if (!block) {
        return error_no_memory(error, file);
    }
    uLong sum = crc32(0, NULL, 0);
    enum status status = STATUS_OK;
    while (bytes > 0 && status == STATUS_OK) {
        ssize_t count =
            pread(descriptor, block, bytes < BLOCK_BYTES ? (size_t)bytes : BLOCK_BYTES, (off_t)offset);
        if (count > 0) {
            sum = crc32(sum, block, (uInt)count);
            checkpoint_show_progress(progress);
            offset += (uint64_t)count;
            bytes -= (uint64_t)count;
        } else if (count == 0 || errno != EINTR) {
            status = file_data_error(error, file, count == 0 ? ENODATA : errno);
        }
    }
    *crc = (uint32_t)sum;
    free(block);
    return status;
}

enum status checkpoint_listing_sum(const char *path, const struct checkpoint_listing *listing, size_t piece,
                                   const struct checkpoint_progress *progress, uint32_t *crc,
                                   struct error *error)
{
    const struct checkpoint_part *part = listing->parts;
    char file[PATH_SIZE];
    int descriptor;
    uint64_t bytes;
    while (piece >= pieces_of(listing, part)) {
        piece -= pieces_of(listing, part++);
    }
    const uint64_t offset = piece * listing->piece_bytes, left = part->bytes - offset;
    enum status status = file_join(path, part->file, file, error);
    if (status == STATUS_OK) {
        status = file_open(file, FILE_LINKS_REFUSED, &descriptor, &bytes, error);
    }
    if (status != STATUS_OK) {
        error_advise(error, damaged);
        return status;
    }
    status = check_size(file, bytes, part, error);
    if (status == STATUS_OK) {
        status = sum_stretch(descriptor, file, offset,
                             left < listing->piece_bytes ? left : listing->piece_bytes, progress, crc, error);
    }
    close(descriptor);
    return status;
}

enum status checkpoint_listing_judge(const char *path, const struct checkpoint_listing *listing,
                                     const uint32_t *crc, struct error *error)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct checkpoint_part *part = &listing->parts[i];
        uLong sum = crc32(0, NULL, 0);
        for (uint64_t left = part->bytes; left > 0;) {
            const uint64_t bytes = left < listing->piece_bytes ? left : listing->piece_bytes;
            sum = crc32_combine(sum, *crc++, (z_off_t)bytes);
            left -= bytes;
        }
        if (sum != part->crc) {
            char file[PATH_SIZE];
            enum status status = file_join(path, part->file, file, error);
            return status == STATUS_OK
                       ? error_set(error, STATUS_DATA, file, damaged,
                                   "the file's crc is %08x where COMMIT says %08x", (unsigned)sum, part->crc)
                       : status;
        }
    }
    return STATUS_OK;
}

static enum status verify_bytes(const char *path, const struct checkpoint_listing *listing,
                                struct error *error)
{
    const size_t pieces = checkpoint_listing_pieces(listing);
    uint32_t *crc = calloc(pieces + 1, sizeof *crc);
    enum status status = crc ? STATUS_OK : error_no_memory(error, path);
    for (size_t piece = 0; piece < pieces && status == STATUS_OK; piece++) {
        status = checkpoint_listing_sum(path, listing, piece, NULL, &crc[piece], error);
    }
    if (status == STATUS_OK) {
        status = checkpoint_listing_judge(path, listing, crc, error);
    }
    free(crc);
    return status;
}

enum status checkpoint_verify(const char *path, bool deep, struct error *error)
{
    struct checkpoint_listing listing;
    enum status status = checkpoint_listing_open(path, 1, &listing, error);
    if (status == STATUS_OK && deep) {
        status = verify_bytes(path, &listing, error);
    }
    checkpoint_listing_close(&listing);
    return status;
}
