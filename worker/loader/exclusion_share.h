/* What data.exclude leaves out, on every worker: the first one reads the tables and the shards' labels, the others are
 * told, so that a thousand workers do not read what one has read. */
#ifndef DAIL_WORKER_LOADER_EXCLUSION_SHARE_H
#define DAIL_WORKER_LOADER_EXCLUSION_SHARE_H

#include "shard/manifest.h"
#include "worker/exchange/exchange.h"

/* Collective, with the same manifests on all. Errors: exclusion_apply's, told by worker 0, on which all agree. */
enum status exclusion_share(char *const *tables, size_t count, struct manifest *manifests, size_t datasets,
                            struct exchange *exchange, struct error *error);

#endif
