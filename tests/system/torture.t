#!/bin/sh
# The fault campaign, in short: every kind of fault once, to the bits of a run that met none. `make torture` is the long one.
. "$(dirname "$0")/lib.sh"

command -v python3 >/dev/null || skip_all "no python3: etc/install-deps.sh --oracle"
rounds=${DAIL_SANITIZED:+3}
rounds=${rounds:-8}
tests/torture/torture.py --build "$build" --rounds $rounds --seed 3 --limit $((180 * slow)) >"$work/out" 2>&1
code=$?
sed 's/^/# /' "$work/out"
is "every round survives" "$code" 0
says "no bit differs" '^rounds with bits that differ: none'
says "nothing hangs" '^hangs: none'
says "nothing is left over" '^processes left over: none'
kinds=11
if grep -q '^torture: left out' "$work/out"; then
    kinds=10
    skip "a full disk: $(grep '^torture: left out' "$work/out")"
fi
[ "$rounds" -lt 8 ] ||
    is "every kind of fault came" "$(grep -Ec '^(SIG|newest|disk|shard).* [1-9][0-9]*( +[0-9.]+){3}$' "$work/out")" $kinds
finish
