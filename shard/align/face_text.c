/* Tables of faces in columns of text: see face_table.h. */
#include "shard/align/face_table_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIELDS_MAX 512
#define WORD_MAX 32
#define NO_COLUMN (-1)
/* Points are numbered up to so many. */
#define POINTS_MAX 68

enum { LEFT, TOP, WIDTH, HEIGHT, RIGHT, BOTTOM, BOX_COLUMNS };

struct fields {
    char *text[FIELDS_MAX];
    int count;
};

struct columns {
    char delimiter; /* ' ': any blanks */
    int count; /* of fields a row has */
    int image;
    int point[FACE_POINTS][2];
    int box[BOX_COLUMNS];
};

static enum status refuse(struct error *error, size_t line, const char *what)
{
    char where[32];
    snprintf(where, sizeof where, "line %zu", line);
    return error_set(error, STATUS_DATA, where, "dail pack --help names the tables that are read", "%s",
                     what);
}

/* --- Lines and fields --- */

/* Cuts off the line at *text and moves it on; NULL at the end. */
static char *next_line(char **text)
{
    char *line = *text;
    if (*line == 0) {
        return NULL;
    }
    char *end = line + strcspn(line, "\n");
    *text = *end ? end + 1 : end;
    while (end > line && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    *end = 0;
    return line;
}

static char delimiter_of(const char *line)
{
    return strchr(line, ',') ? ',' : strchr(line, '\t') ? '\t' : strchr(line, ';') ? ';' : ' ';
}

/* Unquotes the field at `from` in place and tells where it ends. */
static char *end_of_field(char **from, char delimiter)
{
    char *at = *from;
    if (*at != '"') {
        const char stops[3] = {delimiter, delimiter == ' ' ? '\t' : 0, 0};
        return at + strcspn(at, stops);
    }
    char *to = ++*from;
    for (at++; *at && (*at != '"' || at[1] == '"'); at++) {
        at += *at == '"';
        *to++ = *at;
    }
    char *rest = *at ? at + 1 : at;
    if (to < rest) {
        *to = 0;
    }
    return rest + (delimiter == ' ' ? strcspn(rest, " \t") : strcspn(rest, (char[2]){delimiter, 0}));
}

/* False where there are too many. */
static bool split(char *line, char delimiter, struct fields *fields)
{
    fields->count = 0;
    for (char *at = line;;) {
        at += strspn(at, delimiter == '\t' ? " " : " \t");
        if (delimiter == ' ' && *at == 0) {
            return true;
        }
        if (fields->count == FIELDS_MAX) {
            return false;
        }
        char *field = at, *end = end_of_field(&field, delimiter);
        const bool last = *end == 0;
        *end = 0;
        fields->text[fields->count++] = field;
        if (last) {
            return true;
        }
        at = end + 1;
    }
}

static bool is_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && end[strspn(end, " \t")] == 0;
}

/* --- The header --- */

/* Letters and digits alone, in lower case. */
static void plain_word(const char *text, char word[WORD_MAX])
{
    size_t length = 0;
    for (; *text && length + 1 < WORD_MAX; text++) {
        if (isalnum((unsigned char)*text)) {
            word[length++] = (char)tolower((unsigned char)*text);
        }
    }
    word[length] = 0;
}

/* Which of the words, parted by blanks in each row, `word` is; -1 for none. */
static int find_word(const char *word, const char *const *rows, int count)
{
    const size_t length = strlen(word);
    for (int i = 0; i < count && length > 0; i++) {
        for (const char *at = strstr(rows[i], word); at; at = strstr(at + 1, word)) {
            if ((at == rows[i] || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0)) {
                return i;
            }
        }
    }
    return -1;
}

/* The number of "p7", "lm7", "landmark7", "kps7", "point7" or "pt7"; -1 for another word. */
static int numbered(const char *word)
{
    static const char *const kinds[] = {"p pt point lm landmark landmarks kp kps keypoint"};
    char kind[WORD_MAX];
    const size_t letters = strcspn(word, "0123456789");
    if (word[letters] == 0 || strspn(word + letters, "0123456789") != strlen(word + letters) ||
        strlen(word + letters) > 3) {
        return -1;
    }
    memcpy(kind, word, letters);
    kind[letters] = 0;
    return find_word(kind, kinds, 1) == 0 ? atoi(word + letters) : -1;
}

