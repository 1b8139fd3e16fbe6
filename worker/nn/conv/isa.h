/* Instruction sets (isa_list.h). A source <name>.isa.c is compiled once per set into a table of functions
 * ISA_TABLE(name), one of which is picked at run time; the plain C build of the same source is always there.
 */
#ifndef DAIL_WORKER_NN_CONV_ISA_H
#define DAIL_WORKER_NN_CONV_ISA_H

#include "proto/error.h"
#include "worker/nn/conv/isa_list.h"

#define ISA_SYMBOL(type, table, name, symbol, ...) ISA_##symbol,
enum isa { ISA_LIST(ISA_SYMBOL, , ) ISA_COUNT };

/* The best set this machine runs, or the one that the environment's DAIL_ISA names. STATUS_USAGE if DAIL_ISA
 * names none, or one that this machine cannot run. */
enum status isa_detect(enum isa *isa, struct error *error);

/* The best set this machine runs, whatever the environment says. */
enum isa isa_best(void);

const char *isa_name(enum isa isa);

/* In a .isa.c: the name of this build's table. */
#define ISA_PASTE(table, suffix) table##_##suffix
#define ISA_PASTE_VALUE(table, suffix) ISA_PASTE(table, suffix)
#define ISA_TABLE(table) ISA_PASTE_VALUE(table, ISA_SUFFIX)

/* Elsewhere, after `const type *table_of(enum isa isa)` was declared: defines it, to give the table of an
 * instruction set that isa_detect found. */
#define ISA_DECLARE_TABLE(type, table, name, ...) extern const type ISA_PASTE(table, name);
#define ISA_TABLE_ENTRY(type, table, name, ...) &ISA_PASTE(table, name),
#define ISA_DEFINE_TABLE_OF(type, table)                                                                     \
    ISA_LIST(ISA_DECLARE_TABLE, type, table)                                                                 \
    const type *table##_of(enum isa isa)                                                                     \
    {                                                                                                        \
        static const type *const tables[] = {ISA_LIST(ISA_TABLE_ENTRY, type, table)};                        \
        return tables[isa];                                                                                  \
    }

#endif
