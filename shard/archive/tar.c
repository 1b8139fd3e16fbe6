#include "shard/archive/tar.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK 512
#define WINDOW ((size_t)4 << 20)
#define EXTENSION_MAX (WINDOW / 4) /* of a long name, or of a pax header */
#define SEARCH ((size_t)64 << 10) /* at a time, for a header behind damage */
#define UNKNOWN UINT64_MAX
/* Deflate reaches 1032; images hardly 2, and the blocks between them 20. */
#define RATIO_MAX 200
#define RATIO_FREE ((uint64_t)64 << 20)
#define DAMAGED "copy the archive again, or leave out what is torn with --skip-bad"

/* Where fields lie in a header. */
enum { AT_SIZE = 124, AT_CHECKSUM = 148, AT_TYPE = 156, AT_MAGIC = 257, AT_PREFIX = 345 };

struct tar_reader {
    char path[PATH_SIZE];
    int descriptor;
    gzFile packed; /* NULL: it is plain */
    uint64_t size; /* of a packed one UNKNOWN until its end was read */
    uint8_t *window; /* [WINDOW]: bytes begin..begin+count of the archive, unpacked */
    uint64_t begin;
    size_t count;
    bool lost; /* tar_read failed for what the archive is */
    bool ended;
    uint64_t data_end; /* of the member before, and where the next header must be */
    uint64_t next;
};

/* What extended headers say of the next member. */
struct extension {
    char name[PATH_SIZE]; /* empty: nothing */
    uint64_t size; /* UNKNOWN: nothing */
};

static enum status damaged(const struct tar_reader *reader, uint64_t offset, struct error *error,
                           const char *what)
{
    char where[PATH_SIZE + 40];
    snprintf(where, sizeof where, "%.900s, byte %" PRIu64, reader->path, offset);
    return error_set(error, STATUS_DATA, where, DAMAGED, "%s", what);
}

/* --- Bytes --- */

static enum status fill_plain(struct tar_reader *reader, uint64_t offset, size_t size, struct error *error)
{
    const uint64_t left = reader->size > offset ? reader->size - offset : 0;
    size = size < left ? size : (size_t)left;
    reader->begin = offset;
    reader->count = 0;
    enum status status = file_read_part(reader->descriptor, offset, reader->window, size, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, reader->path);
        return status;
    }
    reader->count = size;
    return STATUS_OK;
}

static enum status read_packed(struct tar_reader *reader, struct error *error)
{
    int number;
    const int got =
        gzread(reader->packed, reader->window + reader->count, (unsigned)(WINDOW - reader->count));
    reader->count += got > 0 ? (size_t)got : 0;
    const uint64_t end = reader->begin + reader->count;
    if (end > RATIO_FREE && end / RATIO_MAX > (uint64_t)gzoffset(reader->packed)) {
        return damaged(reader, end, error,
                       "the compressed archive unpacks to more than 200 times its size, as no images do");
    }
    if (got > 0) {
        return STATUS_OK;
    }
    gzerror(reader->packed, &number);
    if (number == Z_ERRNO) {
        return file_data_error(error, reader->path, errno);
    }
    if (number != Z_OK && number != Z_STREAM_END) {
        return damaged(reader, end, error, "the compressed archive is damaged or ends early");
    }
    reader->size = end;
    return STATUS_OK;
}

/* Forward only. */
static enum status fill_packed(struct tar_reader *reader, uint64_t offset, size_t size, struct error *error)
{
    enum status status = STATUS_OK;
    for (;;) {
        const uint64_t end = reader->begin + reader->count;
        if (offset > reader->begin) {
            const size_t passed =
                offset < end ? (size_t)(offset - reader->begin) : (size_t)(end - reader->begin);
            memmove(reader->window, reader->window + passed, reader->count - passed);
            reader->begin += passed;
            reader->count -= passed;
        }
        if (status != STATUS_OK || reader->size != UNKNOWN || offset + size <= end) {
            return status;
        }
        status = read_packed(reader, error);
    }
}

/* Makes bytes at `offset`, up to the `size` that are asked for, be in the window: *got, fewer at the archive's end alone. */
static enum status load(struct tar_reader *reader, uint64_t offset, size_t size, const uint8_t **bytes,
                        size_t *got, struct error *error)
{
    enum status status = STATUS_OK;
    *got = 0;
    if (offset < reader->begin || offset + size > reader->begin + reader->count) {
        status = reader->packed ? fill_packed(reader, offset, size, error)
                                : fill_plain(reader, offset, WINDOW, error);
    }
    if (status == STATUS_OK && offset >= reader->begin && offset < reader->begin + reader->count) {
        const uint64_t there = reader->begin + reader->count - offset;
        *got = there < size ? (size_t)there : size;
        *bytes = reader->window + (offset - reader->begin);
    }
    return status;
}

