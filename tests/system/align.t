#!/bin/sh
# Packing photographs by a table of where their faces are. tests/oracle/align.t compares the pixels.
. "$(dirname "$0")/lib.sh"

# A PPM of 40 x 30 whose pixels are of one colour each.
picture() {
    mkdir -p "$(dirname "$work/faces/$1")"
    { printf 'P6 40 30 255\n'; perl -e 'print pack("C*", map { ($_ * 7 + $ARGV[0]) % 256 } 1 .. 3600)' "$2"; } >"$work/faces/$1"
}
picture ann/000001.ppm 1
picture ann/000002.ppm 2
picture bob/000003.ppm 3
picture bob/000004.ppm 4
picture carl/000005.ppm 5

cat >"$work/list_landmarks_celeba.txt" <<'EOF_TABLE'
3
lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y
000001.jpg 12   9 25   9 18  16 13  23 24  23
000002.jpg 12  10 25   9 18  16 13  23 24  24
000004.jpg 13   9 25   8 19  16 13  23 25  23
EOF_TABLE
pack() {
    "$build/dail" pack "$@" >"$work/out" 2>&1
}

pack "$work/faces" -o "$work" -n plain --size 32
says "images that are not square are counted" "5 images.* 5 not square, each cropped to its middle"
pack "$work/faces" -o "$work" -n padded --size 32 --align pad
says "and what became of them is told" "5 not square, each padded with black"
pack "$work/faces" -o "$work" -n stretched --size 32 --align none
says "whatever it is" "5 not square, each stretched"

pack "$work/faces" -o "$work" -n celeba --size 32 --landmarks "$work/list_landmarks_celeba.txt"
exits "photographs are aligned by CelebA's table" $? 0
says "the table is told" "faces of 3 images, 3 by five points and 0 by their box"
says "people and images that it names are packed" "2 classes in 1 shards, 3 images .0 byte for byte."
says "the others are counted" "left out: 2 images that the table of faces does not name"
check "the dataset is whole" "$build/dail" verify "$work/celeba.yaml"

printf '0\tann/000001.ppm\tann/000002.ppm\t1\n1\tann/000001.ppm\tbob/000004.ppm\t0\n' >"$work/pairs.tsv"
pack --pairs "$work/pairs.tsv" --images "$work/faces" -o "$work/set.h5" --size 32 --landmarks "$work/list_landmarks_celeba.txt"
exits "so is a verification set" $? 0
printf '0\tann/000001.ppm\tbob/000003.ppm\t0\n' >>"$work/pairs.tsv"
pack --pairs "$work/pairs.tsv" --images "$work/faces" -o "$work/other.h5" --size 32 --landmarks "$work/list_landmarks_celeba.txt"
exits "whose images must all be named" $? 3
says "which is told by name" "does not name the image .*bob/000003.ppm"

refused() {
    name=$1 words=$2
    shift 2
    pack -o "$work" -n refused "$@"
    exits "$name is refused" $? 2
    says "and told" "$words"
}
refused "--align landmarks without a table" "landmarks is not named" "$work/faces" --align landmarks
refused "a table that is not to be used" "not aligned by landmarks" "$work/faces" --align center --landmarks "$work/list_landmarks_celeba.txt"
refused "a table for RecordIO" "these have none" --rec "$work/faces" --landmarks "$work/list_landmarks_celeba.txt"
echo 'nothing of the kind' >"$work/no-table"
pack "$work/faces" -o "$work" -n refused --landmarks "$work/no-table"
exits "what is no table is refused" $? 3
says "with its line" "no-table.*line 1"
finish
