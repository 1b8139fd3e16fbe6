/* Tables of faces in JSON: see face_table.h. */
#include "shard/align/face_table_private.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static enum status refuse(struct error *error, const char *image, const char *what)
{
    return error_set(error, STATUS_DATA, image, "dail pack --help names the tables that are read", "%s",
                     what);
}

/* The first of these members, parted by blanks, that there is. */
static const json_t *member(const json_t *object, const char *names)
{
    char name[32];
    while (*names) {
        const size_t length = strcspn(names, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        const json_t *value = json_object_get(object, name);
        if (value && !json_is_null(value)) {
            return value;
        }
        names += length + strspn(names + length, " ");
    }
    return NULL;
}

/* `count` numbers of an array. */
static bool read_numbers(const json_t *array, size_t count, float *numbers)
{
    if (!json_is_array(array) || json_array_size(array) != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(array, i);
        if (!json_is_number(number)) {
            return false;
        }
        numbers[i] = (float)json_number_value(number);
    }
    return true;
}

/* Five named pairs, five pairs in their order, or ten numbers. */
static bool read_points(const json_t *points, struct face *face)
{
    static const char *const names[FACE_POINTS] = {"left_eye lefteye", "right_eye righteye", "nose nose_tip",
                                                   "mouth_left left_mouth left_mouth_corner",
                                                   "mouth_right right_mouth right_mouth_corner"};
    if (read_numbers(points, 2 * FACE_POINTS, &face->point[0][0])) {
        return true;
    }
    if (json_is_array(points) && json_array_size(points) != FACE_POINTS) {
        return false;
    }
    for (size_t i = 0; i < FACE_POINTS; i++) {
        const json_t *pair = json_is_array(points) ? json_array_get(points, i) : member(points, names[i]);
        if (!read_numbers(pair, 2, face->point[i])) {
            return false;
        }
    }
    return true;
}

static bool read_box(const json_t *box, bool corners, struct face *face)
{
    static const char *const sides[4] = {"x", "y", "w", "h"};
    if (json_is_object(box)) {
        for (size_t i = 0; i < 4; i++) {
            const json_t *number = json_object_get(box, sides[i]);
            if (!json_is_number(number)) {
                return false;
            }
            face->box[i] = (float)json_number_value(number);
        }
        return true;
    }
    if (!read_numbers(box, 4, face->box)) {
        return false;
    }
    for (int i = 0; i < 2 && corners; i++) {
        face->box[2 + i] -= face->box[i];
    }
    return true;
}

static const json_t *points_of(const json_t *object)
{
    return member(object, "keypoints landmarks landmark kps points facial_landmarks");
}

static bool is_face(const json_t *object)
{
    return json_is_object(object) && (points_of(object) || member(object, "box bbox facial_area"));
}

static enum status add_face(struct face_table *table, const char *image, const json_t *object,
                            struct error *error)
{
    struct face face = {.has_points = false};
    const json_t *points = points_of(object), *box = member(object, "box");
    const json_t *corners = box ? NULL : member(object, "bbox facial_area");
    if (points && !read_points(points, &face)) {
        return refuse(error, image, "its points are not five pairs of numbers by names that are known");
    }
    face.has_points = points != NULL;
    if ((box && !read_box(box, false, &face)) || (corners && !read_box(corners, true, &face))) {
        return refuse(error, image, "its box is not four numbers");
    }
    if (face.box[2] <= 0 || face.box[3] <= 0) {
        memset(face.box, 0, sizeof face.box);
    }
    enum status status = face_table_add(table, image, &face, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, image);
    }
    return status;
}

/* A face, a list of faces, or an object of faces (as "face_1"); null or nothing is no face. */
static enum status add_faces(struct face_table *table, const char *image, const json_t *value,
                             struct error *error)
{
    struct face face = {.has_points = true};
    enum status status = STATUS_OK;
    if (is_face(value)) {
        return add_face(table, image, value, error);
    }
    if (json_is_array(value) && read_points(value, &face)) {
        return face_table_add(table, image, &face, error);
    }
    if (json_is_array(value) && json_array_size(value) > 0) {
        for (size_t i = 0; i < json_array_size(value) && status == STATUS_OK; i++) {
            const json_t *element = json_array_get(value, i);
            status = is_face(element) ? add_face(table, image, element, error)
                                      : refuse(error, image, "one of its faces has neither points nor a box");
        }
        return status;
    }
    if (json_is_object(value) && json_object_size(value) > 0) {
        const char *key;
        json_t *element;
        json_object_foreach((json_t *)value, key, element)
        {
            if (status == STATUS_OK) {
                status = is_face(element)
                             ? add_face(table, image, element, error)
                             : refuse(error, image, "one of its faces has neither points nor a box");
            }
        }
        return status;
    }
    if (json_is_null(value) || json_is_array(value) || json_is_object(value)) {
        table->empty++;
        return STATUS_OK;
    }
    return refuse(error, image, "what stands for its face is neither an object nor a list");
}

static const char *image_of(const json_t *object)
{
    return json_is_object(object)
               ? json_string_value(member(object, "file filename path image name image_path img"))
               : NULL;
}

/* An object that names its image. */
static enum status add_named(struct face_table *table, const json_t *object, struct error *error)
{
    const char *image = image_of(object);
    if (!image || !*image) {
        return refuse(error, NULL, "an element names no image: file, filename, path, image or name");
    }
    if (is_face(object)) {
        return add_face(table, image, object, error);
    }
    const json_t *faces = member(object, "faces detections results");
    if (faces) {
        return add_faces(table, image, faces, error);
    }
    table->empty++;
    return STATUS_OK;
}

static enum status add_value(struct face_table *table, const json_t *value, struct error *error)
{
    enum status status = STATUS_OK;
    if (image_of(value)) {
        return add_named(table, value, error);
    }
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value) && status == STATUS_OK; i++) {
            status = add_named(table, json_array_get(value, i), error);
        }
        return status;
    }
    const char *image;
    json_t *faces;
    json_object_foreach((json_t *)value, image, faces)
    {
        if (status == STATUS_OK) {
            status = add_faces(table, image, faces, error);
        }
    }
    return status;
}

enum status face_json_read(struct face_table *table, const char *text, size_t size, struct error *error)
{
    size_t at = 0;
    enum status status = STATUS_OK;
    /* One value, or one a line. */
    while (status == STATUS_OK && at < size) {
        json_error_t failure;
        json_t *value = json_loadb(text + at, size - at, JSON_DISABLE_EOF_CHECK, &failure);
        if (!value) {
            return error_set(error, STATUS_DATA, NULL, "correct the table", "no JSON at byte %zu: %s",
                             at + (size_t)(failure.position > 0 ? failure.position : 0), failure.text);
        }
        at += (size_t)failure.position;
        status = add_value(table, value, error);
        json_decref(value);
        at += strspn(text + at, " \t\r\n,");
    }
    return status;
}
