#include "shard/archive/lmdb.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0xbeefc0deu
#define HEADER 16 /* of a page */
#define NODE 8 /* of a node, before its key */
#define PAGE_MIN 512
#define PAGE_MAX 65536
#define DEPTH_MAX 32
#define NO_PAGE UINT64_MAX
#define ADVICE "copy the database again, or write it anew"

/* Where fields lie in a page, and in that of a meta; its two databases are the free pages' and the main one. */
enum { AT_FLAGS = 10, AT_LOWER = 12, AT_PAGES = 12 };
enum {
    AT_MAGIC = 16,
    AT_VERSION = 20,
    AT_PAGE_SIZE = 40,
    AT_MAIN_FLAGS = 92,
    AT_ENTRIES = 120,
    AT_ROOT = 128,
    AT_TXNID = 144
};
#define META_SIZE 152

enum { BRANCH = 1, LEAF = 2, OVERFLOW_PAGE = 4, META = 8 }; /* of a page */
enum {
    BIG = 1
}; /* of a node: its value lies in overflow pages; other flags are of databases and of several values */

struct reader {
    const char *path;
    int descriptor;
    uint64_t pages; /* in the file */
    size_t page_size;
    uint8_t *page[DEPTH_MAX]; /* of each level, page_size bytes; made as they are needed */
    uint64_t visited; /* pages: no tree has more than the file */
    uint64_t entries;
    enum status (*visit)(void *context, const struct lmdb_entry *entry, struct error *error);
    void *context;
};

static uint16_t read_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)read_u16(bytes) | (uint32_t)read_u16(bytes + 2) << 16;
}

static uint64_t read_u64(const uint8_t *bytes)
{
    return read_u32(bytes) | (uint64_t)read_u32(bytes + 4) << 32;
}

static enum status damaged(const struct reader *reader, uint64_t page, struct error *error, const char *what)
{
    char where[PATH_SIZE + 40];
    snprintf(where, sizeof where, "%.900s, page %" PRIu64, reader->path, page);
    return error_set(error, STATUS_DATA, where, ADVICE, "%s", what);
}

static enum status read_part(const struct reader *reader, uint64_t page, void *bytes, size_t size,
                             struct error *error)
{
    enum status status = file_read_part(reader->descriptor, page * reader->page_size, bytes, size, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, reader->path);
    }
    return status;
}

/* --- Metas --- */

static bool is_meta(const uint8_t *meta)
{
    return (read_u16(meta + AT_FLAGS) & META) != 0 && read_u32(meta + AT_MAGIC) == MAGIC &&
           read_u32(meta + AT_VERSION) == 1;
}

