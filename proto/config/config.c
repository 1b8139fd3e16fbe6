/* Reading a configuration: the file, then the overrides, then the rules across keys. See config.h. */
#include "proto/config/config.h"

#include "proto/config/config_table.h"
#include "proto/config/config_value.h"
#include "proto/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_KEY_MAX = 128, CONFIG_FILE_MAX = 1 << 20 };

/* A YAML text being read into a configuration. */
struct reading {
    struct config *config;
    struct strict_yaml yaml;
};

static struct reading reading_of(struct config *config, const char *name, bool has_lines)
{
    return (struct reading){.config = config,
                            .yaml = {.name = name,
                                     .has_lines = has_lines,
                                     .status = STATUS_USAGE,
                                     .next = "daild --print-config lists every key and its form"}};
}

static bool is_group(const char *key)
{
    size_t count, length = strlen(key);
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(rows[i].key, key, length) == 0 && rows[i].key[length] == '.') {
            return true;
        }
    }
    return false;
}

static enum status refuse_key(const struct reading *reading, const yaml_node_t *node, const char *key,
                              struct error *error)
{
    char next[CONFIG_KEY_MAX + 32], nearest[CONFIG_KEY_MAX];
    bool near = config_nearest(key, nearest, sizeof nearest);
    if (near) {
        snprintf(next, sizeof next, "did you mean %s?", nearest);
    }
    return strict_yaml_fault(&reading->yaml, node, near ? next : NULL, error, "unknown key %s", key);
}

static enum status read_mapping(struct reading *reading, const char *prefix, const yaml_node_t *mapping,
                                struct error *error);

/* The value of a full key: a leaf of the table, or a group. */
static enum status read_key(struct reading *reading, const char *key, const yaml_node_t *key_node,
                            const yaml_node_t *value, struct error *error)
{
    const struct config_row *row = config_row_of(key);
    if (!row && value->type != YAML_MAPPING_NODE) {
        row = config_short_row(key);
    }
    if (!row && !is_group(key)) {
        return refuse_key(reading, key_node, key, error);
    }
    if (!row && value->type != YAML_MAPPING_NODE) {
        return strict_yaml_fault(&reading->yaml, value, NULL, error, "%s: expected a group of keys", key);
    }
    if (!row) {
        return read_mapping(reading, key, value, error);
    }
    return config_value_set(reading->config, row, &reading->yaml, value, error);
}

static enum status read_mapping(struct reading *reading, const char *prefix, const yaml_node_t *mapping,
                                struct error *error)
{
    enum status status = STATUS_OK;
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top && status == STATUS_OK; pair++) {
        char key[CONFIG_KEY_MAX];
        const char *text;
        const yaml_node_t *name = yaml_document_get_node(&reading->yaml.document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&reading->yaml.document, pair->value);
        struct strict_yaml group = reading->yaml;
        group.within = *prefix ? prefix : NULL;
        status = strict_yaml_key(&group, mapping, pair, &text, error);
        if (status != STATUS_OK) {
            return status;
        }
        /* Longer than any key of ours: cut, and so unknown. */
        snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", text);
        status = strchr(text, '.')
                     ? strict_yaml_fault(&reading->yaml, name, "write a group and its keys below it", error,
                                         "%s: dots part keys in --set alone", key)
                     : read_key(reading, key, name, value, error);
    }
    return status;
}

