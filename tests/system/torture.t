#!/bin/sh
# The fault campaign, in short: faults of most kinds, to the bits of a run that met none. `make torture` is the long one.
. "$(dirname "$0")/lib.sh"

command -v python3 >/dev/null || skip_all "no python3: etc/install-deps.sh --oracle"
rounds=${DAIL_SANITIZED:+3}
rounds=${rounds:-10}
tests/torture/torture.py --build "$build" --rounds $rounds --seed 105 --patience $slow >"$work/out" 2>&1
code=$?
sed 's/^/# /' "$work/out"
is "every round survives: each of its faults was injected, and the run took it as it should" "$code" 0
says "no bit differs" '^rounds with bits that differ: none'
says "nothing hangs" '^hangs: none'
says "nothing is left over" '^processes left over: none'
[ "$rounds" -lt 10 ] ||
    check "most kinds came" test "$(grep -Ec '^[A-Za-z].* [1-9][0-9]* +[0-9]+( +[0-9.]+){3}  ' "$work/out")" -ge 20
finish
