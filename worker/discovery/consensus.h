/* How far two classes of different datasets look like one person, by the cosine of their centres and by third datasets:
 * a person in A and one in B whose partners in C, D, ... agree are the likelier to be one. In a network that has only
 * begun to learn a cosine tells little; many datasets together tell much.
 *
 *   score     CSLS (Conneau et al. 2018), in deviations of the highest scores of mirror images (neighbour.h)
 *   partners  soft: of the classes of a dataset each has one partner or none in another (Sinkhorn with a place for none)
 *   support   of a class and one of its list: the partners that both have in third datasets
 *   odds      of the score and the support, from which partners are made anew, in several rounds
 *
 * Mirror images go through the same, each in its class's place beside the others' own: nobody is one person with them, so
 * they tell what chance makes of it. But their class's look-alikes answer to the class, not to the image: three
 * strangers who by chance look alike support one another, a mirror image has no such help. `apart` leaves out of what two
 * say of a third what they have of each other. Then chance does for mirror images what it does for classes, and the odds
 * tell how many pairs stand out; with all support they tell more of them, and which, but not how many.
 *
 * The result depends on the lists alone; the number of threads changes nothing.
 */
#ifndef DAIL_WORKER_DISCOVERY_CONSENSUS_H
#define DAIL_WORKER_DISCOVERY_CONSENSUS_H

#include "worker/identity/neighbour.h"

#include <stdbool.h>

/* Log odds of each entry of the lists, as neighbour_place counts; -INFINITY where there is nobody. */
struct consensus {
    float *odds[NEIGHBOUR_SIDES];
};

/* STATUS_INTERNAL when memory runs out. The caller calls consensus_free in any case. */
enum status consensus_create(const struct neighbour_lists *lists, bool apart, int threads,
                             struct consensus *consensus, struct error *error);
void consensus_free(struct consensus *consensus);

#endif
