#!/bin/sh
# dail report on runs in every state: the page is whole, holds every plot or says why not, and needs nothing else.
. "$(dirname "$0")/lib.sh"

logs="accuracies balance gradient-norm lambda learning-rate losses samples step-time throughput"

# report RUN [OPTION...]: makes $work/report.html
report() {
    rm -f "$work/report.html"
    timeout $((120 * slow)) "$build/dail" report -t 1 --images 20 -o "$work/report.html" "$@" >"$work/out" 2>&1
}

# page NAME DRAWN TOLD: the page is well formed and alone; these figures are drawn, and these say why they are not
page() {
    check "$1: the page is well formed and needs nothing else" $python tests/system/page.py "$work/report.html"
    is "$1: plots" "$(sed -n 's/^drawn: *//p' "$work/said")" "$2"
    $python tests/system/page.py "$work/report.html" >"$work/said" 2>&1
    is "$1: figures that say why they have none" "$(sed -n 's/^told: *//p' "$work/said")" "$3"
}

says_page() { says "$1" "$2" "$work/report.html"; }

make_data
make_config
run=$work/run
sets="[$work/data/tiny0-within.h5,$work/data/tiny-cross.h5]"
evaluate="--set validation=$sets --set eval.every_steps=5"
# shellcheck disable=SC2086
run_daild 2 $evaluate --set checkpoint.every_steps=10 --set debug.stop_after_step=15
report "$run"
exits "a run that was stopped" $? 0
says_page "it says so" 'class="state stopped"'
rm -r "$run/checkpoints/step-000000015"
# shellcheck disable=SC2086
run_daild 2 $evaluate
report "$run"
exits "a run that went back to a checkpoint, and is done" $? 0
says_page "it says so" 'class="state done"'
says_page "and that steps were done again" '^<p>5 step records lie beyond the checkpoint'
page "done" "accuracies balance cosines-1 cosines-2 gradient-norm lambda learning-rate losses projection roc samples step-time throughput verification-accuracy" ""
says_page "the table of the sets has what dail eval finds" \
    "<td class=\"text\">tiny-cross</td><td>26</td><td>40</td><td>$("$build/dail" eval -t 1 "$run" "$work/data/tiny-cross.h5" 2>/dev/null |
        awk '$1 == "tiny-cross" { print $3 " ± " $4 }')</td>"
says_page "the checkpoints" '<td class="path">.*step-000000026</td><td class="text">there</td>'
says_page "the configuration" '^  arch: iresnet10$'

