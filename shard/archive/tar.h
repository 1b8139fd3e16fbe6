/* Tar archives, plain or under gzip, read from end to end; trusts nothing. Private to shard/.
 *
 * Members lie end to end in blocks of 512 bytes (POSIX pax, "ustar Interchange Format"): a header with name, size and
 * checksum, and the file's bytes. Read are the headers of ustar, of GNU (long names, sizes in base 256) and of pax (path
 * and size). Sparse files and such as go on in another volume are refused. Nothing is extracted: a name is a name, wherever
 * it would lead.
 */
#ifndef DAIL_SHARD_ARCHIVE_TAR_H
#define DAIL_SHARD_ARCHIVE_TAR_H

#include "proto/error.h"
#include "proto/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tar_reader;

enum tar_kind {
    TAR_FILE, /* a plain one */
    TAR_FOLDER,
    TAR_OTHER /* a link, a device */
};

struct tar_member {
    char name[PATH_SIZE]; /* without "./" before it; '?' for what is no character of a line */
    enum tar_kind kind;
    uint64_t header; /* where its headers begin in the archive, unpacked */
    uint64_t offset, size; /* of its bytes, likewise */
};

/* Who is told of an archive. */
struct tar_visitor {
    /* Of every member, in the archive's order; the scan ends early where that is not STATUS_OK, with its status. */
    enum status (*visit)(void *context, struct tar_reader *reader, const struct tar_member *member,
                         struct error *error);
    /* NULL, or damage ends nothing: which piece of the archive, up to the next header or the end, is no member, and why. A
     * member whose bytes tar_read could not have is told of here too. */
    void (*torn)(void *context, uint64_t begin, uint64_t end, const struct error *why);
    void *context;
};

/* STATUS_DATA where there is no such file. */
enum status tar_open(const char *path, struct tar_reader **reader, struct error *error);
/* Whether it is under gzip: then its bytes can be had while a member is visited, and not later. */
bool tar_is_packed(const struct tar_reader *reader);
/* STATUS_DATA names the archive and the byte. What unpacks to more than 200 times its size, and to more than 64 MiB, is
 * damage. */
enum status tar_scan(struct tar_reader *reader, const struct tar_visitor *visitor, struct error *error);
/* `size` bytes of the member that is visited, from its byte `from` on; it has them, and they are asked for in their order.
 * STATUS_DATA. */
enum status tar_read(struct tar_reader *reader, const struct tar_member *member, uint64_t from, void *bytes,
                     size_t size, struct error *error);
/* Once it was scanned: its bytes, unpacked, and whether the blocks were there that mark an archive's end. */
uint64_t tar_bytes(const struct tar_reader *reader);
bool tar_is_ended(const struct tar_reader *reader);
void tar_close(struct tar_reader *reader);

#endif
