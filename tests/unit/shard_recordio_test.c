/* shard/pack/recordio.h, shard/pack/record_set.h and pack_recordio: InsightFace's sets, whole and in parts,
 * and what is wrong with others. */
#include "tests/unit/shard_scratch.h"

#include "shard/manifest.h"
#include "shard/pack/pack.h"
#include "shard/pack/record_set.h"
#include "shard/pack/recordio.h"

#include <math.h>

#define MAGIC 0xced7230au
#define SIDE 16

/* A file in memory, as dmlc-core's writer makes it. */
struct output {
    uint8_t bytes[1 << 16];
    size_t size;
    uint64_t place[64]; /* of each record */
    size_t records;
};

static void put_u32(struct output *output, uint32_t value)
{
    memcpy(output->bytes + output->size, &value, sizeof value);
    output->size += sizeof value;
}

static void put_part(struct output *output, uint32_t part, const uint8_t *bytes, size_t size)
{
    put_u32(output, MAGIC);
    put_u32(output, part << 29 | (uint32_t)size);
    memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
    while (output->size % 4 != 0) {
        output->bytes[output->size++] = 0;
    }
}

/* Parted wherever the magic word is at a multiple of 4. */
static void put_record(struct output *output, const uint8_t *bytes, size_t size)
{
    size_t begin = 0;
    output->place[output->records++] = output->size;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, sizeof word);
        if (word != MAGIC) {
            continue;
        }
        put_part(output, begin == 0 ? 1 : 2, bytes + begin, i - begin);
        begin = i + 4;
    }
    put_part(output, begin == 0 ? 0 : 3, bytes + begin, size - begin);
}

/* An image record with `labels` of them in an array, or a plain label where that is 0. */
static void put_image(struct output *output, uint32_t labels, float label, float second, uint64_t id,
                      const void *image, size_t size)
{
    uint8_t bytes[4096] = {0};
    const float array[2] = {label, second};
    memcpy(bytes, &labels, 4);
    if (labels == 0) {
        memcpy(bytes + 4, &label, 4);
    }
    memcpy(bytes + 8, &id, 8);
    memcpy(bytes + 24, array, labels * sizeof *array);
    memcpy(bytes + 24 + labels * sizeof *array, image, size);
    put_record(output, bytes, 24 + labels * sizeof *array + size);
}

static void write_output(const struct output *output, const char *path)
{
    scratch_write(path, output->bytes, output->size);
}

/* --- Records --- */

struct seen {
    struct recordio_record records[16];
    size_t count;
};

static enum status see(void *context, const struct recordio_record *record, struct error *error)
{
    (void)error;
    struct seen *seen = context;
    assert_true(seen->count < 16);
    seen->records[seen->count++] = *record;
    return STATUS_OK;
}

static const uint8_t word[4] = {0x0a, 0x23, 0xd7, 0xce};

static void records_are_read(void **state)
{
    struct output output = {.size = 0};
    struct seen seen = {.count = 0};
    struct error error;
    put_image(&output, 2, 61, 71, 0, "", 0);
    put_image(&output, 0, 5, 0, 77, "image", 5);
    put_image(&output, 2, 3, 1.5f, 78, "another", 7);
    write_output(&output, scratch_path(*state, "a.rec"));
    assert_int_equal(recordio_scan(scratch_path(*state, "a.rec"), see, NULL, &seen, &error), STATUS_OK);
    assert_int_equal(seen.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(seen.records[i].offset, output.place[i]);
    }
    assert_int_equal(seen.records[0].span, 40);
    assert_int_equal(seen.records[0].image_bytes, 0);
    assert_int_equal(seen.records[0].labels, 2);
    assert_true(seen.records[0].label[0] == 61 && seen.records[0].label[1] == 71);
    assert_int_equal(seen.records[1].image_bytes, 5);
    assert_int_equal(seen.records[1].id, 77);
    assert_true(seen.records[1].label[0] == 5);
    assert_int_equal(seen.records[2].image_bytes, 7);
    assert_true(seen.records[2].label[0] == 3 && seen.records[2].label[1] == 1.5f);
}

