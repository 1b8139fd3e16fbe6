#include "shard/archive/file_pattern.h"

#include "proto/file.h"
#include "proto/text.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADVICE "check the names; braces and stars are put in quotes, so that the shell leaves them"

static enum status add(struct name_list *files, const char *path, struct error *error)
{
    if (files->count >= FILE_PATTERN_MAX) {
        return error_set(error, STATUS_DATA, path, "make several datasets of them",
                         "there are more than %d files", FILE_PATTERN_MAX);
    }
    return name_list_add(files, path) ? STATUS_OK : error_no_memory(error, path);
}

static bool has_ending(const char *name, const char *const *endings)
{
    while (*endings && !text_ends_with(name, *endings)) {
        endings++;
    }
    return *endings;
}

static enum status add_folder(const char *folder, const char *const *endings, struct name_list *files,
                              struct error *error)
{
    struct name_list names = {0};
    DIR *directory = opendir(folder);
    if (!directory) {
        return file_data_error(error, folder, errno);
    }
    enum status status = STATUS_OK;
    for (struct dirent *entry = readdir(directory); entry && status == STATUS_OK;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.' && has_ending(entry->d_name, endings) &&
            !name_list_add(&names, entry->d_name)) {
            status = error_no_memory(error, folder);
        }
    }
    closedir(directory);
    name_list_sort(&names);
    for (size_t i = 0; i < names.count && status == STATUS_OK; i++) {
        char path[PATH_SIZE];
        status = file_join(folder, names.names[i], path, error);
        status = status == STATUS_OK ? add(files, path, error) : status;
    }
    if (status == STATUS_OK && names.count == 0) {
        status = error_set(error, STATUS_DATA, folder, "name the files",
                           "there is no file in the folder that ends in %s", endings[0]);
    }
    name_list_free(&names);
    return status;
}

/* A word without braces. */
static enum status add_word(const char *word, const char *const *endings, struct name_list *files,
                            struct error *error)
{
    glob_t found = {.gl_pathc = 0};
    if (file_is_directory(word)) {
        return add_folder(word, endings, files, error);
    }
    if (file_exists(word)) {
        return add(files, word, error);
    }
    enum status status = STATUS_OK;
    const int failed = strpbrk(word, "*?[") ? glob(word, GLOB_ERR, NULL, &found) : GLOB_NOMATCH;
    if (failed == GLOB_NOSPACE) {
        status = error_no_memory(error, word);
    } else if (failed == GLOB_ABORTED) {
        status = file_data_error(error, word, errno);
    } else if (failed != 0) {
        status = error_set(error, STATUS_DATA, word, ADVICE, "there is no such file");
    }
    for (size_t i = 0; i < found.gl_pathc && status == STATUS_OK; i++) {
        status = add(files, found.gl_pathv[i], error);
    }
    globfree(&found);
    return status;
}

/* --- Braces --- */

/* The end of the brace that opens at `open`, or NULL; *commas: there is one in it, not in a further brace. */
static const char *find_close(const char *open, bool *commas)
{
    int depth = 0;
    *commas = false;
    for (const char *at = open; *at; at++) {
        depth += *at == '{';
        *commas = *commas || (depth == 1 && *at == ',');
        if (*at == '}' && --depth == 0) {
            return at;
        }
    }
    return NULL;
}

/* "{0000..0099}": its ends, and how wide numbers are written. */
static bool read_range(const char *open, const char *close, unsigned long *first, unsigned long *last,
                       int *width)
{
    char *end;
    const size_t digits = strspn(open + 1, "0123456789");
    const char *second = open + 1 + digits + 2;
    if (digits == 0 || digits > 9 || strncmp(open + 1 + digits, "..", 2) != 0) {
        return false;
    }
    const size_t others = strspn(second, "0123456789");
    if (others == 0 || others > 9 || second + others != close) {
        return false;
    }
    *first = strtoul(open + 1, &end, 10);
    *last = strtoul(second, &end, 10);
    const bool zeros = (open[1] == '0' && digits > 1) || (*second == '0' && others > 1);
    *width = zeros ? (int)(digits > others ? digits : others) : 0;
    return true;
}

struct expansion {
    const char *const *endings;
    struct name_list *files;
    struct error *error;
};

static enum status expand(const struct expansion *to, const char *pattern);

/* The pattern with `length` bytes of `middle` for its brace. */
static enum status expand_with(const struct expansion *to, const char *pattern, const char *open,
                               const char *close, const char *middle, size_t length)
{
    char word[PATH_SIZE];
    const int size = snprintf(word, sizeof word, "%.*s%.*s%s", (int)(open - pattern), pattern, (int)length,
                              middle, close + 1);
    return size >= 0 && (size_t)size < sizeof word
               ? expand(to, word)
               : error_set(to->error, STATUS_DATA, pattern, NULL, "a file's name is too long");
}

static enum status expand_range(const struct expansion *to, const char *pattern, const char *open,
                                const char *close, const unsigned long ends[2], int width)
{
    const bool up = ends[0] <= ends[1];
    if ((up ? ends[1] - ends[0] : ends[0] - ends[1]) >= FILE_PATTERN_MAX) {
        return error_set(to->error, STATUS_DATA, pattern, "make several datasets of them",
                         "there are more than %d files", FILE_PATTERN_MAX);
    }
    enum status status = STATUS_OK;
    for (unsigned long number = ends[0]; status == STATUS_OK; number = up ? number + 1 : number - 1) {
        char text[16];
        const int length = snprintf(text, sizeof text, "%0*lu", width, number);
        status = expand_with(to, pattern, open, close, text, (size_t)length);
        if (number == ends[1]) {
            break;
        }
    }
    return status;
}

static enum status expand_list(const struct expansion *to, const char *pattern, const char *open,
                               const char *close)
{
    enum status status = STATUS_OK;
    int depth = 0;
    const char *begin = open + 1;
    for (const char *at = begin; at <= close && status == STATUS_OK; at++) {
        if (at == close || (depth == 0 && *at == ',')) {
            status = expand_with(to, pattern, open, close, begin, (size_t)(at - begin));
            begin = at + 1;
        }
        depth += (*at == '{') - (*at == '}');
    }
    return status;
}

static enum status expand(const struct expansion *to, const char *pattern)
{
    unsigned long ends[2];
    int width;
    bool commas = false;
    for (const char *open = strchr(pattern, '{'); open; open = strchr(open + 1, '{')) {
        const char *close = find_close(open, &commas);
        if (close && read_range(open, close, &ends[0], &ends[1], &width)) {
            return expand_range(to, pattern, open, close, ends, width);
        }
        if (close && commas) {
            return expand_list(to, pattern, open, close);
        }
    }
    return add_word(pattern, to->endings, to->files, to->error);
}

/* --- The whole --- */

enum status file_pattern_expand(const char *pattern, const char *const *endings, struct name_list *files,
                                struct error *error)
{
    const struct expansion to = {endings, files, error};
    struct name_list sorted = {0};
    enum status status =
        file_exists(pattern) ? add_word(pattern, endings, files, error) : expand(&to, pattern);
    for (size_t i = 0; i < files->count && status == STATUS_OK; i++) {
        status = name_list_add(&sorted, files->names[i]) ? STATUS_OK : error_no_memory(error, pattern);
    }
    name_list_sort(&sorted);
    for (size_t i = 1; i < sorted.count && status == STATUS_OK; i++) {
        if (strcmp(sorted.names[i - 1], sorted.names[i]) == 0) {
            status = error_set(error, STATUS_DATA, sorted.names[i], "name each file once",
                               "the file is named twice");
        }
    }
    name_list_free(&sorted);
    return status;
}
