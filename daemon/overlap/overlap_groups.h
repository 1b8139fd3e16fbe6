/* The table of identity groups that `dail overlap --groups` writes and `identity.file` reads: the pairs of classes that
 * are in one group, group by group, with a person's verdicts, which stay when the table is written again.
 *
 *   dataset_a identity_a dataset_b identity_b cosine probability verdict group
 */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_GROUPS_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_GROUPS_H

#include "daemon/overlap/overlap_source.h"
#include "shard/identity/overlap_list.h"
#include "worker/evaluate/overlap.h"

struct overlap_groups_row {
    uint32_t class[2]; /* counted over all datasets */
    double cosine, probability; /* its own, or what the way through a third member gives where that is more */
    enum overlap_verdict verdict;
    size_t group; /* from 1; 0: in none */
};

struct overlap_groups {
    struct overlap_groups_row *rows; /* [count] in order of groups */
    size_t count;
    size_t groups; /* how many there are */
    double expected; /* pairs within groups that are expected to be right */
    size_t within; /* pairs within groups */
    size_t accepted, rejected; /* verdicts of the table that was there */
    size_t elsewhere; /* verdicts on names that the source does not have; they are kept too */
    struct overlap_list before; /* the table that was there */
};

/* Reads the table at `path`, if there is one, and makes the groups: what was accepted first, then pairs of at least
 * min_probability by falling probability, and never what was rejected. The judgement's pairs take the verdicts.
 * STATUS_DATA where the table is not one, or what was accepted contradicts itself. The caller calls
 * overlap_groups_free in any case. */
enum status overlap_groups_make(const char *path, const struct overlap_source *source,
                                struct judgement *judgement, double min_probability,
                                struct overlap_groups *groups, struct error *error);
void overlap_groups_free(struct overlap_groups *groups);

/* Writes the table, whole or not at all. */
enum status overlap_groups_write(const char *path, const struct overlap_source *source,
                                 const struct overlap_groups *groups, struct error *error);

/* The pairs within groups for a sheet: groups by their least certain pair, the least certain first, and so the pairs in
 * each; `cosine` is the probability. The caller frees *pairs [*count]. */
enum status overlap_groups_pairs(const struct overlap_groups *groups, const struct overlap_source *source,
                                 struct overlap_pair **pairs, size_t *count, struct error *error);

#endif
