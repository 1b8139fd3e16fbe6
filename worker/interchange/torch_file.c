#include "worker/interchange/torch_file.h"

#include "proto/file.h"
#include "proto/text.h"
#include "shard/pickle/pickle.h"
#include "worker/interchange/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEXT                                                                                                 \
    "convert it where you trust it: safetensors.torch.save_file(torch.load(FILE, map_location='cpu'), "      \
    "'net.safetensors')"
#define PICKLE_NAME_END "data.pkl"
#define DEPTH_MAX 16 /* of dicts within dicts */
#define VISITED_MAX (1u << 20) /* of the values of all dicts, each as often as it is reached */
#define ARRAYS_MAX 16384

static const struct {
    const char *storage;
    enum safetensors_type type;
    unsigned bytes;
} types[] = {{"torch.FloatStorage", SAFETENSORS_F32, 4},     {"torch.HalfStorage", SAFETENSORS_F16, 2},
             {"torch.BFloat16Storage", SAFETENSORS_BF16, 2}, {"torch.LongStorage", SAFETENSORS_I64, 8},
             {"torch.DoubleStorage", SAFETENSORS_OTHER, 8},  {"torch.IntStorage", SAFETENSORS_OTHER, 4},
             {"torch.ShortStorage", SAFETENSORS_OTHER, 2},   {"torch.CharStorage", SAFETENSORS_OTHER, 1},
             {"torch.ByteStorage", SAFETENSORS_OTHER, 1},    {"torch.BoolStorage", SAFETENSORS_OTHER, 1}};

struct reader {
    struct safetensors *file;
    struct zip_entry *entries; /* [count], sorted */
    size_t count;
    char folder[ZIP_NAME_SIZE]; /* that all entries are in, with its slash */
    struct pickle pickle;
    size_t capacity; /* of the file's arrays */
    uint32_t visited;
    struct error *error;
};

static enum status bad(const struct reader *reader, const char *name, const char *what)
{
    return error_set(reader->error, STATUS_DATA, reader->file->path, NEXT, "'%.100s': %s", name, what);
}

/* --- The archive --- */

static enum status find_pickle(struct reader *reader, const struct zip_entry **pickle)
{
    *pickle = NULL;
    for (size_t i = 0; i < reader->count; i++) {
        const char *name = reader->entries[i].name, *slash = strchr(name, '/');
        if (slash && strcmp(slash + 1, PICKLE_NAME_END) == 0) {
            *pickle = &reader->entries[i];
            snprintf(reader->folder, sizeof reader->folder, "%.*s", (int)(slash + 1 - name), name);
        }
    }
    return *pickle ? STATUS_OK
                   : error_set(reader->error, STATUS_DATA, reader->file->path, "name a file of torch.save",
                               "the archive has no data.pkl: it is not one of torch.save's");
}

/* NULL: there is none. */
static const struct zip_entry *find_entry(const struct reader *reader, const char *folder, const char *name)
{
    char whole[2 * ZIP_NAME_SIZE];
    snprintf(whole, sizeof whole, "%s%s%.255s", reader->folder, folder, name);
    return zip_find(reader->entries, reader->count, whole);
}

static enum status check_byte_order(const struct reader *reader)
{
    const struct zip_entry *entry = find_entry(reader, "", "byteorder");
    char text[7] = "";
    if (!entry) {
        return STATUS_OK;
    }
    enum status status = entry->size == 6
                             ? file_read_part(reader->file->descriptor, entry->offset, text, 6, reader->error)
                             : STATUS_OK;
    return status != STATUS_OK || strcmp(text, "little") == 0
               ? status
               : bad(reader, entry->name, "its numbers are not little-endian");
}

/* --- Tensors --- */

static bool take_number(const struct pickle_value *value, uint64_t *number)
{
    const bool good = value && value->kind == PICKLE_INT && value->is.number >= 0;
    *number = good ? (uint64_t)value->is.number : 0;
    return good;
}

