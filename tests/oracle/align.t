#!/bin/sh
# Faces laid on InsightFace's template, beside an independent implementation: align.py tells how.
. "$(dirname "$0")/../system/lib.sh"

"$python" -c 'import numpy' 2>/dev/null || skip_all "$python has no numpy"
dump=$build/tests/oracle/align_dump
said() { sed 's/^/#   /' "$work/said"; }

check "transforms within 1e-3 of a pixel of Umeyama's in float64" \
    "$python" tests/oracle/align.py coordinates "$dump"
said
"$python" tests/oracle/align.py make "$dump" ../shared/faces "$work" || exit 1
for size in 112 128; do
    check "200 photographs are aligned at $size" "$build/dail" pack "$work/images" -o "$work" --name "a$size" \
        --landmarks "$work/table.csv" --encoding png --size $size
    check "and unpacked" "$build/dail" unpack "$work/a$size.yaml" -o "$work/back$size"
    check "every pixel is within one grey level" "$python" tests/oracle/align.py compare "$dump" "$work" "$work/back$size"
    said
done
finish
