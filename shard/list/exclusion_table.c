#include "shard/list/exclusion_table.h"

#include <stddef.h>
#include <string.h>

#define IMAGE_FIELD 2

static const char *const words[] = {[EXCLUSION_UNJUDGED] = "",
                                    [EXCLUSION_ACCEPTED] = "accept",
                                    [EXCLUSION_REJECTED] = "reject",
                                    [EXCLUSION_UNSURE] = "unsure"};

const char *exclusion_word(enum exclusion_verdict verdict)
{
    return words[verdict];
}

bool exclusion_header(const char *line, struct exclusion_columns *columns)
{
    const size_t length = strlen(EXCLUSION_HEADER);
    if (strncmp(line, EXCLUSION_HEADER, length) != 0 || (line[length] != 0 && line[length] != '\t')) {
        return false;
    }
    *columns = (struct exclusion_columns){0};
    int place = 0;
    for (const char *tab = strchr(line, '\t'); tab; tab = strchr(tab + 1, '\t')) {
        const size_t name = strcspn(tab + 1, "\t");
        place++;
        if (name == strlen("verdict") && strncmp(tab + 1, "verdict", name) == 0) {
            columns->verdict = place;
        }
    }
    return true;
}

static bool read_verdict(const char *word, enum exclusion_verdict *verdict)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            *verdict = (enum exclusion_verdict)i;
            return true;
        }
    }
    return false;
}

enum status exclusion_row_read(const struct exclusion_columns *columns, const struct line_reader *reader,
                               char *line, struct exclusion_row *row, struct error *error)
{
    const char *field[IMAGE_FIELD + 1] = {"", "", ""}, *verdict = "";
    for (int place = 0; line; place++) {
        const char *begin = line;
        line = strchr(line, '\t');
        if (line) {
            *line++ = 0;
        }
        if (place <= IMAGE_FIELD) {
            field[place] = begin;
        } else if (place == columns->verdict) {
            verdict = begin;
        }
    }
    *row = (struct exclusion_row){.dataset = field[0], .identity = field[1], .image = field[IMAGE_FIELD]};
    if (row->dataset[0] == 0 || row->identity[0] == 0) {
        return line_reader_refuse(reader, error,
                                  "give each row a dataset, an identity and an image or nothing, with a tab "
                                  "between them",
                                  "the row names no %s", row->dataset[0] == 0 ? "dataset" : "identity");
    }
    if (!read_verdict(verdict, &row->verdict)) {
        return line_reader_refuse(reader, error, "correct the verdict",
                                  "the verdict '%.100s' is none of accept, reject, unsure and empty",
                                  verdict);
    }
    return STATUS_OK;
}
