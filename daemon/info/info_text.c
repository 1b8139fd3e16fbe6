#include "daemon/info/info_text.h"

#include "proto/config/config.h"
#include "proto/file.h"
#include "shard/identity/overlap_list.h"
#include "shard/image/image.h"
#include "worker/interchange/state_dict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 20)
#define FILE_BYTES_MAX ((size_t)1 << 30)
#define LINE_SHOWN "%.200s"

enum status info_text(const char *path, const char *what, FILE *output, struct error *error)
{
    char *text;
    size_t size;
    enum status status = file_read(path, TEXT_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    fprintf(output, "%s: %s\n%s%s", path, what, text, size > 0 && text[size - 1] == '\n' ? "" : "\n");
    free(text);
    return STATUS_OK;
}

static void print_sampling(const struct config *config, size_t k, FILE *output)
{
    static const char *const names[] = {"each image once", "as many of each person", "of a person at most"};
    int cap;
    const enum config_sampling sampling = config_sampling_of(config, k, &cap);
    fputs(names[sampling], output);
    if (sampling == CONFIG_SAMPLING_CAPPED) {
        fprintf(output, " %d an epoch", cap);
    }
}

enum status info_config(const char *path, FILE *output, struct error *error)
{
    struct config config;
    char digest[17];
    enum status status = config_load(path, NULL, 0, &config, error);
    if (status != STATUS_OK) {
        error->status = STATUS_DATA;
        return STATUS_DATA;
    }
    config_digest(&config, digest);
    fprintf(output, "%s: configuration of a run\n", path);
    fprintf(output, "%-12s %s, in %s, digest %s\n", "run", config.run.name, config.run.dir, digest);
    for (size_t k = 0; k < config.data.dataset_count; k++) {
        struct config_augment augment;
        char altered[512];
        config_augment_of(&config, k, &augment);
        config_augment_text(&augment, altered, sizeof altered);
        fprintf(output, "%-12s %s, weight %g, ", "dataset", config.data.datasets[k].manifest,
                config.data.datasets[k].weight);
        print_sampling(&config, k, output);
        fprintf(output, ", augment: %s\n", altered);
    }
    for (size_t i = 0; i < config.validation.count; i++) {
        fprintf(output, "%-12s %s\n", "validation", config.validation.paths[i]);
    }
    fprintf(output, "%-12s %s, input %d, embedding %d, width %g\n", "model", config.model.arch,
            config.model.input, config.model.embedding, config.model.width);
    fprintf(output, "%-12s %g epochs, %d images a lane, learning rate %g\n", "training",
            config.schedule.epochs, config.batch.lane, config.optimizer.lr);
    config_free(&config);
    return STATUS_OK;
}

/* --- Lines --- */

struct lines {
    size_t count;
    char *first, *last; /* of those that are not empty; into the text */
};

/* Parts a text in its lines, in place. */
static struct lines part_lines(char *text, void (*each)(void *context, char *line), void *context)
{
    struct lines lines = {0};
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        lines.first = lines.first ? lines.first : line;
        lines.last = line;
        lines.count++;
        if (each) {
            each(context, line);
        }
    }
    return lines;
}

static void count_warning(void *context, char *line)
{
    size_t *warnings = context;
    *warnings += strstr(line, " warning: ") ? 1 : 0;
}

