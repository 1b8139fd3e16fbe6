/* One screen of `dail tail`, as text: pure functions of a run's summary. */
#ifndef DAIL_DAEMON_TAIL_TAIL_RENDER_H
#define DAIL_DAEMON_TAIL_TAIL_RENDER_H

#include "proto/status/status_summary.h"

#include <jansson.h>
#include <stdbool.h>

struct tail_view {
    const char *path; /* of the log */
    int columns, rows; /* columns: at least 20; rows 0: as many as needed */
    bool utf8; /* block characters for bars and sparklines; else plain ASCII */
    bool color; /* the state by escape sequences */
    double now; /* Unix seconds */
    double stale; /* seconds without a record after which a running run counts as stalled */
    double
        silent; /* seconds for which the coordinator, which touches daild.log about once a second, has not */
};

/* The state to show: that of the summary, or "stalled". */
const char *tail_state(const struct status_summary *summary, const struct tail_view *view);

/* Exit code: 0 running, done or stopped, 1 no record, 3 stalled, 4 failed. */
int tail_exit_code(const struct status_summary *summary, const struct tail_view *view);

/* Lines of at most `columns` columns each, ended by "\n", and fewer than `rows`: where that are too few, state, epoch
 * and step stay to the last, and a line says how many are missing. What is cut ends with an ellipsis. Where there are
 * many workers, the slowest come first. The caller frees the text; NULL: no memory. */
char *tail_render(const struct status_summary *summary, const struct tail_view *view);

/* The same as one object; the caller owns it. */
json_t *tail_json(const struct status_summary *summary, const struct tail_view *view);

#endif
