#!/bin/sh
# dail overlap: people whom two datasets share, found by the class centres of a checkpoint. The centres are put into
# one that was trained for a step, so that who is near whom is certain, whatever a training makes of these faces.
. "$(dirname "$0")/lib.sh"
$python -c 'import h5py' 2>/dev/null || skip_all "no h5py (etc/install-deps.sh --oracle)"

# found FIELD: a number after that word in the line of the pairs that were asked for
found() { sed -n "s/^[0-9]* pairs, .*$1 \([0-9.]*\).*/\1/p" "$work/out"; }
overlap() { "$build/dail" overlap --threads 2 "$@" >"$work/out" 2>&1; }

make_data --datasets 2 --identities 60 --images 10 --overlap 0.3 --pairs 0 --name synth --seed 1
cat >"$work/config.yaml" <<END
run: {name: overlap, seed: $seed, dir: $work/run}
data: {lanes: 1, datasets: [$work/data/synth0.yaml, $work/data/synth1.yaml]}
model: {arch: iresnet10, input: 32, embedding: 128, width: 0.125}
batch: {lane: 16}
runtime: {threads: 1}
END
run_daild 1 --set debug.stop_after_step=1
exits "a step of two datasets that share 18 of 60 people each" $? 75
run=$work/run
checkpoint=$(newest_checkpoint "$run")

# Centres in all directions of 128 dimensions, of which no two strangers come nearer than a cosine of 0.4 or so; those
# of a shared person have cosines from 0.5 to 0.94. COMMIT is written anew over them.
cat >"$work/place.py" <<'END'
import csv, os, re, sys, zlib
import h5py, numpy as np

checkpoint, truth = sys.argv[1:]
random = np.random.default_rng(12)
centres = random.normal(size=(2, 60, 128))
centres /= np.linalg.norm(centres, axis=2, keepdims=True)
known = [[int(row["identity_" + side][-6:]) for side in "ab"] for row in csv.DictReader(open(truth), delimiter="\t")]
for (i, j), cosine in zip(known, np.linspace(0.5, 0.94, len(known))):
    away = centres[1, j] - centres[1, j] @ centres[0, i] * centres[0, i]
    centres[1, j] = cosine * centres[0, i] + (1 - cosine**2) ** 0.5 * away / np.linalg.norm(away)
centres *= random.uniform(0.5, 2, (2, 60, 1))
for dataset in (0, 1):
    with h5py.File(f"{checkpoint}/classifier-synth{dataset}.1-of-1.h5", "r+") as file:
        file["weight"][...] = centres[dataset]

def commit_line(match):
    content = open(os.path.join(checkpoint, match[1]), "rb").read()
    return f'file: "{match[1]}", bytes: {len(content)}, crc: {zlib.crc32(content)}'

with open(checkpoint + "/COMMIT", "r+") as commit:
    text = re.sub(r'file: "(.*?)", bytes: \d+, crc: \d+', commit_line, commit.read())
    commit.seek(0)
    commit.write(text)
    commit.truncate()
END
check "centres are put in place" $python "$work/place.py" "$checkpoint" "$work/data/overlap.tsv"
check "and the checkpoint is whole" "$build/dail" verify "$checkpoint"

# With nothing asked for, the pairs themselves tell which of them are probably the same person.
overlap "$run" --truth "$work/data/overlap.tsv" -o "$work/found.tsv" --sheet "$work/sheet.png" --sheet-pairs 10 \
    --sheet-faces 3
exits "dail overlap" $? 0
says "everybody shared is found, and hardly anybody else" '^(18|19|20) pairs, 18 of them among the 18 known: .*, recall 1.0000, '
says "what is to be expected is told as a range, for the people are few" \
    'of probability 0.5 or more: what precision to expect cannot be told to 0.05: 0.[78][0-9] to (0.9[0-9]|1.00), as the pairs are of (18|19|20) people'
says "the threshold of the best F1 is told" '^by the cosine alone the best F1, at --min-cosine 0.5000: .*F1 1.0000$'
says "the mean cosines of the shared people's centres are told, and of the others'" \
    '^mean cosine of class centres: 0.7200 of the 18 known pairs, -?0.0[0-9]* of the 3582 others of two datasets$'
is "the table's columns" "$(head -n 1 "$work/found.tsv" | tr '\t' ' ')" \
    "dataset_a identity_a dataset_b identity_b cosine probability known"
