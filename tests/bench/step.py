"""A whole training step beside PyTorch's: speed in float32 and bfloat16, two threads over one, memory."""
import glob
import os

from common import HERE, PYTHON, Row, Server, Unavailable, median, ratios, run_json, say

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
    """Rounds of ours and each peer's; seconds of a step by side."""
    seconds = {"ours": []}
    seconds.update({kind: [] for kind in peers})
    ours = []
    for number in range(setting.rounds):
        ours.append(our_step(setting, threads, 2))
        seconds["ours"].append(ours[-1]["seconds_per_step"]["median"])
        for kind, peer in peers.items():
            seconds[kind].append(median([peer.server.ask("step") for _ in range(2)]))
        say("  %d thread%s, round %d: %s" % (threads, "s"[threads < 2:], number + 1, ", ".join(
            "%s %.2f images/s" % (side, setting.batch / values[-1]) for side, values in seconds.items())))
    return seconds, ours


def measure(setting):
    rows, own, two = [], {}, []
    for threads in setting.threads():
        peers, why = {}, ""
        try:
            for kind in KINDS:
                peers[kind] = Peer(setting, kind, threads)
        except Unavailable as error:
            why = str(error)
        try:
            seconds, ours = take_turns(setting, threads, peers)
            own[threads] = seconds["ours"]
            for kind, must, aim in (("float32", 2.0, 2.5), ("bfloat16", 1.0, 1.3)):
                row = Row("step over PyTorch %s, %d thread%s" % (kind, threads, "s"[threads < 2:]), must=must, aim=aim,
                          note=why)
                if kind in peers:
                    row.value, row.spread = ratios(seconds[kind], seconds["ours"])
                    row.note = "%.2f and %.2f images/s; %s" % (setting.batch / median(seconds["ours"]),
                                                               setting.batch / median(seconds[kind]),
                                                               peers[kind].note(kind))
                rows.append(row)
            if threads == 1:
                row = Row("peak memory over PyTorch's, float32", must=0.8, aim=0.5, lower=True, note=why)
                if "float32" in peers:
                    mine, other = ours[-1]["memory"]["peak_bytes"], peers["float32"].server.ask("memory")
                    row.value = mine / other
                    row.note = "%.0f and %.0f MB" % (mine / 1e6, other / 1e6)
                two.append(row)
        finally:
            for peer in peers.values():
                peer.server.close()
    row = Row("two threads over one", must=1.8, aim=1.95, note="one core alone is allowed")
    if 2 in own:
        # The threads' turns lie apart, so medians are compared and not turns.
        row.value, row.note = median(own[1]) / median(own[2]), ""
        row.spread = (min(own[1]) / max(own[2]), max(own[1]) / min(own[2]))
    return rows + [row] + two
