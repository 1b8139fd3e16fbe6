#include "worker/loss/classifier_delivery.h"

#include <stdlib.h>
#include <string.h>

struct delivery {
    bool *has_part; /* [workers][datasets] */
    int *samples; /* [workers][datasets]: of the round, that each worker has of a dataset */
    int *next; /* [datasets]: where the next one of each goes */
    int *slot; /* [round_max] */
    int *slot_first; /* [workers + 1]: of each worker's samples */
    int *order; /* [round_max / workers]: own positions in order of dataset */
    float *sorted; /* [round_max / workers][D]: own embeddings in that order */
    float *returned; /* [round_max][D + RETURN_COUNT]: what the others say of own samples */
    struct exchange_piece *send, *receive; /* room for all of a round */
    size_t sends, receives;
};

static bool has_part(const struct classifier *classifier, int worker, size_t dataset)
{
    return classifier->delivery->has_part[(size_t)worker * classifier->config.datasets + dataset];
}

static int *samples_of(const struct classifier *classifier, int worker)
{
    return classifier->delivery->samples + (size_t)worker * classifier->config.datasets;
}

bool delivery_create(struct classifier *classifier)
{
    size_t workers = (size_t)classifier->exchange->size, datasets = classifier->config.datasets;
    size_t round_max = (size_t)classifier->config.round_max, own = round_max / workers;
    size_t dimension = (size_t)classifier->config.embedding;
    /* Runs are parted by a dataset in which the other worker has no part. */
    size_t runs = (datasets + 1) / 2 < own ? (datasets + 1) / 2 : own;
    struct delivery *delivery = calloc(1, sizeof *delivery);
    classifier->delivery = delivery;
    if (!delivery) {
        return false;
    }
    delivery->has_part = calloc(workers * datasets, sizeof *delivery->has_part);
    delivery->samples = calloc(workers * datasets, sizeof *delivery->samples);
    delivery->next = calloc(datasets, sizeof *delivery->next);
    delivery->slot = calloc(round_max, sizeof *delivery->slot);
    delivery->slot_first = calloc(workers + 1, sizeof *delivery->slot_first);
    delivery->order = calloc(own, sizeof *delivery->order);
    delivery->sorted = calloc(own * dimension, sizeof *delivery->sorted);
    delivery->returned = calloc(round_max * (dimension + RETURN_COUNT), sizeof *delivery->returned);
    delivery->send = calloc(workers * runs, sizeof *delivery->send);
    delivery->receive = calloc(workers * runs, sizeof *delivery->receive);
    classifier->bytes += (round_max * (dimension + RETURN_COUNT) + own * dimension) * sizeof(float) +
                         2 * workers * runs * sizeof *delivery->send;
    return delivery->has_part && delivery->samples && delivery->next && delivery->slot &&
           delivery->slot_first && delivery->order && delivery->sorted && delivery->returned &&
           delivery->send && delivery->receive;
}

void delivery_free(struct classifier *classifier)
{
    struct delivery *delivery = classifier->delivery;
    if (delivery) {
        free(delivery->has_part);
        free(delivery->samples);
        free(delivery->next);
        free(delivery->slot);
        free(delivery->slot_first);
        free(delivery->order);
        free(delivery->sorted);
        free(delivery->returned);
        free(delivery->send);
        free(delivery->receive);
        free(delivery);
    }
}

void delivery_plan(struct classifier *classifier)
{
    int workers = classifier->exchange->size;
    size_t datasets = classifier->config.datasets;
    for (size_t k = 0; k < datasets; k++) {
        int first, owners;
        classifier_owners(classifier, k, &first, &owners);
        for (int w = 0; w < workers; w++) {
            classifier->delivery->has_part[(size_t)w * datasets + k] =
                classifier->global || (w - first + workers) % workers < owners;
        }
    }
}

static void count_samples(struct classifier *classifier, int count)
{
    for (int w = 0; w < classifier->exchange->size; w++) {
        int *samples = samples_of(classifier, w);
        memset(samples, 0, classifier->config.datasets * sizeof *samples);
        for (int i = 0; i < count; i++) {
            uint32_t dataset = classifier->gathered_sample[w * count + i].dataset;
            if (dataset != SAMPLE_ABSENT) {
                samples[dataset]++;
            }
        }
    }
}