/* The root of the later of both metas, and how many entries its database has. */
static enum status read_metas(struct reader *reader, uint64_t bytes, uint64_t *root, uint64_t *entries,
                              struct error *error)
{
    uint8_t metas[2][META_SIZE];
    if (bytes < 2 * PAGE_MIN) {
        return damaged(reader, 0, error, "this is no LMDB database");
    }
    reader->page_size = PAGE_MIN;
    enum status status = read_part(reader, 0, metas[0], META_SIZE, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t size = read_u32(metas[0] + AT_PAGE_SIZE);
    if (!is_meta(metas[0]) || size < PAGE_MIN || size > PAGE_MAX || (size & (size - 1)) != 0 ||
        bytes / size < 2) {
        return damaged(reader, 0, error, "this is no LMDB database of a 64-bit machine");
    }
    reader->page_size = size;
    reader->pages = bytes / size;
    status = read_part(reader, 1, metas[1], META_SIZE, error);
    if (status != STATUS_OK) {
        return status;
    }
    const bool second = is_meta(metas[1]) && read_u64(metas[1] + AT_TXNID) > read_u64(metas[0] + AT_TXNID);
    const uint8_t *meta = metas[second];
    *root = read_u64(meta + AT_ROOT);
    *entries = read_u64(meta + AT_ENTRIES);
    /* Keys in reverse, of numbers, several values: the order does not matter, the values' form does. */
    return (read_u16(meta + AT_MAIN_FLAGS) & 0x04) != 0
               ? damaged(reader, second, error, "several values of a key are not read")
               : STATUS_OK;
}

/* --- Pages --- */

/* The place of a large value, whose page stands at `from`. */
static enum status find_overflow(const struct reader *reader, const uint8_t *from, struct lmdb_entry *entry,
                                 struct error *error)
{
    const uint64_t page = read_u64(from);
    uint8_t header[HEADER];
    if (page < 2 || page >= reader->pages) {
        return damaged(reader, page, error, "a large value lies beyond the file");
    }
    enum status status = read_part(reader, page, header, HEADER, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t count = read_u32(header + AT_PAGES);
    if ((read_u16(header + AT_FLAGS) & OVERFLOW_PAGE) == 0 || count == 0 || count > reader->pages - page ||
        entry->size > count * reader->page_size - HEADER) {
        return damaged(reader, page, error, "there is no large value where one should be");
    }
    entry->offset = page * reader->page_size + HEADER;
    return STATUS_OK;
}

/* Node `i` of a page, with its header and key, which the page has; NULL where it has not. */
static const uint8_t *find_node(const struct reader *reader, const uint8_t *page, uint32_t i, uint32_t count)
{
    const size_t at = read_u16(page + HEADER + 2 * (size_t)i), size = reader->page_size;
    if (at < HEADER + 2 * (size_t)count || at + NODE > size || at + NODE + read_u16(page + at + 6) > size) {
        return NULL;
    }
    return page + at;
}

static enum status visit_node(struct reader *reader, uint64_t number, const uint8_t *page,
                              const uint8_t *node, struct error *error)
{
    const uint16_t flags = read_u16(node + 4);
    struct lmdb_entry entry = {.key = node + NODE, .key_size = read_u16(node + 6), .size = read_u32(node)};
    const uint8_t *data = node + NODE + entry.key_size;
    const size_t at = (size_t)(data - page);
    enum status status = STATUS_OK;
    if ((flags & ~BIG) != 0) {
        return damaged(reader, number, error,
                       "a database within the database, or several values of a key, are not read");
    }
    if (at + (flags & BIG ? 8 : entry.size) > reader->page_size) {
        return damaged(reader, number, error, "a value lies beyond its page");
    }
    if (flags & BIG) {
        status = find_overflow(reader, data, &entry, error);
    } else {
        entry.offset = number * reader->page_size + at;
    }
    reader->entries++;
    return status == STATUS_OK ? reader->visit(reader->context, &entry, error) : status;
}

static enum status load_page(struct reader *reader, uint64_t number, int depth, struct error *error)
{
    if (number < 2 || number >= reader->pages) {
        return damaged(reader, number, error, "the page lies beyond the file");
    }
    if (depth >= DEPTH_MAX || reader->visited++ >= reader->pages) {
        return damaged(reader, number, error, "the pages are no tree");
    }
    if (!reader->page[depth]) {
        reader->page[depth] = malloc(reader->page_size);
    }
    return reader->page[depth] ? read_part(reader, number, reader->page[depth], reader->page_size, error)
                               : error_no_memory(error, reader->path);
}

static enum status walk(struct reader *reader, uint64_t number, int depth, struct error *error)
{
    enum status status = load_page(reader, number, depth, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *page = reader->page[depth];
    const uint16_t flags = read_u16(page + AT_FLAGS), lower = read_u16(page + AT_LOWER);
    const bool branch = (flags & BRANCH) != 0;
    if (read_u64(page) != number || branch == ((flags & LEAF) != 0) ||
        (flags & (OVERFLOW_PAGE | META)) != 0 || lower < HEADER || lower > reader->page_size) {
        return damaged(reader, number, error, "this is no page of a tree");
    }
    const uint32_t count = (lower - HEADER) / 2u;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        const uint8_t *node = find_node(reader, page, i, count);
        if (!node) {
            status = damaged(reader, number, error, "a node lies beyond its page");
        } else if (branch) {
            const uint64_t child = read_u32(node) | (uint64_t)read_u16(node + 4) << 32;
            status = walk(reader, child, depth + 1, error);
        } else {
            status = visit_node(reader, number, page, node, error);
        }
    }
    return status;
}

/* --- The whole --- */

enum status lmdb_walk(const char *path,
                      enum status (*visit)(void *context, const struct lmdb_entry *entry,
                                           struct error *error),
                      void *context, struct error *error)
{
    struct reader reader = {.path = path, .descriptor = -1, .visit = visit, .context = context};
    uint64_t bytes, root = NO_PAGE, entries = 0;
    enum status status = file_open(path, FILE_LINKS_FOLLOWED, &reader.descriptor, &bytes, error);
    if (status == STATUS_OK) {
        status = read_metas(&reader, bytes, &root, &entries, error);
    }
    if (status == STATUS_OK && root != NO_PAGE) {
        status = walk(&reader, root, 0, error);
    }
    if (status == STATUS_OK && reader.entries != entries) {
        status = error_set(error, STATUS_DATA, path, ADVICE,
                           "the database tells of %" PRIu64 " entries, but there are %" PRIu64, entries,
                           reader.entries);
    }
    for (int i = 0; i < DEPTH_MAX; i++) {
        free(reader.page[i]);
    }
    if (reader.descriptor >= 0) {
        close(reader.descriptor);
    }
    return status;
}
