#!/usr/bin/env python3
"""The golden draws of tests/unit/proto_random_test.c, reckoned with plain integers apart from proto/random.c."""

WORD = 0xFFFFFFFF


def block(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & WORD, (a >> 32) ^ c[3] ^ k[1], a & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def halves(value):
    return [value & WORD, value >> 32]


def stream(seed, purpose, major, minor, count):
    """A stream's key and the upper half of its counter come out of two blocks over the key's parts."""
    mixed = block(halves(major) + [purpose, 0x4441494C], halves(seed))
    own = block(halves(minor) + mixed[2:], mixed[:2])
    words = []
    for position in range((count + 3) // 4):
        words += block([position, 0] + own[2:], own[:2])
    return words[:count]


if __name__ == "__main__":
    for key in [(1, 1, 0, 0), (0x0123456789ABCDEF, 7, 0xFEDCBA9876543210, 0x1122334455667788)]:
        print(key, ", ".join(f"0x{word:08x}" for word in stream(*key, 9)))
