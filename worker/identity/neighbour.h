/* Each class's nearest in every dataset, by the cosine of prepared centres (worker/identity/centre.h): sparse lists, so
 * that nothing holds all pairs. Products are taken a tile at a time. Beside them the nearest to the class's mirror
 * image, the negative of its centre: that is nobody, so it tells how near strangers come.
 *
 * Where the rows are spread over owners, each holds the lists of its own classes, passes every owner's block by
 * neighbour_offer, and the arrays, one
 * owner's behind the other's in order of classes, are the lists of all where they are judged.
 *
 * Memory: 16 bytes x classes x K x NEIGHBOUR_WIDTH. Time: classes x classes x D multiplications, shared by the owners and threads.
 */
#ifndef DAIL_WORKER_IDENTITY_NEIGHBOUR_H
#define DAIL_WORKER_IDENTITY_NEIGHBOUR_H

#include "proto/error.h"
#include "worker/identity/centre.h"

#define NEIGHBOUR_WIDTH 10
#define NEIGHBOUR_NOBODY UINT32_MAX

/* Whose nearest: the class's, or its mirror image's. */
enum neighbour_side { NEIGHBOUR_OWN, NEIGHBOUR_MIRROR, NEIGHBOUR_SIDES };

struct neighbour_lists {
    struct centre_space space;
    uint64_t begin, end; /* the classes whose lists these are */
    /* [NEIGHBOUR_SIDES][end - begin][K][NEIGHBOUR_WIDTH] by falling cosine; of equal ones the lower class first. Past the
     * last there is NEIGHBOUR_NOBODY. A class is not in its own list, the others of its dataset are. */
    uint32_t *class[NEIGHBOUR_SIDES];
    float *cosine[NEIGHBOUR_SIDES];
};

/* Empty lists; first_class is the caller's and outlives them. STATUS_INTERNAL when memory runs out. The caller calls
 * neighbour_lists_free in any case. */
enum status neighbour_lists_create(const struct centre_space *space, uint64_t begin, uint64_t end,
                                   struct neighbour_lists *lists, struct error *error);
void neighbour_lists_free(struct neighbour_lists *lists);

/* Offers the prepared centres `offered` to the lists of the prepared centres `own`, which must be among begin..end.
 * Each block of all classes has to be offered once; the order does not matter. The number of threads changes nothing,
 * another division into blocks the cosines' last bits. STATUS_INTERNAL when memory runs out. */
enum status neighbour_offer(struct neighbour_lists *lists, const struct centre_block *own,
                            const struct centre_block *offered, int threads, struct error *error);

/* Where a class's list of a dataset begins in `class` and `cosine`. */
size_t neighbour_place(const struct neighbour_lists *lists, uint64_t class, size_t dataset);

/* The highest of what `values`, laid out as `cosine`, has for a class's list of a dataset. */
float neighbour_highest(const struct neighbour_lists *lists, const float *values, uint64_t class,
                        size_t dataset);

#endif
