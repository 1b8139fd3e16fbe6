#!/bin/sh
# Runs each program of $DAIL_BUILD/tests/mpi on one to four workers, however few cores there are; sums of our own on more.
cd "$(dirname "$0")/../.." || exit 1
build=${DAIL_BUILD:-build}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
programs=$(ls "$build"/tests/mpi/*_test 2>/dev/null)
[ -n "$programs" ] || {
    echo "1..0 # SKIP $build/tests/mpi holds no programs: make check-mpi builds them"
    exit 0
}
number=0
for program in $programs; do
    case $program in
    */direct_sum_test) numbers='1 2 3 4 8 16 32' ;;
    *) numbers='1 2 3 4' ;;
    esac
    for workers in $numbers; do
        number=$((number + 1))
        if said=$(timeout 120 mpirun --oversubscribe -n $workers "$program" 2>&1); then
            echo "ok $number - $(basename "$program") on $workers"
        else
            echo "not ok $number - $(basename "$program") on $workers"
            printf '%s\n' "$said" | sed 's/^/# /'
        fi
    done
done
echo "1..$number"
