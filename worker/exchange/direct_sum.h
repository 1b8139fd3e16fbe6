/* Sums of vectors over all workers by messages straight between them: each worker sums the slice that is its own and
 * hands it to all, on one level or on several (sum_levels.h). Parts are added in a binary tree over the ranks, which no
 * level parts: neighbours first, then pairs of neighbours, and so on. Each sends and receives 2 (W-1)/W of a
 * vector's bytes, the least there is, no worker more than another, on any MPI; and the same bits come out whatever the
 * network does. On several levels that is a reduce-scatter along each dimension of a grid and an allgather back (Chan et
 * al. 2007, Collective communication: theory, practice, and experience, section 7).
 *
 * With a residual what travels is rounded to bfloat16 (nearest, ties to even), while sums are float32. What the rounding
 * left out is kept in the residual and added at the next sum of the same vector (error feedback: Seide et al. 2014,
 * 1-bit SGD, section 3; Karimireddy et al. 2019, Algorithm 2). A level rounds what it sends of the sums of the one below.
 */
#ifndef DAIL_WORKER_EXCHANGE_DIRECT_SUM_H
#define DAIL_WORKER_EXCHANGE_DIRECT_SUM_H

#include "worker/exchange/sum_levels.h"

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct direct_sums;

/* On a communicator of the workers, which outlives it and whose tags from DIRECT_SUM_TAGS on it uses; the levels are those
 * of its size, alike on all. Large slices are added by so many threads. NULL: no memory. */
struct direct_sums *direct_sums_create(MPI_Comm communicator, int rank, const struct sum_levels *levels,
                                       int threads);
/* With nothing under way: MPI writes to its memory until then. */
void direct_sums_free(struct direct_sums *sums);

/* Starts a sum in place, or puts it behind those under way. All workers start the same ones in the same order. residual
 * [count]: of this worker, kept from sum to sum by the caller and 0 at first; NULL: float32 travels. Both stay untouched
 * until the sum is done. Returns an MPI error code; MPI_ERR_NO_MEM without memory. Adds what this worker sends to
 * *bytes. */
int direct_sums_start(struct direct_sums *sums, float *values, size_t count, float *residual,
                      uint64_t *bytes);

/* Drives them on. Sets *done where none is left. */
int direct_sums_progress(struct direct_sums *sums, bool *done);

#define DIRECT_SUM_TAGS 16

/* bfloat16 of a float32: nearest, ties to even; what is no number stays none. */
uint16_t bfloat16_round(float value);
float bfloat16_widen(uint16_t value);

#endif
