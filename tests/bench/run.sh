#!/bin/sh
# Measures on this machine, now: the network alone, the convolutions, and whole runs with one and two workers,
# in turns. Nothing here decides a test.
#   BENCH_ROUNDS  runs of each number of workers (3)
set -eu
cd "$(dirname "$0")/../.."
build=${DAIL_BUILD:-build}
rounds=${BENCH_ROUNDS:-3}
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

echo "== one forward and backward pass, one thread"
"$build/tests/bench/net_bench" iresnet50 112 1 8 1 5
"$build/tests/bench/net_bench" iresnet10 64 0.5 64 1 9

echo
echo "== convolutions, one thread"
"$build/tests/bench/conv_bench" 1 8 5

echo
echo "== runs of etc/demo.yaml's network, exchange over TCP loopback, $rounds rounds in turns"
# shellcheck disable=SC2046
"$build/dail" synth -o "$scratch/data" $(cat etc/demo.synth) >/dev/null 2>&1

# train WORKERS ROUND: 400 steps; samples the coordinator's processor time.
train() {
    run=$scratch/run-$1-$2
    mpirun --oversubscribe --mca btl self,tcp --mca btl_tcp_if_include lo -n $(($1 + 1)) "$build/daild" etc/demo.yaml \
        --set "run.dir=$run" --set "data.lanes=$1" --set "schedule.epochs=$((2 * $1))" --set eval.at_end=false \
        --set validation=[] --set checkpoint.every_minutes=0 --set checkpoint.resume=never \
        --set "data.datasets=[$scratch/data/synth0.yaml, $scratch/data/synth1.yaml, $scratch/data/synth2.yaml]" \
        >"$run.log" 2>&1 &
    launcher=$!
    ticks=0
    begin=$(date +%s.%N)
    while kill -0 $launcher 2>/dev/null; do
        # The first daild that mpirun started is rank 0, the coordinator.
        rank0=$(pgrep -P $launcher -o daild || true)
        now=$(awk '{ print $14 + $15 }' "/proc/${rank0:-0}/stat" 2>/dev/null || true)
        [ -z "$now" ] || ticks=$now && end=$(date +%s.%N)
        sleep 0.2
    done
    wait $launcher
    awk -v ticks="$ticks" -v hz="$(getconf CLK_TCK)" -v begin="$begin" -v end="$end" \
        'BEGIN { printf "%.3f\n", 100 * ticks / hz / (end - begin) }' >"$run.coordinator"
}

# figures WORKERS: the median over rounds and step records of each figure.
figures() {
    for record in images_per_second data compute exchange; do
        cat "$scratch"/run-"$1"-*/status.jsonl | grep '"kind":"step"' |
            sed 's/"workers".*//' | grep -o "\"$record\":[0-9.e+-]*" | cut -d: -f2 | sort -g |
            awk -v name=$record '{ v[NR] = $1 } END { printf "%s %.5g %.5g %.5g\n", name, v[1], v[int((NR + 1) / 2)], v[NR] }'
    done >"$scratch/figures-$1"
    cat "$scratch"/run-"$1"-*.coordinator | sort -g |
        awk '{ v[NR] = $1 } END { printf "coordinator_percent_of_a_core %.3f %.3f %.3f\n", v[1], v[int((NR + 1) / 2)], v[NR] }' \
            >>"$scratch/figures-$1"
}

round=1
while [ "$round" -le "$rounds" ]; do
    train 1 "$round"
    train 2 "$round"
    round=$((round + 1))
done
printf '%-8s %-32s %10s %10s %10s\n' workers figure minimum median maximum
for workers in 1 2; do
    figures $workers
    while read -r name least median most; do
        printf '%-8s %-32s %10s %10s %10s\n' "$workers" "$name" "$least" "$median" "$most"
    done <"$scratch/figures-$workers"
done
awk '$1 == "images_per_second" { v[++n] = $3 } $1 == "data" { d = $3 } $1 == "compute" { c = $3 } $1 == "exchange" { e = $3 }
     END { printf "two workers over one: %.2f (must 1.8)\n", v[2] / v[1]
           printf "waiting for data: %.2f%% of a step (must 2%%)\n", 100 * d / (d + c + e) }' \
    "$scratch/figures-1" "$scratch/figures-2"
