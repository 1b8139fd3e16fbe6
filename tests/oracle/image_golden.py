#!/usr/bin/python3
"""Makes tests/oracle/image/: small images in every form that shard/image/image.h reads, each beside the pixels it
must decode to (<file>.rgb, raw RGB), computed here: PNG and PNM are written from arrays by this script alone,
JPEG by Pillow, whose decoder is the reference; resizing is a direct sum in float64.

Run from the root of the tree: /usr/bin/python3 tests/oracle/image_golden.py
"""
import io
import os
import struct
import zlib

import numpy
from PIL import Image, ImageOps

OUT = "tests/oracle/image"
WIDTH, HEIGHT = 19, 13
random = numpy.random.RandomState(7)
listing = []


def save(name, data, rgb):
    with open(f"{OUT}/{name}", "wb") as file:
        file.write(data)
    with open(f"{OUT}/{name}.rgb", "wb") as file:
        file.write(numpy.ascontiguousarray(rgb, numpy.uint8).tobytes())
    listing.append((name, rgb.shape[1], rgb.shape[0]))


def to_rgb(values, maximum):
    """[h,w,c] samples to 8-bit RGB, rounded to nearest; an even channel count ends in alpha, laid over black."""
    values = numpy.asarray(values, numpy.float64) / maximum
    if values.shape[2] in (2, 4):
        values = values[:, :, :-1] * values[:, :, -1:]
    if values.shape[2] == 1:
        values = numpy.repeat(values, 3, axis=2)
    return numpy.floor(values * 255 + 0.5).astype(numpy.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def scanlines(values, depth):
    out = b""
    for row in values:
        flat = row.reshape(-1)
        if depth == 16:
            line = flat.astype(">u2").tobytes()
        elif depth == 8:
            line = flat.astype(numpy.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in flat)
            bits += "0" * (-len(bits) % 8)
            line = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        out += b"\0" + line
    return out


def png(values, depth, colour, extra=b"", interlaced=False):
    height, width = values.shape[:2]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        data = b"".join(scanlines(values[y::sy, x::sx], depth) for y, x, sy, sx in passes
                        if values[y::sy, x::sx].size)
    else:
        data = scanlines(values, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data, 9)) +
            chunk(b"IEND", b""))


def samples(channels, maximum):
    return random.randint(0, maximum + 1, (HEIGHT, WIDTH, channels))


def make_png():
    for name, channels, depth, colour in (("grey1", 1, 1, 0), ("grey4", 1, 4, 0), ("grey8", 1, 8, 0),
                                          ("grey16", 1, 16, 0), ("rgb8", 3, 8, 2), ("rgb16", 3, 16, 2),
                                          ("greyalpha8", 2, 8, 4), ("rgba8", 4, 8, 6)):
        values = samples(channels, 2 ** depth - 1)
        save(f"{name}.png", png(values, depth, colour), to_rgb(values, 2 ** depth - 1))
    values = samples(3, 255)
    save("interlaced.png", png(values, 8, 2, interlaced=True), to_rgb(values, 255))
    colours = random.randint(0, 256, (16, 3)).astype(numpy.uint8)
    alpha = random.randint(0, 256, 16).astype(numpy.uint8)
    values = samples(1, 15)
    table = chunk(b"PLTE", colours.tobytes())
    save("palette4.png", png(values, 4, 3, table), colours[values[:, :, 0]])
    rgba = numpy.concatenate([colours, alpha[:, None]], axis=1)
    save("palettealpha4.png", png(values, 4, 3, table + chunk(b"tRNS", alpha.tobytes())),
         to_rgb(rgba[values[:, :, 0]], 255))
    values = samples(3, 1) * 200
    save("rgbkey8.png", png(values, 8, 2, chunk(b"tRNS", struct.pack(">HHH", 200, 0, 200))),
         numpy.where((values == [200, 0, 200]).all(axis=2, keepdims=True), 0, values))


