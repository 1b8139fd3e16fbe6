"""Writes tests/oracle/pickle/: verification sets as Python pickles them, which shard/pack/pickle.c must read.

    PYTHON tests/oracle/make_pickle.py

for each Python: 2.7 and 3, with numpy 1 and 2. A file's name tells the Python, the numpy that it used, what it holds
and the protocol. All hold the same four pairs: images of tests/oracle/image, of which each pair has two neighbours,
and the verdicts true, false, false, true.
"""
import os
import pickle
import sys

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["grey.jpg", "grey8.png", "grey1.png", "grey4.png", "palette4.png", "rgbkey8.png", "grey.jpg", "grey1.png"]
SAME = [True, False, False, True]


def read(name):
    with open(os.path.join(HERE, "image", name), "rb") as file:
        return file.read()


def dump(name, value, protocol):
    python = "python%d-numpy%s" % (sys.version_info[0], numpy.__version__.split(".")[0])
    path = os.path.join(HERE, "pickle", "%s-%s-%d.bin" % (python, name, protocol))
    with open(path, "wb") as file:
        pickle.dump(value, file, protocol=protocol)


def main():
    if sys.version_info[0] == 2:
        globals()["pickle"] = __import__("cPickle")
    images = [read(name) for name in NAMES]
    arrays = [numpy.frombuffer(image, dtype=numpy.uint8).copy() for image in images]
    if not os.path.isdir(os.path.join(HERE, "pickle")):
        os.mkdir(os.path.join(HERE, "pickle"))
    for protocol in range(2, 1 + min(5, pickle.HIGHEST_PROTOCOL)):
        if numpy.__version__[0] == "1":
            dump("bytes", (images, SAME), protocol)
        dump("arrays", (arrays, [numpy.bool_(same) for same in SAME]), protocol)
    # Verdicts in other forms: numbers; an array of bools, and a tuple and a list in each other's place; of numbers.
    dump("numbers", (images, [int(same) for same in SAME]), 2)
    dump("array", [tuple(images), numpy.array(SAME)], 2)
    dump("wide", (images, numpy.array(SAME).astype(numpy.int64)), 2)


if __name__ == "__main__":
    main()
