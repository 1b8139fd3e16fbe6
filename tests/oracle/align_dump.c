/* What tests/oracle/align.py asks. align_dump SIDE: reads ten coordinates a face (five points, x and y), and writes a, b, x
 * and y of the similarity that lays them on the template. align_dump SIDE FILE...: writes each image as PPM. */
#include "proto/file.h"
#include "shard/align/similarity.h"

#include <stdio.h>
#include <stdlib.h>

static enum status write_decoded(const char *path, struct error *error)
{
    struct image image = {0};
    char *text = NULL;
    uint8_t *bytes = NULL;
    size_t size;
    enum status status = file_read(path, 1 << 28, &text, &size, error);
    if (status == STATUS_OK) {
        status = image_decode((const uint8_t *)text, size, &image, error);
    }
    if (status == STATUS_OK) {
        status = image_encode(&image, IMAGE_PNM, 0, &bytes, &size, error);
    }
    if (status == STATUS_OK && fwrite(bytes, 1, size, stdout) != size) {
        status = STATUS_STORAGE;
    }
    image_free(&image);
    free(text);
    free(bytes);
    return status;
}

static int write_transforms(int side)
{
    double points[FACE_POINTS][2], template[FACE_POINTS][2];
    struct similarity similarity;
    similarity_template(side, template);
    for (;;) {
        for (int i = 0; i < 2 * FACE_POINTS; i++) {
            if (scanf("%lf", &points[i / 2][i % 2]) != 1) {
                return i == 0 ? 0 : 1;
            }
        }
        if (!similarity_fit(points, template, &similarity)) {
            return 1;
        }
        printf("%.17g %.17g %.17g %.17g\n", similarity.a, similarity.b, similarity.x, similarity.y);
    }
}

int main(int argc, char **argv)
{
    struct error error = {0};
    if (argc == 2) {
        return write_transforms(atoi(argv[1]));
    }
    for (int i = 2; i < argc; i++) {
        if (write_decoded(argv[i], &error) != STATUS_OK) {
            fprintf(stderr, "%s: %s\n", argv[i], error.what);
            return 1;
        }
    }
    return argc < 2;
}
