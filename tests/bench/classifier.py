"""The classifier: dataset scope over `all`, and 400,000 classes over two workers in the memory of their rows."""
import json
import subprocess

from common import Row, environment, median, pinned, ratios, run_json, say


def seconds_of(setting, scope):
    classes, batch = ("20000", "64") if setting.quick else ("100000", "512")
    step = run_json([setting.program("dail"), "bench", "--arch", "iresnet10", "--input", "16", "--width", "0.125",
                     "--embedding", "512", "--batch", batch, "--datasets", "10", "--classes", classes, "--scope", scope,
                     "--threads", "1", "--steps", "3", "--json"], setting.cores[:1], 1)
    return step["phases"]["classifier"]


def measure_scope(setting):
    row = Row("classifier, dataset scope over all, ten datasets", must=0.15, aim=0.11, lower=True)
    narrow, wide = [], []
    for number in range(setting.rounds):
        narrow.append(seconds_of(setting, "dataset"))
        wide.append(seconds_of(setting, "all"))
        say("  round %d: dataset %.4f s, all %.4f s" % (number + 1, narrow[-1], wide[-1]))
    row.value, row.spread = ratios(narrow, wide)
    row.note = "%.0f and %.0f ms a round" % (1e3 * median(narrow), 1e3 * median(wide))
    return row


def measure_memory(setting):
    classes, workers = (40000 if setting.quick else 400000), 2
    row = Row("classifier of %d classes, two workers: memory" % classes, must=1.1, aim=1.05, lower=True)
    command = ["mpirun", "--oversubscribe"] + [part for worker in range(workers) for part in (
        ([":"] if worker else []) + ["-n", "1"] + pinned([setting.cores[worker % len(setting.cores)]]) +
        [setting.program("tests/mpi/classifier_memory_test"), str(classes), "512", "16", "3"])]
    done = subprocess.run(command, env=environment(1), stdout=subprocess.PIPE, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or len(lines) != workers:
        row.note = "classifier_memory_test ended with %d" % done.returncode
        return row
    for line in lines:
        say("  worker %d: rows %.0f MB and tiles %.0f MB must be held, %.0f MB are; the process's peak is %.0f MB; %.2f s a step" % (
            line["rank"] + 1, line["rows_bytes"] / 1e6, line["tile_bytes"] / 1e6, line["held_bytes"] / 1e6,
            line["peak_bytes"] / 1e6, line["seconds"]))
    worst = max(lines, key=lambda line: line["peak_bytes"])
    row.value = worst["peak_bytes"] / (worst["rows_bytes"] + worst["tile_bytes"])
    row.note = "peak %.0f MB of %.0f MB that must be held" % (
        worst["peak_bytes"] / 1e6, (worst["rows_bytes"] + worst["tile_bytes"]) / 1e6)
    return row


def measure(setting):
    return [measure_scope(setting), measure_memory(setting)]