/* A column of a point: its name, or else its number, and 0 for x or 1 for y, which stands before or behind it. */
static bool point_column(const char *word, int *named, int *number, int *axis)
{
    static const char *const names[FACE_POINTS] = {
        "lefteye leye eyeleft le", "righteye reye eyeright re", "nose nosetip n",
        "leftmouth mouthleft leftmouthcorner mouthleftcorner lm lmouth",
        "rightmouth mouthright rightmouthcorner mouthrightcorner rm rmouth"};
    char base[WORD_MAX];
    const size_t length = strlen(word);
    for (int front = 0; front < 2 && length > 1; front++) {
        const char letter = front ? word[0] : word[length - 1];
        if (letter != 'x' && letter != 'y') {
            continue;
        }
        snprintf(base, sizeof base, "%.*s", (int)length - 1, word + front);
        *axis = letter == 'y';
        *named = find_word(base, names, FACE_POINTS);
        *number = *named < 0 ? numbered(base) : -1;
        if (*named >= 0 || (*number >= 0 && *number <= POINTS_MAX)) {
            return true;
        }
    }
    return false;
}

/* The five among numbered points: all, or those of UMDFaces. */
static enum status choose_points(int column[POINTS_MAX + 1][2], size_t line, struct columns *columns,
                                 struct error *error)
{
    static const int of_21[FACE_POINTS] = {8, 11, 15, 18, 20};
    const int first = column[0][0] >= 0 ? 0 : 1;
    int count = 0;
    while (first + count <= POINTS_MAX && column[first + count][0] >= 0 && column[first + count][1] >= 0) {
        count++;
    }
    if (count == 0) {
        return STATUS_OK;
    }
    if (count != FACE_POINTS && count != 21) {
        return refuse(error, line, "of numbered points five are read, or the 21 of UMDFaces");
    }
    for (int i = 0; i < FACE_POINTS; i++) {
        memcpy(columns->point[i], column[count == 21 ? of_21[i] - 1 + first : i + first],
               sizeof columns->point[i]);
    }
    return STATUS_OK;
}

static enum status read_header(const struct fields *fields, size_t line, struct columns *columns,
                               struct error *error)
{
    static const char *const images[] = {
        "imageid nameid file filename filepath path image img name imagename imagepath imgpath imgname"};
    static const char *const boxes[BOX_COLUMNS] = {"x x1 xmin left facex boxx bboxx boxx1 bboxx1",
                                                   "y y1 ymin top facey boxy bboxy boxy1 bboxy1",
                                                   "w width facewidth facew boxw bboxw boxwidth",
                                                   "h height faceheight faceh boxh bboxh boxheight",
                                                   "x2 xmax right boxx2 bboxx2",
                                                   "y2 ymax bottom boxy2 bboxy2"};
    int point[POINTS_MAX + 1][2];
    memset(point, 0xff, sizeof point);
    for (int i = 0; i < fields->count; i++) {
        char word[WORD_MAX];
        int named, number, axis;
        plain_word(fields->text[i], word);
        const int box = find_word(word, boxes, BOX_COLUMNS);
        if (find_word(word, images, 1) == 0 && columns->image == NO_COLUMN) {
            columns->image = i;
        } else if (box >= 0) {
            columns->box[box] = i;
        } else if (point_column(word, &named, &number, &axis)) {
            *(named >= 0 ? &columns->point[named][axis] : &point[number][axis]) = i;
        }
    }
    columns->count = fields->count;
    return choose_points(point, line, columns, error);
}

static bool has_points(const struct columns *columns)
{
    for (int i = 0; i < FACE_POINTS; i++) {
        if (columns->point[i][0] < 0 || columns->point[i][1] < 0) {
            return false;
        }
    }
    return true;
}

static bool has_box(const struct columns *columns)
{
    const int *box = columns->box;
    return box[LEFT] >= 0 && box[TOP] >= 0 &&
           ((box[WIDTH] >= 0 && box[HEIGHT] >= 0) || (box[RIGHT] >= 0 && box[BOTTOM] >= 0));
}

/* Without a header: an image, ten numbers and perhaps a score. */
static bool is_bare(const struct fields *fields, struct columns *columns)
{
    double value;
    if ((fields->count != 11 && fields->count != 12) || is_number(fields->text[0], &value)) {
        return false;
    }
    for (int i = 1; i < fields->count; i++) {
        if (!is_number(fields->text[i], &value)) {
            return false;
        }
    }
    columns->image = 0;
    columns->count = fields->count;
    for (int i = 0; i < 2 * FACE_POINTS; i++) {
        columns->point[i / 2][i % 2] = i + 1;
    }
    return true;
}

