/* Control messages: every kind goes there and back; every cut, corrupt or hostile one is refused. */
#include "proto/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADER = 12 };

/* A message of `kind` with every byte of its payload set, texts filled to their last byte. */
static uint8_t six[] = {1, 0, 255, 7, 0, 2}; /* of the second lease */

static struct message example(enum message_kind kind, struct message_lease *leases)
{
    struct message message;
    memset(&message, 0, sizeof message);
    message.kind = kind;
    switch (kind) {
    case MESSAGE_HELLO:
        memset(message.hello.version, 'v', sizeof message.hello.version - 1);
        snprintf(message.hello.host, sizeof message.hello.host, "node7");
        message.hello.pid = -5;
        message.hello.threads = 4;
        message.hello.cores_allowed = 1 << 20;
        snprintf(message.hello.cores, sizeof message.hello.cores, "0-3,8");
        message.hello.hardware_threads = 10;
        message.hello.numa_nodes = 2;
        message.hello.cores_granted = 2.5;
        snprintf(message.hello.isa, sizeof message.hello.isa, "avx512");
        snprintf(message.hello.blas_kernel, sizeof message.hello.blas_kernel, "Haswell");
        snprintf(message.hello.interfaces, sizeof message.hello.interfaces, "eth0 10.0.0.3");
        message.hello.memory_needed = INT64_MAX;
        message.hello.memory_available = INT64_MIN;
        message.hello.files = INT64_MAX;
        message.hello.seconds_per_image = 0.125;
        break;
    case MESSAGE_HEARTBEAT:
        message.heartbeat = (struct message_heartbeat){.step = 1ll << 40, .phase = PHASE_EXCHANGE};
        break;
    case MESSAGE_STEP:
        message.step = (struct message_step){.step = 12,
                                             .epoch = 3,
                                             .loss = 1.5,
                                             .loss_cls = -0.0,
                                             .loss_dom = 1e-300,
                                             .accuracy = 0.5,
                                             .domain_accuracy = 0.25,
                                             .lambda = 0.1,
                                             .lr = 0.01,
                                             .grad_norm = 5,
                                             .images_per_second = 33,
                                             .seconds_data = 1,
                                             .seconds_compute = 2,
                                             .seconds_exchange = 3,
                                             .seconds_hidden = 4,
                                             .bytes = 5,
                                             .bytes_gradients = 1.5,
                                             .bytes_embeddings = 2.5,
                                             .bytes_reductions = 0.5,
                                             .seconds_classifier = 6};
        break;
    case MESSAGE_LEASE_DONE:
        message.lease_done = (struct message_lease_done){.epoch = 1, .lane = -2, .images = 3, .dropped = 4};
        break;
    case MESSAGE_EVAL:
        message.eval = (struct message_eval){.step = 9,
                                             .set = "cfp",
                                             .pairs = 7000,
                                             .accuracy = 0.99,
                                             .accuracy_std = 0.01,
                                             .threshold = 1.5,
                                             .auc = 0.999,
                                             .norm = 20,
                                             .tar = {0.9, 0.8, -1}};
        break;
    case MESSAGE_GROUPS:
        message.groups = (struct message_groups){.step = 9,
                                                 .pairs = 1ull << 40,
                                                 .groups = 5,
                                                 .joined = 4,
                                                 .parted = 3,
                                                 .precision = 0.875,
                                                 .shared = 12.5,
                                                 .known = 1,
                                                 .seconds = 0.25};
        break;
    case MESSAGE_PART:
        message.part =
            (struct message_part){.step = 9, .file = "model.h5", .bytes = UINT64_MAX, .crc = 0xdeadbeef};
        break;
    case MESSAGE_SAVED:
        message.saved = (struct message_saved){.step = 9,
                                               .status = STATUS_STORAGE,
                                               .what = "a",
                                               .where = "b",
                                               .next = "c",
                                               .skips = 3,
                                               .evaluate = 1,
                                               .stall = 0.125,
                                               .seconds = 2.5};
        break;
    case MESSAGE_FAULT:
        message.fault =
            (struct message_fault){.status = STATUS_DATA, .step = 2, .what = "a", .where = "b", .next = "c"};
        break;
    case MESSAGE_WARNING:
        memset(message.warning.what, 'w', sizeof message.warning.what - 1);
        break;
    case MESSAGE_BAD_IMAGE:
        message.bad_image = (struct message_bad_image){.sample = UINT64_MAX - 1, .what = "an image"};
        break;
    case MESSAGE_DONE:
        message.done = (struct message_done){.status = STATUS_STOPPED, .step = 100};
        break;
    case MESSAGE_START:
        message.start = (struct message_start){.checkpoint = "checkpoints/step-000000100",
                                               .step = 100,
                                               .steps = 1000,
                                               .steps_per_epoch = 50,
                                               .lanes = 8,
                                               .skips = 4,
                                               .evaluate = 1};
        break;
    case MESSAGE_LEASES:
        message.leases = (struct message_leases){
            .epoch = 2, .lane = 1, .count = 3, .repeat_count = sizeof six, .leases = leases, .repeats = six};
        break;
    case MESSAGE_CONTROL:
        message.control.requests = CONTROL_STOP | CONTROL_CHECKPOINT | CONTROL_EVALUATE;
        break;
    case MESSAGE_COMMITTED:
        message.committed = (struct message_committed){.step = 77, .status = STATUS_STORAGE};
        break;
    }
    return message;
}