enum status info_log(const char *path, FILE *output, struct error *error)
{
    char *text;
    size_t size, warnings = 0;
    enum status status = file_read(path, FILE_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct lines lines = part_lines(text, count_warning, &warnings);
    fprintf(output, "%s: log of a run, for people\n%-12s %zu, %zu of them warnings\n", path, "lines",
            lines.count, warnings);
    fprintf(output, "%-12s " LINE_SHOWN "\n%-12s " LINE_SHOWN "\n", "first", lines.first ? lines.first : "",
            "last", lines.last ? lines.last : "");
    free(text);
    return STATUS_OK;
}

enum status info_class_names(const char *path, FILE *output, struct error *error)
{
    char *text;
    size_t size;
    enum status status = file_read(path, FILE_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct lines lines = part_lines(text, NULL, NULL);
    fprintf(output, "%s: class names of a dataset\n%-12s %zu, from " LINE_SHOWN " to " LINE_SHOWN "\n", path,
            "classes", lines.count, lines.first ? lines.first : "", lines.last ? lines.last : "");
    free(text);
    return STATUS_OK;
}

/* Rows of one curve follow each other: model and set are what stands before the second comma. */
struct curves {
    FILE *output;
    size_t points;
    char name[256];
};

static void end_curve(const struct curves *curves)
{
    if (curves->points > 0) {
        fprintf(curves->output, "%-12s %s: %zu points\n", "curve", curves->name, curves->points);
    }
}

static void count_point(void *context, char *line)
{
    struct curves *curves = context;
    const char *comma = strchr(line, ',');
    comma = comma ? strchr(comma + 1, ',') : NULL;
    size_t length = comma ? (size_t)(comma - line) : strlen(line);
    length = length < sizeof curves->name ? length : sizeof curves->name - 1;
    if (strncmp(line, "model,", 6) == 0) {
        return;
    }
    if (strlen(curves->name) != length || memcmp(curves->name, line, length) != 0) {
        end_curve(curves);
        curves->points = 0;
        memcpy(curves->name, line, length);
        curves->name[length] = '\0';
    }
    curves->points++;
}

enum status info_roc(const char *path, FILE *output, struct error *error)
{
    char *text;
    size_t size;
    struct curves curves = {.output = output};
    enum status status = file_read(path, FILE_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    fprintf(output, "%s: ROC curves (model, set: false and true accept rates, squared distance)\n", path);
    part_lines(text, count_point, &curves);
    end_curve(&curves);
    free(text);
    return STATUS_OK;
}

enum status info_overlap(const char *path, FILE *output, struct error *error)
{
    struct overlap_list list;
    enum status status = overlap_list_read(path, &list, error);
    if (status == STATUS_OK) {
        fprintf(output, "%s: people in two datasets\n%-12s %zu\n", path, "pairs", list.count);
    }
    for (size_t i = 0; i < list.count && status == STATUS_OK;) {
        size_t end = i + 1;
        while (end < list.count && strcmp(list.rows[end].dataset[0], list.rows[i].dataset[0]) == 0 &&
               strcmp(list.rows[end].dataset[1], list.rows[i].dataset[1]) == 0) {
            end++;
        }
        fprintf(output, "%-12s %s and %s: %zu from line %zu on\n", "datasets", list.rows[i].dataset[0],
                list.rows[i].dataset[1], end - i, i + 2);
        i = end;
    }
    overlap_list_free(&list);
    return status;
}

/* --- Folders --- */

enum status info_packing(const char *path, FILE *output, struct error *error)
{
    char job[PATH_SIZE], finished[PATH_SIZE], *text = NULL;
    size_t size;
    enum status status = file_join(path, "job", job, error);
    if (status == STATUS_OK) {
        status = file_join(path, "finished", finished, error);
    }
    if (status == STATUS_OK) {
        status = file_read(finished, TEXT_BYTES_MAX, &text, &size, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    fprintf(output, "%s: a dataset that is being packed; the same dail pack goes on with it\n%-12s %zu\n",
            path, "finished", part_lines(text, NULL, NULL).count - 1);
    free(text);
    return info_text(job, "what is packed", output, error);
}

/* --- Event files: records of a length (8 bytes), a crc (4), an event, a crc (4); see proto/event_log.h --- */

#define RECORD_BYTES 16

static uint64_t little_endian(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* An event begins with its time, a double of field 1, and where it has one its step, a varint of field 2. */
static int64_t step_of(const unsigned char *event, uint64_t size)
{
    uint64_t step = 0;
    unsigned shift = 0;
    if (size < 11 || event[0] != 0x09 || event[9] != 0x10) {
        return -1;
    }
    for (uint64_t i = 10; i < size && shift < 63; i++, shift += 7) {
        step |= (uint64_t)(event[i] & 0x7f) << shift;
        if (event[i] < 0x80) {
            break;
        }
    }
    return (int64_t)step;
}

enum status info_events(const char *path, FILE *output, struct error *error)
{
    char *text;
    size_t size, at = 0, events = 0;
    int64_t first = -1, last = -1;
    enum status status = file_read(path, FILE_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    const unsigned char *bytes = (const unsigned char *)text;
    while (size - at >= RECORD_BYTES) {
        uint64_t length = little_endian(bytes + at, 8);
        if (length > size - at - RECORD_BYTES) {
            break;
        }
        int64_t step = step_of(bytes + at + 12, length);
        first = first < 0 ? step : first;
        last = step >= 0 ? step : last;
        events++;
        at += RECORD_BYTES + (size_t)length;
    }
    free(text);
    fprintf(output, "%s: curves for TensorBoard\n%-12s %zu%s\n", path, "events", events,
            at < size ? ", and one that is cut short" : "");
    if (first >= 0) {
        fprintf(output, "%-12s %" PRId64 " to %" PRId64 "\n", "steps", first, last);
    }
    return STATUS_OK;
}

/* --- Networks and pictures --- */

enum status info_network(const char *path, const char *format, FILE *output, struct error *error)
{
    struct checkpoint_state state = {0};
    struct state_dict_note note;
    enum status status = state_dict_describe(path, &state, &note, error);
    if (status == STATUS_OK) {
        fprintf(output, "%s: a network as %s\n%-12s %s, input %d, embedding %d, width %g\n", path, format,
                "model", state.network.arch, state.network.input, state.network.embedding,
                state.network.width);
    }
    if (status == STATUS_OK && note.names[0] != '\0') {
        fprintf(output, "%-12s %s\n", "names", note.names);
    }
    checkpoint_state_free(&state);
    return status;
}

enum status info_picture(const char *path, FILE *output, struct error *error)
{
    static const char *const names[] = {
        [IMAGE_UNKNOWN] = "SVG", [IMAGE_JPEG] = "JPEG", [IMAGE_PNG] = "PNG",   [IMAGE_PNM] = "PNM",
        [IMAGE_BMP] = "BMP",     [IMAGE_WEBP] = "WebP", [IMAGE_TIFF] = "TIFF", [IMAGE_HEIF] = "HEIC or AVIF"};
    char *text;
    size_t size;
    int width = 0, height = 0;
    enum status status = file_read(path, FILE_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    enum image_encoding encoding = image_sniff((const uint8_t *)text, size);
    if (encoding == IMAGE_UNKNOWN) {
        const char *box = strstr(text, "viewBox=\"0 0 ");
        if (box) {
            sscanf(box, "viewBox=\"0 0 %d %d", &width, &height);
        }
    } else {
        status = image_size((const uint8_t *)text, size, &width, &height, error);
        if (status != STATUS_OK) {
            error_prefix_where(error, path);
        }
    }
    if (status == STATUS_OK) {
        fprintf(output, "%s: picture, %s of %d x %d\n", path, names[encoding], width, height);
    }
    free(text);
    return status;
}

enum status info_page(const char *path, FILE *output, struct error *error)
{
    char *text;
    size_t size;
    enum status status = file_read(path, FILE_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    const char *title = strstr(text, "<title>");
    title = title ? title + strlen("<title>") : "";
    fprintf(output, "%s: page, %.1f MB\n%-12s %.*s\n", path, (double)size / 1e6, "title",
            (int)strcspn(title, "<"), title);
    free(text);
    return STATUS_OK;
}
