#include "daemon/rank/watchdog_packet.h"

#include <string.h>

#define MAGIC "DAILWATC"
#define MAGIC_SIZE 8
#define MICROSECONDS 1e6

static unsigned char *put(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        *at++ = (unsigned char)(value >> (8 * i));
    }
    return at;
}

static const unsigned char *get(const unsigned char *at, uint64_t *value, int bytes)
{
    *value = 0;
    for (int i = 0; i < bytes; i++) {
        *value |= (uint64_t)*at++ << (8 * i);
    }
    return at;
}

void watchdog_packet_encode(const struct watchdog_packet *packet,
                            const unsigned char nonce[WATCHDOG_NONCE_SIZE],
                            unsigned char bytes[WATCHDOG_PACKET_SIZE])
{
    unsigned char *at = bytes;
    memcpy(at, MAGIC, MAGIC_SIZE);
    memcpy(at + MAGIC_SIZE, nonce, WATCHDOG_NONCE_SIZE);
    at = put(at + MAGIC_SIZE + WATCHDOG_NONCE_SIZE, packet->kind, 4);
    at = put(at, packet->rank, 4);
    at = put(at, packet->answered, 4);
    at = put(at, packet->progress, 8);
    const struct message_heartbeat *sign = &packet->sign;
    at = put(at, (uint64_t)sign->step, 8);
    at = put(at, sign->phase, 4);
    at = put(at, sign->waiting, 4);
    at = put(at, sign->asked, 4);
    at = put(at, sign->work, 8);
    at = put(at, (uint64_t)(sign->file_seconds * MICROSECONDS), 8);
    memcpy(at, sign->file, sizeof sign->file);
}

bool watchdog_packet_decode(const unsigned char *bytes, size_t size,
                            const unsigned char nonce[WATCHDOG_NONCE_SIZE], struct watchdog_packet *packet)
{
    uint64_t kind, rank, answered, step, phase, waiting, asked, microseconds;
    if (size != WATCHDOG_PACKET_SIZE || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0 ||
        memcmp(bytes + MAGIC_SIZE, nonce, WATCHDOG_NONCE_SIZE) != 0) {
        return false;
    }
    const unsigned char *at = get(bytes + MAGIC_SIZE + WATCHDOG_NONCE_SIZE, &kind, 4);
    at = get(at, &rank, 4);
    at = get(at, &answered, 4);
    at = get(at, &packet->progress, 8);
    at = get(at, &step, 8);
    at = get(at, &phase, 4);
    at = get(at, &waiting, 4);
    at = get(at, &asked, 4);
    at = get(at, &packet->sign.work, 8);
    at = get(at, &microseconds, 8);
    packet->kind = (uint32_t)kind;
    packet->rank = (uint32_t)rank;
    packet->answered = answered != 0;
    packet->sign.step = (int64_t)step;
    packet->sign.phase = (uint32_t)phase;
    packet->sign.waiting = (uint32_t)waiting;
    packet->sign.asked = (uint32_t)asked;
    packet->sign.file_seconds = (double)microseconds / MICROSECONDS;
    memcpy(packet->sign.file, at, sizeof packet->sign.file);
    packet->sign.file[sizeof packet->sign.file - 1] = '\0';
    return kind >= WATCHDOG_HEARTBEAT && kind <= WATCHDOG_PING;
}
