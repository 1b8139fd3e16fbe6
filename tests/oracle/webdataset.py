"""WebDataset's archives by Python's own tarfile, beside shard/archive/tar.c.

    webdataset.py make FILE.rec ARCHIVE...    the images of a RecordIO set as samples, dealt out to the archives; .tar.gz is
                                              compressed
    webdataset.py golden FOLDER               writes what tests/unit/shard_tar_test.c reads
"""
import io
import pathlib
import sys
import tarfile

import recordio


def add(archive, name, data, **fields):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(data))


def create(path, format=tarfile.PAX_FORMAT):
    packed = str(path).endswith("gz")
    return tarfile.open(path, "w:gz" if packed else "w", format=format)


def make(record, paths):
    """Labels stand in .cls and .json by turns."""
    with open(record, "rb") as file:
        images = list(recordio.labelled_images(file))
    for k, path in enumerate(paths):
        with create(path) as archive:
            for number in range(k, len(images), len(paths)):
                label, image, _ = images[number]
                add(archive, f"{number:09}.jpg", image)
                if number % 3:
                    add(archive, f"{number:09}.cls", f"{label}".encode())
                else:
                    add(archive, f"{number:09}.json", f'{{"label": {label}, "number": {number}}}'.encode())


def golden(folder):
    """Members of every format: a long name, one beyond ASCII, a folder, a link, an empty file."""
    folder = pathlib.Path(folder)
    long = "a" * 90 + "/" + "b" * 60 + ".jpg"
    for name, format in (("ustar", tarfile.USTAR_FORMAT), ("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT)):
        with create(folder / f"{name}.tar", format) as archive:
            add(archive, "./train", b"", type=tarfile.DIRTYPE)
            add(archive, "./train/1.jpg", b"one" * 300)
            add(archive, long, b"two")
            add(archive, "empty.cls", b"")
            add(archive, "link.jpg", b"", type=tarfile.SYMTYPE, linkname="train/1.jpg")
            if format != tarfile.USTAR_FORMAT:
                add(archive, "c" * 150 + ".é.jpg", b"three" * 110)
    with create(folder / "packed.tar.gz") as archive:
        for number in range(3):
            add(archive, f"{number}.jpg", bytes([number]) * (1000 + number))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3:])
    else:
        golden(sys.argv[2])
