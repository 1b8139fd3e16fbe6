/* Paints a face: every part sits on a turning ball, is shifted and foreshortened with it, and hides once it
 * has turned away. */
#include "shard/synth/synth_face.h"

#include <math.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

struct painter {
    struct canvas *canvas;
    const struct face *face;
    const struct moment *moment;
    float yaw_cosine, yaw_sine, pitch_cosine, pitch_sine;
    struct shape head;
    float hair[3]; /* as it is coloured at the moment */
};

/* Where a point of the face comes to lie, and by how much things there are narrowed. */
struct spot {
    float x, y, across, down;
};

static const float white[3] = {0.95F, 0.94F, 0.92F};
static const float black[3] = {0.05F, 0.04F, 0.05F};

/* `lift` is the height above the ball. */
static struct spot place(const struct painter *painter, float x, float y, float lift)
{
    const float rx = x / painter->face->width;
    const float ry = y / painter->face->height;
    const float square = 1 - rx * rx - ry * ry;
    const float depth = 0.75F * sqrtf(square > 0.04F ? square : 0.04F);
    const float z = depth + lift;
    const float turned_x = x * painter->yaw_cosine + z * painter->yaw_sine;
    const float turned_z = z * painter->yaw_cosine - x * painter->yaw_sine;
    const float turned_y = y * painter->pitch_cosine + turned_z * painter->pitch_sine;
    const float slope_x = 0.5625F * x / (painter->face->width * painter->face->width * depth);
    const float slope_y = 0.5625F * y / (painter->face->height * painter->face->height * depth);
    float across = painter->yaw_cosine - slope_x * painter->yaw_sine;
    float down = painter->pitch_cosine - slope_y * painter->pitch_sine;
    across = across < 0.1F ? 0.1F : across > 1.15F ? 1.15F : across;
    down = down < 0.3F ? 0.3F : down > 1.15F ? 1.15F : down;
    return (struct spot){.x = turned_x, .y = turned_y, .across = across, .down = down};
}

static void paint(const struct painter *painter, struct shape shape, const float colour[3], float opacity)
{
    canvas_paint(painter->canvas, &shape, NULL, colour, opacity, true);
}

static void paint_within(const struct painter *painter, struct shape shape, struct shape clip,
                         const float colour[3], float opacity)
{
    canvas_paint(painter->canvas, &shape, &clip, colour, opacity, true);
}

static void shade(const float colour[3], float factor, float out[3])
{
    for (int c = 0; c < 3; c++) {
        out[c] = colour[c] * factor;
    }
}

static void paint_back(const struct painter *painter)
{
    const struct face *face = painter->face;
    const float volume = face->hair_volume * painter->moment->hair_volume;
    const float x = 0.10F * painter->yaw_sine;
    float neck[3], back[3];
    shade(face->skin, 0.85F, neck);
    shade(painter->hair, 0.8F, back);
    if (face->hair_style == HAIR_LONG) {
        paint(painter,
              shape_ellipse(-x, 0.25F + 0.3F * face->hair_length, face->width + 0.14F + volume,
                            0.95F + 0.4F * face->hair_length),
              back, 1);
    }
    if (face->hair_style == HAIR_BOB) {
        paint(painter, shape_box(-x, 0.05F, face->width + 0.08F + volume, 0.35F + 0.35F * face->hair_length),
              back, 1);
    }
    if (face->hair_style == HAIR_BUN) {
        paint(painter, shape_ellipse(-2 * x, -face->height - 0.12F, 0.20F + volume, 0.22F + volume), back, 1);
    }
    paint(painter, shape_box(0, 1.15F, 0.32F, 0.45F), neck, 1);
    struct shape shoulders = shape_ellipse(0, 2.05F, 1.35F, 0.80F);
    paint(painter, shoulders, painter->moment->cloth, 1);
}

static void paint_head(const struct painter *painter)
{
    const struct face *face = painter->face;
    float ear[3];
    shade(face->skin, 0.9F, ear);
    for (int side = -1; side <= 1; side += 2) {
        const float away = (float)side * painter->yaw_sine;
        const float x = (float)side * face->width * (1 - 0.12F * fabsf(painter->yaw_sine));
        paint(painter,
              shape_ellipse(x - 0.3F * painter->yaw_sine, face->eye_y + 0.12F, face->ear * (1 - 0.8F * away),
                            face->ear * 1.5F),
              ear, 1);
    }
    paint(painter, painter->head, face->skin, 1);
}