/* The header of CelebA's points names no image, which stands first all the same. */
static void shift(struct columns *columns)
{
    columns->image = 0;
    columns->count++;
    for (int i = 0; i < 2 * FACE_POINTS; i++) {
        columns->point[i / 2][i % 2] += columns->point[i / 2][i % 2] >= 0;
    }
    for (int i = 0; i < BOX_COLUMNS; i++) {
        columns->box[i] += columns->box[i] >= 0;
    }
}

static enum status recognise(struct fields *fields, char *line, size_t number, struct columns *columns,
                             bool *bare, struct error *error)
{
    memset(columns, 0xff, sizeof *columns);
    columns->delimiter = delimiter_of(line);
    if (!split(line, columns->delimiter, fields)) {
        return refuse(error, number, "the header has too many columns");
    }
    *bare = is_bare(fields, columns);
    enum status status = *bare ? STATUS_OK : read_header(fields, number, columns, error);
    if (status == STATUS_OK && !*bare && columns->image == NO_COLUMN) {
        shift(columns);
    }
    if (status == STATUS_OK && !has_points(columns) && !has_box(columns)) {
        status = refuse(error, number, "the header names neither five points (x and y of each) nor a box");
    }
    return status;
}

/* --- Rows --- */

/* The figures of a row, or *empty where one of them is. */
static bool read_figure(const struct fields *fields, int column, float *figure, bool *empty)
{
    double value = 0;
    const char *text = fields->text[column];
    if (*text == 0 || strcasecmp(text, "nan") == 0 || strcasecmp(text, "none") == 0 ||
        strcasecmp(text, "null") == 0) {
        *empty = true;
        return true;
    }
    const bool read = is_number(text, &value);
    *figure = (float)value;
    return read;
}

static bool read_face(const struct fields *fields, const struct columns *columns, struct face *face)
{
    const int *box = columns->box;
    bool empty = false, read = true;
    *face = (struct face){.has_points = has_points(columns)};
    for (int i = 0; i < 2 * FACE_POINTS && face->has_points && read; i++) {
        read = read_figure(fields, columns->point[i / 2][i % 2], &face->point[i / 2][i % 2], &empty);
    }
    face->has_points = face->has_points && !empty;
    if (!has_box(columns) || !read) {
        return read;
    }
    const bool corners = box[WIDTH] < 0 || box[HEIGHT] < 0;
    const int used[4] = {box[LEFT], box[TOP], corners ? box[RIGHT] : box[WIDTH],
                         corners ? box[BOTTOM] : box[HEIGHT]};
    empty = false;
    for (int i = 0; i < 4 && read; i++) {
        read = read_figure(fields, used[i], &face->box[i], &empty);
    }
    for (int i = 0; i < 2 && corners; i++) {
        face->box[2 + i] -= face->box[i];
    }
    if (empty || face->box[2] <= 0 || face->box[3] <= 0) {
        memset(face->box, 0, sizeof face->box);
    }
    return read;
}

static enum status read_row(struct face_table *table, const struct fields *fields,
                            const struct columns *columns, size_t line, struct error *error)
{
    struct face face;
    char where[32];
    if (fields->count != columns->count) {
        char what[96];
        snprintf(what, sizeof what, "%d columns stand where the first line has %d", fields->count,
                 columns->count);
        return refuse(error, line, what);
    }
    if (fields->text[columns->image][0] == 0) {
        return refuse(error, line, "the row names no image");
    }
    if (!read_face(fields, columns, &face)) {
        return refuse(error, line, "a coordinate is no number");
    }
    enum status status = face_table_add(table, fields->text[columns->image], &face, error);
    if (status != STATUS_OK) {
        snprintf(where, sizeof where, "line %zu", line);
        error_prefix_where(error, where);
    }
    return status;
}

enum status face_text_read(struct face_table *table, char *text, struct error *error)
{
    struct fields fields;
    struct columns columns;
    bool known = false, first = true, bare = false;
    size_t number = 0;
    enum status status = STATUS_OK;
    text += strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (char *line = next_line(&text); line && status == STATUS_OK; line = next_line(&text)) {
        double length;
        number++;
        if (*line == 0 || (!known && first && is_number(line, &length))) {
            first = first && *line == 0;
            continue;
        }
        first = false;
        if (!known) {
            status = recognise(&fields, line, number, &columns, &bare, error);
            known = true;
            if (status != STATUS_OK || !bare) {
                continue;
            }
        } else if (!split(line, columns.delimiter, &fields)) {
            status = refuse(error, number, "the row has too many columns");
            continue;
        }
        status = read_row(table, &fields, &columns, number, error);
    }
    return status;
}
