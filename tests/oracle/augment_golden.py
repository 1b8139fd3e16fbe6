#!/usr/bin/python3
"""Makes tests/oracle/augment/alter.txt: what each change of worker/augment/alter.h makes of one image, by definitions of its
own: Pillow's enhancements and JPEG, and sums in float64 over whatever a filter covers. One grey level of rounding apart
is right.

Run from the root of the tree: /usr/bin/python3 tests/oracle/augment_golden.py
"""
import io
import math

import numpy
from PIL import Image, ImageEnhance

SIDE = 20
OUT = "tests/oracle/augment/alter.txt"
random = numpy.random.RandomState(11)
lines = []


def save(name, values):
    flat = numpy.asarray(values).astype(int).reshape(-1)
    lines.append(f"{name} {len(flat)} " + " ".join(map(str, flat)))


def to_bytes(values):
    return numpy.clip(numpy.floor(values + 0.5), 0, 255)


def base_image():
    """A smooth picture with an edge, a dot of noise here and there, and colours of every kind."""
    y, x = numpy.mgrid[0:SIDE, 0:SIDE] / SIDE
    image = numpy.stack([255 * x, 255 * (1 - y), 128 + 127 * numpy.sin(9 * x * y)], axis=2)
    image[SIDE // 2:, SIDE // 3:SIDE // 2] = (250, 20, 40)
    noisy = random.rand(SIDE, SIDE) < 0.2
    image[noisy] = random.randint(0, 256, (noisy.sum(), 3))
    return image.astype(numpy.uint8)


# --- Filters: for a new pixel, the weight of each old one ---

def cubic(x):
    x, a = abs(x), -0.75
    if x < 1:
        return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1
    return a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a if x < 2 else 0.0


def lanczos(x):
    return float(numpy.sinc(x) * numpy.sinc(x / 4)) if abs(x) < 4 else 0.0


def linear(x):
    return max(0.0, 1 - abs(x))


def matrix_of(kind, old, new):
    """[new, old]: places beyond the border are the pixel at it."""
    scale = old / new
    matrix = numpy.zeros((new, old))
    for i in range(new):
        if kind == "nearest":
            matrix[i, math.floor(i * scale)] = 1
            continue
        if kind == "area":
            for j in range(old):
                matrix[i, j] = max(0.0, min((i + 1) * scale, j + 1) - max(i * scale, j))
        else:
            stretch = max(1.0, scale) if kind == "triangle" else 1.0
            function = {"linear": linear, "triangle": linear, "cubic": cubic, "lanczos": lanczos}[kind]
            centre = (i + 0.5) * scale - 0.5
            for j in range(-2 * old, 3 * old):
                matrix[i, min(max(j, 0), old - 1)] += function((j - centre) / stretch)
        matrix[i] /= matrix[i].sum()
    return matrix


def filtered(image, matrix):
    rows = to_bytes(numpy.einsum("ij,jxc->ixc", matrix, image.astype(float)))
    return to_bytes(numpy.einsum("ij,yjc->yic", matrix, rows))


def blur_matrix(window):
    radius = window // 2
    sigma = 0.3 * (radius - 1) + 0.8
    matrix = numpy.zeros((SIDE, SIDE))
    for i in range(SIDE):
        for d in range(-radius, radius + 1):
            j = abs(i + d)
            j = 2 * (SIDE - 1) - j if j >= SIDE else j
            matrix[i, j] += math.exp(-d * d / (2 * sigma * sigma))
        matrix[i] /= matrix[i].sum()
    return matrix


def make_filters(image):
    pairs = [("nearest", "lanczos", 7), ("linear", "cubic", 13), ("area", "area", 6), ("cubic", "linear", 15),
             ("lanczos", "nearest", 9), ("triangle", "triangle", 11), ("area", "cubic", 20), ("triangle", "linear", 3)]
    for down, up, small in pairs:
        made = filtered(filtered(image, matrix_of(down, SIDE, small)), matrix_of(up, small, SIDE))
        save(f"resolution-{down}-{up}-{small}", made)
    for window in (3, 5):
        save(f"blur-{window}", filtered(image, blur_matrix(window)))


# --- Colours ---

def make_colours(image):
    picture = Image.fromarray(image)
    for factor in (0.0, 0.83, 1.5):
        for name, enhance in (("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast),
                              ("saturation", ImageEnhance.Color)):
            save(f"{name}-{factor}", numpy.asarray(enhance(picture).enhance(factor)))
    save("grey", numpy.asarray(picture.convert("L").convert("RGB")))
    to_yiq = numpy.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    for degrees, saturation in ((0, 1.2), (20, 1), (13, 1.1), (170, 0.5)):
        yiq = image @ to_yiq.T
        angle = math.radians(degrees)
        turned = numpy.stack([yiq[..., 0], saturation * (math.cos(angle) * yiq[..., 1] + math.sin(angle) * yiq[..., 2]),
                              saturation * (math.cos(angle) * yiq[..., 2] - math.sin(angle) * yiq[..., 1])], axis=2)
        save(f"hue-{degrees}-{saturation}", to_bytes(turned @ numpy.linalg.inv(to_yiq).T))


def make_jpeg(image):
    for quality in (30, 75, 95):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=0 if quality >= 95 else 2)
        save(f"jpeg-{quality}", numpy.asarray(Image.open(io.BytesIO(file.getvalue()))))


def make_mask(image):
    """Of a mask about 0.52, from 0.55 down to 1.01, with 0.07 of sag, 0.4 wide to either side, less 0.3 of it below."""
    masked = image.copy()
    for y in range(SIDE):
        for x in range(SIDE):
            v, u = (y + 0.5) / SIDE, (x + 0.5) / SIDE
            down = (v - 0.55) / (1.01 - 0.55)
            if not 0 <= down <= 1:
                continue
            across = (u - 0.52) / (0.4 * (1 - 0.3 * down ** 2))
            if abs(across) <= 1 and v >= 0.55 + 0.07 * across ** 2:
                masked[y, x] = (1, 2, 3)
    save("mask", masked)


def main():
    image = base_image()
    save("image", image)
    make_filters(image)
    make_colours(image)
    make_jpeg(image)
    make_mask(image)
    with open(OUT, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


main()
