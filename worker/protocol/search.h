/* 1:N search: every probe is compared with everybody in a gallery, by cosine, block by block: only the probes need
 * to fit in memory.
 */
#ifndef DAIL_WORKER_PROTOCOL_SEARCH_H
#define DAIL_WORKER_PROTOCOL_SEARCH_H

#include "worker/protocol/features.h"
#include "worker/protocol/identification.h"

#include <stdbool.h>

/* Scores nearer than this are equal: what rounding makes of the same picture twice. */
#define SEARCH_TIE 1e-9

struct search_config {
    const struct features *gallery, *probes;
    const uint32_t *gallery_person, *probe_person; /* [rows] of each: as features_match tells */
    const struct features
        *distractors; /* [distractor_count]: nobody among the probes, whatever their labels */
    size_t distractor_count;
    bool self; /* gallery and probes are one: no row is compared with itself */
    bool each_mate; /* every mate is searched for by itself, among the distractors alone */
    int threads;
    void (*progress)(void *context, uint64_t done, uint64_t total); /* rows compared; may be NULL */
    void *context;
};

/* A trial is a probe that has mates (rows of its person) in the gallery: the best of them stands for all. With each_mate a
 * trial is a probe and one of its mates, as the MegaFace challenge counts. STATUS_DATA where widths differ or a value
 * is not finite. The caller calls identification_free in any case. */
enum status search_run(const struct search_config *config, struct identification *result,
                       struct error *error);

#endif
