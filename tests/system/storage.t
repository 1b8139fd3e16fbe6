#!/bin/sh
# Checkpoints that cannot be written: training goes on, says so, tries again, and spoils nothing that is there; what
# it ends with is what it would have ended with.
. "$(dirname "$0")/lib.sh"

make_data
make_config
mkdir -p "$work/small"
mount -t tmpfs -o size=2000k dail-test "$work/small" 2>"$work/said" || skip_all "no small file system: $(cat "$work/said")"
run=$work/small/run
# A checkpoint takes 0.8 MB: two have room there, the third does not.
often="--set checkpoint.keep=2 --set checkpoint.every_steps=6"

run_daild 2 --set run.dir="$work/whole" --set checkpoint.every_steps=6
exits "a run with room" $? 0
is "checkpoints tell how long they took, and how long training stood still" \
    "$(records "$work/whole" checkpoint '0 <= $r->{stall} && $r->{stall} <= $r->{seconds} && $r->{seconds} < 60 ? "yes" : "no"' |
        sort -u)" yes

# warnings: of checkpoints that could not be written
warnings() { records "$run" warning '$r->{what}' | grep -c 'the checkpoint of step .* could not be written'; }
some_warnings() { [ "$(warnings)" -ge "$1" ]; }
checkpoint_at() { [ "$(records "$run" checkpoint '$r->{step}' | tail -n 1)" -ge "$1" ]; }

# --- Full to the end ---

# shellcheck disable=SC2086
run_daild 2 $often --set run.dir="$run"
exits "a full disk, and no room at the end either" $? 6
says "a full disk: said once at the end, with what is safe" \
    '^daild: the run ends at step 26 without a checkpoint of it: no space left.*small/run/checkpoints.*goes on from step 12'
check "a full disk: said once" one_line_of_error
is "a full disk: training went on to its end" "$(last_step "$run")" 26
check "a full disk: a warning for each checkpoint due, and for two more tries at the end" some_warnings 5
is "a full disk: nothing half-written" "$(ls "$run/checkpoints" | tr '\n' ' ')" "step-000000006 step-000000012 "
check "a full disk: the checkpoints before are sound" "$build/dail" verify "$run/checkpoints/step-000000006" \
    "$run/checkpoints/step-000000012"
is "a full disk: the log's last word" "$(records "$run" stop '$r->{exit_code}')" 6

mount -o remount,size=20m "$work/small"
# shellcheck disable=SC2086
run_daild 2 $often --set run.dir="$run"
exits "with room the run goes on" $? 0
is "with room: from there" "$(records "$run" start '$r->{resumed_from}' | tail -n 1)" "$run/checkpoints/step-000000012"
check "with room: the end is the end of the run that had room" \
    same_model "$run/checkpoints/step-000000026" "$work/whole/checkpoints/step-000000026"
rm -rf "$run"

# --- Full for a while ---

long="--set schedule.epochs=60 --set checkpoint.keep=2 --set checkpoint.every_steps=20 --set debug.stop_after_step=240"
# shellcheck disable=SC2086
run_daild 2 $long --set run.dir="$work/longer"
exits "a longer run with room" $? 75

mount -o remount,size=2000k "$work/small"
# shellcheck disable=SC2086
start_daild 2 $long --set run.dir="$run"
check "full for a while: a checkpoint fails" wait_for 60 some_warnings 1
failed=$(last_step "$run")
mount -o remount,size=20m "$work/small"
check "full for a while: a later one does not" wait_for 60 checkpoint_at "$((failed + 1))"
end_daild
exits "full for a while: the run ends as it should" $? 75
is "full for a while: in one start" "$(records "$run" start 1 | wc -l)" 1
check "full for a while: to the same bits" \
    same_model "$run/checkpoints/step-000000240" "$work/longer/checkpoints/step-000000240"
rm -rf "$run"

# --- A stop while it is full ---

mount -o remount,size=2000k "$work/small"
# shellcheck disable=SC2086
start_daild 2 $long --set run.dir="$run"
check "a stop while it is full: a checkpoint fails" wait_for 60 some_warnings 1
kill -TERM "$(pid_of "$run" 1)"
end_daild
exits "a stop while it is full" $? 6
says "a stop while it is full: what is safe" '^daild: the run ends at step [0-9]+ without a checkpoint of it.*goes on from step 40'
check "a stop while it is full: said once" one_line_of_error
check "a stop while it is full: that checkpoint is sound" "$build/dail" verify "$run/checkpoints/step-000000040"
rm -rf "$run"

# --- Calls that fail ---

# Each with another error, in the coordinator and in a worker: EIO, EDQUOT, ENOSPC.
use_faults
run=$work/run
# fails RANK ERRNO CALLS: a run in which these calls of one rank fail
fails() {
    rm -rf "$run"
    (
        export LD_PRELOAD="$fault" DAIL_FAULT_RANK="$1" DAIL_FAULT_ERRNO="$2" DAIL_FAULT_AT="$3"
        run_daild 2 --set run.dir="$run" --set checkpoint.every_steps=3 --set checkpoint.keep=2
    )
    exits "calls of rank $1 fail with error $2: the run ends as it should" $? 0
    check "calls of rank $1 fail with error $2: to the same bits" \
        same_model "$run/checkpoints/step-000000026" "$work/whole/checkpoints/step-000000026"
    is "calls of rank $1 fail with error $2: nothing half-written" "$(find "$run" -name '*tmp*')" ""
}
fails 0 5 open:1,write:2,fsync:6,rename:4
check "each is a warning" some_warnings 4
says "that names the file" 'warning: .*step 3 could not be written.*Input/output error.*step-000000003.[0-9a-f]+.tmp/state.yaml'
fails 1 122 fallocate:1,fallocate:2
check "over quota: a warning" some_warnings 2
says "over quota: said as such, with the rank" 'warning: .*no space left.*quota.*rank 1@.*model.h5'
fails 1 5 write:30,fsync:3,open:9
check "an error of the disk: a warning" some_warnings 3
says "an error of the disk: said as such" 'warning: .*Input/output error.*rank 1@.*step-000000003.[0-9a-f]+.tmp/model.h5'
fails 2 28 write:3
check "one worker alone has no space: a warning" some_warnings 1
fails 0 5 prune:2,rename:14
check "an old checkpoint that cannot be removed is a warning" test \
    "$(records "$run" warning '$r->{what}' | grep -c 'pruned.tmp\|renaming failed')" -ge 2
finish
