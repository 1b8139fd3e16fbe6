#!/bin/sh
# dail search: people found again in a gallery, as numpy finds them; what cannot be compared is refused.
. "$(dirname "$0")/lib.sh"
$python -c 'import h5py' 2>/dev/null || skip_all "no h5py (etc/install-deps.sh --oracle)"
judgement="$python tests/system/judgement.py"
gallery=$work/gallery.h5 probes=$work/probes.h5 others=$work/others.h5

# search_as NAME GALLERY PROBES "DISTRACTORS" OPTION...: its figures are numpy's
search_as() {
    name=$1 in=$2 of=$3 among=$4
    shift 4
    # shellcheck disable=SC2046,SC2086
    "$build/dail" search "$in" "$of" $(printf -- '-d %s ' $among) --json --bootstrap 20 --seed 3 "$@" >"$work/out" 2>"$work/err"
    exits "$name" $? 0
    # shellcheck disable=SC2086
    check "$name: as numpy finds it" $judgement search "$in" "$of" "$work/out" $among
}

# refused NAME CODE PATTERN ARGUMENT...
refused() {
    name=$1 code=$2 pattern=$3
    shift 3
    "$build/dail" search "$@" >"$work/out" 2>&1
    exits "$name: exit code $code" $? "$code"
    says "$name: told" "$pattern"
    is "$name: in one line" "$(wc -l <"$work/out")" 1
}

echo "# seed $seed"
$judgement make "$work" "$seed"
"$build/dail" search "$gallery" "$probes" --json --bootstrap 20 --seed 3 >"$work/out" 2>"$work/err"
exits "probes in a gallery" $? 0
check "as numpy finds them" $judgement search "$gallery" "$probes" "$work/out"
cp "$work/out" "$work/first"
search_as "among distractors, by one thread" "$gallery" "$probes" "$others" --threads 1 --ranks 1,2,20,500 --candidates 3
search_as "a gallery searched for its own pictures" "$probes" "$probes" "$others $gallery"
search_as "each mate by itself" "$probes" "$probes" "$others" --mates each
search_as "each mate of another file" "$gallery" "$probes" "$others $others" --mates each

"$build/dail" search "$gallery" "$probes" -d "$others" --cmc "$work/cmc.csv" --det "$work/det.csv" >"$work/out" 2>"$work/err"
exits "as a table" $? 0
says "it tells who was searched" "^gallery $gallery: 150 images of 25 people, and 2500 distractors$"
says "and what was found" '^rank 1 +[0-9.]+ +[0-9.]+ +[0-9.]+$'
says "and of strangers" '^FNIR at FPIR 1e-1 +[0-9.]+ +[0-9.]+ +[0-9.]+  cosine above [0-9.]+$'
is "CMC rises to its end" "$(awk -F , 'NR > 1 { if ($2 + 0 < last) bad = 1; last = $2 } END { print NR, bad + 0 }' "$work/cmc.csv")" "1001 0"
is "FNIR falls as FPIR rises, from 0 to 1" \
    "$(awk -F , 'NR == 2 { first = $1 } NR > 1 { if ($2 > fnir && NR > 2 || $1 < fpir) bad = 1; fpir = $1; fnir = $2 } END { print first, fpir, bad + 0 }' "$work/det.csv")" "0 1 0"
"$build/dail" search "$gallery" "$probes" --bootstrap 0 --cmc "$work/cmc.svg" --det "$work/det.svg" >"$work/out" 2>"$work/err"
exits "drawn" $? 0
is "without intervals" "$(grep -c 95% "$work/out")" 0
check "each says what it shows" grep -q '>false positive identification rate<' "$work/det.svg"
check "and of whom" grep -q '>CMC of .*probes.h5 in .*gallery.h5<' "$work/cmc.svg"

refused "no such file" 3 'nowhere.h5' "$work/nowhere.h5" "$probes"
refused "another width" 3 'its embeddings have 25 values, those of .* have 24 \(.*wide.h5\)' "$gallery" "$probes" -d "$work/wide.h5"
refused "a value that is none" 3 'the embedding of image 2222 is not finite \(.*broken.h5\)' "$gallery" "$probes" -d "$work/broken.h5"
refused "people without names" 3 'its people have no names, .*numbers.h5' "$gallery" "$work/numbers.h5"
refused "nobody is told" 3 'do not tell whom they show \(.*others.h5\)' "$gallery" "$others"
refused "each without distractors" 2 '--distractors' "$probes" "$probes" --mates each
refused "another ending" 2 'csv or .svg' "$gallery" "$probes" --det "$work/det.pdf"
$python - "$work" <<'PY'
import h5py, sys
with h5py.File(sys.argv[1] + "/gallery.h5", "r+") as file:
    text = file["identity"][...]
    text[text == ord("p")] = ord("q")
    file["identity"][...] = text
PY
refused "nobody in common" 3 'no probe shows anybody who is in .*gallery.h5' "$gallery" "$probes"

