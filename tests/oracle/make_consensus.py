#!/usr/bin/env python3
"""Writes tests/oracle/consensus.h: of the random centres of tests/oracle/judge.h the log odds that consensus_reference.py
gives each class and the likeliest of its nearest in every other dataset, with all support and with what is told apart.

    python3 tests/oracle/make_consensus.py > tests/oracle/consensus.h
"""
import numpy as np
from consensus_reference import PARTNER_LEAST, Consensus
from make_judge import make_centres


def main():
    made, who = make_centres()
    centres = [rows.astype(float) for rows in made]
    consensus = [Consensus(centres, apart) for apart in (False, True)]
    finite = np.isfinite(consensus[0].odds)
    firm = finite.copy()  # where no partner at the threshold decides
    for apart in (False, True):
        for change in (-1e-4, 1e-4):
            other = Consensus(centres, apart, PARTNER_LEAST * (1 + change)).odds
            firm[finite] &= np.abs(other[finite] - consensus[apart].odds[finite]) < 1e-3
    rows = [(i, members[consensus[0].odds[i, members].argmax()]) for i in range(len(who)) for members in consensus[0].sets]
    rows = [row for row in rows if firm[row]]
    right = sum(who[i] == who[j] and consensus[0].odds[i, j] > 0 for i, j in rows)
    print("/* Written by make_consensus.py. */\n/* clang-format off */\n#include <stdint.h>\n")
    print("static const struct {\n    uint32_t a, b;\n    double odds[2]; /* with all support, apart */\n} consensus_rows[] = {")
    for i, j in rows:
        print("    {%d, %d, {%.6f, %.6f}}," % (i, j, consensus[0].odds[i, j], consensus[1].odds[i, j]))
    print("};\n\n/* So many of these are above even odds, and of one person. */")
    print("enum { consensus_count = %d, consensus_right = %d };" % (len(rows), right))


if __name__ == "__main__":
    main()
