#!/bin/sh
# Identities that a training discovers: rows are shared, the same bits after a stop between two discoveries, the same
# groups on any number of workers, and what shows them.
. "$(dirname "$0")/lib.sh"

# People who are in all datasets and look the same there, so that a small network soon tells who is who: 45 steps of 32
# an epoch, a discovery every 22 or 23.
timeout $((60 * slow)) "$build/dail" synth -o "$work/data" --datasets 3 --identities 40 --images 12 --overlap 1 --shift 0 \
    --session 0 --size 32 --pairs 0 --name tiny --seed "$seed" >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
make_config
discover="--set domain.lambda=0 --set loss.margin=softmax --set loss.scale=16 --set optimizer.lr=0.2 --set optimizer.momentum=0.5
    --set schedule.kind=cosine --set schedule.epochs=8 --set schedule.warmup_epochs=1 --set classifier.rows_min=8
    --set identity.unify=discover --set identity.every_epochs=0.5"

# shellcheck disable=SC2086
{
    run_daild 2 $discover --set run.dir="$work/whole" --set debug.stop_after_step=165
    exits "a training that discovers" $? 75
    says "it says what it finds" 'step [0-9]+: identity groups: [1-9][0-9]* pairs in [1-9]'
    run_daild 2 $discover --set run.dir="$work/parts" --set debug.stop_after_step=140
    run_daild 2 $discover --set run.dir="$work/parts" --set debug.stop_after_step=165
    exits "the same, stopped between two discoveries" $? 75
}
check "the same bits as without the stop" \
    same_model "$work/parts/checkpoints/step-000000165" "$work/whole/checkpoints/step-000000165"
records "$work/whole" groups '"$r->{step} $r->{epoch} $r->{pairs} $r->{groups} $r->{joined} $r->{parted}"' >"$work/groups"
records "$work/parts" groups '"$r->{step} $r->{epoch} $r->{pairs} $r->{groups} $r->{joined} $r->{parted}"' >"$work/groups.parts"
check "and the same groups at each discovery" cmp "$work/groups" "$work/groups.parts"
is "discovered after these steps" "$(cut -d ' ' -f 1 "$work/groups" | tr '\n' ' ')" "45 68 90 113 135 158 "
is "of these epochs" "$(cut -d ' ' -f 2 "$work/groups" | tr '\n' ' ')" "1 2 2 3 3 4 "
check "what is new and what is no more makes the pairs there are" \
    awk '{ pairs += $5 - $6; if (pairs != $3) bad = 1 } END { exit bad || pairs == 0 }' "$work/groups"
shared=$(tail -n 1 "$work/groups" | cut -d ' ' -f 3)

# --- Any number of workers ---

# A low learning rate, so that rounding stays rounding; and a discovery on the way.
for workers in 1 2 4; do
    # shellcheck disable=SC2086
    run_daild $workers $discover --set run.dir="$work/on-$workers" --set optimizer.lr=0.0005 \
        --set checkpoint.resume="$work/parts/checkpoints/step-000000140" --set debug.stop_after_step=162
    exits "gone on with by $workers workers" $? 75
    records "$work/on-$workers" step '$r->{loss}' >"$work/on-$workers/losses"
    records "$work/on-$workers" groups '"$r->{step} $r->{pairs} $r->{joined} $r->{parted}"' >"$work/on-$workers/groups"
done
check "there are groups" grep -q '^158 [1-9]' "$work/on-1/groups"
for workers in 2 4; do
    check "losses on $workers workers are those on one" near 1e-4 "$work/on-$workers/losses" "$work/on-1/losses"
    check "and so are the groups" cmp "$work/on-$workers/groups" "$work/on-1/groups"
done

# --- Until something is discovered ---

for unify in none discover; do
    # shellcheck disable=SC2086
    run_daild 2 $discover --set run.dir="$work/until-$unify" --set identity.unify=$unify --set identity.start=1 \
        --set debug.stop_after_step=60
    records "$work/until-$unify" step '$r->{loss}' >"$work/until-$unify/losses"
done
check "until something is discovered it trains as if nothing were to be" \
    cmp "$work/until-none/losses" "$work/until-discover/losses"

# --- What shows them ---

exit_code "dail tail" 0 "$build/dail" tail --once "$work/whole"
says "tells the groups" "identity groups: [0-9]*, $shared pairs, .* step 158"
exit_code "dail tail --json" 0 "$build/dail" tail --once --json "$work/whole"
says "too" "\"pairs\": *$shared[,}]"
exit_code "dail report" 0 timeout $((60 * slow)) "$build/dail" report --fast "$work/whole" -o "$work/report.html"
$python tests/system/page.py "$work/report.html" >"$work/drawn" 2>&1
says "draws them over time" "^drawn:.* identity-groups" "$work/drawn"
exit_code "dail overlap --truth" 0 "$build/dail" overlap "$work/whole" --truth "$work/data/overlap.tsv" -o "$work/found.tsv"
says "tells how many are right" "trained as one person: $shared pairs"

# --- What does not fit ---

# refused NAME PATTERN [--set KEY=VALUE...]: code 2, one line
refused() {
    what=$1 pattern=$2
    shift 2
    # shellcheck disable=SC2086
    run_daild 2 $discover "$@"
    exits "$what" $? 2
    says "$what: said" "^daild: .*$pattern"
    check "$what: once" one_line_of_error
}
refused "going on without the groups" "a checkpoint of other identity groups" --set run.dir="$work/whole" --set identity.unify=none
refused "discovering from a checkpoint without centres" "no centres of its classes" --set run.dir="$work/until-none"
refused "a table beside the discovery" "reads no identity.file" --set run.dir="$work/none" --set identity.file="$work/data/overlap.tsv"
finish
