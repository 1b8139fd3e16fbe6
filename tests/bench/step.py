"""A whole training step beside PyTorch's: speed in float32 and bfloat16, two threads over one, memory."""
import glob
import os

from common import HERE, PYTHON, Row, Server, Unavailable, count_of, median, ratios, run_json, say

KINDS = ("float32", "bfloat16")


def tcmalloc():
    """The library that replaces malloc, or None."""
    found = glob.glob("/usr/lib/*/libtcmalloc_minimal.so.4") + glob.glob("/usr/lib*/libtcmalloc_minimal.so.4")
    return found[0] if found else None


def start(setting, kind, threads, preload):
    more = {"LD_PRELOAD": preload} if preload else {}
    blocks = ",".join(str(count) for count in setting.blocks)
    server = Server([PYTHON, os.path.join(HERE, "peer.py"), "step", kind, blocks, str(setting.input),
                     str(setting.batch), str(setting.classes)], setting.cores[:threads], threads, **more)
    return server


class Peer:
    """PyTorch with the allocator with which it is faster; warmed up."""

    allocator = {}  # by kind

    def __init__(self, setting, kind, threads):
        choices = [None] + ([tcmalloc()] if tcmalloc() else [])
        if kind in Peer.allocator:
            choices = [Peer.allocator[kind]]
        servers = []
        try:
            for choice in choices:
                servers.append(start(setting, kind, threads, choice))
                servers[-1].ask("step")
            times = [[server.ask("step") for server in servers] for _ in range(2 if len(servers) > 1 else 0)]
        except Unavailable:
            for server in servers:
                server.close()
            raise
        best = min(range(len(servers)), key=lambda i: min(turn[i] for turn in times)) if times else 0
        for i, server in enumerate(servers):
            if i != best:
                server.close()
        Peer.allocator[kind] = choices[best]
        self.server = servers[best]

    def note(self, kind):
        return "PyTorch with %s" % ("tcmalloc" if Peer.allocator[kind] else "malloc")


def our_step(setting, threads, steps):
    return run_json([setting.program("dail"), "bench", "--arch", setting.arch, "--input", str(setting.input),
                     "--batch", str(setting.batch), "--classes", str(setting.classes), "--threads", str(threads),
                     "--steps", str(steps), "--json"], setting.cores[:threads], threads)


def take_turns(setting, threads, peers):
    """Rounds of ours and each peer's, and with several threads of ours on one: seconds of a step by side."""
    seconds = {side: [] for side in ["ours"] + list(peers) + (["ours on one thread"] if threads > 1 else [])}
    for number in range(setting.rounds):
        ours = our_step(setting, threads, 2)
        seconds["ours"].append(ours["seconds_per_step"]["median"])
        for kind, peer in peers.items():
            seconds[kind].append(median([peer.server.ask("step") for _ in range(2)]))
        if threads > 1:
            seconds["ours on one thread"].append(our_step(setting, 1, 2)["seconds_per_step"]["median"])
        say("  %s, round %d: %s" % (count_of(threads), number + 1, ", ".join(
            "%s %.2f images/s" % (side, setting.batch / values[-1]) for side, values in seconds.items())))
    return seconds, ours


def speed_row(setting, threads, kind, must, aim, seconds, peer, why):
    row = Row("step over PyTorch %s, %s" % (kind, count_of(threads)), must=must, aim=aim, note=why)
    if peer:
        row.value, row.spread = ratios(seconds[kind], seconds["ours"])
        row.note = "%.2f and %.2f images/s; %s" % (setting.batch / median(seconds["ours"]),
                                                   setting.batch / median(seconds[kind]), peer.note(kind))
    return row


def memory_row(ours, peer, why):
    row = Row("peak memory over PyTorch's, float32", must=0.8, aim=0.5, lower=True, note=why)
    if peer:
        mine, other = ours["memory"]["peak_bytes"], peer.server.ask("memory")
        row.value, row.note = mine / other, "%.0f and %.0f MB" % (mine / 1e6, other / 1e6)
    return row


def measure_threads(setting, threads):
    peers, why = {}, ""
    try:
        try:
            for kind in KINDS:
                peers[kind] = Peer(setting, kind, threads)
        except Unavailable as error:
            why = str(error)
        seconds, ours = take_turns(setting, threads, peers)
        rows = [speed_row(setting, threads, kind, must, aim, seconds, peers.get(kind), why)
                for kind, must, aim in (("float32", 2.0, 2.5), ("bfloat16", 1.0, 1.3))]
        if threads == 1:
            rows.append(memory_row(ours, peers.get("float32"), why))
        else:
            row = Row("two threads over one", must=1.8, aim=1.95)
            row.value, row.spread = ratios(seconds["ours on one thread"], seconds["ours"])
            rows.append(row)
        return rows
    finally:
        for peer in peers.values():
            peer.server.close()


def measure(setting):
    rows = [row for threads in setting.threads() for row in measure_threads(setting, threads)]
    if len(setting.threads()) < 2:
        rows.append(Row("two threads over one", must=1.8, aim=1.95, note="one core alone is allowed"))
    return rows
