#!/bin/sh
# Each bad input: one line of error that names the file and the reason, the right exit code, nothing half-written.
# Full disks have storage.t, damaged checkpoints resume.t, losses and gradients that are not finite numeric.t.
. "$(dirname "$0")/lib.sh"

make_data
make_config
cp -r "$work/data" "$work/good"
data=$work/data
run=$work/run

# refused NAME CODE PATTERN [--set KEY=VALUE...]: by two workers
refused() {
    name=$1 code=$2 pattern=$3
    shift 3
    run_daild "${workers:-2}" "$@"
    exits "$name" $? "$code"
    says "$name: said with its place and reason" "^daild: .*$pattern"
    check "$name: said once" one_line_of_error
}

# whole: the run directory holds no checkpoint, and nothing half-written
whole() {
    find "$run" -name '*.tmp*' >"$work/leftovers" 2>/dev/null
    find "$run" -name 'step-*' >>"$work/leftovers" 2>/dev/null
    ! grep . "$work/leftovers"
}

# repaired: the data are as at first
repaired() {
    rm -rf "$data" "$run"
    cp -r "$work/good" "$data"
}

# --- Configuration and command line ---

sed 's/^batch:/batsh:/' "$work/config.yaml" >"$work/typo.yaml"
timeout 60 mpirun --oversubscribe -n 2 "$build/daild" "$work/typo.yaml" >"$work/out" 2>&1
exits "an unknown key" $? 2
says "an unknown key: file, line and suggestion" "^daild: .*batsh.*typo.yaml.*(line |:)7.*batch"
check "an unknown key: said once" one_line_of_error
refused "a misspelt --set" 2 "optimizer.learning.*optimizer" --set optimizer.learning=0.1
refused "a value out of range" 2 "model.dropout" --set model.dropout=2
refused "a value of the wrong type" 2 "batch.lane" --set batch.lane=many
workers=5 refused "more workers than lanes" 2 "5 workers cannot share 4 lanes.*at most one more rank"
workers=0 refused "no worker" 2 "two ranks"
refused "more images a step than there are" 2 "do not fill one step" --set batch.lane=200
check "nothing was begun" test ! -e "$run"
timeout 60 mpirun --oversubscribe -n 2 "$build/daild" "$work/absent.yaml" >"$work/out" 2>&1
exits "no such configuration" $? 2
says "no such configuration: named" '^daild: .*absent.yaml'

# --- Datasets ---

rm "$data/tiny1-00000.h5"
refused "a missing shard" 3 "tiny1-00000.h5"
check "a missing shard: nothing begun" test ! -e "$run"
repaired
truncate -s -1000 "$data/tiny1-00000.h5"
refused "a truncated shard" 3 "bytes where its manifest says.*tiny1-00000.h5"
repaired
rm "$data/tiny1.yaml"
refused "a missing manifest" 3 "tiny1.yaml"
repaired
refused "a dataset twice" 2 "datasets 1 and 2 of the configuration are both tiny0" --set data.datasets="[$data/tiny0.yaml,$data/tiny0.yaml]"
refused "a missing verification set" 3 "nowhere.h5" --set validation="[$data/nowhere.h5]"
"$build/dail" synth -o "$work/large" --datasets 1 --identities 2 --images 2 --size 48 --pairs 20 --name large >/dev/null 2>&1
refused "a verification set of another image size" 2 "large0-within.h5" --set validation="[$work/large/large0-within.h5]"
refused "a dataset of another image size" 2 "large0" --set data.datasets="[$work/large/large0.yaml]" \
    --set batch.lane=2 --set data.lanes=2
check "nothing was begun by any of these" whole

