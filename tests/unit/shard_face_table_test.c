/* Tables of faces, as datasets and detectors write them. */
#include "tests/unit/shard_scratch.h"

#include "shard/align/face_table.h"

static struct face_table read_table(struct scratch *scratch, const char *text)
{
    struct face_table table;
    struct error error = {0};
    const char *path = scratch_path(scratch, "table");
    scratch_text(path, text);
    if (face_table_open(path, &table, &error) != STATUS_OK) {
        fail_msg("%s: %s", error.where, error.what);
    }
    return table;
}

static void assert_refused(struct scratch *scratch, const char *text, const char *words)
{
    struct face_table table;
    struct error error = {0};
    char line[ERROR_LINE_SIZE];
    const char *path = scratch_path(scratch, "table");
    scratch_text(path, text);
    assert_int_equal(face_table_open(path, &table, &error), STATUS_DATA);
    error_format(&error, line, sizeof line);
    if (!strstr(line, words)) {
        fail_msg("'%s' does not say '%s'", line, words);
    }
}

/* Every form here has the points (10, 20), (30, 21), (20, 30), (12, 40), (28, 41). */
static void assert_points(const struct face_table *table, const char *image)
{
    static const float points[FACE_POINTS][2] = {{10, 20}, {30, 21}, {20, 30}, {12, 40}, {28, 41}};
    const struct face *face = face_table_find(table, image);
    if (!face) {
        fail_msg("%s is not in the table", image);
    }
    assert_true(face->has_points);
    assert_memory_equal(face->point, points, sizeof points);
}

static void assert_box(const struct face_table *table, const char *image)
{
    static const float box[4] = {5, 6, 40, 50};
    const struct face *face = face_table_find(table, image);
    assert_non_null(face);
    assert_memory_equal(face->box, box, sizeof box);
}

#define TEN(part)                                                                                            \
    "10" part "20" part "30" part "21" part "20" part "30" part "12" part "40" part "28" part "41"

static void tables_of_points_are_read(void **state)
{
    static const char *const celeba =
        "2\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x "
        "rightmouth_y\n000001.jpg    " TEN("  ") "\n000002.jpg " TEN(" ") " \n";
    static const char *const texts[] = {
        "image_id,lefteye_x,lefteye_y,righteye_x,righteye_y,nose_x,nose_y,leftmouth_x,leftmouth_y,rightmouth_"
        "x,"
        "rightmouth_y\n000001.jpg," TEN(",") "\n",
        "\xef\xbb\xbfNAME_ID,P1X,P1Y,P2X,P2Y,P3X,P3Y,P4X,P4Y,P5X,P5Y\r\n\"ann/000001\"," TEN(",") "\r\n",
        "img/000001.jpg " TEN(" ") " 0.99\nother.jpg " TEN(" ") " 0.5\n",
        "path\tscore\tleft_eye_x\tleft_eye_y\tright_eye_x\tright_eye_y\tnose_x\tnose_y\tmouth_left_x\tmouth_"
        "left_y\t"
        "mouth_right_x\tmouth_right_y\n/data/ann/000001.jpg\t0.9\t" TEN("\t") "\n",
        "file;x1;y1;x2;y2;lm0_x;lm0_y;lm1_x;lm1_y;lm2_x;lm2_y;lm3_x;lm3_y;lm4_x;lm4_y\nann/"
        "000001.jpg;5;6;45;56;" TEN(";") "\n",
        "[{\"file\": \"ann/000001.jpg\", \"box\": [5, 6, 40, 50], \"confidence\": 1, \"keypoints\": "
        "{\"left_eye\": [10, "
        "20], \"right_eye\": [30, 21], \"nose\": [20, 30], \"mouth_left\": [12, 40], \"mouth_right\": [28, "
        "41]}}]",
        "{\"000001.jpg\": {\"face_1\": {\"score\": 1, \"facial_area\": [5, 6, 45, 56], \"landmarks\": "
        "{\"right_eye\": "
        "[10, 20], \"left_eye\": [30, 21], \"nose\": [20, 30], \"mouth_right\": [12, 40], \"mouth_left\": "
        "[28, 41]}}}}",
        "{\"ann/000001.jpg\": [[10, 20], [30, 21], [20, 30], [12, 40], [28, 41]], \"x.jpg\": [], \"y.jpg\": "
        "null}",
        "{\"path\": \"ann/000001.jpg\", \"faces\": [{\"bbox\": [5, 6, 45, 56], \"kps\": [" TEN(
            ",") "]}]}\n{\"path\": \"z.jpg\", \"faces\": []}\n"};
    struct face_table table = read_table(*state, celeba);
    assert_int_equal(table.count, 2);
    assert_points(&table, "anybody/000001.jpg");
    assert_points(&table, "000002.png");
    assert_null(face_table_find(&table, "anybody/000003.jpg"));
    face_table_close(&table);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        table = read_table(*state, texts[i]);
        assert_points(&table, i == 2 ? "x/img/000001.jpg" : "faces/ann/000001.jpg");
        assert_null(face_table_find(&table, "ann/00000.jpg"));
        assert_int_equal(table.mirrored, i == 6);
        assert_int_equal(table.empty, i == 7 ? 2 : i == 8 ? 1 : 0);
        face_table_close(&table);
    }
}

