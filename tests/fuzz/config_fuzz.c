/* The configuration: a file, then overrides, parted by zero bytes.
 * Covers: proto/config/config.c proto/config/config_value.c proto/config/config_table.c */
#include "proto/config/config.h"
#include "tests/fuzz/fuzz.h"

enum { OVERRIDES_MAX = 8 };

/* What is printed of a configuration reads back as the same. */
static void read_back(const struct config *config)
{
    struct config again;
    struct error error;
    char *text = config_format(config, true), digest[17], digest_again[17];
    fuzz_require(config_parse(text, "printed", NULL, 0, &again, &error) == STATUS_OK,
                 "a printed configuration is valid");
    char *text_again = config_format(&again, true);
    fuzz_require(strcmp(text, text_again) == 0, "a printed configuration reads back");
    config_digest(config, digest);
    config_digest(&again, digest_again);
    fuzz_require(strcmp(digest, digest_again) == 0, "a printed configuration keeps its digest");
    free(text);
    free(text_again);
    config_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct error error;
    char *text = fuzz_next_text(&data, &size), *overrides[OVERRIDES_MAX];
    size_t count = 0;
    while (count < OVERRIDES_MAX && (overrides[count] = fuzz_next_text(&data, &size))) {
        count++;
    }
    if (config_parse(text ? text : "", "fuzz.yaml", (const char *const *)overrides, count, &config, &error) ==
        STATUS_OK) {
        read_back(&config);
        config_free(&config);
    }
    while (count > 0) {
        free(overrides[--count]);
    }
    free(text);
    return 0;
}
