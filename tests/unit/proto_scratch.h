/* What the proto tests share: a folder to write in. */
#ifndef DAIL_TESTS_UNIT_PROTO_SCRATCH_H
#define DAIL_TESTS_UNIT_PROTO_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
    char folder[256];
    char path[512]; /* the last one of `under` */
};

static inline int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    const char *base = getenv("TMPDIR");
    snprintf(place->folder, sizeof place->folder, "%s/dail-proto-XXXXXX", base ? base : "/tmp");
    *state = place;
    return mkdtemp(place->folder) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    struct place *place = *state;
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", place->folder);
    int failed = system(command);
    free(place);
    return failed;
}

static inline const char *under(struct place *place, const char *name)
{
    snprintf(place->path, sizeof place->path, "%s/%s", place->folder, name);
    return place->path;
}

#endif