static void the_points_of_umdfaces_are_read(void **state)
{
    char text[4096] = "SUBJECT_ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT,YAW,PITCH,ROLL";
    static const float points[FACE_POINTS][3] = {
        {8, 10, 20}, {11, 30, 21}, {15, 20, 30}, {18, 12, 40}, {20, 28, 41}};
    for (int i = 1; i <= 21; i++) {
        snprintf(text + strlen(text), 40, ",P%dX,P%dY,VIS%d", i, i, i);
    }
    strcat(text, ",PR_MALE,PR_FEMALE\n1,ann/ann_0001.jpg,5,6,40,50,0.1,-3,2");
    for (int i = 1, next = 0; i <= 21; i++) {
        const bool wanted = next < FACE_POINTS && points[next][0] == (float)i;
        snprintf(text + strlen(text), 40, ",%g,%g,1", wanted ? (double)points[next][1] : 1.5,
                 wanted ? (double)points[next][2] : 2.5);
        next += wanted;
    }
    strcat(text, ",0.5,0.5\n");
    struct face_table table = read_table(*state, text);
    assert_points(&table, "ann/ann_0001.jpg");
    assert_box(&table, "ann/ann_0001.jpg");
    face_table_close(&table);
}

static void tables_of_boxes_are_read(void **state)
{
    static const char *const texts[] = {
        "1\nimage_id x_1 y_1 width height\nann/1.jpg 5 6 40 50\n", "NAME_ID,X,Y,W,H\n\"ann/1\",5,6,40,50\n",
        "TEMPLATE_ID,FILENAME,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\n7,ann/1.jpg,5,6,40,50\n",
        "filename,xmin,ymin,xmax,ymax,score\nann/1.jpg,5,6,45,56,0.9\n",
        "{\"ann/1.jpg\": {\"facial_area\": {\"x\": 5, \"y\": 6, \"w\": 40, \"h\": 50}}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct face_table table = read_table(*state, texts[i]);
        assert_int_equal(table.boxes, 1);
        assert_box(&table, "ann/1.jpg");
        face_table_close(&table);
    }
}

/* Of several faces the largest counts; a name's ending counts only where two images have one name else. */
static void the_largest_face_counts(void **state)
{
    struct face_table table = read_table(
        *state, "file,x,y,w,h\na/1.jpg,0,0,9,9\na/1.jpg,5,6,40,50\na/1.jpg,1,1,10,10\na/1.png,1,2,3,4\n"
                "a/2.jpg,,,,\na/3.jpg,nan,nan,nan,nan\na\\4.jpg,5,6,40,50\na/5.jpg,5,6,0,0\n");
    assert_int_equal(table.count, 3);
    assert_int_equal(table.others, 2);
    assert_int_equal(table.empty, 3);
    assert_box(&table, "a/1.jpg");
    assert_box(&table, "a/1.JPG");
    assert_box(&table, "a/4.jpeg");
    assert_true(face_table_find(&table, "a/1.png")->box[2] == 3);
    assert_null(face_table_find(&table, "b/1.jpg"));
    assert_null(face_table_find(&table, "a/2.jpg"));
    face_table_close(&table);
}

static void what_is_no_table_is_refused(void **state)
{
    struct scratch *scratch = *state;
    assert_refused(scratch, "", "no face");
    assert_refused(scratch, "hello world\n", "neither five points");
    assert_refused(scratch, "file,x,y,w\na.jpg,1,2,3\n", "neither five points");
    assert_refused(scratch, "file,x,y,w,h\na.jpg,1,2,3\n", "line 2");
    assert_refused(scratch, "file,x,y,w,h\na.jpg,1,2,3,4\nb.jpg,1,x,3,4\n", "line 3");
    assert_refused(scratch, "file,x,y,w,h\n,1,2,3,4\n", "names no image");
    assert_refused(scratch, "file,x,y,w,h\na.jpg,1e9,2,3,4\n", "no face lies at");
    assert_refused(scratch, "file,x,y,w,h\na.jpg,inf,2,3,4\n", "no face lies at");
    assert_refused(scratch, "NAME_ID,P1X,P1Y,P2X,P2Y\na,1,2,3,4\n", "five are read");
    assert_refused(scratch, "{\"a.jpg\": 7}", "neither an object nor a list");
    assert_refused(scratch, "{\"a.jpg\": {\"landmarks\": {\"left_eye\": [1, 2]}}}", "five pairs");
    assert_refused(scratch, "{\"a.jpg\": {\"box\": [1, 2]}}", "four numbers");
    assert_refused(scratch, "[{\"box\": [1, 2, 3, 4]}]", "names no image");
    assert_refused(scratch, "{\"a.jpg\": ", "no JSON");
    assert_refused(scratch, "[[[[", "no JSON");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(tables_of_points_are_read), TEST(the_points_of_umdfaces_are_read),
                                       TEST(tables_of_boxes_are_read), TEST(the_largest_face_counts),
                                       TEST(what_is_no_table_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