# in_list: precision and recall counted anew from the table
in_list() {
    cut -f 1-4 "$work/found.tsv" | tail -n +2 | sort >"$work/rows"
    sort "$work/data/overlap.tsv" | comm -12 "$work/rows" - | wc -l | awk -v rows="$(wc -l <"$work/rows")" \
        '{ printf "%.4f %.4f\n", $1 / rows, $1 / 18 }'
}
is "precision and recall are those of the table" "$(found precision) $(found recall)" "$(in_list)"
is "the sheet is a PNG of two lines, and 10 rows of 6 faces with a line each" \
    "$(od -An -tu1 -j16 -N8 "$work/sheet.png" | awk '{ print ($1 * 256 + $2) * 65536 + $3 * 256 + $4, $7 * 256 + $8 }')" \
    "$((68 + 6 * 112 + 8)) $((2 * 14 + 10 * (112 + 14) + 9 * 8))"

overlap "$run" --truth "$work/data/overlap.tsv" -p 0.9 -o "$work/sure.tsv"
# part_of SMALLER LARGER: some rows, all of them in LARGER, which has more
part_of() {
    [ "$(wc -l <"$1")" -gt 1 ] && [ "$(wc -l <"$1")" -lt "$(wc -l <"$2")" ] && ! grep -vxFq -f "$2" "$1"
}
check "a higher probability: some of these pairs" part_of "$work/sure.tsv" "$work/found.tsv"
overlap "$run" --truth "$work/data/overlap.tsv" -p 0 -o "$work/every.tsv"
check "none: all of them, and others" part_of "$work/found.tsv" "$work/every.tsv"
overlap "$run" --lead 0.08 -c 0.4 -o "$work/asked.tsv"
is "thresholds that are asked for stand alone" "$(head -n 1 "$work/asked.tsv" | cut -f 5-)" "cosine	lead"
check "and hold" awk -F '\t' 'NR > 1 && ($5 < 0.4 || $6 < 0.08) { bad = 1 } END { exit bad || NR < 10 }' "$work/asked.tsv"

"$build/dail" overlap -c -1 "$checkpoint" >"$work/all.tsv" 2>"$work/out"
exits "a checkpoint itself, every mutual pair" $? 0
check "names and numbers by the file of class names" grep -Eq '^synth0	synth0-0000[0-9]+	synth1	synth1-0000[0-9]+	-?[0-9.]+$' "$work/all.tsv"
is "each identity once" "$(cut -f 2 "$work/all.tsv" | sort | uniq -d | wc -l)$(cut -f 4 "$work/all.tsv" | sort | uniq -d | wc -l)" 00
check "the highest cosine first" sh -c "tail -n +2 '$work/all.tsv' | cut -f 5 | sort -c -g -r"
"$build/dail" overlap -c -1 --one-way "$checkpoint" >"$work/one-way.tsv" 2>"$work/out"
# one_way: the mutual pairs are those that there are without, and there are others
one_way() {
    awk -F '\t' '$6 != 0' "$work/one-way.tsv" | cut -f 1-5 | diff "$work/all.tsv" - &&
        grep -q '	0$' "$work/one-way.tsv"
}
check "one-way: also pairs that are not mutual" one_way

cat >"$work/brute.py" <<'END'
import glob, sys, h5py, numpy as np
rows = []
for k in (0, 1):
    (path,) = glob.glob("%s/classifier-synth%d.1-of-1.h5" % (sys.argv[1], k))
    with h5py.File(path) as file:
        rows.append(file["weight"][:].astype(float))
a, b = (m / np.linalg.norm(m, axis=1, keepdims=True) for m in rows)
cosines = a @ b.T
found = [(cosines[i, j], i, j) for i, j in enumerate(cosines.argmax(1)) if cosines[:, j].argmax() == i]
for cosine, i, j in sorted(found, reverse=True):
    print("synth0\tsynth0-%06d\tsynth1\tsynth1-%06d\t%.6f" % (i, j, cosine))
END
$python "$work/brute.py" "$checkpoint" | sort >"$work/by-numpy"
tail -n +2 "$work/all.tsv" | sort >"$work/by-dail"
# as_numpy: the same pairs, and cosines that differ by less than their last digit
as_numpy() {
    for side in numpy dail; do cut -f 1-4 "$work/by-$side" >"$work/pairs-$side"; done
    diff "$work/pairs-numpy" "$work/pairs-dail" && paste "$work/by-numpy" "$work/by-dail" | awk -F '\t' '
        { off = $5 - $10; if (off > 1e-4 || off < -1e-4) { print; bad = 1 } } END { exit bad || NR == 0 }'
}
check "numpy finds the same with every cosine at once" as_numpy

