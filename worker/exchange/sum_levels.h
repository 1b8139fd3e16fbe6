/* How the workers stand together in a sum of gradients. On one level each turns to each: W - 1 messages a vector, there
 * and back. On several levels a vector is summed among neighbours first, each of whom goes on with its slice among those
 * who hold the same slice elsewhere: as many bytes, far fewer messages, and of what leaves a host its workers' sum alone.
 *
 * Of 32 workers on 8 hosts the levels are 4 and 8; of 256 alone on their hosts 16 and 16. Worker w is member
 * w / stride % size of a level, whose stride is the product of the sizes below it. All sizes but the last are powers of
 * two, so that each level takes whole branches of the tree in which parts are added (direct_sum.h): a sum has the same
 * bits on whatever levels, and a run keeps its bits on other hosts. Not so where values travel rounded: each level rounds
 * what it sends, so that a rounded sum's bits follow the levels.
 */
#ifndef DAIL_WORKER_EXCHANGE_SUM_LEVELS_H
#define DAIL_WORKER_EXCHANGE_SUM_LEVELS_H

#include <stdbool.h>

#define SUM_LEVELS_MAX 3

struct sum_levels {
    int count; /* 1 or more; of one worker 1, of size 1 */
    int size[SUM_LEVELS_MAX]; /* members; their product is the number of workers */
};

/* Of so many workers, `per_host` of them side by side on each host, or 1 where hosts differ. */
struct sum_levels sum_levels_choose(int workers, int per_host);

/* Whether messages of our own are few enough to be the better choice: no level is crowded. */
bool sum_levels_are_small(const struct sum_levels *levels);

bool sum_levels_is_valid(const struct sum_levels *levels, int workers);

/* How many workers each host has, where all have as many and side by side; else 1. host [workers]: equal where two stand
 * on one. */
int sum_levels_per_host(const int *host, int workers);

#endif
