/* Who is in which synthetic dataset. People are numbered: first those whom all datasets share, then each
 * dataset's own, then those held out for the verification sets.
 */
#ifndef DAIL_SHARD_SYNTH_SYNTH_PEOPLE_H
#define DAIL_SHARD_SYNTH_SYNTH_PEOPLE_H

#include "shard/synth/synth.h"

/* How many people all datasets have. */
uint32_t synth_shared_people(const struct synth_config *config);

/* person[identities]: the number of the person behind each label of a dataset. STATUS_INTERNAL without
 * memory. */
enum status synth_people(const struct synth_config *config, int dataset, uint64_t *person,
                         struct error *error);

/* The number of the first held-out person. */
uint64_t synth_first_held_out(const struct synth_config *config);

#endif
