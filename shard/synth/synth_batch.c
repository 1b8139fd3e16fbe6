#include "shard/synth/synth_batch.h"

#include <stdlib.h>

void synth_draw(const struct synth_config *config, struct canvas *canvas, int dataset, uint64_t person,
                uint32_t number, uint8_t *pixels)
{
    const uint64_t picture = (uint64_t)dataset << 32 | number;
    struct random of_person = random_stream(config->seed, RANDOM_SYNTH, person, 0);
    struct random of_picture = random_stream(config->seed, RANDOM_SYNTH, person, picture + 1);
    const struct face face = face_draw(&of_person);
    const struct domain_look look = domain_session(domain_draw(config->seed, dataset, config->shift),
                                                   config->seed, dataset, person, config->session);
    domain_picture(canvas, &look, &face, &of_picture);
    canvas_quantise(canvas, pixels);
}

static enum status draw_job(const struct synth_config *config, struct canvas *canvas, uint8_t *pixels,
                            struct synth_job *job, struct error *error)
{
    const struct image image = {.width = config->size, .height = config->size, .pixels = pixels};
    synth_draw(config, canvas, job->dataset, job->person, job->number, pixels);
    return image_encode(&image, config->encoding, config->quality, &job->bytes, &job->size, error);
}

enum status synth_batch_draw(const struct synth_config *config, struct synth_job *jobs, size_t count,
                             struct error *error)
{
    enum status outcome = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        jobs[i].bytes = NULL;
    }
#pragma omp parallel
    {
        struct canvas canvas;
        struct error own = {0};
        uint8_t *pixels = malloc((size_t)config->size * (size_t)config->size * 3);
        enum status status = canvas_create(&canvas, config->size, &own);
        if (!pixels) {
            status = error_no_memory(&own, "drawing an image");
        }
#pragma omp for schedule(dynamic, 8)
        for (size_t i = 0; i < count; i++) {
            if (status == STATUS_OK) {
                status = draw_job(config, &canvas, pixels, &jobs[i], &own);
            }
        }
        if (status != STATUS_OK) {
#pragma omp critical(synth_outcome)
            {
                outcome = status;
                if (error) {
                    *error = own;
                }
            }
        }
        canvas_free(&canvas);
        free(pixels);
    }
    return outcome;
}

void synth_batch_free(struct synth_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(jobs[i].bytes);
        jobs[i].bytes = NULL;
    }
}
