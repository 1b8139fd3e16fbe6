#!/bin/sh
# The experiments' driver, on the smallest of them: what its tables say, and what it does not do twice.
. "$(dirname "$0")/lib.sh"
$python -c 'import yaml' 2>/dev/null || skip_all "PyYAML is missing: etc/install-deps.sh --ablation"

cat >"$work/tiny.synth" <<'END'
--datasets 2 --identities 12 --images 12 --overlap 0.5 --size 32 --pairs 200 --name tiny   # enough for TAR
END
cat >"$work/base.yaml" <<'END'
run: {name: base}
data: {lanes: 2, datasets: []}
model: {arch: iresnet10, input: 32, embedding: 32, width: 0.125}
loss: {margin: softmax, scale: 16}
domain: {hidden: [16], lambda: 0}
batch: {lane: 8}
schedule: {epochs: 2}
eval: {at_end: false}
log: {every: 1}
END
cat >"$work/tiny.yaml" <<'END'
title: A tiny table
data: {synth: tiny.synth}
order: [single, naive]
set: {loss.scale: 12}
rows:
- {name: single, datasets: [1]}
- {name: naive, set: {loss.scope: all, loss.scale: 14}}
END
# drive EXPERIMENT [OPTION...]: what it says goes to $work/out
drive() {
    experiment=$work/$1.yaml
    shift
    timeout -k 5 $((300 * slow)) etc/ablation/run.py --build "$build" --output "$work/ablation" --workers 2 --seeds 2 \
        --data-seed "$seed" "$@" "$experiment" >"$work/out" 2>&1
}

# --- Intervals ---

# Expected: scipy.stats.t.ppf(0.975, n), and scipy.stats.t.interval(0.95, 4, mean, sem) of the five values.
cat >"$work/intervals.py" <<'END'
import math, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "etc/ablation")
import student
expected = {1: 12.706205, 2: 4.302653, 3: 3.182446, 4: 2.776445, 5: 2.570582, 9: 2.262157, 10: 2.228139, 29: 2.045230,
            100: 1.983972}
for freedom, quantile in expected.items():
    assert abs(student.quantile(0.95, freedom) - quantile) < 1e-6, (freedom, student.quantile(0.95, freedom))
assert abs(student.half_width([76.6, 79.8, 79.1, 78.7, 80.3]) - 1.7712762350423932) < 1e-12
assert student.half_width([3.0, 3.0, 3.0]) == 0
assert math.isnan(student.half_width([3.0]))
END
check "Student's intervals are those of scipy" $python "$work/intervals.py"

# --- The experiments there are ---

cat >"$work/experiments.py" <<'END'
import pathlib, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "etc/ablation")
import experiment, training
programs = training.programs_of(pathlib.Path(sys.argv[1]), 2)
for name in sys.argv[2:]:
    read = experiment.read_experiment(pathlib.Path("etc/ablation") / (name + ".yaml"))
    for row in {row.series: row for row in read.rows}.values():
        settings = training.resolved(programs, read.base, {"data.datasets": ["a.yaml"], **row.settings})
        assert settings["data"]["lanes"] % 2 == 0, name
        size = read.faces or {**read.synth, **row.synth}["size"]
        assert settings["model"]["input"] == size, name
END
check "every experiment can be read, its settings are known, and its images are the network's" \
    $python "$work/experiments.py" "$build" ablation margins overlap shift crossing lambda start scale real real-crossing real-overlap

# --- A table ---

drive tiny --jobs 2
exits "two rows by two seeds" $? 0
table=$work/ablation/tiny-$seed
# cell FILE ROW COLUMN [SEED]: by the names of the columns
cell() {
    awk -F '\t' -v row="$2" -v column="$3" -v seed="${4:-}" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $1 == row && (seed == "" || $at["seed"] == seed) { print $at[column] }' "$table/$1"
}
is "a line a training" "$(tail -n +2 "$table/trainings.tsv" | cut -f 1,4,5 | sort | tr '\t\n' ' ;')" \
    "naive 1 0;naive 2 0;single 1 0;single 2 0;"
