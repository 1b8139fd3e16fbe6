/* Control messages between the coordinator and the workers: small, versioned, and checked on arrival,
 * since a byte stream from another process is input like any other.
 *
 * On the wire: magic "DAIL", u16 version, u16 kind, u32 payload length, then the payload's fields in the
 * order of the structure, little-endian; strings are fixed arrays, cut and terminated.
 */
#ifndef DAIL_PROTO_MESSAGE_H
#define DAIL_PROTO_MESSAGE_H

#include "proto/error.h"

#include <stdint.h>

#define MESSAGE_VERSION 7
#define MESSAGE_SIZE_MAX (1u << 25)
#define MESSAGE_LEASES_MAX 16384
#define MESSAGE_REPEATS_MAX (1u << 24)

enum message_kind {
    MESSAGE_HELLO = 1, /* worker to coordinator, once: who I am */
    MESSAGE_HEARTBEAT, /* either way: alive, and what I am doing */
    MESSAGE_STEP, /* worker to coordinator: a step's figures (all workers; global ones equal on all) */
    MESSAGE_LEASE_DONE, /* worker to coordinator: a lane came to the end of its leases of an epoch */
    MESSAGE_EVAL, /* first worker to coordinator: the result of one verification set */
    MESSAGE_GROUPS, /* first worker to coordinator: identity groups were discovered */
    MESSAGE_PART, /* worker to coordinator: one file of a checkpoint is written and synced */
    MESSAGE_SAVED, /* worker to coordinator: all my files of a checkpoint are written, or one could not be */
    MESSAGE_FAULT, /* worker to coordinator: I failed */
    MESSAGE_WARNING, /* worker to coordinator: goes to the status log */
    MESSAGE_BAD_IMAGE, /* worker to coordinator: one that cannot be used, and was left out */
    MESSAGE_DONE, /* worker to coordinator: I have left the training loop, with this status */
    MESSAGE_START, /* coordinator to worker: begin, from this step */
    MESSAGE_LEASES, /* coordinator to worker: one lane's leases of one epoch */
    MESSAGE_CONTROL, /* coordinator to first worker: requests to carry in the next step's control word */
    MESSAGE_COMMITTED /* coordinator to worker: the checkpoint of this step is committed (or given up) */
};

enum message_phase {
    PHASE_START,
    PHASE_DATA,
    PHASE_FORWARD,
    PHASE_CLASSIFIER,
    PHASE_BACKWARD,
    PHASE_EXCHANGE,
    PHASE_UPDATE,
    PHASE_CHECKPOINT,
    PHASE_EVALUATE,
    PHASE_DISCOVER
};

/* Bits of the control word. */
#define CONTROL_STOP 1u
#define CONTROL_CHECKPOINT 2u
#define CONTROL_EVALUATE 4u

struct message_hello {
    char version[32]; /* the program's; a difference ends the run */
    char host[128];
    int64_t pid;
    int32_t threads;
    int32_t cores_allowed; /* physical cores that this rank may use */
    char cores[256]; /* their list, counted over the host: "0-3,8" */
    int32_t hardware_threads; /* that this rank may use */
    int32_t numa_nodes; /* that its cores lie in; 0: the host does not say */
    double cores_granted; /* cores' worth of time that its control group may take; 0: no limit */
    char isa[16]; /* avx512, avx2, generic */
    char blas_kernel[32]; /* OpenBLAS's, where the processor has better ones; else empty */
    char interfaces[256]; /* up interfaces that are not loopback: "eth0 10.0.0.3, ib0 10.1.0.3" */
    int64_t memory_needed; /* bytes this rank will use */
    int64_t memory_available; /* bytes the host (or its cgroup) has left */
    int64_t files; /* that this rank may have open, connections included; 0: no limit known */
    double seconds_per_image; /* measured: one forward and backward of the network, 0 if unknown */
};

/* What a main thread is waiting for. */
enum message_waiting {
    WAITING_NOT, /* it works */
    WAITING_FILE, /* for a thread of its own, which reads or writes a file */
    WAITING_WORKERS,
    WAITING_COORDINATOR
};

/* What a rank's main thread is at: sent over MPI, and in the watchdog's datagrams. */
struct message_heartbeat {
    int64_t step;
    uint32_t phase; /* enum message_phase */
    uint32_t waiting; /* enum message_waiting */
    uint32_t asked; /* 1: this rank was asked to stop */
    uint64_t work; /* rises with what is done, and not while it waits */
    double file_seconds; /* since when it has been at `file` */
    char file[192]; /* that is read or written; empty: none */
};

struct message_step {
    int64_t step;
    int64_t epoch; /* from 0 */
    double loss, loss_cls, loss_dom;
    double accuracy; /* of the classifier among the classes compared */
    double domain_accuracy;
    double lambda, lr, grad_norm;
    double images_per_second;
    /* Of this worker, mean per step since the last report; hidden: of the exchange, beside the computing. */
    double seconds_data, seconds_compute, seconds_exchange, seconds_hidden;
    double bytes; /* that this worker handed to the exchange, likewise; 0: it is the only one; of them: */
    double bytes_gradients, bytes_embeddings, bytes_reductions;
    double seconds_classifier; /* likewise; of the computing and the exchange */
};

