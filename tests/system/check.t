#!/bin/sh
# daild --check: the configuration against the data, every fault at once, nothing written, no MPI.
. "$(dirname "$0")/lib.sh"

# check_config EXPECTED NAME [OPTION...]
check_config() {
    expected=$1 name=$2
    shift 2
    exit_code "$name" "$expected" "$build/daild" --check "$work/config.yaml" "$@"
}

faults() { grep -c '^daild: ' "$work/out"; }

make_data
make_config
data=$work/data

# --- Sound ---

check_config 0 "a configuration that a run can begin with" --set "validation=[$data/tiny-cross.h5]"
says "tells of each dataset" "^ok: dataset tiny2: 12 classes, 144 images of 32 pixels, 2 shards of "
says "and how its images are altered" "^ok: augment tiny2: flip$"
says "of each set" "^ok: validation tiny-cross: 40 pairs, 20 of them of the same person"
says "of the model" "^ok: model iresnet10: input 32, embedding 32, [0-9]+ parameters"
says "where it starts" "^ok: start: at the beginning, weights random"
says "how long it is" "^ok: steps: 4 lanes x 8 images, 13 steps an epoch, 26 in all"
says "where it writes" "^ok: run.dir $work/run: can be written"
says "and that all is well" "config.yaml: a run can begin"
is "writes nothing" "$(ls -d "$work/run" 2>&1 | grep -c 'No such')" 1
check_config 0 "every byte, and augmentation of one dataset" --full \
    --set "data.datasets=[{manifest: $data/tiny0.yaml, augment: dali}, {manifest: $data/tiny1.yaml, augment: {erase: 0.1}}]"
says "which is told" "^ok: augment tiny0: flip, resolution 0.1 \(0.5 to 0.8, linear\), blur 0.2, hue 0.2 .*, grey 0.1$"
says "of each" "^ok: augment tiny1: flip, erase 0.1 \(area to 0.4\)$"
says "says so" "^ok: dataset tiny0: .*, every byte"
check_config 0 "as many lanes as workers" --set data.lanes=auto
says "says how many there may be" "^ok: steps: data.lanes is the number of workers; the images fill a step of up to 54 lanes x 8"
check_config 0 "workers that lanes can be shared by" --workers 2

# --- No MPI ---

export OMPI_MCA_pml=none_of_these
if ! timeout 60 "$build/daild" "$work/config.yaml" >"$work/out" 2>&1 && ! grep -q "at least two ranks" "$work/out"; then
    for option in --version --help --print-config "--check $work/config.yaml"; do
        exit_code "daild ${option% *} where MPI cannot start" 0 "$build/daild" $option
    done
else
    skip "this MPI does not heed Open MPI's settings"
fi
unset OMPI_MCA_pml
timeout 60 mpirun --oversubscribe -n 3 "$build/daild" --version >"$work/out" 2>&1
is "under mpirun one rank answers" "$(grep -c '^daild [0-9]' "$work/out")" 1
timeout 60 mpirun --oversubscribe -n 3 "$build/daild" --versoin >"$work/out" 2>&1
exits "and the code of a wrong option is its own" $? 2
is "told once" "$(faults)" 1

# --- Faults ---

check_config 2 "a configuration that cannot be read" --set model.arhc=iresnet10
says "says the nearest key" "^daild: .*did you mean model.arch"
is "and that alone" "$(faults)" 1
exit_code "an option of --check without it" 2 "$build/daild" --full "$work/config.yaml"
check_config 2 "more workers than lanes" --workers 5
says "says so" "5 workers cannot share 4 lanes"
check_config 0 "lanes that do not go round evenly" --workers 3
check_config 2 "a batch that the images do not fill" --set batch.lane=128
says "says so" "432 images do not fill one step of 4 lanes x 128 images"

