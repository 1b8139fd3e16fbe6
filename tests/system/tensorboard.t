#!/bin/sh
# log.tensorboard: TensorBoard itself reads what the status log holds, also of a run that went back to a checkpoint.
. "$(dirname "$0")/lib.sh"

make_data
make_config
run=$work/run
evaluate="--set validation=[$work/data/tiny0-within.h5] --set eval.every_steps=5"
# shellcheck disable=SC2086
run_daild 2 $evaluate --set log.tensorboard=true --set checkpoint.every_steps=10 --set debug.stop_after_step=15
exits "a run with log.tensorboard" $? 75
is "begins one event file" "$(find "$run/tensorboard" -name 'events.out.tfevents.*' | wc -l)" 1

# As if it had been killed before that checkpoint: steps 11 to 15 are done again.
rm -r "$run/checkpoints/step-000000015"
# shellcheck disable=SC2086
run_daild 2 $evaluate --set log.tensorboard=true --set data.augment.flip=false
exits "goes on from step 10" $? 0
is "and begins another" "$(find "$run/tensorboard" -name 'events.out.tfevents.*' | wc -l)" 2
is "steps are in the status log twice" "$(records "$run" step '$r->{step}' | grep -c '^12$')" 2

if make_venv tensorboard tensorboard; then
    "$venv" tests/system/events.py "$run" >"$work/out" 2>&1
    says "TensorBoard reads the scalars of the status log, each step once" ' scalars of 26 steps, 0 wrong'
    newest=$(ls "$run"/tensorboard/events* | tail -n 1)
    size=$(wc -c <"$newest")
    truncate -s $((size - 5)) "$newest"
    "$venv" tests/system/events.py "$run" >"$work/out" 2>&1
    says "and all but the last event of a file that was cut short" ' scalars of 26 steps, [3-9] wrong'
else
    skip "no tensorboard from PyPI: $(tail -n 1 "$work/said")"
fi

run_daild 2 --set run.dir="$work/plain" --set debug.stop_after_step=2
check "no event file unless it is asked for" test ! -e "$work/plain/tensorboard"
finish
