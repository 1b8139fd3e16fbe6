/* The margin function of the softmax: psi(t) = cos(m1 t + m2) - m3, continued monotonically where
 * m1 t + m2 exceeds pi: psi(t) = (-1)^n cos(m1 t + m2) - 2n - m3, n = floor((m1 t + m2) / pi)
 * (SphereFace, arXiv 1704.08063; ArcFace, arXiv 1801.07698, equation 4; CosFace, arXiv 1801.09414).
 */
#ifndef DAIL_WORKER_LOSS_MARGIN_H
#define DAIL_WORKER_LOSS_MARGIN_H

struct margin {
    double m1, m2, m3;
};

/* Cosines are clamped to [-1 + MARGIN_CLAMP, 1 - MARGIN_CLAMP] before arccos. */
#define MARGIN_CLAMP 1e-7

/* psi of the angle whose cosine is `cosine`. */
double margin_forward(const struct margin *margin, double cosine);

/* d psi / d cosine at the same place; 0 where the clamp holds. */
double margin_backward(const struct margin *margin, double cosine);

/* d psi / d m2 at the same place. */
double margin_angle_backward(const struct margin *margin, double cosine);

#endif