static struct message_lease three[3] = {{0, 1, 2, 3, 0}, {9, 8, 7, 6, 1}, {~0u, ~0u, ~0u, ~0u, 0}};

static unsigned char *encode(const struct message *message, size_t *size)
{
    unsigned char *bytes = NULL;
    struct error error;
    assert_int_equal(message_encode(message, &bytes, size, &error), STATUS_OK);
    return bytes;
}

static enum status decode(const unsigned char *bytes, size_t size, struct message *message)
{
    /* An exact copy on the heap: a read past the end shows under AddressSanitizer. */
    unsigned char *copy = malloc(size > 0 ? size : 1);
    struct error error;
    memcpy(copy, bytes, size);
    memset(&error, 0, sizeof error);
    enum status status = message_decode(copy, size, message, &error);
    if (status != STATUS_OK) {
        assert_int_equal(error.status, status);
        assert_true(error.what[0] != '\0');
    }
    free(copy);
    return status;
}

static void test_each_kind_goes_there_and_back(void **state)
{
    (void)state;
    for (int kind = MESSAGE_HELLO; kind <= MESSAGE_COMMITTED; kind++) {
        struct message message = example((enum message_kind)kind, three), back;
        size_t size;
        unsigned char *bytes = encode(&message, &size);
        assert_true(size <= MESSAGE_SIZE_MAX);
        assert_int_equal(decode(bytes, size, &back), STATUS_OK);
        if (kind == MESSAGE_LEASES) {
            assert_int_equal(back.leases.count, 3);
            assert_memory_equal(back.leases.leases, three, sizeof three);
            struct message_lease *own = back.leases.leases;
            uint8_t *repeats = back.leases.repeats;
            assert_memory_equal(repeats, six, sizeof six);
            assert_int_equal(message_leases_images(&back.leases), INT64_C(3) + 265 + UINT32_MAX);
            back.leases.leases = three;
            back.leases.repeats = six;
            assert_memory_equal(&back.leases, &message.leases, sizeof back.leases);
            back.leases.leases = own;
            back.leases.repeats = repeats;
        } else {
            assert_memory_equal(&back, &message, sizeof back);
        }
        message_free(&back);
        free(bytes);
    }
}

/* The wire itself, written out by hand. */
static void test_bytes_on_the_wire(void **state)
{
    static const unsigned char wire[] = {'D',  'A',  'I',  'L',  7,    0,    16,   0,    12, 0, 0, 0,
                                         0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 5,  0, 0, 0};
    struct message message = {.kind = MESSAGE_COMMITTED,
                              .committed = {.step = 0x0102030405060708, .status = 5}};
    size_t size;
    (void)state;
    unsigned char *bytes = encode(&message, &size);
    assert_int_equal(size, sizeof wire);
    assert_memory_equal(bytes, wire, sizeof wire);
    free(bytes);
}

