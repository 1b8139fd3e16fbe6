#include "shard/pack/recordio.h"

#include "proto/file.h"
#include "shard/list/line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0xced7230au
#define PREFIX 8 /* bytes before the data of a part */
#define HEADER 24 /* bytes before the labels, or the image */
#define HEAD (HEADER + 2 * sizeof(float)) /* of a record's data: what is looked at */
#define BLOCK ((size_t)4 << 20)
#define DAMAGED "copy the file again, or pack it anew"

enum part { PART_WHOLE, PART_FIRST, PART_MIDDLE, PART_LAST };

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t read_u64(const uint8_t *bytes)
{
    return read_u32(bytes) | (uint64_t)read_u32(bytes + 4) << 32;
}

static float read_float(const uint8_t *bytes)
{
    uint32_t bits = read_u32(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t padded(uint32_t length)
{
    return ((uint64_t)length + 3) & ~(uint64_t)3;
}

/* --- Parts --- */

/* What a record's parts have come to. */
struct joined {
    bool open; /* the last part is still to come */
    uint64_t bytes; /* of data */
    uint8_t head[HEAD]; /* its beginning */
    size_t head_bytes;
};

static void add_head(struct joined *joined, const uint8_t *bytes, size_t size)
{
    size_t room = HEAD - joined->head_bytes;
    size = size < room ? size : room;
    memcpy(joined->head + joined->head_bytes, bytes, size);
    joined->head_bytes += size;
}

/* The next part may be of that kind. The word that parted it from the one before counts. */
static enum status follow(struct joined *joined, uint32_t part, uint32_t length, struct error *error)
{
    static const uint8_t word[4] = {0x0a, 0x23, 0xd7, 0xce};
    bool begins = part == PART_WHOLE || part == PART_FIRST;
    if (part > PART_LAST || begins == joined->open) {
        return error_set(error, STATUS_DATA, NULL, DAMAGED,
                         joined->open ? "part %u follows where a record goes on"
                                      : "part %u is there where a record begins",
                         part);
    }
    if (!begins) {
        add_head(joined, word, sizeof word);
        joined->bytes += sizeof word;
    }
    joined->bytes += length;
    joined->open = part == PART_FIRST || part == PART_MIDDLE;
    return STATUS_OK;
}

/* The fields of a whole record, but for its place. */
static enum status interpret(const struct joined *joined, struct recordio_record *record, struct error *error)
{
    const uint8_t *head = joined->head;
    if (joined->bytes < HEADER) {
        return error_set(error, STATUS_DATA, NULL,
                         "name a file of images, as im2rec and InsightFace write them",
                         "a record of %" PRIu64 " bytes is no image record", joined->bytes);
    }
    uint32_t flag = read_u32(head);
    uint64_t labels = (uint64_t)flag * sizeof(float);
    if (joined->bytes - HEADER < labels) {
        return error_set(error, STATUS_DATA, NULL, DAMAGED,
                         "a record of %" PRIu64 " bytes claims to have %u labels", joined->bytes, flag);
    }
    record->id = read_u64(head + 8);
    record->labels = flag > 0 ? flag : 1;
    record->label[0] = read_float(flag > 0 ? head + HEADER : head + 4);
    record->label[1] = flag > 1 ? read_float(head + HEADER + sizeof(float)) : 0;
    record->image_bytes = (uint32_t)(joined->bytes - HEADER - labels);
    return STATUS_OK;
}

/* --- A whole file --- */

struct reader {
    const char *path;
    int descriptor;
    uint64_t size;
    uint8_t *block; /* [BLOCK]: bytes begin..begin+count of the file */
    uint64_t begin;
    size_t count;
};

static void add_place(const char *path, uint64_t offset, struct error *error)
{
    char where[1200];
    snprintf(where, sizeof where, "%s, record at byte %" PRIu64, path, offset);
    error_prefix_where(error, where);
}

/* Makes `size` bytes at `offset`, which the file has, be in the block. */
static enum status load(struct reader *reader, uint64_t offset, size_t size, const uint8_t **bytes,
                        struct error *error)
{
    if (offset < reader->begin || offset + size > reader->begin + reader->count) {
        reader->begin = offset;
        reader->count = 0;
        while (reader->count < size) {
            ssize_t count = pread(reader->descriptor, reader->block + reader->count, BLOCK - reader->count,
                                  (off_t)(offset + reader->count));
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count <= 0) {
                const int failed = count < 0 ? errno : ENODATA;
                error_set(error, STATUS_DATA, NULL, "check the file and its disk",
                          "the file cannot be read: %s",
                          count < 0 ? strerror(failed) : "it has become shorter");
                error_of_system(error, failed);
                return STATUS_DATA;
            }
            reader->count += (size_t)count;
        }
    }
    *bytes = reader->block + (offset - reader->begin);
    return STATUS_OK;
}

/* One part at `offset`: joins it, and tells where the next one is. */
static enum status read_part(struct reader *reader, uint64_t offset, struct joined *joined, uint64_t *next,
                             struct error *error)
{
    const uint8_t *bytes;
    uint64_t left = reader->size - offset;
    if (left < PREFIX) {
        return error_set(error, STATUS_DATA, NULL, DAMAGED, "the file ends within the record");
    }
    enum status status = load(reader, offset, PREFIX, &bytes, error);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t word = read_u32(bytes + 4), length = word & 0x1fffffffu;
    if (read_u32(bytes) != MAGIC) {
        return error_set(error, STATUS_DATA, NULL, DAMAGED,
                         "%08" PRIx32 " is there where RecordIO's word %08x is expected", read_u32(bytes),
                         MAGIC);
    }
    if (length > left - PREFIX) {
        return error_set(error, STATUS_DATA, NULL, DAMAGED,
                         "the record claims %u bytes, and the file ends after %" PRIu64, length,
                         left - PREFIX);
    }
    status = follow(joined, word >> 29, length, error);
    size_t head = HEAD - joined->head_bytes;
    head = length < head ? length : head;
    if (status == STATUS_OK && head > 0) {
        status = load(reader, offset + PREFIX, head, &bytes, error);
    }
    if (status == STATUS_OK && head > 0) {
        add_head(joined, bytes, head);
    }
    /* The last record's filling may be missing. */
    *next = offset + PREFIX + (padded(length) < left - PREFIX ? padded(length) : left - PREFIX);
    return status;
}

static enum status read_record(struct reader *reader, struct recordio_record *record, struct error *error)
{
    struct joined joined = {.open = false};
    uint64_t next = record->offset;
    do {
        enum status status = read_part(reader, next, &joined, &next, error);
        if (status == STATUS_OK && next - record->offset > RECORDIO_SPAN_MAX) {
            status = error_set(error, STATUS_DATA, NULL, DAMAGED, "a record is larger than %" PRIu64 " bytes",
                               RECORDIO_SPAN_MAX);
        }
        if (status != STATUS_OK) {
            return status;
        }
    } while (joined.open);
    record->span = (uint32_t)(next - record->offset);
    return interpret(&joined, record, error);
}

static enum status open_reader(struct reader *reader, struct error *error)
{
    reader->block = malloc(BLOCK);
    if (!reader->block) {
        return error_no_memory(error, reader->path);
    }
    enum status status =
        file_open(reader->path, FILE_LINKS_FOLLOWED, &reader->descriptor, &reader->size, error);
    if (status == STATUS_OK) {
        posix_fadvise(reader->descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    return status;
}

/* Whether a record begins there. */
static bool begins_record(struct reader *reader, uint64_t offset)
{
    struct recordio_record record = {.offset = offset};
    return read_record(reader, &record, NULL) == STATUS_OK;
}

/* The first record from `from` on, before `end`, which need not lie at a multiple of 4: bytes may be lost. `end` where there
 * is none. */
static enum status find_record(struct reader *reader, uint64_t from, uint64_t end, uint64_t *found,
                               struct error *error)
{
    *found = end;
    for (uint64_t at = from; at + PREFIX <= end; at++) {
        const uint8_t *bytes;
        enum status status = load(reader, at, PREFIX, &bytes, error);
        if (status != STATUS_OK) {
            return status;
        }
        if (read_u32(bytes) == MAGIC && begins_record(reader, at)) {
            *found = at;
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

struct scan {
    struct reader reader;
    enum status (*visit)(void *context, const struct recordio_record *record, struct error *error);
    void (*torn)(void *context, uint64_t begin, uint64_t end, const struct error *why);
    void *context;
    /* The record that was read last: it is seen once another one begins where it ends, unless damage ends the scan. */
    struct recordio_record last;
    bool waits;
};

static enum status see_last(struct scan *scan, struct error *error)
{
    enum status status = scan->waits ? scan->visit(scan->context, &scan->last, error) : STATUS_OK;
    scan->waits = false;
    if (status != STATUS_OK) {
        add_place(scan->reader.path, scan->last.offset, error);
    }
    return status;
}

/* There is no record at *next: goes on at the next one. The container's word is never within a record's data where its
 * writer could have put a record: one inside of the last record is another's, which a false length took in. */
static enum status pass_damage(struct scan *scan, const struct error *why, uint64_t *next,
                               struct error *error)
{
    const uint64_t place = *next, size = scan->reader.size;
    uint64_t begin = place, found = place;
    enum status status = STATUS_OK;
    if (scan->waits) {
        status = find_record(&scan->reader, scan->last.offset + 4, place, &found, error);
    }
    if (status == STATUS_OK && found < place) {
        begin = scan->last.offset;
        scan->waits = false;
    } else if (status == STATUS_OK) {
        status = find_record(&scan->reader, place + 1, size, &found, error);
    }
    if (status == STATUS_OK) {
        status = see_last(scan, error);
        scan->torn(scan->context, begin, found, why);
        *next = found;
    }
    return status;
}

static enum status scan_records(struct scan *scan, struct error *error)
{
    uint64_t next = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && next < scan->reader.size) {
        struct recordio_record record = {.offset = next};
        struct error failure = {0};
        status = read_record(&scan->reader, &record, &failure);
        if (status == STATUS_OK) {
            status = see_last(scan, error);
            scan->last = record;
            scan->waits = true;
            next += record.span;
        } else if (status == STATUS_DATA && failure.number == 0 && scan->torn) {
            status = pass_damage(scan, &failure, &next, error);
        } else {
            add_place(scan->reader.path, next, &failure);
            if (error) {
                *error = failure;
            }
        }
    }
    return status == STATUS_OK ? see_last(scan, error) : status;
}

enum status recordio_scan(const char *path,
                          enum status (*visit)(void *context, const struct recordio_record *record,
                                               struct error *error),
                          void (*torn)(void *context, uint64_t begin, uint64_t end, const struct error *why),
                          void *context, struct error *error)
{
    struct scan scan = {
        .reader = {.path = path, .descriptor = -1}, .visit = visit, .torn = torn, .context = context};
    enum status status = open_reader(&scan.reader, error);
    if (status == STATUS_OK) {
        status = scan_records(&scan, error);
    }
    if (scan.reader.descriptor >= 0) {
        close(scan.reader.descriptor);
    }
    free(scan.reader.block);
    return status;
}

/* --- One record --- */

enum status recordio_image(uint8_t *bytes, size_t span, size_t *image_bytes, struct error *error)
{
    struct joined joined = {.open = false};
    struct recordio_record record;
    size_t read = 0, written = 0;
    do {
        uint32_t word = span - read >= PREFIX ? read_u32(bytes + read + 4) : 0, length = word & 0x1fffffffu;
        if (span - read < PREFIX || read_u32(bytes + read) != MAGIC || length > span - read - PREFIX) {
            return error_set(error, STATUS_DATA, NULL, DAMAGED, "the record is damaged");
        }
        uint64_t before = joined.bytes;
        enum status status = follow(&joined, word >> 29, length, error);
        if (status != STATUS_OK) {
            return status;
        }
        if (joined.bytes - before > length) { /* the magic word, which is also this part's first */
            memmove(bytes + written, bytes + read, 4);
            written += 4;
        }
        add_head(&joined, bytes + read + PREFIX, length);
        memmove(bytes + written, bytes + read + PREFIX, length);
        written += length;
        read += PREFIX + (size_t)padded(length);
        read = read < span ? read : span;
    } while (joined.open);
    enum status status = interpret(&joined, &record, error);
    if (status != STATUS_OK) {
        return status;
    }
    *image_bytes = record.image_bytes;
    memmove(bytes, bytes + (written - record.image_bytes), record.image_bytes);
    return STATUS_OK;
}

/* --- The index --- */

static enum status add_offset(struct recordio_index *index, uint64_t *capacity, uint64_t offset,
                              const char *path, struct error *error)
{
    if (index->count == *capacity) {
        uint64_t more = *capacity == 0 ? 4096 : *capacity * 2;
        uint64_t *larger = realloc(index->offset, (size_t)more * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, path);
        }
        index->offset = larger;
        *capacity = more;
    }
    index->offset[index->count++] = offset;
    return STATUS_OK;
}

static enum status read_index_line(const struct line_reader *reader, const char *line, uint64_t *offset,
                                   struct error *error)
{
    char *end;
    errno = 0;
    strtoull(line, &end, 10);
    bool good = line[0] >= '0' && line[0] <= '9' && *end == '\t' && end[1] >= '0' && end[1] <= '9';
    if (good) {
        *offset = strtoull(end + 1, &end, 10);
        good = *end == 0 && errno == 0;
    }
    return good ? STATUS_OK
                : line_reader_refuse(reader, error, "correct the index, or remove it: it is not needed",
                                     "this is no line of an index: key, offset");
}

static int compare_offsets(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

enum status recordio_read_index(const char *path, struct recordio_index *index, struct error *error)
{
    struct line_reader reader = {0};
    uint64_t capacity = 0, offset = 0;
    char *line;
    *index = (struct recordio_index){0};
    enum status status = line_reader_open(&reader, path, error);
    while (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
        if (status != STATUS_OK || !line) {
            break;
        }
        status = read_index_line(&reader, line, &offset, error);
        if (status == STATUS_OK) {
            status = add_offset(index, &capacity, offset, path, error);
        }
    }
    line_reader_close(&reader);
    if (index->count > 1) {
        qsort(index->offset, (size_t)index->count, sizeof *index->offset, compare_offsets);
    }
    for (uint64_t i = 1; i < index->count && status == STATUS_OK; i++) {
        if (index->offset[i] == index->offset[i - 1]) {
            status = error_set(error, STATUS_DATA, path, "correct the index, or remove it: it is not needed",
                               "the record at byte %" PRIu64 " is listed twice", index->offset[i]);
        }
    }
    return status;
}
