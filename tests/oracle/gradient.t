#!/bin/sh
# Every gradient of whole networks against PyTorch in float64, with every way to convolve.
. "$(dirname "$0")/../system/lib.sh"

"$python" -c 'import torch, numpy' 2>/dev/null || skip_all "$python has no PyTorch or no numpy"

# agrees LIMIT ARCH BLOCKS INPUT WIDTH BATCH KERNELS
agrees() {
    limit=$1
    shift
    file=$work/$1.$6
    check "$1 at $3, width $4, batch $5, $6: computed" \
        "$build/tests/oracle/gradient_dump" "$1" "$3" "$4" "$5" 2 "$6" "$file"
    check "$1 at $3, width $4, batch $5, $6: the gradient within $limit of float64" \
        timeout $((300 * slow)) "$python" tests/oracle/gradient.py --limit "$limit" "$2" "$3" "$4" "$5" "$file"
    sed 's/^/#   /' "$work/said"
    rm -f "$file"
}

agrees 1e-4 iresnet50 3,4,14,3 112 1 8 fast
for kernels in fast gemm reference; do
    agrees 3e-5 iresnet18 2,2,2,2 48 0.5 4 $kernels
done

# A gradient that is off is noticed: here by one value of many.
"$build/tests/oracle/gradient_dump" iresnet10 32 0.25 4 1 fast "$work/spoiled"
"$python" -c "
import sys
with open(sys.argv[1], 'r+b') as file:
    file.seek(4 + 84 + 4 * (16 * 27) + 4 * (16 * 27) - 1)
    file.write(b'\x47')" "$work/spoiled"
"$python" tests/oracle/gradient.py 1,1,1,1 32 0.25 4 "$work/spoiled" >"$work/out" 2>&1
exits "a wrong value is noticed" $? 1
finish
