#include "worker/loss/sample_margin.h"

#include "proto/random.h"

#include <math.h>
#include <stddef.h>

/* AdaFace's bounds. */
#define NORM_LEAST 1e-3
#define NORM_MOST 100.0
#define DEVIATION_FLOOR 1e-3
#define ANGLE_LEAST 1e-3

static const double pi = 3.14159265358979323846;

static double within(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

const char *margin_running_name(enum margin_kind kind, size_t place)
{
    static const char *const adaface[] = {"norm_mean", "norm_deviation"};
    if (kind == MARGIN_ADAFACE && place < 2) {
        return adaface[place];
    }
    return kind == MARGIN_CURRICULARFACE && place == RUNNING_TARGET_COSINE ? "target_cosine" : NULL;
}

void margin_running_init(enum margin_kind kind, float running[MARGIN_RUNNING])
{
    running[0] = kind == MARGIN_ADAFACE ? 20.0f : 0.0f;
    running[1] = kind == MARGIN_ADAFACE ? 100.0f : 0.0f;
}

static void observe(double value, double middle, double *sums)
{
    sums[MARGIN_COUNT] += 1;
    sums[MARGIN_SUM] += value - middle;
    sums[MARGIN_SQUARES] += (value - middle) * (value - middle);
}

void margin_observe_norm(enum margin_kind kind, const float *running, double norm, double *sums)
{
    if (kind == MARGIN_ADAFACE) {
        observe(within(norm, NORM_LEAST, NORM_MOST), (double)running[RUNNING_NORM_MEAN], sums);
    }
}

void margin_observe_cosine(enum margin_kind kind, const float *running, double cosine, double *sums)
{
    if (kind == MARGIN_CURRICULARFACE) {
        observe(cosine, (double)running[RUNNING_TARGET_COSINE], sums);
    }
}

static void advance(float *running, double alpha, double value)
{
    *running = (float)((1 - alpha) * (double)*running + alpha * value);
}

void margin_running_update(const struct margin_choice *choice, const double *sums, float *running)
{
    const double count = sums[MARGIN_COUNT];
    if (!margin_running_name(choice->kind, 0) || count < 2) {
        return;
    }
    const double above = sums[MARGIN_SUM] / count, mean = (double)running[0] + above;
    if (choice->kind == MARGIN_CURRICULARFACE) {
        advance(&running[RUNNING_TARGET_COSINE], choice->value[CURRICULAR_ALPHA], mean);
        return;
    }
    const double variance = (sums[MARGIN_SQUARES] - count * above * above) / (count - 1);
    advance(&running[RUNNING_NORM_MEAN], choice->value[ADAFACE_ALPHA], mean);
    advance(&running[RUNNING_NORM_DEVIATION], choice->value[ADAFACE_ALPHA],
            sqrt(variance > 0 ? variance : 0));
}

static double draw_margin(const double *value, const struct margin_draw *draw)
{
    struct random random = random_stream(draw->seed, RANDOM_MARGIN, draw->step, draw->sample);
    return value[ELASTIC_M] + value[ELASTIC_SIGMA] * (double)random_normal(&random);
}

struct sample_margin sample_margin_of(const struct margin_choice *choice, const float *running, double norm,
                                      const struct margin_draw *draw)
{
    const double *value = choice->value;
    struct sample_margin margin = {.margin = {1, 0, 0}};
    double z, rate;
    switch (choice->kind) {
    case MARGIN_PLAIN:
        margin.margin = (struct margin){value[PLAIN_M1], value[PLAIN_M2], value[PLAIN_M3]};
        break;
    case MARGIN_ADAFACE:
        z = within(norm, NORM_LEAST, NORM_MOST) - (double)running[RUNNING_NORM_MEAN];
        z = within(value[ADAFACE_H] * z / ((double)running[RUNNING_NORM_DEVIATION] + DEVIATION_FLOOR), -1, 1);
        margin.margin.m2 = -value[ADAFACE_M] * z;
        margin.margin.m3 = value[ADAFACE_M] * (1 + z);
        margin.held = true;
        break;
    case MARGIN_MAGFACE:
        rate = (value[MAGFACE_MARGIN_MAX] - value[MAGFACE_MARGIN_MIN]) /
               (value[MAGFACE_NORM_MAX] - value[MAGFACE_NORM_MIN]);
        z = within(norm, value[MAGFACE_NORM_MIN], value[MAGFACE_NORM_MAX]);
        margin.margin.m2 = value[MAGFACE_MARGIN_MIN] + rate * (z - value[MAGFACE_NORM_MIN]);
        margin.by_norm = norm < z || norm > z ? 0 : rate;
        break;
    case MARGIN_CURRICULARFACE:
        margin.margin.m2 = value[CURRICULAR_M];
        break;
    case MARGIN_ELASTIC_ARC:
        margin.margin.m2 = draw_margin(value, draw);
        break;
    case MARGIN_UNIFACE:
        margin.margin.m3 = value[UNIFACE_M];
        break;
    case MARGIN_ELASTIC_COS:
        margin.margin.m3 = draw_margin(value, draw);
        break;
    }
    return margin;
}

/* The angle with its margin, where that is held. */
static double angle_of(const struct sample_margin *margin, double cosine)
{
    return acos(within(cosine, MARGIN_CLAMP - 1, 1 - MARGIN_CLAMP)) + margin->margin.m2;
}

static bool is_outside(double angle)
{
    return angle < ANGLE_LEAST || angle > pi - ANGLE_LEAST;
}

double sample_margin_forward(const struct sample_margin *margin, double cosine)
{
    if (!margin->held) {
        return margin_forward(&margin->margin, cosine);
    }
    return cos(within(angle_of(margin, cosine), ANGLE_LEAST, pi - ANGLE_LEAST)) - margin->margin.m3;
}

double sample_margin_backward(const struct sample_margin *margin, double cosine)
{
    if (margin->held && is_outside(angle_of(margin, cosine))) {
        return 0;
    }
    return margin_backward(&margin->margin, cosine);
}

double sample_margin_norm_backward(const struct sample_margin *margin, double cosine)
{
    return margin->by_norm * margin_angle_backward(&margin->margin, cosine);
}

double margin_norm_loss(const struct margin_choice *choice, double norm, double *slope)
{
    const double *value = choice->value;
    *slope = 0;
    if (choice->kind != MARGIN_MAGFACE) {
        return 0;
    }
    const double a = within(norm, value[MAGFACE_NORM_MIN], value[MAGFACE_NORM_MAX]);
    const double square = value[MAGFACE_NORM_MAX] * value[MAGFACE_NORM_MAX];
    if (!(norm < a || norm > a)) {
        *slope = value[MAGFACE_LAMBDA] * (1 / square - 1 / (a * a));
    }
    return value[MAGFACE_LAMBDA] * (a / square + 1 / a);
}
