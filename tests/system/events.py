#!/usr/bin/env python3
"""Reads a run's event files as TensorBoard does and holds them against its status log: every scalar must be there,
with the value of the step's last record, and no other. Says how many there are.

  events.py RUN
"""
import json
import math
import os
import sys

from tensorboard.backend.event_processing import event_accumulator


def shown(run):
    """{(tag, step): value} as TensorBoard would draw it."""
    accumulator = event_accumulator.EventAccumulator(os.path.join(run, "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    points = {}
    for tag in accumulator.Tags()["scalars"]:
        for point in accumulator.Scalars(tag):
            # An evaluation due at the checkpoint that a run goes on from is made again.
            assert (tag, point.step) not in points or tag.startswith("eval/"), f"{tag}, {point.step}: there twice"
            points[tag, point.step] = point.value
    return points


def logged(run):
    """The same from the status log, whose later records take the place of earlier ones."""
    points = {}
    for line in open(os.path.join(run, "status.jsonl")):
        record = json.loads(line)
        kind, found = record["kind"], {}
        if kind == "start":
            points = {key: value for key, value in points.items() if key[1] <= record["step"]}
        elif kind == "step":
            speed = ("images_per_second", "eta_seconds")
            train = ("epoch", "loss", "loss_cls", "loss_dom", "accuracy", "domain_accuracy", "lambda", "lr", "grad_norm")
            found = {f"train/{name}": record[name] for name in train}
            found |= {f"speed/{name}": record[name] for name in speed}
            found |= {f"speed/seconds_{name}": value for name, value in record["seconds"].items()}
        elif kind == "eval":
            names = ("accuracy", "accuracy_std", "threshold", "auc", "norm")
            found = {f"eval/{record['set']}/{name}": record[name] for name in names}
            found |= {f"eval/{record['set']}/tar_at_far_{far}": value for far, value in record["tar"].items()}
        elif kind == "checkpoint":
            found = {f"checkpoint/{name}": record[name] for name in ("bytes", "seconds", "stall")}
        for tag, value in found.items():
            points[tag, record["step"]] = value
    return points


def same(drawn, expected):
    """Both come from one double, as a float32 and as 12 digits: they may end up one float32 apart."""
    if expected is None:
        return math.isnan(drawn)
    return math.isclose(drawn, expected, rel_tol=2**-23, abs_tol=0)


def main():
    points, expected = shown(sys.argv[1]), logged(sys.argv[1])
    wrong = [key for key in points.keys() | expected.keys()
             if key not in points or key not in expected or not same(points[key], expected[key])]
    for key in sorted(wrong)[:10]:
        print(f"{key}: TensorBoard {points.get(key)}, status log {expected.get(key)}")
    steps = {step for tag, step in points if tag == "train/loss"}
    print(f"{len(points)} scalars of {len(steps)} steps, {len(wrong)} wrong")
    sys.exit(bool(wrong) or not points)


if __name__ == "__main__":
    main()
