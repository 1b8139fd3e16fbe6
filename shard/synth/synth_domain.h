/* The look of a dataset: how its pictures are framed, lit, toned and damaged. Private to shard/. */
#ifndef DAIL_SHARD_SYNTH_SYNTH_DOMAIN_H
#define DAIL_SHARD_SYNTH_SYNTH_DOMAIN_H

#include "shard/synth/synth_face.h"

struct domain_look {
    float zoom, zoom_jitter; /* head heights per picture */
    float shift; /* of the head, in picture sides */
    float roll; /* radians */
    float swing; /* times the usual pose */
    float occlusion; /* the chance of each: glasses, hat, bar */
    float saturation, gain[3], contrast, brightness;
    float curve; /* above 0 lightens the middle tones, below 0 darkens them */
    float blur; /* passes */
    float grain, slope;
    int clutter; /* things in the background */
    float background_saturation;
};

/* The look of dataset number `dataset`: one of six manners, varied by the seed, and moved away from the
 * middle of them all `strength` times as far as it is: 0 gives all datasets one look. */
struct domain_look domain_draw(uint64_t seed, int dataset, double strength);

/* The look of the pictures that a dataset has of one person, as if all were of one session: the dataset's,
 * with light, tones, colours and sharpness that `strength` (0 to 1) times set it apart from other people's
 * there. 0: the dataset's to the last bit. */
struct domain_look domain_session(struct domain_look look, uint64_t seed, int dataset, uint64_t person,
                                  double strength);

/* One picture: background, face, and what camera and copying do to it. */
void domain_picture(struct canvas *canvas, const struct domain_look *look, const struct face *face,
                    struct random *random);

#endif
