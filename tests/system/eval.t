#!/bin/sh
# dail eval: tables, several models side by side, imported networks, ROC curves.
. "$(dirname "$0")/lib.sh"

evaluate() { "$build/dail" eval --batch 8 --threads 1 "$@" >"$work/out" 2>"$work/err"; }
# row SET COLUMN...: columns of that set's row in the last table
row() {
    awk -v set="$1" -v columns="${2:-1}" '$1 == set { n = split(columns, c, ","); for (i = 1; i <= n; i++) printf "%s ", $c[i] }' "$work/out"
}

make_data --pairs 400
make_config
run_daild 2 --set checkpoint.every_steps=10
exits "two workers train" $? 0
run=$work/run
early=$run/checkpoints/step-000000010
late=$run/checkpoints/step-000000026
within=$work/data/tiny0-within.h5
cross=$work/data/tiny-cross.h5

evaluate "$run" "$within" "$cross" --roc "$work/roc.csv"
exits "a run: its newest checkpoint" $? 0
says "is named" "^$late: iresnet10, input 32, 32 values, width 0.125, trained$"
cp "$work/out" "$work/late"
says "TAR where 400 pairs can tell it, no other" '^tiny-cross +400 .* [0-9.]+ +- +- +[0-9.]+$'
is "the curves begin at 0 and end at 1" \
    "$(awk -F , '$2 == "\"tiny-cross\"" { if (!n++) printf "%s %s ", $3, $4; last = $3 " " $4 } END { print last }' "$work/roc.csv")" "0 0 1 1"
# auc: the area under the curve of a set, by the trapezoids between its points
auc() { awk -F , -v set="\"$1\"" '$2 == set { area += ($3 - far) * ($4 + tar) / 2; far = $3; tar = $4 } END { printf "%.8f\n", area }' "$work/roc.csv"; }
for set in tiny0-within tiny-cross; do
    auc $set >"$work/area"
    row $set 6 >"$work/told"
    # An area of 200 times 200 pairs may end in half of the table's fifth decimal, which is rounded either way.
    check "the area below that of $set is the table's AUC" near 2e-5 "$work/told" "$work/area"
done

evaluate "$early" "$within" "$cross"
cp "$work/out" "$work/early"
accuracies() { awk -v set="$1" '$1 == set { printf "%s +- %s", $3, $4; exit }' "$2"; }
"$build/dail" export "$late" --safetensors "$work/late.safetensors" >"$work/out" 2>&1
exits "the network as an imported one" $? 0
evaluate "$late" "$within" "$cross" --compare "$early" --compare "$work/late.safetensors" --roc "$work/roc.svg"
exits "three models side by side" $? 0
says "the imported one is told" '^\[3\] .*late.safetensors: iresnet10, input 32, 32 values, width 0.125, imported$'
for set in tiny0-within tiny-cross; do
    is "accuracies of $set are those of each alone" \
        "$(sed -n "/^accuracy/,/^TAR/s/^$set  *400  *//p" "$work/out" | tr -s ' ')" \
        "$(accuracies $set "$work/late") $(accuracies $set "$work/early") $(accuracies $set "$work/late")"
done
is "TAR at 1e-2 alone" "$(grep -c '^TAR' "$work/out")$(grep -c '^TAR % at FAR 1e-2 ' "$work/out")" 11
check "the drawing is an SVG that names every curve" perl -0777 -ne '
    exit !(/<svg/ && /<\/svg>\s*$/ && /\[1\] tiny0-within by [^<]*, AUC 0/ && /\[2\] tiny-cross/ && /\[3\] tiny-cross by [^<]*late.safetensors/)' "$work/roc.svg"
check "and says what it shows" perl -0777 -ne '
    exit !(/>ROC of 3 models</ && />false accept rate</ && />true accept rate, %</)' "$work/roc.svg"

