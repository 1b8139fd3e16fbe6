#include "worker/interchange/zip.h"

#include "proto/file.h"

#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEXT "save the file again in PyTorch"
#define DIRECTORY_MAX ((uint64_t)64 << 20) /* bytes of the central directory */

enum {
    END_BYTES = 22, /* of the record that ends an archive, without its comment */
    COMMENT_MAX = 65535,
    LOCATOR_BYTES = 20, /* before it, where the archive is zip64 */
    END64_BYTES = 56,
    ENTRY_BYTES = 46, /* of an entry in the directory, without its name */
    LOCAL_BYTES = 30, /* before an entry's bytes, without its name */
    ENCRYPTED = 1,
    EXTRA_ZIP64 = 1
};

struct archive {
    const char *path;
    int descriptor;
    uint64_t size;
    uint64_t directory, directory_bytes, entries;
};

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
    return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

static uint64_t get64(const uint8_t *bytes)
{
    return get32(bytes) | (uint64_t)get32(bytes + 4) << 32;
}

static enum status bad(const struct archive *archive, const char *what, struct error *error)
{
    return error_set(error, STATUS_DATA, archive->path, NEXT, "%s", what);
}

static enum status read_at(const struct archive *archive, uint64_t offset, void *bytes, size_t size,
                           struct error *error)
{
    if (offset > archive->size || size > archive->size - offset) {
        return bad(archive, "the archive is damaged: it names bytes behind its end", error);
    }
    enum status status = file_read_part(archive->descriptor, offset, bytes, size, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, archive->path);
    }
    return status;
}

/* --- The directory --- */

static enum status read_end64(struct archive *archive, uint64_t locator, struct error *error)
{
    uint8_t bytes[END64_BYTES];
    enum status status = read_at(archive, locator, bytes, LOCATOR_BYTES, error);
    if (status == STATUS_OK && memcmp(bytes, "PK\6\7", 4) != 0) {
        return bad(archive, "the archive is damaged: its end is incomplete", error);
    }
    if (status == STATUS_OK) {
        status = read_at(archive, get64(bytes + 8), bytes, END64_BYTES, error);
    }
    if (status == STATUS_OK && memcmp(bytes, "PK\6\6", 4) != 0) {
        return bad(archive, "the archive is damaged: its end is incomplete", error);
    }
    if (status == STATUS_OK) {
        archive->entries = get64(bytes + 32);
        archive->directory_bytes = get64(bytes + 40);
        archive->directory = get64(bytes + 48);
    }
    return status;
}

/* The last record of the file: nothing but its comment stands behind it. */
static enum status find_end(struct archive *archive, struct error *error)
{
    const uint64_t most = END_BYTES + COMMENT_MAX;
    const size_t size = archive->size < most ? (size_t)archive->size : (size_t)most;
    const uint64_t begin = archive->size - size;
    uint8_t *bytes = malloc(size + 1);
    if (!bytes) {
        return error_no_memory(error, archive->path);
    }
    enum status status = read_at(archive, begin, bytes, size, error);
    size_t at = size < END_BYTES ? 0 : size - END_BYTES + 1;
    bool found = false;
    while (status == STATUS_OK && at > 0 && !found) {
        at--;
        found = memcmp(bytes + at, "PK\5\6", 4) == 0 && get16(bytes + at + 20) == size - at - END_BYTES;
    }
    if (found) {
        archive->entries = get16(bytes + at + 10);
        archive->directory_bytes = get32(bytes + at + 12);
        archive->directory = get32(bytes + at + 16);
    } else if (status == STATUS_OK) {
        status =
            bad(archive, "this is no archive, as torch.save writes it since PyTorch 1.6, or it is cut short",
                error);
    }
    free(bytes);
    const bool wide = found && (archive->entries == UINT16_MAX || archive->directory_bytes == UINT32_MAX ||
                                archive->directory == UINT32_MAX);
    if (!wide) {
        return status;
    }
    return begin + at >= LOCATOR_BYTES ? read_end64(archive, begin + at - LOCATOR_BYTES, error)
                                       : bad(archive, "the archive is damaged: its end is incomplete", error);
}

/* --- Entries --- */

/* What of an entry's sizes and place does not fit in 32 bits stands in an extra field, in this order. */
static bool widen_sizes(const uint8_t *extra, size_t bytes, uint64_t *plain, uint64_t *packed,
                        uint64_t *local)
{
    uint64_t *const wide[3] = {plain, packed, local};
    while (bytes >= 4 && get16(extra) != EXTRA_ZIP64 && (size_t)get16(extra + 2) + 4 <= bytes) {
        bytes -= (size_t)get16(extra + 2) + 4;
        extra += (size_t)get16(extra + 2) + 4;
    }
    size_t left = bytes >= 4 && get16(extra) == EXTRA_ZIP64 ? get16(extra + 2) : 0, at = 4;
    for (int i = 0; i < 3; i++) {
        if (*wide[i] != UINT32_MAX) {
            continue;
        }
        if (left < 8 || at + 8 > bytes) {
            return false;
        }
        *wide[i] = get64(extra + at);
        at += 8;
        left -= 8;
    }
    return true;
}

