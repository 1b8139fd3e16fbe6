/* The configuration: defaults, strict reading, rules across keys, and what is printed reads back the same. */
#include "proto/config/config.h"
#include "proto/config/config_table.h"
#include "proto/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ONE_SET "data:\n  datasets: [a.yaml]\n"

static enum status parse(const char *text, struct config *config, struct error *error)
{
    return config_parse(text, "test.yaml", NULL, 0, config, error);
}

static void test_defaults(void **state)
{
    struct config c;
    struct error error;
    (void)state;
    assert_int_equal(parse(ONE_SET, &c, &error), STATUS_OK);
    assert_string_equal(c.run.name, "dail");
    assert_string_equal(c.run.dir, "build/runs/dail");
    assert_int_equal(c.run.seed, 1);
    assert_int_equal(c.data.lanes, 0);
    assert_int_equal(c.data.dataset_count, 1);
    assert_string_equal(c.data.datasets[0].manifest, "a.yaml");
    assert_true(c.data.datasets[0].weight == 1 && c.data.augment.flip && c.data.augment.shift == 0);
    assert_int_equal(c.validation.count, 0);
    assert_string_equal(c.model.arch, "iresnet50");
    assert_true(c.model.input == 112 && c.model.embedding == 512 && c.model.width == 1 &&
                c.model.dropout == 0);
    assert_string_equal(c.model_init, "random");
    assert_true(c.loss.margin.kind == MARGIN_PLAIN && c.loss.margin.value[0] == 0.9 &&
                c.loss.margin.value[1] == 0.4 && c.loss.margin.value[2] == 0.15);
    assert_true(c.loss.scale == 64 && c.loss.scope == CONFIG_SCOPE_DATASET && c.loss.crossing_dropout == 0);
    assert_true(c.domain.lambda == 0.1 && c.domain.start == 0.5);
    assert_true(c.domain.schedule == CONFIG_DOMAIN_CONSTANT && !c.domain.balance);
    assert_true(c.domain.hidden_count == 1 && c.domain.hidden[0] == 512);
    assert_true(c.classifier.rows_min == 1024 && c.batch.lane == 16);
    assert_true(c.optimizer.lr == 0.1 && c.optimizer.momentum == 0.9);
    assert_true(c.optimizer.weight_decay == 5e-4 && c.optimizer.clip == 5);
    assert_true(c.schedule.kind == CONFIG_SCHEDULE_POLY && c.schedule.epochs == 20);
    assert_true(c.schedule.warmup_epochs == 0 && c.schedule.milestone_count == 3);
    assert_true(c.schedule.milestones[0] == 0.4 && c.schedule.milestones[1] == 0.7);
    assert_true(c.schedule.milestones[2] == 0.9);
    assert_true(c.checkpoint.every_steps == 0 && c.checkpoint.every_minutes == 30 &&
                c.checkpoint.keep.last == 3 && c.checkpoint.keep.every_epochs == 0);
    assert_string_equal(c.checkpoint.resume, "auto");
    assert_true(c.eval.every_steps == 0 && c.eval.at_end && c.runtime.threads == 0);
    assert_true(c.runtime.bucket_mb == 8 && c.runtime.liveness_seconds == 60 && c.log.every == 10);
    assert_true(c.debug.trace_step == 0 && c.debug.stop_after_step == 0);
    config_free(&c);
    config_free(&c);
}

static void test_run_dir_follows_the_name(void **state)
{
    struct config c;
    struct error error;
    (void)state;
    assert_int_equal(parse("run: {name: faces}\n" ONE_SET, &c, &error), STATUS_OK);
    assert_string_equal(c.run.dir, "build/runs/faces");
    config_free(&c);
    assert_int_equal(parse("run: {name: faces, dir: /x/y}\n" ONE_SET, &c, &error), STATUS_OK);
    assert_string_equal(c.run.dir, "/x/y");
    config_free(&c);
}

