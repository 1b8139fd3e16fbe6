/* What `dail overlap` tells of the pairs that it found. */
#ifndef DAIL_DAEMON_OVERLAP_REPORT_H
#define DAIL_DAEMON_OVERLAP_REPORT_H

#include "daemon/overlap/overlap_work.h"

/* The pairs as TSV, in overlap->output or on stdout. STATUS_STORAGE where it cannot be written. */
enum status overlap_report_table(const struct overlap *overlap, struct error *error);

/* How many, what precision to expect, and with a truth what was measured; on stderr where the table is on stdout. */
void overlap_report_summary(const struct overlap *overlap);

/* How many groups, what is expected of them, and what was kept of the table before. */
void overlap_report_groups(const struct overlap *overlap);

/* Of a verification set: how many of its people and pairs the datasets have. */
enum status overlap_report_against(const struct overlap *overlap, struct error *error);

/* The faces of the first pairs, or of the least certain groups, where options->sheet asks for them. STATUS_DATA where
 * there are none. */
enum status overlap_report_sheet(const struct overlap *overlap, struct error *error);

#endif
