#!/bin/sh
# People in several datasets who share a row of the classifier: the same training on any number of workers, the same
# bits after a stop, and tables and checkpoints that do not fit.
. "$(dirname "$0")/lib.sh"

make_data
make_config
# Eight people of the first two datasets, four of whom are in the third; and a pair that is not certain.
awk 'BEGIN {
    print "dataset_a\tidentity_a\tdataset_b\tidentity_b\tprobability\tverdict"
    for (i = 0; i < 8; i++) {
        printf "tiny0\ttiny0-%06d\ttiny1\ttiny1-%06d\t%g\t\n", i, (i + 5) % 12, 0.9 + i / 100
        if (i % 2) printf "tiny1\ttiny1-%06d\ttiny2\ttiny2-%06d\t0.2\taccept\n", (i + 5) % 12, i
    }
    print "tiny0\ttiny0-000011\ttiny2\ttiny2-000011\t0.4\t"
}' >"$work/people.tsv"
groups="--set identity.file=$work/people.tsv --set classifier.rows_min=5 --set loss.crossing_dropout=0.1"

for workers in 1 2 4; do
    # shellcheck disable=SC2086
    run_daild $workers $calm $groups --set run.dir="$work/on-$workers" --set debug.stop_after_step=20
    exits "trained on $workers workers" $? 75
    says "on $workers workers it says what is shared" "identity groups: 12 of the classes share another's row"
    records "$work/on-$workers" step '$r->{loss}' >"$work/on-$workers/losses"
done
is "a loss for each step" "$(wc -l <"$work/on-1/losses")" 20
for workers in 2 4; do
    check "losses on $workers workers are those on one" near 1e-4 "$work/on-$workers/losses" "$work/on-1/losses"
done
# shellcheck disable=SC2086
run_daild 1 $calm $groups --set run.dir="$work/likely" --set identity.min_probability=0.3 --set debug.stop_after_step=1
says "a lower least probability joins more" "identity groups: 13 of the classes"
# shellcheck disable=SC2086
run_daild 1 $calm $groups --set run.dir="$work/apart" --set identity.file=none --set debug.stop_after_step=20
exits "without groups" $? 75
records "$work/apart" step '$r->{loss}' >"$work/apart/losses"
check "the training is another" sh -c "! cmp -s '$work/apart/losses' '$work/on-1/losses'"

# --- Stopped and gone on ---

# shellcheck disable=SC2086
{
    run_daild 2 $groups --set run.dir="$work/whole" --set debug.stop_after_step=20
    run_daild 2 $groups --set run.dir="$work/parts" --set debug.stop_after_step=9
    run_daild 2 $groups --set run.dir="$work/parts" --set debug.stop_after_step=20
}
check "the same bits as without the stop" \
    same_model "$work/parts/checkpoints/step-000000020" "$work/whole/checkpoints/step-000000020"

# --- What does not fit ---

# refused NAME CODE PATTERN [--set KEY=VALUE...]: one line, and nothing is begun
refused() {
    what=$1 code=$2 pattern=$3
    shift 3
    run_daild 2 --set run.dir="$work/refused" "$@"
    exits "$what" $? "$code"
    says "$what: said" "^daild: .*$pattern"
    check "$what: once" one_line_of_error
    check "$what: nothing half done" test ! -e "$work/refused/checkpoints"
}
# table LINE: a table of that one line
table() { printf "$1\n" >"$work/table.tsv"; }
table 'tiny0\ttiny0-000001\ttiny9\ttiny9-000001'
refused "a dataset that is not trained on" 3 "tiny9 is none of this run's datasets.*table.tsv:1" --set identity.file="$work/table.tsv"
table 'tiny0\tnobody\ttiny1\ttiny1-000001'
refused "an unknown identity" 3 'tiny0 has no identity of that name.*table.tsv:1' --set identity.file="$work/table.tsv"
table 'tiny0\ttiny0-000001\ttiny1\ttiny1-000001\ntiny1\ttiny1-000001\ttiny0\ttiny0-000002'
refused "two identities of a dataset" 3 'two identities of tiny0 would be one person.*table.tsv:2' --set identity.file="$work/table.tsv"
table 'tiny0\ttiny0-000001'
refused "half a line" 3 'table.tsv:1' --set identity.file="$work/table.tsv"
exit_code "daild --check refuses it too" 3 "$build/daild" --check "$work/config.yaml" --set identity.file="$work/table.tsv" \
    --set run.dir="$work/refused"
exit_code "and takes one that fits" 0 "$build/daild" --check "$work/config.yaml" --set identity.file="$work/people.tsv" \
    --set run.dir="$work/refused"
says "saying what it joins" "people.tsv: 12 classes share another's row"
refused "a table that is not there" 3 'nowhere.tsv' --set identity.file="$work/nowhere.tsv"
finish