static void sort_own(struct classifier *classifier, int count, const float *embedding,
                     const struct sample *sample)
{
    struct delivery *delivery = classifier->delivery;
    size_t dimension = (size_t)classifier->config.embedding;
    const int *samples = samples_of(classifier, classifier->exchange->rank);
    int next = 0;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        delivery->next[k] = next;
        next += samples[k];
    }
    for (int i = 0; i < count; i++) {
        if (sample[i].dataset != SAMPLE_ABSENT) {
            int at = delivery->next[sample[i].dataset]++;
            delivery->order[at] = i;
            memcpy(delivery->sorted + (size_t)at * dimension, embedding + (size_t)i * dimension,
                   dimension * sizeof *embedding);
        }
    }
}

/* Adds a piece for each run of the samples of one worker, which lie at `samples` in order of dataset with the rest left
 * out or not, that another has a part in; returns how many samples they are. */
static int list_runs(const struct classifier *classifier, int from, int to, float *samples, bool all_there,
                     int other, struct exchange_piece *piece, size_t *pieces)
{
    size_t dimension = (size_t)classifier->config.embedding;
    const int *count = samples_of(classifier, from);
    size_t at = 0;
    int taken = 0;
    bool open = false;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        size_t values = (size_t)count[k] * dimension;
        if (count[k] == 0) {
            continue;
        }
        if (has_part(classifier, to, k)) {
            if (!open) {
                piece[(*pieces)++] = (struct exchange_piece){.worker = other, .bytes = samples + at};
            }
            piece[*pieces - 1].size += values * sizeof *samples;
            taken += count[k];
            at += values;
            open = true;
        } else {
            at += all_there ? values : 0;
            open = false;
        }
    }
    return taken;
}

/* Own samples do not travel. */
static int take_own(struct classifier *classifier, float *to)
{
    int rank = classifier->exchange->rank;
    struct delivery *delivery = classifier->delivery;
    size_t pieces = 0;
    int taken = list_runs(classifier, rank, rank, delivery->sorted, true, rank,
                          delivery->receive + delivery->receives, &pieces);
    for (size_t i = 0; i < pieces; i++) {
        const struct exchange_piece *piece = &delivery->receive[delivery->receives + i];
        memcpy(to, piece->bytes, piece->size);
        to += piece->size / sizeof *to;
    }
    return taken;
}

/* Numbers the slots: by worker, then dataset, then position. */
static void number_slots(struct classifier *classifier, int count)
{
    struct delivery *delivery = classifier->delivery;
    int rank = classifier->exchange->rank;
    for (int w = 0; w < classifier->exchange->size; w++) {
        const int *samples = samples_of(classifier, w);
        int next = delivery->slot_first[w];
        for (size_t k = 0; k < classifier->config.datasets; k++) {
            delivery->next[k] = next;
            next += has_part(classifier, rank, k) ? samples[k] : 0;
        }
        for (int i = 0; i < count; i++) {
            uint32_t dataset = classifier->gathered_sample[w * count + i].dataset;
            bool own = dataset != SAMPLE_ABSENT && has_part(classifier, rank, dataset);
            delivery->slot[w * count + i] = own ? delivery->next[dataset]++ : -1;
        }
    }
}

enum status delivery_check(const struct classifier *classifier, const struct sample *sample, size_t count,
                           struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct sample *seen = &sample[i];
        if (seen->dataset != SAMPLE_ABSENT && (seen->dataset >= classifier->config.datasets ||
                                               seen->label >= classifier->classes[seen->dataset])) {
            return error_set(error, STATUS_INTERNAL, "classifier", NULL,
                             "a sample with label %u of dataset %u reached the loss", seen->label,
                             seen->dataset);
        }
    }
    return STATUS_OK;
}

