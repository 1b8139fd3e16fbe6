/* Lists of pairs to be imported: LFW's pairs.txt and TSV.
 * Covers: shard/pack/pair_list.c shard/list/line_reader.c */
#include "shard/pack/pair_list.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pair_list list;
    struct error error;
    char path[512];
    fuzz_write("pairs.txt", data, size, path, sizeof path);
    if (pair_list_read(path, &list, &error) == STATUS_OK) {
        fuzz_require(list.count > 0, "a list that was read has pairs");
        for (size_t i = 0; i < list.count; i++) {
            fuzz_require(list.pairs[i].image[0] && list.pairs[i].image[1], "a pair is of two images");
            fuzz_require(list.pairs[i].fold >= list.first_fold, "folds count from the first");
        }
        pair_list_free(&list);
    }
    return 0;
}
