#include "daemon/coordinator/slowness.h"

#include "worker/exchange/lane_share.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A stretch has at least so many steps: the mean of fewer says nothing of a step. */
#define STEPS_MIN 5
/* In a row that must agree: a neighbour's job of a few seconds, or a file server's hiccup, is over by then. */
#define STRETCHES 2
/* Equal processors under equal work differ by a tenth or two, by their clocks and by what is placed on them: half as
 * long again is none of that. Ceased is what lies within what is usual. */
#define COMPUTE_ON 1.5
#define COMPUTE_OFF 1.25
/* And it must be worth someone's while: a tenth of the training's time. */
#define LOSS_ON 0.1
#define LOSS_OFF 0.05
/* A loader that keeps up has its images ready: 0.5% of a step is what it should wait. An eighth is a day of a training
 * of eight. */
#define DATA_ON 0.125
#define DATA_OFF 0.06
/* The exchange is dealt to within 1.2 times of the median (placement); and matters where steps wait for it. */
#define EXCHANGE_ON 1.5
#define EXCHANGE_OFF 1.25
#define WAIT_ON 0.2
#define WAIT_OFF 0.1
/* Disks of one kind under unlike load differ by two easily, so by three; and what is lost is felt. */
#define DISK_ON 3.0
#define DISK_OFF 2.0
#define DISK_SECONDS 1.0
#define NAMES_MAX 4

enum status slowness_open(int workers, int lanes, double seconds, struct slowness *slowness,
                          struct error *error)
{
    size_t count = (size_t)workers;
    *slowness = (struct slowness){.workers = workers, .lanes = lanes, .seconds = seconds};
    slowness->sum = calloc(count, sizeof *slowness->sum);
    slowness->state = calloc(SLOW_KINDS * count, sizeof *slowness->state);
    slowness->sorted = calloc(count, sizeof *slowness->sorted);
    slowness->changes = calloc(SLOW_KINDS * count, sizeof *slowness->changes);
    if (!slowness->sum || !slowness->state || !slowness->sorted || !slowness->changes) {
        return error_no_memory(error, "coordinator");
    }
    return STATUS_OK;
}

void slowness_close(struct slowness *slowness)
{
    free(slowness->sum);
    free(slowness->state);
    free(slowness->sorted);
    free(slowness->changes);
    *slowness = (struct slowness){0};
}

/* --- Judging --- */

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* The median of what the workers but `worker` have, the lower one of two in the middle: value 0 is that of worker 0,
 * and the next lies `stride` behind it. */
static double median_of_others(const struct slowness *slowness, int worker, const double *value,
                               size_t stride)
{
    size_t count = 0;
    for (int w = 0; w < slowness->workers; w++) {
        if (w != worker) {
            slowness->sorted[count++] = value[(size_t)w * stride];
        }
    }
    qsort(slowness->sorted, count, sizeof *slowness->sorted, compare);
    return count > 0 ? slowness->sorted[(count - 1) / 2] : (double)NAN;
}

/* What a stretch, or a checkpoint, says of a worker. */
struct finding {
    bool over, under; /* enough to be found slow; and to be cleared of it */
    double own, others, share;
};

static void settle(struct slowness *slowness, enum slow_kind kind, int worker, const struct finding *finding,
                   int needed)
{
    struct slow_state *state = &slowness->state[(size_t)kind * (size_t)slowness->workers + (size_t)worker];
    bool against = state->slow ? finding->under : finding->over;
    state->stretches = against ? state->stretches + 1 : 0;
    if (state->stretches < needed) {
        return;
    }
    state->slow = !state->slow;
    state->stretches = 0;
    slowness->changes[slowness->change_count++] = (struct slow_change){.kind = kind,
                                                                       .worker = worker,
                                                                       .begins = state->slow,
                                                                       .own = finding->own,
                                                                       .others = finding->others,
                                                                       .share = finding->share};
}

#define STRIDE (sizeof(struct slow_sum) / sizeof(double))