enum status delivery_send(struct classifier *classifier, int count, const float *embedding,
                          const struct sample *sample, struct error *error)
{
    struct exchange *exchange = classifier->exchange;
    struct delivery *delivery = classifier->delivery;
    size_t dimension = (size_t)classifier->config.embedding;
    int slots = 0;
    count_samples(classifier, count);
    sort_own(classifier, count, embedding, sample);
    delivery->sends = delivery->receives = 0;
    for (int w = 0; w < exchange->size; w++) {
        float *to = classifier->gathered_embedding + (size_t)slots * dimension;
        delivery->slot_first[w] = slots;
        if (w == exchange->rank) {
            slots += take_own(classifier, to);
        } else {
            list_runs(classifier, exchange->rank, w, delivery->sorted, true, w, delivery->send,
                      &delivery->sends);
            slots += list_runs(classifier, w, exchange->rank, to, false, w, delivery->receive,
                               &delivery->receives);
        }
    }
    delivery->slot_first[exchange->size] = slots;
    number_slots(classifier, count);
    return exchange->operations->trade(exchange, delivery->send, delivery->sends, delivery->receive,
                                       delivery->receives, error);
}

const int *delivery_slots(const struct classifier *classifier)
{
    return classifier->delivery->slot;
}

/* Own samples that a worker has a part in. */
static int own_with_part(const struct classifier *classifier, int worker)
{
    const int *samples = samples_of(classifier, classifier->exchange->rank);
    int count = 0;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        count += has_part(classifier, worker, k) ? samples[k] : 0;
    }
    return count;
}

/* Adds columns begin to end of what one worker says of own samples, which comes in order of dataset. */
static void add_returned(struct classifier *classifier, int worker, const float *returned, size_t each,
                         size_t begin, size_t end)
{
    const struct delivery *delivery = classifier->delivery;
    const int *samples = samples_of(classifier, classifier->exchange->rank);
    const int *order = delivery->order;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        for (int i = 0; i < samples[k] && has_part(classifier, worker, k); i++, returned += each) {
            float *sum = classifier->incoming + (size_t)order[i] * each;
            for (size_t j = begin; j < end; j++) {
                sum[j] += returned[j];
            }
        }
        order += samples[k];
    }
}

enum status delivery_return(struct classifier *classifier, int count, size_t each, struct error *error)
{
    struct exchange *exchange = classifier->exchange;
    struct delivery *delivery = classifier->delivery;
    size_t expected = 0;
    delivery->sends = delivery->receives = 0;
    for (int w = 0; w < exchange->size; w++) {
        int first = delivery->slot_first[w];
        size_t theirs = (size_t)(delivery->slot_first[w + 1] - first) * each;
        size_t own = (size_t)own_with_part(classifier, w) * each;
        if (w != exchange->rank && theirs > 0) {
            delivery->send[delivery->sends++] =
                (struct exchange_piece){.worker = w,
                                        .bytes = classifier->outgoing + (size_t)first * each,
                                        .size = theirs * sizeof(float)};
        }
        if (w != exchange->rank && own > 0) {
            delivery->receive[delivery->receives++] = (struct exchange_piece){
                .worker = w, .bytes = delivery->returned + expected, .size = own * sizeof(float)};
            expected += own;
        }
    }
    enum status status = exchange->operations->trade(exchange, delivery->send, delivery->sends,
                                                     delivery->receive, delivery->receives, error);
    if (status != STATUS_OK) {
        return status;
    }
    memset(classifier->incoming, 0, (size_t)count * each * sizeof *classifier->incoming);
    size_t threads = (size_t)classifier->config.threads;
#pragma omp parallel for num_threads(classifier->config.threads) schedule(static, 1)
    for (size_t t = 0; t < threads; t++) {
        const float *returned = delivery->returned;
        for (int w = 0; w < exchange->size; w++) {
            bool here = w == exchange->rank;
            const float *from =
                here ? classifier->outgoing + (size_t)delivery->slot_first[w] * each : returned;
            add_returned(classifier, w, from, each, each * t / threads, each * (t + 1) / threads);
            returned += here ? 0 : (size_t)own_with_part(classifier, w) * each;
        }
    }
    return STATUS_OK;
}