/* Each refusal: STATUS_USAGE in one line, at this line of the file, with these words in it. */
static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        const char *where;
        const char *words[3];
    } cases[] = {
        /* unknown keys, with the nearest */
        {ONE_SET "optimizer:\n  lrr: 1\n", "test.yaml:4", {"optimizer.lrr", "optimizer.lr"}},
        {ONE_SET "model:\n  embeding: 1\n", "test.yaml:4", {"model.embeding", "model.embedding"}},
        {ONE_SET "crossing_dropout: 1\n", "test.yaml:3", {"crossing_dropout", "loss.crossing_dropout"}},
        {ONE_SET "optimiser: {lr: 1}\n", "test.yaml:3", {"optimiser", "optimizer"}},
        {ONE_SET "validaton: []\n", "test.yaml:3", {"validaton", "validation"}},
        {ONE_SET "modle: {arch: iresnet18}\n", "test.yaml:3", {"modle", "model"}},
        {ONE_SET "domain: {hiden: []}\n", "test.yaml:3", {"domain.hiden", "domain.hidden"}},
        {"data:\n  datasets:\n  - {manifest: a, wieght: 2}\n",
         "test.yaml:3",
         {"unknown key data.datasets.wieght", "did you mean weight?"}},
        {"data:\n  datasets:\n  - a\n  - manifest: b\n    weigth: 2\n",
         "test.yaml:5",
         {"unknown key data.datasets.weigth", "did you mean weight?"}},
        /* wrong types */
        {ONE_SET "batch: {lane: many}\n", "test.yaml:3", {"batch.lane", "integer", "many"}},
        {ONE_SET "batch: {lane: 1.5}\n", "test.yaml:3", {"batch.lane", "integer"}},
        {ONE_SET "batch: {lane: '16'}\n", "test.yaml:3", {"batch.lane", "integer"}},
        {ONE_SET "batch: {lane: }\n", "test.yaml:3", {"batch.lane"}},
        {ONE_SET "batch: {lane: [16]}\n", "test.yaml:3", {"batch.lane"}},
        {ONE_SET "batch: 16\n", "test.yaml:3", {"batch"}},
        {ONE_SET "eval: {at_end: yes}\n", "test.yaml:3", {"eval.at_end", "true or false"}},
        {ONE_SET "optimizer: {lr: .nan}\n", "test.yaml:3", {"optimizer.lr"}},
        {ONE_SET "optimizer: {lr: .inf}\n", "test.yaml:3", {"optimizer.lr"}},
        {ONE_SET "optimizer: {lr: 1e999}\n", "test.yaml:3", {"optimizer.lr"}},
        {ONE_SET "optimizer: {lr: 0x10}\n", "test.yaml:3", {"optimizer.lr"}},
        {ONE_SET "validation: pairs.h5\n", "test.yaml:3", {"validation", "list"}},
        {ONE_SET "domain: {hidden: 512}\n", "test.yaml:3", {"domain.hidden", "list"}},
        {ONE_SET "domain: {hidden: [512, x]}\n", "test.yaml:3", {"domain.hidden"}},
        {ONE_SET "loss: {margin: big}\n", "test.yaml:3", {"loss.margin", "arcface"}},
        {ONE_SET "loss: {margin: [1, 2]}\n", "test.yaml:3", {"loss.margin", "three"}},
        {ONE_SET "loss: {margin: [-1, 0.5, 0]}\n", "test.yaml", {"loss.margin", "rewards worse angles"}},
        {ONE_SET "loss: {margin: [0, 0, 0.3]}\n", "test.yaml", {"loss.margin", "m1"}},
        {ONE_SET "loss: {margin: {m: 0.3}}\n", "test.yaml:3", {"loss.margin", "name"}},
        {ONE_SET "loss: {margin: {name: adafaces}}\n", "test.yaml:3", {"loss.margin.name", "adaface"}},
        {ONE_SET "loss: {margin: {name: adaface, lambda: 3}}\n",
         "test.yaml:3",
         {"loss.margin.lambda", "unknown"}},
        {ONE_SET "loss: {margin: {name: adaface, h: many}}\n", "test.yaml:3", {"loss.margin.h", "number"}},
        {ONE_SET "loss: {margin: {name: adaface, alpha: 1.5}}\n",
         "test.yaml:3",
         {"loss.margin.alpha", "from 0 to 1"}},
        {ONE_SET "loss: {margin: {name: magface, norm_min: 200}}\n", "test.yaml", {"norm_min", "norm_max"}},
        {ONE_SET "loss: {margin: {name: magface, margin_min: 0.9}}\n",
         "test.yaml",
         {"margin_min", "margin_max"}},
        {ONE_SET "schedule: {power: 0}\n", "test.yaml:3", {"schedule.power"}},
        {ONE_SET "loss: {scope: some}\n", "test.yaml:3", {"loss.scope", "all", "dataset"}},
        {ONE_SET "model: {arch: resnet50}\n", "test.yaml:3", {"model.arch", "iresnet50"}},
        {ONE_SET "run: {name: \"a\\0b\"}\n", "test.yaml:3", {"run.name"}},
        {ONE_SET "run: {name: ''}\n", "test.yaml:3", {"run.name"}},
        /* null is no name, nor is another's home folder */
        {ONE_SET "run: {name: null}\n", "test.yaml:3", {"run.name", "null"}},
        {ONE_SET "run: {dir: ~}\n", "test.yaml:3", {"run.dir", "found '~'"}},
        {ONE_SET "run: {dir: ~nobody/runs}\n", "test.yaml:3", {"run.dir", "one's own home"}},
        {"data: {datasets: [a.yaml, NULL]}\n", "test.yaml:1", {"data.datasets"}},
        {"data: {datasets: [{manifest: null}]}\n", "test.yaml:1", {"data.datasets.manifest"}},
        {"- a\n- b\n", "test.yaml", {"expected"}},
        {"data:\n  datasets:\n  - {weight: 2}\n", "test.yaml:3", {"data.datasets"}},
        {"data:\n  datasets:\n  - {manifest: a, weight: -1}\n", "test.yaml:3", {"data.datasets"}},
        {"data: {datasets: [{manifest: a, sampling: even}]}\n", "test.yaml:1", {"data.sampling", "balanced"}},
        {"data: {datasets: [{manifest: a, cap: 0}]}\n", "test.yaml:1", {"data.datasets.cap"}},
        {"domain: {balance: true}\ndata: {datasets: [a, {manifest: b, sampling: capped}]}\n",
         "test.yaml",
         {"domain.balance weighs b by all of its images"}},
        {"data: {datasets: [{manifest: a, augment: {blurr: 1}}]}\n",
         "test.yaml:1",
         {"unknown key data.datasets.augment.blurr", "did you mean blur?"}},
        {"data: {datasets: [{manifest: a, augment: dalli}]}\n",
         "test.yaml:1",
         {"data.augment.preset", "adaface"}},
        {"data: {datasets: [{manifest: a, augment: [x]}]}\n",
         "test.yaml:1",
         {"data.augment.preset", "adaface"}},
        {"data: {datasets: [a], augment: {crop: 1.5}}\n",
         "test.yaml:1",
         {"data.augment.crop", "preset or a number from"}},
        {"data: {datasets: [a, {manifest: b, augment: {resolution_most: 0.1}}]}\n",
         "test.yaml",
         {"least resolution of b, 0.2, is above"}},
        {"data:\n  datasets:\n  - [a]\n", "test.yaml:3", {"data.datasets"}},
        /* out of range */
        {ONE_SET "domain:\n  start: 1.01\n", "test.yaml:4", {"domain.start", "0 to 1"}},
        {ONE_SET "domain:\n  start: -0.01\n", "test.yaml:4", {"domain.start"}},
        {ONE_SET "model: {embedding: 0}\n", "test.yaml:3", {"model.embedding"}},
        {ONE_SET "data: {lanes: 0}\n", "test.yaml:3", {"data"}},
        {ONE_SET "runtime: {threads: 0}\n", "test.yaml:3", {"runtime.threads", "auto"}},
        {ONE_SET "log: {every: 99999999999999999999}\n", "test.yaml:3", {"log.every"}},
        {ONE_SET "run: {seed: -1}\n", "test.yaml:3", {"run.seed"}},
        {ONE_SET "schedule: {milestones: [0.5, 1.5]}\n", "test.yaml:3", {"schedule.milestones"}},
        /* the same key twice: a leaf, a group, within an entry; and a dotted key, which is none */
        {ONE_SET "run:\n  seed: 1\n  seed: 2\n", "test.yaml:5", {"run.seed", "twice"}},
        {ONE_SET "run: {seed: 1}\nrun: {name: a}\n", "test.yaml:4", {"run", "twice"}},
        {"data:\n  datasets:\n  - {manifest: a, manifest: b}\n", "test.yaml:3", {"data.datasets"}},
        {ONE_SET "run.seed: 3\n", "test.yaml:3", {"run.seed"}},
        {ONE_SET "---\nrun: {seed: 3}\n", "test.yaml", {"document"}},
        /* not YAML */
        {ONE_SET "run: {seed: 1\n", "test.yaml:", {"YAML"}},
        {ONE_SET "run:\n\tseed: 1\n", "test.yaml:4", {"YAML"}},
        /* rules across keys */
        {"", "test.yaml", {"data.datasets"}},
        {"data: {datasets: []}\n", "test.yaml", {"data.datasets"}},
        {ONE_SET "model: {input: 100}\n", "test.yaml", {"model.input", "16"}},
        {ONE_SET "loss: {scope: all, crossing_dropout: 0.1}\n",
         "test.yaml",
         {"loss.crossing_dropout", "loss.scope"}},
    };
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config c;
        struct error error;
        char line[2048] = "(taken)";
        memset(&error, 0, sizeof error);
        enum status status = parse(cases[i].text, &c, &error);
        bool right = status == STATUS_USAGE;
        if (status == STATUS_OK) {
            config_free(&c);
        } else {
            error_format(&error, line, sizeof line);
        }
        right =
            right && strncmp(error.where, cases[i].where, strlen(cases[i].where)) == 0 && !strchr(line, '\n');
        for (size_t w = 0; w < 3 && cases[i].words[w]; w++) {
            right = right && strstr(line, cases[i].words[w]);
        }
        if (!right) {
            print_message("refusal of\n%s: %s\n", cases[i].text, line);
        }
        wrong += !right;
    }
    assert_int_equal(wrong, 0);
}

