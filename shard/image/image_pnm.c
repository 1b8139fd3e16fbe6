/* PGM and PPM, ascii (P2, P3) and binary (P5, P6), with any maxval up to 65535, scaled to 255 and rounded. */
#include "shard/image/image_codec.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pnm_reader {
    const uint8_t *next, *end;
    int channels; /* 1 or 3 */
    bool ascii;
    uint32_t width, height, maximum;
};

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The next number after white space and comments, at most 65535. */
static bool read_number(struct pnm_reader *reader, uint32_t *number)
{
    while (reader->next < reader->end && (is_space(*reader->next) || *reader->next == '#')) {
        if (*reader->next == '#') {
            while (reader->next < reader->end && *reader->next != '\n' && *reader->next != '\r') {
                reader->next++;
            }
        } else {
            reader->next++;
        }
    }
    uint32_t value = 0;
    bool found = false;
    while (reader->next < reader->end && *reader->next >= '0' && *reader->next <= '9') {
        value = value * 10 + (uint32_t)(*reader->next++ - '0');
        found = true;
        if (value > 65535) {
            return false;
        }
    }
    *number = value;
    return found && (reader->next == reader->end || is_space(*reader->next) || *reader->next == '#');
}

static enum status damaged(struct error *error, const char *what)
{
    return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE, "damaged PGM or PPM: %s", what);
}

static enum status read_header(struct pnm_reader *reader, struct error *error)
{
    const uint8_t kind = reader->next[1];
    reader->ascii = kind == '2' || kind == '3';
    reader->channels = kind == '3' || kind == '6' ? 3 : 1;
    reader->next += 2;
    if (!read_number(reader, &reader->width) || !read_number(reader, &reader->height) ||
        !read_number(reader, &reader->maximum)) {
        return damaged(error, "the header needs width, height and maxval, each at most 65535");
    }
    if (reader->maximum == 0) {
        return damaged(error, "maxval is 0");
    }
    if (!reader->ascii && (reader->next == reader->end || !is_space(*reader->next++))) {
        return damaged(error, "no white space after maxval");
    }
    return STATUS_OK;
}

/* Before anything is allocated: does the file hold as much as its header says? */
static bool is_long_enough(const struct pnm_reader *reader)
{
    const uint64_t samples = (uint64_t)reader->width * reader->height * (uint64_t)reader->channels;
    const uint64_t left = (uint64_t)(reader->end - reader->next);
    if (reader->ascii) {
        return left >= samples * 2 - 1;
    }
    return left >= samples * (reader->maximum > 255 ? 2 : 1);
}

static bool read_sample(struct pnm_reader *reader, uint32_t *sample)
{
    if (reader->ascii) {
        return read_number(reader, sample) && *sample <= reader->maximum;
    }
    if (reader->maximum > 255) {
        *sample = (uint32_t)reader->next[0] << 8 | reader->next[1];
        reader->next += 2;
    } else {
        *sample = *reader->next++;
    }
    return *sample <= reader->maximum;
}

static enum status read_samples(struct pnm_reader *reader, uint8_t *pixels, struct error *error)
{
    const size_t count = (size_t)reader->width * reader->height;
    if (!reader->ascii && reader->maximum == 255 && reader->channels == 3) {
        memcpy(pixels, reader->next, count * 3);
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        for (int c = 0; c < reader->channels; c++) {
            uint32_t sample;
            if (!read_sample(reader, &sample)) {
                return damaged(error, "a sample is missing, no number, or above maxval");
            }
            pixels[i * 3 + (size_t)c] = (uint8_t)((sample * 255 + reader->maximum / 2) / reader->maximum);
        }
        if (reader->channels == 1) {
            pixels[i * 3 + 1] = pixels[i * 3 + 2] = pixels[i * 3];
        }
    }
    return STATUS_OK;
}

enum status image_pnm_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                             int *height, struct error *error)
{
    struct pnm_reader reader = {.next = bytes, .end = bytes + size};
    enum status status = read_header(&reader, error);
    if (status != STATUS_OK) {
        return status;
    }
    *width = (int)reader.width;
    *height = (int)reader.height;
    status = image_check_side(reader.width, reader.height, error);
    if (status != STATUS_OK || !sink) {
        return status;
    }
    if (!is_long_enough(&reader)) {
        return damaged(error, "the file ends too early");
    }
    status = image_sink_open(sink, reader.width, reader.height, error);
    if (status != STATUS_OK) {
        return status;
    }
    return read_samples(&reader, sink->pixels, error);
}

enum status image_pnm_encode(const struct image *image, uint8_t **bytes, size_t *size, struct error *error)
{
    char header[32];
    const int header_size = snprintf(header, sizeof header, "P6\n%d %d\n255\n", image->width, image->height);
    const size_t count = (size_t)image->width * (size_t)image->height * 3;
    *bytes = malloc((size_t)header_size + count);
    if (!*bytes) {
        return error_no_memory(error, "PPM image");
    }
    memcpy(*bytes, header, (size_t)header_size);
    memcpy(*bytes + header_size, image->pixels, count);
    *size = (size_t)header_size + count;
    return STATUS_OK;
}
