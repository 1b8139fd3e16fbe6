#!/bin/sh
# dail pack, info and verify from outside: what they write other programs can read, what is broken they name, and
# nothing is left of what failed.
. "$(dirname "$0")/lib.sh"
dail=$build/dail

# picture FILE SEED SIDE: a PPM
picture() {
    awk -v seed="$2" -v side="$3" 'BEGIN {
        printf "P3\n%d %d\n255\n", side, side
        for (y = 0; y < side; y++)
            for (x = 0; x < side; x++)
                printf "%d %d %d\n", (x * seed) % 256, (y * (seed + 3)) % 256, (x * y + seed * 50) % 256
    }' >"$1"
}

# flip FILE OFFSET: inverts one byte
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059
    printf "\\$(printf '%03o' $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

for person in 1 2 3 4; do
    mkdir -p "$work/faces/person$person"
    for number in 1 2 3 4 5; do
        picture "$work/faces/person$person/person${person}_000$number.ppm" $((person * 5 + number)) 40
    done
done
{
    echo "fold	a	b	same"
    for fold in 1 2; do
        echo "$fold	person1/person1_0001.ppm	person1/person1_000$((fold + 1)).ppm	1"
        echo "$fold	person1/person1_0001.ppm	person2/person2_000$fold.ppm	0"
    done
} >"$work/set.tsv"

exit_code "a folder is packed" 0 "$dail" pack -o "$work/data" -n few --id 6 --size 32 "$work/faces"
says "and the counts are told" '4 classes in 1 shards, 20 images'
exit_code "pairs are packed" 0 "$dail" pack --pairs "$work/set.tsv" --images "$work/faces" -o "$work/data/set.h5" --size 32
says "into that file" 'data/set.h5: 4 pairs, 5 images'
exit_code "pairs without a folder of images are refused" 2 "$dail" pack --pairs "$work/set.tsv" -o "$work/data/other.h5"
says "with what is missing" '--images FOLDER'
exit_code "pairs into something else than a .h5 are refused" 2 "$dail" pack --pairs "$work/set.tsv" --images "$work/faces" -o "$work/data"
says "with the form" '-o SET.h5'
exit_code "both are sound" 0 "$dail" verify "$work/data/few.yaml" "$work/data/set.h5"
exit_code "they are described" 0 "$dail" info "$work/data/few.yaml" "$work/data/few-00000.h5" "$work/data/set.h5"
says "with their id" 'few \(id 6\)'
if $python -c 'import h5py, yaml' 2>/dev/null; then
    check "h5py reads them" $python tests/oracle/check_shard.py "$work/data/few.yaml" "$work/data/set.h5"
    exit_code "PNG is packed" 0 "$dail" pack -o "$work/data" -n many --size 32 --encoding png "$work/faces"
    check "and read by h5py" $python tests/oracle/check_shard.py "$work/data/many.yaml"
else
    skip "no h5py"
fi
exit_code "what h5py wrote is sound" 0 "$dail" verify tests/oracle/golden/golden.yaml tests/oracle/golden/pairs.h5

is "no temporary file is left" "$(find "$work/data" -name '.*' -o -name '*.tmp' | wc -l | tr -d ' ')" 0
exit_code "a dataset is not overwritten" 2 "$dail" pack -o "$work/data" -n few "$work/faces"
says "unless forced" 'exists already.*--force'
# The files of another generation have other names, and the same bytes.
but_names() { sed 's/-g[0-9]*\([-.]\)/\1/' "$1"; }
but_names "$work/data/few.yaml" >"$work/before"
exit_code "forced, it is replaced" 0 "$dail" pack -o "$work/data" -n few --id 6 --size 32 --force "$work/faces"
but_names "$work/data/few.yaml" >"$work/after"
check "by the same bytes from the same images" cmp "$work/before" "$work/after"
is "and nothing is left of the old one" "$(ls "$work/data" | grep '^few' | paste -s -d ' ')" "few-g2-00000.h5 few-g2.classes.txt few.yaml"
check "the new one is sound" "$dail" verify "$work/data/few.yaml"
cp "$work/data/few.yaml" "$work/data/kept.yaml"
exit_code "shards that another manifest lists are not replaced" 2 "$dail" pack -o "$work/data" -n few --size 32 --force "$work/faces"
says "which is named" 'another manifest lists few-g2-00000.h5.*kept.yaml'
check "and keeps them" "$dail" verify "$work/data/kept.yaml"
rm "$work/data/kept.yaml"