mv "$work/data" "$work/elsewhere"
"$build/dail" overlap -c -1 "$checkpoint" >"$work/numbers.tsv" 2>"$work/out"
exits "without its manifests" $? 0
says "that they are missing is told" 'synth0.yaml'
is "and the class number stands for the name" "$(head -n 2 "$work/numbers.tsv" | tail -n 1)" \
    "$(head -n 2 "$work/all.tsv" | tail -n 1 | sed 's/synth[01]-0*\([0-9]\)/\1/g')"
overlap "$checkpoint" --sheet "$work/none.png"
exits "a sheet needs the images" $? 3
says "the dataset is named" 'synth0.*--manifest'
overlap "$checkpoint" --truth "$work/elsewhere/overlap.tsv"
exits "a list of other names" $? 3
says "what to do is told" 'none of its 18 rows.*--manifest'
overlap "$checkpoint" -c -1 -m "$work/elsewhere/synth0.yaml" -m "$work/elsewhere/synth1.yaml" -o "$work/named.tsv"
check "manifests that are named serve as well" cmp "$work/named.tsv" "$work/all.tsv"
cp "$work/elsewhere/synth0.yaml" "$work/elsewhere/other.yaml"
sed -i 's/^name: .*/name: another/' "$work/elsewhere/other.yaml"
overlap "$checkpoint" -m "$work/elsewhere/other.yaml"
exits "a manifest of another dataset" $? 3
says "says so" 'no dataset another of 60 classes'

# --- Groups, and a person's verdicts ---
mv "$work/elsewhere" "$work/data"
overlap "$run" --groups "$work/groups.tsv" --sheet "$work/groups.png" --sheet-pairs 5
exits "groups" $? 0
says "how many, and what is expected of them" 'groups.tsv: (18|19|20) groups of (18|19|20) pairs, what precision to expect cannot be told to 0.05: 0.[78][0-9] to (0.9[0-9]|1.00)'
is "their table" "$(head -n 1 "$work/groups.tsv" | tr '\t' ' ')" \
    "dataset_a identity_a dataset_b identity_b cosine probability verdict group"
check "has the shared people" sh -c "tail -n +2 '$work/groups.tsv' | cut -f 1-4 | sort >'$work/rows'; sort '$work/data/overlap.tsv' | comm -13 '$work/rows' - | grep -c synth0 | grep -qx 0"
check "and a sheet" test -s "$work/groups.png"
# A person rejects the first pair and accepts one that was not found.
awk -F '\t' -v OFS='\t' 'NR == 2 { $7 = "reject"; print > "/dev/stderr" } { print }' "$work/groups.tsv" >"$work/edited.tsv" 2>"$work/rejected"
stranger=$(cut -f 4 "$work/data/overlap.tsv" | grep -vxF -f - "$work/data/synth1-classes.txt" | head -n 1)
other=$(cut -f 2 "$work/data/overlap.tsv" | grep -vxF -f - "$work/data/synth0-classes.txt" | head -n 1)
printf 'synth0\t%s\tsynth1\t%s\t0\t1\taccept\t0\n' "$other" "$stranger" >>"$work/edited.tsv"
printf 'synth0\tnobody\tsynth1\tnobody-else\t0\t0.5\treject\t0\n' >>"$work/edited.tsv"
overlap "$run" --groups "$work/edited.tsv"
exits "groups again, over a table with verdicts" $? 0
says "what was kept is told" 'groups of .* pairs.*1 accepted, 1 rejected, 1 verdicts on names that are not here'
judged() { awk -F '\t' -v a="$1" -v b="$2" '$2 == a && $4 == b { print $7, ($8 > 0) }' "$work/edited.tsv"; }
is "the rejected pair is in no group" "$(judged "$(cut -f 2 "$work/rejected")" "$(cut -f 4 "$work/rejected")")" "reject 0"
is "the accepted one is" "$(judged "$other" "$stranger")" "accept 1"
is "a verdict on others stays" "$(judged nobody nobody-else)" "reject 0"
cp "$work/edited.tsv" "$work/once.tsv"
overlap "$run" --groups "$work/edited.tsv"
check "a third time changes nothing" cmp "$work/edited.tsv" "$work/once.tsv"
printf 'synth0\t%s\tsynth1\t%s\t0\t1\taccept\t0\n' "$(cut -f 2 "$work/rejected")" "$stranger" >>"$work/edited.tsv"
cp "$work/edited.tsv" "$work/once.tsv"
overlap "$run" --groups "$work/edited.tsv"
exits "two of a dataset accepted as one person" $? 3
says "the line is named" 'two identities of synth0 would be one person .*edited.tsv:[0-9]+'
check "and the table is as it was" cmp "$work/edited.tsv" "$work/once.tsv"
grep -v nobody "$work/groups.tsv" >"$work/people.tsv"
printf 'identity: {file: %s}\n' "$work/people.tsv" >>"$work/config.yaml"
"$build/daild" --check "$work/config.yaml" --set "run.dir=$work/other" >"$work/out" 2>&1
exits "identity.file takes the table" $? 0

