#include "daemon/terminal/progress.h"

#include "proto/clock.h"
#include "proto/text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define TERMINAL_SECONDS 0.1
#define PLAIN_SECONDS 5.0

void progress_begin(struct progress *progress, const char *what, const char *unit)
{
    *progress = (struct progress){.what = what, .unit = unit, .terminal = isatty(STDERR_FILENO) == 1};
    progress->begin = clock_monotonic();
    progress->last = progress->begin;
}

double progress_seconds(const struct progress *progress)
{
    return clock_monotonic() - progress->begin;
}

static void show(struct progress *progress)
{
    char left[64] = "?", bar[BAR_WIDTH + 1];
    double seconds = progress_seconds(progress);
    double share = progress->total > 0 ? (double)progress->done / (double)progress->total : 0.0;
    double rate = seconds > 0 ? (double)progress->done / seconds : 0.0;
    if (rate > 0) {
        text_duration((double)(progress->total - progress->done) / rate, left, sizeof left);
    }
    if (progress->terminal) {
        size_t full = (size_t)(share * BAR_WIDTH);
        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', full > BAR_WIDTH ? BAR_WIDTH : full);
        bar[BAR_WIDTH] = 0;
        fprintf(stderr, "\r\033[K%s [%s] %3.0f%%  %.0f %s/s  %s left", progress->what, bar, share * 100, rate,
                progress->unit, left);
        progress->shown = true;
    } else {
        fprintf(stderr, "%s: %llu of %llu %s (%.0f%%), %.0f %s/s, %s left\n", progress->what,
                (unsigned long long)progress->done, (unsigned long long)progress->total, progress->unit,
                share * 100, rate, progress->unit, left);
    }
    fflush(stderr);
}

void progress_update(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;
    progress->done = done < total ? done : total;
    progress->total = total;
    double time = clock_monotonic();
    if (time - progress->last < (progress->terminal ? TERMINAL_SECONDS : PLAIN_SECONDS)) {
        return;
    }
    progress->last = time;
    show(progress);
}

void progress_end(struct progress *progress)
{
    if (progress->shown) {
        fputs("\r\033[K", stderr);
    }
    progress->shown = false;
}

void progress_say(void *context, const char *text)
{
    struct progress *progress = context;
    progress_end(progress);
    fprintf(stderr, "%s: %s\n", progress->what, text);
}
