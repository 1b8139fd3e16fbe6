#!/bin/sh
# What an epoch takes of a dataset whose people have many images or few: told before and in the log, the same on any
# number of workers, and by a run that goes on.
. "$(dirname "$0")/lib.sh"

make_data
make_config
# Of tiny0's twelve people with twelve images each, four keep two.
"$build/dail" unpack "$work/data/tiny0.yaml" -o "$work/faces/uneven" >"$work/out" 2>&1
exits "faces of a dataset" $? 0
for person in $(ls "$work/faces/uneven" | head -n 4); do
    ls "$work/faces/uneven/$person"/* | tail -n +3 | xargs rm
done
"$build/dail" pack "$work/faces/uneven" -o "$work/data" --size 32 --shard-mb 64K >"$work/out" 2>&1
exits "are packed, some people's in part" $? 0

sampled="--set debug.stop_after_step=20 --set debug.trace_step=11 --set data.augment=dali"
set_data() {
    sed -i "s|^  datasets: .*|  datasets: [{manifest: $work/data/uneven.yaml, sampling: $1}, {manifest: $work/data/tiny1.yaml,\
 sampling: capped, cap: 5}, $work/data/tiny2.yaml]|" "$work/config.yaml"
}
set_data balanced

# 104 images of 12 people: eight or nine of each, and 60 of those that are capped.
"$build/daild" --check "$work/config.yaml" >"$work/out" 2>&1
exits "it is checked" $? 0
says "as many of each person" "^ok: sampling uneven: balanced, 104 images an epoch, 8 to 9 of each person$"
says "no more than the cap" "^ok: sampling tiny1: capped, 60 images an epoch, 5 of each person$"
says "all of who is not sampled" "^ok: sampling tiny2: natural, 144 images an epoch$"
says "and an epoch's steps" "^ok: steps: 4 lanes x 8 images, 9 steps an epoch, 18 in all"
sed -i "s/epochs: 2/epochs: 4/" "$work/config.yaml"

for workers in 1 2; do
    # shellcheck disable=SC2086
    run_daild $workers $sampled --set run.dir="$work/on-$workers"
    exits "it is trained on, by $workers" $? 75
    says "which the log tells" "sampling uneven: balanced, 104 images an epoch, 8 to 9 of each person" \
        "$work/on-$workers/daild.log"
done
is "as does the status log, by dataset" \
    "$(records "$work/on-2" start 'join " ", map { "$_->{images}:$_->{epoch_images}" } @{$r->{datasets}}')" \
    "104:104 144:60 144:144"
is "and by lane" "$(records "$work/on-2" plan 'join " ", map { $_->{images} } @{$r->{lanes}}' | sort -u)" "77 77 77 77"

# shellcheck disable=SC2086
run_daild 2 $sampled --set run.dir="$work/parts" --set debug.stop_after_step=7 --set debug.trace_step=0
exits "stopped within an epoch" $? 75
# shellcheck disable=SC2086
run_daild 2 $sampled --set run.dir="$work/parts" --set debug.trace_step=0
exits "it goes on" $? 75
check "to the same bits" same_model "$work/parts/checkpoints/step-000000020" "$work/on-2/checkpoints/step-000000020"

cat >"$work/lanes.py" <<'END'
"""Prints the samples of each lane of a trace, and a digest of their images."""
import glob, hashlib, sys
import h5py
lanes = {}
for path in glob.glob(sys.argv[1] + "/worker-*.h5"):
    with h5py.File(path) as trace:
        for lane in (name for name in trace if name.startswith("lane-")):
            lanes[lane] = [hashlib.sha256(trace[lane]["image"][...].tobytes()).hexdigest(),
                           list(map(int, trace[lane]["sample"][...]))]
for lane in sorted(lanes):
    print(lane, *lanes[lane])
END
if "$python" -c 'import h5py' 2>/dev/null; then
    for workers in 1 2; do
        "$python" "$work/lanes.py" "$work/on-$workers/trace/step-000000011" >"$work/on-$workers/lanes"
    done
    is "four lanes" "$(wc -l <"$work/on-1/lanes")" 4
    check "have the same images on one worker and on two" cmp "$work/on-1/lanes" "$work/on-2/lanes"
else
    skip "the lanes' images: $python has no h5py"
    skip "the lanes' images: $python has no h5py"
fi

# Who is left out is nobody of whom images are taken.
person=$(ls "$work/faces/uneven" | tail -n 1)
printf 'dataset\tidentity\timage\treason\nuneven\t%s\t\tgone\n' "$person" >"$work/exclude.tsv"
"$build/daild" --check "$work/config.yaml" --set "data.exclude=[$work/exclude.tsv]" >"$work/out" 2>&1
exits "one of the people is left out" $? 0
says "and the others share an epoch" "^ok: sampling uneven: balanced, 92 images an epoch, 8 to 9 of each person$"
# shellcheck disable=SC2086
run_daild 2 $sampled --set run.dir="$work/without" --set "data.exclude=[$work/exclude.tsv]" --set debug.stop_after_step=9
exits "it is trained on" $? 75
is "by lane" "$(records "$work/without" plan 'join " ", map { $_->{images} } @{$r->{lanes}}' | sort -u)" "74 74 74 74"

set_data capped
"$build/daild" --check "$work/config.yaml" --set domain.balance=true >"$work/out" 2>&1
exits "balanced losses of domains whose share is not known are refused" $? 2
says "with what to do" "set domain.balance to false"
finish
