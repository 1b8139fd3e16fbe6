#!/usr/bin/python3
"""Measures every figure that DAIL holds itself to, on this machine, now, and prints them as a table.

    run.py [--build DIR] [--rounds N] [--quick] [GROUP...]

Groups: step, convolution, gradient, workers, checkpoint, classifier; by default all. Sides that are compared take
turns in one run, pinned to the same cores with the same number of threads; a figure is the median of its rounds,
with the least and the most beside it. `--quick` runs all of it on small sizes, to see that it works: its figures mean
nothing. BENCH_ROUNDS and BENCH_QUICK=1 in the environment do the same. Nothing here decides a test.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import checkpoint
import classifier
import convolution
import gradient
import step
import workers
from common import ROOT, Row, Setting, Unavailable, say, warn

GROUPS = {"step": step, "convolution": convolution, "gradient": gradient, "workers": workers,
          "checkpoint": checkpoint, "classifier": classifier}


def arguments():
    parser = argparse.ArgumentParser(description="Measures every figure that DAIL holds itself to.")
    parser.add_argument("--build", default=os.environ.get("DAIL_BUILD", "build"))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCH_ROUNDS", "3")))
    parser.add_argument("--quick", action="store_true", default=os.environ.get("BENCH_QUICK", "0") not in ("", "0"))
    parser.add_argument("group", nargs="*", choices=[[]] + list(GROUPS))
    return parser.parse_args()


def processor():
    try:
        with open("/proc/cpuinfo") as info:
            names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
        return names[0] if names else "unknown processor"
    except OSError:
        return "unknown processor"


def summary(rows):
    counts = {}
    for row in rows:
        counts.setdefault(row.verdict(), []).append(row.what)
    text = ", ".join("%d %s" % (len(counts[verdict]), verdict) for verdict in
                     ("reached aim", "reached must", "missed", "not measured") if verdict in counts)
    for verdict in ("missed", "not measured"):
        for what in counts.get(verdict, []):
            text += "\n%s: %s" % (verdict, what)
    return "\n%d figures: %s" % (len(rows), text)


def print_table(rows, quick):
    say("\n%-52s %9s %19s %8s %8s  %-12s %s" % ("figure", "now", "least to most", "must", "aim", "verdict", "note"))
    for row in rows:
        spread = "%s to %s" % tuple(row.format(value) for value in row.spread) if row.spread else ""
        bound = "<= " if row.lower else ">= "
        say("%-52s %9s %19s %8s %8s  %-12s %s" % (
            row.what, row.format(row.value), spread, bound + row.format(row.must) if row.must else "",
            bound + row.format(row.aim) if row.aim else "", "(quick)" if quick else row.verdict(), row.note))
    if not quick:
        say(summary(rows))


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # what was begun is ended
    build = os.path.join(ROOT, options.build) if not os.path.isabs(options.build) else options.build
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    work = tempfile.mkdtemp(prefix="run-", dir=os.path.join(build, "bench"))
    setting = Setting(build, work, 1 if options.quick else options.rounds, options.quick)
    say("%s, cores %s, load %.2f" % (processor(), ",".join(str(core) for core in setting.cores), os.getloadavg()[0]))
    begin, rows = time.monotonic(), []
    try:
        for name in options.group or GROUPS:
            say("== %s" % name)
            try:
                rows += GROUPS[name].measure(setting)
            except (Unavailable, OSError, subprocess.CalledProcessError) as error:
                warn("%s: %s" % (name, error))
                rows.append(Row(name, note=str(error).splitlines()[0], must=0, aim=0))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print_table(rows, options.quick)
    with open(os.path.join(build, "bench", "table.json"), "w") as file:
        json.dump([row.as_dict() for row in rows], file, indent=1)
    say("\n%d s%s; also in %s" % (time.monotonic() - begin, ", QUICK: these figures mean nothing" if options.quick else "",
                                os.path.relpath(os.path.join(build, "bench", "table.json"), os.getcwd())))


main()
