#!/usr/bin/env python3
"""Writes tests/oracle/judge.h: class centres of four made-up datasets that share people and have a look each, and the
pairs that judge_reference.py finds among them. The centres are small integers, which the header holds exactly.

    python3 tests/oracle/make_judge.py > tests/oracle/judge.h
"""
import numpy as np
from judge_reference import Judge

CLASSES, EMBEDDING, SEED = (40, 52, 61, 45), 12, 3


def make_centres():
    """The centres, and whose each is."""
    random = np.random.default_rng(SEED)
    people = random.normal(0, 40, (120, EMBEDDING))
    who = [random.permutation(120)[:classes] for classes in CLASSES]
    return [np.rint(people[ids] + random.normal(0, 9, (len(ids), EMBEDDING)) + random.normal(0, 30, EMBEDDING)).astype(int)
            for ids in who], np.concatenate(who)


def main():
    centres, who = make_centres()
    first, second, probability = Judge([rows.astype(float) for rows in centres]).pairs()
    order = np.lexsort((second, first))
    values = [str(value) for rows in centres for value in rows.ravel()]
    lines = [", ".join(values[i:i + 22]) for i in range(0, len(values), 22)]
    print("/* Written by make_judge.py. */\n/* clang-format off */\n#include <stdint.h>\n")
    print("enum { judge_embedding = %d, judge_count = %d };" % (EMBEDDING, len(order)))
    print("static const uint32_t judge_classes[] = {%s};" % ", ".join(map(str, CLASSES)))
    print("static const int16_t judge_centres[] = {\n    %s};" % ",\n    ".join(lines))
    print("static const uint8_t judge_person[] = {%s};" % ", ".join(map(str, who)))
    print("static const struct {\n    uint32_t a, b;\n    double probability;\n} judge_rows[] = {")
    for i in order:
        print("    {%d, %d, %.9f}," % (first[i], second[i], probability[i]))
    print("};")


if __name__ == "__main__":
    main()
