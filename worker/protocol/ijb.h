/* The template protocol of IJB-B and IJB-C (Whitelam and others, CVPRW 2017; Maze and others, ICB 2018), from the files of a
 * folder as InsightFace publishes it:
 *
 *   meta/<set>_face_tid_mid.txt          an image, its template, its media, a line
 *   meta/<set>_template_pair_label.txt   two templates, 1 if they are one person's, else 0, a line
 *   meta/<set>_name_5pts_score.txt       an image, five points (x y each), the detector's score, a line
 *   loose_crop/                          the images
 */
#ifndef DAIL_WORKER_PROTOCOL_IJB_H
#define DAIL_WORKER_PROTOCOL_IJB_H

#include "proto/file.h"

#include <stddef.h>
#include <stdint.h>

struct ijb {
    char path[PATH_SIZE], name[64]; /* name: "ijbc" of meta/ijbc_face_tid_mid.txt */
    char landmarks[PATH_SIZE]; /* the file of points */
    size_t images; /* lines of the first file */
    char **image; /* [images]: paths */
    uint32_t *template; /* [images]: from 0 */
    uint32_t *media; /* [images]: the file's own numbers */
    float *score; /* [images]: the detector's */
    size_t templates;
    uint32_t *template_number; /* [templates]: the file's own, rising */
    size_t pairs;
    uint32_t *pair; /* [pairs][2]: templates */
    uint8_t *same; /* [pairs] */
};

/* STATUS_DATA for a file that is missing or ambiguous, a line that is none, a pair of a template without images, an image without
 * points. The caller calls ijb_close in any case. */
enum status ijb_open(const char *path, struct ijb *ijb, struct error *error);
void ijb_close(struct ijb *ijb);

#endif