static void paint_beard(const struct painter *painter)
{
    const struct face *face = painter->face;
    if (face->beard_style == BEARD_FULL || face->beard_style == BEARD_GOATEE) {
        const bool full = face->beard_style == BEARD_FULL;
        const struct spot chin = place(painter, 0, face->mouth_y + 0.22F, 0.05F);
        struct shape beard =
            shape_ellipse(chin.x, chin.y + 0.5F * face->beard_length,
                          full ? face->width : face->mouth_width + 0.02F, 0.24F + face->beard_length);
        if (full) {
            beard.y -= 0.05F;
            beard.bend = -0.45F;
            struct shape clip = painter->head;
            clip.b += face->beard_length;
            paint_within(painter, beard, clip, painter->hair, 0.92F);
        } else {
            paint(painter, beard, painter->hair, 0.92F);
        }
    }
    if (face->beard_style == BEARD_MOUSTACHE || face->beard_style == BEARD_FULL) {
        const struct spot lip = place(painter, 0, face->mouth_y - 0.11F, 0.12F);
        struct shape moustache = shape_ellipse(lip.x, lip.y, (face->mouth_width + 0.03F) * lip.across,
                                               0.035F + 0.25F * face->beard_length);
        moustache.bend = 0.8F;
        paint(painter, moustache, painter->hair, 0.95F);
    }
}

static void paint_skin(const struct painter *painter)
{
    static const float rose[3] = {0.85F, 0.35F, 0.33F}, brown[3] = {0.45F, 0.25F, 0.15F};
    const struct face *face = painter->face;
    for (int side = -1; side <= 1; side += 2) {
        const struct spot cheek = place(painter, (float)side * 0.42F * face->width / 0.8F, 0.34F, 0.05F);
        paint_within(painter, shape_ellipse(cheek.x, cheek.y, 0.17F * cheek.across, 0.14F), painter->head,
                     rose, face->cheeks);
        for (int spot = 0; spot < 4 && face->freckles > 0; spot++) {
            const float x = (float)side * (0.22F + 0.10F * (float)spot);
            const struct spot freckle = place(painter, x, 0.22F + 0.08F * (float)(spot & 1), 0.05F);
            paint_within(painter, shape_ellipse(freckle.x, freckle.y, 0.03F * freckle.across, 0.03F),
                         painter->head, brown, face->freckles);
        }
    }
    if (face->mole_size > 0) {
        const struct spot mole = place(painter, face->mole_x, face->mole_y, 0.03F);
        paint_within(painter, shape_ellipse(mole.x, mole.y, face->mole_size * mole.across, face->mole_size),
                     painter->head, black, 0.8F);
    }
}

static void paint_eye(const struct painter *painter, float side)
{
    const struct face *face = painter->face;
    const struct moment *moment = painter->moment;
    const struct spot at = place(painter, side * face->eye_gap, face->eye_y, 0);
    const float a = face->eye_width * at.across;
    const float b = face->eye_width * face->eye_open * moment->lids * at.down * 0.75F;
    float socket[3];
    shade(face->skin, 0.72F, socket);
    struct shape eye = shape_turned(shape_ellipse(at.x, at.y, a, b), side * face->eye_tilt);
    struct shape lid = eye;
    lid.a += 0.025F;
    lid.b += 0.030F;
    lid.y -= 0.015F;
    paint_within(painter, lid, painter->head, socket, 1);
    paint_within(painter, eye, painter->head, white, 1);
    const float iris = face->iris_size * face->eye_width * 0.62F;
    const float x = at.x + moment->gaze_x * 0.45F * a;
    const float y = at.y + moment->gaze_y * 0.45F * b;
    paint_within(painter, shape_ellipse(x, y, iris * at.across, iris), eye, face->iris, 1);
    paint_within(painter, shape_ellipse(x, y, 0.5F * iris * at.across, 0.5F * iris), eye, black, 1);
    struct shape lashes = eye;
    lashes.y -= b;
    lashes.b = 0.022F;
    lashes.bend = 0.35F * b / (a * a);
    paint_within(painter, lashes, painter->head, black, 0.85F);
}