/* The magic word anywhere in the data, also twice in a row, at the beginning and the end, and not aligned. */
static void parts_are_joined(void **state)
{
    static const size_t places[][3] = {{0, 4, 8},   {8, 16, 16}, {1, 5, 40},
                                       {0, 36, 40}, {3, 12, 20}, {40, 40, 40}};
    struct output output = {.size = 0};
    struct seen seen = {.count = 0};
    struct error error;
    uint8_t images[6][44];
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < sizeof images[i]; j++) {
            images[i][j] = (uint8_t)(i * 50 + j);
        }
        for (size_t j = 0; j < 3; j++) {
            memcpy(images[i] + places[i][j], word, sizeof word);
        }
        put_image(&output, i % 2 == 0 ? 0 : 2, (float)i, 0, i, images[i], sizeof images[i] - i % 3);
    }
    /* In the header, too: an id that is the word. */
    put_image(&output, 0, 6, 0, MAGIC, images[5], 44);
    const char *path = scratch_path(*state, "parts.rec");
    write_output(&output, path);
    assert_int_equal(recordio_scan(path, see, NULL, &seen, &error), STATUS_OK);
    assert_int_equal(seen.count, 7);
    for (size_t i = 0; i < 7; i++) {
        size_t size, expected = i == 6 ? 44 : 44 - i % 3;
        uint8_t bytes[256];
        assert_int_equal(seen.records[i].offset, output.place[i]);
        assert_int_equal(seen.records[i].image_bytes, expected);
        assert_true(seen.records[i].label[0] == (float)i);
        memcpy(bytes, output.bytes + output.place[i], seen.records[i].span);
        assert_int_equal(recordio_image(bytes, seen.records[i].span, &size, &error), STATUS_OK);
        assert_int_equal(size, expected);
        assert_memory_equal(bytes, images[i == 6 ? 5 : i], size);
    }
    assert_int_equal(seen.records[6].id, MAGIC);
}

static enum status scan_bytes(struct scratch *scratch, const uint8_t *bytes, size_t size, struct error *error)
{
    struct seen seen = {.count = 0};
    const char *path = scratch_path(scratch, "bad.rec");
    scratch_write(path, bytes, size);
    return recordio_scan(path, see, NULL, &seen, error);
}

/* Any beginning of a file is refused unless it ends between records (or without the last one's filling). */
static void cut_files_are_refused(void **state)
{
    struct output output = {.size = 0};
    struct error error;
    put_image(&output, 0, 5, 0, 1, "image", 5);
    put_image(&output, 2, 5, 0, 2, "imagimag\x0a\x23\xd7\xce----", 16);
    put_image(&output, 0, 5, 0, 3, "image", 5);
    for (size_t cut = 1; cut < output.size; cut++) {
        bool whole = cut == output.place[1] || cut == output.place[2];
        bool unfilled = (cut < output.place[1] && cut >= output.place[1] - 3) || cut >= output.size - 3;
        assert_int_equal(scan_bytes(*state, output.bytes, cut, &error),
                         whole || unfilled ? STATUS_OK : STATUS_DATA);
        if (!whole && !unfilled) {
            assert_non_null(strstr(error.where, "bad.rec, record at byte "));
        }
    }
}

static void assert_bad(struct scratch *scratch, const struct output *output, const char *where,
                       const char *what)
{
    struct error error = {0};
    assert_int_equal(scan_bytes(scratch, output->bytes, output->size, &error), STATUS_DATA);
    if (!strstr(error.where, where) || !strstr(error.what, what)) {
        fail_msg("'%s' (%s) does not say '%s' (%s)", error.what, error.where, what, where);
    }
}

static void bad_records_are_named(void **state)
{
    struct output good = {.size = 0}, bad;
    put_image(&good, 0, 5, 0, 1, "image", 5);
    put_image(&good, 0, 5, 0, 1, "imag", 4);
    const size_t second = (size_t)good.place[1];
    bad = good;
    bad.bytes[second] ^= 1;
    assert_bad(*state, &bad, "record at byte 40", "ced7230b is there where");
    bad = good;
    bad.bytes[second + 7] |= 0x40; /* part 2 */
    assert_bad(*state, &bad, "record at byte 40", "part 2 is there where a record begins");
    bad = good;
    bad.bytes[second + 7] |= 0xe0;
    assert_bad(*state, &bad, "record at byte 40", "part 7");
    bad = good;
    bad.bytes[7] |= 0x20; /* part 1, and a whole one follows */
    assert_bad(*state, &bad, "record at byte 0", "part 0 follows where a record goes on");
    bad = good;
    bad.bytes[second + 7] |= 0x20;
    assert_bad(*state, &bad, "record at byte 40", "ends within the record");
    bad = good;
    bad.bytes[second + 6] = 1;
    assert_bad(*state, &bad, "record at byte 40", "claims 65564 bytes, and the file ends after 28");
    bad = good;
    bad.bytes[second + 8] = 2; /* labels where there is but room for one */
    assert_bad(*state, &bad, "record at byte 40", "claims to have 2 labels");
    bad = (struct output){.size = 0};
    put_record(&bad, (const uint8_t *)"text", 4);
    assert_bad(*state, &bad, "record at byte 0", "no image record");
}