static void judge_steps(struct slowness *slowness)
{
    const struct slow_sum *sum = slowness->sum;
    double step = slowness->spent / slowness->steps, wait = INFINITY;
    for (int w = 0; w < slowness->workers; w++) {
        wait =
            fmin(wait, sum[w].exchange / slowness->steps); /* the last to come waits for the network alone */
    }
    for (int w = 0; w < slowness->workers; w++) {
        struct finding compute = {.own = sum[w].compute / slowness->steps,
                                  .others =
                                      median_of_others(slowness, w, &sum->compute, STRIDE) / slowness->steps};
        compute.share = (compute.own - compute.others) / step;
        compute.over = compute.own >= COMPUTE_ON * compute.others && compute.share >= LOSS_ON;
        compute.under = compute.own < COMPUTE_OFF * compute.others || compute.share < LOSS_OFF;
        settle(slowness, SLOW_COMPUTE, w, &compute, STRETCHES);

        struct finding data = {.own = sum[w].data / slowness->steps,
                               .others = median_of_others(slowness, w, &sum->data, STRIDE) / slowness->steps};
        data.share = data.own / step;
        data.over = data.share >= DATA_ON;
        data.under = data.share < DATA_OFF;
        settle(slowness, SLOW_DATA, w, &data, STRETCHES);

        struct finding exchange = {.own = sum[w].bytes / slowness->steps,
                                   .others =
                                       median_of_others(slowness, w, &sum->bytes, STRIDE) / slowness->steps,
                                   .share = wait / step};
        exchange.over = exchange.own >= EXCHANGE_ON * exchange.others && exchange.share >= WAIT_ON;
        exchange.under = exchange.own < EXCHANGE_OFF * exchange.others || exchange.share < WAIT_OFF;
        settle(slowness, SLOW_EXCHANGE, w, &exchange, STRETCHES);
    }
}

void slowness_take_steps(struct slowness *slowness, const struct step_seconds *report, int64_t steps)
{
    double spent = 0;
    double rounds = lane_share_rounds(slowness->lanes, slowness->workers);
    slowness->change_count = 0;
    if (slowness->seconds <= 0 || steps <= 0) {
        return;
    }
    for (int w = 0; w < slowness->workers; w++) {
        const struct step_seconds *one = &report[w];
        spent += one->data + one->compute + one->exchange;
        slowness->sum[w].data += one->data * (double)steps;
        slowness->sum[w].compute +=
            one->compute * (double)steps * rounds / lane_share_count(slowness->lanes, slowness->workers, w);
        slowness->sum[w].exchange += one->exchange * (double)steps;
        slowness->sum[w].bytes += one->bytes * (double)steps;
    }
    slowness->spent += spent * (double)steps / slowness->workers;
    slowness->steps += (double)steps;
    if (slowness->spent >= slowness->seconds && slowness->steps >= STEPS_MIN) {
        judge_steps(slowness);
        memset(slowness->sum, 0, (size_t)slowness->workers * sizeof *slowness->sum);
        slowness->spent = slowness->steps = 0;
    }
}

/* Two things are a slow disk: one that writes at a fraction of the others' speed, and any that training stands still
 * for. */
void slowness_take_checkpoint(struct slowness *slowness, const struct slow_writing *writing, double since)
{
    int last = 0;
    double stall = 0;
    slowness->change_count = 0;
    if (slowness->seconds <= 0) {
        return;
    }
    double *speed = calloc((size_t)slowness->workers, sizeof *speed);
    for (int w = 0; speed && w < slowness->workers; w++) {
        speed[w] = writing[w].bytes / fmax(writing[w].seconds, 1e-6);
        last = writing[w].seconds > writing[last].seconds ? w : last;
        stall = fmax(stall, writing[w].stall);
    }
    double held = since > 0 ? fmin(stall / since, 1) : 0;
    for (int w = 0; speed && w < slowness->workers; w++) {
        double others = median_of_others(slowness, w, speed, 1);
        bool slower = others >= DISK_ON * speed[w], usual = !(others >= DISK_OFF * speed[w]);
        double fair = others > 0 ? writing[w].bytes / others : 0;
        double lost = slower ? writing[w].seconds - fair : 0;
        bool holds = w == last && stall >= DISK_SECONDS && held >= LOSS_ON;
        struct finding disk = {.over = lost >= DISK_SECONDS || holds,
                               .under = (usual || writing[w].seconds - fair < DISK_SECONDS / 2) &&
                                        (w != last || stall < DISK_SECONDS / 2 || held < LOSS_OFF),
                               .own = writing[w].seconds,
                               .others = fair,
                               .share = held};
        settle(slowness, SLOW_DISK, w, &disk, disk.over ? 1 : STRETCHES); /* checkpoints are rare */
    }
    free(speed);
}