/* A megabyte of brackets, in the file and in an override: refused at once. */
static void test_depth_is_bounded(void **state)
{
    enum { SIZE = 1 << 20 };
    struct config config;
    struct error error;
    char *text = malloc(SIZE + 1);
    (void)state;
    memset(text, '[', SIZE);
    text[SIZE] = '\0';
    assert_int_equal(config_parse(text, "deep.yaml", NULL, 0, &config, &error), STATUS_USAGE);
    assert_string_equal(error.where, "deep.yaml");
    assert_non_null(strstr(error.what, "more than 1000 deep"));
    memcpy(text, "validation=", 11);
    assert_int_equal(config_parse("", "deep.yaml", (const char *const[]){text}, 1, &config, &error),
                     STATUS_USAGE);
    assert_non_null(strstr(error.what, "more than 1000 deep"));
    free(text);
}

static void test_overrides(void **state)
{
    static const char *const overrides[] = {"optimizer.lr=0.5",
                                            "optimizer.lr=0.25",
                                            "domain.hidden=[64, 32]",
                                            "loss.margin=[1, 0.1, 0]",
                                            "data.datasets=[x.yaml, {manifest: y.yaml, weight: 2}]",
                                            "run.name=over",
                                            "domain.hidden=[]"};
    struct config c;
    struct error error;
    (void)state;
    assert_int_equal(config_parse(ONE_SET "optimizer: {lr: 1}\n", "test.yaml", overrides, 7, &c, &error),
                     STATUS_OK);
    assert_true(c.optimizer.lr == 0.25 && c.domain.hidden_count == 0 && c.loss.margin.value[1] == 0.1);
    assert_int_equal(c.data.dataset_count, 2);
    assert_true(c.data.datasets[1].weight == 2);
    assert_string_equal(c.run.dir, "build/runs/over");
    config_free(&c);
}

