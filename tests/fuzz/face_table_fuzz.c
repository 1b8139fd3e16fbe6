/* Tables of faces: columns of text, JSON.
 * Covers: shard/align/face_table.c shard/align/face_rows.c shard/align/face_text.c shard/align/face_json.c
 * shard/align/similarity.c */
#include "proto/text.h"
#include "shard/align/face_table.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct face_table table;
    struct error error;
    char path[512];
    fuzz_write("faces", data, size, path, sizeof path);
    if (face_table_open(path, &table, &error) != STATUS_OK) {
        return 0;
    }
    fuzz_require(table.count > 0 && table.boxes <= table.count, "a table that was read has faces");
    for (size_t i = 0; i < table.count; i++) {
        const struct face_row *row = &table.rows[i];
        fuzz_require(row->face.has_points || (row->face.box[2] > 0 && row->face.box[3] > 0),
                     "a face has points or a box");
        char *image = text_format("%s%s", row->name, row->ending);
        fuzz_require(image != NULL, "there is memory");
        double points[FACE_POINTS][2], template[FACE_POINTS][2];
        struct similarity similarity;
        for (int point = 0; point < 2 * FACE_POINTS; point++) {
            points[point / 2][point % 2] = (double)row->face.point[point / 2][point % 2];
        }
        similarity_template(112, template);
        fuzz_require(!similarity_fit(points, template, &similarity) || similarity.a != 0 || similarity.b != 0,
                     "a transform can be gone back");
        fuzz_require(face_table_find(&table, image) == &row->face, "a face of the table is found");
        free(image);
    }
    face_table_close(&table);
    return 0;
}
