/* A control message as it comes off the wire.
 * Covers: proto/message.c */
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message, again;
    struct error error;
    unsigned char *bytes;
    size_t count;
    if (message_decode(data, size, &message, &error) != STATUS_OK) {
        return 0;
    }
    fuzz_require(message_encode(&message, &bytes, &count, &error) == STATUS_OK && count == size,
                 "a message that was read can be sent, with as many bytes");
    fuzz_require(message_decode(bytes, count, &again, &error) == STATUS_OK && again.kind == message.kind,
                 "a message that was sent can be read");
    if (message.kind == MESSAGE_FAULT) {
        char line[ERROR_LINE_SIZE];
        struct error fault = message_fault_error(&message.fault);
        error_format(&fault, line, sizeof line);
    } else if (message.kind == MESSAGE_HEARTBEAT) {
        fuzz_require(message_phase_name(message.heartbeat.phase), "every phase has a name");
    }
    free(bytes);
    message_free(&again);
    message_free(&message);
    return 0;
}
