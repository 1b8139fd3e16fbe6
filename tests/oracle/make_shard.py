"""Writes tests/oracle/golden/: a small dataset and a verification set made by h5py, zlib and the format's
description alone, which the readers in shard/ must read.

    /usr/bin/python3 tests/oracle/make_shard.py

golden-00000.h5 holds PNG in a contiguous /image, golden-00001.h5 JPEG in small chunks; the texts are of variable
length, the attributes of other integer widths: all that a file of the format may be. compressed-00000.h5 has a
compressed /image, which is to be refused. golden-<n>.bytes: the bytes of /image.
"""
import pathlib
import struct
import zlib

import h5py
import numpy

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE / "golden"
SIDE = 16


def png(seed):
    """A grey gradient of SIDE x SIDE as PNG."""
    rows = b"".join(b"\0" + bytes((seed * 40 + x * 5 + y * 3) % 256 for x in range(SIDE)) for y in range(SIDE))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpegs():
    """Baseline grey JPEGs of SIDE x SIDE: flat blocks, written by hand (only DC, one code each)."""
    quantisation = b"\xff\xdb\x00\x43\x00" + bytes([8] * 64)
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", SIDE, SIDE) + b"\x01\x01\x11\x00"
    # DC: codes 0 (category 0) and 10 (category 5); AC: code 0 (end of block).
    dc = b"\xff\xc4\x00\x15\x00" + bytes([1, 1] + [0] * 14) + bytes([0, 5])
    ac = b"\xff\xc4\x00\x14\x10" + bytes([1] + [0] * 15) + bytes([0])
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    for level in range(16, 24):
        # The first block sets the level, the three others keep it.
        bits = "10" + format(level, "05b") + "0" + "00" * 3
        bits += "1" * (-len(bits) % 8)
        body = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
        yield b"\xff\xd8" + quantisation + frame + dc + ac + scan + body + b"\xff\xd9"


def arrays(file, images, **image_options):
    data = numpy.frombuffer(b"".join(images), dtype="u1")
    file.create_dataset("image", data=data, **image_options)
    file["offset"] = numpy.cumsum([0] + [len(i) for i in images]).astype("<u8")
    file["crc"] = numpy.array([zlib.crc32(i) for i in images], dtype="<u4")
    return data.tobytes()


def shard(name, number, shards, encoding, images, **image_options):
    with h5py.File(GOLDEN / f"{name}-{number:05}.h5", "w") as file:
        file.attrs["dail_format"] = "shard"
        file.attrs["version"] = numpy.int32(1)
        file.attrs["dataset"] = name
        file.attrs["dataset_id"] = 77
        file.attrs["shard"] = numpy.uint8(number)
        file.attrs["shards"] = numpy.uint16(shards)
        file.attrs["classes"] = 3
        file.attrs["encoding"] = encoding
        data = arrays(file, images, **image_options)
        file["label"] = numpy.array([(i * 2 + number) % 3 for i in range(len(images))], dtype="<u4")
    return data


def manifest(name, shards, count):
    lines = ["dail_format: manifest", "version: 1", f"name: {name}", "dataset_id: 77", "classes: 3"]
    lines += [f"images: {count}", f"image_size: {SIDE}", "encoding: mixed", f"class_names: {name}.classes.txt"]
    lines += ["source: 'made by h5py'", "shards:"]
    for number, images in shards:
        path = GOLDEN / f"{name}-{number:05}.h5"
        data = path.read_bytes()
        lines += [f"  - {{file: {path.name}, images: {images}, bytes: {len(data)}, crc: {zlib.crc32(data)}}}"]
    (GOLDEN / f"{name}.yaml").write_text("\n".join(lines) + "\n")
    (GOLDEN / f"{name}.classes.txt").write_text("Ada\nBela\nChloë\n")


def main():
    GOLDEN.mkdir(exist_ok=True)
    pngs, jpgs = [png(seed) for seed in range(6)], list(jpegs())
    (GOLDEN / "golden-00000.bytes").write_bytes(shard("golden", 0, 2, "png", pngs))
    (GOLDEN / "golden-00001.bytes").write_bytes(shard("golden", 1, 2, "jpeg", jpgs, chunks=(100,)))
    shard("compressed", 0, 1, "png", pngs, chunks=(100,), compression="gzip")
    manifest("golden", [(0, len(pngs)), (1, len(jpgs))], len(pngs) + len(jpgs))
    with h5py.File(GOLDEN / "pairs.h5", "w") as file:
        file.attrs["dail_format"] = "pairs"
        file.attrs["version"] = 1
        file.attrs["name"] = "pairs"
        file.attrs["image_size"] = SIDE
        file.attrs["encoding"] = "png"
        arrays(file, pngs)
        file["pair"] = numpy.array([[0, 1], [2, 3], [4, 5], [0, 5]], dtype="<u4")
        file["same"] = numpy.array([1, 0, 1, 0], dtype="u1")
        file["fold"] = numpy.array([0, 0, 1, 1], dtype="u1")


if __name__ == "__main__":
    main()
