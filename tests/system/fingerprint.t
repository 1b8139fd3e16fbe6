#!/bin/sh
# Data that is another than a checkpoint was trained on: other people behind the same numbers are refused, or their class
# rows not taken; other images of the same people are told.
. "$(dirname "$0")/lib.sh"

make_data
make_config
"$build/dail" unpack "$work/data/tiny0.yaml" -o "$work/faces" >"$work/out" 2>&1

# pack_faces [OPTION...]: the folder of people as dataset tiny0
pack_faces() { "$build/dail" pack "$work/faces" -o "$work/data" --name tiny0 --id 0 --size 32 --force "$@" >"$work/out" 2>&1; }

# contents: what is in the run's folder but its lock, with sizes and times
contents() { find "$work/run" ! -path "$work/run" ! -name lock -printf '%P %s %T@\n' | sort; }

pack_faces
exits "a folder of people is packed" $? 0
run_daild 2 --set debug.stop_after_step=3
exits "and trained on" $? 75
cp -r "$work/data" "$work/sound"
contents >"$work/before"

# One person goes and one comes, who sorts before all others: each number has another person behind it.
last=$(ls "$work/faces" | tail -n 1)
mv "$work/faces/$last" "$work/faces/0-new"
pack_faces
run_daild 2
exits "a resume on other people behind the same numbers is refused" $? 3
says "by dataset" "^daild: dataset tiny0 has other people behind the same numbers than checkpoint $work/run/.*tiny0.yaml"
check "once" one_line_of_error
contents >"$work/after"
check "before anything is touched" cmp "$work/before" "$work/after"
exit_code "daild --check finds it" 3 "$build/daild" --check "$work/config.yaml"
says "too" "^daild: dataset tiny0 has other people"

# As the start of another run, the checkpoint gives what still fits.
run_daild 2 --set run.dir="$work/init" --set model.init="$work/run/checkpoints/step-000000003" --set debug.stop_after_step=1
exits "model.init takes the checkpoint" $? 75
says "and says whose class rows it took" "^model.init: class rows of tiny1, tiny2 are taken from $work/run/"
says "and whose not" "^warning: model.init: the class rows of tiny0 begin anew: .*other people"
exit_code "daild --check says so" 0 "$build/daild" --check "$work/config.yaml" --set run.dir="$work/other" \
    --set model.init="$work/run/checkpoints/step-000000003"
says "beforehand" "class rows of tiny1, tiny2 are taken"
run_daild 2 --set run.dir="$work/renumbered" --set model.init="$work/run/checkpoints/step-000000003" \
    --set debug.stop_after_step=1 --set "data.datasets=[$work/data/tiny1.yaml]"
says "a dataset that is left is taken alone" "^model.init: class rows of tiny1 are taken from"

# The same people and other images of them.
mv "$work/faces/0-new" "$work/faces/$last"
pack_faces --seed 99
run_daild 2 --set debug.stop_after_step=4
exits "other images of the same people are gone on with" $? 75
says "with a warning" "^warning: dataset tiny0 has been packed anew since the checkpoint"
is "also in the status log" "$(records "$work/run" warning '$r->{what}' | grep -c 'dataset tiny0 has been packed anew')" 1

# Back on the data of before.
rm -r "$work/data"
mv "$work/sound" "$work/data"
run_daild 2 --set checkpoint.resume="$work/run/checkpoints/step-000000003" --set run.dir="$work/back" --set debug.stop_after_step=4
exits "the data of before goes on" $? 75
is "without a word" "$(grep -c '^warning: dataset' "$work/out")" 0

# A shard in another's place: two people have changed their images, under the same numbers.
cp -r "$work/data" "$work/kept"
first=$(ls "$work/faces" | head -n 1)
mv "$work/faces/$first" "$work/aside"
mv "$work/faces/$last" "$work/faces/$first"
mv "$work/aside" "$work/faces/$last"
pack_faces
# shard_of FOLDER: the file that its manifest lists
shard_of() { echo "$1/$(sed -n 's/^- file: *//p' "$1/tiny0.yaml" | tr -d '"')"; }
size_of() { stat -c %s "$(shard_of "$1")"; }
is "a shard of other images can be as large" "$(size_of "$work/data")" "$(size_of "$work/kept")"
mv "$(shard_of "$work/data")" "$(shard_of "$work/kept")"
rm -r "$work/data"
mv "$work/kept" "$work/data"
run_daild 2 --set run.dir="$work/replaced" --set schedule.epochs=1
exits "in its place it is refused without dail verify" $? 3
says "by its file, and with what to do" \
    "^daild: .*the file is another than the one that the manifest lists.*tiny0.*h5.*; restore the file from a copy, or pack"
check "once" one_line_of_error
exit_code "daild --check finds it" 3 "$build/daild" --check "$work/config.yaml" --set run.dir="$work/checked"
says "too" "^daild: the file is another than the one that the manifest lists"
# An older manifest does not tell.
sed -i '/^  index: /d' "$work/data/tiny0.yaml"
run_daild 2 --set run.dir="$work/older" --set debug.stop_after_step=1
exits "a manifest without the shards' indexes is read as before" $? 75
finish
