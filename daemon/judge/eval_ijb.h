/* `dail eval --ijb`: a model by the template protocol of IJB-B or IJB-C, embedded, judged and told.
 */
#ifndef DAIL_DAEMON_JUDGE_EVAL_IJB_H
#define DAIL_DAEMON_JUDGE_EVAL_IJB_H

#include "worker/evaluate/bootstrap.h"
#include "worker/protocol/template.h"

struct eval_ijb_config {
    const char *folder; /* as ijb_open takes it */
    const char *model; /* a network, or a file of dail embed of the set's images, whose names end as theirs */
    enum template_weight weight;
    struct bootstrap bootstrap;
    int batch, threads;
    bool json;
    const char *roc, *det; /* files that curve_file_check has passed; NULL: none */
};

enum status eval_ijb(const struct eval_ijb_config *config, struct error *error);

#endif
