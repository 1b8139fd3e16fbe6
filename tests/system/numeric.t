#!/bin/sh
# A loss or gradient that is not finite: the update is skipped on all workers alike, and who brought it is said; so
# many in a row end the run with 4, after a checkpoint of the last good state.
. "$(dirname "$0")/lib.sh"

make_data
make_config
run=$work/run

# skips RUN: the steps whose update was skipped
skips() { records "$1" warning '$r->{what} =~ /^step (\d+): .*its update was skipped/ ? $1 : "-"' | grep -v - | tr '\n' ' '; }
# losses RUN: one a line, "none" where it is not finite
losses() { records "$1" step 'defined $r->{loss} ? $r->{loss} : "none"'; }

# --- A run that diverges ---

# With such a rate and decay every weight grows a thousandfold in each step, and none is a number after 30 or so.
wild="--set optimizer.lr=1000 --set optimizer.clip=0 --set optimizer.weight_decay=1"
wild="$wild --set schedule.epochs=30 --set schedule.warmup_epochs=0"
# shellcheck disable=SC2086
run_daild 2 $wild
exits "a run that diverges" $? 4
says "a run that diverges: said with what to do" '^daild: .*not finite for 10 steps in a row.*optimizer.lr'
check "a run that diverges: said once" one_line_of_error
# in_a_row RUN N: the last N steps are those skipped last, and the one before them is not skipped
in_a_row() {
    skips "$1" | tr ' ' '\n' | grep . | tail -n $(($2 + 1)) >"$1/skipped"
    is_last=$(last_step "$1")
    [ "$(tail -n "$2" "$1/skipped" | paste -s -d ' ')" = "$(seq -s ' ' $((is_last - $2 + 1)) "$is_last")" ] &&
        ! grep -qx $((is_last - $2)) "$1/skipped"
}
check "each skipped update is a warning in the log, the last ten in a row and none after" in_a_row "$run" 10
is "the log's last word" "$(records "$run" stop '$r->{exit_code}')" 4
last=$(last_step "$run")
good=$((last - 10))
is "the last good state is saved, as of its step" "$(newest_checkpoint "$run")" \
    "$run/checkpoints/$(printf 'step-%09d' $good)"
# shellcheck disable=SC2086
run_daild 2 $wild --set run.dir="$work/until" --set debug.stop_after_step=$good
check "as a run that stops there saves it" \
    same_model "$run/checkpoints/$(printf 'step-%09d' $good)" "$work/until/checkpoints/$(printf 'step-%09d' $good)"

# The count goes on where it was: three skips, a stop, and seven more.
# shellcheck disable=SC2086
run_daild 2 $wild --set run.dir="$work/counted" --set debug.stop_after_step=$((good + 3))
exits "stopped among skipped updates" $? 75
# shellcheck disable=SC2086
run_daild 2 $wild --set run.dir="$work/counted"
exits "the rest of them" $? 4
is "ends at the same step" "$(last_step "$work/counted")" "$last"
# shellcheck disable=SC2086
run_daild 2 $wild --set run.dir="$work/short" --set numeric.max_skips=3
exits "numeric.max_skips" $? 4
check "says how many" in_a_row "$work/short" 3

run_daild 2 --set schedule.epochs=30 --set optimizer.lr=0 --set debug.stop_after_step=$((good + 2))
exits "with other settings" $? 75
is "a run goes on from there" "$(records "$run" start '$r->{step}' | tail -n 1)" "$good"

# --- One bad image ---

# Image 37 of tiny1, the second dataset. 108 images a step: 4 steps are an epoch, and no image is left out of one.
bad="--set batch.lane=27 --set debug.poison_sample=$(((1 << 40) + 37)) --set debug.stop_after_step=12"
for workers in 1 2 4; do
    # shellcheck disable=SC2086
    run_daild $workers $calm $bad --set run.dir="$work/bad-$workers"
    exits "one bad image on $workers workers" $? 75
    losses "$work/bad-$workers" | grep -v none >"$work/bad-$workers/losses"
done
run=$work/bad-2
is "one bad image: one update in each of three epochs is skipped" \
    "$(for step in $(skips "$run"); do echo $(((step - 1) / 4)); done | paste -s -d ' ')" "0 1 2"
for workers in 1 4; do
    is "one bad image: the same ones on $workers workers" "$(skips "$work/bad-$workers")" "$(skips "$run")"
    check "one bad image: and the same losses on $workers workers" \
        near 1e-4 "$work/bad-$workers/losses" "$run/losses"
done
is "one bad image: the loss of a skipped step is none" "$(losses "$run" | grep -c none)" 3
for workers in 1 2 4; do
    is "one bad image: named on $workers workers, with shard, rank and lane" \
        "$(records "$work/bad-$workers" warning '$r->{what}' | sed 's/^step [0-9]*/step N/; s/@[^,]*/@HOST/' |
            sed -n 's/.*was skipped: //p' | sort -u | sed 's/rank [0-9]/rank R/; s/lane [0-9]/lane L/' | sort -u)" \
        "rank R@HOST, lane L, in the pixels of image 37 of tiny1 (tiny1-00000.h5, image 37)"
done
# where RUN: rank and lane of the first skip
where() { records "$1" warning '$r->{what} =~ /rank (\d+)@.*lane (\d+)/ ? "$1 $2" : "-"' | grep -v - | head -n 1; }
lane=$(where "$run" | cut -d ' ' -f 2)
is "one bad image: on the rank of its lane" "$(where "$run"), $(where "$work/bad-4")" \
    "$((lane / 2 + 1)) $lane, $((lane + 1)) $lane"

# Which step and lane that was, the plan tells: a trace of the step holds the image in that lane.
step=$(skips "$run" | cut -d ' ' -f 1)
# shellcheck disable=SC2086
run_daild 2 $calm --set batch.lane=27 --set run.dir="$work/traced" --set debug.trace_step="$step" --set debug.stop_after_step="$step"
if "$python" -c 'import h5py' 2>/dev/null; then
    check "one bad image: it was there" "$python" -c "
import glob, h5py, sys
for path in glob.glob('$work/traced/trace/*/worker-*.h5'):
    with h5py.File(path) as trace:
        if 'lane-$lane' in trace:
            sys.exit(not ((1 << 40) + 37 in list(map(int, trace['lane-$lane/sample'][...]))))
sys.exit(1)"
else
    skip "one bad image: $python has no h5py"
fi

# shellcheck disable=SC2086
run_daild 2 $calm $bad --set run.dir="$work/parts" --set debug.stop_after_step="$step"
# shellcheck disable=SC2086
run_daild 2 $calm $bad --set run.dir="$work/parts"
exits "one bad image: stopped right after the skipped update" $? 75
check "one bad image: to the same bits" \
    same_model "$work/parts/checkpoints/step-000000012" "$run/checkpoints/step-000000012"
finish