# What shows only when the images are read, during training.
repaired
first=$("$build/dail" info "$data/tiny1-00001.h5" >/dev/null && grep -abo 'JFIF' "$data/tiny1-00001.h5" | sed -n 20p | cut -d : -f 1)
flip "$data/tiny1-00001.h5" $((first + 300))
refused "a flipped byte in an image" 3 "crc.*tiny1-00001.h5"
check "a flipped byte in an image: the run leaves nothing half-written" test -z "$(find "$run" -name "*.tmp*")"
is "a flipped byte in an image: a fault in the log" "$(records "$run" fault '$r->{what}' | grep -c tiny1-00001.h5)" 1
is "a flipped byte in an image: the log's last word" "$(records "$run" stop '$r->{exit_code}')" 3
timeout 60 "$build/dail" verify "$data/tiny1.yaml" >"$work/out" 2>&1
exits "dail verify finds it too" $? 3

# edit PYTHON: changes tiny2's first shard with h5py, within the bytes of its file
edit() {
    repaired
    "$python" -c "
import h5py
with h5py.File('$data/tiny2-00000.h5', 'r+') as shard:
    label, offset = shard['label'], shard['offset']
    $1" >"$work/out" 2>&1
}

if "$python" -c 'import h5py' 2>/dev/null; then
    check "h5py writes a label" edit 'label[3] = 12'
    refused "a label out of range" 3 "label.*12.*tiny2-00000.h5"
    check "h5py writes an offset" edit 'offset[5] = offset[4] - 1'
    refused "offsets that overlap" 3 "offset.*tiny2-00000.h5"
    check "h5py writes the last offset" edit 'offset[-1] = offset[-1] + 1000'
    refused "offsets past the end" 3 "past the end.*tiny2-00000.h5"
    check "h5py writes an attribute" edit 'shard.attrs.modify("classes", 13)'
    refused "another number of classes than the manifest's" 3 "classes.*tiny2-00000.h5"
    check "nothing half-written by any of these" whole
else
    skip "labels and offsets: $python has no h5py"
fi

# --- Checkpoints ---

repaired
run_daild 2 --set run.dir="$work/other" --set debug.stop_after_step=1
other=$work/other/checkpoints/step-000000001
refused "a checkpoint of another width" 2 "another model.*model.width.*step-000000001" \
    --set model.width=0.25 --set checkpoint.resume="$other"
refused "a checkpoint of other datasets" 2 "another model.*datasets.*step-000000001" \
    --set data.datasets="[$data/tiny0.yaml]" --set checkpoint.resume="$other"
refused "initial weights of another width" 2 "another model.*model.width.*model.init.*step-000000001" --set model.width=0.25 --set model.init="$other"
refused "initial weights that are not there" 3 "nowhere" --set model.init="$work/nowhere"

mkdir "$work/locked"
printf 'x' >"$work/locked/run"
refused "a run directory that cannot be made" 6 "locked/run" --set run.dir="$work/locked/run"

# --- Links that another user could have put there ---

mkdir "$work/shared" "$work/victim"
chmod 1777 "$work/shared"
ln -s "$work/victim" "$work/shared/run"
if chown -h nobody "$work/shared/run" 2>/dev/null; then
    refused "a run directory that is another's link in a folder for all" 6 \
        "symbolic link in a folder that anyone can write to.*shared/run" --set run.dir="$work/shared/run"
else
    skip "another's link: only root can make one"
fi
mkdir -m 777 "$work/shared/open"
ln -s "$work/victim/log" "$work/shared/open/status.jsonl"
refused "a status log that is such a link" 6 "symbolic link.*shared/open/status.jsonl" --set run.dir="$work/shared/open"
is "nothing is written through such links" "$(ls "$work/victim")" ""
ln -s "$work/victim" "$work/mine"
(umask 027 && run_daild 2 --set run.dir="$work/mine/run" --set debug.stop_after_step=1)
exits "a link of the user's own is followed" $? 75
is "files are made with the user's umask" "$(find "$work/victim/run" -type f ! -perm 640 -o -type d ! -perm 750)" ""

# --- Another version of daild on a host ---