# --- Other sources: files of embeddings, and a network on the images ---
for k in 0 1; do
    "$build/dail" embed --threads 2 "$run" "$work/data/synth$k.yaml" -o "$work/synth$k.h5" >"$work/out" 2>&1
done
overlap "$work/synth0.h5" "$work/synth1.h5" -p 0 -o "$work/files.tsv"
exits "files of embeddings" $? 0
"$build/dail" export "$run" --safetensors "$work/model.safetensors" >"$work/out" 2>&1
overlap "$work/model.safetensors" -m "$work/data/synth0.yaml" -m "$work/data/synth1.yaml" -p 0 -o "$work/model.tsv"
exits "a model, with manifests" $? 0
check "finds the same" cmp "$work/files.tsv" "$work/model.tsv"
overlap "$run" --embed -p 0 -o "$work/embed.tsv"
check "and so does the checkpoint's network" cmp "$work/files.tsv" "$work/embed.tsv"
overlap "$work/model.safetensors"
exits "a model without manifests" $? 2
overlap "$work/synth0.h5"
exits "embeddings of one dataset" $? 2
overlap "$run" "$run"
exits "two runs" $? 2
overlap "$work/synth0.h5" "$checkpoint/model.h5"
exits "another file" $? 3

# --- Who of the training stands in a verification set: 20 of its 50 people do ---
cat >"$work/leak.py" <<'END'
import sys, h5py, numpy as np
folder = sys.argv[1]
random = np.random.default_rng(7)
people = random.normal(size=(150, 64))

def write(name, who, pictures, pairs=None):
    label = np.repeat(np.arange(len(who)), pictures)
    values = people[who][label] + 0.4 * random.normal(size=(len(label), 64))
    with h5py.File(f"{folder}/{name}.h5", "w") as file:
        file.attrs.update({"dail_format": "embeddings", "version": 1, "source": name})
        file["embedding"] = values.astype(np.float32)
        file["name"], file["name_offset"] = np.zeros(1, np.uint8), np.zeros(len(label) + 1, np.uint64)
        if pairs is None:
            file["label"] = label.astype(np.uint32)
        else:
            file["pair"], file["same"] = pairs.astype(np.uint32), np.ones(len(pairs), np.uint8)

write("a", np.arange(0, 60), 6)
write("b", np.arange(40, 100), 6)
write("set", np.r_[0:20, 120:150], 2, np.arange(100).reshape(50, 2))
END
$python "$work/leak.py" "$work"
overlap "$work/a.h5" "$work/b.h5" --against "$work/set.h5" -o "$work/leak.tsv"
exits "a verification set" $? 0
says "how many of its people are in the datasets" "set.h5: (19|20|21|22) of its 50 people are probably in the datasets; they are in (38|40|42|44).0 % of its pairs"
is "20 of a's are those" "$(awk -F '\t' 'NR > 1 && $1 == "a" && $3 == "set" && $4 == "image " 2 * $2 && $2 < 20' "$work/leak.tsv" | wc -l)" 20
overlap "$work/a.h5" "$work/b.h5" --against "$work/a.h5"
exits "no verification set" $? 3
overlap "$work/a.h5" "$work/b.h5" --against "$work/set.h5" --groups "$work/leak.tsv"
exits "groups of it" $? 2
"$build/dail" synth -o "$work/more" --name more --datasets 2 --identities 20 --images 6 --size 32 --pairs 40 --seed 8 >"$work/out" 2>&1
overlap "$run" --against "$work/more/more-all.h5"
exits "a set of a run" $? 0
check "its table lies in the run's folder" test -f "$run/leakage-more-all.tsv"
printf '%s\n' '{"t":1,"seq":99,"kind":"eval","step":1,"set":"more-all","pairs":40,"accuracy":0.6,"accuracy_std":0.1,"threshold":1,"auc":0.6,"norm":1,"tar":{}}' >>"$run/status.jsonl"
head -n 1 "$work/leak.tsv" >"$run/leakage-more-all.tsv"
for image in 0 2 2; do printf 'synth0\tx\tmore-all\timage %s\t0.9\t0.9\n' "$image"; done >>"$run/leakage-more-all.tsv"
"$build/dail" report --fast "$run" -o "$work/report.html" >"$work/out" 2>&1
check "and dail report tells two people of its three pairs" \
    sh -c "tr -d '\n' <'$work/report.html' | grep -Eq 'people in training.*more-all.*<td>2</td></tr>'"

