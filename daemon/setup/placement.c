#include "daemon/setup/placement.h"

#include "daemon/rank/core_set.h"
#include "daemon/rank/interface.h"
#include "worker/exchange/lane_share.h"
#include "worker/measure/prediction.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What ranks of one host reach through shared memory, and what a network of unknown speed is taken for
 * (1 Gb/s Ethernet). Bytes a second. */
#define SHARED_MEMORY_BANDWIDTH 2e9
#define UNKNOWN_NETWORK_BANDWIDTH 1.1e8
/* Of an interface's nominal speed, what a reduction gets. */
#define NETWORK_EFFICIENCY 0.7
#define GIGABYTE 1e9
/* Files of a rank beside its connections: shards, libraries, the launcher's, the run's own. */
#define FILES_BESIDE 128

/* What the ranks of one host have together. */
struct host_sum {
    const char *name;
    struct core_set cores;
    bool shares; /* two ranks may use the same core */
    int threads, ranks, first_rank;
    int spread_rank; /* the first that computes on cores of several NUMA nodes; 0: none does */
    double granted; /* cores' worth of time; 0: no limit */
    int64_t needed, available;
};

static void warn(struct placement *placement, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct placement *placement, const char *format, ...)
{
    if (placement->warnings == PLACEMENT_WARNINGS_MAX) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    char *line = placement->warning[placement->warnings++];
    vsnprintf(line, sizeof placement->warning[0], format, arguments);
    va_end(arguments);
}

static struct host_sum *sum_hosts(const struct placement_input *input, int *count)
{
    struct host_sum *hosts = calloc((size_t)input->workers + 1, sizeof *hosts);
    *count = 0;
    for (int w = 0; hosts && w < input->workers; w++) {
        const struct message_hello *hello = &input->hello[w];
        int h = 0;
        while (h < *count && strcmp(hosts[h].name, hello->host) != 0) {
            h++;
        }
        if (h == *count) {
            hosts[(*count)++] = (struct host_sum){
                .name = hello->host, .first_rank = w + 1, .available = hello->memory_available};
        }
        struct core_set cores;
        if (core_set_parse(hello->cores, &cores)) {
            hosts[h].shares = core_set_join(&hosts[h].cores, &cores) || hosts[h].shares;
        }
        if (hosts[h].spread_rank == 0 && hello->numa_nodes > 1 && hello->threads > 1) {
            hosts[h].spread_rank = w + 1;
        }
        hosts[h].granted = hello->cores_granted > hosts[h].granted ? hello->cores_granted : hosts[h].granted;
        hosts[h].ranks++;
        hosts[h].threads += hello->threads;
        hosts[h].needed += hello->memory_needed;
        if (hello->memory_available < hosts[h].available) {
            hosts[h].available = hello->memory_available;
        }
    }
    return hosts;
}

static const struct launcher *advice(const struct placement_input *input)
{
    return input->launcher ? input->launcher : launcher_at(0);
}

static void check_cores(const struct placement_input *input, const struct host_sum *host,
                        struct placement *placement)
{
    int cores = core_set_count(&host->cores);
    char list[64];
    core_set_format(&host->cores, list, sizeof list);
    if (cores > 0 && host->threads > cores) {
        warn(placement,
             "%s is oversubscribed: %d threads of %d workers on %d physical cores (%s); start fewer workers "
             "there, set runtime.threads, or bind with %sN",
             host->name, host->threads, host->ranks, cores, list, advice(input)->bind);
    } else if (host->granted > 0 && host->threads > host->granted) {
        warn(
            placement,
            "%s is oversubscribed: its control group grants %d threads of %d workers the time of %.1f cores; "
            "start fewer workers there, or set runtime.threads",
            host->name, host->threads, host->ranks, host->granted);
    } else if (host->shares) {
        warn(placement, "%d workers on %s are not bound and share cores %s; bind them with %s%d", host->ranks,
             host->name, list, advice(input)->bind, host->threads / host->ranks);
    } else if (host->spread_rank > 0) {
        const struct message_hello *hello = &input->hello[host->spread_rank - 1];
        warn(placement,
             "rank %d on %s computes on cores %s of %d NUMA nodes; one worker for each node, bound to it, is "
             "faster: %s%d",
             host->spread_rank, host->name, hello->cores, hello->numa_nodes, advice(input)->bind,
             hello->cores_allowed / hello->numa_nodes);
    }
}

