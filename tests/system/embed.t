#!/bin/sh
# dail embed: what it writes is what PyTorch makes of the same weights and pixels, however the images lie and whoever
# shares the work; nothing is left of what failed.
. "$(dirname "$0")/lib.sh"
$python -c 'import torch, h5py' 2>/dev/null || skip_all "no PyTorch or h5py (etc/install-deps.sh --oracle)"
dail=$build/dail
iresnet="$python tests/system/iresnet.py"
make_data
make_config
run_daild 2 --set schedule.epochs=1
exits "a network is trained" $? 0
checkpoint=$(newest_checkpoint "$work/run")

# refused NAME CODE PATTERN ARGUMENT...: dail embed ends with that code, says the pattern and leaves no file
refused() {
    name=$1 expected=$2 pattern=$3
    shift 3
    timeout $((60 * slow)) "$dail" embed "$@" -o "$work/refused.h5" >"$work/out" 2>&1
    exits "$name: exit code $expected" $? "$expected"
    says "$name: told" "$pattern"
    is "$name: nothing is left" "$(ls "$work" | grep -c refused)" 0
}

$iresnet images "$work/faces" 23 32 "$work/pixels.npy"
check "a folder is embedded" "$dail" embed "$work/run" "$work/faces" -o "$work/folder.h5" --threads 2 --batch 7
$iresnet file "$work/folder.h5" "$work/folder.npy"
$iresnet embed "$checkpoint/model.h5" "$work/pixels.npy" "$work/torch.npy"
check "as PyTorch does by the same weights" $iresnet same "$work/folder.npy" "$work/torch.npy" 1e-5
check "one by one, by the checkpoint's name" "$dail" embed "$checkpoint" "$work/faces" -o "$work/single.h5" -b 1 -t 1
$iresnet file "$work/single.h5" "$work/single.npy"
check "the same" $iresnet same "$work/single.npy" "$work/torch.npy" 1e-5
"$dail" embed "$work/run" "$work/faces" -o "$work/single.h5" --flip --normalize >"$work/out" 2>&1
$iresnet file "$work/single.h5" "$work/single.npy"
$python - "$work" <<'END'
import numpy as np, sys
work = sys.argv[1]
np.save(work + "/mirrored.npy", np.load(work + "/pixels.npy")[:, :, ::-1])
END
$iresnet embed "$checkpoint/model.h5" "$work/mirrored.npy" "$work/mirror.npy"
$python - "$work" <<'END'
import numpy as np, sys
work = sys.argv[1]
both = np.load(work + "/torch.npy") + np.load(work + "/mirror.npy")
np.save(work + "/torch.npy", both / np.linalg.norm(both, axis=1, keepdims=True))
END
check "image and mirror, of length 1" $iresnet same "$work/single.npy" "$work/torch.npy" 1e-5

"$dail" pack "$work/faces" -o "$work/packed" --name few --size 32 --encoding png --shard-mb 1 >"$work/out" 2>&1
"$dail" embed "$work/run" "$work/packed/few.yaml" -o "$work/manifest.h5" >"$work/out" 2>&1
"$dail" embed "$work/run" "$work"/packed/few-*.h5 -o "$work/shards.h5" >"$work/out" 2>&1
"$dail" embed "$work/run" "$work/data/tiny-cross.h5" -o "$work/pairs.h5" --flip >"$work/out" 2>&1
check "names, labels and identities are told" $python - "$work" <<'END'
import h5py, numpy as np, sys
work = sys.argv[1]

def names(file, key="name"):
    end, text = file[key + "_offset"][...], file[key][...].tobytes()
    return [text[a:b].decode() for a, b in zip(end, end[1:])]

folder, manifest, shards, pairs = (h5py.File("%s/%s.h5" % (work, n)) for n in ("folder", "manifest", "shards", "pairs"))
for file in (folder, manifest, shards, pairs):
    assert file.attrs["dail_format"].decode() == "embeddings" and file.attrs["version"] == 1
    assert len(file["embedding"]) == len(names(file))