report "$run" --png "$work/png"
exits "--png" $? 0
check "--png writes each plot as a PNG" sh -c '
    for file in "$0"/*.png; do head -c 8 "$file" | od -An -tx1 | grep -q "89 50 4e 47 0d 0a 1a 0a" || exit 1; done
    ls "$0"; [ "$(ls "$0" | wc -l)" = 14 ]' "$work/png"
report "$run" --fast --svg "$work/svg"
exits "--svg" $? 0
check "--svg writes plots as SVG, each well-formed" python3 -c '
import glob, sys, xml.dom.minidom
files = glob.glob(sys.argv[1] + "/*.svg")
assert len(files) >= 9, files
for file in files:
    assert xml.dom.minidom.parse(file).documentElement.tagName == "svg"' "$work/svg"
timeout 60 "$build/dail" report --fast --png "$work/png2" "$run" >"$work/out" 2>&1
exits "--fast --png" $? 0
check "the plots are there" test -s "$work/png2/losses.png"
check "and without -o no page" test ! -e "$run/report.html"

report --fast "$run"
page "--fast" "$logs verification-accuracy" "cosines projection roc"
says_page "--fast is named as the reason" 'made with --fast'

# Started in $work, with paths that lead somewhere only from there.
cp -r "$run" "$work/relative"
sed -i -e "s|$work/run|relative|" -e "s|$work/||g" "$work/relative/config.yaml"
report "$work/relative"
page "a run that was started elsewhere" "accuracies balance cosines-1 cosines-2 gradient-norm lambda learning-rate losses projection roc samples step-time throughput verification-accuracy" ""

# Data that are no longer where the configuration names them.
mv "$work/data/tiny1.yaml" "$work/data/tiny0-within.h5" "$work"
report "$run"
exits "data that are gone" $? 0
page "data that are gone" "accuracies balance cosines-2 gradient-norm lambda learning-rate losses projection roc samples step-time throughput verification-accuracy" \
    "cosines-1 projection"
says_page "the missing set is named" 'This set could not be judged: .*tiny0-within.h5'
says_page "and the missing dataset" 'tiny1.yaml'
mv "$work/tiny1.yaml" "$work/tiny0-within.h5" "$work/data"

start_daild 2 --set run.dir="$work/going" --set schedule.epochs=5000
wait_for 60 at_step "$work/going" 3
report "$work/going"
exits "a run that is still going" $? 0
says_page "it says so" 'class="state running"'
page "still going, without checkpoint and validation" "$logs" "cosines projection roc verification-accuracy"
says_page "no checkpoint is named as the reason" 'no checkpoint yet'
kill -TERM "$(pid_of "$work/going" 1)" 2>/dev/null
end_daild
report "$work/going"
page "without validation" "$(echo "$logs" | sed 's/losses/losses projection/')" "roc verification-accuracy"
says_page "it says that there is no set" 'lists no validation set'

place=$(grep -abo JFIF "$work/data/tiny0-00000.h5" | sed -n 5p | cut -d : -f 1)
flip "$work/data/tiny0-00000.h5" $((place + 300))
run_daild 2 --set run.dir="$work/failed"
report "$work/failed"
exits "a run that failed" $? 0
says_page "it says so" 'class="state failed"'
says_page "and why" '<p class="trouble">rank [12]@.*tiny0-00000.h5'
check "failed: the page is well formed and needs nothing else" $python tests/system/page.py "$work/report.html"

# Names that would be HTML, commands of gnuplot or of a shell, or no text at all.
mkdir "$work/hostile"
bad="<script>alert(1)</script>' ; system 'touch $work/harm' #\`touch $work/harm\`\$(touch $work/harm)"
BAD=$bad perl -MJSON::PP -e '
    my $bad = $ENV{BAD};
    sub put { print encode_json({t => 1e9 + $seq, seq => $seq++, @_}), "\n" }
    put(kind => "start", name => $bad, version => $bad, steps => 9, step => 0, resumed_from => undef,
        workers => [{rank => 1, host => $bad, threads => 1, isa => $bad}],
        datasets => [map { {name => "$_ $bad", id => $_, classes => 0, images => $_, shards => 1} } 1 .. 20]);
    put(kind => "step", step => $_, loss => undef, loss_cls => 1e300, lr => "x") for 1 .. 3;
    put(kind => "eval", set => $bad, step => 3, accuracy => 0.5, pairs => 1);
    put(kind => "checkpoint", step => 3, path => $bad);
    put(kind => "warning", what => "$bad\x{1}\x{85}");
    put(kind => "stop", reason => $bad, exit_code => 4)' >"$work/hostile/status.jsonl"
printf '\377\376<script>\0' >"$work/hostile/config.yaml"
report "$work/hostile" --png "$work/hostile/png"
exits "a log full of hostile names" $? 0
page "hostile names" "losses samples verification-accuracy" \
    "accuracies balance cosines gradient-norm lambda learning-rate projection roc step-time throughput"
check "nothing of them is run or becomes an element" sh -c '! grep -i "<script" "$0/report.html" && [ ! -e "$0/harm" ]' "$work"

mkdir "$work/empty"
report "$work/empty"
exits "a folder without a log" $? 3
says "is named" "$work/empty/status.jsonl"
report
exits "no run named" $? 2
PATH=/nonexistent "$build/dail" report --fast "$run" >"$work/out" 2>&1
exits "without gnuplot" $? 2
says "it says what is missing and how to get it" 'gnuplot.*install'
finish
