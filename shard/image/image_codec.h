/* What image.c asks of the codecs, one file each. Private to shard/.
 *
 * A codec reads the header, offers the size to the sink, and decodes straight into the pixels it gets.
 */
#ifndef DAIL_SHARD_IMAGE_IMAGE_CODEC_H
#define DAIL_SHARD_IMAGE_IMAGE_CODEC_H

#include "shard/image/image.h"

/* Where decoded pixels go: a new buffer, or one of the caller's for an image of an agreed size. */
struct image_sink {
    int side; /* above 0: the image must be side x side and goes to `pixels`; 0: `pixels` is allocated */
    int reduce, least; /* the codec may divide both sides by up to `reduce`, where they keep `least` pixels */
    int reduced; /* by how much it did; 0: as 1 */
    int width, height; /* of the pixels, filled by image_sink_open */
    uint8_t *pixels;
};

/* What to do about an image that cannot be read: the `next` of its errors. */
#define IMAGE_REPLACE "replace or remove the image"

/* Checks the size (STATUS_DATA) and provides sink->pixels (STATUS_INTERNAL without memory). */
enum status image_sink_open(struct image_sink *sink, uint64_t width, uint64_t height, struct error *error);

/* Only the checks, as image_size needs them. */
enum status image_check_side(uint64_t width, uint64_t height, struct error *error);

/* With a NULL sink: reads the header alone and sets width and height. Otherwise decodes into the sink, whose
 * pixels the caller frees in any case where it did not bring them. Errors are STATUS_DATA, where empty. */
enum status image_jpeg_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error);
enum status image_png_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                             int *height, struct error *error);
enum status image_pnm_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                             int *height, struct error *error);

enum status image_bmp_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                             int *height, struct error *error);
enum status image_webp_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error);
enum status image_tiff_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error);
enum status image_heif_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error);

/* What the three answer that need a library, where the build is without it. */
enum status image_without(struct error *error, const char *kind, const char *library);

/* Writes the picture of width x height pixels as it is upright: turned[the same bytes]. `orientation` is 1 to 8, as
 * image_orientation tells; above 4 its sides change places. */
void image_turn(const uint8_t *pixels, int width, int height, int orientation, uint8_t *turned);

/* Each encodes to a new buffer that the caller frees; the image's size was checked. */
enum status image_jpeg_encode(const struct image *image, int quality, uint8_t **bytes, size_t *size,
                              struct error *error);
enum status image_png_encode(const struct image *image, uint8_t **bytes, size_t *size, struct error *error);
enum status image_pnm_encode(const struct image *image, uint8_t **bytes, size_t *size, struct error *error);

#endif