static void test_bad_overrides(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {{"optimizer.lrr=1", "optimizer.lr"},
                 {"optimizer.lr", "key=value"},
                 {"=1", "key=value"},
                 {"optimizer.lr=", "optimizer.lr"},
                 {"optimizer.lr=[", "YAML"},
                 {"optimizer=1", "optimizer"},
                 {"optimizer.lr=x", "optimizer.lr"},
                 {"model.input=100", "16"},
                 {"data.datasets=[]", "data.datasets"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config c;
        struct error error;
        char line[2048];
        assert_int_equal(config_parse(ONE_SET, "test.yaml", &cases[i].text, 1, &c, &error), STATUS_USAGE);
        assert_non_null(strstr(error_format(&error, line, sizeof line), cases[i].word));
    }
}

/* Field by field through the table: equal in every value, whatever the pointers. */
static void assert_same(const struct config *a, const struct config *b)
{
    char *first = config_format(a, false), *second = config_format(b, false);
    char digests[2][17];
    assert_non_null(first);
    assert_string_equal(first, second);
    free(first);
    free(second);
    config_digest(a, digests[0]);
    config_digest(b, digests[1]);
    assert_string_equal(digests[0], digests[1]);
    assert_int_equal(a->data.dataset_count, b->data.dataset_count);
    for (size_t i = 0; i < a->data.dataset_count; i++) {
        assert_string_equal(a->data.datasets[i].manifest, b->data.datasets[i].manifest);
        assert_true(a->data.datasets[i].weight == b->data.datasets[i].weight);
    }
    assert_string_equal(a->run.name, b->run.name);
    assert_string_equal(a->run.dir, b->run.dir);
    assert_string_equal(a->model_init, b->model_init);
    assert_true(a->run.seed == b->run.seed && a->optimizer.lr == b->optimizer.lr);
    assert_true(a->optimizer.weight_decay == b->optimizer.weight_decay && a->loss.scale == b->loss.scale);
    assert_memory_equal(&a->loss.margin, &b->loss.margin, sizeof a->loss.margin);
    assert_int_equal(a->validation.count, b->validation.count);
    for (size_t i = 0; i < a->validation.count; i++) {
        assert_string_equal(a->validation.paths[i], b->validation.paths[i]);
    }
}

static void test_what_is_printed_reads_back(void **state)
{
    static const char *const texts[] = {
        ONE_SET,
        "run: {name: 'a: b # c', dir: \"x y\\\"z\\\\\", seed: 9000000000000000000}\n" ONE_SET,
        "run: {name: \"true\", dir: \"~\"}\nvalidation: ['a,b', '[c]', \"d'e\", 'null', '-', '- x', '{}', 'é "
        "ü']\n" ONE_SET,
        "run: {name: \"tab\\there\\nline\", dir: \"del\\x7f c1\\x85 \\u2028 \\ufeff \\u00a0\"}\n" ONE_SET,
        "optimizer: {lr: 0.1234567890123456789, weight_decay: 1e-17}\nloss: {margin: [0.1, 0.2, "
        "0.30000000000000004]}\n" ONE_SET,
        "data: {lanes: 64, datasets: [{manifest: 'w: 1', weight: 0.1}, b, {manifest: c, weight: 0}], "
        "augment: {flip: "
        "false, shift: 3}}\nschedule: {kind: step, epochs: 3.5, milestones: [0.1, 0.25]}\n",
        "data: {datasets: [{manifest: a, augment: {preset: dali, shift: 2, blur: preset, grey: 0.25}}, "
        "{manifest: "
        "b, weight: 2, augment: none}, c, {manifest: d, sampling: capped, cap: 7}, {manifest: e, sampling: "
        "natural}], "
        "sampling: balanced, cap: 20, augment: {preset: adaface, erase: 0.1, resolution_filters: "
        "linear}}\n",
        "domain: {hidden: [], schedule: ganin, balance: true}\nloss: {scope: all}\nruntime: {threads: "
        "7}\ndebug: "
        "{trace_step: 123456789012345}\n" ONE_SET};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (int comments = 0; comments < 2; comments++) {
            struct config first, second;
            struct error error;
            char line[2048];
            assert_int_equal(parse(texts[i], &first, &error), STATUS_OK);
            char *text = config_format(&first, comments);
            if (parse(text, &second, &error) != STATUS_OK) {
                fail_msg("text %zu: %s", i, error_format(&error, line, sizeof line));
            }
            assert_same(&first, &second);
            config_free(&second);
            config_free(&first);
            free(text);
        }
    }
}

