/* What each opcode of a pickle comes to. */
#include "shard/pickle/pickle_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES 128

struct opcode {
    const char *name; /* pickletools' */
    enum status (*run)(struct machine *machine, uint64_t argument, struct error *error);
    int argument_bytes; /* of a number that follows, little-endian */
    bool network; /* of a network alone */
};

static enum status run_none(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return machine_push_new(machine, &(struct pickle_value){.kind = PICKLE_NONE}, error);
}

static enum status run_true(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return machine_push_new(machine, &(struct pickle_value){.kind = PICKLE_BOOL, .is.number = 1}, error);
}

static enum status run_false(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return machine_push_new(machine, &(struct pickle_value){.kind = PICKLE_BOOL}, error);
}

static enum status run_int(struct machine *machine, uint64_t argument, struct error *error)
{
    return machine_push_new(
        machine, &(struct pickle_value){.kind = PICKLE_INT, .is.number = (int64_t)argument}, error);
}

static enum status run_signed_int(struct machine *machine, uint64_t argument, struct error *error)
{
    return run_int(machine, (uint64_t)(int64_t)(int32_t)(uint32_t)argument, error);
}

/* LONG1: a number of up to 8 bytes is enough. */
static enum status run_long(struct machine *machine, uint64_t argument, struct error *error)
{
    const uint8_t *bytes;
    if (argument > 8) {
        return pickle_bad(error, "a number is too large");
    }
    enum status status = machine_take(machine, (size_t)argument, &bytes, error);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t number = argument > 0 && bytes[argument - 1] >= 128 ? UINT64_MAX : 0;
    for (size_t i = (size_t)argument; i > 0; i--) {
        number = number << 8 | bytes[i - 1];
    }
    return run_int(machine, number, error);
}

static enum status push_bytes(struct machine *machine, enum pickle_kind kind, uint64_t size,
                              struct error *error)
{
    if (size > machine->size - machine->position) {
        return error_set(error, STATUS_DATA, NULL, "copy the file again",
                         "it claims %" PRIu64 " bytes, and the file ends after %" PRIu64, size,
                         machine->size - machine->position);
    }
    if (size > PICKLE_BYTES_MAX) {
        return pickle_bad(error, "it has more bytes than an image can have");
    }
    struct pickle_value value = {.kind = kind, .is.bytes = {machine->position, (uint32_t)size, false}};
    machine->position += size;
    return machine_push_new(machine, &value, error);
}

static enum status run_bytes(struct machine *machine, uint64_t argument, struct error *error)
{
    return push_bytes(machine, PICKLE_BYTES, argument, error);
}

static enum status run_text(struct machine *machine, uint64_t argument, struct error *error)
{
    return push_bytes(machine, PICKLE_TEXT, argument, error);
}

static enum status run_mark(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    if (machine->mark_count == DEPTH_MAX) {
        return pickle_bad(error, "its lists are nested too deeply");
    }
    machine->marks[machine->mark_count++] = machine->stack.count;
    return STATUS_OK;
}

static enum status run_list(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return machine_push_new(machine, &(struct pickle_value){.kind = PICKLE_LIST}, error);
}

static enum status append_to_list(struct machine *machine, uint32_t count, struct error *error)
{
    uint32_t height = machine->stack.count - count;
    if (height <= machine_floor(machine)) {
        return pickle_bad(error, "there is no list on the stack");
    }
    struct pickle_value *list = &machine->pickle->values[machine->stack.value[height - 1]];
    return list->kind == PICKLE_LIST ? machine_append(machine, count, &list->is.items, error)
                                     : pickle_bad(error, "it is appended to something that is no list");
}

static enum status run_append(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    if (machine->stack.count <= machine_floor(machine)) {
        return pickle_bad(error, "there is nothing on the stack");
    }
    return append_to_list(machine, 1, error);
}

static enum status run_appends(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    uint32_t count;
    enum status status = machine_end_mark(machine, &count, error);
    return status == STATUS_OK ? append_to_list(machine, count, error) : status;
}

/* A new value of this kind with the topmost `count` of the stack as its items. */
static enum status push_items(struct machine *machine, enum pickle_kind kind, uint32_t count,
                              struct error *error)
{
    struct pickle_value value = {.kind = kind};
    if (machine->stack.count - machine_floor(machine) < count) {
        return pickle_bad(error, "there is too little on the stack");
    }
    enum status status = machine_append(machine, count, &value.is.items, error);
    if (status == STATUS_OK) {
        status = machine_push_new(machine, &value, error);
    }
    if (status != STATUS_OK) {
        free(value.is.items.value);
    }
    return status;
}

static enum status run_tuple(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    uint32_t count;
    enum status status = machine_end_mark(machine, &count, error);
    return status == STATUS_OK ? push_items(machine, PICKLE_TUPLE, count, error) : status;
}

