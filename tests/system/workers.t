#!/bin/sh
# The same training on one to four workers, of which three share the four lanes unevenly: the losses of 20 steps agree
# to 1e-4, and every lane gets the same images, augmented alike, at every step.
. "$(dirname "$0")/lib.sh"

make_data
make_config
augment="--set data.augment=adaface --set data.augment.shift=2 --set data.augment.jpeg=0.2 --set model.dropout=0.2"
augment="$augment --set loss.crossing_dropout=0.1"
augment="$augment --set domain.balance=true --set classifier.rows_min=5"
for step in 5 20; do # in the first epoch of six steps, and in the fourth
    for workers in 1 2 3 4; do
        run=$work/trace-$step-on-$workers
        # shellcheck disable=SC2086
        run_daild $workers $calm $augment --set run.dir="$run" --set debug.trace_step=$step \
            --set debug.stop_after_step=20
        exits "trace of step $step on $workers workers" $? 75
        records "$run" step '$r->{loss}' >"$run/losses"
    done
done

is "a loss for each step" "$(wc -l <"$work/trace-5-on-1/losses")" 20
for workers in 2 3 4; do
    check "losses on $workers workers are those on one" \
        near 1e-4 "$work/trace-5-on-$workers/losses" "$work/trace-5-on-1/losses"
done
for workers in 1 2 3 4; do
    check "losses on $workers workers again: the same bits" \
        cmp "$work/trace-5-on-$workers/losses" "$work/trace-20-on-$workers/losses"
done
# moves: at the last step the loss is another than it is with the first weights, by far more than is allowed above
moves() {
    tail -n 1 "$work/trace-5-on-1/losses" >"$work/trained"
    records "$work/still" step '$r->{loss}' | tail -n 1 >"$work/untrained"
    ! near 1e-3 "$work/trained" "$work/untrained"
}
# shellcheck disable=SC2086
run_daild 1 $calm $augment --set run.dir="$work/still" --set optimizer.lr=0 --set debug.stop_after_step=20
exits "the same images without learning" $? 75
check "and those of a training that moves" moves

cat >"$work/lanes.py" <<'END'
"""Prints for each lane of a trace its sample, dataset and label numbers and a digest of its images."""
import glob, hashlib, sys
import h5py
lanes = {}
for path in glob.glob(sys.argv[1] + "/worker-*.h5"):
    with h5py.File(path) as trace:
        for lane in (name for name in trace if name.startswith("lane-")):
            part = trace[lane]
            lanes[lane] = [hashlib.sha256(part["image"][...].tobytes()).hexdigest()]
            lanes[lane] += [list(map(int, part[key][...])) for key in ("sample", "dataset", "label")]
for lane in sorted(lanes):
    print(lane, *lanes[lane])
END
if "$python" -c 'import h5py' 2>/dev/null; then
    for step in 5 20; do
        for workers in 1 2 3 4; do
            run=$work/trace-$step-on-$workers
            "$python" "$work/lanes.py" "$run/trace/$(printf 'step-%09d' $step)" >"$run/lanes"
        done
        is "four lanes at step $step" "$(grep -c '^lane-' "$work/trace-$step-on-1/lanes")" 4
        for workers in 2 3 4; do
            check "the same images in each lane at step $step on $workers workers" \
                cmp "$work/trace-$step-on-$workers/lanes" "$work/trace-$step-on-1/lanes"
        done
    done
    check "other images at another step" \
        sh -c "! cmp -s '$work/trace-5-on-1/lanes' '$work/trace-20-on-1/lanes'"
else
    skip "the lanes' images: $python has no h5py"
fi

# fixed_bytes: that each of two workers hands over in a step whatever the images are: two rounds' numbers of 8 images, all
# weights but the classifier's and the last layer's 32, which are fixed, two statistics of 528 channels, and the step's 16
# sums.
fixed_bytes() {
    weights=$(records "$work/two" start '$r->{parameters} - 3 * 12 * 32 - 32')
    echo $((2 * 8 * 16 + (weights + 2 * 528) * 4 + 16 * 8))
}
# travelled: of each step what is handed over beside all this and the embeddings, and whether those can be what they are:
# an image whose dataset's one owner is the other worker brings an embedding there, and a gradient and three figures back;
# half of that is the mean over the workers. Nobody else gets anything of the step's 32 images.
travelled() {
    records "$work/two" step 'join " ", @$r{"bytes", "bytes_embeddings", "bytes_reductions"}' |
        while read -r bytes embeddings reductions; do
            image=$(((32 + 32 + 3) * 2))
            echo $((bytes - embeddings - $(fixed_bytes))) "$reductions" $((embeddings % image)) \
                $((embeddings > 0 && embeddings < 32 * image))
        done | tr '\n' ' '
}
run_daild 1 --set run.dir="$work/one" --set debug.stop_after_step=2
is "a single worker exchanges nothing" "$(records "$work/one" step '$r->{bytes}' | tr '\n' ' ')" "0 0 "
run_daild 2 --set run.dir="$work/two" --set debug.stop_after_step=2
is "what two workers exchange in a step" "$(travelled)" "0 0 0 1 0 0 0 1 "
finish
