#!/bin/sh
# Traced steps of real runs, replayed in PyTorch from the equations by replay.py: losses and every gradient.
. "$(dirname "$0")/../system/lib.sh"

"$python" -c 'import torch, h5py, numpy' 2>/dev/null || skip_all "$python has no PyTorch or no h5py"
make_data
make_config
# Six lanes, which one, two and three workers share evenly, and four do not; width 0.25 leaves the sums of 64 channels to check.
common="--set data.lanes=6 --set model.width=0.25 --set optimizer.lr=0.01 --set debug.trace_step=3
        --set debug.stop_after_step=3"
adversarial="--set domain.start=0 --set domain.lambda=0.5"

# traced NAME WORKERS [--set KEY=VALUE...]: makes $work/NAME/trace/step-000000003 and replays it
traced() {
    name=$1 workers=$2
    shift 2
    # shellcheck disable=SC2086
    run_daild "$workers" $common --set run.dir="$work/$name" "$@"
    exits "$name on $workers: traced" $? 75
    check "$name on $workers: the replay agrees" \
        timeout 120 "$python" tests/oracle/replay.py "$work/$name/trace/step-000000003"
    sed -n 's/.*: step 3,/#   /p; s/^PReLU/#    PReLU/p; s/^backbone gradient/#    &/p' "$work/said"
}

# Five margins by name and one by number; the rest is shared out among them.
weights="[{manifest: $work/data/tiny0.yaml, weight: 2}, {manifest: $work/data/tiny1.yaml, weight: 0.5}, $work/data/tiny2.yaml]"
# shellcheck disable=SC2086
{
    traced softmax 1 --set loss.margin=softmax --set loss.scope=all --set domain.hidden=[] --set debug.kernels=reference \
        --set runtime.recompute=blocks
    traced sphereface 2 --set loss.margin=sphereface $adversarial --set domain.balance=true \
        --set data.datasets="[$work/data/tiny0.yaml, $work/data/tiny2.yaml]"
    traced arcface 3 --set loss.margin=arcface --set loss.crossing_dropout=0.2 --set model.dropout=0.4 $adversarial \
        --set classifier.rows_min=5
    traced cosface 2 --set loss.margin=cosface --set loss.scope=all $adversarial --set domain.hidden=[] \
        --set classifier.rows_min=5 --set data.datasets="$weights"
    traced cm 4 --set runtime.exchange=own --set loss.margin=cm --set data.datasets="$weights" --set domain.balance=true $adversarial \
        --set domain.hidden=[24,16] --set model.dropout=0.2
    traced by-number 1 --set loss.margin=[1.1,0.3,0.1] --set loss.crossing_dropout=0.5 --set loss.scale=30 $adversarial \
        --set debug.kernels=gemm
}

# The margins that are a sample's own, here and below; the small network's norms are near the root of the embedding's length.
magface="{name: magface, norm_min: 4, norm_max: 9, lambda: 20}"
curricularface="{name: curricularface, m: 0.9, alpha: 0.6}"
# shellcheck disable=SC2086
{
    traced adaface 1 --set loss.margin=adaface --set loss.scope=all $adversarial
    traced magface 2 --set loss.margin="$magface" $adversarial --set data.datasets="$weights"
    traced uniface 2 --set loss.margin=uniface --set loss.scope=all --set classifier.rows_min=5 $adversarial
    traced curricularface 3 --set loss.margin="$curricularface" --set loss.scope=all --set classifier.rows_min=5
}

# Identity groups, some of all three datasets, their rows at several owners; both scopes, drawn classes, and workers that
# own no part of a sample's own dataset.
awk 'BEGIN {
    for (i = 0; i < 12; i++) {
        if (i % 3) printf "tiny0\ttiny0-%06d\ttiny1\ttiny1-%06d\n", i, (i + 5) % 12
        if (i % 2) printf "tiny2\ttiny2-%06d\ttiny1\ttiny1-%06d\n", i, (i + 7) % 12
    }
}' >"$work/people.tsv"
groups="--set identity.file=$work/people.tsv --set classifier.rows_min=5 --set domain.lambda=0.5 --set domain.start=0"
# shellcheck disable=SC2086
{
    traced groups 1 --set loss.margin="$curricularface" $groups
    traced groups-2 2 --set loss.with.center=0.5 --set loss.margin="{name: adaface, h: 0.9, alpha: 0.9}" --set loss.scope=all $groups --set data.datasets="$weights"
    traced groups-3 3 --set loss.margin="$curricularface" $groups --set loss.crossing_dropout=0.3
    traced groups-4 4 --set loss.margin="$magface" $groups --set loss.crossing_dropout=0.3
}

# Twelve datasets: two people who are in all of them, one in half.
"$build/dail" synth -o "$work/dozen" --datasets 12 --identities 6 --images 6 --size 32 --pairs 0 --name dozen --seed "$seed" \
    >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