static void changed_records_are_refused(void **state)
{
    (void)state;
    struct output output = {.size = 0};
    struct error error;
    size_t size;
    put_image(&output, 2, 5, 0, 2, "imagimag\x0a\x23\xd7\xce----", 16);
    for (size_t cut = 0; cut < output.size; cut++) {
        uint8_t bytes[256];
        memcpy(bytes, output.bytes, cut);
        assert_int_equal(recordio_image(bytes, cut, &size, &error), STATUS_DATA);
    }
}

static void indices_are_read(void **state)
{
    struct recordio_index index;
    struct error error = {0};
    const char *path = scratch_path(*state, "a.idx");
    const char *const good[] = {"0\t0\n3\t40\n1\t1234567890123\n",
                                "\xef\xbb\xbf"
                                "0\t0\r\n1\t1234567890123\r\n3\t40 \r\n\r\n"};
    const char *const bad[] = {"0\t0\none\t40\n",
                               "0\t0\n1 40\n",
                               "0\t0\n1\t\n",
                               "0\t0\n1\t40\t2\n",
                               "0\t0\n1\t99999999999999999999999\n",
                               "0\t0\n-1\t40\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        scratch_text(path, good[i]);
        assert_int_equal(recordio_read_index(path, &index, &error), STATUS_OK);
        assert_int_equal(index.count, 3);
        assert_true(index.offset[0] == 0 && index.offset[1] == 40 && index.offset[2] == 1234567890123);
        free(index.offset);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scratch_text(path, bad[i]);
        assert_int_equal(recordio_read_index(path, &index, &error), STATUS_DATA);
        assert_non_null(strstr(error.where, "a.idx:2"));
        free(index.offset);
    }
    scratch_text(path, "0\t40\n3\t0\n1\t40\n");
    assert_int_equal(recordio_read_index(path, &index, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "byte 40 is listed twice"));
    free(index.offset);
}

/* --- Damage that is passed over --- */

struct passed {
    uint64_t seen[16], begin[16], end[16];
    size_t records, pieces;
};

static enum status see_place(void *context, const struct recordio_record *record, struct error *error)
{
    struct passed *passed = context;
    (void)error;
    passed->seen[passed->records++] = record->offset;
    return STATUS_OK;
}

static void see_piece(void *context, uint64_t begin, uint64_t end, const struct error *why)
{
    struct passed *passed = context;
    assert_true(why->what[0] != 0);
    passed->begin[passed->pieces] = begin;
    passed->end[passed->pieces++] = end;
}

static struct passed scan_damaged(struct scratch *scratch, const uint8_t *bytes, size_t size)
{
    struct passed passed = {.records = 0};
    struct error error;
    const char *path = scratch_path(scratch, "torn.rec");
    scratch_write(path, bytes, size);
    assert_int_equal(recordio_scan(path, see_place, see_piece, &passed, &error), STATUS_OK);
    return passed;
}

