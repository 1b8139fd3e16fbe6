#!/bin/sh
# Makes the seed corpora, one folder a target, from real files: what our own programs write, the golden files of
# tests/oracle, and the configurations of etc.
#
#   tests/fuzz/seeds.sh BUILD FOLDER: BUILD has dail and make_seeds; FOLDER is made anew
set -eu
build=$1 seeds=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/dail-seeds.XXXXXX")
trap 'rm -rf "$work"' EXIT

rm -rf "$seeds"
for target in tests/fuzz/*_fuzz.c; do
    mkdir -p "$seeds/$(basename "$target" _fuzz.c)"
done

"$build/dail" synth -o "$work/synth" --datasets 1 --identities 3 --images 2 --size 16 --pairs 0 --name synth >/dev/null
"$build/tests/fuzz/make_seeds" "$seeds" "$work/synth/synth0-00000.h5"

# hdf5 FOLDER FILE...: HDF5 files, each with its description before it
hdf5() {
    folder=$1
    shift
    for file in "$@"; do
        "$build/tests/fuzz/make_seeds" --describe "$file" "$folder/$(basename "$file")"
    done
}

# Configurations, and behind a zero byte some overrides.
cp etc/*.yaml "$seeds/config"
{
    cat etc/faces.yaml
    printf '\0model.arch=iresnet50\0data.datasets=[a.yaml,{manifest: b.yaml,weight: 0.5}]\0loss.margin=[1,0.5,0]'
} >"$seeds/config/overrides"

# Datasets and verification sets.
hdf5 "$seeds/shard" tests/oracle/golden/*-0*.h5 "$seeds/synth.h5"
rm "$seeds/synth.h5"
printf '0\trgb8.png\trgb420.jpg\t1\n1\trgb8.png\tgrey8.png\t0\n' >"$work/pairs.tsv"
"$build/dail" pack --pairs "$work/pairs.tsv" --images tests/oracle/image --size 16 -o "$work/packed.h5" >/dev/null
hdf5 "$seeds/pairs" "$work/packed.h5" tests/oracle/golden/pairs.h5
for manifest in tests/oracle/golden/golden.yaml "$work/synth/synth0.yaml"; do
    {
        cat "$manifest"
        printf '\0'
        cat "${manifest%.yaml}"?classes.txt
    } >"$seeds/manifest/$(basename "$manifest")"
done

# Images.
cp tests/oracle/image/*.jpg "$seeds/jpeg"
cp tests/oracle/image/*.png "$seeds/png"
cp tests/oracle/image/*.p[gp]m "$seeds/pnm"
cp tests/oracle/image/*.bmp "$seeds/bmp"
cp tests/oracle/image/*.webp "$seeds/webp"
cp tests/oracle/image/*.tiff "$seeds/tiff"
cp tests/oracle/image/*.avif "$seeds/heif"

# What is imported.
printf '2\t1\nann\t1\t2\nann\t1\tbob\t2\nbob\t1\t2\nbob\t1\tann\t2\n' >"$seeds/pair_list/lfw"
printf '1\nann 1 2\nann 1 bob 2\n' >"$seeds/pair_list/one-fold"
printf 'fold\ta\tb\tsame\n0\tann/1.jpg\tann/2.jpg\t1\n9\tann/1.jpg\tbob/1.jpg\t0\n' >"$seeds/pair_list/tsv"
printf 'ann/1.jpg 7\nann/2.jpg 7\nbob/1.jpg 12\n' >"$seeds/image_list/blanks"
printf '\357\273\277a b.jpg\tAnn Lee\r\n\r\nc.jpg\tBob\r\n' >"$seeds/image_list/tabs"
printf 'ann\nbob\n\0bob\n\0ann/1.jpg\0ann/2.PNG\0bob/1.ppm\0carl/.hidden.jpg' >"$seeds/folder/lists"
printf '\0\0ann/1.jpeg\0bob/1.pgm\0bob/readme' >"$seeds/folder/all"

# Tables of faces.
printf '1\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n%s' \
    '1.jpg 69 109 106 113 77 142 73 152 108 154' >"$seeds/face_table/celeba"
printf 'NAME_ID,P1X,P1Y,P2X,P2Y,P3X,P3Y,P4X,P4Y,P5X,P5Y\n"n1/0001_01",75.8,110.2,103,104,96,127,80,152,104,149\n' \
    >"$seeds/face_table/vggface2"
printf 'file,score,x1,y1,x2,y2\na/1.jpg,0.9,1,2,30,40\na/1.jpg,0.8,1,2,3,4\nb/1.png,,,,,\n' >"$seeds/face_table/boxes"
printf 'img/1.jpg 1 2 3 4 5 6 7 8 9 10 0.9\n' >"$seeds/face_table/ijb"
printf '[{"file": "a/1.jpg", "box": [1, 2, 3, 4], "keypoints": {"left_eye": [1, 2], "right_eye": [3, 4], "nose": [5, 6],
"mouth_left": [7, 8], "mouth_right": [9, 10]}}]' >"$seeds/face_table/mtcnn"
printf '{"a/1.jpg": {"face_1": {"facial_area": [1, 2, 3, 4], "landmarks": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}, "b": []}' \
    >"$seeds/face_table/retinaface"
printf '"%s"\n' face_x face_width p21x xmin nose_x mouth_right kps faces file path nan >"$seeds/face_table.dict"

cp tests/oracle/pickle/*.bin "$seeds/pickle"
# RecordIO sets, one whole with a record in parts, one of images alone: see the target for what comes before.
perl -e '
    sub part { my ($part, $data) = @_;
        pack("VV", 0xced7230a, $part << 29 | length $data) . $data . "\0" x (-length($data) % 4) }
    sub image { my ($label, $id, $data) = @_; pack("Vf<Q<Q<", 0, $label, $id, 0) . $data }
    sub array { my ($label, $other, $id, $data) = @_; pack("Vf<Q<Q<f<f<", 2, 0, $id, 0, $label, $other) . $data }
    sub save { my ($name, $property, $index, @records) = @_;
        open F, ">:raw", "$ARGV[0]/$name";
        print F pack("Cn", length $property, length $index), $property, $index, @records }
    my @records = (part(0, array(4, 6, 0, "")), part(0, image(0, 1, "one")), part(1, array(1, 0, 2, "part")) .
        part(2, "of") . part(3, "image"), part(0, image(1, 3, "three")), part(0, array(1, 2, 4, "")),
        part(0, array(2, 4, 5, "")));
    my ($index, $at, $key) = ("", 0, 0);
    for (@records) { $index .= $key++ . "\t$at\n"; $at += length }
    save("whole", "2,112,112", $index, @records);
    save("images", "", "", @records[1 .. 3])' "$seeds/recordio"

# Archives: a byte that tells whether they are under gzip, then the archive. Samples of one, as small as they can be.
for archive in tests/oracle/archive/*.tar; do
    { printf '\0'; head -c 6144 "$archive"; } >"$seeds/tar/$(basename "$archive")"
    { printf '\1'; head -c 6144 "$archive"; } >"$seeds/tar/packed-$(basename "$archive")"
done
printf '%s' '7' >"$work/1.cls"
printf '%s' '{"label": "ann"}' >"$work/1.json"
cp tests/oracle/image/grey8.png "$work/1.png"
for label in cls json; do
    { printf '\0'; tar -C "$work" -cf - -b 1 "1.$label" 1.png; } >"$seeds/tar/$label"
done
printf '"%s"\n' 'ustar\x0000' 'ustar  \x00' .cls .json .jpg path= size= GNU.sparse. label class >"$seeds/tar.dict"

# Databases.
cp tests/oracle/lmdb/*.mdb "$seeds/lmdb"

# ONNX models of the smallest network, plain and folded.
for options in "" --fold-bn; do
    # shellcheck disable=SC2086
    "$build/dail" export "$seeds/checkpoints/step-000000001" --onnx "$seeds/onnx/net$options" $options >/dev/null
done
printf '"%s"\n' Conv PRelu BatchNormalization Add Flatten Gemm Identity Cast Constant value to axis strides pads \
    >"$seeds/onnx.dict"

printf '"%s"\n' torch Storage FloatStorage HalfStorage LongStorage _rebuild_tensor_v2 _rebuild_parameter torch._utils collections \
    OrderedDict argparse Namespace storage cpu data.pkl byteorder state_dict module. 'PK\x03\x04' 'PK\x01\x02' 'PK\x05\x06' \
    'PK\x06\x06' 'PK\x06\x07' >"$seeds/torch.dict"

# A checkpoint: its small files parted by a zero byte, its parts each by itself.
checkpoint=$seeds/checkpoints/step-000000001
{
    cat "$checkpoint/COMMIT"
    printf '\0'
    cat "$checkpoint/state.yaml"
} >"$seeds/checkpoint/whole"
hdf5 "$seeds/model" "$checkpoint/model.h5"
hdf5 "$seeds/classifier" "$checkpoint"/classifier-*.h5
rm -r "$seeds/checkpoints"

# Small arrays of the types that networks are published in.
header='{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]}}'
# shellcheck disable=SC2059
printf "\\$(printf %03o ${#header})\0\0\0\0\0\0\0${header}abcdef" >"$seeds/safetensors/halves"
printf '"%s"\n' F32 F16 BF16 I64 BOOL dtype shape data_offsets __metadata__ weight running_var >"$seeds/safetensors.dict"

cp tests/fuzz/seeds/status.jsonl "$seeds/status"
head -n 3 tests/fuzz/seeds/status.jsonl >"$seeds/status/short"

# The words of those that are texts, for libFuzzer to put together.
for target in config manifest checkpoint status; do
    cat "$seeds/$target"/* | tr -c 'A-Za-z0-9_' '\n' | grep '^[a-z][a-z_0-9]*$' | sort -u |
        sed 's/.*/"&"/' >"$seeds/$target.dict"
done

# Some of everything for what tells files apart; before those that are not HDF5 stands that there is no description.
cp "$seeds"/shard/* "$seeds"/classifier/* "$seeds/model/model.h5" "$seeds/pairs/pairs.h5" "$seeds/info"
for file in "$seeds/status/short" "$work/synth/synth0.yaml"; do
    {
        printf '\0\0\0\0'
        cat "$file"
    } >"$seeds/info/$(basename "$file")"
done
