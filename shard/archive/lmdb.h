/* LMDB's files (data.mdb), read only, each page checked before it is used; trusts nothing, where liblmdb trusts its pages.
 * Private to shard/.
 *
 * A file is pages of one size, little-endian, as a 64-bit machine writes them (liblmdb 0.9, mdb.c: MDB_page, MDB_node,
 * MDB_meta). Pages 0 and 1 are metas; that of the later transaction has the root of the main database. A branch page has
 * nodes of key and page, a leaf page nodes of key and value. A value that is large lies in overflow pages, end to end: so
 * every value is a piece of the file. Databases within the main one and several values of a key are refused.
 */
#ifndef DAIL_SHARD_ARCHIVE_LMDB_H
#define DAIL_SHARD_ARCHIVE_LMDB_H

#include "proto/error.h"
#include "proto/file.h"

#include <stddef.h>
#include <stdint.h>

#define LMDB_KEY_MAX 511 /* bytes */

struct lmdb_entry {
    const uint8_t *key; /* [key_size], while it is visited */
    size_t key_size;
    uint64_t offset, size; /* of the value, in the file */
};

/* Calls `visit` for every entry, in the order of the keys, byte by byte; ends early where that is not STATUS_OK, with its
 * status. STATUS_DATA names the file and the page. */
enum status lmdb_walk(const char *path,
                      enum status (*visit)(void *context, const struct lmdb_entry *entry,
                                           struct error *error),
                      void *context, struct error *error);

#endif
