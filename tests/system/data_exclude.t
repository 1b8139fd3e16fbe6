#!/bin/sh
# data.exclude: what a table leaves out is not trained on, and the training is the same after a stop and on another
# number of workers; the table that dail overlap --within writes is the one that data.exclude and dail pack take.
. "$(dirname "$0")/lib.sh"
$python -c 'import h5py' 2>/dev/null || skip_all "no h5py (etc/install-deps.sh --oracle)"

make_data
make_config
# Person 3 of tiny1, and the fourth image of a shard of tiny0, which is of some person.
cat >"$work/pick.py" <<'END_OF_PYTHON'
"""The person of an image; with "damage" that image and all of tiny1's third person become noise, under their old crc."""
import glob, sys
import h5py
work, damage = sys.argv[1], sys.argv[2:] == ["damage"]
with h5py.File(f"{work}/data/tiny0-00000.h5", "r+" if damage else "r") as shard:
    print("tiny0-%06d" % shard["label"][4])
    if damage:
        shard["image"][shard["offset"][4]:shard["offset"][5]] = 0
images = 0
for path in glob.glob(f"{work}/data/tiny1-0*.h5"):
    with h5py.File(path, "r+" if damage else "r") as shard:
        for i in (shard["label"][...] == 3).nonzero()[0]:
            images += 1
            if damage:
                shard["image"][shard["offset"][i]:shard["offset"][i + 1]] = 0
print(images)
END_OF_PYTHON
$python "$work/pick.py" "$work" damage >"$work/picked"
person=$(head -n 1 "$work/picked") images=$(sed -n 2p "$work/picked")
is "a person of twelve images" "$images" 12
printf 'dataset\tidentity\timage\treason\nelsewhere\tx\t\ttwin\ntiny1\ttiny1-000003\t\ttwin\ntiny0\t%s\ttiny0-00000.h5:4\tblurred\n' \
    "$person" >"$work/out.tsv"
exclude="--set data.exclude=[$work/out.tsv]"

run_daild 2 --set run.dir="$work/damaged"
exits "what is damaged ends a training that has it" $? 3
# shellcheck disable=SC2086
"$build/daild" --check "$work/config.yaml" $exclude >"$work/out" 2>&1
exits "the check takes the table" $? 0
says "and counts" 'data.exclude: 13 images are left out, 1 identities whole; 1 rows are of other datasets, such as elsewhere'

# --- 419 images are left: 13 steps of 32 an epoch, twice ---

# left_out WORKERS RUN STEP: trains up to a step without what is damaged
left_out() {
    # shellcheck disable=SC2086
    run_daild "$1" $calm --set batch.lane=8 $exclude --set domain.balance=true --set run.dir="$work/$2" \
        --set debug.stop_after_step="$3"
}
for workers in 1 2; do
    left_out $workers on-$workers 26
    exits "two epochs on $workers workers without what is left out" $? 75
    records "$work/on-$workers" step '$r->{loss}' >"$work/on-$workers/losses"
done
is "a loss for each step" "$(wc -l <"$work/on-1/losses")" 26
check "losses on 2 workers are those on one" near 1e-4 "$work/on-2/losses" "$work/on-1/losses"
is "each image that is left is leased once an epoch" "$(records "$work/on-2" plan \
    'my $n = 0; $n += $_->{images} for @{$r->{lanes}}; $n' | head -n 2 | tr '\n' ' ')" "419 419 "
is "the status log counts what is left" \
    "$(records "$work/on-2" start 'join " ", map { $_->{images} } @{$r->{datasets}}')" "143 132 144"
left_out 2 parts 17
left_out 2 parts 26
check "the same bits as without a stop" \
    same_model "$work/parts/checkpoints/step-000000026" "$work/on-2/checkpoints/step-000000026"
sed '$d' "$work/out.tsv" >"$work/less.tsv"
printf 'tiny2\ttiny2-000001\t\tblurred\ntiny0\t%s\ttiny0-00000.h5:4\tblurred\n' "$person" >>"$work/less.tsv"
exclude="--set data.exclude=[$work/less.tsv]"
left_out 2 parts 27
exits "another table at a resume" $? 75
says "is told" 'tiny2 has been packed anew since the checkpoint, or data.exclude leaves out others'

printf 'tiny1\ttiny1-00003\t\ttwin\n' >>"$work/less.tsv"
left_out 2 slip 27
exits "a slip is refused" $? 3
check "once" one_line_of_error
says "by line, with the nearest name" "tiny1 has no identity 'tiny1-00003'; the nearest is 'tiny1-000003' .data.exclude: .*less.tsv:6"
check "before anything is there" test ! -e "$work/slip"

# --- The table of dail overlap --within, of the dataset and of the folder it was packed from ---

"$build/dail" unpack "$work/data/tiny2.yaml" -o "$work/faces/tiny2" >"$work/out" 2>&1
for source in "$work/data/tiny2.yaml" "$work/faces/tiny2/"; do
    "$build/dail" embed -n "$work/on-2" "$source" -o "$work/tiny2.h5" --threads 1 >"$work/out" 2>&1
    exits "embedded" $? 0
    # Everybody is like everybody to a network that has learned nothing: some of it stays in, by a person's word.
    "$build/dail" overlap --within "$work/tiny2.h5" --duplicate 0.8 -o "$work/all.tsv" --threads 1 >"$work/out" 2>&1
    exits "looked through" $? 0
    awk -F '\t' -v OFS='\t' 'NR == 1 { print; next } $4 != "duplicate" { $8 = "reject" }
        $4 == "duplicate" && ++rows[$2] > 2 { $8 = "unsure" } { print }' "$work/all.tsv" >"$work/within.tsv"
    awk -F '\t' 'NR > 1 && $8 == "" { print $3 }' "$work/within.tsv" | sort -u >"$work/named"
    check "images are named" test -s "$work/named"
    case $source in
    *.yaml)
        "$build/daild" --check "$work/config.yaml" --set "data.exclude=[$work/within.tsv]" >"$work/out" 2>&1
        exits "data.exclude takes it" $? 0
        says "and leaves out what it names" "data.exclude: $(wc -l <"$work/named") images are left out, 0 identities"
        ;;
    *)
        "$build/dail" pack "$source" -o "$work/packed" --size 32 --exclude "$work/within.tsv" >"$work/out" 2>&1
        exits "dail pack takes it" $? 0
        is "and leaves out what it names" "$(sed -n 's/^images: //p' "$work/packed/tiny2.yaml")" \
            $((144 - $(awk -F '\t' 'NR > 1 && $8 == "" { print $2 "/" $3 }' "$work/within.tsv" | sort -u | wc -l)))
        ;;
    esac
done
finish
