/* Times a worker's step here and writes what the simulation needs of it, as a host would do it that takes SECONDS for it.
 *
 *     step_describe ARCH BATCH SECONDS MEMORY DATASETS CLASSES >FILE
 *
 * CLASSES: of each dataset, which all have as many images. Seconds of all parts are scaled alike. MEMORY: bytes
 * a second that the host's cores together read and write.
 */
#include "proto/config/config.h"
#include "worker/measure/bench.h"

#include <stdio.h>
#include <stdlib.h>

/* Rows that are timed here; the classifier's time goes with their number. */
enum { TIMED_CLASSES = 20000, IMAGES_EACH = 50, STEPS = 3 };

static void fail(const struct error *error)
{
    char line[1024];
    fprintf(stderr, "%s\n", error_format(error, line, sizeof line));
    exit((int)error->status);
}

int main(int argc, char **argv)
{
    char arch[64], lane[64];
    struct error error;
    struct config config;
    struct bench bench;
    if (argc != 7 || atoi(argv[2]) < 1 || !(atof(argv[3]) > 0) || !(atof(argv[4]) > 0) || atoi(argv[5]) < 1 ||
        atoi(argv[6]) < 1) {
        fprintf(stderr, "usage: %s ARCH BATCH SECONDS MEMORY DATASETS CLASSES >FILE\n", argv[0]);
        return 2;
    }
    int datasets = atoi(argv[5]), classes = atoi(argv[6]);
    snprintf(arch, sizeof arch, "model.arch=%.40s", argv[1]);
    snprintf(lane, sizeof lane, "batch.lane=%.40s", argv[2]);
    const char *settings[] = {arch, lane};
    if (config_parse("data: {datasets: [noise]}\n", "step_describe", settings, 2, &config, &error) !=
        STATUS_OK) {
        fail(&error);
    }
    uint32_t timed = TIMED_CLASSES;
    struct bench_request request = {
        .config = &config, .classes = &timed, .datasets = 1, .threads = 1, .steps = STEPS};
    if (bench_run(&request, &bench, &error) != STATUS_OK) {
        fail(&error);
    }
    /* A sample meets its own dataset's rows. */
    double classifier = bench.seconds_classifier * classes / TIMED_CLASSES;
    double rows = (double)datasets * classes * config.model.embedding,
           exchanged = (double)bench.exchanged_weights;
    double update =
        bench.seconds_update * (exchanged + rows) / (exchanged + (double)bench.classifier_weights);
    double all = bench.seconds_forward + classifier + bench.seconds_backward;
    double scale = atof(argv[3]) / all;
    printf("%d %d %.9g %.9g %.9g %.9g %ld %.9g %d %d %zu\n", bench.batch, config.model.embedding,
           scale * bench.seconds_forward, scale * classifier, scale * bench.seconds_backward, scale * update,
           (long)bench.exchanged_weights, atof(argv[4]), config.classifier.rows_min, datasets,
           bench.bucket_count);
    for (int k = 0; k < datasets; k++) {
        printf("%d %ld\n", classes, (long)classes * IMAGES_EACH);
    }
    for (size_t i = 0; i < bench.bucket_count; i++) {
        printf("%.9g %.17g\n", scale * bench.buckets[i].ready, bench.buckets[i].bytes);
    }
    bench_free(&bench);
    config_free(&config);
    return 0;
}
