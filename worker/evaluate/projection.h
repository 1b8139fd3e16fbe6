/* Principal components: the two directions along which rows vary most, and where each row lies on them.
 */
#ifndef DAIL_WORKER_EVALUATE_PROJECTION_H
#define DAIL_WORKER_EVALUATE_PROJECTION_H

#include "proto/error.h"

#include <stddef.h>

/* rows f32 [count][width], left as they are -> x, y [count], around 0; share[2]: of the whole variance, what
 * lies along each. Eigenvectors of the covariance, by LAPACK: the same on every machine to rounding. Rows that are
 * all alike lie at 0, with share 0. STATUS_INTERNAL when memory runs out. */
enum status projection_make(const float *rows, size_t count, size_t width, double *x, double *y,
                            double share[2], struct error *error);

#endif
