#include "proto/message.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Each kind's payload is a table of its fields in the order of the structure: the one description that the
 * encoder and the decoder both walk. */
enum field_type { FIELD_U32, FIELD_I32, FIELD_U64, FIELD_I64, FIELD_DOUBLE, FIELD_TEXT };

struct field {
    enum field_type type;
    size_t offset; /* within struct message */
    size_t size; /* of the member */
};

#define MEMBER_SIZE(member) sizeof(((struct message *)0)->member)
#define FIELD(kind, member)                                                                                  \
    {                                                                                                        \
        FIELD_##kind, offsetof(struct message, member), MEMBER_SIZE(member)                                  \
    }

static const struct field hello_fields[] = {FIELD(TEXT, hello.version),
                                            FIELD(TEXT, hello.host),
                                            FIELD(I64, hello.pid),
                                            FIELD(I32, hello.threads),
                                            FIELD(I32, hello.cores_allowed),
                                            FIELD(TEXT, hello.cores),
                                            FIELD(I32, hello.hardware_threads),
                                            FIELD(I32, hello.numa_nodes),
                                            FIELD(DOUBLE, hello.cores_granted),
                                            FIELD(TEXT, hello.isa),
                                            FIELD(TEXT, hello.blas_kernel),
                                            FIELD(TEXT, hello.interfaces),
                                            FIELD(I64, hello.memory_needed),
                                            FIELD(I64, hello.memory_available),
                                            FIELD(I64, hello.files),
                                            FIELD(DOUBLE, hello.seconds_per_image)};
static const struct field heartbeat_fields[] = {
    FIELD(I64, heartbeat.step),  FIELD(U32, heartbeat.phase), FIELD(U32, heartbeat.waiting),
    FIELD(U32, heartbeat.asked), FIELD(U64, heartbeat.work),  FIELD(DOUBLE, heartbeat.file_seconds),
    FIELD(TEXT, heartbeat.file)};
static const struct field step_fields[] = {FIELD(I64, step.step),
                                           FIELD(I64, step.epoch),
                                           FIELD(DOUBLE, step.loss),
                                           FIELD(DOUBLE, step.loss_cls),
                                           FIELD(DOUBLE, step.loss_dom),
                                           FIELD(DOUBLE, step.accuracy),
                                           FIELD(DOUBLE, step.domain_accuracy),
                                           FIELD(DOUBLE, step.lambda),
                                           FIELD(DOUBLE, step.lr),
                                           FIELD(DOUBLE, step.grad_norm),
                                           FIELD(DOUBLE, step.images_per_second),
                                           FIELD(DOUBLE, step.seconds_data),
                                           FIELD(DOUBLE, step.seconds_compute),
                                           FIELD(DOUBLE, step.seconds_exchange),
                                           FIELD(DOUBLE, step.seconds_hidden),
                                           FIELD(DOUBLE, step.bytes),
                                           FIELD(DOUBLE, step.bytes_gradients),
                                           FIELD(DOUBLE, step.bytes_embeddings),
                                           FIELD(DOUBLE, step.bytes_reductions),
                                           FIELD(DOUBLE, step.seconds_classifier)};
static const struct field lease_done_fields[] = {FIELD(I64, lease_done.epoch), FIELD(I32, lease_done.lane),
                                                 FIELD(I64, lease_done.images),
                                                 FIELD(I64, lease_done.dropped)};
static const struct field eval_fields[] = {FIELD(I64, eval.step),
                                           FIELD(TEXT, eval.set),
                                           FIELD(I64, eval.pairs),
                                           FIELD(DOUBLE, eval.accuracy),
                                           FIELD(DOUBLE, eval.accuracy_std),
                                           FIELD(DOUBLE, eval.threshold),
                                           FIELD(DOUBLE, eval.auc),
                                           FIELD(DOUBLE, eval.norm),
                                           FIELD(DOUBLE, eval.tar[0]),
                                           FIELD(DOUBLE, eval.tar[1]),
                                           FIELD(DOUBLE, eval.tar[2])};
static const struct field groups_fields[] = {
    FIELD(I64, groups.step),      FIELD(U64, groups.pairs),  FIELD(U64, groups.groups),
    FIELD(U64, groups.joined),    FIELD(U64, groups.parted), FIELD(DOUBLE, groups.precision),
    FIELD(DOUBLE, groups.shared), FIELD(U32, groups.known),  FIELD(DOUBLE, groups.seconds)};
static const struct field part_fields[] = {FIELD(I64, part.step), FIELD(TEXT, part.file),
                                           FIELD(U64, part.bytes), FIELD(U32, part.crc)};
