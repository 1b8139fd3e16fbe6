#include "daemon/overlap/overlap_within_table.h"

#include "shard/list/exclusion_table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE 1024
#define KEY_FIELDS 5 /* dataset, identity, image, reason, other */
#define KEY_SIZE (3 * NAME_SIZE + 256)

/* --- Verdicts --- */

static int compare_keys(const void *first, const void *second)
{
    return strcmp(((const struct within_verdict *)first)->key, ((const struct within_verdict *)second)->key);
}

static void cut_key(char *line)
{
    for (int field = 0; line && field < KEY_FIELDS; field++) {
        line = strchr(field == 0 ? line : line + 1, '\t');
    }
    if (line) {
        *line = 0;
    }
}

static enum status keep_verdict(struct within_verdicts *verdicts, const char *line, bool accepted,
                                const char *path, struct error *error)
{
    if (verdicts->count == verdicts->capacity) {
        const size_t capacity = 2 * verdicts->capacity + 64;
        struct within_verdict *larger = realloc(verdicts->rows, capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, path);
        }
        verdicts->rows = larger;
        verdicts->capacity = capacity;
    }
    struct within_verdict *verdict = &verdicts->rows[verdicts->count++];
    *verdict = (struct within_verdict){.key = strdup(line), .line = strdup(line), .accepted = accepted};
    if (!verdict->key || !verdict->line) {
        return error_no_memory(error, path);
    }
    cut_key(verdict->key);
    return STATUS_OK;
}

static enum status read_rows(struct line_reader *reader, struct within_verdicts *verdicts,
                             struct error *error)
{
    struct exclusion_columns columns;
    struct exclusion_row row;
    char *line;
    enum status status = line_reader_next(reader, &line, error);
    if (status != STATUS_OK || !line || !exclusion_header(line, &columns)) {
        return status;
    }
    for (;;) {
        status = line_reader_next(reader, &line, error);
        if (status != STATUS_OK || !line) {
            return status;
        }
        char *whole = strdup(line);
        status = whole ? exclusion_row_read(&columns, reader, line, &row, error)
                       : error_no_memory(error, reader->path);
        if (status == STATUS_OK && (row.verdict == EXCLUSION_ACCEPTED || row.verdict == EXCLUSION_REJECTED)) {
            status = keep_verdict(verdicts, whole, row.verdict == EXCLUSION_ACCEPTED, reader->path, error);
        }
        free(whole);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

enum status within_verdicts_read(const char *path, struct within_verdicts *verdicts, struct error *error)
{
    struct line_reader reader = {0};
    *verdicts = (struct within_verdicts){0};
    if (access(path, F_OK) != 0) {
        return STATUS_OK;
    }
    enum status status = line_reader_open(&reader, path, error);
    if (status == STATUS_OK) {
        status = read_rows(&reader, verdicts, error);
    }
    line_reader_close(&reader);
    if (verdicts->count > 1 && status == STATUS_OK) {
        qsort(verdicts->rows, verdicts->count, sizeof *verdicts->rows, compare_keys);
    }
    return status;
}

void within_verdicts_free(struct within_verdicts *verdicts)
{
    for (size_t i = 0; i < verdicts->count; i++) {
        free(verdicts->rows[i].key);
        free(verdicts->rows[i].line);
    }
    free(verdicts->rows);
    *verdicts = (struct within_verdicts){0};
}

/* --- Rows --- */

/* What would break a table becomes a blank. */
static void blank(char *text)
{
    for (; *text; text++) {
        *text = (unsigned char)*text < ' ' ? ' ' : *text;
    }
}

static void name_class(const struct embeddings_file *file, uint32_t class, char *text, size_t size)
{
    if (!file->identities) {
        snprintf(text, size, "%u", class);
    } else {
        snprintf(text, size, "%s", file->identities[class]);
    }
    blank(text);
}

/* Within its identity's folder, where it is in one. */
static void name_image(const struct embeddings_file *file, uint64_t row, char *text, size_t size)
{
    const char *identity = file->identities ? file->identities[file->label[row]] : "";
    const size_t length = strlen(identity);
    embeddings_file_name(file, row, text, size);
    if (length > 0 && strncmp(text, identity, length) == 0 && text[length] == '/') {
        memmove(text, text + length + 1, strlen(text + length + 1) + 1);
    }
    blank(text);
}

void within_print_header(FILE *out)
{
    fputs(EXCLUSION_HEADER "\tother\tcosine\tprobability\tverdict\n", out);
}

static const char *judge(const struct within *within, enum within_kind kind, const char *key,
                         struct within_verdicts *verdicts)
{
    const struct within_verdict wanted = {.key = (char *)(uintptr_t)key};
    struct within_verdict *known =
        verdicts->count > 0 ? bsearch(&wanted, verdicts->rows, verdicts->count, sizeof wanted, compare_keys)
                            : NULL;
    if (known) {
        known->found = true;
        return exclusion_word(known->accepted ? EXCLUSION_ACCEPTED : EXCLUSION_REJECTED);
    }
    return exclusion_word(kind == WITHIN_TWIN && !within->twins_known ? EXCLUSION_UNSURE
                                                                      : EXCLUSION_UNJUDGED);
}

void within_print(const struct within *within, const struct embeddings_file *file, const char *dataset,
                  struct within_verdicts *verdicts, FILE *out)
{
    static const char *const words[] = {
        [WITHIN_TWIN] = "twin", [WITHIN_STRANGER] = "stranger", [WITHIN_DUPLICATE] = "duplicate"};
    for (size_t i = 0; i < within->count; i++) {
        const struct within_finding *finding = &within->found[i];
        char identity[NAME_SIZE], image[NAME_SIZE] = "", other[NAME_SIZE] = "", key[KEY_SIZE];
        name_class(file, finding->class[0], identity, sizeof identity);
        if (finding->kind == WITHIN_TWIN) {
            name_class(file, finding->class[1], other, sizeof other);
        } else {
            name_image(file, finding->image[0], image, sizeof image);
        }
        if (finding->kind == WITHIN_DUPLICATE) {
            name_image(file, finding->image[1], other, sizeof other);
        }
        snprintf(key, sizeof key, "%s\t%s\t%s\t%s\t%s", dataset, identity, image, words[finding->kind],
                 other);
        fprintf(out, "%s\t%.4f\t", key, finding->cosine);
        if (finding->kind == WITHIN_TWIN) {
            fprintf(out, "%.4f", finding->probability);
        }
        fprintf(out, "\t%s\n", judge(within, finding->kind, key, verdicts));
    }
}

void within_print_kept(const struct within_verdicts *verdicts, FILE *out)
{
    for (size_t i = 0; i < verdicts->count; i++) {
        if (!verdicts->rows[i].found) {
            fprintf(out, "%s\n", verdicts->rows[i].line);
        }
    }
}