folder=$(cell trainings.tsv naive folder 2)
scale() { sed -n '/^loss:/,/^[a-z]/ s/^  scale: \([0-9]*\).*/\1/p' "$1/config.yaml"; }
is "what all rows share is above the base" "$(scale "$(cell trainings.tsv single folder 2)")" 12
is "what a row sets above that" "$(scale "$folder")" 14
# The same figures, from the log and the programs themselves.
figure() { cell trainings.tsv naive "$1" 2; }
close() { awk -v a="$1" -v b="$2" -v off="$3" 'BEGIN { exit !(a != "" && b != "" && a - b <= off && b - a <= off) }'; }
records "$folder/run" step '$r->{domain_accuracy}' | tail -n 20 >"$work/domain"
check "the domain classifier's accuracy is the mean of the last 20 records" \
    close "$(figure domain)" "$(awk '{ sum += $1 } END { print sum / NR }' "$work/domain")" 1e-5
records "$folder/run" step '$r->{seconds}{data} + $r->{seconds}{compute} + $r->{seconds}{exchange}' | sort -g >"$work/seconds"
check "seconds a step are the median" \
    close "$(figure seconds)" "$(awk '{ s[NR] = $1 } END { print (s[int((NR + 1) / 2)] + s[int(NR / 2) + 1]) / 2 }' "$work/seconds")" 1e-6
is "the bytes a step are those of the log" "$(figure bytes)" "$(records "$folder/run" step '$r->{bytes}' | tail -n 1)"
is "all rows take the same number of steps" "$(tail -n +2 "$table/trainings.tsv" | awk -F '\t' '{ print $(NF - 3) }' | sort -u)" 36
"$build/dail" eval --threads 1 "$folder/run" "${folder%/trainings/*}"/data/*/*-within.h5 "${folder%/trainings/*}"/data/*/*-cross.h5 >"$work/eval"
# accuracy PATTERN: of the sets of that name, their mean
accuracy() { awk -v name="$1" '$1 ~ name { sum += $3; count++ } END { print sum / count / 100 }' "$work/eval"; }
check "accuracy within a domain is the mean over the domains" close "$(figure within)" "$(accuracy within)" 1e-4
check "accuracy across domains is that of the set" close "$(figure across)" "$(accuracy cross)" 1e-4
"$build/dail" overlap --threads 1 "$folder/run" --truth "${folder%/trainings/*}"/data/*/overlap.tsv >"$work/found" 2>&1
is "the cosine of the same person's centres" "$(figure cosine | sed 's/0*$//')" \
    "$(sed -n 's/^mean cosine of class centres: \([-0-9.]*\) of the 6 known pairs.*/\1/p' "$work/found" | sed 's/0*$//')"
is "one dataset has no domain to tell, nor anybody twice" "$(cell trainings.tsv single domain 1)$(cell trainings.tsv single cosine 1)" ""
one=$(cell trainings.tsv naive within 1) two=$(figure within)
check "the mean over the seeds" close "$(cell table.tsv naive within)" "$(awk "BEGIN { print ($one + $two) / 2 }")" 1e-5
check "and its interval" close "$(cell table.tsv naive within_half_width)" \
    "$(awk "BEGIN { d = $one - $two; print 12.706205 * (d < 0 ? -d : d) / 2 }")" 1e-4
says "the table as Markdown" '^\| naive .*[0-9] ± [0-9].* \| .*\|$' "$table/table.md"
says "and at the end of the output" '^\| single .*\| +– \|'
says "what guessing the dataset would give" "chance is 50.0 %"
says "a verdict on the order" 'single [-0-9. ±]+ < naive .*the order (holds|does not hold)'
check "a plot" grep -q '</svg>' "$table/plot.svg"

touch "$work/before"
drive tiny --jobs 2
exits "the same again" $? 0
says "all were done before" '4 trainings, 4 of them done before'
is "and nothing was trained" "$(find "$work/ablation/trainings" -newer "$work/before" -type f | wc -l)" 0
drive tiny --jobs 2 --seeds 3
says "another seed trains that alone" '6 trainings, 4 of them done before'

# --- Classes that are one person ---