# The same objects but those that tell the version.
mkdir "$work/build"
cp -a "$build/config.mk" "$build/obj" "$work/build"
for source in $(grep -rl --include="*.c" DAIL_VERSION proto shard worker daemon); do
    rm -f "$work/build/obj/${source%.c}.o"
done
flags="${DAIL_SANITIZED:+-fsanitize=address,undefined -fno-sanitize-recover=undefined}"
check "daild 0.0.9 is built" make BUILD="$work/build" SAN="$flags" VERSION=0.0.9 "$work/build/daild"
timeout 60 mpirun --oversubscribe -n 2 "$build/daild" "$work/config.yaml" : -n 1 "$work/build/daild" "$work/config.yaml" \
    >"$work/out" 2>&1
exits "a worker of another version" $? 2
says "a worker of another version: both are named" "^daild: .*daild 0.0.9, the coordinator.*rank 2@"
check "a worker of another version: said once" one_line_of_error

# --- Packing ---

mkdir -p "$work/faces/ann" "$work/faces/bob"
"$build/dail" synth --sheet "$work/faces/ann/1.png" >/dev/null 2>&1
cp "$work/faces/ann/1.png" "$work/faces/ann/2.png"
cp "$work/faces/ann/1.png" "$work/faces/bob/1.png"
printf 'no image at all' >"$work/faces/bob/2.jpg"
timeout 60 "$build/dail" pack "$work/faces" -o "$work/packed" --name faces --id 0 --size 32 >"$work/out" 2>&1
exits "packing an unreadable image" $? 3
says "packing an unreadable image: named" 'bob/2.jpg'
is "packing an unreadable image: nothing half-written" "$(ls "$work/packed" 2>/dev/null)" ""
timeout 60 "$build/dail" pack "$work/faces" -o "$work/packed" --name faces --id 0 --size 32 --skip-bad >"$work/out" 2>&1
exits "--skip-bad" $? 0
says "--skip-bad: says which" 'bob/2.jpg'
says "--skip-bad: packs the others" '^images: 3$' "$work/packed/faces.yaml"
check "--skip-bad: what it packs is sound" "$build/dail" verify "$work/packed/faces.yaml"

printf 'P5 16384 16384 255\n1' >"$work/faces/bob/2.pgm"
rm "$work/faces/bob/2.jpg"
timeout 60 "$build/dail" pack "$work/faces" -o "$work/bomb" --name faces --id 0 --size 32 >"$work/out" 2>&1
exits "packing an image that claims 268 million pixels" $? 3
says "an image that claims 268 million pixels: named" 'at most 67108864 pixels are read.*bob/2.pgm'
rm "$work/faces/bob/2.pgm"

# What a dail pack that was killed left is removed; not what a link in its place leads to.
mkdir "$work/linked" "$work/elsewhere"
printf 'kept' >"$work/elsewhere/kept"
ln -s "$work/elsewhere" "$work/linked/.faces.packing"
timeout 60 "$build/dail" pack "$work/faces" -o "$work/linked" --name faces --id 0 --size 32 >"$work/out" 2>&1
exits "packing where a link has the place of unfinished files" $? 0
is "what the link led to is there still" "$(cat "$work/elsewhere/kept")" kept

# --- Files that reach into others ---

if "$python" -c 'import h5py' 2>/dev/null; then
    repaired
    "$python" -c "
import h5py
with h5py.File('$data/tiny2-00000.h5', 'r+') as shard:
    del shard['label']
    shard['label'] = h5py.ExternalLink('$data/tiny1-00000.h5', '/label')"
    timeout 60 "$build/dail" verify "$data/tiny2-00000.h5" >"$work/out" 2>&1
    exits "a shard with a link into another file" $? 3
    says "a shard with a link into another file: refused" '/label is an external link, which is refused.*tiny2-00000.h5'
else
    skip "a shard with a link into another file: $python has no h5py"
fi
finish