def make_pnm():
    for maximum in (15, 255, 1000, 65535):
        for channels in (1, 3):
            values = samples(channels, maximum)
            rgb = to_rgb(values, maximum)
            size = f"{WIDTH} {HEIGHT}"
            kind = "pgm" if channels == 1 else "ppm"
            binary = values.astype(">u2" if maximum > 255 else "u1").tobytes()
            save(f"binary{maximum}.{kind}", f"P{5 if channels == 1 else 6}\n# a comment\n{size}\n{maximum}\n".encode()
                 + binary, rgb)
            if maximum != 65535:
                text = "\n".join(" ".join(str(v) for v in row.reshape(-1)) for row in values)
                save(f"ascii{maximum}.{kind}",
                     f"P{2 if channels == 1 else 3} {size}#wide and high\n{maximum} {text}".encode(), rgb)


def make_jpeg():
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    smooth = numpy.stack([120 + 90 * numpy.sin(x / 4), 130 + 80 * numpy.cos(y / 3 + x / 9), 128 + 6 * (y - x)], axis=2)
    picture = Image.fromarray(smooth.clip(0, 255).astype(numpy.uint8))
    for name, mode, options in (("rgb420", "RGB", {"quality": 90}), ("rgb444", "RGB", {"quality": 95, "subsampling": 0}),
                                ("progressive", "RGB", {"quality": 85, "progressive": True}),
                                ("grey", "L", {"quality": 90}), ("cmyk", "CMYK", {"quality": 95})):
        path = f"{OUT}/{name}.jpg"
        picture.convert(mode).save(path, **options)
        with open(path, "rb") as file:
            data = file.read()
        save(f"{name}.jpg", data, numpy.asarray(Image.open(path).convert("RGB")))


def exif(orientation, order):
    """A directory of two entries, the second the orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return (mark + struct.pack(order + "IH", 8, 2) + struct.pack(order + "HHIHH", 0x100, 3, 1, 640, 0)
            + struct.pack(order + "HHIHH", 0x112, 3, 1, orientation, 0) + struct.pack(order + "I", 0))


def make_turned():
    """What Pillow's exif_transpose shows upright."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    picture = Image.fromarray(numpy.stack([x * 13, y * 19, 20 + x * y % 200], axis=2).astype(numpy.uint8))
    for orientation in range(1, 9):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=95, subsampling=0,
                     exif=b"Exif\0\0" + exif(orientation, "<>"[orientation % 2]))
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data.getvalue())))
        save(f"turned{orientation}.jpg", data.getvalue(), numpy.asarray(upright))
    values = samples(3, 255)
    save("turned6.png", png(values, 8, 2, chunk(b"eXIf", exif(6, ">"))), numpy.rot90(values, -1))