/* Where its bytes begin: behind a header of its own, which has a name and extra fields again. */
static enum status place_entry(const struct archive *archive, uint64_t local, struct zip_entry *entry,
                               struct error *error)
{
    uint8_t bytes[LOCAL_BYTES];
    enum status status = read_at(archive, local, bytes, LOCAL_BYTES, error);
    if (status != STATUS_OK) {
        return status;
    }
    entry->offset = local + LOCAL_BYTES + get16(bytes + 26) + get16(bytes + 28);
    if (memcmp(bytes, "PK\3\4", 4) != 0 || entry->offset > archive->size ||
        entry->size > archive->size - entry->offset) {
        return error_set(error, STATUS_DATA, archive->path, NEXT,
                         "the archive is damaged: '%.100s' is not where it should be", entry->name);
    }
    return STATUS_OK;
}

/* The entry at directory[0..left); *used: its bytes there. */
static enum status read_entry(const struct archive *archive, const uint8_t *directory, uint64_t left,
                              struct zip_entry *entry, size_t *used, struct error *error)
{
    if (left < ENTRY_BYTES || memcmp(directory, "PK\1\2", 4) != 0) {
        return bad(archive, "the archive is damaged: its directory has fewer entries than it says", error);
    }
    const size_t name = get16(directory + 28), extra = get16(directory + 30);
    uint64_t packed = get32(directory + 20), local = get32(directory + 42);
    entry->size = get32(directory + 24);
    *used = ENTRY_BYTES + name + extra + get16(directory + 32);
    if (*used > left || name >= ZIP_NAME_SIZE || memchr(directory + ENTRY_BYTES, 0, name) ||
        !widen_sizes(directory + ENTRY_BYTES + name, extra, &entry->size, &packed, &local)) {
        return bad(archive, "the archive is damaged: an entry of its directory is none", error);
    }
    snprintf(entry->name, sizeof entry->name, "%.*s", (int)name, (const char *)directory + ENTRY_BYTES);
    if ((get16(directory + 8) & ENCRYPTED) != 0 || get16(directory + 10) != 0 || packed != entry->size) {
        return error_set(error, STATUS_DATA, archive->path, NEXT,
                         "'%.100s' in the archive is %s; torch.save stores entries as they are", entry->name,
                         (get16(directory + 8) & ENCRYPTED) != 0 ? "encrypted" : "compressed");
    }
    return place_entry(archive, local, entry, error);
}

static int compare_names(const void *left, const void *right)
{
    const struct zip_entry *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static enum status read_directory(const struct archive *archive, struct zip_entry *entries,
                                  struct error *error)
{
    uint8_t *directory = malloc((size_t)archive->directory_bytes + 1);
    enum status status =
        directory ? read_at(archive, archive->directory, directory, (size_t)archive->directory_bytes, error)
                  : error_no_memory(error, archive->path);
    uint64_t at = 0;
    for (uint64_t i = 0; i < archive->entries && status == STATUS_OK; i++) {
        size_t used = 0;
        status =
            read_entry(archive, directory + at, archive->directory_bytes - at, &entries[i], &used, error);
        at += used;
    }
    free(directory);
    return status;
}

enum status zip_list(const char *path, int descriptor, uint64_t size, struct zip_entry **entries,
                     size_t *count, struct error *error)
{
    struct archive archive = {.path = path, .descriptor = descriptor, .size = size};
    *entries = NULL;
    *count = 0;
    enum status status = find_end(&archive, error);
    if (status == STATUS_OK &&
        (archive.entries > ZIP_ENTRIES_MAX || archive.directory_bytes > DIRECTORY_MAX)) {
        status = bad(&archive, "the archive has more entries than any network's", error);
    }
    if (status == STATUS_OK) {
        *entries = calloc((size_t)archive.entries + 1, sizeof **entries);
        status = *entries ? read_directory(&archive, *entries, error) : error_no_memory(error, path);
    }
    if (status != STATUS_OK) {
        free(*entries);
        *entries = NULL;
        return status;
    }
    *count = (size_t)archive.entries;
    qsort(*entries, *count, sizeof **entries, compare_names);
    return STATUS_OK;
}

const struct zip_entry *zip_find(const struct zip_entry *entries, size_t count, const char *name)
{
    struct zip_entry key;
    snprintf(key.name, sizeof key.name, "%s", name);
    return strlen(name) < sizeof key.name && count > 0
               ? bsearch(&key, entries, count, sizeof key, compare_names)
               : NULL;
}
