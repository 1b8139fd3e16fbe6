#!/usr/bin/env python3
"""Writes tests/oracle/overlap.h: class centres of three made-up datasets that share people, and the pairs that are
each other's nearest, or one the other's, by numpy in float64 with every cosine of two datasets at once.

The centres are small integers, which the header holds exactly; one is all zeros and is nobody's nearest.

    python3 tests/oracle/make_overlap.py > tests/oracle/overlap.h
"""
import numpy as np

CLASSES = (40, 23, 31)
EMBEDDING = 7


def make_centres():
    rng = np.random.default_rng(5)
    people = rng.integers(-40, 41, (60, EMBEDDING))
    centres = []
    for classes in CLASSES:
        who = rng.permutation(60)[:classes]
        centres.append(people[who] + rng.integers(-12, 13, (classes, EMBEDDING)))
    centres[1][4] = 0
    return centres


def nearest_pairs(a, b):
    """Every pair of which one is the other's nearest: class, class, cosine, lead, mutual."""
    unit_a, unit_b = (
        m / np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-30) for m in (a.astype(float), b.astype(float))
    )
    cosines = unit_a @ unit_b.T
    cosines[~np.any(a, axis=1)] = -2
    cosines[:, ~np.any(b, axis=1)] = -2
    pairs = {}
    for i in range(len(a)):
        for j in range(len(b)):
            of_a, of_b = np.argmax(cosines[i]) == j, np.argmax(cosines[:, j]) == i
            if cosines[i, j] < -1 or not (of_a or of_b):
                continue
            others = []
            if of_a:
                others.append(np.delete(cosines[i], j).max())
            if of_b:
                others.append(np.delete(cosines[:, j], i).max())
            pairs[i, j] = (cosines[i, j], cosines[i, j] - max(others), of_a and of_b)
    return pairs


def main():
    centres = make_centres()
    rows = []
    for a in range(len(centres)):
        for b in range(a + 1, len(centres)):
            for (i, j), (cosine, lead, mutual) in nearest_pairs(centres[a], centres[b]).items():
                rows.append((a, i, b, j, cosine, lead, mutual))
    rows.sort(key=lambda row: -row[4])
    print("/* Written by make_overlap.py. */\n/* clang-format off */\n#include <stdint.h>\n")
    print("enum { overlap_embedding = %d, overlap_count = %d };" % (EMBEDDING, len(rows)))
    print("static const uint32_t overlap_classes[] = {%s};" % ", ".join(map(str, CLASSES)))
    values = [str(v) for m in centres for v in m.ravel()]
    lines = [", ".join(values[i : i + 22]) for i in range(0, len(values), 22)]
    print("static const int16_t overlap_centres[] = {\n    %s};" % ",\n    ".join(lines))
    print("static const struct {\n    uint32_t a, i, b, j;\n    double cosine, lead;\n    int mutual;\n} overlap_rows[] = {")
    for row in rows:
        print("    {%d, %d, %d, %d, %.12f, %.12f, %d}," % row)
    print("};")


main()
