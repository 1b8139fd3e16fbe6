#!/usr/bin/env python3
"""The golden event file of tests/unit/proto_event_log_test.c: TensorFlow's TFRecord framing and its Event message,
put together by hand from the format's description. Writes tests/oracle/events.golden, each record as a line of
hexadecimal digits."""
import os
import struct

TABLE = []
for byte in range(256):
    value = byte
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def record(data):
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(length)) + data + struct.pack("<I", masked(data))


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number > 127:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])


def field(number, kind, payload):
    return varint(number * 8 + kind) + payload


def message(number, payload):
    return field(number, 2, varint(len(payload)) + payload)


def event(wall_time, step, what):
    return field(1, 1, struct.pack("<d", wall_time)) + field(2, 0, varint(step)) + what


def scalars(values):
    summary = b""
    for tag, value in values:
        summary += message(1, message(1, tag.encode()) + field(2, 5, struct.pack("<f", value)))
    return message(5, summary)


def golden():
    assert crc32c(b"123456789") == 0xE3069283  # the check value of every catalogue of CRCs
    yield event(1700000000.25, 301, message(3, b"brain.Event:2"))
    yield event(1700000000.25, 301, message(7, field(1, 0, varint(1))))
    yield event(1700000001.5, 301, scalars([("train/loss", 17.5682), ("train/lr", 0.01575)]))
    yield event(1700000002.0, 1 << 40, scalars([("eval/größe/accuracy", float("inf"))]))
    yield event(1700000003.0, 0, scalars([]))
    yield event(1700000004.0, 7, scalars([("t" * 150, -1e-30 - i) for i in range(3)]))


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "events.golden"), "w") as out:
        out.write("# made by tests/oracle/make_events.py\n")
        for data in golden():
            out.write(record(data).hex() + "\n")


if __name__ == "__main__":
    main()
