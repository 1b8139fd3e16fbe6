/* What the predictor of `dail bench --workers` says of a described step.
 *
 *     predict FILE WORKERS BYTES_A_SECOND LATENCY
 *
 * Prints seconds: of the step, and of computing alone.
 */
#include "tests/simulation/step.h"

int main(int argc, char **argv)
{
    struct prediction_input input;
    struct prediction prediction;
    if (argc != 5) {
        fprintf(stderr, "usage: %s FILE WORKERS BYTES_A_SECOND LATENCY\n", argv[0]);
        return 2;
    }
    step_read(argv[1], &input);
    input.bandwidth = atof(argv[3]);
    input.latency = atof(argv[4]);
    prediction_make(&input, atoi(argv[2]), &prediction);
    printf("%.6f %.6f\n", prediction.step, prediction.compute);
    return 0;
}
