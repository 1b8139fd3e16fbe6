"""Databases by Python's lmdb, in the layouts that are about, for tests/unit/shard_lmdb_test.c.

    make_lmdb.py FOLDER    writes FOLDER/<layout>.mdb and FOLDER/expected: layout, label, crc32 of the image's bytes

Needs lmdb, msgpack and pillow of PyPI.
"""
import io
import pathlib
import pickle
import random
import shutil
import sys
import tempfile
import zlib

import lmdb
import msgpack
from PIL import Image

SIDE = 16
draw = random.Random(1)


def picture(number, side=SIDE):
    noise = Image.frombytes("RGB", (side, side), draw.randbytes(3 * side * side))
    smooth = noise.resize((4, 4)).resize((side, side))
    file = io.BytesIO()
    (noise if number % 7 == 3 else smooth).save(file, "PNG" if number % 2 else "JPEG")
    return file.getvalue()


def varint(number):
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def datum(data, label, encoded, channels=3):
    text = b"" if encoded else b"".join(varint(k << 3) + varint(n) for k, n in ((1, channels), (2, SIDE), (3, SIDE)))
    text += varint(4 << 3 | 2) + varint(len(data)) + data + varint(5 << 3) + varint(label)
    return text + (varint(7 << 3) + varint(1) if encoded else b"")


def write(folder, layout, entries, expected, batches=1):
    """The entries in several transactions, so that pages are freed and written again."""
    with tempfile.TemporaryDirectory() as work:
        environment = lmdb.open(work, map_size=1 << 24)
        for batch in range(batches):
            with environment.begin(write=True) as transaction:
                for key, value in entries[batch::batches]:
                    transaction.put(key, value)
        environment.close()
        shutil.copy(pathlib.Path(work) / "data.mdb", folder / f"{layout}.mdb")
    return [f"{layout} {label} {zlib.crc32(image)}" for label, image in expected]


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    images = [(k % 5 * 3, picture(k, 48 if k % 7 == 3 else SIDE)) for k in range(40)]
    lines = []
    keys = [f"{k}".encode() for k in range(40)]
    aside = [(b"__keys__", pickle.dumps(keys)), (b"__len__", pickle.dumps(len(keys)))]
    entries = [(key, pickle.dumps((image, label))) for key, (label, image) in zip(keys, images)]
    lines += write(folder, "pickle", entries + aside, images, 3)
    packed = [(key, msgpack.packb((image, f"p{label}"), use_bin_type=k % 2 == 0))
              for k, (key, (label, image)) in enumerate(zip(keys, images))]
    lines += write(folder, "msgpack", packed[:12] + [(b"__len__", msgpack.packb(12))], [(f"p{a}", b) for a, b in images[:12]])
    numbered = [(b"num-samples", b"40")]
    for k, (label, image) in enumerate(images, 1):
        numbered += [(b"image-%09d" % k, image), (b"label-%09d" % k, b"%d" % label)]
    lines += write(folder, "numbered", numbered, images, 2)
    coded = [(b"%08d_a.jpg" % k, datum(image, label, True)) for k, (label, image) in enumerate(images[:12])]
    lines += write(folder, "datum", coded, images[:12])
    entries, expected = [], []
    for k in range(6):
        grey = k % 3 == 2
        planes = draw.randbytes(SIDE * SIDE * (1 if grey else 3))
        head = b"P%d\n%d %d\n255\n" % (5 if grey else 6, SIDE, SIDE)
        size = SIDE * SIDE
        pixels = planes if grey else b"".join(bytes((planes[2 * size + i], planes[size + i], planes[i])) for i in range(size))
        entries.append((b"%08d" % k, datum(planes, k, False, 1 if grey else 3)))
        expected.append((k, head + pixels))
    lines += write(folder, "raw", entries, expected)
    (folder / "expected").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