static void test_every_cut_and_every_surplus_is_refused(void **state)
{
    (void)state;
    for (int kind = MESSAGE_HELLO; kind <= MESSAGE_COMMITTED; kind++) {
        struct message message = example((enum message_kind)kind, three), back;
        size_t size;
        unsigned char *bytes = encode(&message, &size);
        unsigned char *longer = calloc(1, size + 16);
        memcpy(longer, bytes, size);
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(decode(bytes, cut, &back), STATUS_LOST);
            /* The same with a header that tells the truth about the cut. */
            if (cut >= HEADER) {
                uint32_t payload = (uint32_t)(cut - HEADER);
                memcpy(longer, bytes, size);
                memcpy(longer + 8, &payload, 4);
                assert_int_equal(decode(longer, cut, &back), STATUS_LOST);
            }
        }
        memcpy(longer, bytes, size);
        assert_int_equal(decode(longer, size + 1, &back), STATUS_LOST);
        uint32_t payload = (uint32_t)(size + 16 - HEADER);
        memcpy(longer + 8, &payload, 4);
        assert_int_equal(decode(longer, size + 16, &back), STATUS_LOST);
        free(longer);
        free(bytes);
    }
}

static void test_header_is_checked(void **state)
{
    struct message message = example(MESSAGE_HEARTBEAT, NULL), back;
    size_t size;
    (void)state;
    for (size_t at = 0; at < HEADER; at++) {
        unsigned char *bytes = encode(&message, &size);
        bytes[at] = (unsigned char)(bytes[at] ^ 0x80);
        assert_int_equal(decode(bytes, size, &back), STATUS_LOST);
        free(bytes);
    }
    static const unsigned kinds[] = {0, MESSAGE_COMMITTED + 1, 0xffff};
    for (size_t i = 0; i < 3; i++) {
        unsigned char *bytes = encode(&message, &size);
        bytes[6] = (unsigned char)kinds[i];
        bytes[7] = (unsigned char)(kinds[i] >> 8);
        assert_int_equal(decode(bytes, size, &back), STATUS_LOST);
        free(bytes);
    }
}

static void test_text_without_an_end_is_refused(void **state)
{
    struct message message = example(MESSAGE_WARNING, NULL), back;
    size_t size;
    (void)state;
    unsigned char *bytes = encode(&message, &size);
    bytes[size - 1] = 'x';
    assert_int_equal(decode(bytes, size, &back), STATUS_LOST);
    free(bytes);
    /* An array that its owner forgot to end is cut, not overrun. */
    memset(message.warning.what, 'x', sizeof message.warning.what);
    bytes = encode(&message, &size);
    assert_int_equal(decode(bytes, size, &back), STATUS_OK);
    assert_int_equal(strlen(back.warning.what), sizeof back.warning.what - 1);
    free(bytes);
}

static void test_lease_counts(void **state)
{
    /* count * 20 overflows 32 bits to what is there; or is simply not there; or is more than allowed. */
    static const uint32_t counts[] = {0x40000003, 0x80000003, 0xffffffff, 2, 4, MESSAGE_LEASES_MAX + 1};
    struct message message = example(MESSAGE_LEASES, three), back;
    size_t size;
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        unsigned char *bytes = encode(&message, &size);
        for (size_t b = 0; b < 4; b++) {
            bytes[HEADER + 12 + b] = (unsigned char)(counts[i] >> (8 * b));
        }
        assert_int_equal(decode(bytes, size, &back), STATUS_LOST);
        free(bytes);
    }
    /* Repeats that are another lease's, or nobody's. */
    for (int i = 0; i < 2; i++) {
        struct message_lease leases[3];
        memcpy(leases, three, sizeof three);
        leases[i].sampled = i == 0;
        message.leases.leases = leases;
        unsigned char *wrong = encode(&message, &size);
        assert_int_equal(decode(wrong, size, &back), STATUS_LOST);
        free(wrong);
    }
    struct message none = {.kind = MESSAGE_LEASES, .leases = {.epoch = 1, .lane = 0, .count = 0}};
    unsigned char *bytes = encode(&none, &size);
    assert_int_equal(decode(bytes, size, &back), STATUS_OK);
    assert_int_equal(back.leases.count, 0);
    message_free(&back);
    message_free(&back);
    free(bytes);
}

