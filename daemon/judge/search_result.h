/* What `dail search` found, and how it is shown: tables, JSON, curves.
 */
#ifndef DAIL_DAEMON_JUDGE_SEARCH_RESULT_H
#define DAIL_DAEMON_JUDGE_SEARCH_RESULT_H

#include "worker/protocol/search.h"

struct search_result {
    const char *gallery, *probes; /* as they were named */
    size_t gallery_images, distractors; /* distractors: images */
    uint32_t gallery_people;
    bool each_mate;
    struct identification found;
    struct identification_question question;
    struct bootstrap bootstrap;
    struct identification_figures figures;
    struct identification_intervals intervals;
};

void search_print_table(const struct search_result *result);
enum status search_print_json(const struct search_result *result, struct error *error);

/* Writes the cumulative match characteristic (rank, rate), or FNIR over FPIR (fpir, fnir, the cosine that is the
 * threshold), to `path`, which curve_file_check has passed. STATUS_USAGE without gnuplot; STATUS_DATA for FPIR without
 * strangers. */
enum status search_write_cmc(const struct search_result *result, const char *path, struct error *error);
enum status search_write_det(const struct search_result *result, const char *path, struct error *error);

#endif
