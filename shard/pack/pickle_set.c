#include "shard/pack/pickle_set.h"

#include <stdlib.h>

static enum status bad_set(const struct pickle_set *set, struct error *error, const char *what)
{
    return error_set(error, STATUS_DATA, set->pickle.path,
                     "name a verification set, (images, verdicts), as lfw.bin is one", "%s", what);
}

static uint32_t items_of(const struct pickle_value *value)
{
    bool has = value && (value->kind == PICKLE_TUPLE || value->kind == PICKLE_LIST);
    return has ? value->is.items.count : 0;
}

static enum status take_images(struct pickle_set *set, const struct pickle_value *images, struct error *error)
{
    set->image = malloc((size_t)set->pairs * 2 * sizeof *set->image);
    if (!set->image) {
        return error_set(error, STATUS_INTERNAL, set->pickle.path, NULL, "no memory for %u pairs",
                         set->pairs);
    }
    for (uint32_t i = 0; i < set->pairs * 2; i++) {
        const struct pickle_value *image = pickle_item(&set->pickle, images, i);
        if (image->kind == PICKLE_BYTES) {
            set->image[i] = image->is.bytes;
        } else if (image->kind == PICKLE_ARRAY && image->is.array.filled &&
                   image->is.array.dtype.kind == 'u' && image->is.array.dtype.size == 1) {
            set->image[i] = image->is.array.bytes;
        } else {
            return error_set(error, STATUS_DATA, set->pickle.path,
                             "dump plain lists of bytes and bools again",
                             "image %u is neither bytes nor an array of them", i);
        }
    }
    return STATUS_OK;
}

/* The verdicts of an array: each element is 0 or 1, whatever its type. */
static enum status take_array(struct pickle_set *set, const struct pickle_value *array, struct error *error)
{
    uint8_t *data;
    size_t size, width = array->is.array.dtype.size;
    enum status status = pickle_read(&set->pickle, &array->is.array.bytes, &data, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (size != set->pairs * width) {
        status = bad_set(set, error, "the verdicts' array has not as many bytes as its shape tells");
    }
    for (size_t i = 0; i < size && status == STATUS_OK; i++) {
        if (data[i] > (i % width == 0 ? 1 : 0)) {
            status = bad_set(set, error, "a verdict is neither true nor false");
        } else if (i % width == 0) {
            set->same[i / width] = data[i];
        }
    }
    free(data);
    return status;
}

static enum status take_verdicts(struct pickle_set *set, const struct pickle_value *verdicts,
                                 struct error *error)
{
    set->same = malloc(set->pairs);
    if (!set->same) {
        return error_set(error, STATUS_INTERNAL, set->pickle.path, NULL, "no memory for %u pairs",
                         set->pairs);
    }
    if (verdicts->kind == PICKLE_ARRAY) {
        return take_array(set, verdicts, error);
    }
    for (uint32_t i = 0; i < set->pairs; i++) {
        const struct pickle_value *verdict = pickle_item(&set->pickle, verdicts, i);
        if ((verdict->kind != PICKLE_BOOL && verdict->kind != PICKLE_INT) ||
            (verdict->is.number != 0 && verdict->is.number != 1)) {
            return error_set(error, STATUS_DATA, set->pickle.path,
                             "dump plain lists of bytes and bools again",
                             "verdict %u is neither true nor false", i);
        }
        set->same[i] = (uint8_t)verdict->is.number;
    }
    return STATUS_OK;
}

static enum status interpret(struct pickle_set *set, struct error *error)
{
    const struct pickle_value *result = &set->pickle.values[set->pickle.result];
    const struct pickle_value *images = pickle_item(&set->pickle, result, 0);
    const struct pickle_value *verdicts = pickle_item(&set->pickle, result, 1);
    if (items_of(result) != 2) {
        return bad_set(set, error, "the pickle is no pair of images and verdicts");
    }
    bool array = verdicts->kind == PICKLE_ARRAY && verdicts->is.array.filled;
    uint32_t count = array ? verdicts->is.array.count : items_of(verdicts);
    if (count == 0 || items_of(images) != (uint64_t)count * 2) {
        return error_set(error, STATUS_DATA, set->pickle.path,
                         "name a verification set, (images, verdicts), as lfw.bin is one",
                         "there are %u images for %u verdicts, where twice as many are expected",
                         items_of(images), count);
    }
    set->pairs = count;
    enum status status = take_images(set, images, error);
    return status == STATUS_OK ? take_verdicts(set, verdicts, error) : status;
}

enum status pickle_set_open(const char *path, struct pickle_set *set, struct error *error)
{
    *set = (struct pickle_set){.pairs = 0};
    enum status status = pickle_open(path, &set->pickle, error);
    if (status == STATUS_OK) {
        status = interpret(set, error);
    }
    if (status != STATUS_OK) {
        pickle_set_close(set);
    }
    return status;
}

void pickle_set_close(struct pickle_set *set)
{
    pickle_close(&set->pickle);
    free(set->image);
    free(set->same);
    *set = (struct pickle_set){.pickle.descriptor = -1};
}