static enum status run_tuple0(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return push_items(machine, PICKLE_TUPLE, 0, error);
}

static enum status run_tuple1(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return push_items(machine, PICKLE_TUPLE, 1, error);
}

static enum status run_tuple2(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return push_items(machine, PICKLE_TUPLE, 2, error);
}

static enum status run_tuple3(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return push_items(machine, PICKLE_TUPLE, 3, error);
}

#define NOTHING UINT32_MAX

static enum status run_put(struct machine *machine, uint64_t argument, struct error *error)
{
    struct pickle_items *memo = &machine->memo;
    struct pickle_value *value;
    enum status status = machine_top(machine, &value, error);
    if (status == STATUS_OK && argument >= PICKLE_VALUES_MAX) {
        status = pickle_bad(error, "it keeps too many values");
    }
    if (status == STATUS_OK) {
        status = machine_grow(memo, (uint32_t)argument + 1, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    while (memo->count <= argument) {
        memo->value[memo->count++] = NOTHING;
    }
    memo->value[argument] = (uint32_t)(value - machine->pickle->values);
    return STATUS_OK;
}

static enum status run_memoize(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return run_put(machine, machine->memo.count, error);
}

static enum status run_get(struct machine *machine, uint64_t argument, struct error *error)
{
    if (argument >= machine->memo.count || machine->memo.value[argument] == NOTHING) {
        return pickle_bad(error, "it asks for a value that was not kept");
    }
    return machine_push(machine, machine->memo.value[argument], error);
}

/* A line of the text, terminated. */
static enum status take_line(struct machine *machine, char line[LINE_MAX_BYTES], struct error *error)
{
    for (size_t i = 0; i < LINE_MAX_BYTES; i++) {
        const uint8_t *byte;
        enum status status = machine_take(machine, 1, &byte, error);
        if (status != STATUS_OK) {
            return status;
        }
        line[i] = (char)*byte;
        if (*byte == '\n') {
            line[i] = 0;
            return STATUS_OK;
        }
        if (*byte < ' ' || *byte > '~') {
            return pickle_bad(error, "a name is no text");
        }
    }
    return pickle_bad(error, "a name is too long");
}

static enum status run_global(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    char module[LINE_MAX_BYTES], attribute[LINE_MAX_BYTES];
    struct pickle_value value;
    enum status status = take_line(machine, module, error);
    if (status == STATUS_OK) {
        status = take_line(machine, attribute, error);
    }
    if (status == STATUS_OK) {
        status = pickle_name(machine->pickle->subject, module, attribute, &value, error);
    }
    return status == STATUS_OK ? machine_push_new(machine, &value, error) : status;
}

static enum status run_stack_global(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    char module[LINE_MAX_BYTES], attribute[LINE_MAX_BYTES];
    struct pickle *pickle = machine->pickle;
    struct pickle_value value;
    uint32_t first, second;
    enum status status = machine_pop(machine, &second, error);
    if (status == STATUS_OK) {
        status = machine_pop(machine, &first, error);
    }
    if (status == STATUS_OK &&
        (!pickle_short_text(pickle, &pickle->values[first], module, sizeof module) ||
         !pickle_short_text(pickle, &pickle->values[second], attribute, sizeof attribute))) {
        status = pickle_bad(error, "a name is no text");
    }
    if (status == STATUS_OK) {
        status = pickle_name(machine->pickle->subject, module, attribute, &value, error);
    }
    return status == STATUS_OK ? machine_push_new(machine, &value, error) : status;
}

/* A call that is kept: the name and the tuple of its arguments, which the stack ends with. */
static enum status keep_call(struct machine *machine, struct error *error)
{
    const struct pickle *pickle = machine->pickle;
    const uint32_t count = machine->stack.count;
    if (count - machine_floor(machine) < 2) {
        return pickle_bad(error, "there is too little on the stack");
    }
    const struct pickle_value *name = &pickle->values[machine->stack.value[count - 2]],
                              *arguments = &pickle->values[machine->stack.value[count - 1]];
    if (name->kind != PICKLE_NAME || arguments->kind != PICKLE_TUPLE) {
        return pickle_bad(error, "something is called that is no function");
    }
    if (!pickle_is_dict(name)) {
        return push_items(machine, PICKLE_CALL, 2, error);
    }
    if (arguments->is.items.count > 0) {
        return pickle_bad(error, "a dict is made of what is none");
    }
    machine->stack.count -= 2;
    return push_items(machine, PICKLE_DICT, 0, error);
}

static enum status run_new_object(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return keep_call(machine, error);
}

static enum status run_persistent(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return push_items(machine, PICKLE_PERSISTENT, 1, error);
}

static enum status run_float(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return machine_push_new(machine, &(struct pickle_value){.kind = PICKLE_FLOAT}, error);
}

static enum status run_dict(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return push_items(machine, PICKLE_DICT, 0, error);
}

static enum status add_to_dict(struct machine *machine, uint32_t count, struct error *error)
{
    const uint32_t height = machine->stack.count - count;
    if (height <= machine_floor(machine) || count % 2 != 0) {
        return pickle_bad(error, "there is no dict on the stack");
    }
    struct pickle_value *dict = &machine->pickle->values[machine->stack.value[height - 1]];
    if (dict->kind == PICKLE_CALL) { /* a dict of another kind: nobody asks for what is in it */
        machine->stack.count = height;
        return STATUS_OK;
    }
    return dict->kind == PICKLE_DICT ? machine_append(machine, count, &dict->is.items, error)
                                     : pickle_bad(error, "a key is set in something that is no dict");
}

static enum status run_set_item(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    return machine->stack.count - machine_floor(machine) < 2
               ? pickle_bad(error, "there is too little on the stack")
               : add_to_dict(machine, 2, error);
}

static enum status run_set_items(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    uint32_t count;
    enum status status = machine_end_mark(machine, &count, error);
    return status == STATUS_OK ? add_to_dict(machine, count, error) : status;
}

static enum status run_reduce(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    const struct pickle *pickle = machine->pickle;
    struct pickle_value value;
    uint32_t arguments, name;
    if (pickle->subject == PICKLE_OF_NETWORK) {
        return keep_call(machine, error);
    }
    enum status status = machine_pop(machine, &arguments, error);
    if (status == STATUS_OK) {
        status = machine_pop(machine, &name, error);
    }
    if (status == STATUS_OK) {
        status = pickle_call(pickle, &pickle->values[name], &pickle->values[arguments], &value, error);
    }
    return status == STATUS_OK ? machine_push_new(machine, &value, error) : status;
}

static enum status run_build(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    struct pickle_value *value;
    uint32_t state;
    enum status status = machine_pop(machine, &state, error);
    if (status == STATUS_OK) {
        status = machine_top(machine, &value, error);
    }
    return status == STATUS_OK ? pickle_build(machine->pickle, &machine->pickle->values[state], value, error)
                               : status;
}

static enum status run_proto(struct machine *machine, uint64_t argument, struct error *error)
{
    if (argument < 2 || argument > 5) {
        return error_set(error, STATUS_DATA, NULL, "dump it again with protocol 2 to 5",
                         "it is of protocol %" PRIu64 " where 2 to 5 can be read", argument);
    }
    return machine->opcode_at == machine->start ? STATUS_OK
                                                : pickle_bad(error, "it begins within itself again");
}

static enum status run_frame(struct machine *machine, uint64_t argument, struct error *error)
{
    if (argument > machine->size - machine->position) {
        return error_set(error, STATUS_DATA, NULL, "copy the file again", "the pickle ends within a frame");
    }
    return STATUS_OK;
}

static enum status run_stop(struct machine *machine, uint64_t argument, struct error *error)
{
    (void)argument;
    machine->stopped = true;
    if (machine->stack.count != 1 || machine->mark_count != 0) {
        return pickle_bad(error, "the pickle is not one value");
    }
    machine->pickle->result = machine->stack.value[0];
    return STATUS_OK;
}

/* Those with a function are carried out; of the others only the name is known. */
static const struct opcode opcodes[256] = {
    ['('] = {"MARK", run_mark, 0, false},
    [')'] = {"EMPTY_TUPLE", run_tuple0, 0, false},
    ['.'] = {"STOP", run_stop, 0, false},
    ['0'] = {"POP", NULL, 0, false},
    ['1'] = {"POP_MARK", NULL, 0, false},
    ['2'] = {"DUP", NULL, 0, false},
    ['B'] = {"BINBYTES", run_bytes, 4, false},
    ['C'] = {"SHORT_BINBYTES", run_bytes, 1, false},
    ['F'] = {"FLOAT", NULL, 0, false},
    ['G'] = {"BINFLOAT", run_float, 8, true},
    ['I'] = {"INT", NULL, 0, false},
    ['J'] = {"BININT", run_signed_int, 4, false},
    ['K'] = {"BININT1", run_int, 1, false},
    ['L'] = {"LONG", NULL, 0, false},
    ['M'] = {"BININT2", run_int, 2, false},
    ['N'] = {"NONE", run_none, 0, false},
    ['P'] = {"PERSID", NULL, 0, false},
    ['Q'] = {"BINPERSID", run_persistent, 0, true},
    ['R'] = {"REDUCE", run_reduce, 0, false},
    ['S'] = {"STRING", NULL, 0, false},
    ['T'] = {"BINSTRING", run_bytes, 4, false},
    ['U'] = {"SHORT_BINSTRING", run_bytes, 1, false},
    ['V'] = {"UNICODE", NULL, 0, false},
    ['X'] = {"BINUNICODE", run_text, 4, false},
    [']'] = {"EMPTY_LIST", run_list, 0, false},
    ['a'] = {"APPEND", run_append, 0, false},
    ['b'] = {"BUILD", run_build, 0, false},
    ['c'] = {"GLOBAL", run_global, 0, false},
    ['d'] = {"DICT", NULL, 0, false},
    ['e'] = {"APPENDS", run_appends, 0, false},
    ['g'] = {"GET", NULL, 0, false},
    ['h'] = {"BINGET", run_get, 1, false},
    ['i'] = {"INST", NULL, 0, false},
    ['j'] = {"LONG_BINGET", run_get, 4, false},
    ['l'] = {"LIST", NULL, 0, false},
    ['o'] = {"OBJ", NULL, 0, false},
    ['p'] = {"PUT", NULL, 0, false},
    ['q'] = {"BINPUT", run_put, 1, false},
    ['r'] = {"LONG_BINPUT", run_put, 4, false},
    ['s'] = {"SETITEM", run_set_item, 0, true},
    ['t'] = {"TUPLE", run_tuple, 0, false},
    ['u'] = {"SETITEMS", run_set_items, 0, true},
    ['}'] = {"EMPTY_DICT", run_dict, 0, true},
    [0x80] = {"PROTO", run_proto, 1, false},
    [0x81] = {"NEWOBJ", run_new_object, 0, true},
    [0x82] = {"EXT1", NULL, 0, false},
    [0x83] = {"EXT2", NULL, 0, false},
    [0x84] = {"EXT4", NULL, 0, false},
    [0x85] = {"TUPLE1", run_tuple1, 0, false},
    [0x86] = {"TUPLE2", run_tuple2, 0, false},
    [0x87] = {"TUPLE3", run_tuple3, 0, false},
    [0x88] = {"NEWTRUE", run_true, 0, false},
    [0x89] = {"NEWFALSE", run_false, 0, false},
    [0x8a] = {"LONG1", run_long, 1, false},
    [0x8b] = {"LONG4", NULL, 0, false},
    [0x8c] = {"SHORT_BINUNICODE", run_text, 1, false},
    [0x8d] = {"BINUNICODE8", run_text, 8, false},
    [0x8e] = {"BINBYTES8", run_bytes, 8, false},
    [0x8f] = {"EMPTY_SET", NULL, 0, false},
    [0x90] = {"ADDITEMS", NULL, 0, false},
    [0x91] = {"FROZENSET", NULL, 0, false},
    [0x92] = {"NEWOBJ_EX", NULL, 0, false},
    [0x93] = {"STACK_GLOBAL", run_stack_global, 0, false},
    [0x94] = {"MEMOIZE", run_memoize, 0, false},
    [0x95] = {"FRAME", run_frame, 8, false},
    [0x96] = {"BYTEARRAY8", run_bytes, 8, false},
    [0x97] = {"NEXT_BUFFER", NULL, 0, false},
    [0x98] = {"READONLY_BUFFER", NULL, 0, false},
};

static enum status read_argument(struct machine *machine, int bytes, uint64_t *argument, struct error *error)
{
    const uint8_t *data;
    enum status status = machine_take(machine, (size_t)bytes, &data, error);
    *argument = 0;
    for (int i = bytes; i > 0 && status == STATUS_OK; i--) {
        *argument = *argument << 8 | data[i - 1];
    }
    return status;
}

enum status pickle_opcode_run(struct machine *machine, uint8_t code, struct error *error)
{
    const struct opcode *opcode = &opcodes[code];
    uint64_t argument;
    if (!opcode->name) {
        return pickle_bad(error, "it is no pickle");
    }
    if (machine->opcode_at == machine->start && opcode->run != run_proto) {
        return error_set(error, STATUS_DATA, NULL, "dump it again with protocol 2 to 5",
                         "a pickle of protocol 2 to 5 begins with PROTO");
    }
    if (!opcode->run || (opcode->network && machine->pickle->subject != PICKLE_OF_NETWORK)) {
        char what[80];
        snprintf(what, sizeof what, "no %s needs this opcode; it was not run",
                 pickle_subject_text(machine->pickle->subject));
        return pickle_bad(error, what);
    }
    enum status status = read_argument(machine, opcode->argument_bytes, &argument, error);
    return status == STATUS_OK ? opcode->run(machine, argument, error) : status;
}

const char *pickle_opcode_name(uint8_t code)
{
    return opcodes[code].name;
}