awk 'BEGIN {
    for (k = 1; k < 12; k++) for (i = 0; i < 3; i++) if (i < 2 || k % 2)
        printf "dozen0\tdozen0-%06d\tdozen%d\tdozen%d-%06d\n", i, k, k, (i + k) % 6
}' >"$work/dozen.tsv"
manifests=
for k in 0 1 2 3 4 5 6 7 8 9 10 11; do
    manifests=$manifests${manifests:+,}$work/dozen/dozen$k.yaml
done
dozen="--set data.datasets=[$manifests]
    --set identity.file=$work/dozen.tsv --set classifier.rows_min=2"
# shellcheck disable=SC2086
{
    traced dozen 1 --set loss.margin=elasticface-cos $dozen --set loss.crossing_dropout=0.1
    traced dozen-2 2 --set loss.margin=elasticface-arc --set loss.scope=all $dozen
    traced dozen-3 3 --set loss.margin="{name: uniface, lambda: 0.7}" --set loss.crossing_dropout=0.1 $dozen
}

# More people than samples of a step.
"$build/dail" synth -o "$work/crowd" --datasets 2 --identities 120 --images 3 --size 32 --pairs 0 --name crowd --seed "$seed" \
    >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
awk 'BEGIN { for (i = 0; i < 120; i += 3) printf "crowd0\tcrowd0-%06d\tcrowd1\tcrowd1-%06d\n", i, (i + 50) % 120 }' \
    >"$work/crowd.tsv"
crowd="--set data.datasets=[$work/crowd/crowd0.yaml,$work/crowd/crowd1.yaml] --set classifier.rows_min=30"

# Rivals above a threshold left out, and classes drawn for the step: of tiles, of crossing classes, of groups.
# shellcheck disable=SC2086
{
    traced filter-3 3 --set loss.with.center=0.1 --set loss.with.center_rate=0.9 --set loss.filter=0.05 --set loss.margin=cosface $groups --set loss.crossing_dropout=0.3
    traced sample 1 --set classifier.sample=0.3 --set loss.margin=arcface --set loss.scope=all $crowd
    traced sample-2 2 --set classifier.sample=0.3 --set loss.margin=cm $crowd --set loss.filter=0.05 \
        --set identity.file="$work/crowd.tsv" --set loss.crossing_dropout=0.3
    traced sample-3 3 --set classifier.sample=0.1 --set loss.margin=arcface $crowd $adversarial
}

# The replay notices what is wrong: one weight, one label, one drawn class.
# spoiled WHAT PYTHON: of the trace of arcface
spoiled() {
    cp -r "$work/arcface" "$work/spoiled"
    "$python" -c "
import glob, h5py
for path in glob.glob('$work/spoiled/trace/*/worker-*.h5'):
    with h5py.File(path, 'r+') as trace:
        $2" >"$work/said" 2>&1 || cat "$work/said"
    timeout 120 "$python" tests/oracle/replay.py "$work/spoiled/trace/step-000000003" >"$work/out" 2>&1
    exits "$1 is noticed" $? 1
    rm -rf "$work/spoiled"
}
spoiled "a gradient that is off by 0.1%" "'grad' in trace and trace['grad/backbone/layer3.0.conv1.weight'].write_direct(trace['grad/backbone/layer3.0.conv1.weight'][...] * 1.001)"
spoiled "another label" "'lane-0' in trace and trace['lane-0/label'].__setitem__(0, (trace['lane-0/label'][0] + 1) % 12)"
spoiled "another strength of reversal" "trace.attrs['lambda'] = 0.4"
spoiled "another margin" "trace.attrs['margin'] = [1, 0.49, 0]"
spoiled "fewer drawn classes" "
        draws = trace['crossing'][...][::2]
        del trace['crossing']
        trace['crossing'] = draws"
rm -rf "$work/arcface" && mv "$work/filter-3" "$work/arcface"
spoiled "another filter" "trace.attrs['filter'] = 0.1"
rm -rf "$work/arcface" && mv "$work/sample-2" "$work/arcface"
spoiled "a row that is said to stand and does not" "
        for name in trace['classifier']:
            rows = trace['classifier'][name]
            drawn = list(rows['drawn'][...])
            left = [c for c in range(rows.attrs['row_begin'], rows.attrs['row_end']) if c not in drawn]
            if name == 'crowd0' and left:
                del rows['drawn']
                rows['drawn'] = sorted(drawn + left[:1])"
rm -rf "$work/arcface" && mv "$work/groups-3" "$work/arcface"
spoiled "a class less in a group" "
        home = trace['home'][...]
        last = max(c for c in range(len(home)) if home[c] != c)
        home[last] = last
        trace['home'][...] = home"
finish
