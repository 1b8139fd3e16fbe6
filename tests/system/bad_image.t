#!/bin/sh
# An image that cannot be used ends a run with the last complete step saved; a trace that cannot be written is a warning.
. "$(dirname "$0")/lib.sh"

make_data
make_config
common="--set schedule.epochs=2 --set checkpoint.every_steps=100 --set runtime.liveness_seconds=20"
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$work/whole"
exits "a run over whole data" $? 0

# --- One damaged image ---

# image FILE NUMBER: an offset within an image, by its place in the file
image() { echo $(($(grep -abo JFIF "$1" | sed -n "$2p" | cut -d : -f 1) + 300)); }
shard=$work/data/tiny1-00000.h5
at=$(image "$shard" 20)
flip "$shard" "$at"
run=$work/damaged
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$run"
exits "a damaged image ends the run" $? 3
says "with its shard and place" 'daild: .*damaged.*tiny1, shard 0, image'
check "once" one_line_of_error
last=$(newest_checkpoint "$run")
is "the last complete step is saved" "$last" "$run/checkpoints/step-$(printf %09d "$(last_step "$run")")"
check "and nothing is half-written" test -z "$(find "$run" -name '*.tmp*')"
flip "$shard" "$at"
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$run"
exits "with the image restored it goes on" $? 0
is "from there" "$(records "$run" start '$r->{resumed_from}' | tail -n 1)" "$last"
check "to the same bits" same_model "$(newest_checkpoint "$run")" "$(newest_checkpoint "$work/whole")"

# --- Images that may be left out ---

flip "$shard" "$at"
# left_out RUN: warnings of images that are left out
left_out() { records "$1" warning '$r->{what}' | grep 'an image is left out'; }
run=$work/left-out
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$run" --set data.bad_images=2
exits "a damaged image may be left out" $? 0
is "it is named once, in two epochs" "$(left_out "$run" | wc -l)" 1
left_out "$run" >"$work/out"
says "with its dataset, shard and number" '1 of at most 2: .*damaged.*dataset tiny1, shard 0, image [0-9]+: .*tiny1-00000.h5'
run=$work/left-out-twice
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$run" --set data.bad_images=2 --set debug.stop_after_step=7
exits "stopped in the middle" $? 75
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$run" --set data.bad_images=2
exits "and gone on with" $? 0
check "to the same bits" same_model "$(newest_checkpoint "$run")" "$(newest_checkpoint "$work/left-out")"
is "its place is another's: no step less" "$(last_step "$run")" 26

second=$(image "$shard" 30)
flip "$shard" "$second"
run=$work/too-many
# shellcheck disable=SC2086
run_daild 2 $common --set schedule.epochs=200 --set run.dir="$run" --set data.bad_images=1
exits "more than may be left out end the run" $? 3
says "which is said" '^daild: more images than data.bad_images \(1\) cannot be used, at last: .*tiny1-00000.h5'
check "once" one_line_of_error
is "both are named" "$(left_out "$run" | wc -l)" 2
is "the last step is saved" "$(newest_checkpoint "$run")" "$run/checkpoints/step-$(printf %09d "$(last_step "$run")")"
flip "$shard" "$second"
flip "$shard" "$at"

# --- A trace that cannot be written ---

run=$work/traced
mkdir -p "$run/trace/step-000000003/worker-2.h5/in-the-way"
# shellcheck disable=SC2086
run_daild 2 $common --set run.dir="$run" --set debug.trace_step=3
exits "a trace that cannot be written does not end the run" $? 0
is "one warning says so" "$(records "$run" warning '$r->{what}' | grep -c 'step 3 is not traced by rank 2@.*worker-2.h5')" 1
check "the other worker's is there" test -f "$run/trace/step-000000003/worker-1.h5"
check "training is none the worse" same_model "$(newest_checkpoint "$run")" "$(newest_checkpoint "$work/whole")"
finish
