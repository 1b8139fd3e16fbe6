/* What the files of pickle.h share: the machine (pickle_machine.c), its opcodes (pickle_opcode.c), and what calls come to
 * (pickle_call.c). */
#ifndef DAIL_SHARD_PICKLE_PICKLE_PRIVATE_H
#define DAIL_SHARD_PICKLE_PICKLE_PRIVATE_H

#include "shard/pickle/pickle.h"

#define PICKLE_BLOCK ((size_t)1 << 16)
#define DEPTH_MAX 64 /* of marks, and of what stands between them */

/* The machine. Its errors tell what is wrong; pickle_open adds where. */
struct machine {
    struct pickle *pickle;
    uint64_t start, size, position; /* of the pickle in the file: its first byte, its end, the next one */
    uint8_t *block; /* [PICKLE_BLOCK]: bytes begin..begin+loaded of the file */
    uint64_t begin;
    size_t loaded;
    uint64_t opcode_at; /* where the opcode lies that is carried out */
    uint32_t capacity; /* of the pickle's values */
    uint32_t items; /* of all lists and tuples */
    struct pickle_items stack;
    uint32_t marks[DEPTH_MAX]; /* heights of the stack */
    size_t mark_count;
    struct pickle_items memo;
    bool stopped;
};

/* STATUS_DATA. */
enum status pickle_bad(struct error *error, const char *what);

/* The next `size` bytes of the file, few; valid until the next call. */
enum status machine_take(struct machine *machine, size_t size, const uint8_t **bytes, struct error *error);
/* Makes room for at least so many. */
enum status machine_grow(struct pickle_items *items, uint32_t least, struct error *error);
/* A value that is there, and a new one. */
enum status machine_push(struct machine *machine, uint32_t value, struct error *error);
enum status machine_push_new(struct machine *machine, const struct pickle_value *value, struct error *error);
enum status machine_pop(struct machine *machine, uint32_t *value, struct error *error);
/* Valid until a value is pushed. */
enum status machine_top(const struct machine *machine, struct pickle_value **value, struct error *error);
/* The stack's height below which nothing may be taken. */
uint32_t machine_floor(const struct machine *machine);
/* Takes the last mark away: *count values are above it. */
enum status machine_end_mark(struct machine *machine, uint32_t *count, struct error *error);
/* Moves the topmost `count` of the stack, which are there, to the end of a list or tuple. */
enum status machine_append(struct machine *machine, uint32_t count, struct pickle_items *items,
                           struct error *error);

/* Carries an opcode out, with what of the file is its argument. STATUS_DATA, with no place, if it is none, or none that the
 * pickle's subject needs. */
enum status pickle_opcode_run(struct machine *machine, uint8_t code, struct error *error);
/* pickletools' name of it; NULL if there is none. */
const char *pickle_opcode_name(uint8_t code);

/* A value that a call of `name` with `arguments` (a tuple) has. STATUS_DATA, with no place, if that is no
 * call that is known. */
enum status pickle_call(const struct pickle *pickle, const struct pickle_value *name,
                        const struct pickle_value *arguments, struct pickle_value *value,
                        struct error *error);

/* Whether a value owns items. */
bool pickle_has_items(const struct pickle_value *value);

/* Whether a name is that of a dict. */
bool pickle_is_dict(const struct pickle_value *name);

/* Gives `value` its state: of a dtype its byte order, of an array its elements. */
enum status pickle_build(const struct pickle *pickle, const struct pickle_value *state,
                         struct pickle_value *value, struct error *error);

/* What `subject` is called in refusals. */
const char *pickle_subject_text(enum pickle_subject subject);

/* The name "module.attribute". STATUS_DATA if it is not one of the few. */
enum status pickle_name(enum pickle_subject subject, const char *module, const char *attribute,
                        struct pickle_value *value, struct error *error);
#endif
