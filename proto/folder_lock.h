/* One owner of a folder. A file in it says who that is, and its owner renews it as long as it lives; whoever comes
 * second is refused, and an owner that is gone is replaced.
 *
 * The file is written under a name of its own and linked to its name, which works on NFS: it is whole from its first
 * instant, and a start that dies before leaves no lock. A thread renews it in place, through the descriptor that it was
 * made by: what an owner writes that was replaced meanwhile reaches nobody. An owner is gone when its process is,
 * where that can be told (the same running system and process namespace), or when its heartbeat has stood still for
 * long; where clocks may differ the second one watches it for so long. Nothing can keep an owner that was suspended
 * from going on where it stood: it must call
 * folder_lock_check before whatever it must not do to another's folder.
 */
#ifndef DAIL_PROTO_FOLDER_LOCK_H
#define DAIL_PROTO_FOLDER_LOCK_H

#include "proto/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOLDER_LOCK_NAME "lock" /* within the folder */
#define FOLDER_LOCK_VERSION 1
#define FOLDER_NONCE_SIZE 17 /* 16 hexadecimal digits, with the terminator */

/* What the file says. */
struct folder_owner {
    char host[128];
    char job[64]; /* SLURM_JOB_ID; may be empty */
    char nonce[FOLDER_NONCE_SIZE]; /* drawn anew by each owner */
    char processes[128]; /* process_table_name of its process; may be empty */
    int64_t pid;
    uint64_t started; /* process_started of it */
    double heartbeat; /* when it was last renewed, in Unix seconds by the owner's clock */
};

/* Whether everything is there that a file says of an owner. */
bool folder_owner_is_valid(const struct folder_owner *owner);

/* "host node17, pid 4711, job 12, heartbeat 3s ago" in text[size]. */
const char *folder_owner_describe(const struct folder_owner *owner, char *text, size_t size);

/* Reads who owns a folder. STATUS_DATA where there is no such file or it says something else. */
enum status folder_owner_read(const char *folder, struct folder_owner *owner, struct error *error);

/* Whether a folder is still that of the owner with this nonce, asked by who acts for it from elsewhere: STATUS_LOST names
 * the owner that it has now, STATUS_STORAGE where that cannot be told. A nonce of "" owns what nobody else wants. */
enum status folder_owner_check(const char *folder, const char *nonce, struct error *error);

struct folder_lock;

struct folder_claim {
    const char *folder; /* which is there */
    const char *next; /* what to do where it has another owner */
    double stale_seconds; /* an owner whose heartbeat stands still for so long is gone */
    void (*tell)(const char *text); /* once, before it is waited to see whether another lives; may be NULL */
    const volatile sig_atomic_t *stop; /* nonzero: wait no longer to see whether another lives; may be NULL */
};

/* Makes this process the owner of a folder. STATUS_USAGE names an owner that is alive. `warning` says whom it
 * replaced, if anyone; else it is empty. STATUS_STORAGE. On success the caller calls folder_lock_release. */
enum status folder_lock_take(const struct folder_claim *claim, struct folder_lock **lock, char *warning,
                             size_t size, struct error *error);

/* Reads the file: whether this process still owns the folder. STATUS_LOST, for good, names who does; STATUS_STORAGE
 * where that cannot be told. NULL owns what nobody else wants. */
enum status folder_lock_check(struct folder_lock *lock, struct error *error);

/* Whether the folder is lost, as far as the last heartbeats tell; where these are late, the file is read. */
bool folder_lock_is_lost(struct folder_lock *lock);

/* The owner's nonce; "" for NULL. */
const char *folder_lock_nonce(const struct folder_lock *lock);

/* Ends the heartbeat and removes the file, unless it is another's. NULL is left alone. */
void folder_lock_release(struct folder_lock *lock);

#endif
