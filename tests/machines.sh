#!/bin/sh
# Every test that trains or evaluates, as on other processors and with other seeds: OpenBLAS takes the kernels of
# another one, the network's own kernels are those of another instruction set, and the tests' data and trainings are
# drawn anew. Every kernel, set and seed comes, not every three of them; what this processor lacks is skipped, which
# is said.
#   tests/machines.sh [BLAS/ISA/SEED...]     these alone, such as Haswell/avx2/2; BLAS "own" is what OpenBLAS picks
cd "$(dirname "$0")/.." || exit 1
build=${DAIL_BUILD:-build}
# The suites, one floor after the other; of the system's tests those whose trainings end in numbers that are compared.
suites="tests/mpi/run.t tests/oracle tests/system/ablation.t tests/system/embed.t tests/system/eval.t tests/system/export.t
        tests/system/numeric.t tests/system/overlap.t tests/system/report.t tests/system/resume.t
        tests/system/tensorboard.t tests/system/train.t tests/system/workers.t"

all="own/avx512/1 Haswell/avx512/2 own/generic/3 Haswell/avx2/1 SkylakeX/avx2/3 Nehalem/generic/2"

# has FLAG...: the processor has all of these
has() {
    for flag in "$@"; do grep -qw "$flag" /proc/cpuinfo || return 1; done
}

# lacks NAME: whether it has not what these kernels are made of
lacks() {
    case $1 in
    own | generic) return 1 ;;
    avx512 | SkylakeX) ! has avx512f avx512dq avx512bw avx512vl ;;
    avx2 | Haswell) ! has avx2 fma ;;
    Nehalem) ! has sse4_2 ;;
    esac
}

# run BLAS ISA SEED: all suites
run() {
    (
        unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
        [ "$1" = own ] || export OPENBLAS_CORETYPE="$1"
        export DAIL_ISA="$2" DAIL_TEST_SEED="$3" DAIL_BUILD="$build"
        # shellcheck disable=SC2086
        prove -Q --exec tests/unit/tap.sh "$build"/tests/unit/nn_*_test "$build"/tests/unit/loss_*_test \
            "$build"/tests/unit/worker_*_test && prove -Q -j2 $suites
    )
}

failed=""
for machine in ${*:-$all}; do
    blas=${machine%%/*} isa=${machine#*/} seed=${machine##*/}
    isa=${isa%/*}
    if lacks "$blas" || lacks "$isa"; then
        echo "== $machine: skipped, this processor cannot run it"
        continue
    fi
    began=$(date +%s)
    echo "== $machine: OpenBLAS's kernels / instruction set / seed"
    run "$blas" "$isa" "$seed" || failed="$failed $machine"
    echo "== $machine: $(($(date +%s) - began)) s"
done
[ -z "$failed" ] || {
    echo "machines: failed:$failed"
    exit 1
}
echo "machines: all passed"