static void test_comments_tell_each_key(void **state)
{
    struct config c;
    struct error error;
    size_t count;
    const struct config_row *rows = config_rows(&count);
    (void)state;
    assert_int_equal(parse(ONE_SET, &c, &error), STATUS_OK);
    char *text = config_format(&c, true), *bare = config_format(&c, false);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(strstr(text, rows[i].meaning));
        assert_null(strstr(bare, rows[i].meaning));
        assert_null(strchr(rows[i].meaning, '\n'));
    }
    free(text);
    free(bare);
    config_free(&c);
}

/* A number in the place of checkpoint.keep is its `last`. */
static void test_keep(void **state)
{
    static const struct {
        const char *text, *override;
        int last, every_epochs;
    } cases[] = {{"checkpoint: {keep: 7}", "log.every=1", 7, 0},
                 {"checkpoint: {keep: {last: 4, every_epochs: 5}}", "log.every=1", 4, 5},
                 {"checkpoint: {keep: {every_epochs: 5}}", "checkpoint.keep=0", 0, 5},
                 {"checkpoint: {keep: 7}", "checkpoint.keep={last: 1, every_epochs: 2}", 1, 2},
                 {"checkpoint: {keep: 7}", "checkpoint.keep.every_epochs=9", 7, 9}};
    static const char *const bad[] = {"checkpoint.keep=many", "checkpoint.keep=-1", "checkpoint.keep=[1]",
                                      "checkpoint.keep={most: 1}", "checkpoint.keep="};
    struct config c, again;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const overrides[] = {"data.datasets=[a.yaml]", cases[i].override};
        assert_int_equal(config_parse(cases[i].text, "t", overrides, 2, &c, &error), STATUS_OK);
        assert_int_equal(c.checkpoint.keep.last, cases[i].last);
        assert_int_equal(c.checkpoint.keep.every_epochs, cases[i].every_epochs);
        char *text = config_format(&c, true);
        assert_int_equal(config_parse(text, "t", NULL, 0, &again, &error), STATUS_OK);
        assert_same(&c, &again);
        free(text);
        config_free(&again);
        config_free(&c);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const overrides[] = {"data.datasets=[a.yaml]", bad[i]};
        assert_int_equal(config_parse("", "t", overrides, 2, &c, &error), STATUS_USAGE);
        assert_non_null(strstr(error.what, "checkpoint.keep"));
    }
}

