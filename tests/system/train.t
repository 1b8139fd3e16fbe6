#!/bin/sh
# A run from end to end on two workers, and everything it leaves behind.
. "$(dirname "$0")/lib.sh"

# kinds of records and the fields of each, as users' scripts rely on them
fields() {
    cat <<'END'
start      version name config_digest workers datasets lanes global_batch parameters resumed_from
plan       epoch lanes
step       epoch step steps loss loss_cls loss_dom accuracy domain_accuracy lambda lr grad_norm images_per_second eta_seconds seconds
eval       step set pairs accuracy accuracy_std threshold auc tar
checkpoint step path bytes seconds
stop       reason exit_code
END
}

# has_fields KIND FIELD...: there is a record of that kind, and each has every field
has_fields() {
    kind=$1
    shift
    count=$(records "$run" "$kind" 1 | wc -l)
    full=$(records "$run" "$kind" "join(' ', grep { !exists \$r->{\$_} } qw(t seq $*)) || 'all there'" |
        grep -c 'all there')
    echo "$count records of kind $kind, $full have all of: $*"
    [ "$count" -gt 0 ] && [ "$count" = "$full" ]
}

make_data --pairs 400
make_config
run=$work/run
evaluate="--set validation=[$work/data/tiny0-within.h5,$work/data/tiny-cross.h5] --set eval.every_steps=10"
# shellcheck disable=SC2086
run_daild 2 $evaluate --set checkpoint.every_steps=10
exits "two workers train" $? 0
says "it says that it is done" '^done: 26 steps$'

fields >"$work/fields"
while read -r kind names; do
    # shellcheck disable=SC2086
    check "every $kind record has its fields" has_fields "$kind" $names
done <"$work/fields"
check "nothing but records, numbered from 0 by one" perl -MJSON::PP -ne '
    die "line $.: $_" if decode_json($_)->{seq} != $. - 1; END { die "empty" unless $. }' "$run/status.jsonl"
is "a record for every step, in order" "$(records "$run" step '$r->{step}' | tr '\n' ' ')" \
    "$(seq -s ' ' 1 26) "
is "a plan for each epoch" "$(records "$run" plan '$r->{epoch}' | tr '\n' ' ')" "1 2 "
is "every image is leased once an epoch" \
    "$(records "$run" plan '$n = 0; $n += $_->{images} for @{$r->{lanes}}; $n' | tr '\n' ' ')" "432 432 "
is "evaluations of both sets on the way and at the end" "$(records "$run" eval '"$r->{set}:$r->{step}"' | tr '\n' ' ')" \
    "tiny0-within:10 tiny-cross:10 tiny0-within:20 tiny-cross:20 tiny0-within:26 tiny-cross:26 "
is "TAR at the FARs that 400 pairs can tell" "$(records "$run" eval 'join " ", sort keys %{$r->{tar}}' | sort -u)" "1e-2"
is "the workers of the start record" "$(records "$run" start 'join " ", map { $_->{rank} } @{$r->{workers}}')" "1 2"
is "the stop record is the last" "$(tail -n 1 "$run/status.jsonl" | grep -c '"kind":"stop","reason":"done","exit_code":0')" 1
says "daild.log says the same for people" '^.*step 26/26 ' "$run/daild.log"

checkpoint=$run/checkpoints/step-000000026
is "checkpoints on the way and at the end" "$(ls "$run/checkpoints" | tr '\n' ' ')" \
    "step-000000010 step-000000020 step-000000026 "
is "files of a checkpoint" "$(ls "$checkpoint" | LC_ALL=C sort | tr '\n' ' ')" \
    "COMMIT classifier-tiny0.1-of-1.h5 classifier-tiny1.1-of-1.h5 classifier-tiny2.1-of-1.h5 model.h5 state.yaml "
is "files of a run" "$(ls "$run" | tr '\n' ' ')" "checkpoints config.yaml daild.log status.jsonl "
check "dail verify accepts the data and the checkpoint" \
    "$build/dail" verify "$work"/data/tiny?.yaml "$work"/data/*.h5 "$checkpoint"
for thing in data/tiny0.yaml data/tiny0-00000.h5 data/tiny0-within.h5 run/checkpoints/step-000000026 run/checkpoints/step-000000026/model.h5 \
    run/status.jsonl run; do
    "$build/dail" info "$work/$thing" >"$work/out" 2>&1
    exits "dail info $thing" $? 0
    says "dail info $thing describes it" '[0-9]'
done

"$build/dail" eval --json --batch 8 --threads 1 "$checkpoint" "$work/data/tiny0-within.h5" "$work/data/tiny-cross.h5" >"$work/out" 2>&1
exits "dail eval" $? 0
# The run shares the images out over two workers: its embeddings are equal to rounding, and so is their mean norm. What
# counts pairs may go either way with a pair that lies at a threshold: an accuracy of 400 by some of them, an area of
# 200 times 200 by few.
perl -MJSON::PP -0777 -ne '
    for $s (@{decode_json($_)->{sets}}) { print join("\n", @$s{qw(pairs norm)}), "\n" }' "$work/out" >"$work/by-dail"
records "$run" eval '$r->{step} == 26 ? join("\n", @$r{qw(pairs norm)}) : ()' | grep . >"$work/by-daild"
check "dail eval finds what the run found at its end" near 1e-4 "$work/by-dail" "$work/by-daild"
perl -MJSON::PP -0777 -ne '
    for $s (@{decode_json($_)->{sets}}) { print join("\n", @$s{qw(accuracy auc)}), "\n" }' "$work/out" >"$work/by-dail"
records "$run" eval '$r->{step} == 26 ? join("\n", @$r{qw(accuracy auc)}) : ()' | grep . >"$work/by-daild"
check "and judges as the run does" near 0.02 "$work/by-dail" "$work/by-daild"

"$build/daild" "$run/config.yaml" --print-config >"$work/printed" 2>"$work/out"
exits "config.yaml is a configuration" $? 0
digest=$(records "$run" start '$r->{config_digest}')
cp "$run/config.yaml" "$work/config.yaml"
run_daild 2 --set run.dir="$work/again" --set debug.stop_after_step=1
is "config.yaml read again has the same digest" "$(records "$work/again" start '$r->{config_digest}')" "$digest"
is "and the same first loss" "$(records "$work/again" step '$r->{loss}')" "$(records "$run" step '$r->{loss}' | head -n 1)"
run_daild 2 --set optimizer.lr=0.05 --set run.dir="$work/other" --set debug.stop_after_step=1
check "another learning rate has another digest" \
    test "$(records "$work/other" start '$r->{config_digest}')" != "$digest"

run_daild 2 --set optimizer.lr=0.05
exits "a run that is done, started again" $? 0
check "a changed configuration is a warning" has_fields warning what
is "takes no more steps" "$(records "$run" step 1 | wc -l)" 26
finish
