/* Who is in the pairs of a verification set: its file tells only which images are of one person.
 */
#ifndef DAIL_WORKER_EVALUATE_PEOPLE_H
#define DAIL_WORKER_EVALUATE_PEOPLE_H

#include "proto/error.h"
#include "shard/pairs.h"

#include <stddef.h>
#include <stdint.h>

#define PEOPLE_NONE UINT32_MAX

struct people {
    uint32_t *of; /* [items]: the person, from 0; PEOPLE_NONE: in no pair */
    uint32_t count;
};

/* People as the connected components of items (images, templates) that a pair of one person joins. alias [items]: an
 * item that is the same as this one, or the item itself; NULL: all are different. One person may be found as several
 * where nothing joins his items. STATUS_INTERNAL when memory runs out. The caller calls people_free in any case. */
enum status people_join(size_t items, const uint32_t *alias, const uint32_t *pair, const uint8_t *same,
                        size_t pairs, struct people *people, struct error *error);
void people_free(struct people *people);

/* The same of a set's images; those that are the same to the byte are one. */
enum status people_of_set(const struct pairs *pairs, struct people *people, struct error *error);

#endif