static void paint_brow(const struct painter *painter, float side)
{
    const struct face *face = painter->face;
    const float y = face->eye_y - face->brow_y - painter->moment->brow_raise;
    const struct spot at = place(painter, side * (face->eye_gap + 0.02F), y, 0.04F);
    struct shape brow = shape_ellipse(at.x, at.y, face->brow_length * at.across, face->brow_thick);
    brow = shape_turned(brow, side * face->brow_tilt);
    brow.bend = face->brow_bend;
    float colour[3];
    shade(painter->hair, 0.7F, colour);
    paint_within(painter, brow, painter->head, colour, 0.95F);
}

static void paint_nose(const struct painter *painter)
{
    const struct face *face = painter->face;
    const struct spot bridge = place(painter, 0, face->eye_y + 0.5F * face->nose_length, 0.10F);
    const struct spot tip = place(painter, 0, face->eye_y + face->nose_length, 0.22F);
    float shadow[3], bright[3];
    shade(face->skin, 0.68F, shadow);
    shade(face->skin, 1.12F, bright);
    paint(painter, shape_ellipse(bridge.x, bridge.y, face->nose_bridge, 0.5F * face->nose_length), bright,
          0.8F);
    paint(painter, shape_ellipse(tip.x, tip.y, face->nose_width, 0.6F * face->nose_width + 0.03F), bright,
          0.8F);
    for (int side = -1; side <= 1; side += 2) {
        paint(painter,
              shape_ellipse(tip.x + (float)side * 0.6F * face->nose_width,
                            tip.y + 0.3F * face->nose_width + 0.02F, 0.35F * face->nose_width, 0.03F),
              shadow, 0.9F);
    }
    struct shape edge =
        shape_ellipse(tip.x, tip.y + 0.6F * face->nose_width + 0.03F, face->nose_width, 0.022F);
    edge.bend = -0.8F;
    paint(painter, edge, shadow, 0.7F);
}

static void paint_mouth(const struct painter *painter)
{
    static const float inside[3] = {0.28F, 0.07F, 0.08F};
    const struct face *face = painter->face;
    const struct moment *moment = painter->moment;
    const struct spot at = place(painter, 0, face->mouth_y, 0.10F);
    const float width = face->mouth_width * (1 + 0.15F * moment->smile) * at.across;
    const float bend = -1.0F * moment->smile - face->mouth_bend;
    float lower[3];
    shade(face->lip, 1.08F, lower);
    struct shape lip = shape_ellipse(at.x, at.y - 0.5F * face->lip_upper, width, face->lip_upper);
    lip.bend = bend;
    paint(painter, lip, face->lip, 1);
    lip.y = at.y + 0.5F * face->lip_lower + moment->mouth_open;
    lip.a = 0.88F * width;
    lip.b = face->lip_lower;
    paint(painter, lip, lower, 1);
    struct shape gap = shape_ellipse(at.x, at.y + 0.5F * moment->mouth_open, width * 0.9F,
                                     0.018F + 0.6F * moment->mouth_open);
    gap.bend = bend;
    paint(painter, gap, inside, 1);
    if (moment->mouth_open > 0.05F) {
        gap.b *= 0.45F;
        gap.a *= 0.8F;
        gap.y -= 0.25F * moment->mouth_open;
        paint(painter, gap, white, 1);
    }
}

static void paint_curls(const struct painter *painter, float volume)
{
    const struct face *face = painter->face;
    for (int i = -4; i <= 4; i++) {
        float cosine, sine, colour[3];
        turn(0.36F * (float)i, &cosine, &sine);
        shade(painter->hair, i & 1 ? 1.1F : 0.9F, colour);
        const struct spot at = {.x = sine * (face->width + 0.02F) + 0.10F * painter->yaw_sine,
                                .y = -cosine * (face->height - 0.02F) + 0.10F * painter->pitch_sine};
        paint(painter, shape_ellipse(at.x, at.y, 0.17F + volume, 0.17F + volume), colour, 1);
    }
}

