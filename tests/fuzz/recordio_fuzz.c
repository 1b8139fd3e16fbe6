/* An InsightFace set in RecordIO to be imported: a byte and a word that tell how long the property file and
 * the index are (0: there is none), these two, then train.rec. Covers: shard/pack/recordio.c
 * shard/pack/record_set.c shard/archive/stored_images.c */
#include "proto/file.h"
#include "shard/pack/record_set.h"
#include "shard/pack/recordio.h"
#include "tests/fuzz/fuzz.h"

struct scanned {
    const uint8_t *bytes;
    size_t size;
    uint64_t next; /* where the next record must be */
};

static enum status visit(void *context, const struct recordio_record *record, struct error *error)
{
    struct scanned *scanned = context;
    size_t image = 0;
    fuzz_require(record->offset == scanned->next && record->span <= scanned->size - record->offset,
                 "records lie end to end within the file");
    uint8_t *bytes = malloc(record->span);
    memcpy(bytes, scanned->bytes + record->offset, record->span);
    fuzz_require(recordio_image(bytes, record->span, &image, error) == STATUS_OK &&
                     image == record->image_bytes,
                 "a record that was scanned has its image");
    free(bytes);
    scanned->next += record->span;
    return STATUS_OK;
}

static void pass(void *context, uint64_t begin, uint64_t end, const struct error *why)
{
    struct scanned *scanned = context;
    fuzz_require(begin == scanned->next && end > begin && end <= scanned->size && why->what[0],
                 "a piece that is no record lies between records, and it is told why");
    scanned->next = end;
}

/* Takes the first `size` bytes of the input as a file, which is removed where there are none. */
static void write_file(const char *name, size_t size, const uint8_t **data, size_t *left)
{
    char path[512];
    size = size < *left ? size : *left;
    fuzz_path(name, path, sizeof path);
    if (size == 0) {
        unlink(path);
    } else {
        fuzz_write(name, *data, size, path, sizeof path);
    }
    *data += size;
    *left -= size;
}

static void read_images(const struct stored_images *set)
{
    struct error error;
    uint8_t *bytes;
    size_t size;
    fuzz_require(set->images > 0, "a set that was opened has images");
    for (uint64_t i = 0; i < set->images; i++) {
        fuzz_require(set->label[i] < set->classes, "labels are of classes");
        fuzz_require(stored_images_read(set, i, &bytes, &size, &error) == STATUS_OK && size > 0,
                     "images of the set are there");
        free(bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    char path[512];
    if (size < 3) {
        return 0;
    }
    size_t property = data[0], index = (size_t)data[1] << 8 | data[2];
    data += 3;
    size -= 3;
    write_file("property", property, &data, &size);
    write_file("train.idx", index, &data, &size);
    fuzz_write("train.rec", data, size, path, sizeof path);
    struct scanned scanned = {.bytes = data, .size = size};
    if (recordio_scan(path, visit, NULL, &scanned, &error) == STATUS_OK) {
        fuzz_require(scanned.next == size, "a file that was scanned is all records");
    }
    scanned.next = 0;
    fuzz_require(recordio_scan(path, visit, pass, &scanned, &error) == STATUS_OK && scanned.next == size,
                 "every byte of a file is of a record or of a piece that is none");
    for (int skip = 0; skip < 2; skip++) {
        const struct pack_style style = {.skip_bad = skip == 1};
        struct stored_images set = STORED_IMAGES_EMPTY("record");
        if (record_set_add(&set, fuzz_directory(), 0, &style, &error) == STATUS_OK) {
            read_images(&set);
        }
        stored_images_close(&set);
    }
    return 0;
}