# Datasets by a model are as their embeddings.
make_data
make_config
run_daild 2 --set schedule.epochs=1
exits "a network is trained" $? 0
for set in tiny0 tiny1; do
    "$build/dail" embed --flip "$work/run" "$work/data/$set.yaml" -o "$work/$set.h5" >"$work/out" 2>&1
done
"$build/dail" search "$work/tiny0.h5" "$work/tiny0.h5" -d "$work/tiny1.h5" >"$work/by-files" 2>&1
"$build/dail" search "$work/data/tiny0.yaml" "$work/data/tiny0.yaml" -d "$work/data/tiny1.yaml" --model "$work/run" >"$work/out" 2>&1
exits "datasets by a model" $? 0
is "as their embeddings" "$(grep '^rank' "$work/out")" "$(grep '^rank' "$work/by-files")"

# Templates of images: a set in IJB-C's layout.
$judgement make-ijb "$work/made" "$seed"
for weight in score-norm score norm equal; do
    "$build/dail" eval --ijb "$work/made" "$work/made/embeddings.h5" --template-weight $weight --json --bootstrap 20 --seed 4 >"$work/out" 2>&1
    exits "templates, weights $weight" $? 0
    check "as numpy makes them: $weight" $judgement ijb "$work/made" "$work/made/embeddings.h5" "$work/out" $weight
done
"$build/dail" eval --ijb "$work/made" "$work/made/embeddings.h5" --det "$work/det.csv" --roc "$work/roc.csv" >"$work/out" 2>&1
exits "as a table, with curves" $? 0
says "TAR at FAR, interval and threshold" '^TAR at FAR 1e-3 +[0-9.]+ +[0-9.]+ +[0-9.]+  cosine from [0-9.]+$'
is "no FAR that pairs are too few for" "$(grep -c '1e-[456]' "$work/out")" 0
is "a DET curve is the ROC curve's other side" \
    "$(paste -d , "$work/roc.csv" "$work/det.csv" | awk -F , 'NR > 1 && ($3 != $8 || $4 + $9 < 0.999999 || $4 + $9 > 1.000001)' | wc -l)" 0
"$build/dail" unpack "$work/data/tiny0.yaml" -o "$work/faces" >/dev/null
$judgement make-ijb "$work/faces-ijb" "$seed" "$work/faces"
"$build/dail" embed --flip "$work/run" "$work/faces-ijb/loose_crop" --landmarks "$work/faces-ijb/meta/made_name_5pts_score.txt" \
    -o "$work/crops.h5" >"$work/out" 2>&1
exits "crops are aligned and embedded" $? 0
"$build/dail" eval --ijb "$work/faces-ijb" "$work/run" --json --bootstrap 20 >"$work/out" 2>"$work/err"
exits "crops by a model" $? 0
"$build/dail" eval --ijb "$work/faces-ijb" "$work/crops.h5" --json --bootstrap 20 >"$work/by-file" 2>&1
is "as their embeddings" "$(grep -v '"model"' "$work/out")" "$(grep -v '"model"' "$work/by-file")"
check "and as numpy has it" $judgement ijb "$work/faces-ijb" "$work/crops.h5" "$work/out" score-norm

# ijb_refused NAME PATTERN FILE SED: after that edit of one of the set's files
ijb_refused() {
    cp -r "$work/made" "$work/bad"
    # shellcheck disable=SC2086
    sed -i "$4" "$work"/bad/meta/made_$3.txt
    "$build/dail" eval --ijb "$work/bad" "$work/made/embeddings.h5" >"$work/out" 2>&1
    exits "$1: exit code 3" $? 3
    says "$1: told" "$2"
    is "$1: in one line" "$(wc -l <"$work/out")" 1
    rm -r "$work/bad"
}
ijb_refused "a template without images" 'template 8 has no image \(.*label.txt.*5' template_pair_label '5s/[0-9]* /8 /'
ijb_refused "no pair" 'no two templates and 0 or 1 \(.*label.txt.*3' template_pair_label '3s/$/ 1/'
ijb_refused "an image without points" 'image 9.jpg has no points' name_5pts_score '/^9.jpg/d'
ijb_refused "a score that is none" 'five points and a score \(.*score.txt.*2' name_5pts_score '2s/ [^ ]*$/ nan/'
ijb_refused "an image that is not embedded" 'image 9999.jpg is not embedded there \(.*embeddings.h5' '*' 's/^9.jpg/9999.jpg/'
ijb_refused "one kind of pairs" 'are of different people' template_pair_label 's/1$/0/'
refused_eval() { "$build/dail" eval "$@" >"$work/out" 2>&1; }
refused_eval --ijb "$work" "$work/made/embeddings.h5"
exits "a folder that is none: exit code 3" $? 3
refused_eval --ijb "$work/made" "$work/run"
exits "images that are missing: exit code 3" $? 3
says "are named" 'loose_crop/1.jpg'
refused_eval --ijb "$work/made" "$work/run" "$work/data/tiny-cross.h5"
exits "with a set: exit code 2" $? 2
refused_eval "$work/run"
exits "no set: exit code 2" $? 2
finish