enum status tar_read(struct tar_reader *reader, const struct tar_member *member, uint64_t from, void *bytes,
                     size_t size, struct error *error)
{
    uint8_t *to = bytes;
    while (size > 0) {
        const size_t wanted = size < SEARCH ? size : SEARCH;
        const uint8_t *part;
        size_t got;
        enum status status = load(reader, member->offset + from, wanted, &part, &got, error);
        if (status == STATUS_OK && got < wanted) {
            status = damaged(reader, member->header, error, "the archive ends within a file");
        }
        if (status != STATUS_OK) {
            reader->lost = true;
            return status;
        }
        memcpy(to, part, wanted);
        to += wanted;
        from += wanted;
        size -= wanted;
    }
    return STATUS_OK;
}

/* --- Headers --- */

/* An octal number, or one of base 256; false for neither, and for one that no file has. */
static bool read_number(const uint8_t *field, size_t width, uint64_t *number)
{
    size_t i = 0;
    *number = 0;
    if (field[0] == 0x80) {
        for (i = 1; i < width; i++) {
            if (*number >> 54 != 0) {
                return false;
            }
            *number = *number << 8 | field[i];
        }
        return true;
    }
    while (i < width && field[i] == ' ') {
        i++;
    }
    for (; i < width && field[i] >= '0' && field[i] <= '7'; i++) {
        *number = *number << 3 | (uint64_t)(field[i] - '0');
    }
    return i == width || field[i] == ' ' || field[i] == 0;
}

/* Old writers sum bytes with signs. */
static bool is_header(const uint8_t *block)
{
    uint64_t told;
    uint32_t sum = 8 * ' ';
    int32_t with_signs = 8 * ' ';
    if (block[0] == 0 || !read_number(block + AT_CHECKSUM, 8, &told)) {
        return false;
    }
    for (size_t i = 0; i < BLOCK; i++) {
        sum += block[i];
        with_signs += (int8_t)block[i];
    }
    for (size_t i = AT_CHECKSUM; i < AT_CHECKSUM + 8; i++) {
        sum -= block[i];
        with_signs -= (int8_t)block[i];
    }
    return told == sum || (with_signs >= 0 && told == (uint64_t)with_signs);
}

static bool is_zero(const uint8_t *block)
{
    return block[0] == 0 && memcmp(block, block + 1, BLOCK - 1) == 0;
}

/* A decimal number before `end`, behind which *text is left. */
static bool read_decimal(const char **text, const char *end, uint64_t *number)
{
    const char *begin = *text;
    *number = 0;
    while (*text < end && isdigit((unsigned char)**text)) {
        if (*number > UINT64_MAX / 100) {
            return false;
        }
        *number = *number * 10 + (uint64_t)(*(*text)++ - '0');
    }
    return *text > begin;
}

static bool keep_name(struct extension *extension, const char *name, size_t length)
{
    if (length == 0 || length >= PATH_SIZE) {
        return false;
    }
    memcpy(extension->name, name, length);
    extension->name[length] = 0;
    return true;
}

static bool begins_with(const char *text, const char *end, const char *word)
{
    const size_t length = strlen(word);
    return (size_t)(end - text) >= length && memcmp(text, word, length) == 0;
}

/* "30 path=a/b.jpg\n" and others, one behind the other: what is wrong with them, or NULL. */
static const char *read_pax(struct extension *extension, const char *text, size_t size)
{
    const char *const all = text + size;
    while (text < all) {
        const char *const begin = text;
        uint64_t length;
        if (!read_decimal(&text, all, &length) || length > (uint64_t)(all - begin) ||
            length < (uint64_t)(text - begin) + 2 || *text != ' ' || begin[length - 1] != '\n' ||
            !memchr(text, '=', (size_t)(begin + length - text))) {
            return "an extended header is damaged";
        }
        const char *const end = begin + length - 1;
        text++;
        if (begins_with(text, end, "path=")) {
            if (!keep_name(extension, text + 5, (size_t)(end - text - 5))) {
                return "a name is empty or too long";
            }
        } else if (begins_with(text, end, "size=")) {
            text += 5;
            if (!read_decimal(&text, end, &extension->size) || text != end) {
                return "an extended header is damaged";
            }
        } else if (begins_with(text, end, "GNU.sparse.")) {
            return "a sparse file is not read";
        }
        text = end + 1;
    }
    return NULL;
}