cat >"$work/shared.yaml" <<'END'
title: Shared rows
data: {synth: tiny.synth}
rows:
- {name: first}
- {name: from-file, groups: first}
- {name: oracle, groups: truth}
END
drive shared --seeds 1
exits "rows that know who is shared" $? 0
table=$work/ablation/shared-$seed
is "all who are shared are one person, and nobody else" \
    "$(cell trainings.tsv oracle pairs 1) $(cell trainings.tsv oracle precision 1) $(cell trainings.tsv oracle recall 1)" "6 1 1"
is "whose centres are no two" "$(cell trainings.tsv oracle cosine 1)" ""
check "the classifier takes a part of the step" awk -v part="$(cell trainings.tsv oracle classifier 1)" \
    -v whole="$(cell trainings.tsv oracle seconds 1)" 'BEGIN { exit !(part > 0 && part < whole) }'
found=$(cell trainings.tsv first folder 1)/groups.tsv
says "groups are found in another row's training" '^dataset_a' "$found"
check "and trained with" grep -q "file: .*groups.tsv" "$(cell trainings.tsv from-file folder 1)/config.yaml"
sed -i 's/groups: first/groups: last/' "$work/shared.yaml"
drive shared
exits "groups of a row that is not there" $? 2
says "are told" "row from-file: groups is 'last'"
drive shared --seeds 1 --rows from-file,oracle
exits "groups of a row that is not asked for" $? 2
sed -i 's/groups: last/groups: first/' "$work/shared.yaml"
drive shared --seeds 1 --rows from-file,oracle
exits "some of the rows" $? 0
is "they alone are in the table" "$(cut -f 1 "$table/table.tsv" | tr '\n' ' ')" "row from-file oracle "
drive shared --seeds 1 --rows from-fille
exits "a row that is not there" $? 2
says "is told with those that are" "'from-fille' is none of first, from-file, oracle"
table=$work/ablation/tiny-$seed

# --- Real faces of people in several datasets ---

# faces FOLDER PERSON IMAGES [BEGIN]: each of other pixels, so that no two are one image
faces() {
    mkdir -p "$work/faces/$1/$2"
    for number in $(seq "$3"); do
        "$python" -c '
import random, sys
draw = random.Random(sys.argv[1])
print("P2 20 20 255", *(draw.randrange(256) for _ in range(400)))' "$1 $2 $number" >"$work/faces/$1/$2/${4:-}$number.pgm"
    done
}
for person in anne bert carl dora; do
    faces cfp $person 3 frontal_
    faces cfp $person 2 profile_
done
faces lfw Anne 2; faces lfw Carl 2; faces lfw Emil 1; faces lfw Fred 2; faces lfw Gina 2; faces lfw Hans 2
faces pins carla 2; faces pins Bert 2; faces celeb17 ida 2; faces celeb17 Hans 2
tabbed() { tr ' ' '\t'; }
printf '%s\n' "identity fold" "Anne 1" "Carl 2" "Emil 3" "Fred 9" "Gina 10" "Hans 8" | tabbed >"$work/faces/lfw-folds.tsv"
printf '%s\n' "fold a b same" "9 lfw/Fred/1.pgm lfw/Fred/2.pgm 1" "10 lfw/Fred/1.pgm lfw/Gina/2.pgm 0" | tabbed \
    >"$work/faces/lfw-unseen.tsv"
printf '%s\n' "fold a b same" "1 cfp/anne/frontal_1.pgm cfp/anne/profile_1.pgm 1" \
    "9 cfp/carl/frontal_1.pgm cfp/carl/profile_1.pgm 1" "10 cfp/carl/frontal_2.pgm cfp/dora/profile_2.pgm 0" | tabbed \
    >"$work/faces/cfp-fp.tsv"
printf '%s\n' "dataset_a identity_a dataset_b identity_b" "lfw Anne cfp anne" "lfw Carl cfp carl" "lfw Carl pins carla" \
    "pins Bert cfp bert" "lfw Hans celeb17 Hans" | tabbed >"$work/faces/overlaps.tsv"
cat >"$work/overlapping.py" <<'END'
import pathlib, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "etc/ablation")
from overlapping import overlapping
made = overlapping(*map(pathlib.Path, sys.argv[1:]), 32)
print(made.images, [path.stem for path in made.sets])
for path in made.manifests:
    print(path.stem, *(path.parent / (path.stem + ".classes.txt")).read_text().split())