static enum status read_text(struct config *config, const char *text, const char *name, struct error *error)
{
    const yaml_node_t *root;
    struct reading reading = reading_of(config, name, true);
    enum status status = strict_yaml_parse(&reading.yaml, text, strlen(text), &root, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (root && root->type != YAML_MAPPING_NODE) {
        status = strict_yaml_fault(&reading.yaml, NULL, "see etc/dail.yaml for the form", error,
                                   "expected keys and values");
    } else if (root) {
        status = read_mapping(&reading, "", root, error);
    }
    strict_yaml_close(&reading.yaml);
    return status;
}

/* Sets one key from YAML text: a default, or what --set gives. */
static enum status set_key(struct config *config, const char *key, const char *text, const char *name,
                           struct error *error)
{
    const yaml_node_t *root;
    struct reading reading = reading_of(config, name, false);
    enum status status = strict_yaml_parse(&reading.yaml, text, strlen(text), &root, error);
    if (status != STATUS_OK) {
        return status;
    }
    yaml_node_t empty = {.type = YAML_SCALAR_NODE};
    empty.data.scalar.value = (unsigned char *)"";
    status = read_key(&reading, key, root ? root : &empty, root ? root : &empty, error);
    strict_yaml_close(&reading.yaml);
    return status;
}

static enum status override(struct config *config, const char *text, struct error *error)
{
    char key[CONFIG_KEY_MAX], name[256];
    const char *equals = strchr(text, '=');
    snprintf(name, sizeof name, "--set %s", text);
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof key) {
        return error_set(error, STATUS_USAGE, name, "write --set key=value", "expected key=value");
    }
    snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
    return set_key(config, key, equals + 1, name, error);
}

static enum status set_defaults(struct config *config, struct error *error)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (rows[i].initial) {
            status = set_key(config, rows[i].key, rows[i].initial, "default", error);
        }
    }
    return status;
}

/* Defaults that depend on other keys. */
static enum status derive(struct config *config, struct error *error)
{
    if (config->run.dir) {
        return STATUS_OK;
    }
    size_t size = strlen(config->run.name) + sizeof "build/runs/";
    config->run.dir = malloc(size);
    if (!config->run.dir) {
        return error_no_memory(error, "configuration");
    }
    snprintf(config->run.dir, size, "build/runs/%s", config->run.name);
    return STATUS_OK;
}

/* The rules that no single key can state. */
static enum status check_rules(const struct config *config, const char *name, struct error *error)
{
    if (config->data.dataset_count == 0) {
        return error_set(error, STATUS_USAGE, name, "list at least one manifest under data.datasets",
                         "data.datasets is empty");
    }
    if (config->model.input % 16 != 0) {
        return error_set(error, STATUS_USAGE, name, "use 112, 64 or another multiple of 16",
                         "model.input: %d is not a multiple of 16", config->model.input);
    }
    if (config_margin_fault(&config->loss.margin)) {
        return error_set(error, STATUS_USAGE, name, "see loss.margin in the guide", "loss.margin: %s",
                         config_margin_fault(&config->loss.margin));
    }
    for (size_t k = 0; k < config->data.dataset_count; k++) {
        struct config_augment augment;
        int cap;
        config_augment_of(config, k, &augment);
        if (config->domain.balance && config_sampling_of(config, k, &cap) == CONFIG_SAMPLING_CAPPED) {
            return error_set(
                error, STATUS_USAGE, name, "set domain.balance to false, or sample by natural or balanced",
                "domain.balance weighs %s by all of its images, of which data.sampling capped takes a part",
                config->data.datasets[k].manifest);
        }
        if (augment.resolution_least > augment.resolution_most) {
            return error_set(error, STATUS_USAGE, name, "set data.augment.resolution_least to less",
                             "data.augment: the least resolution of %s, %g, is above the most, %g",
                             config->data.datasets[k].manifest, augment.resolution_least,
                             augment.resolution_most);
        }
    }
    if (config->loss.crossing_dropout > 0 && config->loss.scope != CONFIG_SCOPE_DATASET) {
        return error_set(error, STATUS_USAGE, name, "set loss.scope to dataset, or crossing_dropout to 0",
                         "loss.crossing_dropout needs loss.scope dataset");
    }
    if (config->runtime.exchange == CONFIG_EXCHANGE_MPI &&
        config->runtime.exchange_precision == CONFIG_PRECISION_BF16) {
        return error_set(error, STATUS_USAGE, name, "set runtime.exchange to own or auto",
                         "runtime.exchange_precision is bf16, which MPI's own sums do not know");
    }
    if (config->identity.unify == CONFIG_UNIFY_DISCOVER && strcmp(config->identity.file, "none") != 0) {
        return error_set(
            error, STATUS_USAGE, name, "set identity.unify to file, or identity.file to none",
            "identity.unify discover finds who is one person by itself, and reads no identity.file");
    }
    if (config->schedule.warmup_epochs > config->schedule.epochs) {
        return error_set(error, STATUS_USAGE, name, "shorten the warm-up",
                         "schedule.warmup_epochs %g is longer than schedule.epochs %g",
                         config->schedule.warmup_epochs, config->schedule.epochs);
    }
    for (size_t i = 1; i < config->schedule.milestone_count; i++) {
        if (config->schedule.milestones[i] <= config->schedule.milestones[i - 1]) {
            return error_set(error, STATUS_USAGE, name, "sort them", "schedule.milestones do not rise");
        }
    }
    return STATUS_OK;
}

