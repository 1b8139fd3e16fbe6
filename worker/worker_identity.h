/* When identities are discovered, and what follows from it: rows of the new groups, and word to the coordinator. */
#ifndef DAIL_WORKER_WORKER_IDENTITY_H
#define DAIL_WORKER_WORKER_IDENTITY_H

#include "worker/worker_state.h"

/* After step worker->step: discovers if that is due, as it is for all workers or none. Collective. */
enum status worker_discover_if_due(struct worker *worker, struct error *error);

#endif
