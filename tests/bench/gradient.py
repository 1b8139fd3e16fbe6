"""Every gradient of the network against PyTorch in float64: tests/oracle/gradient.py says how."""
import os
import re
import subprocess

from common import PYTHON, ROOT, Row, environment, say


def measure(setting):
    row = Row("relative error of the whole gradient", must=1e-4, aim=3e-5, unit="", lower=True)
    width, batch = "1", "4" if setting.quick else "8"
    path = os.path.join(setting.work, "gradients")
    threads = len(setting.threads())
    subprocess.run([setting.program("tests/oracle/gradient_dump"), setting.arch, str(setting.input), width, batch,
                    str(threads), "fast", path], env=environment(threads), check=True)
    done = subprocess.run([PYTHON, os.path.join(ROOT, "tests", "oracle", "gradient.py"), "--worst", "1",
                           ",".join(str(count) for count in setting.blocks), str(setting.input), width, batch, path],
                          env=environment(threads), stdout=subprocess.PIPE, text=True, check=False)
    os.remove(path)
    if done.returncode == 77:
        row.note = "no PyTorch: etc/install-deps.sh --oracle"
        return [row]
    say("".join("  %s\n" % line for line in done.stdout.splitlines()).rstrip())
    whole = re.search(r"^whole gradient: (\S+);", done.stdout, re.MULTILINE)
    worst = re.search(r"^(\S+) +L2 (\S+),", done.stdout, re.MULTILINE)
    if not whole or not worst:
        row.note = "gradient.py ended with %d" % done.returncode
        return [row]
    row.value = float(whole.group(1))
    row.note = "%s, batch %s; worst %s of %s" % (setting.arch, batch, worst.group(2), worst.group(1))
    return [row]