/* --- In words --- */

const char *slow_kind_name(enum slow_kind kind)
{
    static const char *const names[] = {"compute", "data", "exchange", "disk"};
    return names[kind];
}

static void describe_begin(const struct slow_change *change, const char *name, char *text, size_t size)
{
    double own = change->own, others = change->others, percent = 100 * change->share;
    switch (change->kind) {
    case SLOW_COMPUTE:
        snprintf(text, size,
                 "%s computes %.1f times as long as the others, %.3f s a step against %.3f s, and they wait "
                 "for it: see what else runs on its host, and its processors' clock",
                 name, own / others, own, others);
        break;
    case SLOW_DATA:
        snprintf(text, size,
                 "%s waits %.3f s of each step for its images, %.0f%% of the time: see whether its disk or "
                 "the file server is slow, or a core is lacking to decode them",
                 name, own, percent);
        break;
    case SLOW_EXCHANGE:
        snprintf(text, size,
                 "%s exchanges %.1f times as many bytes as the others, %.2f MB a step against %.2f MB, and "
                 "steps wait %.0f%% of the time for the exchange: see classifier.rows_min, which spreads "
                 "classes over more workers",
                 name, own / others, own / 1e6, others / 1e6, percent);
        break;
    default:
        if (others > 0 && own > DISK_ON * others) {
            snprintf(
                text, size,
                "%s took %.1f s to write its part of a checkpoint, at the others' speed it had been %.1f s: "
                "see its disk",
                name, own, others);
        } else {
            snprintf(
                text, size,
                "%s took %.1f s to write its part of a checkpoint, the longest of all, and training stood "
                "still %.0f%% of the time since the one before: see the disk, or checkpoint less often",
                name, own, percent);
        }
        break;
    }
}

static void describe_end(const struct slow_change *change, const char *name, char *text, size_t size)
{
    switch (change->kind) {
    case SLOW_COMPUTE:
        snprintf(text, size, "%s holds the others up no longer: it computes %.3f s a step, they %.3f s", name,
                 change->own, change->others);
        break;
    case SLOW_DATA:
        snprintf(text, size, "%s waits for its images no longer: %.3f s a step", name, change->own);
        break;
    case SLOW_EXCHANGE:
        snprintf(text, size, "%s holds the exchange up no longer: steps wait %.0f%% of the time for it", name,
                 100 * change->share);
        break;
    default:
        snprintf(text, size, "%s writes checkpoints at the usual speed again: its part in %.1f s", name,
                 change->own);
        break;
    }
}

bool slowness_describe(const struct slowness *slowness, enum slow_kind kind, bool begins,
                       void (*name)(void *context, int worker, char *text, size_t size), void *context,
                       char *text, size_t size)
{
    const struct slow_change *worst = NULL;
    char own[192];
    int others = 0;
    for (int i = 0; i < slowness->change_count; i++) {
        const struct slow_change *change = &slowness->changes[i];
        if (change->kind == kind && change->begins == begins) {
            others += worst != NULL;
            worst = !worst || change->own > worst->own ? change : worst;
        }
    }
    if (!worst) {
        return false;
    }
    name(context, worst->worker, own, sizeof own);
    (begins ? describe_begin : describe_end)(worst, own, text, size);
    int told = 0;
    for (int i = 0; i < slowness->change_count && told < NAMES_MAX; i++) {
        const struct slow_change *change = &slowness->changes[i];
        if (change->kind == kind && change->begins == begins && change != worst) {
            size_t used = strlen(text);
            name(context, change->worker, own, sizeof own);
            snprintf(text + used, size - used, "%s%s", told++ == 0 ? "; so it is with " : ", ", own);
        }
    }
    if (others > told) {
        size_t used = strlen(text);
        snprintf(text + used, size - used, " and %d more", others - told);
    }
    return true;
}
