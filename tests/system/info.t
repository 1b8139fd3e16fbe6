#!/bin/sh
# dail info says of every file that the programs write what it is.
. "$(dirname "$0")/lib.sh"

# told FILE PATTERN: its first line says what it is, and some line says more
described=
told() {
    described="$described $1"
    "$build/dail" info "$1" >"$work/out" 2>&1
    exits "dail info ${1#"$work"/}" $? 0
    says "says what it is" "$2"
    [ -z "$3" ] || says "and holds" "$3"
}

make_data
make_config
run=$work/run data=$work/data
run_daild 1 --set debug.trace_step=2 --set log.tensorboard=true --set schedule.epochs=0.5 \
    --set "validation=[$data/tiny-cross.h5]"
exits "a run" $? 0
checkpoint=$(newest_checkpoint "$run")

# --- Data ---
told "$data/tiny0.yaml" "tiny0.yaml: dataset" "^images +144 of 32 x 32, jpeg"
says "and its fingerprint" "^fingerprint +[0-9a-f]{16}$"
says "how many images an identity has" "^identities +12 to 12 images, median 12$"
says "how large they are" "^image sizes +[0-9]+ to [0-9]+ bytes, median [0-9]+$"
says "how they look" "^looks +brightness [1-9][0-9]+ of 255, [0-9.]+% grey, of 144 images$"
says "that none is there twice" "^copies +0 images"
mkdir -p "$work/some/a" "$work/some/b"
# Three of five are grey, and two of these the same.
grey() { { printf 'P6 16 16 255\n'; perl -e 'print chr($ARGV[0]) x 768' "$1"; } >"$2"; }
coloured() { { printf 'P6 16 16 255\n'; perl -e 'print((chr($ARGV[0]) . "\0\0") x 256)' "$1"; } >"$2"; }
grey 200 "$work/some/a/1.ppm"
grey 100 "$work/some/a/2.ppm"
grey 100 "$work/some/b/1.ppm"
coloured 100 "$work/some/b/2.ppm"
coloured 250 "$work/some/b/3.ppm"
exit_code "a small set is packed" 0 "$build/dail" pack "$work/some" -o "$work/small" --size 16 --encoding png
# 200, 100, 100, 29.9 and 74.75: their mean is 100.9
told "$work/small/some.yaml" "^identities +2 to 3 images, median 3$" "^copies +1 images"
says "shares and brightness are right" "^looks +brightness 101 of 255, 60.0% grey, of 5 images$"
mv "$work/small/some-00000.h5" "$work/aside.h5"
told "$work/small/some.yaml" "^images +5 of 16 x 16" "^not read +.*some-00000.h5"
told "$data/tiny0-00001.h5" "tiny0-00001.h5: shard 1 \(from 0\) of 2" "^dataset +tiny0$"
told "$data/tiny0-classes.txt" "tiny0-classes.txt: class names of a dataset" "^classes +12, from tiny0-000000 to tiny0-000011"
told "$data/tiny-cross.h5" "tiny-cross.h5: verification set" "^pairs +40: 20 of one person, 20 of two"
told "$data/overlap.tsv" "overlap.tsv: people in two datasets" "^datasets +tiny0 and tiny1: "

# --- A run ---
told "$run" "^state +done" "^evaluation +tiny-cross at step"
told "$run/config.yaml" "config.yaml: configuration of a run" "^model +iresnet10, input 32, embedding 32, width 0.125"
told "$run/status.jsonl" "status.jsonl: status log of [0-9]+ records" "^state +done"
told "$run/daild.log" "daild.log: log of a run" "^lines +[0-9]+"
told "$(ls "$run"/tensorboard/*)" ": curves for TensorBoard" "^steps +1 to 7"
told "$run/trace/step-000000002/worker-1.h5" ": trace of one step by one worker" "^/ @step = 2"
told "$checkpoint" ": checkpoint$" "^step: "
told "$checkpoint/model.h5" ": backbone and domain head of a checkpoint" "^/backbone/bn1.bias float32 \[8\]"
told "$checkpoint/classifier-tiny0.1-of-1.h5" ": rows of a checkpoint's classifier" "^/weight float32 \[12, 32\]"
told "$checkpoint/state.yaml" ": what a checkpoint says of itself" "^arch: \"?iresnet10"
told "$checkpoint/COMMIT" ": the files of a checkpoint" "model.h5"
told etc/dail.yaml "dail.yaml: configuration of a run"

# --- What is made of it ---
"$build/dail" export "$run" --onnx "$work/m.onnx" --safetensors "$work/m.safetensors" --hdf5 "$work/m.h5" >"$work/out" 2>&1
exits "dail export" $? 0
network="^model +iresnet10, input 32, embedding 32, width 0.125"
told "$work/m.onnx" "m.onnx: a network as ONNX" "$network"
told "$work/m.safetensors" "m.safetensors: a network as safetensors" "$network"
told "$work/m.h5" "m.h5: a network as InsightFace's state_dict" "^/ @arch = iresnet10"
"$build/dail" embed "$run" "$data/tiny-cross.h5" -o "$work/e.h5" >"$work/out" 2>&1
told "$work/e.h5" "e.h5: embeddings of images" "^/embedding float32 \[[0-9]+, 32\]"
"$build/dail" overlap "$run" -o "$work/o.tsv" --min-cosine -1 --sheet "$work/o.png" >"$work/out" 2>&1
told "$work/o.tsv" "o.tsv: people in two datasets" "^pairs +[1-9]"
told "$work/o.png" "o.png: picture, PNG of [0-9]+ x [0-9]+"
"$build/dail" eval "$run" "$data/tiny-cross.h5" --roc "$work/roc.csv" >"$work/out" 2>&1
told "$work/roc.csv" "roc.csv: ROC curves" "^curve +.*,\"?tiny-cross\"?: [0-9]+ points"
if command -v gnuplot >/dev/null; then
    "$build/dail" eval "$run" "$data/tiny-cross.h5" --roc "$work/roc.svg" >"$work/out" 2>&1
    told "$work/roc.svg" "roc.svg: picture, SVG of [1-9][0-9]* x [1-9]"
    "$build/dail" report "$run" --fast >"$work/out" 2>&1
    told "$run/report.html" "report.html: page" "^title +."
else
    skip "no gnuplot"
fi

# --- A packing that was broken off ---
"$build/dail" unpack "$data/tiny0.yaml" -o "$work/images" >"$work/out" 2>&1
printf 'no image' >"$work/images/tiny0-000000/zzz.jpg"
mkdir "$work/packed"
"$build/dail" pack "$work/images" -o "$work/packed" --name part --size 32 --shard-mb 64K --threads 1 >"$work/out" 2>&1
exits "a packing that meets a bad image" $? 3
told "$work/packed/.part.packing" "part.packing: a dataset that is being packed" "^finished +[1-9]"

# --- All of it ---
left=$(find "$run" "$data" -type f | while read -r file; do
    "$build/dail" info "$file" >/dev/null 2>&1 || echo "$file"
done)
is "no file of the data or the run is unknown" "$left" ""
exit_code "what is none of ours" 3 "$build/dail" info README.md
says "is told so" "no file of ours"
finish