/* Five records, of which the fourth is in parts. Whatever happens to one costs no other. */
static void damage_costs_one_record(void **state)
{
    struct output output = {.size = 0};
    uint8_t bytes[1 << 10];
    for (int i = 0; i < 5; i++) {
        put_image(&output, 0, 5, 0, 1, i == 3 ? "imagimag\x0a\x23\xd7\xce----" : "imagimagimagimag", 16);
    }
    output.place[5] = output.size;
    for (size_t hurt = 0; hurt < 5; hurt++) {
        const size_t begin = output.place[hurt], end = output.place[hurt + 1];
        /* The word; a length that ends within the record, one that takes in the next one, one beyond the file. */
        const size_t changed[4] = {begin, begin + 4, begin + 4, begin + 6};
        const uint8_t to[4] = {0, 24, (uint8_t)(end - begin + 16), 0xff};
        for (size_t kind = 0; kind < 4; kind++) {
            memcpy(bytes, output.bytes, output.size);
            bytes[changed[kind]] = to[kind];
            struct passed passed = scan_damaged(*state, bytes, output.size);
            /* One that has become shorter is a record still, and its image will be none. */
            const bool shorter = kind == 1 && hurt != 3;
            assert_int_equal(passed.pieces, 1);
            assert_int_equal(passed.records, shorter ? 5 : 4);
            for (size_t i = 0, at = 0; i < 5; i++) {
                if (i != hurt || shorter) {
                    assert_int_equal(passed.seen[at++], output.place[i]);
                }
            }
            assert_true(passed.begin[0] >= begin && passed.end[0] == end);
        }
        /* Bytes are lost, so that what follows lies at no multiple of 4. */
        memcpy(bytes, output.bytes, begin + 11);
        memcpy(bytes + begin + 11, output.bytes + end - 2, output.size - (end - 2));
        struct passed passed = scan_damaged(*state, bytes, output.size - (end - 2 - begin - 11));
        assert_int_equal(passed.records, 4);
        assert_int_equal(passed.seen[3],
                         hurt == 4 ? output.place[3] : output.place[4] - (end - 2 - begin - 11));
    }
    struct passed passed = scan_damaged(*state, (const uint8_t *)"this is no RecordIO at all", 26);
    assert_int_equal(passed.records, 0);
    assert_true(passed.pieces == 1 && passed.begin[0] == 0 && passed.end[0] == 26);
}

/* --- Sets --- */

struct face {
    uint8_t *bytes;
    size_t size;
    uint32_t label;
};

/* Seven images of labels 2, 0, 2, 4, 0, 2, 4, with a plain label or an array of them in turn; none of 1
 * and 3. With `whole` header, identity records, index and property file are there. */
static void write_set(struct scratch *scratch, bool whole, struct face faces[7])
{
    static const uint32_t labels[7] = {2, 0, 2, 4, 0, 2, 4};
    struct output output = {.size = 0};
    char index[1024] = "";
    if (whole) {
        put_image(&output, 2, 8, 13, 0, "", 0);
    }
    for (int i = 0; i < 7; i++) {
        struct face *face = &faces[i];
        face->label = labels[i];
        face->bytes = scratch_image(SIDE, SIDE, i + 3, i % 2 == 0 ? IMAGE_JPEG : IMAGE_PNG, &face->size);
        put_image(&output, i % 2 == 0 ? 0 : 2, (float)labels[i], 0, (uint64_t)i + 1, face->bytes, face->size);
    }
    for (int i = 0; i < 5 && whole; i++) {
        put_image(&output, 2, (float)i, (float)i + 1, (uint64_t)i + 8, "", 0);
    }
    write_output(&output, scratch_path(scratch, "train.rec"));
    for (size_t i = 0, length = 0; i < output.records; i++) {
        length += (size_t)snprintf(index + length, sizeof index - length, "%zu\t%llu\n", i,
                                   (unsigned long long)output.place[i]);
    }
    if (whole) {
        scratch_text(scratch_path(scratch, "train.idx"), index);
        scratch_text(scratch_path(scratch, "property"), "6,16,16");
    }
}

static struct pack_style small_style(void)
{
    struct pack_style style = PACK_STYLE_DEFAULTS;
    style.size = SIDE;
    return style;
}

static struct pack_dataset import_from(struct scratch *scratch)
{
    return (struct pack_dataset){.source = scratch->directory,
                                 .directory = scratch->directory,
                                 .name = "set",
                                 .shard_bytes = 1 << 20,
                                 .force = true};
}

/* The dataset's images are those faces whose label `moved` keeps, under the label that it gives. */
static void assert_packed(struct scratch *scratch, const struct face faces[7], const uint32_t moved[5])
{
    struct manifest manifest;
    struct shard shard;
    struct error error;
    assert_int_equal(manifest_open(scratch_path(scratch, "set.yaml"), &manifest, &error), STATUS_OK);
    assert_int_equal(manifest_open_shard(&manifest, 0, &shard, &error), STATUS_OK);
    uint8_t *bytes = malloc(shard.bytes);
    assert_int_equal(shard_read(&shard, 0, shard.images, bytes, &error), STATUS_OK);
    uint32_t expected = 0;
    for (int face = 0; face < 7; face++) {
        int found = 0;
        if (moved[faces[face].label] == UINT32_MAX) {
            continue;
        }
        expected++;
        for (uint32_t i = 0; i < shard.images; i++) {
            found += shard.offset[i + 1] - shard.offset[i] == faces[face].size &&
                     memcmp(bytes + shard.offset[i], faces[face].bytes, faces[face].size) == 0 &&
                     shard.label[i] == moved[faces[face].label];
        }
        assert_int_equal(found, 1);
    }
    assert_int_equal(shard.images, expected);
    free(bytes);
    shard_close(&shard);
    manifest_close(&manifest);
}

