#!/bin/sh
# dail overlap: people whom two datasets share, found by the class centres of a trained run.
. "$(dirname "$0")/lib.sh"

# found FIELD: a number after that word in the line of the pairs that were asked for
found() { sed -n "s/^[0-9]* pairs, .*$1 \([0-9.]*\).*/\1/p" "$work/out"; }
# best FIELD: the same where F1 is best
best() { sed -n "s/^by the cosine alone the best F1, .*$1 \([0-9.]*\).*/\1/p" "$work/out"; }
# at_least LEAST NUMBER
at_least() {
    cat "$work/out"
    awk -v least="$1" -v number="$2" 'BEGIN { exit !(number != "" && number + 0 >= least) }'
}
overlap() { "$build/dail" overlap --threads 2 "$@" >"$work/out" 2>&1; }

timeout $((120 * slow)) "$build/dail" synth -o "$work/data" --datasets 2 --identities 60 --images 100 --overlap 0.3 \
    --size 32 --pairs 0 >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
cat >"$work/config.yaml" <<END
run: {name: overlap, seed: 1, dir: $work/run}
data: {lanes: 1, datasets: [$work/data/synth0.yaml, $work/data/synth1.yaml]}
model: {arch: iresnet10, input: 32, embedding: 128, width: 0.25}
loss: {margin: [1, 0, 0.2], scale: 32, scope: dataset}
domain: {lambda: 0.1, start: 0.5, schedule: ganin, hidden: [64]}
batch: {lane: 16}
schedule: {epochs: 8, warmup_epochs: 0.5}
checkpoint: {keep: 1}
runtime: {threads: 1}
END
timeout -k 5 $((600 * slow)) mpirun --oversubscribe -n 2 "$build/daild" "$work/config.yaml" >"$work/out" 2>&1
exits "a short training of two datasets that share 18 of 60 people each" $? 0
run=$work/run
checkpoint=$(newest_checkpoint "$run")

# With nothing asked for, the pairs themselves tell which of them are probably the same person.
overlap "$run" --truth "$work/data/overlap.tsv" -o "$work/found.tsv" --sheet "$work/sheet.png" --sheet-pairs 10 \
    --sheet-faces 3
exits "dail overlap" $? 0
check "of those found at least 0.9 are shared" at_least 0.9 "$(found precision)"
check "of the people shared at least 0.9 are found" at_least 0.9 "$(found recall)"
says "what is to be expected is told" 'of probability 0.5 or more: expected precision (0.9[0-9]|1.00)'
check "the threshold of the best F1 is told" at_least 0.9 "$(best F1)"
# cosine NUMBER: the first or second mean cosine that is told
cosine() { sed -n "s/^mean cosine of class centres: \(-*[0-9.]*\) of the 18 known pairs, \(-*[0-9.]*\) of the 3582 others.*/\\$1/p" "$work/out"; }
check "centres of the same person are nearer than those of others" \
    awk -v same="$(cosine 1)" -v others="$(cosine 2)" 'BEGIN { exit !(same != "" && others != "" && same > others + 0.1) }'
is "the table's columns" "$(head -n 1 "$work/found.tsv" | tr '\t' ' ')" \
    "dataset_a identity_a dataset_b identity_b cosine lead probability known"
# in_list: precision and recall counted anew from the table
in_list() {
    cut -f 1-4 "$work/found.tsv" | tail -n +2 | sort >"$work/rows"
    sort "$work/data/overlap.tsv" | comm -12 "$work/rows" - | wc -l | awk -v rows="$(wc -l <"$work/rows")" \
        '{ printf "%.4f %.4f\n", $1 / rows, $1 / 18 }'
}
is "precision and recall are those of the table" "$(found precision) $(found recall)" "$(in_list)"
is "the sheet is a PNG of 10 rows of 6 faces" \
    "$(od -An -tu1 -j16 -N8 "$work/sheet.png" | awk '{ print ($1 * 256 + $2) * 65536 + $3 * 256 + $4, $7 * 256 + $8 }')" \
    "$((68 + 6 * 112 + 8)) $((10 * 112 + 9 * 8))"

overlap "$run" --truth "$work/data/overlap.tsv" -p 0.999 -o "$work/sure.tsv"
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
if $python -c 'import h5py' 2>/dev/null; then
    $python "$work/brute.py" "$checkpoint" | sort >"$work/by-numpy"
    tail -n +2 "$work/all.tsv" | sort >"$work/by-dail"
    # as_numpy: the same pairs, and cosines that differ by less than their last digit
    as_numpy() {
        for side in numpy dail; do cut -f 1-4 "$work/by-$side" >"$work/pairs-$side"; done
        diff "$work/pairs-numpy" "$work/pairs-dail" && paste "$work/by-numpy" "$work/by-dail" | awk -F '\t' '
            { off = $5 - $10; if (off > 1e-4 || off < -1e-4) { print; bad = 1 } } END { exit bad || NR == 0 }'
    }
    check "numpy finds the same with every cosine at once" as_numpy
else
    skip "h5py is missing: etc/install-deps.sh --oracle"
fi

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
sed -i 's/^dataset_id: 0/dataset_id: 7/' "$work/elsewhere/other.yaml"
overlap "$checkpoint" -m "$work/elsewhere/other.yaml"
exits "a manifest of another dataset" $? 3
says "says so" 'no dataset synth0 of id 7'
overlap
exits "no checkpoint" $? 2
overlap "$work/elsewhere"
exits "something else" $? 3
finish
