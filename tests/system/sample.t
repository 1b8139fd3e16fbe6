#!/bin/sh
# classifier.sample: the same training on any number of workers, and going on with the same bits; and a rate of 1 is none.
. "$(dirname "$0")/lib.sh"

"$build/dail" synth -o "$work/data" --datasets 2 --identities 120 --images 3 --size 32 --pairs 0 --name crowd --seed "$seed" \
    >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
make_config
common="--set data.datasets=[$work/data/crowd0.yaml,$work/data/crowd1.yaml] --set classifier.rows_min=30
        --set loss.crossing_dropout=0.1 $calm"
drawn="$common --set classifier.sample=0.2"

# shellcheck disable=SC2086
for workers in 1 2 3; do
    run_daild $workers $drawn --set run.dir="$work/on-$workers" --set debug.stop_after_step=10
    exits "on $workers" $? 75
    records "$work/on-$workers" step '$r->{loss}' >"$work/losses-$workers"
done
is "a loss for each step" "$(wc -l <"$work/losses-1")" 10
check "losses on 2 workers are those on one" near 1e-4 "$work/losses-2" "$work/losses-1"
check "and those on 3" near 1e-4 "$work/losses-3" "$work/losses-1"

# shellcheck disable=SC2086
for until in 4 10; do
    run_daild 2 $drawn --set run.dir="$work/parts" --set debug.stop_after_step=$until
    exits "in two parts: up to step $until" $? 75
done
check "the same bits as in one" same_model "$(newest_checkpoint "$work/parts")" "$(newest_checkpoint "$work/on-2")"

# shellcheck disable=SC2086
for rate in 1 0.999999999; do
    run_daild 2 $common --set classifier.sample=$rate --set run.dir="$work/rate-$rate" --set debug.stop_after_step=4
    exits "a rate of $rate" $? 75
done
records "$work/rate-1" step '$r->{loss}' >"$work/losses-full"
check "a draw of all has the bits of no draw" same_model "$(newest_checkpoint "$work/rate-1")" \
    "$(newest_checkpoint "$work/rate-0.999999999")"
check "and one of a fifth has not" sh -c "! head -n 4 '$work/losses-2' |
    cmp -s - '$work/losses-full'"
exit_code "a rate of 0 is refused" 2 "$build/daild" --check "$work/config.yaml" --set classifier.sample=0
says "by name" 'classifier\.sample'
finish