struct message_lease_done {
    int64_t epoch;
    int32_t lane;
    int64_t images; /* trained on */
    int64_t dropped; /* of the tail */
};

struct message_eval {
    int64_t step;
    char set[128];
    int64_t pairs;
    double accuracy, accuracy_std, threshold, auc, norm;
    double tar[3]; /* at far 1e-2, 1e-3, 1e-4; negative: the set is too small for it */
};

struct message_groups {
    int64_t step; /* after which */
    uint64_t pairs, groups; /* of classes that are one person, and of two or more */
    uint64_t joined, parted; /* pairs that were not, or are no more */
    double precision; /* that the pairs are expected to have; NaN of none, or where it is not known */
    double shared; /* pairs in all, estimated */
    uint32_t known; /* 0: the judge cannot tell, and nothing has changed */
    double seconds; /* that it took */
};

struct message_part {
    int64_t step;
    char file[256]; /* relative to the checkpoint's directory */
    uint64_t bytes;
    uint32_t crc;
};

struct message_saved {
    int64_t step;
    /* enum status. Where it is not STATUS_OK, none of this worker's files counts, and the texts say why. */
    uint32_t status;
    char what[512], where[512], next[256];
    int32_t skips; /* updates skipped in a row up to this step */
    uint32_t evaluate; /* 1: the evaluation due after this step is still to be done */
    double stall, seconds; /* that training stood still, and that the writing took */
};

struct message_fault {
    uint32_t status; /* enum status */
    int64_t step;
    char what[512], where[512], next[256];
};

struct message_warning {
    char what[512];
};

struct message_bad_image {
    uint64_t sample; /* sample_id */
    char what[512]; /* why, with dataset, shard and image */
};

struct message_done {
    uint32_t status;
    int64_t step;
    uint32_t asked; /* 1: this worker was sent a signal to stop */
};

struct message_start {
    char checkpoint[512]; /* resume from this directory; empty: from the start */
    char owner[24]; /* nonce of the run's folder (folder_lock.h): in the names of what is not committed */
    int64_t step; /* steps already done */
    int64_t steps; /* of the whole training */
    int64_t steps_per_epoch;
    int32_t lanes;
    int32_t skips; /* as the checkpoint's MESSAGE_SAVED told */
    uint32_t evaluate;
};

struct message_lease {
    uint32_t dataset; /* index in config order */
    uint32_t shard;
    uint32_t begin; /* first image within the shard */
    uint32_t count;
    uint32_t sampled; /* 1: how often each comes stands in the repeats; 0: each once */
};

struct message_leases {
    int64_t epoch;
    int32_t lane;
    uint32_t count; /* of all leases of this lane and epoch: at most MESSAGE_LEASES_MAX */
    uint32_t repeat_count; /* images of the sampled leases: at most MESSAGE_REPEATS_MAX */
    struct message_lease *leases; /* decoded: points into memory that message_free releases, as do the: */
    uint8_t *repeats; /* [repeat_count]: of each sampled lease's images, lease after lease */
};

/* How many images come of all leases. */
int64_t message_leases_images(const struct message_leases *leases);

struct message_control {
    uint32_t requests; /* CONTROL_ bits */
};

struct message_committed {
    int64_t step;
    uint32_t status;
};

struct message {
    enum message_kind kind;
    union {
        struct message_hello hello;
        struct message_heartbeat heartbeat;
        struct message_step step;
        struct message_lease_done lease_done;
        struct message_eval eval;
        struct message_groups groups;
        struct message_part part;
        struct message_saved saved;
        struct message_fault fault;
        struct message_warning warning;
        struct message_bad_image bad_image;
        struct message_done done;
        struct message_start start;
        struct message_leases leases;
        struct message_control control;
        struct message_committed committed;
    };
};

/* Encodes to a new buffer that the caller frees. STATUS_INTERNAL if a message is too large or memory ran out.
 */
enum status message_encode(const struct message *message, unsigned char **bytes, size_t *size,
                           struct error *error);

/* Decodes `size` bytes. STATUS_LOST with a clear text on another magic, version, kind or length. On success
 * the caller calls message_free. */
enum status message_decode(const unsigned char *bytes, size_t size, struct message *message,
                           struct error *error);

void message_free(struct message *message);

/* A MESSAGE_FAULT of what `error` says, and back. */
struct message message_of_fault(const struct error *error, int64_t step);
struct error message_fault_error(const struct message_fault *fault);
/* What a MESSAGE_SAVED says went wrong. */
struct error message_saved_error(const struct message_saved *saved);

/* "forward", "exchange", ...: what a heartbeat's phase is called in messages to people. */
const char *message_phase_name(uint32_t phase);

#endif