"$build/dail" unpack "$cross" -o "$work/images" >/dev/null
awk -F '\t' 'NR == 1 || $4 == 1' "$work/images/pairs.tsv" >"$work/same.tsv"
"$build/dail" pack --pairs "$work/same.tsv" --images "$work/images" --size 32 -o "$work/same.h5" >"$work/out" 2>&1
cp "$cross" "$work/again.h5"
evaluate "$late" "$cross" "$work/again.h5"
is "two sets of one name are told apart" "$(awk '/^tiny-cross/ { print $1 }' "$work/out" | paste -s -d ' ')" "tiny-cross tiny-cross#2"

evaluate "$late" "$work/same.h5"
exits "a set of one kind of pairs has no score" $? 3
says "and says so" "all 200 pairs are of the same person \\(.*same.h5\\)" "$work/err"

evaluate --json "$late" "$cross" --compare "$early"
is "as JSON" "$(perl -MJSON::PP -0777 -ne '
    $j = decode_json($_); print join " ", map { "$_->{step}:$_->{sets}[0]{set}:$_->{sets}[0]{pairs}" } @{$j->{models}}' "$work/out")" \
    "26:tiny-cross:400 10:tiny-cross:400"

# Who is drawn, how often, and what comes of it: by another program, from the embeddings of the same images.
if $python -c 'import h5py' 2>/dev/null; then
    for set in "$within" "$cross"; do
        evaluate --json "$late" "$set" --bootstrap 30 --seed 5
        cp "$work/out" "$work/judged.json"
        "$build/dail" embed --flip --batch 8 --threads 1 "$late" "$set" -o "$work/judged.h5" >"$work/out" 2>&1
        check "figures and intervals of $(basename "$set") are numpy's" \
            $python tests/system/judgement.py verification "$work/judged.h5" "$set" "$work/judged.json"
    done
    evaluate --json "$late" "$within" "$cross" "$work/data/tiny1-within.h5" --groups
    cp "$work/out" "$work/judged.json"
    check "how even groups are, by numpy" $python tests/system/judgement.py groups "$work/judged.json"
else
    skip "no h5py (etc/install-deps.sh --oracle)"
fi
"$build/dail" eval --batch 8 --threads 2 --json "$late" "$within" --bootstrap 30 --seed 5 >"$work/two" 2>&1
evaluate --json "$late" "$within" --bootstrap 30 --seed 5
is "intervals do not depend on the threads" "$(tr -d '\n' <"$work/two" | sed 's/.*"interval"//')" \
    "$(tr -d '\n' <"$work/out" | sed 's/.*"interval"//')"
evaluate "$late" "$within"
says "a table tells who was drawn" '^  [0-9]+ people: 95% from +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +- +-$'
says "and how" 'Intervals of 95%: 1000 draws of as many people'
evaluate "$late" "$within" --bootstrap 0
is "or nobody" "$(grep -c 95% "$work/out")" 0

evaluate "$late" "$within" "$cross" --groups
says "groups are told as a table" '^2 groups +[0-9.]+ +[0-9.]+ +[0-9.]+$'
evaluate "$late" "$cross" --groups
exits "one group is none" $? 2
evaluate "$late" "$cross" --roc "$work/roc.pdf"
exits "another ending" $? 2
says "which there are" 'csv or .svg' "$work/err"
evaluate "$late" "$cross" "$cross" "$cross" --compare "$late" --compare "$late" --roc "$work/many.svg"
exits "more curves than colours" $? 2
is "are refused before anything is scored" "$(wc -c <"$work/out")" 0
evaluate "$late" "$cross" --roc .csv
exits "an ending without a name" $? 2
evaluate --untrained "$work/late.safetensors" "$cross"
exits "an imported network has no beginning" $? 2
head -c 2000 "$work/late.safetensors" >"$work/short.safetensors"
evaluate "$work/short.safetensors" "$cross"
exits "a file that was cut short" $? 3
$python - "$work/other.safetensors" <<'END'
import json, struct, sys
header = json.dumps({"conv1.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
END
evaluate "$work/other.safetensors" "$cross"
exits "another network" $? 3
says "says so" "no iresnet's" "$work/err"
finish