static void test_digest(void **state)
{
    static const struct {
        const char *override;
        bool decides;
    } cases[] = {
        {"log.every=3", false},       {"runtime.threads=3", false},  {"checkpoint.keep=9", false},
        {"eval.at_end=false", false}, {"debug.trace_step=4", false}, {"debug.kernels=gemm", false},
        {"run.name=z", false},        {"run.dir=z", false},          {"run.seed=2", true},
        {"batch.lane=8", true},       {"loss.margin=arcface", true}, {"data.datasets=[b.yaml]", true},
        {"domain.hidden=[]", true}};
    struct config c;
    struct error error;
    char base[17], other[17];
    (void)state;
    assert_int_equal(parse(ONE_SET, &c, &error), STATUS_OK);
    config_digest(&c, base);
    config_free(&c);
    assert_int_equal(strlen(base), 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(config_parse(ONE_SET, "t", &cases[i].override, 1, &c, &error), STATUS_OK);
        config_digest(&c, other);
        config_free(&c);
        assert_int_equal(strcmp(base, other) != 0, cases[i].decides);
    }
}

static void note_change(void *context, const char *key, const char *before, const char *now)
{
    char *text = context;
    size_t used = strlen(text);
    snprintf(text + used, 500 - used, "%s %s>%s;", key, before ? before : "-", now ? now : "-");
}

