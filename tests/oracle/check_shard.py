"""Reads a dataset or verification sets as any other program would, by h5py, yaml and zlib alone, and checks every
statement of the format.

    /usr/bin/python3 tests/oracle/check_shard.py MANIFEST.yaml|SET.h5...
"""
import pathlib
import re
import struct
import sys
import zlib

import h5py
import numpy
import yaml

MAGIC = {b"\xff\xd8\xff": "jpeg", b"\x89PN": "png"}


def check_images(file):
    """Offsets and crcs; returns what encodings there are."""
    image, offset, crc = file["image"][...], file["offset"][...], file["crc"][...]
    assert (image.dtype, offset.dtype, crc.dtype) == ("u1", "<u8", "<u4")
    assert len(offset) == len(crc) + 1 and offset[0] == 0 and offset[-1] == len(image)
    assert (numpy.diff(offset.astype("i8")) > 0).all()
    found = set()
    for begin, end, expected in zip(offset[:-1], offset[1:], crc):
        body = image[begin:end].tobytes()
        assert zlib.crc32(body) == expected
        found.add(MAGIC[body[:3]])
    assert file.attrs["encoding"].decode() == (found.pop() if len(found) == 1 else "mixed")
    return len(crc)


def check_manifest(path):
    manifest = yaml.safe_load(path.read_text())
    assert manifest["dail_format"] == "manifest" and manifest["version"] == 1
    names = (path.parent / manifest["class_names"]).read_text().splitlines()
    assert len(names) == manifest["classes"] and names == sorted(names)
    images, labels = 0, []
    for number, entry in enumerate(manifest["shards"]):
        assert re.fullmatch(rf"{re.escape(manifest['name'])}(-g[0-9]+)?-{number:05}\.h5", entry["file"])
        data = (path.parent / entry["file"]).read_bytes()
        assert len(data) == entry["bytes"] and zlib.crc32(data) == entry["crc"]
        with h5py.File(path.parent / entry["file"], "r") as file:
            attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in file.attrs.items()}
            expected = {"dail_format": "shard", "version": 1, "dataset": manifest["name"], "shard": number}
            expected |= {"dataset_id": manifest["dataset_id"], "shards": len(manifest["shards"])}
            expected |= {"classes": manifest["classes"], "encoding": attributes["encoding"]}
            assert attributes == expected, attributes
            assert check_images(file) == entry["images"] == len(file["label"])
            assert file["image"].chunks is not None
            index = b"".join(struct.pack("<II", *pair) for pair in zip(file["label"][...], file["crc"][...]))
            assert zlib.crc32(index) == entry["index"]
            labels += file["label"][...].tolist()
        images += entry["images"]
    assert images == manifest["images"] and set(labels) == set(range(manifest["classes"]))
    sums = zlib.crc32("".join(name + "\n" for name in names).encode())
    listed = b"".join(struct.pack("<IQI", *(entry[key] for key in ("images", "bytes", "crc"))) for entry in manifest["shards"])
    assert manifest["fingerprint"] == f"{sums:08x}{zlib.crc32(listed):08x}"
    return f"{images} images of {len(names)} classes"


def check_pairs(path):
    with h5py.File(path, "r") as file:
        assert file.attrs["dail_format"] == b"pairs" and file.attrs["version"] == 1
        assert file.attrs["name"].decode() == path.stem and file.attrs["image_size"] > 0
        images = check_images(file)
        pair, same, fold = file["pair"][...], file["same"][...], file["fold"][...]
        assert (pair.dtype, same.dtype, fold.dtype) == ("<u4", "u1", "u1")
        assert pair.shape == (len(same), 2) and len(fold) == len(same)
        assert (pair < images).all() and (same <= 1).all()
        return f"{len(same)} pairs of {images} images"


def main():
    for argument in sys.argv[1:]:
        path = pathlib.Path(argument)
        print(path, (check_manifest if path.suffix == ".yaml" else check_pairs)(path))


if __name__ == "__main__":
    main()
