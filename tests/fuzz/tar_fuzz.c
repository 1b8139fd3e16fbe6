/* A tar archive of samples to be imported: a byte that tells whether it is put under gzip, then the archive. Covers:
 * shard/archive/tar.c shard/pack/tar_set.c shard/pack/label_table.c shard/archive/stored_images.c */
#include "proto/file.h"
#include "shard/archive/tar.h"
#include "shard/pack/tar_set.h"
#include "tests/fuzz/fuzz.h"

#include <zlib.h>

struct scanned {
    size_t size;
    uint64_t next; /* no member begins before */
    bool whole; /* the bytes of members are read */
};

static enum status visit(void *context, struct tar_reader *reader, const struct tar_member *member,
                         struct error *error)
{
    struct scanned *scanned = context;
    fuzz_require(member->header >= scanned->next && member->offset > member->header &&
                     member->offset <= scanned->size,
                 "members lie one behind the other within the archive");
    fuzz_require(member->size <= scanned->size - member->offset || tar_is_packed(reader),
                 "a plain archive has the bytes of its members");
    scanned->next = member->offset + member->size;
    for (uint64_t from = 0; scanned->whole && from < member->size; from += 1000) {
        uint8_t part[1000];
        const uint64_t left = member->size - from;
        enum status status = tar_read(reader, member, from, part, left < 1000 ? (size_t)left : 1000, error);
        if (status != STATUS_OK) {
            fuzz_require(tar_is_packed(reader), "what a plain archive has can be read");
            scanned->next = member->header;
            return status;
        }
    }
    return STATUS_OK;
}

static void pass(void *context, uint64_t begin, uint64_t end, const struct error *why)
{
    struct scanned *scanned = context;
    fuzz_require(begin >= scanned->next && end >= begin && end <= scanned->size && why->what[0],
                 "a piece that is no member lies behind those before it, and it is told why");
    scanned->next = end;
}

static void scan(const char *path, size_t size, bool whole)
{
    struct scanned scanned = {.size = size, .whole = whole};
    struct error error;
    for (int skip = 0; skip < 2; skip++) {
        const struct tar_visitor visitor = {visit, skip ? pass : NULL, &scanned};
        struct tar_reader *reader;
        scanned.next = 0;
        fuzz_require(tar_open(path, &reader, &error) == STATUS_OK, "a file can be opened");
        enum status status = tar_scan(reader, &visitor, &error);
        fuzz_require(status == STATUS_OK || !skip, "damage ends nothing where it is passed over");
        tar_close(reader);
    }
}

static void read_images(const struct stored_images *set)
{
    struct error error;
    uint8_t *bytes;
    size_t size;
    fuzz_require(set->images > 0, "a set that was filled has images");
    fuzz_require(set->image_names.count == set->images, "each has a name");
    fuzz_require(set->names.count == 0 || set->names.count == set->classes,
                 "each identity has a name, or none");
    for (uint64_t i = 0; i < set->images; i++) {
        fuzz_require(set->label[i] < set->classes, "labels are of classes");
        fuzz_require(stored_images_read(set, i, &bytes, &size, &error) == STATUS_OK, "images are there");
        free(bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    char path[512];
    if (size < 2) {
        return 0;
    }
    fuzz_path("a.tar", path, sizeof path);
    const bool packed = data[0] & 1;
    data++;
    size--;
    if (packed) {
        gzFile file = gzopen(path, "wb1");
        fuzz_require(file && gzwrite(file, data, (unsigned)size) == (int)size && gzclose(file) == Z_OK,
                     "files can be written");
    } else {
        fuzz_write("a.tar", data, size, path, sizeof path);
    }
    /* What is under gzip itself is of any size. */
    if (size < 2 || data[0] != 0x1f || data[1] != 0x8b || packed) {
        scan(path, size, true);
        scan(path, size, false);
    }
    for (int skip = 0; skip < 2; skip++) {
        const struct pack_style style = {.skip_bad = skip == 1};
        const char *const pattern = path;
        struct stored_images set = STORED_IMAGES_EMPTY("image");
        if (tar_set_fill(&set, &pattern, 1, fuzz_directory(), NULL, true, &style, &error) == STATUS_OK) {
            read_images(&set);
        }
        stored_images_close(&set);
    }
    return 0;
}