static const struct field saved_fields[] = {
    FIELD(I64, saved.step),     FIELD(U32, saved.status),   FIELD(TEXT, saved.what),
    FIELD(TEXT, saved.where),   FIELD(TEXT, saved.next),    FIELD(I32, saved.skips),
    FIELD(U32, saved.evaluate), FIELD(DOUBLE, saved.stall), FIELD(DOUBLE, saved.seconds)};
static const struct field fault_fields[] = {FIELD(U32, fault.status), FIELD(I64, fault.step),
                                            FIELD(TEXT, fault.what), FIELD(TEXT, fault.where),
                                            FIELD(TEXT, fault.next)};
static const struct field warning_fields[] = {FIELD(TEXT, warning.what)};
static const struct field bad_image_fields[] = {FIELD(U64, bad_image.sample), FIELD(TEXT, bad_image.what)};
static const struct field done_fields[] = {FIELD(U32, done.status), FIELD(I64, done.step),
                                           FIELD(U32, done.asked)};
static const struct field start_fields[] = {
    FIELD(TEXT, start.checkpoint), FIELD(TEXT, start.owner),          FIELD(I64, start.step),
    FIELD(I64, start.steps),       FIELD(I64, start.steps_per_epoch), FIELD(I32, start.lanes),
    FIELD(I32, start.skips),       FIELD(U32, start.evaluate)};
static const struct field leases_fields[] = {FIELD(I64, leases.epoch), FIELD(I32, leases.lane),
                                             FIELD(U32, leases.count), FIELD(U32, leases.repeat_count)};
static const struct field control_fields[] = {FIELD(U32, control.requests)};
static const struct field committed_fields[] = {FIELD(I64, committed.step), FIELD(U32, committed.status)};

struct layout {
    const struct field *fields;
    size_t count;
};

#define LAYOUT(name)                                                                                         \
    {                                                                                                        \
        name##_fields, sizeof name##_fields / sizeof name##_fields[0]                                        \
    }

static const struct layout layouts[] = {
    [MESSAGE_HELLO] = LAYOUT(hello),         [MESSAGE_HEARTBEAT] = LAYOUT(heartbeat),
    [MESSAGE_STEP] = LAYOUT(step),           [MESSAGE_LEASE_DONE] = LAYOUT(lease_done),
    [MESSAGE_EVAL] = LAYOUT(eval),           [MESSAGE_PART] = LAYOUT(part),
    [MESSAGE_SAVED] = LAYOUT(saved),         [MESSAGE_FAULT] = LAYOUT(fault),
    [MESSAGE_WARNING] = LAYOUT(warning),     [MESSAGE_BAD_IMAGE] = LAYOUT(bad_image),
    [MESSAGE_DONE] = LAYOUT(done),           [MESSAGE_START] = LAYOUT(start),
    [MESSAGE_LEASES] = LAYOUT(leases),       [MESSAGE_CONTROL] = LAYOUT(control),
    [MESSAGE_COMMITTED] = LAYOUT(committed), [MESSAGE_GROUPS] = LAYOUT(groups)};

enum { HEADER_SIZE = 12, LEASE_SIZE = 20 };
static const unsigned char magic[4] = {'D', 'A', 'I', 'L'};

static void put_number(unsigned char *bytes, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
}