static void free_faces(struct face faces[7])
{
    for (int i = 0; i < 7; i++) {
        free(faces[i].bytes);
    }
}

static void sets_are_packed(void **state)
{
    static const uint32_t same[5] = {0, 1, 2, 3, 4};
    struct pack_dataset import = import_from(*state);
    const struct pack_style style = small_style();
    struct pack_result result;
    struct error error;
    for (int whole = 1; whole >= 0; whole--) {
        struct face faces[7];
        write_set(*state, whole, faces);
        assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
        assert_int_equal(result.images, 7);
        assert_int_equal(result.kept, 7);
        /* The property file knows of one more identity. */
        assert_int_equal(result.classes, whole ? 6 : 5);
        assert_packed(*state, faces, same);
        free_faces(faces);
        unlink(scratch_path(*state, "train.idx"));
        unlink(scratch_path(*state, "property"));
    }
    /* Under another name, and by that name. */
    char path[600];
    assert_int_equal(
        rename(scratch_path(*state, "train.rec"), strcat(strcpy(path, import.source), "/other.rec")), 0);
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    import.source = path;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 7);
}

static void identities_are_chosen(void **state)
{
    struct face faces[7];
    struct pack_dataset import = import_from(*state);
    const struct pack_style style = small_style();
    struct pack_result result;
    struct error error = {0};
    char list[1024], **names;
    struct manifest manifest;
    write_set(*state, true, faces);
    /* Labels 1, 3 and 5 have no image. */
    import.compact = true;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 3);
    import.compact = false;
    import.min_images = 1;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 3);
    import.min_images = 2;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.classes, 3);
    assert_packed(*state, faces, (const uint32_t[5]){0, UINT32_MAX, 1, UINT32_MAX, 2});
    snprintf(list, sizeof list, "%s", scratch_path(*state, "list"));
    scratch_text(list, "2\n");
    import.exclude = list;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_packed(*state, faces, (const uint32_t[5]){0, UINT32_MAX, UINT32_MAX, UINT32_MAX, 1});
    assert_int_equal(manifest_open(scratch_path(*state, "set.yaml"), &manifest, &error), STATUS_OK);
    assert_int_equal(manifest_class_names(&manifest, &names, &error), STATUS_OK);
    assert_string_equal(names[1], "4");
    free(names[0]);
    free(names[1]);
    free(names);
    manifest_close(&manifest);
    import.exclude = NULL;
    import.include = list;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 3);
    scratch_text(list, "7\n");
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "'7' is not in"));
    import.include = NULL;
    import.min_images = 4;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    free_faces(faces);
}

static void assert_set_is_bad(struct scratch *scratch, const char *where, const char *what)
{
    const struct pack_style style = small_style();
    struct record_set set;
    struct error error = {0};
    assert_int_equal(record_set_open(scratch->directory, &style, &set, &error), STATUS_DATA);
    if (!strstr(error.where, where) || !strstr(error.what, what)) {
        fail_msg("'%s' (%s) does not say '%s' (%s)", error.what, error.where, what, where);
    }
}

static void contradictions_are_named(void **state)
{
    struct face faces[7];
    assert_set_is_bad(*state, "", "no .rec file");
    scratch_text(scratch_path(*state, "a.rec"), "");
    scratch_text(scratch_path(*state, "b.rec"), "");
    assert_set_is_bad(*state, "", "several .rec files");
    scratch_text(scratch_path(*state, "train.rec"), "");
    assert_set_is_bad(*state, "train.rec", "no image in the file");
    write_set(*state, true, faces);
    scratch_text(scratch_path(*state, "property"), "4,16,16");
    assert_set_is_bad(*state, "property", "4 classes, but a label is 4");
    scratch_text(scratch_path(*state, "property"), "many");
    assert_set_is_bad(*state, "property", "are expected");
    scratch_text(scratch_path(*state, "train.idx"), "0\t0\n");
    assert_set_is_bad(*state, "train.idx", "lists none of the 7 images");
    scratch_text(scratch_path(*state, "train.idx"), "0\t0\n1\t41\n2\t1000000\n");
    assert_set_is_bad(*state, "train.idx", "of its 3 places 2 begin no record");
    /* Cut between records: the header tells. */
    struct output output = {.size = 0};
    unlink(scratch_path(*state, "train.idx"));
    unlink(scratch_path(*state, "property"));
    put_image(&output, 2, 8, 13, 0, "", 0);
    put_image(&output, 0, 1, 0, 1, faces[0].bytes, faces[0].size);
    write_output(&output, scratch_path(*state, "train.rec"));
    assert_set_is_bad(*state, "train.rec", "there are 1 images and 0 identities");
    free_faces(faces);
}