/* Which keys differ, with both values: what decides nothing is not among them. */
static void test_changed_settings(void **state)
{
    (void)state;
    static const char *const overrides[] = {"optimizer.lr=0.25", "log.every=3", "run.name=z",
                                            "data.datasets=[b.yaml]"};
    struct config c;
    struct error error;
    char told[500] = "";
    assert_int_equal(parse(ONE_SET, &c, &error), STATUS_OK);
    char *before = config_settings(&c);
    config_free(&c);
    assert_int_equal(config_parse(ONE_SET, "t", overrides, 4, &c, &error), STATUS_OK);
    char *now = config_settings(&c);
    config_free(&c);
    assert_true(before && now);
    config_compare(before, now, note_change, told);
    assert_string_equal(told, "data.datasets [a.yaml]>[b.yaml];optimizer.lr 0.1>0.25;");
    told[0] = '\0';
    config_compare(now, now, note_change, told);
    assert_string_equal(told, "");
    /* A program that knew other keys, and what is no settings at all. */
    config_compare("a.b: 1\na: x\n", "a: x\nnew.key: [2]\n", note_change, told);
    assert_string_equal(told, "new.key ->[2];a.b 1>-;");
    told[0] = '\0';
    config_compare("nonsense", "", note_change, told);
    assert_string_equal(told, "");
    free(before);
    free(now);
}

/* The shipped example: below its heading it is, letter by letter, what is printed of it, and everything but
 * its datasets is a default. */
static void test_defaults_without_a_file(void **state)
{
    (void)state;
    struct error error;
    struct config config, parsed;
    const char *override = "data.datasets=[a.yaml]";
    assert_int_equal(config_defaults(&config, &error), STATUS_OK);
    assert_int_equal(config.data.dataset_count, 0);
    assert_string_equal(config.run.dir, "build/runs/dail");
    assert_int_equal(config_parse("", "t", &override, 1, &parsed, &error), STATUS_OK);
    char *without = config_format(&config, true), *with = config_format(&parsed, true);
    char *place = strstr(with, "[a.yaml]");
    assert_non_null(place);
    memmove(place + 1, place + strlen("[a.yaml"), strlen(place + strlen("[a.yaml")) + 1);
    assert_string_equal(without, with);
    free(without);
    free(with);
    config_free(&config);
    config_free(&parsed);
}

static void test_shipped_example_is_the_defaults(void **state)
{
    static const char *const same = "data.datasets=[same]";
    struct config shipped, defaults;
    struct error error;
    char line[2048], *text;
    size_t size;
    (void)state;
    if (config_load("etc/dail.yaml", NULL, 0, &shipped, &error) != STATUS_OK) {
        fail_msg("%s (tests run from the root of the tree)", error_format(&error, line, sizeof line));
    }
    assert_int_equal(file_read("etc/dail.yaml", 1 << 20, &text, &size, &error), STATUS_OK);
    char *heading_end = strstr(text, "\n\n"), *printed = config_format(&shipped, true);
    assert_non_null(heading_end);
    assert_string_equal(heading_end + 2, printed);
    free(text);
    free(printed);
    config_free(&shipped);
    assert_int_equal(config_load("etc/dail.yaml", &same, 1, &shipped, &error), STATUS_OK);
    assert_int_equal(config_parse("", "t", &same, 1, &defaults, &error), STATUS_OK);
    assert_same(&shipped, &defaults);
    config_free(&shipped);
    config_free(&defaults);
}

