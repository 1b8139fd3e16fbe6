"""Philox4x32-10 and the streams of proto/random.h, written after the paper (Salmon and others, SC 2011)."""
import math

MASK = 0xFFFFFFFF


def block(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & MASK, (p >> 32) ^ c[3] ^ k[1], p & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


class Stream:
    def __init__(self, seed, purpose, major, minor):
        mixed = block([major & MASK, major >> 32, purpose, 0x4441494C], [seed & MASK, seed >> 32])
        self.key = block([minor & MASK, minor >> 32, mixed[2], mixed[3]], mixed[:2])
        self.counter = 0
        self.words = []

    def word(self):
        if not self.words:
            counter = [self.counter & MASK, self.counter >> 32, self.key[2], self.key[3]]
            self.words = block(counter, self.key[:2])
            self.counter += 1
        return self.words.pop(0)

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def uniform(self):
        high = self.word()
        return ((high << 32 | self.word()) >> 11) * 2.0**-53
