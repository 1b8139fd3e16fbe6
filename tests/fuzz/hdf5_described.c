#include "tests/fuzz/hdf5_described.h"

#include "shard/hdf5/hdf5_child.h"

enum { MAGIC_SIZE = 8, HEAD_SIZE = 5, RECORDS_MAX = 4096 };

/* An input taken apart; `file` follows `description`. */
struct parts {
    const uint8_t *description, *file;
    size_t description_size, file_size;
};

static struct parts take_apart(const uint8_t *data, size_t size)
{
    struct parts parts = {.description = data, .file = data};
    if (size < 4) {
        return parts;
    }
    const size_t length =
        (size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 | (size_t)data[3] << 24;
    parts.description = data + 4;
    parts.description_size = length < size - 4 ? length : size - 4;
    parts.file = parts.description + parts.description_size;
    parts.file_size = size - 4 - parts.description_size;
    return parts;
}

/* --- In place of the process that looks into files --- */

static struct parts current;

void hdf5_described_take(const uint8_t **data, size_t *size)
{
    current = take_apart(*data, *size);
    *data = current.file;
    *size = current.file_size;
}

enum status h5_survey(int descriptor, const char *path, uint64_t bytes, struct h5_description **description,
                      struct error *error)
{
    const char *what;
    uint8_t *copy = malloc(current.description_size + 1);
    (void)descriptor;
    fuzz_require(copy && bytes == current.file_size, "the file is the one that was written");
    memcpy(copy, current.description, current.description_size);
    *description = h5_description_read(copy, current.description_size, &what);
    return *description ? STATUS_OK : error_set(error, STATUS_DATA, path, NULL, "%s", what);
}

/* Half of all arrays have all values 0, and half cannot be decoded. */
enum status h5_decode(int descriptor, const char *path, const struct h5_selection *selection, void *data,
                      struct error *error)
{
    (void)descriptor;
    if (selection->identity % 2) {
        return error_set(error, STATUS_DATA, path, NULL, "%s cannot be decoded", selection->name);
    }
    memset(data, 0, selection->bytes);
    return STATUS_OK;
}

/* --- Changes --- */

struct span {
    size_t at, size; /* with its head */
};

struct mutation {
    uint8_t *bytes; /* the description as it becomes */
    size_t size, room;
    unsigned random;
    struct span record[RECORDS_MAX];
    size_t records;
};

static size_t draw(struct mutation *mutation, size_t below)
{
    mutation->random = mutation->random * 1664525u + 1013904223u;
    return (mutation->random >> 8) % below;
}

static size_t length_at(const uint8_t *head)
{
    return (size_t)head[1] | (size_t)head[2] << 8 | (size_t)head[3] << 16 | (size_t)head[4] << 24;
}

static void find_records(struct mutation *mutation)
{
    size_t at = MAGIC_SIZE;
    while (mutation->records < RECORDS_MAX && at + HEAD_SIZE <= mutation->size) {
        const size_t size = HEAD_SIZE + length_at(mutation->bytes + at);
        if (size > mutation->size - at) {
            break;
        }
        mutation->record[mutation->records++] = (struct span){.at = at, .size = size};
        at += size;
    }
}

/* Other fields in a record, which keeps its kind. */
static void change_fields(struct mutation *mutation, struct span record)
{
    const size_t begin = record.at + HEAD_SIZE, fields = record.size - HEAD_SIZE;
    const size_t tail = mutation->size - begin - fields, most = mutation->room - mutation->size + fields;
    static uint8_t changed[1 << 20];
    if (fields == 0 || fields > sizeof changed) {
        return;
    }
    memcpy(changed, mutation->bytes + begin, fields);
    const size_t size = LLVMFuzzerMutate(changed, fields,
                                         draw(mutation, 2)       ? fields
                                         : most < sizeof changed ? most
                                                                 : fields);
    memmove(mutation->bytes + begin + size, mutation->bytes + begin + fields, tail);
    memcpy(mutation->bytes + begin, changed, size);
    for (size_t i = 0; i < 4; i++) {
        mutation->bytes[record.at + 1 + i] = (uint8_t)(size >> 8 * i);
    }
    mutation->size += size - fields;
}

static void remove_record(struct mutation *mutation, struct span record)
{
    memmove(mutation->bytes + record.at, mutation->bytes + record.at + record.size,
            mutation->size - record.at - record.size);
    mutation->size -= record.size;
}

/* Once more, at the place of another. */
static void repeat_record(struct mutation *mutation, struct span record, struct span place)
{
    static uint8_t copy[1 << 20];
    if (record.size > mutation->room - mutation->size || record.size > sizeof copy) {
        return;
    }
    memcpy(copy, mutation->bytes + record.at, record.size);
    memmove(mutation->bytes + place.at + record.size, mutation->bytes + place.at, mutation->size - place.at);
    memcpy(mutation->bytes + place.at, copy, record.size);
    mutation->size += record.size;
}

static void change_description(struct mutation *mutation)
{
    find_records(mutation);
    if (mutation->records == 0 || draw(mutation, 20) == 0) {
        mutation->size = LLVMFuzzerMutate(mutation->bytes, mutation->size, mutation->room);
        return;
    }
    const struct span record = mutation->record[draw(mutation, mutation->records)];
    switch (draw(mutation, 8)) {
    case 0:
        remove_record(mutation, record);
        break;
    case 1:
        repeat_record(mutation, record, mutation->record[draw(mutation, mutation->records)]);
        break;
    default:
        change_fields(mutation, record);
    }
}

size_t hdf5_described_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static struct mutation mutation;
    const struct parts parts = take_apart(data, size);
    if (size < 4 || max_size < size) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    mutation.random = seed;
    mutation.records = 0;
    mutation.room = max_size - 4 - parts.file_size;
    mutation.size = parts.description_size;
    mutation.bytes = malloc(mutation.room + 1);
    uint8_t *file = malloc(max_size);
    fuzz_require(mutation.bytes && file, "there is memory");
    memcpy(mutation.bytes, parts.description, parts.description_size);
    memcpy(file, parts.file, parts.file_size);
    size_t file_size = parts.file_size;
    if (draw(&mutation, 4) == 0) {
        file_size = LLVMFuzzerMutate(file, file_size, max_size - 4 - parts.description_size);
    } else {
        change_description(&mutation);
    }
    for (size_t i = 0; i < 4; i++) {
        data[i] = (uint8_t)(mutation.size >> 8 * i);
    }
    memcpy(data + 4, mutation.bytes, mutation.size);
    memcpy(data + 4 + mutation.size, file, file_size);
    free(mutation.bytes);
    free(file);
    return 4 + mutation.size + file_size;
}