print(made.truth.read_text().replace("\t", " "), end="")
END
"$python" "$work/overlapping.py" "$build" "$work/ablation/data" "$work/faces" >"$work/out" 2>&1
exits "real faces are packed" $? 0
is "nobody of the verification is trained on, under no name, and the truth is of those who are" "$(cat "$work/out")" \
    "(6, 4, 4, 2, 4) ['cfp-held-out', 'lfw-unseen']
cfp-frontal anne bert
cfp-profile anne bert
lfw Anne Hans
pins Bert
celeb17 Hans ida
dataset_a identity_a dataset_b identity_b
cfp-frontal anne cfp-profile anne
cfp-frontal bert cfp-profile bert
lfw Anne cfp-frontal anne
lfw Anne cfp-profile anne
lfw Hans celeb17 Hans
pins Bert cfp-frontal bert
pins Bert cfp-profile bert"

# --- Broken off ---

cat >"$work/long.yaml" <<'END'
title: Longer
data: {synth: tiny.synth}
rows:
- {name: long, set: {schedule.epochs: 240}}
END
long_run() { find "$work/ablation/trainings" -maxdepth 2 -name config.yaml -exec grep -l "long seed" {} + | sed "s,config.yaml$,run,"; }
long_at() { [ -n "$(long_run)" ] && at_step "$(long_run)" "$1"; }
# start_long: in the background; $job is its process
start_long() {
    etc/ablation/run.py --build "$build" --output "$work/ablation" --workers 2 --seeds 1 --data-seed "$seed" "$work/long.yaml" >"$work/out" 2>&1 &
    job=$!
}
start_long
check "a longer training begins" wait_for 60 long_at 20
kill -TERM $job
wait $job
exits "a request to stop" $? 75
start_long
check "goes on" wait_for 60 long_at 100
kill -KILL $job
wait $job 2>/dev/null
drive long --seeds 1
exits "after a kill the same command ends it" $? 0
is "it has gone on, each time from a checkpoint" \
    "$(records "$(long_run)" start '$r->{resumed_from} ? 1 : 0' | tr '\n' ' ')" "0 1 1 "
is "up to its end" "$(records "$(long_run)" stop '"$r->{reason} $r->{exit_code}"' | tail -n 1)" "done 0"

# --- What goes wrong ---

cat >"$work/bad.yaml" <<'END'
title: What goes wrong
data: {synth: tiny.synth}
rows:
- {name: poisoned, set: {debug.poison_sample: 0, numeric.max_skips: 1}}
- {name: astray, set: {model.init: /none/such}}
- {name: naive, set: {loss.scope: all}}
END
drive bad --seeds 1
exits "a training that diverges and one that cannot begin" $? 1
says "the one is told by its log" 'poisoned seed 1 diverged: .*(loss|gradient)'
says "the other too" 'astray seed 1 failed with [0-9]+: .*/none/such'
says "both are marked" '^\| poisoned \(1 of 1 diverged\)'
says "each as what it is" '^\| astray \(1 of 1 failed\)'
says "the rest has its row" '^\| naive  .*[0-9]'
drive bad --seeds 1
exits "again" $? 1
says "a failure is tried again" '3 trainings, 2 of them done before'
sed 's/^rows:/set: loss.scale\nrows:/' "$work/bad.yaml" >"$work/worse.yaml"
drive worse
exits "a word where a mapping is expected" $? 2
says "is told with its place" "worse.yaml: set: a mapping is expected, not 'loss.scale'"
sed 's/synth: [a-z.]*/synth: none.synth/' "$work/bad.yaml" >"$work/nowhere.yaml"
drive nowhere
exits "options of dail synth that are not there" $? 2
says "are told with their file" "none.synth: No such file"
sed -i 's/loss.scope/loss.scoop/' "$work/bad.yaml"
drive bad
exits "a misspelt key" $? 2
says "is told before anything is trained" 'loss.scop'
sed -i 's/rows:/rowes:/' "$work/bad.yaml"
drive bad
exits "a misspelt word of the experiment" $? 2
says "and the word that was meant" "'rows' perhaps"
finish
