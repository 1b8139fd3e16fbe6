#!/bin/sh
# Packs the real faces that etc/faces.yaml trains on: six datasets that share people, and two verification
# sets of people in none of them.
#   etc/faces.sh [FOLDER [SIZE]]
# FOLDER: where the images lie (default $DAIL_FACES, else ../shared/faces). SIZE: pixels a side (default
# $DAIL_FACES_SIZE, else 64). What is there already at that size is left alone.
set -eu
cd "$(dirname "$0")/.."
faces=${1:-${DAIL_FACES:-../shared/faces}}
size=${2:-${DAIL_FACES_SIZE:-64}}
dail=${DAIL_BUILD:-build}/dail
data=${DAIL_DATA:-build/data/faces}
images_expected=12771

if [ ! -d "$faces/lfw" ]; then
    echo "faces: there are no faces in $faces; name their folder: make faces FACES=<folder>" >&2
    exit 3
fi
mkdir -p "$data"
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT

# dataset NAME ID [OPTIONS]: packs $faces/NAME unless it is there.
dataset() {
    name=$1
    id=$2
    shift 2
    manifest=$data/$name.yaml
    if [ -f "$manifest" ] && grep -qx "image_size: $size" "$manifest" && grep -qx "dataset_id: $id" "$manifest"; then
        echo "faces: $manifest is there"
        return
    fi
    "$dail" pack -o "$data" -n "$name" --id "$id" -s "$size" --force "$@" "$faces/$name"
}

# pairs NAME: packs $faces/NAME.tsv unless it is there.
pairs() {
    set_file=$data/$1.h5
    if [ -f "$set_file" ] && "$dail" info "$set_file" | grep -q "^images .* of $size x $size,"; then
        echo "faces: $set_file is there"
        return
    fi
    "$dail" pack --pairs "$faces/$1.tsv" --images "$faces" -o "$set_file" -s "$size" --force
}

# LFW's protocol keeps each person in one fold: 9 and 10 are for verification.
awk -F '\t' 'NR > 1 && $2 <= 8 { print $1 }' "$faces/lfw-folds.tsv" >"$lists/lfw"
dataset lfw 0 --include "$lists/lfw" --min-images 2
dataset pins 1
dataset celeb17 2
dataset orl 3
dataset celeb5 4
dataset sports 5
pairs lfw-unseen
pairs cfp-fp-unseen

images=0
for name in lfw pins celeb17 orl celeb5 sports; do
    images=$((images + $(sed -n 's/^images: //p' "$data/$name.yaml")))
done
if [ "$images" -ne "$images_expected" ]; then
    echo "faces: the six datasets have $images images where $images_expected are expected; remove $data and pack again" >&2
    exit 3
fi
echo "faces: $images images in six datasets, in $data"
