"""Two workers over one: weak scaling, and what the step waits for."""
from common import Row, median, say
from runs import Run


def shares(run):
    """Of each step: waiting for data; of the exchange, hidden."""
    data, hidden = [], []
    for record in run.settled():
        seconds = record["seconds"]
        data.append(seconds["data"] / (seconds["data"] + seconds["compute"] + seconds["exchange"]))
        hidden.append(seconds["exchange_hidden"] / (seconds["exchange_hidden"] + seconds["exchange"]))
    return data, hidden


def measure(setting):
    steps, rounds = 6, 2 if setting.rounds > 1 else 1
    scaling = Row("two workers over one, TCP loopback", must=1.8, aim=1.95)
    waiting = Row("step time waiting for data", must=2, aim=0.5, unit="%", lower=True)
    coordinator = Row("coordinator, share of a core", must=2, aim=0.5, unit="%", lower=True)
    if len(setting.cores) < 2:
        scaling.note = "one core alone is allowed"
        return [scaling, waiting, coordinator]
    gains, data, hidden, busy, images = [], [], [], [], []
    for number in range(rounds):
        one = Run(setting, "one-%d" % number, 1, setting.batch, steps)
        two = Run(setting, "two-%d" % number, 2, setting.batch, steps)
        pair = one.batch / median(one.seconds()), two.batch / median(two.seconds())
        images.append(pair)
        gains.append(pair[1] / pair[0])
        data_here, hidden_here = shares(two)
        data += data_here
        hidden += hidden_here
        busy += [run.coordinator for run in (one, two) if run.coordinator is not None]
        say("  round %d: one worker %.2f images/s, two %.2f; exchange %.3f s a step, %.0f%% of it hidden beside" % (
            number + 1, pair[0], pair[1], median(two.part("exchange")), 100 * median(hidden_here)))
    scaling.value, scaling.spread = median(gains), (min(gains), max(gains))
    scaling.note = "%.2f and %.2f images/s; %.0f%% of the exchange hidden" % (
        median([pair[0] for pair in images]), median([pair[1] for pair in images]), 100 * median(hidden))
    waiting.value, waiting.spread = 100 * median(data), (100 * min(data), 100 * max(data))
    waiting.note = "two workers"
    if busy:
        coordinator.value, coordinator.spread = 100 * max(busy), (100 * min(busy), 100 * max(busy))
        coordinator.note = "the most of %d runs" % len(busy)
    return [scaling, waiting, coordinator]