static void check_memory(const struct host_sum *host, struct placement *placement)
{
    if (host->available > 0 && host->needed > host->available) {
        warn(placement,
             "%s has %.1f GB of memory left and its %d workers need %.1f GB; use a smaller batch.lane, fewer "
             "workers there, or more hosts",
             host->name, (double)host->available / GIGABYTE, host->ranks, (double)host->needed / GIGABYTE);
    }
}

/* A rank talks to every other, on other hosts by a connection each. */
static void check_files(const struct placement_input *input, const struct host_sum *host,
                        struct placement *placement)
{
    int64_t files = input->hello[host->first_rank - 1].files;
    int64_t needed = input->workers + 1 - host->ranks + FILES_BESIDE;
    if (files > 0 && files < needed) {
        warn(
            placement,
            "%s lets a rank have %lld files open, and the connections to the ranks of other hosts need %lld; "
            "raise the hard limit there (ulimit -Hn, LimitNOFILE of slurmd)",
            host->name, (long long)files, (long long)needed);
    }
}

static void check_products(const struct placement_input *input, const struct host_sum *host,
                           struct placement *placement)
{
    const char *kernel = input->hello[host->first_rank - 1].blas_kernel;
    if (kernel[0]) {
        warn(placement,
             "%s: OpenBLAS takes its %s kernels, which do not use all instructions of the processor, for the "
             "classifier and the domain head; unset OPENBLAS_CORETYPE there, or take a newer OpenBLAS",
             host->name, kernel);
    }
}

/* Warns of interfaces that lead nowhere, which MPI tries nonetheless between hosts. */
static void check_interfaces(const struct placement_input *input, const struct host_sum *host,
                             struct placement *placement)
{
    const char *list = input->hello[host->first_rank - 1].interfaces;
    struct interface one;
    bool usable = false;
    for (size_t at = 0; interface_next(list, &at, &one);) {
        bool picked = interface_picked(&one, input->interface_include, input->interface_exclude);
        bool virtual = interface_is_virtual(one.name);
        usable = usable || (picked && !virtual);
        if (picked && virtual) {
            warn(placement,
                 "%s: %s (%s) is a virtual bridge that other hosts cannot reach, and is picked for traffic "
                 "between hosts; name the right one: %s",
                 host->name, one.name, one.address, advice(input)->pick_interface);
        }
    }
    if (!usable) {
        warn(placement, "%s has no interface but the loopback for traffic between hosts%s%s", host->name,
             input->interface_include ? ", where MPI is told to use " : "",
             input->interface_include ? input->interface_include : "");
    }
}

double placement_bandwidth(const struct placement_input *input, const char **source)
{
    double slowest = 0;
    bool several = false, unknown = false;
    for (int w = 0; w < input->workers; w++) {
        struct interface one;
        double best = 0;
        several = several || strcmp(input->hello[w].host, input->hello[0].host) != 0;
        for (size_t at = 0; interface_next(input->hello[w].interfaces, &at, &one);) {
            bool picked = interface_picked(&one, input->interface_include, input->interface_exclude) &&
                          !interface_is_virtual(one.name);
            double bytes = one.megabits * 1e6 / 8 * NETWORK_EFFICIENCY;
            best = picked && bytes > best ? bytes : best;
        }
        unknown = unknown || best <= 0;
        slowest = slowest <= 0 || best < slowest ? best : slowest;
    }
    if (!several) {
        *source = "assumed for shared memory";
        return SHARED_MEMORY_BANDWIDTH;
    }
    if (unknown) {
        *source = "assumed: no interface tells its speed";
        return UNKNOWN_NETWORK_BANDWIDTH;
    }
    *source = "70% of the slowest interface";
    return slowest;
}

/* Workers that a sample's embedding goes to, in the mean. */
static double parts_of(const struct placement_input *input)
{
    double images = 0, parts = 0;
    for (size_t k = 0; k < input->dataset_count; k++) {
        images += input->datasets[k].images;
        parts += input->datasets[k].images * input->datasets[k].owners;
    }
    return input->samples_to_all || images <= 0 ? input->workers : parts / images;
}