/* ('storage', <type>, <key>, <device>, <elements>): the entry that has them, and of what type they are. */
static enum status find_storage(const struct reader *reader, const char *name,
                                const struct pickle_value *storage, size_t *type,
                                const struct zip_entry **entry)
{
    const struct pickle *pickle = &reader->pickle;
    const struct pickle_value *id =
        storage && storage->kind == PICKLE_PERSISTENT ? pickle_item(pickle, storage, 0) : NULL;
    const size_t count = sizeof types / sizeof *types;
    char word[16], key[64];
    uint64_t elements, bytes;
    if (!pickle_short_text(pickle, pickle_item(pickle, id, 0), word, sizeof word) ||
        strcmp(word, "storage") != 0 ||
        !pickle_short_text(pickle, pickle_item(pickle, id, 2), key, sizeof key) ||
        !take_number(pickle_item(pickle, id, 4), &elements)) {
        return bad(reader, name, "it is no tensor as torch.save writes one");
    }
    const char *wanted = pickle_name_text(pickle_item(pickle, id, 1));
    *type = 0;
    while (*type < count && strcmp(types[*type].storage, wanted) != 0) {
        (*type)++;
    }
    *entry = find_entry(reader, "data/", key);
    if (*type == count || !*entry || __builtin_mul_overflow(elements, types[*type].bytes, &bytes) ||
        bytes != (*entry)->size) {
        return bad(reader, name, "the archive has not the numbers that it should lie in");
    }
    return STATUS_OK;
}

/* Its shape, if its elements lie one behind the other in C order. */
static enum status take_shape(const struct reader *reader, const struct pickle_value *shape,
                              const struct pickle_value *strides, struct safetensors_array *array)
{
    const uint32_t rank = shape && shape->kind == PICKLE_TUPLE ? shape->is.items.count : UINT32_MAX;
    if (rank > SAFETENSORS_RANK_MAX || !strides || strides->kind != PICKLE_TUPLE ||
        strides->is.items.count != rank) {
        return bad(reader, array->name, "it is no tensor of at most 8 dimensions");
    }
    array->rank = (int)rank;
    array->count = 1;
    for (uint32_t d = rank; d-- > 0;) {
        uint64_t stride;
        if (!take_number(pickle_item(&reader->pickle, shape, d), &array->shape[d]) ||
            !take_number(pickle_item(&reader->pickle, strides, d), &stride)) {
            return bad(reader, array->name, "its shape is not of whole numbers");
        }
        if (array->shape[d] > 1 && stride != array->count) {
            return bad(reader, array->name,
                       "its elements are in another order than its dimensions'; save tensor.contiguous()");
        }
        if (__builtin_mul_overflow(array->count, array->shape[d], &array->count)) {
            return bad(reader, array->name, "its shape is too large");
        }
    }
    return STATUS_OK;
}

/* _rebuild_tensor_v2(storage, offset, shape, strides, ...) */
static enum status take_tensor(const struct reader *reader, const struct pickle_value *arguments,
                               struct safetensors_array *array)
{
    const struct pickle *pickle = &reader->pickle;
    const struct zip_entry *entry = NULL;
    uint64_t offset;
    size_t type = 0;
    enum status status = find_storage(reader, array->name, pickle_item(pickle, arguments, 0), &type, &entry);
    if (status == STATUS_OK) {
        status =
            take_shape(reader, pickle_item(pickle, arguments, 2), pickle_item(pickle, arguments, 3), array);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t elements = entry->size / types[type].bytes;
    if (!take_number(pickle_item(pickle, arguments, 1), &offset) || offset > elements ||
        array->count > elements - offset) {
        return bad(reader, array->name, "it lies outside of its numbers");
    }
    array->type = types[type].type;
    array->begin = entry->offset + offset * types[type].bytes;
    array->end = array->begin + array->count * types[type].bytes;
    return STATUS_OK;
}

static enum status new_array(struct reader *reader, const char *name, struct safetensors_array **array)
{
    struct safetensors *file = reader->file;
    if (file->count == ARRAYS_MAX) {
        return bad(reader, name, "there are more tensors than in any network's file");
    }
    if (file->count == reader->capacity) {
        const size_t capacity = reader->capacity * 2 + 256;
        struct safetensors_array *larger = realloc(file->arrays, capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(reader->error, file->path);
        }
        file->arrays = larger;
        reader->capacity = capacity;
    }
    *array = &file->arrays[file->count];
    **array = (struct safetensors_array){0};
    snprintf((*array)->name, sizeof(*array)->name, "%s", name);
    return STATUS_OK;
}

/* A tensor, or a parameter, which is made of one; other calls are passed over. */
static enum status take_call(struct reader *reader, const char *name, const struct pickle_value *call)
{
    const struct pickle *pickle = &reader->pickle;
    const struct pickle_value *arguments = pickle_item(pickle, call, 1);
    struct safetensors_array *array = NULL;
    if (strcmp(pickle_name_text(pickle_item(pickle, call, 0)), "torch._utils._rebuild_parameter") == 0) {
        call = pickle_item(pickle, arguments, 0);
        arguments = call && call->kind == PICKLE_CALL ? pickle_item(pickle, call, 1) : NULL;
    }
    if (!arguments ||
        strcmp(pickle_name_text(pickle_item(pickle, call, 0)), "torch._utils._rebuild_tensor_v2") != 0) {
        return STATUS_OK;
    }
    enum status status = new_array(reader, name, &array);
    if (status == STATUS_OK) {
        status = take_tensor(reader, arguments, array);
    }
    reader->file->count += status == STATUS_OK;
    return status;
}

static enum status take_dict(struct reader *reader, const char *prefix, const struct pickle_value *dict,
                             int depth)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i + 1 < dict->is.items.count && status == STATUS_OK; i += 2) {
        const struct pickle_value *value = pickle_item(&reader->pickle, dict, i + 1);
        char key[256], name[2 * sizeof key];
        if (depth == DEPTH_MAX || ++reader->visited > VISITED_MAX) {
            return bad(reader, prefix, "its dicts are nested too deeply, or have too many keys");
        }
        if ((value->kind != PICKLE_DICT && value->kind != PICKLE_CALL) ||
            !pickle_short_text(&reader->pickle, pickle_item(&reader->pickle, dict, i), key, sizeof key)) {
            continue;
        }
        snprintf(name, sizeof name, "%.255s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
        if (strlen(name) >= sizeof reader->file->arrays->name) {
            return bad(reader, name, "the name is too long");
        }
        status = value->kind == PICKLE_DICT ? take_dict(reader, name, value, depth + 1)
                                            : take_call(reader, name, value);
    }
    return status;
}

