#!/bin/sh
# What the ranks do together before a run begins: each must see the run's folder, and each verifies its share of the checkpoint
# that the run goes on from.
. "$(dirname "$0")/lib.sh"

make_data
make_config

# --- A folder that the ranks do not share ---

# Relative to where each rank is, run.dir is another folder: as one on the hosts' own disks.
mkdir "$work/here" "$work/there"
begun=$(date +%s)
timeout -k 5 $((60 * slow)) mpirun --oversubscribe -n 2 -wdir "$work/here" "$(realpath "$build/daild")" "$work/config.yaml" \
    --set run.dir=run : -n 1 -wdir "$work/there" "$(realpath "$build/daild")" "$work/config.yaml" --set run.dir=run \
    >"$work/out" 2>&1
exits "a run.dir that one rank does not see" $? 2
says "is refused with rank, host and folder" \
    "^daild: this rank does not see the run's folder as the coordinator does: .*\\(rank 2@$(hostname): run\\); give a run.dir that all hosts share"
check "once" one_line_of_error
check "within a minute" test $(($(date +%s) - begun)) -lt 60
check "and leaves no folder" test ! -e "$work/here/run" -a ! -e "$work/there/run"

# --- A checkpoint that is verified by all ---

run=$work/run
run_daild 4 --set checkpoint.every_steps=2 --set checkpoint.keep=0 --set classifier.rows_min=3 --set debug.stop_after_step=6
exits "a run" $? 75
flip "$run/checkpoints/step-000000006/classifier-tiny1.3-of-4.h5" -100
flip "$run/checkpoints/step-000000004/model.h5" -100
run_daild 4 --set classifier.rows_min=3 --set debug.stop_after_step=7
exits "a run whose newest checkpoints are damaged" $? 75
says "passes over the first, by the file" "^warning: .*crc.*step-000000006/classifier-tiny1.3-of-4.h5"
says "and over the second" "^warning: .*crc.*step-000000004/model.h5"
is "for the one before" "$(records "$run" start '$r->{resumed_from}' | tail -n 1)" "$run/checkpoints/step-000000002"

# --- Who reads what of it ---

use_faults
check "the library that counts reads is built" make -s BUILD="$build" "$build/tests/system/reads.so" || exit 1
reads=$(realpath "$build/tests/system/reads.so")

# preloaded LIBRARY WORKERS [OPTION...]: a run with that library
preloaded() {
    (
        export LD_PRELOAD="$1"
        shift
        run_daild "$@"
    )
}
# faulty RANK VARIABLE=VALUE [OPTION...]: of two workers, every read of a checkpoint in that rank goes so; liveness is 1 s
faulty() {
    (
        export DAIL_FAULT_RANK="$1" DAIL_FAULT_AT=read:1+ "$2"
        shift 2
        preloaded "$fault" 2 --set runtime.liveness_seconds=1 --set checkpoint.resume="$run/checkpoints/step-000000007" "$@"
    )
}
# opened FILE [RANK]: how often it was opened, by all ranks or one
opened() { cat "$work"/reads.${2:-?} | grep -c "^open .*/step-000000007/$1\$"; }
# bytes_of FILE: the bytes that were read of it, in its own size
bytes_of() {
    cat "$work"/reads.? | awk -v size="$(stat -c %s "$run/checkpoints/step-000000007/$1")" -v name="/step-000000007/$1" \
        '$1 == "read" && substr($3, length($3) - length(name) + 1) == name { bytes += $2 } END { printf "%.1f\n", bytes / size }'
}

DAIL_READS_LOG="$work/reads" preloaded "$reads" 4 --set classifier.rows_min=3 --set debug.stop_after_step=8 --set checkpoint.every_steps=0 --set checkpoint.resume="$run/checkpoints/step-000000007"
exits "four workers go on" $? 75
# Of a small file the arrays are not all of its bytes.
twice() { printf '%s times\n' "$1" && awk -v n="$1" 'BEGIN { exit !(n > 1.1 && n < 2.2) }'; }
check "the network is read twice in all, to verify it and to take it" twice "$(bytes_of model.h5)"
check "a part of the class rows likewise" twice "$(bytes_of classifier-tiny1.2-of-4.h5)"
for rank in 2 3 4; do
    verified=$(opened model.h5 $rank)
    check "rank $rank opens the network at most to verify it" test "$verified" -le 1
done
opens=0
for part in 1 2 3 4; do
    opens=$((opens + $(cat "$work"/reads.[1-4] | grep -c "^open .*/step-000000007/classifier-tiny1.$part-of-4.h5\$")))
done
is "of four parts each is opened by who verifies it and by who owns it" $opens 8
is "the coordinator reads none of them" "$(grep -c '^read .*/classifier-' "$work/reads.0")" 0

# --- A file server that is slow ---

# Longer in all than a worker may be silent at the start, and no single read so long.
faulty '*' DAIL_FAULT_SECONDS=0.1 --set run.dir="$work/slow" --set debug.stop_after_step=8
exits "a restore that takes long shows life" $? 75

# A rank whose reads never return, before there is a watchdog.
faulty 2 DAIL_FAULT_SECONDS=10000 --set run.dir="$work/stuck"
exits "a rank that hangs while it verifies ends the start" $? 5
says "which names it" "^daild: before the run began a rank has not got on for 10 s \\(rank 2@$(hostname)\\)"

# A checkpoint that is sound is not passed over, as a damaged one, for a host that cannot read it.
faulty 2 DAIL_FAULT_ERRNO=5 --set run.dir="$work/unread"
exits "a rank that cannot read what others can ends the start" $? 5
says "which names it, and the file" \
    "^daild: a rank cannot read the checkpoint that others can read: .*Input/output error \\(rank 2@$(hostname): $run/.*step-000000007/"

# --- The starting point of another run ---

cp -r "$run/checkpoints/step-000000007" "$work/init"
flip "$work/init/classifier-tiny0.2-of-4.h5" -100
run_daild 2 --set run.dir="$work/other" --set model.init="$work/init"
exits "a damaged checkpoint as model.init" $? 3
says "is named" "^daild: .*crc.*model.init: $work/init/classifier-tiny0.2-of-4.h5"
check "once" one_line_of_error
finish
