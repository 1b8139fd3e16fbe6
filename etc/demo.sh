#!/bin/sh
# The whole of DAIL in a few minutes: makes three overlapping datasets of synthetic faces, trains on them with
# one coordinator and two workers, and verifies on people it never saw.
set -eu
cd "$(dirname "$0")/.."
build=${DAIL_BUILD:-build}
data=build/data/demo
run=build/runs/demo
least=85

# Open MPI wants to be asked twice before it runs as root, as containers do.
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

begin=$(date +%s)
echo "demo: making three datasets that share people"
rm -rf "$data" "$run"
"$build/dail" synth -o "$data" $(cat etc/demo.synth)

echo "demo: training with one coordinator and two workers; 'build/dail tail $run' watches from elsewhere"
mpirun --oversubscribe -n 3 "$build/daild" etc/demo.yaml

checkpoint=$(ls -d "$run"/checkpoints/step-* | tail -n 1)
sets=$(ls "$data"/*.h5 | grep -v -E -- '-[0-9]{5}\.h5$')
echo "demo: verification on held-out people, untrained and trained"
# shellcheck disable=SC2086
"$build/dail" eval "$checkpoint" $sets --untrained --json >"$run/untrained.json"
# shellcheck disable=SC2086
"$build/dail" eval "$checkpoint" $sets --json >"$run/trained.json"
