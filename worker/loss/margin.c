#include "worker/loss/margin.h"

#include <math.h>
#include <stdbool.h>

static const double pi = 3.14159265358979323846;

static double clamped(double cosine)
{
    const double limit = 1.0 - MARGIN_CLAMP;
    if (cosine > limit) {
        return limit;
    }
    return cosine < -limit ? -limit : cosine; /* not a number stays so */
}

/* (-1)^n: the sign of the cosine's branch. */
static double branch_sign(double branch)
{
    return fmod(branch, 2.0) == 0.0 ? 1.0 : -1.0;
}

double margin_forward(const struct margin *margin, double cosine)
{
    double angle = margin->m1 * acos(clamped(cosine)) + margin->m2;
    double branch = floor(angle / pi);
    return branch_sign(branch) * cos(angle) - 2.0 * branch - margin->m3;
}

double margin_angle_backward(const struct margin *margin, double cosine)
{
    double angle = margin->m1 * acos(clamped(cosine)) + margin->m2;
    return -branch_sign(floor(angle / pi)) * sin(angle);
}

double margin_backward(const struct margin *margin, double cosine)
{
    double inside = clamped(cosine);
    if (inside < cosine || inside > cosine) {
        return 0.0;
    }
    /* d theta / d cosine = -1 / sin(theta). */
    return -margin_angle_backward(margin, inside) * margin->m1 / sqrt((1.0 - inside) * (1.0 + inside));
}
