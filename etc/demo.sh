#!/bin/sh
# The whole of DAIL in a few minutes: makes three overlapping datasets of synthetic faces, trains on them with
# one coordinator and two workers, and verifies on people it never saw. $DAIL_DEMO_EPOCHS: another length of the training;
# $DAIL_DEMO_LEAST: the accuracy below which it fails.
# In the source tree it leaves everything in build/; as installed, in the folder dail-demo where it is started.
set -eu
etc=$(cd "$(dirname "$0")" && pwd)
if [ -e "$etc/../Makefile" ]; then
    cd "$etc/.."
    programs=${DAIL_BUILD:-build}
    data=build/data/demo
    run=build/runs/demo
else
    programs=$(cd "$etc/../../../bin" && pwd)
    data=dail-demo/data
    run=dail-demo/run
fi
epochs=${DAIL_DEMO_EPOCHS:-10}
least=${DAIL_DEMO_LEAST:-85}

# Open MPI wants to be asked twice before it runs as root, as containers do.
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

begin=$(date +%s)
echo "demo: making three datasets that share people"
rm -rf "$data" "$run"
# shellcheck disable=SC2046
"$programs/dail" synth -o "$data" $(cat "$etc/demo.synth")
sets=$(ls "$data"/*-within.h5 "$data"/*-cross.h5)

echo "demo: training with one coordinator and two workers; '$programs/dail tail $run' watches from elsewhere"
mpirun --oversubscribe -n 3 "$programs/daild" "$etc/demo.yaml" --set "run.dir=$run" \
    --set "schedule.epochs=$epochs" \
    --set "data.datasets=[$data/synth0.yaml,$data/synth1.yaml,$data/synth2.yaml]" \
    --set "validation=[$(echo "$sets" | paste -s -d ,)]"

checkpoint=$(ls -d "$run"/checkpoints/step-?????????)
echo "demo: verification on held-out people, untrained and trained"
# shellcheck disable=SC2086
"$programs/dail" eval --bootstrap 0 --untrained "$checkpoint" $sets >"$run/untrained.txt"
# shellcheck disable=SC2086
"$programs/dail" eval --bootstrap 0 "$checkpoint" $sets >"$run/trained.txt"

# Rows of the two tables are alike: set, pairs, accuracy, ...
awk -v least="$least" '
    FNR == 1 { file++; rows = 0 }
    $1 == "set" { rows = 1; next }
    rows && file == 1 { untrained[$1] = $3 }
    rows && file == 2 {
        if (!heading++) printf "\n%-16s %7s %12s %12s\n", "set", "pairs", "untrained", "trained"
        printf "%-16s %7d %11.2f%% %11.2f%%\n", $1, $2, untrained[$1], $3
        if ($3 < least) low = low " " $1
    }
    END {
        if (!heading) { print "demo: no results" > "/dev/stderr"; exit 1 }
        if (low) { print "demo: below " least "%:" low > "/dev/stderr"; exit 1 }
    }' "$run/untrained.txt" "$run/trained.txt"
echo
echo "demo: done in $(($(date +%s) - begin)) s; the run is in $run, the model in $checkpoint"