static void warned(void *context, const char *text)
{
    snprintf(context, 1000, "%s", text);
}

/* What a set lacks is told: labels of nobody, images that the index has not, records without one, torn ones. */
static void what_is_missing_is_told(void **state)
{
    struct face faces[7];
    struct left_out left_out = {.listed = false};
    struct pack_dataset import = import_from(*state);
    struct pack_style style = small_style();
    struct pack_result result;
    struct error error;
    char warning[1000] = "", *text;
    size_t size;
    style.warn = warned;
    style.context = warning;
    style.left_out = &left_out;
    write_set(*state, true, faces);
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_non_null(strstr(warning, "3 of 6 labels have no image"));
    assert_non_null(strstr(warning, "--compact"));
    /* The index has two lines less: the second image and the last. */
    text = (char *)scratch_read(scratch_path(*state, "train.idx"), &size);
    char *second = strstr(text, "\n2\t") + 1, *last = strstr(text, "\n7\t") + 1;
    memset(second, '\n', strcspn(second, "\n"));
    memset(last, '\n', strcspn(last, "\n"));
    scratch_write(scratch_path(*state, "train.idx"), text, size);
    free(text);
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 5);
    assert_int_equal(left_out.count[LEFT_OUT_NOT_LISTED], 2);
    /* The third record's word is gone. */
    uint64_t place = 0;
    text = (char *)scratch_read(scratch_path(*state, "train.rec"), &size);
    for (int i = 0; i < 2; place++) {
        i += memcmp(text + place + 4, word, 4) == 0;
    }
    free(text);
    scratch_flip(scratch_path(*state, "train.rec"), place + 3);
    unlink(scratch_path(*state, "train.idx"));
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    style.skip_bad = true;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 6);
    assert_int_equal(left_out.count[LEFT_OUT_TORN], 1);
    /* A record without an image, among images. */
    struct output output = {.size = 0};
    put_image(&output, 2, 4, 5, 0, "", 0);
    put_image(&output, 0, 0, 0, 1, faces[0].bytes, faces[0].size);
    put_image(&output, 2, 1, 0, 2, "", 0);
    put_image(&output, 0, 1, 0, 3, faces[1].bytes, faces[1].size);
    put_image(&output, 2, 1, 4, 4, "", 0);
    write_output(&output, scratch_path(*state, "train.rec"));
    unlink(scratch_path(*state, "property"));
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_OK);
    assert_int_equal(result.images, 2);
    assert_int_equal(left_out.count[LEFT_OUT_NO_IMAGE], 1);
    style.skip_bad = false;
    assert_int_equal(pack_recordio(&import, &style, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "has no image"));
    left_out_free(&left_out);
    free_faces(faces);
}

static void labels_are_checked(void **state)
{
    static const float labels[] = {-1, 1.5f, NAN, INFINITY, 16777216};
    const struct pack_style style = small_style();
    struct record_set set;
    struct error error = {0};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        struct output output = {.size = 0};
        put_image(&output, 0, 7, 0, 1, "image", 5);
        put_image(&output, i % 2 == 0 ? 0 : 2, labels[i], 0, 2, "image", 5);
        write_output(&output, scratch_path(*state, "train.rec"));
        assert_int_equal(record_set_open(((struct scratch *)*state)->directory, &style, &set, &error),
                         STATUS_DATA);
        assert_non_null(strstr(error.what, "is no number of an identity"));
        assert_non_null(strstr(error.where, "record at byte 40"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_are_read),
        TEST(parts_are_joined),
        TEST(cut_files_are_refused),
        TEST(bad_records_are_named),
        TEST(changed_records_are_refused),
        TEST(indices_are_read),
        TEST(sets_are_packed),
        TEST(identities_are_chosen),
        TEST(contradictions_are_named),
        TEST(labels_are_checked),
        TEST(damage_costs_one_record),
        TEST(what_is_missing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
