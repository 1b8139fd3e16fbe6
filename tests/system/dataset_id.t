#!/bin/sh
# Datasets are told apart by their names: an id is the packer's own, may be the same for all or missing, and changes no
# bit of a training.
. "$(dirname "$0")/lib.sh"

make_data
make_config

# digest RUN: of the newest checkpoint's tensors
digest() { cat "$1"/checkpoints/step-000000004/*.h5 | sha256sum; }

run_daild 2 --set debug.stop_after_step=2
exits "datasets with ids are trained on" $? 75
cp -r "$work/run" "$work/again"
run_daild 2 --set debug.stop_after_step=4
exits "and gone on with" $? 75
is "their numbers are the configuration's" "$(records "$work/run" start 'join " ", map { $_->{id} } @{$r->{datasets}}' | tail -n 1)" "0 1 2"

sed -i '/^dataset_id: /d' "$work/data/tiny0.yaml"
sed -i 's/^dataset_id: .*/dataset_id: 5/' "$work/data/tiny1.yaml" "$work/data/tiny2.yaml"
exit_code "manifests without an id, or of one id, are sound" 0 "$build/dail" verify "$work/data/tiny0.yaml" "$work/data/tiny1.yaml"
run_daild 2 --set run.dir="$work/again" --set debug.stop_after_step=4
exits "a run that began with ids goes on" $? 75
is "to the same bits" "$(digest "$work/again")" "$(digest "$work/run")"

"$build/dail" unpack "$work/data/tiny0.yaml" -o "$work/faces/one" >"$work/out" 2>&1
"$build/dail" unpack "$work/data/tiny1.yaml" -o "$work/faces/two" >"$work/out" 2>&1
exit_code "a folder is packed without --id" 0 "$build/dail" pack "$work/faces/one" -o "$work/packed" --size 32
exit_code "and another" 0 "$build/dail" pack "$work/faces/two" -o "$work/packed" --size 32
run_daild 2 --set run.dir="$work/both" --set data.datasets="[$work/packed/one.yaml,$work/packed/two.yaml]" \
    --set debug.stop_after_step=1
exits "one run takes both" $? 75
is "each with a number of its own" "$(records "$work/both" start 'join " ", map { "$_->{name}=$_->{id}" } @{$r->{datasets}}')" "one=0 two=1"
exit_code "model.init takes rows by the dataset's name" 0 "$build/daild" --check "$work/config.yaml" \
    --set run.dir="$work/init" --set model.init="$work/both/checkpoints/step-000000001" \
    --set data.datasets="[$work/packed/two.yaml,$work/data/tiny2.yaml]"
says "whatever its number" "class rows of two are taken"
mkdir "$work/elsewhere"
exit_code "another dataset of that name is packed" 0 "$build/dail" pack "$work/faces/two" -n one -o "$work/elsewhere" --size 32
run_daild 2 --set run.dir="$work/same" --set data.datasets="[$work/packed/one.yaml,$work/elsewhere/one.yaml]"
exits "two datasets of one name are refused" $? 2
says "with what to do" "datasets 1 and 2 of the configuration are both one: .*; .*another --name"
finish
