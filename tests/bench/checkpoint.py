"""What checkpoints cost: the seconds that one adds to the training, the stop for the copy and whatever the writing
beside it slows down, over 50 steps of the network at its full batch."""
from common import Row, median, run_json, say
from runs import Run

EVERY = 50


def added_seconds(run, every):
    """Of each checkpoint: the time to the step before the next one, less as many undisturbed steps."""
    times = {record["step"]: record["t"] for record in run.steps}
    last = max(times)
    calm = [times[step] - times[step - 1] for step in times
            if step > every and (step - 1) % every >= every // 2 and step - 1 in times]
    usual = median(calm)
    return [times[step + every] - times[step] - every * usual
            for step in range(every, last - every + 1, every)], usual


def measure(setting):
    every, checkpoints = (4, 2) if setting.quick else (10, 3)
    batch = max(2, setting.batch // 4)
    row = Row("checkpoint every %d steps, share of the time" % EVERY, must=2, aim=0.5, unit="%", lower=True)
    run = Run(setting, "checkpoint", 1, batch, every * (checkpoints + 1), checkpoint__every_steps=every)
    added, usual = added_seconds(run, every)
    step = run_json([setting.program("dail"), "bench", "--arch", setting.arch, "--input", str(setting.input), "--batch",
                     str(setting.batch), "--classes", str(setting.classes), "--threads", "1", "--steps", "2", "--json"],
                    setting.cores[:1], 1)["seconds_per_step"]["median"]
    say("  %d checkpoints of %.0f MB added %s s; a step of %d images takes %.2f s, of %d %.2f s" % (
        len(added), run.checkpoints[0]["bytes"] / 1e6, ", ".join("%.2f" % seconds for seconds in added), batch, usual,
        setting.batch, step))
    row.value = max(0, 100 * median(added) / (EVERY * step))
    row.spread = (100 * min(added) / (EVERY * step), 100 * max(added) / (EVERY * step))
    row.note = "%.2f s each, of %.0f s" % (median(added), EVERY * step)
    return [row]