# --- Within a dataset: 12 people under two labels, 6 strangers in classes of others, 5 images that are there twice ---
cat >"$work/doubt.py" <<'END'
import sys, h5py, numpy as np
random = np.random.default_rng(3)
people = random.normal(size=(120, 64))
who = np.r_[0:120, 0:12]  # labels 120 to 131 are those of 0 to 11
label = np.repeat(np.arange(132), 8)
values = people[who][label] + 0.5 * random.normal(size=(len(label), 64))
for i in range(6):
    values[8 * (20 + i)] = people[40 + i] + 0.5 * random.normal(size=64)
for i in range(5):
    values[8 * (60 + i) + 1] = values[8 * (60 + i)] + 0.001 * random.normal(size=64)
names = [f"f.h5:{i}" for i in range(len(label))]
with h5py.File(sys.argv[1], "w") as file:
    file.attrs.update({"dail_format": "embeddings", "version": 1, "source": "made"})
    file["embedding"], file["label"] = values.astype(np.float32), label.astype(np.uint32)
    file["name"] = np.frombuffer("".join(names).encode(), np.uint8)
    file["name_offset"] = np.cumsum([0] + [len(name) for name in names]).astype(np.uint64)
END
$python "$work/doubt.py" "$work/doubt.h5"
overlap --within "$work/doubt.h5" -o "$work/doubt.tsv"
exits "within a dataset" $? 0
of_kind() { awk -F '\t' -v kind="$1" '$4 == kind' "$work/doubt.tsv"; }
is "people under two labels, before all others; the later label is to go" \
    "$(of_kind twin | head -n 12 | awk -F '\t' '$2 == $5 + 120 && $3 == ""' | wc -l)" 12
check "and few others" test "$(of_kind twin | wc -l)" -le 18
is "strangers, by image" "$(of_kind stranger | cut -f 2,3 | sort | tr '\t\n' ': ')" \
    "20:f.h5:160 21:f.h5:168 22:f.h5:176 23:f.h5:184 24:f.h5:192 25:f.h5:200 "
is "duplicates, of which the later one is to go" "$(of_kind duplicate | cut -f 3,5 | sort | tr '\t\n' '= ')" \
    "f.h5:481=f.h5:480 f.h5:489=f.h5:488 f.h5:497=f.h5:496 f.h5:505=f.h5:504 f.h5:513=f.h5:512 "
# A person's word on the first stranger, and on something that is not found.
awk -F '\t' -v OFS='\t' '!done && $4 == "stranger" { $8 = "reject"; done = 1 } { print }
    END { print "made", "7", "f.h5:56", "stranger", "", "0.5", "", "accept" }' "$work/doubt.tsv" >"$work/judged.tsv"
overlap --within "$work/doubt.h5" -o "$work/judged.tsv"
is "verdicts stay, also on what is not found again" "$(cut -f 2-4,8 "$work/judged.tsv" | grep -E 'reject|accept')" \
    "$(printf '%s\treject\n7\tf.h5:56\tstranger\taccept' "$(of_kind stranger | head -n 1 | cut -f 2-4)")"
overlap --within "$work/synth0.h5" -p 0 --duplicate 0.9 --sheet "$work/doubt.png" --sheet-pairs 6 -o "$work/synth0.tsv"
exits "a sheet of faces" $? 0
check "is a PNG" sh -c "head -c 4 '$work/doubt.png' | grep -q PNG"
overlap --within "$work/doubt.h5" --sheet "$work/none.png"
exits "a sheet without the images" $? 3
overlap --within "$work/set.h5"
exits "a verification set has no labels" $? 3
overlap --within "$work/doubt.h5" --groups "$work/none.tsv"
exits "and no groups" $? 2

overlap
exits "no checkpoint" $? 2
overlap "$work/data"
exits "something else" $? 3
finish
