"""Alignment beside an independent one: Umeyama's transform by a singular value decomposition in float64, and bilinear
sampling, both written here after the paper and after what InsightFace's norm_crop does.

    align.py coordinates DUMP            transforms of drawn points, corners and points within 1e-3 of a pixel
    align.py make DUMP FACES FOLDER      200 photographs of FACES (or drawn pictures where that is not) as PPM, with a table
    align.py compare DUMP FOLDER UNPACKED    what dail pack made of them: every pixel within one grey level
"""
import csv
import os
import subprocess
import sys

import numpy as np

SEED = 21
COUNT = 200
TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
                     [70.7299, 92.2041]])


def template(side):
    if side % 112 and side % 128 == 0:
        return (TEMPLATE + [8, 0]) * (side / 128)
    return TEMPLATE * (side / 112)


def umeyama(source, target):
    """The 2 x 3 matrix, by equations 38 to 43 of the paper."""
    mean_s, mean_t = source.mean(0), target.mean(0)
    s, t = source - mean_s, target - mean_t
    u, d, vt = np.linalg.svd(t.T @ s / len(s))
    signs = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ signs @ vt
    scale = np.trace(np.diag(d) @ signs) / s.var(0).sum()
    return np.column_stack([scale * rotation, mean_t - scale * rotation @ mean_s])


def warp(pixels, matrix, side):
    """Inverse mapping, bilinear, 0 beyond the border."""
    linear = np.linalg.inv(matrix[:, :2])
    v, u = np.mgrid[0:side, 0:side]
    x, y = np.tensordot(linear, np.stack([u - matrix[0, 2], v - matrix[1, 2]]), axes=1)
    height, width = pixels.shape[:2]
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    result = np.zeros((side, side, 3))
    for dy in (0, 1):
        for dx in (0, 1):
            weight = np.where(dx, x - left, 1 - x + left) * np.where(dy, y - top, 1 - y + top)
            inside = (left + dx >= 0) & (left + dx < width) & (top + dy >= 0) & (top + dy < height)
            value = pixels[np.clip(top + dy, 0, height - 1), np.clip(left + dx, 0, width - 1)]
            result += (weight * inside)[:, :, None] * value
    return result


def draw(random, width, height):
    """A face somewhere in the picture, in any turn and size, of points that are not quite the template's."""
    angle, scale = random.uniform(-np.pi, np.pi), random.uniform(0.4, 2.5) * min(width, height) / 112
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = random.uniform(0.2, 0.8, 2) * [width, height]
    return (TEMPLATE - TEMPLATE.mean(0) + random.normal(0, 3, (5, 2))) @ turn.T + centre


def coordinates(dump):
    random = np.random.default_rng(SEED)
    worst = 0
    for side in (112, 128, 224, 96):
        faces = [draw(random, *random.integers(40, 4000, 2)) for _ in range(COUNT)]
        faces += [random.uniform(0, 2000, (5, 2)) for _ in range(COUNT)]
        text = "\n".join(" ".join(repr(float(c)) for c in face.reshape(-1)) for face in faces)
        said = subprocess.run([dump, str(side)], input=text, capture_output=True, text=True, check=True).stdout
        for face, line in zip(faces, said.splitlines(), strict=True):
            a, b, x, y = map(float, line.split())
            ours, theirs = np.array([[a, -b, x], [b, a, y]]), umeyama(face, template(side))
            corners = np.array([[0, 0, 1], [side - 1, 0, 1], [0, side - 1, 1], [side - 1, side - 1, 1]], float)
            inverse = [np.linalg.inv(np.vstack([m, [0, 0, 1]])) for m in (ours, theirs)]
            there = np.column_stack([face, np.ones(5)])
            worst = max(worst, np.abs(there @ (ours - theirs).T).max(),
                        np.abs(corners @ (inverse[0] - inverse[1]).T).max())
    print(f"{8 * COUNT} transforms, seed {SEED}: the farthest point is {worst:.2g} pixels off")
    return worst < 1e-3


def decoded(dump, paths):
    """[h, w, 3] of each file. Decoding is not what is tested here."""
    data = subprocess.run([dump, "0", *paths], capture_output=True, check=True).stdout
    at, images = 0, []
    for _ in paths:
        _, size, _, _ = data[at:at + 40].split(b"\n", 3)
        width, height = map(int, size.split())
        at += len(b"P6\n255\n") + len(size) + 1
        images.append(np.frombuffer(data, np.uint8, width * height * 3, at).reshape(height, width, 3))
        at += width * height * 3
    return images


def photographs(dump, faces):
    found = sorted(os.path.join(folder, file) for kind in ("lfw", "sports")
                   for folder, _, files in os.walk(f"{faces}/{kind}") for file in files)
    if len(found) >= COUNT:
        return decoded(dump, [found[i * len(found) // COUNT] for i in range(COUNT)])
    random = np.random.default_rng(SEED)
    return [np.kron(random.integers(0, 256, (19, 15, 3)), np.ones((10, 10, 1))).astype(np.uint8)
            for _ in range(COUNT)]


def make(dump, faces, folder):
    random = np.random.default_rng(SEED)
    with open(f"{folder}/table.csv", "w") as table:
        print("NAME_ID", *(f"P{i}{c}" for i in range(1, 6) for c in "XY"), sep=",", file=table)
        for number, pixels in enumerate(photographs(dump, faces)):
            name = f"p{number // 20:02}/{number:04}"
            height, width = pixels.shape[:2]
            os.makedirs(f"{folder}/images/{name[:3]}", exist_ok=True)
            with open(f"{folder}/images/{name}.ppm", "wb") as file:
                file.write(b"P6 %d %d 255\n" % (width, height) + pixels.tobytes())
            points = draw(random, width, height)
            print(f'"{name}"', *(f"{c:.4f}" for c in points.reshape(-1)), sep=",", file=table)


def compare(dump, folder, unpacked):
    """Images are found by their pixels: packing shuffles them within a person."""
    worst, beyond, count = 0, 0, 0
    packed = {person: decoded(dump, sorted(f"{unpacked}/{person}/{file}" for file in os.listdir(f"{unpacked}/{person}")))
              for person in os.listdir(unpacked)}
    with open(f"{folder}/table.csv") as table:
        rows = csv.reader(table)
        next(rows)
        for name, *points in rows:
            pixels = decoded(dump, [f"{folder}/images/{name}.ppm"])[0].astype(float)
            points = np.array(points, float).reshape(5, 2)
            side = packed[name[:3]][0].shape[0]
            wanted = warp(pixels, umeyama(points, template(side)), side)
            off = [np.abs(wanted - image) for image in packed[name[:3]]]
            nearest = min(off, key=lambda difference: difference.mean())
            worst, beyond, count = max(worst, nearest.max()), beyond + (nearest > 1).sum(), count + 1
    print(f"{count} photographs, seed {SEED}: the worst pixel is {worst:.3f} grey levels off, "
          f"{beyond} are off by more than one")
    return count == COUNT and worst <= 1


if __name__ == "__main__":
    action = {"coordinates": coordinates, "make": make, "compare": compare}[sys.argv[1]]
    sys.exit(action(*sys.argv[2:]) is False)