static int compare_arrays(const void *left, const void *right)
{
    const struct safetensors_array *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static enum status take_all(struct reader *reader)
{
    const struct pickle_value *result = &reader->pickle.values[reader->pickle.result];
    struct safetensors *file = reader->file;
    if (result->kind != PICKLE_DICT) {
        return error_set(reader->error, STATUS_DATA, file->path, "save the network's state_dict()",
                         "it is no dict of tensors");
    }
    enum status status = take_dict(reader, "", result, 0);
    if (status != STATUS_OK || file->count == 0) {
        return status;
    }
    qsort(file->arrays, file->count, sizeof *file->arrays, compare_arrays);
    for (size_t i = 1; i < file->count; i++) {
        if (strcmp(file->arrays[i - 1].name, file->arrays[i].name) == 0) {
            return bad(reader, file->arrays[i].name, "there are two tensors of that name");
        }
    }
    return STATUS_OK;
}

/* --- The whole --- */

/* The pickle of a number that PyTorch's files began with before they were archives. */
static bool is_old(int descriptor)
{
    static const uint8_t begin[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46};
    uint8_t bytes[sizeof begin];
    return file_read_part(descriptor, 0, bytes, sizeof bytes, NULL) == STATUS_OK &&
           memcmp(bytes, begin, sizeof begin) == 0;
}

static enum status read_file(struct reader *reader, uint64_t size)
{
    struct safetensors *file = reader->file;
    const struct zip_entry *pickle = NULL;
    if (is_old(file->descriptor)) {
        return error_set(reader->error, STATUS_DATA, file->path,
                         "save it again: torch.save(torch.load(FILE, map_location='cpu'), 'new.pth')",
                         "it was saved as PyTorch did before 1.6, which is not read");
    }
    enum status status =
        zip_list(file->path, file->descriptor, size, &reader->entries, &reader->count, reader->error);
    if (status == STATUS_OK) {
        status = find_pickle(reader, &pickle);
    }
    if (status == STATUS_OK) {
        status = check_byte_order(reader);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = pickle_open_part(file->path, pickle->offset, pickle->size, PICKLE_OF_NETWORK, &reader->pickle,
                              reader->error);
    if (status == STATUS_DATA && reader->error) {
        error_advise(reader->error, NEXT);
    }
    return status == STATUS_OK ? take_all(reader) : status;
}

enum status torch_file_open(const char *path, struct safetensors *file, struct error *error)
{
    struct reader reader = {.file = file, .pickle.descriptor = -1, .error = error};
    uint64_t size = 0;
    *file = (struct safetensors){0};
    snprintf(file->path, sizeof file->path, "%s", path);
    enum status status = file_open(path, FILE_LINKS_FOLLOWED, &file->descriptor, &size, error);
    if (status == STATUS_OK) {
        status = read_file(&reader, size);
    }
    pickle_close(&reader.pickle);
    free(reader.entries);
    if (status != STATUS_OK) {
        safetensors_close(file);
    }
    return status;
}