static uint64_t get_number(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static size_t payload_size(const struct message *message)
{
    size_t size = 0;
    for (size_t i = 0; i < layouts[message->kind].count; i++) {
        size += layouts[message->kind].fields[i].size;
    }
    return message->kind == MESSAGE_LEASES
               ? size + (size_t)message->leases.count * LEASE_SIZE + message->leases.repeat_count
               : size;
}

static void encode_field(const struct field *field, const struct message *message, unsigned char *bytes)
{
    const unsigned char *member = (const unsigned char *)message + field->offset;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    switch (field->type) {
    case FIELD_U32:
    case FIELD_I32:
        memcpy(&narrow, member, sizeof narrow);
        put_number(bytes, narrow, sizeof narrow);
        break;
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_DOUBLE:
        memcpy(&wide, member, sizeof wide);
        put_number(bytes, wide, sizeof wide);
        break;
    case FIELD_TEXT: {
        size_t length = strnlen((const char *)member, field->size - 1);
        memset(bytes, 0, field->size);
        memcpy(bytes, member, length);
        break;
    }
    }
}

static enum status decode_field(const struct field *field, const unsigned char *bytes,
                                struct message *message, struct error *error)
{
    unsigned char *member = (unsigned char *)message + field->offset;
    uint64_t wide;
    uint32_t narrow;
    switch (field->type) {
    case FIELD_U32:
    case FIELD_I32:
        narrow = (uint32_t)get_number(bytes, sizeof narrow);
        memcpy(member, &narrow, sizeof narrow);
        break;
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_DOUBLE:
        wide = get_number(bytes, sizeof wide);
        memcpy(member, &wide, sizeof wide);
        break;
    case FIELD_TEXT:
        if (!memchr(bytes, '\0', field->size)) {
            return error_set(error, STATUS_LOST, "control message", NULL,
                             "a text in a message of kind %d does not end", (int)message->kind);
        }
        memcpy(member, bytes, field->size);
        break;
    }
    return STATUS_OK;
}

static void encode_leases(const struct message_leases *leases, unsigned char *bytes)
{
    for (uint32_t i = 0; i < leases->count; i++, bytes += LEASE_SIZE) {
        put_number(bytes, leases->leases[i].dataset, 4);
        put_number(bytes + 4, leases->leases[i].shard, 4);
        put_number(bytes + 8, leases->leases[i].begin, 4);
        put_number(bytes + 12, leases->leases[i].count, 4);
        put_number(bytes + 16, leases->leases[i].sampled, 4);
    }
    if (leases->repeat_count > 0) {
        memcpy(bytes, leases->repeats, leases->repeat_count);
    }
}

static bool has_all_repeats(const struct message_leases *leases)
{
    uint64_t sampled = 0;
    for (uint32_t i = 0; i < leases->count; i++) {
        sampled += leases->leases[i].sampled ? leases->leases[i].count : 0;
    }
    return sampled == leases->repeat_count;
}

int64_t message_leases_images(const struct message_leases *leases)
{
    int64_t images = 0;
    for (uint32_t i = 0; i < leases->count; i++) {
        images += leases->leases[i].sampled ? 0 : leases->leases[i].count;
    }
    for (uint32_t i = 0; i < leases->repeat_count; i++) {
        images += leases->repeats[i];
    }
    return images;
}

static void free_leases(struct message_leases *leases)
{
    free(leases->leases);
    free(leases->repeats);
    leases->leases = NULL;
    leases->repeats = NULL;
}

static enum status decode_leases(const unsigned char *bytes, size_t size, struct message_leases *leases,
                                 struct error *error)
{
    leases->leases = NULL;
    leases->repeats = NULL;
    if (leases->count > MESSAGE_LEASES_MAX || leases->repeat_count > MESSAGE_REPEATS_MAX ||
        size != (size_t)leases->count * LEASE_SIZE + leases->repeat_count) {
        return error_set(error, STATUS_LOST, "control message", NULL,
                         "%u leases with %u repeats in %zu bytes", leases->count, leases->repeat_count, size);
    }
    leases->leases = malloc((leases->count + (size_t)1) * sizeof *leases->leases);
    leases->repeats = malloc(leases->repeat_count + (size_t)1);
    if (!leases->leases || !leases->repeats) {
        free_leases(leases);
        return error_no_memory(error, "control message");
    }
    for (uint32_t i = 0; i < leases->count; i++, bytes += LEASE_SIZE) {
        leases->leases[i] = (struct message_lease){.dataset = (uint32_t)get_number(bytes, 4),
                                                   .shard = (uint32_t)get_number(bytes + 4, 4),
                                                   .begin = (uint32_t)get_number(bytes + 8, 4),
                                                   .count = (uint32_t)get_number(bytes + 12, 4),
                                                   .sampled = (uint32_t)get_number(bytes + 16, 4)};
    }
    memcpy(leases->repeats, bytes, leases->repeat_count);
    if (!has_all_repeats(leases)) {
        free_leases(leases);
        return error_set(error, STATUS_LOST, "control message", NULL,
                         "%u repeats are not those of its sampled leases", leases->repeat_count);
    }
    return STATUS_OK;
}

enum status message_encode(const struct message *message, unsigned char **bytes, size_t *size,
                           struct error *error)
{
    if (message->kind < MESSAGE_HELLO || message->kind > MESSAGE_COMMITTED) {
        return error_set(error, STATUS_INTERNAL, "control message", NULL, "no message has kind %d",
                         (int)message->kind);
    }
    if (message->kind == MESSAGE_LEASES &&
        (message->leases.count > MESSAGE_LEASES_MAX || message->leases.repeat_count > MESSAGE_REPEATS_MAX)) {
        return error_set(error, STATUS_INTERNAL, "control message", "pack larger shards",
                         "%u leases are more than a message holds", message->leases.count);
    }
    size_t payload = payload_size(message);
    unsigned char *out = malloc(HEADER_SIZE + payload);
    if (!out) {
        return error_no_memory(error, "control message");
    }
    memcpy(out, magic, sizeof magic);
    put_number(out + 4, MESSAGE_VERSION, 2);
    put_number(out + 6, (uint64_t)message->kind, 2);
    put_number(out + 8, payload, 4);
    unsigned char *next = out + HEADER_SIZE;
    for (size_t i = 0; i < layouts[message->kind].count; i++) {
        encode_field(&layouts[message->kind].fields[i], message, next);
        next += layouts[message->kind].fields[i].size;
    }
    if (message->kind == MESSAGE_LEASES) {
        encode_leases(&message->leases, next);
    }
    *bytes = out;
    *size = HEADER_SIZE + payload;
    return STATUS_OK;
}

/* Checks the header and gives the kind. */
static enum status decode_header(const unsigned char *bytes, size_t size, enum message_kind *kind,
                                 struct error *error)
{
    const char *where = "control message";
    if (size < HEADER_SIZE || memcmp(bytes, magic, sizeof magic) != 0) {
        return error_set(error, STATUS_LOST, where, NULL, "%zu bytes that are no message of ours", size);
    }
    unsigned version = (unsigned)get_number(bytes + 4, 2);
    unsigned number = (unsigned)get_number(bytes + 6, 2);
    uint64_t payload = get_number(bytes + 8, 4);
    if (version != MESSAGE_VERSION) {
        return error_set(error, STATUS_LOST, where, "start every rank from the same build",
                         "message version %u, ours is %d", version, MESSAGE_VERSION);
    }
    if (number < MESSAGE_HELLO || number > MESSAGE_COMMITTED) {
        return error_set(error, STATUS_LOST, where, NULL, "unknown message kind %u", number);
    }
    if (payload != size - HEADER_SIZE) {
        return error_set(error, STATUS_LOST, where, NULL, "message kind %u says %llu bytes and has %zu",
                         number, (unsigned long long)payload, size - HEADER_SIZE);
    }
    *kind = (enum message_kind)number;
    return STATUS_OK;
}

enum status message_decode(const unsigned char *bytes, size_t size, struct message *message,
                           struct error *error)
{
    enum message_kind kind = MESSAGE_HELLO;
    memset(message, 0, sizeof *message);
    enum status status = decode_header(bytes, size, &kind, error);
    if (status != STATUS_OK) {
        return status;
    }
    message->kind = kind;
    const unsigned char *next = bytes + HEADER_SIZE;
    size_t left = size - HEADER_SIZE;
    for (size_t i = 0; i < layouts[kind].count; i++) {
        const struct field *field = &layouts[kind].fields[i];
        if (left < field->size) {
            return error_set(error, STATUS_LOST, "control message", NULL, "a message of kind %d is cut short",
                             (int)kind);
        }
        status = decode_field(field, next, message, error);
        if (status != STATUS_OK) {
            return status;
        }
        next += field->size;
        left -= field->size;
    }
    if (kind == MESSAGE_LEASES) {
        return decode_leases(next, left, &message->leases, error);
    }
    if (left != 0) {
        return error_set(error, STATUS_LOST, "control message", NULL,
                         "a message of kind %d has %zu bytes too many", (int)kind, left);
    }
    return STATUS_OK;
}

void message_free(struct message *message)
{
    if (message->kind == MESSAGE_LEASES) {
        free_leases(&message->leases);
    }
}

struct message message_of_fault(const struct error *error, int64_t step)
{
    struct message message = {.kind = MESSAGE_FAULT,
                              .fault = {.status = (uint32_t)error->status, .step = step}};
    memcpy(message.fault.what, error->what, sizeof error->what);
    memcpy(message.fault.where, error->where, sizeof error->where);
    memcpy(message.fault.next, error->next, sizeof error->next);
    return message;
}

struct error message_fault_error(const struct message_fault *fault)
{
    struct error error = {.status = (enum status)fault->status};
    memcpy(error.what, fault->what, sizeof error.what);
    memcpy(error.where, fault->where, sizeof error.where);
    memcpy(error.next, fault->next, sizeof error.next);
    return error;
}

struct error message_saved_error(const struct message_saved *saved)
{
    struct error error = {.status = (enum status)saved->status};
    memcpy(error.what, saved->what, sizeof error.what);
    memcpy(error.where, saved->where, sizeof error.where);
    memcpy(error.next, saved->next, sizeof error.next);
    return error;
}

const char *message_phase_name(uint32_t phase)
{
    static const char *const names[] = {"start",    "data",   "forward",    "classifier", "backward",
                                        "exchange", "update", "checkpoint", "evaluate",   "discover"};
    return phase < sizeof names / sizeof names[0] ? names[phase] : "unknown";
}
