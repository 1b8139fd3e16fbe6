/* The watchdog's datagrams: fixed size, little-endian, and checked on arrival: whatever does not carry the
 * run's nonce is somebody else's.
 *
 * On the wire: magic "DAILWATC", u8[16] nonce, then the fields in the order of the structure.
 */
#ifndef DAIL_DAEMON_RANK_WATCHDOG_PACKET_H
#define DAIL_DAEMON_RANK_WATCHDOG_PACKET_H

#include "proto/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCHDOG_NONCE_SIZE 16
#define WATCHDOG_PACKET_SIZE 272

enum watchdog_kind {
    WATCHDOG_HEARTBEAT = 1, /* worker to coordinator */
    WATCHDOG_ANSWER, /* coordinator to worker, to each heartbeat */
    WATCHDOG_PING /* coordinator to worker: a heartbeat at once */
};

struct watchdog_packet {
    uint32_t kind; /* enum watchdog_kind */
    uint32_t rank; /* the sender's */
    uint32_t answered; /* of a heartbeat: the sender has had an answer before */
    uint64_t progress; /* rises with every heartbeat of the sender's main thread */
    struct message_heartbeat sign; /* the last one */
};

void watchdog_packet_encode(const struct watchdog_packet *packet,
                            const unsigned char nonce[WATCHDOG_NONCE_SIZE],
                            unsigned char bytes[WATCHDOG_PACKET_SIZE]);

/* false: not a datagram of the run with this nonce, or none that makes sense. */
bool watchdog_packet_decode(const unsigned char *bytes, size_t size,
                            const unsigned char nonce[WATCHDOG_NONCE_SIZE], struct watchdog_packet *packet);

#endif