exit_code "an unknown option is a usage error" 2 "$dail" pack --sice 32 "$work/faces"
says "which names the nearest" 'size'
exit_code "a missing folder is a data error" 3 "$dail" pack -o "$work/data" -n none "$work/nothing"
exit_code "a missing file is a data error" 3 "$dail" verify "$work/data/none.yaml"

head -c 100 "$work/faces/person3/person3_0002.ppm" >"$work/cut"
cp "$work/cut" "$work/faces/person3/person3_0002.ppm"
exit_code "a damaged image stops packing" 3 "$dail" pack -o "$work/bad" -n bad --size 32 "$work/faces"
says "and is named" 'person3_0002.ppm.*--skip-bad'
is "nothing is left of it" "$(find "$work/bad" -type f 2>/dev/null | wc -l | tr -d ' ')" 0
exit_code "or is left out" 0 "$dail" pack -o "$work/bad" -n bad --size 32 --skip-bad "$work/faces"
says "which is told" '19 images '
says "and counted" '^left out: 1 image that cannot be decoded$'
(cd "$work/faces" && ls person1/* person2/*) | sed 's|^\(person[0-9]*\)/.*|& \1|' >"$work/list.txt"
echo 'person1/nothing.ppm person1' >>"$work/list.txt"
exit_code "a list is packed" 0 "$dail" pack -o "$work/listed" --list "$work/list.txt" --images "$work/faces" --size 32 \
    --skip-bad --left-out "$work/left.tsv"
says "by the list's name" 'listed/list.yaml: 2 classes in 1 shards, 10 images'
says "and what it names and is not there is counted" '^left out: 1 image that cannot be decoded$'
check "and listed" grep -q '^image	.*person1/nothing.ppm	that cannot be decoded: ' "$work/left.tsv"
exit_code "a list of records has no folder" 2 "$dail" pack --rec "$work" --images "$work/faces" -o "$work/listed"
exit_code "labels of a folder have no gaps" 2 "$dail" pack --compact "$work/faces" -o "$work/listed"

# Writes beyond a limit fail as they do on a full disk.
rm -rf "$work/bad"
exit_code "a full disk is a storage error" 6 \
    sh -c 'trap "" XFSZ; ulimit -f 8; exec "$0" "$@"' "$dail" pack -o "$work/bad" -n bad --size 112 --skip-bad "$work/faces"
is "nothing is left on it" "$(find "$work/bad" -type f 2>/dev/null | wc -l | tr -d ' ')" 0

cp -r "$work/data" "$work/flipped"
flip "$work/flipped/few-g2-00000.h5" 6000
exit_code "a flipped byte is found" 3 "$dail" verify "$work/flipped/few.yaml"
says "in its image" 'image [0-9]+: .*few-g2-00000.h5'
says "and its bytes" 'bytes [0-9]+ to [0-9]+ of /image, from offset [0-9]+'
is "in one line" "$(wc -l <"$work/out" | tr -d ' ')" 1
mkdir -p "$work/step-000000001"
echo "step: 1" >"$work/step-000000001/state.yaml"
exit_code "a folder without COMMIT is no checkpoint" 3 "$dail" verify "$work/step-000000001"

if [ -n "$DAIL_SANITIZED" ]; then
    skip "the real faces take too long with sanitizers"
elif [ -d ../shared/faces/lfw ]; then
    exit_code "the real faces are packed" 0 env DAIL_DATA="$work/real" etc/faces.sh ../shared/faces 32
    says "all of them" '12771 images in six datasets'
    exit_code "and are sound" 0 "$dail" verify "$work"/real/*.yaml "$work"/real/*-unseen.h5
    exit_code "a second time nothing is done" 0 env DAIL_DATA="$work/real" etc/faces.sh ../shared/faces 32
    is "for any of them" "$(grep -c 'is there' "$work/out")" 8
else
    skip "no real faces in ../shared/faces"
fi
finish