enum status config_parse(const char *text, const char *name, const char *const *overrides,
                         size_t override_count, struct config *config, struct error *error)
{
    memset(config, 0, sizeof *config);
    enum status status = set_defaults(config, error);
    if (status == STATUS_OK) {
        status = read_text(config, text, name, error);
    }
    for (size_t i = 0; i < override_count && status == STATUS_OK; i++) {
        status = override(config, overrides[i], error);
    }
    if (status == STATUS_OK) {
        status = derive(config, error);
    }
    if (status == STATUS_OK) {
        status = check_rules(config, name, error);
    }
    if (status != STATUS_OK) {
        config_free(config);
    }
    return status;
}

enum status config_defaults(struct config *config, struct error *error)
{
    memset(config, 0, sizeof *config);
    enum status status = set_defaults(config, error);
    if (status == STATUS_OK) {
        status = derive(config, error);
    }
    if (status != STATUS_OK) {
        config_free(config);
    }
    return status;
}

enum status config_load(const char *path, const char *const *overrides, size_t override_count,
                        struct config *config, struct error *error)
{
    char *text;
    size_t size;
    if (file_read(path, CONFIG_FILE_MAX, &text, &size, error) != STATUS_OK) {
        if (error) {
            error->status =
                STATUS_USAGE; /* a configuration that is not there is a slip of the command line */
        }
        return STATUS_USAGE;
    }
    enum status status;
    if (strlen(text) != size) {
        status = error_set(error, STATUS_USAGE, path, "mend the file", "not a text: it has a zero byte");
    } else {
        status = config_parse(text, path, overrides, override_count, config, error);
    }
    free(text);
    return status;
}

enum config_sampling config_sampling_of(const struct config *config, size_t k, int *cap)
{
    const struct config_dataset *dataset = &config->data.datasets[k];
    *cap = dataset->cap > 0 ? dataset->cap : config->data.cap;
    return dataset->own_sampling ? dataset->sampling : config->data.sampling;
}

void config_free(struct config *config)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++) {
        config_value_free(config, &rows[i]);
    }
    memset(config, 0, sizeof *config);
}

/* Opens the groups of `key` that `previous` was not in. Returns the depth of the leaf. */
static int print_groups(FILE *stream, const char *previous, const char *key)
{
    int depth = 0;
    const char *begin = key;
    bool same = true;
    for (const char *dot = strchr(begin, '.'); dot; dot = strchr(begin, '.')) {
        size_t length = (size_t)(dot - key) + 1;
        same = same && strncmp(previous, key, length) == 0;
        if (!same) {
            fprintf(stream, "%*s%.*s:\n", 2 * depth, "", (int)(dot - begin), begin);
        }
        begin = dot + 1;
        depth++;
    }
    return depth;
}