assert names(folder) == ["p%d/%04d.ppm" % (3 * i // 23, i) for i in range(23)], names(folder)
assert names(folder, "identity") == names(manifest, "identity") == ["p0", "p1", "p2"]
assert "identity" not in shards and "label" not in pairs
assert folder["label"][...].tolist() == [3 * i // 23 for i in range(23)]
assert names(manifest) == ["few-00000.h5:%d" % i for i in range(23)]
assert np.array_equal(manifest["embedding"], shards["embedding"])
# The same images in another order: every row has its partner, under the same label.
for row, label in zip(manifest["embedding"], manifest["label"]):
    distance = np.abs(folder["embedding"][...] - row).max(1)
    assert distance.min() < 1e-4 and folder["label"][distance.argmin()] == label
assert pairs["pair"].shape == (40, 2) and pairs["pair"][...].max() < len(pairs["embedding"])
assert (pairs.attrs["mirrored"], manifest.attrs["mirrored"]) == (1, 0)
END

# Files by themselves: one, several, a flat folder, lists.
flat=$work/faces/p1
"$dail" embed "$work/run" "$flat/0008.ppm" -o "$work/one.h5" >"$work/out" 2>&1
exits "an image by itself" $? 0
"$dail" embed "$work/run" "$flat"/*.ppm -o "$work/several.h5" >"$work/out" 2>&1
exits "several" $? 0
mkdir "$work/flat"
cp "$flat"/*.ppm "$work/flat"
echo "none" >"$work/flat/Thumbs.db"
"$dail" embed "$work/run" "$work/flat" -o "$work/flat.h5" >"$work/out" 2>&1
exits "a flat folder" $? 0
says "files that are no images are told" 'left out as no image: 1 files, namely Thumbs.db'
ls "$flat"/*.ppm >"$work/faces.txt"
"$dail" embed "$work/run" "$work/faces.txt" -o "$work/list.h5" >"$work/out" 2>&1
exits "a list" $? 0
"$dail" embed "$work/run" - -o "$work/stdin.h5" <"$work/faces.txt" >"$work/out" 2>&1
exits "a list on standard input" $? 0
check "each is embedded as it is in the folder of folders, under its path" $python - "$work" <<'END'
import h5py, numpy as np, sys
work = sys.argv[1]

def names(file):
    end, text = file["name_offset"][...], file["name"][...].tobytes()
    return [text[a:b].decode() for a, b in zip(end, end[1:])]

whole = h5py.File(work + "/folder.h5")
rows = {name.split("/")[-1]: row for name, row in zip(names(whole), whole["embedding"][...])}
expected = [name for name in names(whole) if name.startswith("p1/")]
for source, folder in (("one", "faces/p1"), ("several", "faces/p1"), ("flat", "flat"), ("list", "faces/p1"), ("stdin", "faces/p1")):
    file = h5py.File("%s/%s.h5" % (work, source))
    assert "label" not in file and "identity" not in file
    wanted = ["%s/%s/%s" % (work, folder, name.split("/")[-1]) for name in expected if source != "one" or "0008" in name]
    assert names(file) == wanted, (source, names(file))
    for name, row in zip(names(file), file["embedding"][...]):
        assert np.abs(row - rows[name.split("/")[-1]]).max() < 1e-5
END
: >"$work/empty.txt"
refused "an empty list" 3 'the list is empty' "$work/run" "$work/empty.txt"
refused "a list that names nothing there" 3 'nowhere.ppm' "$work/run" - <<END
$work/nowhere.ppm
END

# Two images compared, as their embeddings are.
"$dail" compare "$work/run" "$flat/0008.ppm" "$flat/0009.ppm" "$flat/0008.ppm" --threshold 0.00001 >"$work/compared" 2>"$work/out"
exits "images are compared" $? 0
"$dail" embed "$work/run" "$flat/0008.ppm" "$flat/0009.ppm" -o "$work/two.h5" --flip --normalize >"$work/out" 2>&1
check "by the cosine of image and mirror" $python - "$work" <<'END'
import csv, h5py, sys
work = sys.argv[1]
a, b = h5py.File(work + "/two.h5")["embedding"][...]
other, same = csv.DictReader(open(work + "/compared"), delimiter="\t")
assert abs(float(other["cosine"]) - a @ b) < 1e-5 and abs(float(other["distance"]) - ((a - b) ** 2).sum()) < 1e-5
assert other["second"].endswith("0009.ppm") and other["verdict"] == "other"
assert same["verdict"] == "same" and float(same["cosine"]) > 0.99999
END
"$dail" compare "$work/run" "$work/flat" "$flat/0008.ppm" >"$work/out" 2>&1
exits "a folder is not compared: exit code 2" $? 2

# Photographs by a table of their faces: as the dataset that is packed by it.
mkdir -p "$work/photo/a" "$work/photo/b"
echo "file,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,mouth_left_x,mouth_left_y,mouth_right_x,mouth_right_y" \
    >"$work/table.csv"
for name in a/1 a/2 b/1; do
    { printf 'P6 60 50 255\n'; perl -e 'print pack("C*", map { ($_ * $_ / 50 + ord($ARGV[0]) * 9) % 256 } 1 .. 9000)' $name; } \
        >"$work/photo/$name.ppm"
    echo "$name.ppm,18,14,40,16,29,26,20,35,38,36" >>"$work/table.csv"
done
"$dail" pack "$work/photo" -o "$work/aligned" -n photo --size 32 --encoding png --landmarks "$work/table.csv" >"$work/out" 2>&1
"$dail" embed "$work/run" "$work/aligned/photo.yaml" -o "$work/packed.h5" >"$work/out" 2>&1
"$dail" embed "$work/run" "$work/photo" -o "$work/photo.h5" --landmarks "$work/table.csv" >"$work/out" 2>&1
exits "photographs are embedded by a table of faces" $? 0
"$dail" embed "$work/run" "$work/photo" -o "$work/middle.h5" >"$work/out" 2>&1
check "as the dataset that is packed by it" $python -c "import h5py, numpy as np
packed, photo, middle = (np.sort(h5py.File('$work/' + name)['embedding'][...], axis=0) for name in ('packed.h5', 'photo.h5', 'middle.h5'))
assert np.abs(packed - photo).max() < 1e-5 and np.abs(middle - photo).max() > 1e-3"
"$dail" compare "$work/run" "$work/photo/a/1.ppm" "$work/photo/a/1.ppm" "$work/photo/b/1.ppm" --landmarks "$work/table.csv" >"$work/out" 2>&1
exits "and compared" $? 0
sed -i '$d' "$work/table.csv"
"$dail" compare "$work/run" "$work/photo/a/1.ppm" "$work/photo/b/1.ppm" --landmarks "$work/table.csv" >"$work/out" 2>&1
exits "one that it does not name is refused" $? 3
says "by name" 'table of faces does not name the image.*b/1.ppm'
refused "a dataset with a table of faces" 2 'were aligned when packed' "$work/run" "$work/data/tiny0.yaml" --landmarks "$work/table.csv"

echo "no image" >"$work/faces/p0/bad.jpg"
refused "a bad image" 3 'p0/bad.jpg.*--skip-bad' "$work/run" "$work/faces"
refused "no image at all" 3 'p0/bad.jpg' "$work/run" "$work/faces" --batch 1
check "or it is left out" "$dail" embed "$work/run" "$work/faces" -o "$work/skipped.h5" --skip-bad
says "which is told" 'left out as bad: 1 images' "$work/said"
check "and the others are embedded as before" $python -c "import h5py, numpy as np
one, all = h5py.File('$work/skipped.h5'), h5py.File('$work/folder.h5')
assert len(one['label']) == len(all['label']) and np.array_equal(one['label'], all['label'])
assert np.abs(one['embedding'][...] - all['embedding'][...]).max() < 1e-5"
"$dail" pack "$work/faces" -o "$work/packed" --name large --size 48 --skip-bad >"$work/out" 2>&1
refused "images of another size" 3 'the images are 48 x 48 pixels, the model wants 32 .*large.yaml' "$work/run" "$work/packed/large.yaml"
refused "a shard of images of another size" 3 'large-00000.h5:0' "$work/run" "$work/packed/large-00000.h5"
refused "a folder without images" 3 'no identity' "$work/run" "$work/run"
refused "datasets thrown together" 2 'datasets one by one' "$work/run" "$work/data/tiny0-00000.h5" "$work/data/tiny1-00000.h5"
refused "a run without a checkpoint" 3 'nowhere' "$work/nowhere" "$work/faces"
refused "pairs with --skip-bad" 2 'skip-bad' "$work/run" "$work/data/tiny-cross.h5" --skip-bad
flip "$checkpoint/COMMIT" 20
refused "a damaged checkpoint" 3 'COMMIT' "$checkpoint" "$work/faces"
flip "$checkpoint/COMMIT" 20
"$dail" embed "$work/run" "$work/data/tiny0.yaml" -o "$work/no/where.h5" >"$work/out" 2>&1
exits "a folder that is not there to write in: exit code 6" $? 6
says "and it is named" 'no/where.h5'
"$dail" embed "$work/run" "$work/data/tiny0.yaml" >"$work/out" 2>&1
exits "no name to write to: exit code 2" $? 2

finish
