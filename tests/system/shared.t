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
cp -r "$run/checkpoints/step-000000007" "$work/init"
flip "$work/init/classifier-tiny0.2-of-4.h5" -100
run_daild 2 --set run.dir="$work/other" --set model.init="$work/init"
exits "a damaged checkpoint as model.init" $? 3
says "is named" "^daild: .*crc.*model.init: $work/init/classifier-tiny0.2-of-4.h5"
check "once" one_line_of_error
finish
