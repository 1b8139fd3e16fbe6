#include "shard/pickle/pickle.h"

#include "proto/file.h"
#include "shard/pickle/pickle_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum status run_machine(struct machine *machine, struct error *error)
{
    enum status status = STATUS_OK;
    const uint8_t *byte;
    uint8_t code = 0;
    while (status == STATUS_OK && !machine->stopped) {
        machine->opcode_at = machine->position;
        status = machine_take(machine, 1, &byte, error);
        code = status == STATUS_OK ? *byte : 0;
        if (status == STATUS_OK) {
            status = pickle_opcode_run(machine, code, error);
        }
    }
    if (status == STATUS_OK && machine->position != machine->size) {
        status = pickle_bad(error, "the file goes on after the pickle's end");
    }
    if (status != STATUS_OK) {
        char where[1200];
        const char *name = pickle_opcode_name(code);
        snprintf(where, sizeof where, "%s, %s at byte %" PRIu64, machine->pickle->path,
                 name ? name : "an unknown opcode", machine->opcode_at);
        error_prefix_where(error, where);
    }
    return status;
}

/* Reads bytes start..size of the pickle's file, which is open. */
static enum status read_pickle(struct machine *machine, struct error *error)
{
    machine->block = malloc(PICKLE_BLOCK);
    enum status status =
        machine->block ? run_machine(machine, error) : error_no_memory(error, machine->pickle->path);
    free(machine->block);
    free(machine->stack.value);
    free(machine->memo.value);
    return status;
}

enum status pickle_open_part(const char *path, uint64_t offset, uint64_t size, enum pickle_subject subject,
                             struct pickle *pickle, struct error *error)
{
    struct machine machine = {
        .pickle = pickle, .start = offset, .position = offset, .begin = offset, .size = offset + size};
    uint64_t bytes;
    *pickle = (struct pickle){.descriptor = -1, .subject = subject};
    snprintf(pickle->path, sizeof pickle->path, "%s", path);
    enum status status = file_open(path, FILE_LINKS_FOLLOWED, &pickle->descriptor, &bytes, error);
    if (status == STATUS_OK) {
        status = read_pickle(&machine, error);
    }
    if (status != STATUS_OK) {
        pickle_close(pickle);
    }
    return status;
}

enum status pickle_open(const char *path, struct pickle *pickle, struct error *error)
{
    uint64_t bytes;
    *pickle = (struct pickle){.descriptor = -1};
    enum status status = file_size(path, FILE_LINKS_FOLLOWED, &bytes, error);
    return status == STATUS_OK ? pickle_open_part(path, 0, bytes, PICKLE_OF_SET, pickle, error) : status;
}

void pickle_close(struct pickle *pickle)
{
    for (uint32_t i = 0; i < pickle->count; i++) {
        if (pickle_has_items(&pickle->values[i])) {
            free(pickle->values[i].is.items.value);
        }
    }
    free(pickle->values);
    if (pickle->descriptor >= 0) {
        close(pickle->descriptor);
    }
    *pickle = (struct pickle){.descriptor = -1};
}
