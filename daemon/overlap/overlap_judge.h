/* The judge (worker/identity) on the centres of a source. */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_JUDGE_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_JUDGE_H

#include "daemon/overlap/overlap_source.h"
#include "daemon/terminal/progress.h"

/* Reads all centres and judges their pairs. Memory: the centres, and what the lists and the judging take.
 * STATUS_NUMERIC for a centre that is not finite. The caller calls judgement_free in any case. */
enum status overlap_judge(struct overlap_source *source, int threads, struct progress *progress,
                          struct judgement *judgement, struct error *error);

#endif
