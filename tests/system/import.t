#!/bin/sh
# What users hold comes in, whole and unchanged, and goes out again: InsightFace's RecordIO sets, WebDataset's archives and
# verification pickles, the samples that other programs wrote and large ones made here; a packing that is killed goes on.
# DAIL_IMPORT_MB=2000 tells how fast a set of that size is packed (and in how much memory); else it is of 40 MB.
. "$(dirname "$0")/lib.sh"
dail=$build/dail
formats=../shared/formats

# same_images RECORD FOLDER: label and SHA-256 of each image are those of the records; labels may be padded
same_images() {
    $python tests/oracle/recordio.py list "$1" | cut -d ' ' -f 1,2 | sort >"$work/expected"
    (cd "$2" && sha256sum ./*/*) | sed -E 's|^([0-9a-f]*) +\./0*([0-9]+)/.*|\2 \1|' | sort >"$work/found"
    diff "$work/expected" "$work/found" && [ -s "$work/found" ]
}

# same_pairs FOLDER LIST: the images of each pair, by their hashes, and its verdict are those of the list
same_pairs() {
    (cd "$1" && tail -n +2 pairs.tsv | while IFS='	' read -r _ a b same; do
        for image in "$a" "$b"; do
            echo "$(sha256sum <"$image" | cut -d ' ' -f 1)	$same"
        done
    done) >"$work/found"
    cut -f 2,3 "$2" >"$work/expected"
    diff "$work/expected" "$work/found"
}

# --- Samples of other programs ---

if [ -d "$formats" ]; then
    exit_code "an InsightFace set is packed" 0 "$dail" pack --rec "$formats/faces_orl10" -o "$work/data"
    says "with all its images as they are" 'faces_orl10.yaml: 10 classes in 1 shards, 60 images \(60 byte for byte\)'
    exit_code "it is sound" 0 "$dail" verify "$work/data/faces_orl10.yaml"
    exit_code "it is unpacked" 0 "$dail" unpack "$work/data/faces_orl10.yaml" -o "$work/orl"
    says "with all its images" '60 images of 10 identities'
    check "each the source's, the parted one too" same_images "$formats/faces_orl10/train.rec" "$work/orl"
    is "which is in parts" "$($python tests/oracle/recordio.py list $formats/faces_orl10/train.rec | grep -vc ' 1$')" 1
    exit_code "what was unpacked is packed again" 0 "$dail" pack "$work/orl" -o "$work/data" -n again
    exit_code "and unpacked" 0 "$dail" unpack "$work/data/again.yaml" -o "$work/again"
    check "each is still the source's" same_images "$formats/faces_orl10/train.rec" "$work/again"
    exit_code "what im2rec wrote is packed" 0 "$dail" pack --rec "$formats/im2rec8" -o "$work/data"
    says "with all its images" '2 classes in 1 shards, 8 images \(8 byte for byte\)'
    exit_code "and one of its shards is unpacked" 0 "$dail" unpack "$work/data/im2rec8-00000.h5" -o "$work/im2rec"
    check "each the source's" same_images "$formats/im2rec8/train.rec" "$work/im2rec"
    for set in orl60_py2_proto2 orl60_py3_proto3 orl60_py3_proto4 orl60_py3_proto5; do
        exit_code "$set is packed" 0 "$dail" pack --bin "$formats/$set.bin" -o "$work/data/$set.h5"
        says "$set: with all its pairs" "$set.h5: 60 pairs"
        exit_code "$set is unpacked" 0 "$dail" unpack "$work/data/$set.h5" -o "$work/$set"
        check "$set: each image and verdict is the source's" same_pairs "$work/$set" "$formats/orl60.sha256"
    done
    exit_code "a set is packed from what was unpacked" 0 "$dail" pack --pairs "$work/orl60_py2_proto2/pairs.tsv" \
        --images "$work/orl60_py2_proto2" -o "$work/pairs/orl60_py2_proto2.h5"
    check "to the same file" cmp "$work/data/orl60_py2_proto2.h5" "$work/pairs/orl60_py2_proto2.h5"
    before=$(ls -l /tmp/dail-pickle-ran 2>/dev/null)
    exit_code "a pickle that would run a command is refused" 3 "$dail" pack --bin "$formats/hostile.bin" -o "$work/data/h.h5"
    says "by its name and place" 'posix.system.*hostile.bin, GLOBAL at byte 2'
    is "nothing was run" "$(ls -l /tmp/dail-pickle-ran 2>/dev/null)" "$before"
    check "nothing was written" test ! -e "$work/data/h.h5"
    cp -r "$formats/faces_orl10" "$work/cut"
    chmod -R u+w "$work/cut"
    truncate -s 200000 "$work/cut/train.rec"
    exit_code "a cut set is refused" 3 "$dail" pack --rec "$work/cut" -o "$work/data"
    says "with its last record" 'cut/train.rec, record at byte [0-9]+'
else
    skip "no samples in ../shared/formats"
fi

# --- Usage ---

exit_code "two sources are one too many" 2 "$dail" pack --rec "$work" "$work" -o "$work/data"
exit_code "a pickle has no folds" 2 "$dail" pack --bin x.bin --folds 1 -o "$work/data/x.h5"
exit_code "records are spooled or not" 2 "$dail" pack --rec "$work" --spool perhaps
exit_code "a pickle is packed into a .h5" 2 "$dail" pack --bin x.bin -o "$work/data"
exit_code "a folder that is in use is not unpacked to" 2 "$dail" unpack tests/oracle/golden/golden.yaml -o tests/oracle
says "and stays" 'not empty.*tests/oracle'
exit_code "only images can be unpacked" 3 "$dail" unpack README.md -o "$work/nothing"

# --- Large sets ---

check "faces are made" "$dail" synth -o "$work/synth" --datasets 1 --identities 10 --images 5 --size 112 --pairs 0 --name s
check "and unpacked" "$dail" unpack "$work/synth/s0.yaml" -o "$work/jpeg"
mb=${DAIL_IMPORT_MB:-40}
check "a set of $mb MB is made" $python tests/oracle/recordio.py make "$work/large" "$mb" "$work"/jpeg/*/*.jpg
check "and a smaller one" $python tests/oracle/recordio.py make "$work/small" 10 "$work"/jpeg/*/*.jpg

# peak NAME [OPTION...]: packs $work/NAME; the process's greatest memory in KiB goes to $work/peak, its seconds to
# $work/seconds
peak() {
    set_name=$1
    shift
    $python -c 'import resource, subprocess, sys, time
begin = time.time()
code = subprocess.call(sys.argv[2:])
open(sys.argv[1] + "/seconds", "w").write(str(time.time() - begin))
open(sys.argv[1] + "/peak", "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)' "$work" "$dail" pack --rec "$work/$set_name" -o "$work/data" --shard-mb 4 "$@"
}

check "the smaller one is packed" peak small --threads 2
small=$(cat "$work/peak")
check "the large one is packed" peak large --threads 2
large=$(cat "$work/peak")
awk -v mb="$mb" -v s="$(cat "$work/seconds")" -v kib="$large" -v small="$small" 'BEGIN {
    printf "# %d MB in %.1f s: %.0f MB/s, at most %.1f MB of memory (of 10 MB: %.1f)\n", mb, s, mb / s, kib / 1024, small / 1024 }'
exit_code "it is sound" 0 "$dail" verify "$work/data/large.yaml"
if [ -n "$DAIL_SANITIZED" ]; then
    skip "sanitizers keep memory of their own"
else
    # 28 bytes an image, which are of 6 KB or more, and what the heap leaves unused, which is another amount each time;
    # the sets are 30 MB apart or more.
    check "in hardly more memory: $large KiB after $small" test "$large" -lt $((small + 12288 + mb * 6))
fi
if [ "$mb" -le 100 ]; then
    check "it is unpacked" "$dail" unpack "$work/data/large.yaml" -o "$work/out-large"
    check "each image is the source's" same_images "$work/large/train.rec" "$work/out-large"
fi
# The files of another generation have other names, and the same bytes.
same_dataset() { sed 's/-g[0-9]*\([-.]\)/\1/' "$1" | cmp - "$work/by-two"; }
cp "$work/data/small.yaml" "$work/by-two"
for threads in 1 5; do
    check "by $threads threads" peak small --threads $threads --force
    check "by $threads threads to the same bytes" same_dataset "$work/data/small.yaml"
done

check "with its records put in order first" peak small --spool always --force
check "with its records put in order first to the same bytes" same_dataset "$work/data/small.yaml"
is "and no other file is left" "$(find "$work/data" -name '.*' -o -name records | wc -l | tr -d ' ')" 0

# --- Several sets ---

exit_code "two sets need to be told how their people go together" 2 "$dail" pack --rec "$work/small" --rec "$work/large" -n both -o "$work/both"
says "with what to say" 'give --labels join'
exit_code "and a name" 2 "$dail" pack --rec "$work/small" --rec "$work/large" --labels join -o "$work/both"
exit_code "they are packed" 0 "$dail" pack --rec "$work/small" --rec "$work/large" --labels offset -n both -o "$work/both"
is "with the people of both" "$(sed -n 's/^classes: //p' "$work/both/both.yaml")" \
    $(($(sed -n 's/^classes: //p' "$work/data/small.yaml") + $(sed -n 's/^classes: //p' "$work/data/large.yaml")))
is "and their images" "$(sed -n 's/^images: //p' "$work/both/both.yaml")" \
    $(($(sed -n 's/^images: //p' "$work/data/small.yaml") + $(sed -n 's/^images: //p' "$work/data/large.yaml")))

# --- Archives ---

mkdir "$work/wds"
check "the same images are put in archives" $python tests/oracle/webdataset.py make "$work/small/train.rec" \
    "$work/wds/small-000.tar" "$work/wds/small-001.tar.gz" "$work/wds/small-002.tar"
exit_code "they are packed" 0 "$dail" pack --tar "$work/wds/small-{000..001}.tar*" --tar "$work/wds/small-002.tar" -o "$work/tar" --shard-mb 4
says "under the name that they have" 'tar/small.yaml: [0-9]+ classes'
says "with nothing left out" '^left out: nothing$'
check "and unpacked" "$dail" unpack "$work/tar/small.yaml" -o "$work/out-tar"
check "each image is the source's" same_images "$work/small/train.rec" "$work/out-tar"
exit_code "an archive that is not there is told" 3 "$dail" pack --tar "$work/wds/small-{000..003}.tar" -o "$work/tar" --force
says "by its name" 'there is no such file .*small-001.tar'
exit_code "so is a pattern that the shell has taken" 2 "$dail" pack --tar "$work"/wds/*.tar -o "$work/tar"
says "with what to do" 'in quotes'

# --- Databases ---

exit_code "an LMDB database is packed" 0 "$dail" pack --lmdb tests/oracle/lmdb/pickle.mdb -o "$work/db" --size 16 --compact
says "with its people and images" 'db/pickle.yaml: 5 classes in 1 shards, 40 images'
exit_code "it is sound" 0 "$dail" verify "$work/db/pickle.yaml"

# --- What is not all there ---

cp -r "$work/small" "$work/torn"
place=$(sed -n 4p "$work/torn/train.idx" | cut -f 2)
printf '\0' | dd of="$work/torn/train.rec" bs=1 seek="$place" conv=notrunc 2>/dev/null
exit_code "a torn set is refused" 3 "$dail" pack --rec "$work/torn" -o "$work/data"
exit_code "or packed but for what is torn" 0 "$dail" pack --rec "$work/torn" -o "$work/data" --skip-bad --left-out "$work/left.tsv"
says "which is counted" '^left out: 1 torn place in the file$'
says "beside what the header tells" 'the header tells of images'
check "and listed" grep -q "^record	.*torn/train.rec, record at byte $place	in the file: ced72300 is there" "$work/left.tsv"
cp -r "$work/small" "$work/part"
sed -i 's/$/\r/; 4,5d; $G' "$work/part/train.idx"
exit_code "an index of a part is a list of what to take" 0 "$dail" pack --rec "$work/part" -o "$work/data"
says "and the others are counted" '^left out: 2 records that the index does not list$'

# --- Killed ---

# The library kills where files below a folder "checkpoints" are written.
use_faults
out=$work/checkpoints

# killed CALL [OPTION...]: a packing of $source dies in that call, and another one goes on
source="--rec $work/small"
# shellcheck disable=SC2086
killed() {
    call=$1
    shift
    rm -rf "$out"
    (
        LD_PRELOAD=$fault OMPI_COMM_WORLD_RANK=0 DAIL_FAULT_RANK=0 DAIL_FAULT_AT=$call \
            "$dail" pack $source -o "$out" --shard-mb 4 "$@"
        exit $?
    ) >"$work/out" 2>&1
    code=$?
    [ -e "$out/small.yaml" ] && finished="finished" || finished="not finished"
    "$dail" pack $source -o "$out" --shard-mb 4 "$@" >>"$work/out" 2>&1
    again=$?
    { echo "exit codes $code ($finished) and $again"; cat "$work/out"; } >"$work/said"
    [ "$code $finished $again" = "137 not finished 0" ] && same_dataset "$out/small.yaml" >>"$work/said" 2>&1 &&
        [ ! -e "$out/.small.packing" ] && "$dail" verify "$out/small.yaml" >>"$work/said" 2>&1
    verdict "killed in $call, a packing goes on"
}

for call in write:3 fsync:2 rename:1 rename:2 rename:3 rename:4 rename:5 rename:7 rename:8 rename:9 rename:10 rename:12 rename:13; do
    killed "$call"
    case $call in
    rename:[57]) says "after the shards that were finished" 'going on after [12] of [0-9] shards' ;;
    esac
done
killed rename:5 --spool always
says "with records in order, too" 'going on after [12] of [0-9] shards'
sed 's/-g[0-9]*\([-.]\)/\1/' "$work/tar/small.yaml" >"$work/by-two"
source="--tar $work/wds/small-{000..001}.tar* --tar $work/wds/small-002.tar"
killed rename:5
says "of archives, too" 'going on after [12] of [0-9] shards'
is "and what was unpacked is gone" "$(find "$out" -name '.*' | wc -l | tr -d ' ')" 0
finish