/* The names of a margin with their parameters' defaults. */
static void print_margins(FILE *stream, int depth)
{
    size_t count;
    const struct margin_row *row = config_margins(&count);
    for (; count > 0; count--, row++) {
        fprintf(stream, "%*s#   %s {", 2 * depth, "", row->name);
        for (size_t i = 0; i < config_margin_parameters(row); i++) {
            fprintf(stream, "%s%s: %g", i > 0 ? ", " : "", row->parameter[i].name, row->parameter[i].initial);
        }
        fprintf(stream, "}: %s\n", row->meaning);
    }
}

char *config_format(const struct config *config, bool comments)
{
    char *text = NULL;
    size_t size, count;
    const struct config_row *rows = config_rows(&count);
    FILE *stream = open_memstream(&text, &size);
    if (!stream) {
        return NULL;
    }
    const char *previous = "";
    for (size_t i = 0; i < count; i++) {
        int depth = print_groups(stream, previous, rows[i].key);
        const char *dot = strrchr(rows[i].key, '.');
        if (comments) {
            fprintf(stream, "%*s# %s\n", 2 * depth, "", rows[i].meaning);
            if (rows[i].type == CONFIG_MARGIN) {
                print_margins(stream, depth);
            }
        }
        fprintf(stream, "%*s%s: ", 2 * depth, "", dot ? dot + 1 : rows[i].key);
        config_value_print(config, &rows[i], stream);
        fputc('\n', stream);
        previous = rows[i].key;
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

char *config_settings(const struct config *config)
{
    char *text = NULL;
    size_t size, count;
    const struct config_row *rows = config_rows(&count);
    FILE *stream = open_memstream(&text, &size);
    for (size_t i = 0; stream && i < count; i++) {
        if (rows[i].decides) {
            fprintf(stream, "%s: ", rows[i].key);
            config_value_print(config, &rows[i], stream);
            fputc('\n', stream);
        }
    }
    if (!stream || fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

void config_digest(const struct config *config, char digest[17])
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a, 64 bits */
    char *text = config_settings(config);
    for (const char *byte = text; byte && *byte; byte++) {
        hash = (hash ^ (unsigned char)*byte) * 0x100000001b3u;
    }
    free(text);
    snprintf(digest, 17, "%016llx", (unsigned long long)hash);
}

/* The text after "key: " in the line of that key, or NULL; *length: up to the line's end. */
static const char *find_setting(const char *text, const char *key, size_t key_length, size_t *length)
{
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line != '\0') {
        if (strncmp(line, key, key_length) == 0 && strncmp(line + key_length, ": ", 2) == 0) {
            *length = strcspn(line, "\n") - key_length - 2;
            return line + key_length + 2;
        }
    }
    return NULL;
}

static void tell_change(const char *key, size_t key_length, const char *before, size_t before_length,
                        const char *now, size_t now_length, config_change *tell, void *context)
{
    char *name = strndup(key, key_length);
    char *old = before ? strndup(before, before_length) : NULL, *new = now ? strndup(now, now_length) : NULL;
    if (name) {
        tell(context, name, old, new);
    }
    free(name);
    free(old);
    free(new);
}

/* Tells the keys of `these` that `others` has with another value, or not at all; of the latter alone where
 * `missing`. */
static void compare_keys(const char *these, const char *others, bool missing, config_change *tell,
                         void *context)
{
    for (const char *line = these; *line != '\0'; line += strcspn(line, "\n"), line += *line != '\0') {
        const char *colon = strstr(line, ": ");
        if (!colon) {
            return;
        }
        const size_t key_length = (size_t)(colon - line), length = strcspn(colon + 2, "\n");
        size_t other_length = 0;
        const char *other = find_setting(others, line, key_length, &other_length);
        if (missing && !other) {
            tell_change(line, key_length, colon + 2, length, NULL, 0, tell, context);
        } else if (!missing && (!other || length != other_length || strncmp(colon + 2, other, length) != 0)) {
            tell_change(line, key_length, other, other_length, colon + 2, length, tell, context);
        }
    }
}

void config_compare(const char *before, const char *now, config_change *tell, void *context)
{
    compare_keys(now, before, false, tell, context);
    compare_keys(before, now, true, tell, context);
}
