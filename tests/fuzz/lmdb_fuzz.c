/* An LMDB database of images to be imported, as data.mdb. Covers: shard/archive/lmdb.c shard/archive/stored_value.c
 * shard/pack/lmdb_set.c shard/pack/label_table.c */
#include "shard/archive/lmdb.h"
#include "shard/archive/stored_value.h"
#include "shard/pack/lmdb_set.h"
#include "tests/fuzz/fuzz.h"

static enum status visit(void *context, const struct lmdb_entry *entry, struct error *error)
{
    const size_t *size = context;
    (void)error;
    fuzz_require(entry->offset <= *size && entry->size <= *size - entry->offset, "values lie in the file");
    return STATUS_OK;
}

static void read_images(const struct stored_images *set)
{
    struct error error;
    uint8_t *bytes;
    size_t size;
    fuzz_require(set->images > 0, "a set that was filled has images");
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
    struct stored_value value;
    struct error error;
    char path[512];
    fuzz_write("data.mdb", data, size, path, sizeof path);
    lmdb_walk(path, visit, &size, &error);
    /* The whole as a value, too: mutations reach it at once. */
    if (stored_value_read(path, 0, data, size, &value, &error) == STATUS_OK) {
        fuzz_require(value.image <= size && value.image_size <= size - value.image && value.image_size > 0 &&
                         value.label[0],
                     "a value that was read has an image and a label");
    }
    for (int skip = 0; skip < 2; skip++) {
        const struct pack_style style = {.skip_bad = skip == 1};
        struct stored_images set = STORED_IMAGES_EMPTY("value");
        if (lmdb_set_fill(&set, fuzz_directory(), &style, &error) == STATUS_OK) {
            read_images(&set);
        }
        stored_images_close(&set);
    }
    return 0;
}
