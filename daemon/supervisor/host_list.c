#include "daemon/supervisor/host_list.h"

#include "proto/file.h"
#include "worker/exchange/lane_share.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST_LIST_BYTES_MAX (1u << 20)
#define SLOTS_MAX 65536

static bool is_own_address(const char *name)
{
    struct in_addr wanted;
    struct ifaddrs *all = NULL;
    bool found = false;
    if (inet_pton(AF_INET, name, &wanted) != 1 || getifaddrs(&all) != 0) {
        return false;
    }
    for (const struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
        struct sockaddr_in internet;
        if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET) {
            memcpy(&internet, one->ifa_addr, sizeof internet);
            found = internet.sin_addr.s_addr == wanted.s_addr;
        }
    }
    freeifaddrs(all);
    return found;
}

/* Names are compared up to their first dot, as Open MPI does. */
static bool is_here(const char *name)
{
    char own[256] = "";
    gethostname(own, sizeof own - 1);
    size_t length = strcspn(own, ".");
    return strcmp(name, "localhost") == 0 ||
           (length > 0 && strcspn(name, ".") == length && strncmp(name, own, length) == 0) ||
           is_own_address(name);
}

static enum status list_add(struct host_list *list, const char *name, int slots, struct error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->host[i].name, name) == 0) {
            list->host[i].slots += slots;
            return STATUS_OK;
        }
    }
    struct host_entry *grown = realloc(list->host, (list->count + 1) * sizeof *grown);
    if (!grown) {
        return error_no_memory(error, NULL);
    }
    list->host = grown;
    struct host_entry *entry = &grown[list->count++];
    *entry = (struct host_entry){.slots = slots, .local = is_here(name), .answers = true};
    snprintf(entry->name, sizeof entry->name, "%s", name);
    return STATUS_OK;
}

static enum status bad_line(const char *path, int number, const char *word, struct error *error)
{
    char where[512];
    snprintf(where, sizeof where, "%s:%d", path, number);
    return error_set(error, STATUS_USAGE, where, "write one host a line: NAME slots=N",
                     "\"%s\" is not understood", word);
}

/* The number behind "slots="; 0 if the word is no such thing or the number not one of slots. */
static int slots_of(const char *word, const char *key)
{
    size_t length = strlen(key);
    char *end;
    if (strncmp(word, key, length) != 0) {
        return 0;
    }
    long slots = strtol(word + length, &end, 10);
    return end == word + length || *end != '\0' || slots < 1 || slots > SLOTS_MAX ? 0 : (int)slots;
}

static enum status read_line(const char *path, int number, char *line, struct host_list *list,
                             struct error *error)
{
    char *rest = NULL;
    int slots = 1, most = SLOTS_MAX;
    line[strcspn(line, "#")] = '\0';
    const char *name = strtok_r(line, " \t\r", &rest);
    if (!name) {
        return STATUS_OK;
    }
    if (strlen(name) >= sizeof list->host->name || strpbrk(name, "=:,")) {
        return bad_line(path, number, name, error);
    }
    for (const char *word = strtok_r(NULL, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
        int bound = slots_of(word, "max_slots=") + slots_of(word, "max-slots=");
        int given = slots_of(word, "slots=");
        if (bound == 0 && given == 0) {
            return bad_line(path, number, word, error);
        }
        most = bound > 0 ? bound : most;
        slots = given > 0 ? given : slots;
    }
    return list_add(list, name, slots < most ? slots : most, error);
}

enum status host_list_read(const char *path, struct host_list *list, struct error *error)
{
    char *text;
    size_t size;
    *list = (struct host_list){0};
    enum status status = file_read(path, HOST_LIST_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        error->status = STATUS_USAGE;
        return STATUS_USAGE;
    }
    int number = 0;
    char *next = text;
    while (status == STATUS_OK && next) {
        char *line = next;
        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        status = read_line(path, ++number, line, list, error);
    }
    free(text);
    if (status == STATUS_OK && list->count == 0) {
        status = error_set(error, STATUS_USAGE, path, "write one host a line: NAME slots=N",
                           "the hostfile names no host");
    }
    return status;
}

enum status host_list_here(int slots, struct host_list *list, struct error *error)
{
    *list = (struct host_list){0};
    return list_add(list, "localhost", slots, error);
}

void host_list_free(struct host_list *list)
{
    free(list->host);
    *list = (struct host_list){0};
}

int host_list_slots(const struct host_list *list)
{
    int slots = 0;
    for (size_t i = 0; i < list->count; i++) {
        slots += list->host[i].answers ? list->host[i].slots : 0;
    }
    return slots;
}

int host_list_fit(int most, int lanes)
{
    return most > 0 && lanes > 0 ? lane_share_workers(lanes, most) : most;
}

void host_list_place(struct host_list *list, int workers)
{
    for (size_t i = 0; i < list->count; i++) {
        list->host[i].workers = 0;
    }
    for (bool placed = true; workers > 0 && placed;) {
        placed = false;
        for (size_t i = 0; i < list->count && workers > 0; i++) {
            struct host_entry *entry = &list->host[i];
            if (entry->answers && entry->workers < entry->slots) {
                entry->workers++;
                workers--;
                placed = true;
            }
        }
    }
}