def bmp(values, bits, palette=None, masks=None, core=False, top_down=False):
    """Samples as they are stored: indices, BGR, BGRA or numbers of 16 bits."""
    height, width = values.shape[:2]
    rows = b""
    for row in values if top_down else values[::-1]:
        if bits < 8:
            text = "".join(format(int(v), f"0{bits}b") for v in row.reshape(-1))
            line = int(text.ljust((len(text) + 7) // 8 * 8, "0"), 2).to_bytes((len(text) + 7) // 8, "big")
        else:
            line = row.astype("<u2" if bits == 16 else "u1").tobytes()
        rows += line + b"\0" * (-len(line) % 4)
    colours = b"" if palette is None else b"".join(bytes(c[::-1]) + b"\0" * (not core) for c in palette.tolist())
    if core:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        header = struct.pack("<IiiHHIIiiII", 40, width, -height if top_down else height, 1, bits, 3 if masks else 0,
                             0, 2835, 2835, 0 if palette is None else len(palette), 0)
    header += struct.pack("<III", *masks) if masks else b""
    begin = 14 + len(header) + len(colours)
    return b"BM" + struct.pack("<IHHI", begin + len(rows), 0, 0, begin) + header + colours + rows


def make_bmp():
    for bits, count, core in ((1, 2, False), (4, 11, False), (8, 200, True)):
        palette = random.randint(0, 256, (256 if core else count, 3)).astype(numpy.uint8)
        values = samples(1, count - 1)
        save(f"palette{bits}.bmp", bmp(values, bits, palette, core=core), palette[values[:, :, 0]])
    values = samples(3, 255)
    save("bottom24.bmp", bmp(values[:, :, ::-1], 24), values)
    save("top24.bmp", bmp(values[:, :, ::-1], 24, top_down=True), values)
    save("plain32.bmp", bmp(numpy.concatenate([values[:, :, ::-1], 0 * values[:, :, :1]], 2), 32), values)
    values = samples(3, 31) * [1, 2, 1]
    numbers = values @ [1 << 11, 1 << 5, 1]
    save("fields16.bmp", bmp(numbers, 16, masks=(0xf800, 0x7e0, 0x1f)),
         numpy.floor(values * 255 / [31, 63, 31] + 0.5))


def make_by_pillow():
    """What Pillow writes, and reads as that."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    smooth = Image.fromarray(numpy.stack([x * 9 + 20, y * 11 + 40, x * 5 + y * 4 + 30], axis=2).astype(numpy.uint8))
    noise = Image.fromarray(samples(3, 255).astype(numpy.uint8))
    alpha = numpy.concatenate([numpy.asarray(noise), 255 * samples(1, 1)], 2).astype(numpy.uint8)
    for name, picture, options in (("lossless.webp", noise, {"lossless": True}), ("lossy.webp", smooth, {"quality": 90}),
                                   ("plain.tiff", noise, {}), ("packed.tiff", noise, {"compression": "tiff_lzw"}),
                                   ("grey.tiff", noise.convert("L"), {"compression": "tiff_adobe_deflate"}),
                                   ("smooth.avif", smooth, {"quality": 95, "subsampling": "4:4:4"})):
        data = io.BytesIO()
        picture.save(data, name.split(".")[1].upper(), **options)
        save(name, data.getvalue(), numpy.asarray(Image.open(io.BytesIO(data.getvalue())).convert("RGB")))
    data = io.BytesIO()
    Image.fromarray(alpha).save(data, "WEBP", lossless=True)
    save("alpha.webp", data.getvalue(), numpy.where(alpha[:, :, 3:] == 0, 0, alpha[:, :, :3]))
    for name, options in (("turned6.webp", {"lossless": True, "exif": b"Exif\0\0" + exif(6, "<")}),
                          ("turned6.tiff", {"tiffinfo": {274: 6}}), ("turned3.tiff", {"tiffinfo": {274: 3}})):
        data = io.BytesIO()
        noise.save(data, name.split(".")[1].upper(), **options)
        save(name, data.getvalue(), numpy.rot90(numpy.asarray(noise), -1 if "6" in name else 2))


def catmull_rom(x):
    x = abs(x)
    return 1.5 * x ** 3 - 2.5 * x ** 2 + 1 if x < 1 else -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 if x < 2 else 0.0


def resize_matrix(size, side):
    scale = size / side
    stretch = max(scale, 1.0)
    matrix = numpy.array([[catmull_rom((j + 0.5 - (i + 0.5) * scale) / stretch) for j in range(size)]
                          for i in range(side)])
    return matrix / matrix.sum(axis=1, keepdims=True)


def make_resized():
    values = random.randint(0, 256, (23, 37, 3)).astype(numpy.float64)
    values[6:15, 9:20] = [250, 10, 120]
    save("resize.ppm", b"P6 37 23 255\n" + values.astype(numpy.uint8).tobytes(), values)
    for side in (1, 7, 16, 64):
        resized = numpy.einsum("iy,jx,yxc->ijc", resize_matrix(23, side), resize_matrix(37, side), values)
        with open(f"{OUT}/resize-{side}.rgb", "wb") as file:
            file.write(numpy.floor(resized.clip(0, 255) + 0.5).astype(numpy.uint8).tobytes())


os.makedirs(OUT, exist_ok=True)
make_png()
make_pnm()
make_jpeg()
make_resized()
make_turned()
make_bmp()
make_by_pillow()
with open(f"{OUT}/list.txt", "w") as file:
    for name, width, height in listing:
        file.write(f"{name} {width} {height}\n")
