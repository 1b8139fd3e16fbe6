/* Who has which lanes: dealt as evenly as they go, each worker's side by side, none more than one more than another.
 * A step takes as many rounds as the worker with the most lanes has; who has one less sits out the first. */
#ifndef DAIL_WORKER_EXCHANGE_LANE_SHARE_H
#define DAIL_WORKER_EXCHANGE_LANE_SHARE_H

#include <stdint.h>

/* The first lane of a worker (from 0), of at most as many workers as lanes; for `workers` the number of lanes. */
static inline int lane_share_first(int lanes, int workers, int worker)
{
    return (int)((int64_t)lanes * worker / workers);
}

static inline int lane_share_count(int lanes, int workers, int worker)
{
    return lane_share_first(lanes, workers, worker + 1) - lane_share_first(lanes, workers, worker);
}

/* The worker that has a lane. */
static inline int lane_share_owner(int lanes, int workers, int lane)
{
    return (int)((((int64_t)lane + 1) * workers - 1) / lanes);
}

/* Rounds of a step. */
static inline int lane_share_rounds(int lanes, int workers)
{
    return (lanes + workers - 1) / workers;
}

/* The lane that a worker trains on in a round, or -1 where it sits out. */
static inline int lane_share_lane(int lanes, int workers, int worker, int round)
{
    int own = lane_share_count(lanes, workers, worker);
    int late = lane_share_rounds(lanes, workers) - own;
    return round < late ? -1 : lane_share_first(lanes, workers, worker) + round - late;
}

/* The fewest workers whose steps take no more rounds than those of `most` workers (more than 0) would. */
static inline int lane_share_workers(int lanes, int most)
{
    return lane_share_rounds(lanes, lane_share_rounds(lanes, most < lanes ? most : lanes));
}

#endif