static void test_most_leases_fit_and_one_more_does_not(void **state)
{
    struct message_lease *leases = calloc(MESSAGE_LEASES_MAX + 1, sizeof *leases);
    struct message message = {.kind = MESSAGE_LEASES,
                              .leases = {.count = MESSAGE_LEASES_MAX, .leases = leases}};
    struct message back;
    struct error error;
    size_t size;
    (void)state;
    leases[MESSAGE_LEASES_MAX - 1].count = 42;
    unsigned char *bytes = encode(&message, &size);
    assert_true(size <= MESSAGE_SIZE_MAX);
    assert_int_equal(decode(bytes, size, &back), STATUS_OK);
    assert_int_equal(back.leases.leases[MESSAGE_LEASES_MAX - 1].count, 42);
    message_free(&back);
    free(bytes);
    message.leases.count++;
    assert_int_equal(message_encode(&message, &bytes, &size, &error), STATUS_INTERNAL);
    free(leases);
}

/* Flips of every bit: never a crash, and what is taken encodes again to the same bytes but for text after its
 * end. */
static void test_flipped_bits(void **state)
{
    static const enum message_kind kinds[] = {MESSAGE_LEASES, MESSAGE_HEARTBEAT, MESSAGE_DONE, MESSAGE_EVAL};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct message message = example(kinds[k], three), back;
        size_t size;
        unsigned char *bytes = encode(&message, &size);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] = (unsigned char)(bytes[bit / 8] ^ (1u << (bit % 8)));
            if (decode(bytes, size, &back) == STATUS_OK) {
                size_t again;
                unsigned char *second = encode(&back, &again);
                assert_int_equal(again, size);
                free(second);
                message_free(&back);
            }
            bytes[bit / 8] = (unsigned char)(bytes[bit / 8] ^ (1u << (bit % 8)));
        }
        free(bytes);
    }
}

static void test_phase_names(void **state)
{
    (void)state;
    assert_string_equal(message_phase_name(PHASE_START), "start");
    assert_string_equal(message_phase_name(PHASE_EXCHANGE), "exchange");
    assert_string_equal(message_phase_name(PHASE_DISCOVER), "discover");
    assert_non_null(message_phase_name(PHASE_DISCOVER + 1));
    assert_non_null(message_phase_name(UINT32_MAX));
}

static void test_fault_carries_an_error(void **state)
{
    (void)state;
    struct error error, back;
    error_set(&error, STATUS_STORAGE, "run/model.h5", "free some space", "no space left");
    struct message message = message_of_fault(&error, 42);
    assert_int_equal(message.kind, MESSAGE_FAULT);
    assert_int_equal(message.fault.step, 42);
    back = message_fault_error(&message.fault);
    assert_int_equal(back.status, STATUS_STORAGE);
    assert_string_equal(back.what, "no space left");
    assert_string_equal(back.where, "run/model.h5");
    assert_string_equal(back.next, "free some space");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fault_carries_an_error),
                                       cmocka_unit_test(test_each_kind_goes_there_and_back),
                                       cmocka_unit_test(test_bytes_on_the_wire),
                                       cmocka_unit_test(test_every_cut_and_every_surplus_is_refused),
                                       cmocka_unit_test(test_header_is_checked),
                                       cmocka_unit_test(test_text_without_an_end_is_refused),
                                       cmocka_unit_test(test_lease_counts),
                                       cmocka_unit_test(test_most_leases_fit_and_one_more_does_not),
                                       cmocka_unit_test(test_flipped_bits),
                                       cmocka_unit_test(test_phase_names)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
