#include "worker/exchange/sum_levels.h"

/* Members that turn to each other at once. */
enum { FLAT = 32, CROWD = 64 };

static void add(struct sum_levels *levels, int size)
{
    if (size > 1 || levels->count == 0) {
        levels->size[levels->count++] = size;
    }
}

/* The largest power of two that divides the number, and is no more than `most`. */
static int power_of_two_in(int number, int most)
{
    int power = 1;
    while (number % (2 * power) == 0 && 2 * power <= most) {
        power *= 2;
    }
    return power;
}

/* The power of two that parts the number most evenly. */
static int even_part(int number)
{
    int part = power_of_two_in(number, number);
    while (part > 1 && part / 2 >= number / part) {
        part /= 2;
    }
    return part;
}

struct sum_levels sum_levels_choose(int workers, int per_host)
{
    struct sum_levels levels = {0};
    int rest = workers;
    if (per_host > 1 && per_host < workers && workers % per_host == 0) {
        int neighbours = power_of_two_in(per_host, FLAT);
        rest = workers / neighbours;
        if (neighbours > 1) {
            add(&levels, neighbours);
        }
    }
    if (rest > FLAT && even_part(rest) > 1) {
        add(&levels, even_part(rest));
        rest /= even_part(rest);
    }
    add(&levels, rest);
    return levels;
}

bool sum_levels_are_small(const struct sum_levels *levels)
{
    bool small = true;
    for (int l = 0; l < levels->count; l++) {
        small = small && levels->size[l] <= CROWD;
    }
    return small;
}

bool sum_levels_is_valid(const struct sum_levels *levels, int workers)
{
    int product = 1;
    bool valid = levels->count >= 1 && levels->count <= SUM_LEVELS_MAX;
    for (int l = 0; valid && l < levels->count; l++) {
        int size = levels->size[l];
        valid =
            size >= 1 && size <= workers / product && (l == levels->count - 1 || (size & (size - 1)) == 0);
        product *= size;
    }
    return valid && product == workers;
}

int sum_levels_per_host(const int *host, int workers)
{
    int each = 1;
    while (each < workers && host[each] == host[0]) {
        each++;
    }
    bool alike = workers % each == 0;
    for (int w = each; alike && w < workers; w++) {
        alike = (host[w] == host[w - 1]) == (w % each != 0);
        /* A host that comes again stands in two places. */
        for (int before = 0; alike && w % each == 0 && before < w; before += each) {
            alike = host[before] != host[w];
        }
    }
    return alike ? each : 1;
}
