#include "daemon/command/prediction_report.h"

#include "proto/json_value.h"

#include <stdlib.h>

#define GIGA 1e9
#define MICRO 1e-6

enum status prediction_table_make(const struct prediction_input *input, int workers,
                                  struct prediction_table *table, struct error *error)
{
    size_t capacity = 2;
    for (int doubled = 1; doubled < workers; doubled *= 2) {
        capacity++;
    }
    *table = (struct prediction_table){.row = calloc(capacity, sizeof *table->row)};
    if (!table->row) {
        return error_no_memory(error, "bench");
    }
    for (int doubled = 1; doubled < workers; doubled *= 2) {
        prediction_make(input, doubled, &table->row[table->rows++]);
    }
    prediction_make(input, workers, &table->row[table->rows++]);
    return STATUS_OK;
}

void prediction_table_free(struct prediction_table *table)
{
    free(table->row);
    *table = (struct prediction_table){0};
}

const struct prediction *prediction_beaten_by(const struct prediction_table *table, size_t i)
{
    const struct prediction *best = NULL;
    for (size_t j = 0; j < i && table->row[i].possible; j++) {
        const struct prediction *row = &table->row[j];
        if (row->possible && row->epoch < table->row[i].epoch && (!best || row->epoch < best->epoch)) {
            best = row;
        }
    }
    return best;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void print_row(const struct prediction *row, const struct prediction *one, FILE *out)
{
    fprintf(out, "%7d %6d", row->workers, row->lanes);
    if (!row->possible) {
        fprintf(out, "  %s\n",
                row->workers > row->lanes ? "more workers than lanes" : "an epoch has no step");
        return;
    }
    fprintf(out, " %9.3f %9.3f %8.1f%% %7.0f%% %10.2f", row->step, row->exchange,
            100 * share(row->exchange, row->step), 100 * share(row->hidden, row->hidden + row->exchange),
            row->images_per_second);
    if (one->possible) {
        fprintf(out, " %6.2fx", row->images_per_second / one->images_per_second);
    } else {
        fprintf(out, " %7s", "");
    }
    fprintf(out, " %8lld %12.0f\n", (long long)row->steps_per_epoch, row->epoch);
}

void prediction_print(const struct prediction_input *input, const struct prediction_table *table, FILE *out)
{
    fprintf(out,
            "\npredicted, at %.3g GB/s and %.3g us between workers that each compute as measured here;\n",
            input->bandwidth / GIGA, input->latency / MICRO);
    fprintf(out, "reading images is taken to keep up\n\n");
    fprintf(out, "%7s %6s %9s %9s %9s %8s %10s %7s %8s %12s\n", "workers", "lanes", "s/step", "exchange",
            "share", "hidden", "images/s", "speed", "steps", "s/epoch");
    for (size_t i = 0; i < table->rows; i++) {
        print_row(&table->row[i], &table->row[0], out);
    }
    for (size_t i = 0; i < table->rows; i++) {
        const struct prediction *better = prediction_beaten_by(table, i);
        if (better) {
            fprintf(out, "%s%d workers are slower than %d: an epoch takes %.0f s, not %.0f s\n",
                    i == 0 || !prediction_beaten_by(table, i - 1) ? "\n" : "", table->row[i].workers,
                    better->workers, table->row[i].epoch, better->epoch);
        }
    }
}

static json_t *row_json(const struct prediction_table *table, size_t i)
{
    const struct prediction *row = &table->row[i];
    const struct prediction *better = prediction_beaten_by(table, i);
    json_t *object =
        json_pack("{s:i, s:i, s:b}", "workers", row->workers, "lanes", row->lanes, "possible", row->possible);
    if (!row->possible) {
        return object;
    }
    json_object_set_new(object, "seconds_per_step", json_figure(row->step));
    json_object_set_new(object, "seconds_compute", json_figure(row->compute));
    json_object_set_new(object, "seconds_exchange", json_figure(row->exchange));
    json_object_set_new(object, "seconds_exchange_hidden", json_figure(row->hidden));
    json_object_set_new(object, "exchange_share", json_figure(share(row->exchange, row->step)));
    json_object_set_new(object, "images_per_second", json_figure(row->images_per_second));
    json_object_set_new(object, "steps_per_epoch", json_integer(row->steps_per_epoch));
    json_object_set_new(object, "seconds_per_epoch", json_figure(row->epoch));
    json_object_set_new(object, "slower_than_workers", better ? json_integer(better->workers) : json_null());
    return object;
}

json_t *prediction_json(const struct prediction_input *input, const struct prediction_table *table)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < table->rows; i++) {
        json_array_append_new(rows, row_json(table, i));
    }
    return json_pack("{s:o, s:o, s:o}", "bandwidth_gb_per_second", json_figure(input->bandwidth / GIGA),
                     "latency_us", json_figure(input->latency / MICRO), "workers", rows);
}
