/* A manifest, and behind a zero byte its file of class names.
 * Covers: shard/manifest.c shard/manifest_yaml.c proto/strict_yaml.c proto/strict_yaml_write.c */
#include "shard/manifest.h"
#include "tests/fuzz/fuzz.h"

static void read_class_names(struct manifest *manifest, const uint8_t *data, size_t size)
{
    char path[512], **names;
    struct error error;
    fuzz_write("names.txt", data, size, path, sizeof path);
    free(manifest->class_names);
    manifest->class_names = strdup("names.txt");
    if (manifest_class_names(manifest, &names, &error) != STATUS_OK) {
        return;
    }
    for (uint32_t i = 0; i < manifest->classes; i++) {
        free(names[i]);
    }
    free(names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest manifest, again;
    struct error error;
    char path[512];
    size_t length = strnlen((const char *)data, size);
    fuzz_write("fuzz.yaml", data, length, path, sizeof path);
    if (manifest_open(path, &manifest, &error) != STATUS_OK) {
        return 0;
    }
    fuzz_require(manifest_write(&manifest, path, &error) == STATUS_OK,
                 "a manifest that was read can be written");
    fuzz_require(manifest_open(path, &again, &error) == STATUS_OK, "a manifest that was written can be read");
    fuzz_require(again.images == manifest.images && again.shard_count == manifest.shard_count,
                 "a manifest reads back as it was written");
    manifest_close(&again);
    read_class_names(&manifest, length < size ? data + length + 1 : data,
                     length < size ? size - length - 1 : 0);
    manifest_close(&manifest);
    return 0;
}