static void test_load(void **state)
{
    struct config c;
    struct error error;
    char folder[256], path[300];
    const char *base = getenv("TMPDIR");
    (void)state;
    assert_int_equal(config_load("/nowhere/x.yaml", NULL, 0, &c, &error), STATUS_USAGE);
    assert_non_null(strstr(error.where, "/nowhere/x.yaml"));
    assert_int_equal(config_load("/nowhere/x.yaml", NULL, 0, &c, NULL), STATUS_USAGE);
    snprintf(folder, sizeof folder, "%s/proto_config_XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.yaml", folder);
    int descriptor = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(descriptor, ONE_SET "\0x", sizeof ONE_SET + 1), sizeof ONE_SET + 1);
    assert_int_equal(config_load(path, NULL, 0, &c, &error), STATUS_USAGE);
    assert_int_equal(ftruncate(descriptor, (off_t)strlen(ONE_SET)), 0);
    assert_int_equal(config_load(path, NULL, 0, &c, &error), STATUS_OK);
    config_free(&c);
    close(descriptor);
    unlink(path);
    rmdir(folder);
}

/* As the shell does it: in the file, in --set, in every key that names a path; anywhere else ~ is a letter. */
static void test_home_folder(void **state)
{
    static const char text[] = "run: {dir: ~/runs/a, name: ~a}\n"
                               "data: {datasets: [~/a.yaml, {manifest: ~/b.yaml}, c/~/d.yaml, ./~]}\n"
                               "validation: [~/v.h5]\nmodel: {init: '~'}\n";
    static const char *const overrides[] = {"checkpoint.resume=~/old"};
    struct config c;
    struct error error;
    (void)state;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    setenv("HOME", "/home/me", 1);
    assert_int_equal(config_parse(text, "test.yaml", overrides, 1, &c, &error), STATUS_OK);
    assert_string_equal(c.run.dir, "/home/me/runs/a");
    assert_string_equal(c.run.name, "~a");
    assert_string_equal(c.data.datasets[0].manifest, "/home/me/a.yaml");
    assert_string_equal(c.data.datasets[1].manifest, "/home/me/b.yaml");
    assert_string_equal(c.data.datasets[2].manifest, "c/~/d.yaml");
    assert_string_equal(c.data.datasets[3].manifest, "./~");
    assert_string_equal(c.validation.paths[0], "/home/me/v.h5");
    assert_string_equal(c.model_init, "/home/me");
    assert_string_equal(c.checkpoint.resume, "/home/me/old");
    config_free(&c);
    if (home) {
        setenv("HOME", home, 1);
    }
    free(home);
}

/* What YAML would read back as nothing is printed in quotes. */
static void test_null_reads_back(void **state)
{
    struct config c, again;
    struct error error;
    (void)state;
    assert_int_equal(parse(ONE_SET "run: {name: 'null', dir: \"./~\"}\n", &c, &error), STATUS_OK);
    char *text = config_format(&c, false);
    assert_int_equal(parse(text, &again, &error), STATUS_OK);
    assert_string_equal(again.run.name, "null");
    assert_string_equal(again.run.dir, "./~");
    free(text);
    config_free(&c);
    config_free(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults),
                                       cmocka_unit_test(test_run_dir_follows_the_name),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_home_folder),
                                       cmocka_unit_test(test_null_reads_back),
                                       cmocka_unit_test(test_depth_is_bounded),
                                       cmocka_unit_test(test_overrides),
                                       cmocka_unit_test(test_bad_overrides),
                                       cmocka_unit_test(test_what_is_printed_reads_back),
                                       cmocka_unit_test(test_comments_tell_each_key),
                                       cmocka_unit_test(test_keep),
                                       cmocka_unit_test(test_digest),
                                       cmocka_unit_test(test_changed_settings),
                                       cmocka_unit_test(test_shipped_example_is_the_defaults),
                                       cmocka_unit_test(test_defaults_without_a_file),
                                       cmocka_unit_test(test_load)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