static void predict(const struct placement_input *input, struct placement *placement, FILE *out)
{
    const char *source;
    double slowest = 0;
    bool known = true;
    double bandwidth = placement_bandwidth(input, &source);
    int rounds = lane_share_rounds(input->lanes, input->workers);
    int images = rounds * input->lane_batch;
    double bytes = prediction_bytes(input->workers, input->lanes, input->lane_batch, input->embedding,
                                    parts_of(input), (double)input->gradient_bytes);
    for (int w = 0; w < input->workers; w++) {
        double seconds = input->hello[w].seconds_per_image;
        known = known && seconds > 0;
        slowest = seconds > slowest ? seconds : slowest;
    }
    placement->seconds_compute = known ? slowest * images : 0;
    placement->seconds_exchange = bytes / bandwidth;
    if (input->workers > 1) {
        fprintf(out, "exchange: %.1f MB a step and worker at %.0f MB/s (%s): %.2f s\n", bytes / 1e6,
                bandwidth / 1e6, source, placement->seconds_exchange);
    }
    int enough = lane_share_workers(input->lanes, input->workers);
    if (enough < input->workers) {
        warn(placement, "%d workers share %d lanes: a step takes %d rounds, as with %d workers",
             input->workers, input->lanes, rounds, enough);
    }
    if (!known) {
        fprintf(out, "step: no worker measured its speed\n");
        return;
    }
    double together = placement->seconds_compute > placement->seconds_exchange ? placement->seconds_compute
                                                                               : placement->seconds_exchange;
    fprintf(out,
            "step: about %.2f s, %.1f images/s (predicted from %.1f ms per image, measured by the slowest "
            "worker just now, %s%d images each; the exchange runs beside it)\n",
            together, (double)input->lanes * input->lane_batch / together, slowest * 1e3,
            input->lanes % input->workers ? "up to " : "", images);
    if (placement->seconds_exchange > placement->seconds_compute / 2) {
        warn(placement,
             "the exchange will dominate the step: %.2f s beside %.2f s of computing; use more lanes per "
             "worker "
             "(data.lanes), a larger batch.lane, or a faster network",
             placement->seconds_exchange, placement->seconds_compute);
    }
}

static void print_ranks(const struct placement_input *input, FILE *out)
{
    fprintf(out, "rank 0     %-20s coordinator\n", input->coordinator_host);
    for (int w = 0; w < input->workers; w++) {
        const struct message_hello *hello = &input->hello[w];
        const char *kernel = hello->blas_kernel;
        fprintf(out,
                "rank %-5d %-20s worker, %d thread%s on core%s %s, %s%s%s%s, %.2f of %.2f GB memory, %s\n",
                w + 1, hello->host, hello->threads, hello->threads == 1 ? "" : "s",
                hello->cores_allowed == 1 ? "" : "s", hello->cores, hello->isa,
                kernel[0] ? " (OpenBLAS: " : "", kernel, kernel[0] ? ")" : "",
                (double)hello->memory_needed / GIGABYTE, (double)hello->memory_available / GIGABYTE,
                hello->interfaces[0] ? hello->interfaces : "loopback only");
    }
}

static void print_owners(const struct placement_input *input, FILE *out)
{
    for (size_t k = 0; k < input->dataset_count; k++) {
        const struct placement_dataset *dataset = &input->datasets[k];
        fprintf(out, "dataset %s: %u classes, owned by rank%s", dataset->name, dataset->classes,
                dataset->owners == 1 ? "" : "s");
        if (dataset->owners == input->workers && input->workers > 1) {
            fprintf(out, " 1 to %d\n", input->workers);
            continue;
        }
        for (int i = 0; i < dataset->owners; i++) {
            fprintf(out, " %d", (dataset->first + i) % input->workers + 1);
        }
        fprintf(out, "\n");
    }
}

enum status placement_describe(const struct placement_input *input, struct placement *placement,
                               struct error *error)
{
    *placement = (struct placement){0};
    size_t size;
    struct host_sum *hosts = sum_hosts(input, &placement->hosts);
    FILE *out = open_memstream(&placement->table, &size);
    if (!hosts || !out) {
        free(hosts);
        if (out) {
            fclose(out);
        }
        placement_free(placement);
        return error_no_memory(error, "placement");
    }
    print_ranks(input, out);
    print_owners(input, out);
    if (placement->hosts > 1 && (input->interface_include || input->interface_exclude)) {
        fprintf(out, "network: MPI is told %s %s\n", input->interface_include ? "to use" : "not to use",
                input->interface_include ? input->interface_include : input->interface_exclude);
    }
    predict(input, placement, out);
    fclose(out);
    for (int h = 0; h < placement->hosts; h++) {
        check_cores(input, &hosts[h], placement);
        check_memory(&hosts[h], placement);
        check_products(input, &hosts[h], placement);
        check_files(input, &hosts[h], placement);
        if (placement->hosts > 1) {
            check_interfaces(input, &hosts[h], placement);
        }
    }
    free(hosts);
    return STATUS_OK;
}

void placement_free(struct placement *placement)
{
    free(placement->table);
    placement->table = NULL;
}