# A set whose pairs are all of one kind, one of too few pairs, and one of another size.
"$build/dail" unpack "$data/tiny-cross.h5" -o "$work/images" >/dev/null
awk -F '\t' 'NR == 1 || $4 == 1' "$work/images/pairs.tsv" >"$work/same.tsv"
awk -F '\t' -v OFS='\t' 'NR > 1 { $1 = 3 } NR < 7' "$work/images/pairs.tsv" >"$work/few.tsv"
"$build/dail" pack --pairs "$work/same.tsv" --images "$work/images" --size 32 -o "$data/same.h5" >"$work/out" 2>&1
"$build/dail" pack --pairs "$work/few.tsv" --images "$work/images" --size 32 -o "$data/few.h5" >"$work/out" 2>&1
"$build/dail" pack --pairs "$work/images/pairs.tsv" --images "$work/images" --size 48 -o "$data/large.h5" >"$work/out" 2>&1
cp "$data/few.h5" "$data/again.h5"
cp -r "$data" "$work/sound"
rm "$data/tiny0-00001.h5"
truncate -s -5 "$data/tiny1-00000.h5"
: >"$work/file"
check_config 3 "many faults at once" --set run.dir="$work/file/run" --set batch.lane=512 --set model.init="$work/none.onnx" \
    --set "validation=[$data/same.h5, $data/few.h5, $data/large.h5, $data/again.h5, $data/none.h5]"
is "each is told" "$(faults)" 10
says "a shard that is missing" "^daild: dataset tiny0 lacks its shard 1: .*tiny0-00001.h5"
says "one that is cut short" "^daild: shard 0 of dataset tiny1 has [0-9]+ bytes where its manifest says"
says "a set of one kind of pairs" "^daild: all 20 pairs are of the same person \(.*same.h5\)"
says "a set of too few" "^daild: [0-9] pairs cannot be split in 10 folds \(.*few.h5\)"
says "a set of another size" "^daild: its images are 48 x 48 pixels where model.input is 32 \(.*large.h5\)"
says "a set that is not there" "^daild: .*none.h5"
says "a set of another's name" "^daild: two validation sets are called few \\(.*again.h5\\)"
says "a model that is not there" "^daild: .*model.init.*none.onnx"
says "a folder that cannot be made" "^daild: .*$work/file"
says "what is sound too" "^ok: dataset tiny2"
says "and how many there are" "config.yaml: 10 faults"
rm -r "$data"
mv "$work/sound" "$data"

# A manifest that is not there: what hangs on it is not judged.
check_config 3 "a manifest that is not there" --set "data.datasets=[$data/tiny0.yaml, $data/none.yaml]"
is "is one fault" "$(faults)" 1
says "the other is sound" "^ok: dataset tiny0"

# Other people behind the same numbers.
cp "$data/tiny1-classes.txt" "$work/names"
tac "$work/names" >"$data/tiny1-classes.txt"
check_config 3 "class names in another order"
says "are other people" "^daild: the class names are not those of the packing.*tiny1.yaml"
cp "$work/names" "$data/tiny1-classes.txt"

# A byte of an image: only --full reads it.
offset=$(($(stat -c %s "$data/tiny2-00000.h5") / 2))
flip "$data/tiny2-00000.h5" $offset
check_config 0 "a byte of an image" 
check_config 3 "is found by --full" --full
flip "$data/tiny2-00000.h5" $offset

# --- Going on ---

run_daild 2 --set debug.stop_after_step=3
exits "a run" $? 75
check_config 0 "a run that has a checkpoint"
says "goes on from it" "^ok: start: goes on from $work/run/checkpoints/step-000000003, step 3"
check_config 0 "with another rate" --set optimizer.lr=0.01
says "is warned of by key, with both values" "^warning: optimizer.lr is 0.01 and was [0-9.]+ at the checkpoint"
check_config 2 "with another network" --set model.embedding=64
says "is refused" "^daild: this is a checkpoint of another model: its model.embedding is 32"
check_config 2 "with other lanes" --set data.lanes=2
says "likewise" "^daild: data.lanes is 2, but the run began with 4 lanes"
check_config 0 "as another run's start" --set run.dir="$work/other" --set model.init="$work/run/checkpoints/step-000000003"
says "is told" "^ok: start: at the beginning, weights from $work/run/checkpoints/step-000000003"
finish
