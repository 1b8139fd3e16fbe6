#!/usr/bin/python3
"""The exchange of many workers on simulated networks: what a step takes, beside what the predictor says.

    simulate.py [--build DIR] [--workers N,...] [--networks NAME,...] [--how own,bf16] [--per-host N]

Each host computes iresnet50 on 16 images in --seconds, and holds its part of ten datasets of 40,000 people. The networks
have full bisection: a host's own link is what limits it. SimGrid runs daild's exchange and classifier as they are
(exchange_step.c). Prints a table, and writes it as JSON to <build>/simulation.json.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

# Bytes a second of a host each way, and seconds of latency between two of them.
NETWORKS = {"10GbE": (1.25e9, 30e-6), "25GbE": (3.125e9, 20e-6), "IB100": (12.5e9, 2e-6)}
# Messages pay what a link says and no more: SimGrid's defaults were fitted to a cluster of 1 Gb/s.
PLAIN = ["smpi/simulate-computation:no", "smpi/shared-malloc:global", "smpi/privatization:no", "network/TCP-gamma:0", "network/crosstraffic:no",
         "network/latency-factor:1", "network/bandwidth-factor:1", "smpi/lat-factor:0:1", "smpi/bw-factor:0:1",
         "smpi/test:0", "smpi/wtime:0", "contexts/factory:raw", "contexts/stack-size:1024", "smpi/host-speed:1Gf"]


def arguments():
    parser = argparse.ArgumentParser(description="The exchange of many workers on simulated networks.")
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--workers", default="4,16,64,256,1024", help="numbers of workers")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--how", default="own,bf16", help="own: float32; bf16: gradients rounded")
    parser.add_argument("--per-host", default=1, type=int, help="workers that share a host's link")
    parser.add_argument("--seconds", default=0.222, type=float, help="of a worker's step alone")
    parser.add_argument("--memory", default=100e9, type=float, help="bytes a second that a host reads and writes")
    parser.add_argument("--step", type=pathlib.Path, help="a description of step_describe, instead of one made now")
    chosen = parser.parse_args()
    for name in chosen.networks.split(","):
        if name not in NETWORKS:
            parser.error("--networks knows %s" % ", ".join(NETWORKS))
    return chosen


def output_of(command, **keywords):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **keywords)
    if done.returncode != 0:
        sys.exit("%s\n%s failed with %d" % (done.stderr.strip(), command[0], done.returncode))
    return done.stdout


def write_platform(folder, workers, per_host, bandwidth, latency):
    hosts = -(-workers // per_host)
    platform, hostfile = folder / "platform.xml", folder / "hosts"
    platform.write_text("""<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <cluster id="hosts" prefix="host" suffix="" radical="0-%d" speed="1Gf" core="%d" bw="%gBps" lat="%gs"
           loopback_bw="10e9Bps" loopback_lat="1e-6s"/>
</platform>
""" % (hosts - 1, per_host, bandwidth, latency / 2))
    hostfile.write_text("".join("host%d\n" % (worker // per_host) for worker in range(workers)))
    return platform, hostfile


def simulate(chosen, folder, step, workers, network, how):
    platform, hostfile = write_platform(folder, workers, chosen.per_host, *NETWORKS[network])
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    command = ["smpirun", "-np", workers, "-platform", platform, "-hostfile", hostfile, "-no-privatize"]
    command += ["--cfg=" + setting for setting in PLAIN] + ["--log=root.thres:critical"]
    began = time.monotonic()
    text = output_of(command + [chosen.build / "tests/simulation/exchange_step", step, how], env=environment)
    seconds, waited = (float(word) for word in text.split()[-2:])
    return seconds, waited, time.monotonic() - began


def main():
    chosen = arguments()
    folder = chosen.build / "simulation"
    folder.mkdir(parents=True, exist_ok=True)
    step = chosen.step or folder / "step"
    if not chosen.step:
        step.write_text(output_of([chosen.build / "tests/simulation/step_describe", "iresnet50", 16, chosen.seconds,
                                   chosen.memory, 10, 40000]))
    rows = []
    print("| network | workers | gradients | step, s | waits, s | efficiency, % | predicted, s | predicted / simulated | simulated in, s |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for network in chosen.networks.split(","):
        bandwidth, latency = NETWORKS[network]
        for workers in (int(word) for word in chosen.workers.split(",")):
            predicted = [float(word) for word in output_of(
                [chosen.build / "tests/simulation/predict", step, workers, bandwidth, latency]).split()]
            for how in chosen.how.split(","):
                seconds, waited, took = simulate(chosen, folder, step, workers, network, how)
                row = {"network": network, "workers": workers, "per_host": chosen.per_host, "how": how, "step": seconds,
                       "waited": waited, "efficiency": chosen.seconds / seconds, "predicted": predicted[0]}
                rows.append(row)
                said = (("%.3f | %.2f" % (predicted[0], predicted[0] / seconds)) if how == "own" and chosen.per_host == 1
                        else "– | –")
                print("| %s | %d | %s | %.3f | %.3f | %.0f | %s | %.0f |" % (
                    network, workers, how, seconds, waited, 100 * row["efficiency"], said, took), flush=True)
    (chosen.build / "simulation.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
