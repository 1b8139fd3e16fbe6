/* Lists of images and their labels to be imported. Covers: shard/pack/image_list.c shard/list/line_reader.c */
#include "shard/pack/image_list.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_list list;
    struct error error;
    char path[512];
    fuzz_write("list.txt", data, size, path, sizeof path);
    if (image_list_read(path, &list, &error) == STATUS_OK) {
        fuzz_require(list.images > 0 && list.names.count > 0, "a list that was read has images");
        for (uint64_t i = 0; i < list.images; i++) {
            fuzz_require(list.path[i][0] && !strpbrk(list.path[i], "\r\n"), "a path is within a line");
            fuzz_require(list.label[i] < list.names.count && list.names.names[list.label[i]][0],
                         "a label has a name");
        }
        for (size_t i = 1; i < list.names.count; i++) {
            fuzz_require(strcmp(list.names.names[i - 1], list.names.names[i]) < 0, "names are sorted");
        }
        image_list_free(&list);
    }
    return 0;
}
