"""RecordIO by its description alone (dmlc-core, include/dmlc/recordio.h), beside shard/pack/recordio.c.

    recordio.py list FILE.rec             prints label, SHA-256 and number of parts of each image
    recordio.py make FOLDER MB JPEG...    writes an InsightFace set of about so many MB: train.rec, train.idx and
                                          property, of images that all differ, some in parts; 20 an identity
"""
import hashlib
import pathlib
import random
import struct
import sys

MAGIC = struct.pack("<I", 0xCED7230A)


def records(file):
    """(data, parts) of each record."""
    data, parts = b"", 0
    while prefix := file.read(8):
        magic, word = struct.unpack("<II", prefix)
        part, length = word >> 29, word & 0x1FFFFFFF
        assert prefix[:4] == MAGIC and part in ((0, 1) if parts == 0 else (2, 3))
        data += (MAGIC if parts else b"") + file.read(length)
        parts += 1
        file.read(-length % 4)
        if part in (0, 3):
            yield data, parts
            data, parts = b"", 0


def labelled_images(file):
    """(label, image, parts) of each record that has an image."""
    for data, parts in records(file):
        flag, label = struct.unpack_from("<If", data)
        if flag:
            label = struct.unpack_from("<f", data, 24)[0]
        image = data[24 + 4 * flag:]
        if image:
            yield int(label), image, parts


def list_images(path):
    with open(path, "rb") as file:
        for label, image, parts in labelled_images(file):
            print(label, hashlib.sha256(image).hexdigest(), parts)


def encode(data):
    """One record, parted at every aligned magic word."""
    pieces, begin = [], 0
    at = data.find(MAGIC)
    while at >= 0:
        if at % 4 == 0:
            pieces.append(data[begin:at])
            begin = at + 4
        at = data.find(MAGIC, at + 4 if at % 4 == 0 else at + 1)
    pieces.append(data[begin:])
    parts = [0] if len(pieces) == 1 else [1] + [2] * (len(pieces) - 2) + [3]
    return b"".join(MAGIC + struct.pack("<I", part << 29 | len(piece)) + piece + bytes(-len(piece) % 4)
                    for part, piece in zip(parts, pieces))


def with_comment(jpeg, number, source):
    """The picture with a comment of its own, at times with the magic word in it."""
    comment = struct.pack("<Q", number) + source.randbytes(4000)
    if number % 50 == 0:
        at = number % 7
        comment = comment[:100 + at] + MAGIC + comment[100 + at:]
    return b"\xff\xd8\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment + jpeg[2:]


def image_record(number, identity, image):
    if number % 2:
        return struct.pack("<IfQQ", 0, identity, number, 0) + image
    return struct.pack("<IfQQff", 2, 0, number, 0, identity, 0) + image


def make(folder, megabytes, paths):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source = random.Random(1)
    jpegs = [pathlib.Path(path).read_bytes() for path in paths]
    size = sum(map(len, jpegs)) / len(jpegs) + 4050
    identities = max(2, int(megabytes * 1e6 / size / 20))
    images = identities * 20
    with open(folder / "train.rec", "wb") as record, open(folder / "train.idx", "w") as index:
        def write(key, data):
            index.write(f"{key}\t{record.tell()}\n")
            record.write(encode(data))

        write(0, struct.pack("<IfQQff", 2, 0, 0, 0, images + 1, images + 1 + identities))
        for i in range(images):
            write(i + 1, image_record(i + 1, i // 20, with_comment(jpegs[i % len(jpegs)], i, source)))
        for i in range(identities):
            write(images + 1 + i, struct.pack("<IfQQff", 2, 0, i, 0, i * 20 + 1, i * 20 + 21))
    (folder / "property").write_text(f"{identities},112,112")


if __name__ == "__main__":
    if sys.argv[1] == "list":
        list_images(sys.argv[2])
    else:
        make(sys.argv[2], float(sys.argv[3]), sys.argv[4:])
