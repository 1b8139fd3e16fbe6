#!/bin/sh
# A start has a deadline, whichever rank sleeps and wherever; and with UDP blocked, from the start or in the middle, a
# healthy run goes on and a stopped coordinator is noticed over MPI.
# A busy disk's fsync may outlast the short deadlines here: what is synced need not reach one.
[ ! -w /dev/shm ] || [ -n "$TMPDIR" ] || export TMPDIR=/dev/shm
. "$(dirname "$0")/lib.sh"

use_faults
make_data
make_config
common="--set schedule.epochs=500 --set runtime.liveness_seconds=$((2 * slow))"

# --- A rank that sleeps before MPI has come up ---

daild="$build/daild $work/config.yaml $common --set run.dir=$work/asleep"
# shellcheck disable=SC2086
timeout -k 5 $((120 * slow)) mpirun --oversubscribe -n 1 $daild : -n 1 sleep 600 : -n 1 $daild >"$work/out" 2>&1
exits "a worker that does not start" $? 5
says "which rank 0 says" '^daild: MPI has not come up for [0-9]+ s'
# shellcheck disable=SC2086
timeout -k 5 $((120 * slow)) mpirun --oversubscribe -n 1 sleep 600 : -n 2 $daild >"$work/out" 2>&1
exits "a coordinator that does not start" $? 5
says "which a worker says" '^daild: MPI has not come up for [0-9]+ s'

# --- A file system that does not answer while rank 0 checks the data ---

# shellcheck disable=SC2086
LD_PRELOAD=$fault DAIL_FAULT_RANK=0 DAIL_FAULT_AT=read:1+ DAIL_FAULT_PATH=tiny-cross DAIL_FAULT_SECONDS=600 \
    run_daild 2 $common --set run.dir="$work/checks" --set validation="[$work/data/tiny-cross.h5]"
exits "a start that hangs" $? 5
says "which rank 0 says" '^daild: the start hangs: nothing read and nothing computed for [0-9]+ s \(rank 0@'
check "once" one_line_of_error

# --- Without UDP ---

# without RUN FIRST: a run whose ranks send no datagrams from the FIRST on
without() {
    run=$work/$1
    # shellcheck disable=SC2086
    LD_PRELOAD=$fault DAIL_FAULT_RANK='*' DAIL_FAULT_AT="sendto:$2+" DAIL_FAULT_ERRNO=1 \
        start_daild 2 $common --set run.dir="$run"
    wait_for 60 at_step "$run" 12
}
without never 1
sleep $((5 * slow))
before=$(last_step "$run")
check "without UDP a run goes on" wait_for 60 at_step "$run" $((before + 1))
coordinator=$(pid_of "$run" 0)
kill -STOP "$coordinator"
end_daild
exits "a coordinator that is stopped" $? 5
says "is noticed by a worker" '^daild: the coordinator \(rank 0@.*\) is lost.*: nothing heard for [0-9]+ s, last after step [0-9]+ \(rank [12]@'
check "once" one_line_of_error

without cut 30
sleep $((8 * slow))
before=$(last_step "$run")
check "with UDP cut in the middle a run goes on" wait_for 60 at_step "$run" $((before + 1))
kill -TERM "$(pid_of "$run" 2)"
end_daild
exits "until it is asked to stop" $? 75
finish
