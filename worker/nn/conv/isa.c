#include "worker/nn/conv/isa.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ISA_NAME(type, table, name, ...) #name,
static const char *const isa_names[] = {ISA_LIST(ISA_NAME, , )};

#define ISA_RUNS(type, table, name, symbol, runs, ...)                                                       \
    case ISA_##symbol:                                                                                       \
        return runs;
static bool isa_runs(enum isa isa)
{
    switch (isa) {
        ISA_LIST(ISA_RUNS, , )
    case ISA_COUNT:
        break;
    }
    return false;
}

/* "generic, avx2, avx512" */
static void list_names(char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < ISA_COUNT && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", isa_names[i]);
    }
}

static enum status isa_named(const char *name, enum isa *isa, struct error *error)
{
    for (int i = 0; i < ISA_COUNT; i++) {
        if (strcmp(name, isa_names[i]) != 0) {
            continue;
        }
        if (!isa_runs((enum isa)i)) {
            return error_set(error, STATUS_USAGE, "DAIL_ISA", "unset it to take the best set of this machine",
                             "this machine cannot run the instruction set '%s'", name);
        }
        *isa = (enum isa)i;
        return STATUS_OK;
    }
    char next[160], names[128];
    list_names(names, sizeof names);
    snprintf(next, sizeof next, "use one of %s, or unset it", names);
    return error_set(error, STATUS_USAGE, "DAIL_ISA", next, "'%s' is no instruction set", name);
}

enum status isa_detect(enum isa *isa, struct error *error)
{
    const char *name = getenv("DAIL_ISA");
    if (name && name[0] != '\0') {
        return isa_named(name, isa, error);
    }
    *isa = isa_best();
    return STATUS_OK;
}

enum isa isa_best(void)
{
    for (int i = ISA_COUNT - 1; i > 0; i--) {
        if (isa_runs((enum isa)i)) {
            return (enum isa)i;
        }
    }
    return ISA_GENERIC;
}

const char *isa_name(enum isa isa)
{
    return isa_names[isa];
}