/* A header that tells of the next one: 'L' a long name, 'x' pax; of all, 'g'; a link's long target, 'K'. */
static enum status read_extension(struct tar_reader *reader, char type, uint64_t offset, uint64_t size,
                                  struct extension *extension, struct error *error)
{
    const uint8_t *bytes = NULL;
    const char *what = NULL;
    size_t got;
    if (size == 0 || size > EXTENSION_MAX) {
        return damaged(reader, offset - BLOCK, error, "an extended header is empty or too large");
    }
    enum status status = load(reader, offset, (size_t)size, &bytes, &got, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (got < size) {
        return damaged(reader, offset - BLOCK, error, "the archive ends within an extended header");
    }
    if (type == 'x') {
        what = read_pax(extension, (const char *)bytes, got);
    } else if (type == 'L' && !keep_name(extension, (const char *)bytes, strnlen((const char *)bytes, got))) {
        what = "a name is empty or too long";
    }
    return what ? damaged(reader, offset - BLOCK, error, what) : STATUS_OK;
}

static void name_member(const uint8_t *block, const struct extension *extension, struct tar_member *member)
{
    const char *name = (const char *)block;
    if (extension->name[0]) {
        snprintf(member->name, sizeof member->name, "%s", extension->name);
    } else if (memcmp(block + AT_MAGIC, "ustar\0", 6) == 0 && block[AT_PREFIX] != 0) {
        snprintf(member->name, sizeof member->name, "%.155s/%.100s", name + AT_PREFIX, name);
    } else {
        snprintf(member->name, sizeof member->name, "%.100s", name);
    }
    for (char *at = member->name; *at; at++) {
        *at = iscntrl((unsigned char)*at) ? '?' : *at;
    }
    const size_t dot = strncmp(member->name, "./", 2) == 0 ? 2 : 0;
    memmove(member->name, member->name + dot, strlen(member->name + dot) + 1);
}

/* Old archives know a folder by the end of its name. */
static enum tar_kind kind_of(char type, const char *name)
{
    const size_t length = strlen(name);
    if (type == '5' || ((type == 0 || type == '0') && (length == 0 || name[length - 1] == '/'))) {
        return TAR_FOLDER;
    }
    return type == 0 || type == '0' || type == '7' ? TAR_FILE : TAR_OTHER;
}

static enum status fill_member(struct tar_reader *reader, const uint8_t *block, uint64_t size,
                               const struct extension *extension, struct tar_member *member,
                               struct error *error)
{
    const char type = (char)block[AT_TYPE];
    if (type == 'S' || type == 'M') {
        return damaged(reader, member->header, error,
                       type == 'S' ? "a sparse file is not read" : "a file goes on from another archive");
    }
    name_member(block, extension, member);
    member->kind = kind_of(type, member->name);
    size = extension->size != UNKNOWN ? extension->size : size;
    member->size = type >= '1' && type <= '6' ? 0 : size; /* links and the like have no bytes */
    if (member->size > (uint64_t)INT64_MAX / 2 ||
        (reader->size != UNKNOWN && member->size > reader->size - member->offset)) {
        return damaged(reader, member->header, error, "the archive ends within a file");
    }
    reader->data_end = member->offset + member->size;
    reader->next = member->offset + (member->size + BLOCK - 1) / BLOCK * BLOCK;
    return STATUS_OK;
}

/* The archive ends where the next header would be. */
static enum status end_archive(const struct tar_reader *reader, size_t got, bool extended,
                               struct error *error)
{
    if (got > 0 || extended) {
        return damaged(reader, reader->next, error, "the archive ends within a header");
    }
    /* Some writers leave out what fills the last block up. */
    return reader->data_end > tar_bytes(reader)
               ? damaged(reader, tar_bytes(reader), error, "the archive ends within a file")
               : STATUS_OK;
}

/* The member whose headers begin at reader->next, past blocks of zeros; *end: there is none. */
static enum status read_member(struct tar_reader *reader, struct tar_member *member, bool *end,
                               struct error *error)
{
    struct extension extension = {.name = "", .size = UNKNOWN};
    bool extended = false;
    for (*end = false;;) {
        const uint8_t *block = NULL;
        uint64_t size;
        size_t got;
        enum status status = load(reader, reader->next, BLOCK, &block, &got, error);
        if (status == STATUS_OK && got < BLOCK) {
            *end = true;
            return end_archive(reader, got, extended, error);
        }
        if (status != STATUS_OK) {
            return status;
        }
        member->header = extended ? member->header : reader->next;
        if (!extended && is_zero(block)) {
            reader->ended = true;
            reader->next += BLOCK;
            continue;
        }
        if (!is_header(block) || !read_number(block + AT_SIZE, 12, &size)) {
            return damaged(reader, reader->next, error, "there is no header of a file");
        }
        const char type = (char)block[AT_TYPE];
        member->offset = reader->next + BLOCK;
        if (!strchr("xgLK", type) || type == 0) {
            reader->ended = false;
            return fill_member(reader, block, size, &extension, member, error);
        }
        status = read_extension(reader, type, member->offset, size, &extension, error);
        if (status != STATUS_OK) {
            return status;
        }
        extended = true;
        reader->next = member->offset + (size + BLOCK - 1) / BLOCK * BLOCK;
        reader->data_end = reader->next;
    }
}

/* --- Damage --- */

/* The first header from `from` on, which need not lie at a multiple of 512: bytes may be lost. Where there is none, the end
 * of what can be read. */
static enum status find_header(struct tar_reader *reader, uint64_t from, uint64_t *found, struct error *error)
{
    for (;;) {
        const uint8_t *bytes = NULL;
        size_t got;
        enum status status = load(reader, from, SEARCH, &bytes, &got, error);
        if (status != STATUS_OK && (error->number != 0 || !reader->packed)) {
            return status;
        }
        for (size_t at = AT_MAGIC; status == STATUS_OK && at + BLOCK - AT_MAGIC <= got; at++) {
            const uint8_t *magic = memmem(bytes + at, got - at, "ustar", 5);
            if (!magic) {
                break;
            }
            at = (size_t)(magic - bytes);
            if (at - AT_MAGIC + BLOCK <= got && is_header(magic - AT_MAGIC)) {
                *found = from + at - AT_MAGIC;
                return STATUS_OK;
            }
        }
        if (status != STATUS_OK || got < SEARCH) {
            *found = tar_bytes(reader);
            return STATUS_OK;
        }
        from += SEARCH - BLOCK + 1;
    }
}

/* Goes on behind damage from `begin` on; `from`: where the next header may be. */
static enum status pass_damage(struct tar_reader *reader, const struct tar_visitor *visitor, uint64_t begin,
                               uint64_t from, const struct error *why, struct error *error)
{
    enum status status = find_header(reader, from, &reader->next, error);
    if (status == STATUS_OK) {
        reader->data_end = reader->next;
        reader->lost = false;
        visitor->torn(visitor->context, begin, reader->next, why);
    }
    return status;
}

/* --- The whole --- */

enum status tar_open(const char *path, struct tar_reader **result, struct error *error)
{
    struct tar_reader *reader = calloc(1, sizeof *reader);
    uint8_t magic[2] = {0};
    *result = NULL;
    if (!reader) {
        return error_no_memory(error, path);
    }
    reader->descriptor = -1;
    reader->window = malloc(WINDOW);
    snprintf(reader->path, sizeof reader->path, "%s", path);
    enum status status = reader->window
                             ? file_open(path, FILE_LINKS_FOLLOWED, &reader->descriptor, &reader->size, error)
                             : error_no_memory(error, path);
    if (status == STATUS_OK && reader->size >= sizeof magic) {
        status = file_read_part(reader->descriptor, 0, magic, sizeof magic, error);
    }
    if (status == STATUS_OK && magic[0] == 0x1f && magic[1] == 0x8b) {
        reader->packed = gzdopen(reader->descriptor, "rb");
        reader->size = UNKNOWN;
        if (reader->packed) {
            reader->descriptor = -1;
            gzbuffer(reader->packed, 1u << 18);
        } else {
            status = error_no_memory(error, path);
        }
    }
    if (status == STATUS_OK) {
        *result = reader;
    } else {
        tar_close(reader);
    }
    return status;
}

bool tar_is_packed(const struct tar_reader *reader)
{
    return reader->packed != NULL;
}

enum status tar_scan(struct tar_reader *reader, const struct tar_visitor *visitor, struct error *error)
{
    for (;;) {
        struct tar_member member = {.header = reader->next};
        struct error why = {0};
        bool end;
        uint64_t begin = reader->next;
        enum status status = read_member(reader, &member, &end, &why);
        const bool visited = status == STATUS_OK && !end;
        if (visited) {
            begin = member.header;
            status = visitor->visit(visitor->context, reader, &member, &why);
        } else if (status == STATUS_OK) {
            return STATUS_OK;
        }
        const bool damage = status == STATUS_DATA && why.number == 0 && (!visited || reader->lost);
        if (damage && visitor->torn) {
            status =
                pass_damage(reader, visitor, begin, visited ? member.offset : reader->next + 1, &why, error);
            if (status != STATUS_OK || reader->next >= tar_bytes(reader)) {
                return status;
            }
        } else if (status != STATUS_OK) {
            if (error) {
                *error = why;
            }
            return status;
        }
    }
}

uint64_t tar_bytes(const struct tar_reader *reader)
{
    return reader->size != UNKNOWN ? reader->size : reader->begin + reader->count;
}

bool tar_is_ended(const struct tar_reader *reader)
{
    return reader->ended;
}

void tar_close(struct tar_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->packed) {
        gzclose(reader->packed);
    }
    if (reader->descriptor >= 0) {
        close(reader->descriptor);
    }
    free(reader->window);
    free(reader);
}
