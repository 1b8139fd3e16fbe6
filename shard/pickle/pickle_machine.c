#include "shard/pickle/pickle_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status pickle_bad(struct error *error, const char *what)
{
    return error_set(error, STATUS_DATA, NULL, "dump plain lists of bytes and bools again", "%s", what);
}

/* --- The file --- */

enum status machine_take(struct machine *machine, size_t size, const uint8_t **bytes, struct error *error)
{
    uint64_t from = machine->position;
    if (size > machine->size - from) {
        return error_set(error, STATUS_DATA, NULL, "copy the file again", "the pickle ends within it");
    }
    if (from < machine->begin || from + size > machine->begin + machine->loaded) {
        uint64_t left = machine->size - from;
        size_t wanted = left < PICKLE_BLOCK ? (size_t)left : PICKLE_BLOCK;
        ssize_t count = pread(machine->pickle->descriptor, machine->block, wanted, (off_t)from);
        if (count < (ssize_t)size) {
            return error_set(error, STATUS_DATA, NULL, "check the file and its disk", "it cannot be read: %s",
                             count < 0 ? strerror(errno) : "the file has become shorter");
        }
        machine->begin = from;
        machine->loaded = (size_t)count;
    }
    *bytes = machine->block + (from - machine->begin);
    machine->position += size;
    return STATUS_OK;
}

/* --- Values and the stack --- */

enum status machine_grow(struct pickle_items *items, uint32_t least, struct error *error)
{
    if (least <= items->capacity) {
        return STATUS_OK;
    }
    uint32_t capacity = items->capacity < 4 ? 4 : items->capacity;
    while (capacity < least) {
        capacity *= 2;
    }
    uint32_t *larger = realloc(items->value, (size_t)capacity * sizeof *larger);
    if (!larger) {
        return error_no_memory(error, "pickle");
    }
    items->value = larger;
    items->capacity = capacity;
    return STATUS_OK;
}

enum status machine_push(struct machine *machine, uint32_t value, struct error *error)
{
    struct pickle_items *stack = &machine->stack;
    if (stack->count >= PICKLE_ITEMS_MAX) {
        return pickle_bad(error, "it has too many values");
    }
    enum status status = machine_grow(stack, stack->count + 1, error);
    if (status == STATUS_OK) {
        stack->value[stack->count++] = value;
    }
    return status;
}

enum status machine_push_new(struct machine *machine, const struct pickle_value *value, struct error *error)
{
    struct pickle *pickle = machine->pickle;
    if (pickle->count >= PICKLE_VALUES_MAX) {
        return pickle_bad(error, "it has too many values");
    }
    if (pickle->count == machine->capacity) {
        uint32_t capacity = machine->capacity == 0 ? 256 : machine->capacity * 2;
        struct pickle_value *larger = realloc(pickle->values, (size_t)capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, "pickle");
        }
        pickle->values = larger;
        machine->capacity = capacity;
    }
    pickle->values[pickle->count] = *value;
    return machine_push(machine, pickle->count++, error);
}

/* The stack's height below which nothing may be taken. */
uint32_t machine_floor(const struct machine *machine)
{
    return machine->mark_count == 0 ? 0 : machine->marks[machine->mark_count - 1];
}

enum status machine_pop(struct machine *machine, uint32_t *value, struct error *error)
{
    if (machine->stack.count <= machine_floor(machine)) {
        return pickle_bad(error, "there is nothing on the stack");
    }
    *value = machine->stack.value[--machine->stack.count];
    return STATUS_OK;
}

enum status machine_top(const struct machine *machine, struct pickle_value **value, struct error *error)
{
    if (machine->stack.count <= machine_floor(machine)) {
        return pickle_bad(error, "there is nothing on the stack");
    }
    *value = &machine->pickle->values[machine->stack.value[machine->stack.count - 1]];
    return STATUS_OK;
}

/* Moves the topmost `count` of the stack to the end of a list or tuple. */
enum status machine_append(struct machine *machine, uint32_t count, struct pickle_items *items,
                           struct error *error)
{
    if (count > PICKLE_ITEMS_MAX - machine->items) {
        return pickle_bad(error, "its lists have too many items");
    }
    enum status status = machine_grow(items, items->count + count, error);
    if (status != STATUS_OK || count == 0) {
        return status;
    }
    machine->stack.count -= count;
    memcpy(items->value + items->count, machine->stack.value + machine->stack.count,
           count * sizeof *items->value);
    items->count += count;
    machine->items += count;
    return STATUS_OK;
}

enum status machine_end_mark(struct machine *machine, uint32_t *count, struct error *error)
{
    if (machine->mark_count == 0) {
        return pickle_bad(error, "there is no mark on the stack");
    }
    *count = machine->stack.count - machine->marks[--machine->mark_count];
    return STATUS_OK;
}
