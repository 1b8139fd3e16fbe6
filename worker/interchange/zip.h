/* Archives (PKWARE's APPNOTE.TXT, with zip64), as far as PyTorch writes them: entries that are stored, not
 * compressed, so that each is a piece of the file.
 *
 * The reader trusts nothing: sizes and numbers are bounded, and every entry lies within the file. It checks no
 * checksum, which PyTorch can be told to leave out.
 */
#ifndef DAIL_WORKER_INTERCHANGE_ZIP_H
#define DAIL_WORKER_INTERCHANGE_ZIP_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

#define ZIP_ENTRIES_MAX 65536
#define ZIP_NAME_SIZE 256

struct zip_entry {
    char name[ZIP_NAME_SIZE];
    uint64_t offset, size; /* of its bytes in the file */
};

/* The entries of an open file of that size, sorted by name; the caller frees *entries. STATUS_DATA where it is no
 * archive, is damaged, or has an entry that is compressed or encrypted. */
enum status zip_list(const char *path, int descriptor, uint64_t size, struct zip_entry **entries,
                     size_t *count, struct error *error);

/* NULL: there is none of that name. */
const struct zip_entry *zip_find(const struct zip_entry *entries, size_t count, const char *name);

#endif