/* The hair before the head: a larger head, cut off along the hairline. */
static void paint_hair(const struct painter *painter)
{
    const struct face *face = painter->face;
    const float volume = face->hair_volume * painter->moment->hair_volume;
    if (face->hair_style == HAIR_NONE) {
        return;
    }
    struct shape cap = painter->head;
    cap.taper = 0;
    cap.a += 0.5F * volume + 0.02F;
    cap.b += volume;
    const struct spot line = place(painter, 0, face->hairline, 0);
    struct shape cut = shape_ellipse(line.x, line.y - 3, 3.2F, 3);
    if (face->hair_style == HAIR_RING) {
        for (int side = -1; side <= 1; side += 2) {
            paint(painter,
                  shape_ellipse((float)side * face->width - 0.15F * painter->yaw_sine, -0.25F,
                                0.08F + 0.6F * volume, 0.30F),
                  painter->hair, 1);
        }
        return;
    }
    if (face->hair_style == HAIR_PARTED) {
        cut = shape_turned(cut, face->eye_tilt > 0 ? 0.35F : -0.35F);
        cut.x += face->eye_tilt > 0 ? 1.0F : -1.0F;
    }
    if (face->hair_style == HAIR_BOB || face->hair_style == HAIR_LONG) {
        cut.bend = 0.45F;
    }
    paint_within(painter, cap, cut, painter->hair, 1);
    if (face->hair_style == HAIR_CURLS) {
        paint_curls(painter, 0.5F * volume);
    }
    if (face->hair_style == HAIR_BOB || face->hair_style == HAIR_LONG) {
        for (int side = -1; side <= 1; side += 2) {
            paint(painter,
                  shape_ellipse((float)side * (face->width + 0.04F) - 0.2F * painter->yaw_sine, 0.05F,
                                0.10F + 0.5F * volume, 0.45F + 0.3F * face->hair_length),
                  painter->hair, 1);
        }
    }
}

static void paint_glasses(const struct painter *painter)
{
    const struct face *face = painter->face;
    const int kind = painter->moment->glasses;
    struct spot eye[2];
    if (kind == 0) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        eye[i] = place(painter, i == 0 ? -face->eye_gap : face->eye_gap, face->eye_y + 0.02F, 0.12F);
        struct shape rim =
            shape_ellipse(eye[i].x, eye[i].y, 0.23F * eye[i].across, kind == 2 ? 0.17F : 0.22F);
        if (kind == 3) {
            paint(painter, rim, black, 0.9F);
        } else {
            rim.kind = SHAPE_RING;
            rim.line = kind == 2 ? 0.035F : 0.02F;
            paint(painter, rim, black, 0.9F);
        }
    }
    const float middle = 0.5F * (eye[0].x + eye[1].x);
    paint(painter,
          shape_box(middle, eye[0].y, face->eye_gap - 0.18F > 0.04F ? face->eye_gap - 0.18F : 0.04F, 0.02F),
          black, 0.9F);
}

static void paint_hat(const struct painter *painter)
{
    const struct face *face = painter->face;
    const struct moment *moment = painter->moment;
    if (!moment->hat) {
        return;
    }
    const float y = moment->hat_y + 0.2F * painter->pitch_sine;
    struct shape crown =
        shape_ellipse(0.10F * painter->yaw_sine, y, face->width + 0.12F, face->height + 0.25F + y);
    struct shape above = shape_box(0, y - 3, 4, 3);
    paint_within(painter, crown, above, moment->hat_colour, 1);
    float brim[3];
    shade(moment->hat_colour, 0.7F, brim);
    paint(painter, shape_ellipse(0.45F * painter->yaw_sine, y, face->width + 0.15F, 0.09F), brim, 1);
}

void face_paint(struct canvas *canvas, const struct face *face, const struct moment *moment)
{
    struct painter painter = {.canvas = canvas, .face = face, .moment = moment};
    turn(moment->yaw, &painter.yaw_cosine, &painter.yaw_sine);
    turn(moment->pitch, &painter.pitch_cosine, &painter.pitch_sine);
    painter.head = shape_ellipse(0, 0, face->width, face->height);
    painter.head.taper = face->taper;
    shade(face->hair, moment->hair_shade, painter.hair);
    paint_back(&painter);
    paint_head(&painter);
    paint_skin(&painter);
    paint_beard(&painter);
    paint_mouth(&painter);
    for (int side = -1; side <= 1; side += 2) {
        paint_eye(&painter, (float)side);
        paint_brow(&painter, (float)side);
    }
    paint_nose(&painter);
    paint_hair(&painter);
    paint_glasses(&painter);
    paint_hat(&painter);
    canvas_light(canvas, 0, 0, face->width + 0.25F, face->height + 0.3F, moment->light, moment->ambient,
                 moment->light_colour);
    if (moment->bar) {
        canvas_paint(canvas, &moment->bar_shape, NULL, moment->bar_colour, 1, true);
    }
}
