/* The pairs that `dail overlap` shows: by the judge, or by thresholds of cosine and lead alone. */
#ifndef DAIL_DAEMON_OVERLAP_PAIRS_H
#define DAIL_DAEMON_OVERLAP_PAIRS_H

#include "daemon/overlap/overlap_work.h"

/* Fills pairs, probability, right, count, judgement and groups of an overlap whose source, and truth where one is asked
 * for, are open. The caller frees them in any case. A judge that cannot tell is a warning on stderr. Errors: those of the
 * source's reading; STATUS_INTERNAL when memory runs out. */
enum status overlap_pairs_find(struct overlap *overlap, struct error *error);

#endif
