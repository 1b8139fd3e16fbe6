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

# --- What its checkpoint is good for ---

checkpoint=$work/whole/checkpoints/step-000000020
exit_code "dail overlap takes its checkpoint" 0 "$build/dail" overlap "$checkpoint" --min-cosine -1 -o "$work/found.tsv"
says "says what is left out" "12 classes of the checkpoint share another's row"
check "and has none of them" awk -F '\t' '($1 == "tiny2" && $2 ~ /00000[1357]$/) || ($3 == "tiny2" && $4 ~ /00000[1357]$/) { bad = 1 }
    END { exit bad || NR < 2 }' "$work/found.tsv"
# A class that shared another's row begins with that row, whatever the new run groups.
# shellcheck disable=SC2086
run_daild 2 $groups --set run.dir="$work/init" --set identity.file=none --set model.init="$checkpoint" \
    --set optimizer.lr=0 --set debug.stop_after_step=1
exits "as model.init of a run without groups" $? 75
cat >"$work/rows.py" <<'END'
"""Whether the rows of tiny1 that shared tiny0's are these, and the others their own."""
import glob, sys
import h5py, numpy
def rows(folder, dataset):
    files = sorted(glob.glob(f"{folder}/classifier-{dataset}.*.h5"), key=lambda f: h5py.File(f).attrs["row_begin"])
    return numpy.concatenate([h5py.File(f)["weight"][...] for f in files])
old, new = sys.argv[1:]
wrong = [i for i in range(8) if (rows(new, "tiny1")[(i + 5) % 12] != rows(old, "tiny0")[i]).any()]
shared = [(i + 5) % 12 for i in range(8)]
wrong += [i for i in range(12) if i not in shared and (rows(new, "tiny1")[i] != rows(old, "tiny1")[i]).any()]
print("wrong:", wrong)
sys.exit(bool(wrong))
END
if "$python" -c 'import h5py' 2>/dev/null; then
    check "a shared row is each one's to begin with" \
        "$python" "$work/rows.py" "$checkpoint" "$work/init/checkpoints/step-000000001"
else
    skip "the rows it begins with: $python has no h5py"
fi

# --- What does not fit ---

# of_other_groups NAME [--set KEY=VALUE...]
of_other_groups() {
    what=$1
    shift
    # shellcheck disable=SC2086
    run_daild 2 $groups --set run.dir="$work/whole" "$@"
    exits "$what" $? 2
    says "$what: said" "a checkpoint of other identity groups: 12 of its classes share another's row"
    check "$what: once" one_line_of_error
}
of_other_groups "going on without groups" --set identity.file=none
of_other_groups "going on with more" --set identity.min_probability=0.3

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
