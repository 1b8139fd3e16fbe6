#!/bin/sh
# What holds a run up is said, with rank and host and by how much, and that it is over: a worker that computes slowly,
# images that come slowly, a slow disk.
. "$(dirname "$0")/lib.sh"

use_faults
make_data
make_config
host=$(hostname)
long="--set schedule.epochs=50000 --set log.slow_seconds=0.5 --set log.every=5"

# slows RUN WHAT: "rank state" of each record of that kind
slows() { records "$1" slow "\$r->{what} eq '$2' ? \"\$r->{rank} \$r->{state}\" : ()" | grep .; }
has_begun() { slows "$1" "$2" | grep -qx "$3 begins"; }
has_ended() { slows "$1" "$2" | grep -qx "$3 ends"; }
warned() { records "$1" warning '$r->{what}' | grep -Eq -e "$2"; }
snapshot() { timeout 30 "$build/dail" tail --once --json "$1" >"$work/out" 2>&1; }

# start_slow RUN VARIABLE=VALUE...: a run in which the calls of rank 2 on some files take longer
start_slow() {
    run=$1
    shift
    export LD_PRELOAD="$fault" DAIL_FAULT_RANK=2 "$@"
    # shellcheck disable=SC2086
    start_daild 2 $long --set run.dir="$run" $more
    unset LD_PRELOAD
}

stop_run() {
    kill -TERM "$(pid_of "$run" 1)"
    end_daild
}

# --- A worker that computes slowly: it runs one fifth of the time ---

run=$work/compute
# shellcheck disable=SC2086
start_daild 2 $long --set run.dir="$run"
wait_for 60 at_step "$run" 5
perl -e '$SIG{TERM} = sub { kill CONT => $ARGV[0]; exit };
    while (kill 0 => $ARGV[0]) { kill STOP => $ARGV[0]; select undef, undef, undef, 0.04;
        kill CONT => $ARGV[0]; select undef, undef, undef, 0.01 }' "$(pid_of "$run" 2)" &
brake=$!
check "a straggler is found" wait_for 90 has_begun "$run" compute 2
check "a warning names rank, host and by how much" warned "$run" \
    "^rank 2@$host computes [0-9.]+ times as long as the others, [0-9.]+ s a step against [0-9.]+ s"
snapshot "$run"
check "dail tail has it" env HOST="$host" perl -MJSON::PP -e '
    ($s) = grep { $_->{what} eq "compute" } @{decode_json(<>)->{slow}};
    exit !($s->{rank} == 2 && $s->{host} eq $ENV{HOST} && $s->{own} >= 1.5 * $s->{others})' "$work/out"
timeout 30 "$build/dail" tail --once "$run" >"$work/out" 2>&1
says "on its screen too" "^slow for [0-9a-z ]+: rank 2@$host, compute [0-9.]+, the others [0-9.]+ s"
check "the log says it" grep -q "warning: rank 2@$host computes" "$run/daild.log"
kill -TERM $brake
wait $brake
check "that it is over is found" wait_for 120 has_ended "$run" compute 2
check "and said" warned "$run" "^rank 2@$host holds the others up no longer"
# Where the machine is busy with other things either worker may be found slow again.
nobody() { snapshot "$run" && ! grep -q '"rank":2[^}]*"what":"compute"' "$work/out"; }
check "dail tail has nobody any more" wait_for 60 nobody
stop_run
is "it was said once" "$(slows "$run" compute | grep '^2 ' | head -n 2 | tr '\n' ',')" "2 begins,2 ends,"
if command -v gnuplot >/dev/null; then
    timeout $((120 * slow)) "$build/dail" report --fast -o "$work/report.html" "$run" >"$work/out" 2>&1
    says "the report has who, by how much, and until when" \
        "^<tr><td>2</td><td class=\"text\">$host</td><td class=\"text\">compute</td>(<td>[0-9.]+</td>){4}.*[0-9]" "$work/report.html"
else
    skip "gnuplot is not there"
fi

# --- Images that come slowly: 150 ms a read, of the first ones ---

reads=$(seq -s, -f 'read:%.0f' 1 400)
more=
start_slow "$work/data_run" DAIL_FAULT_PATH=/data/tiny DAIL_FAULT_SECONDS=0.15 DAIL_FAULT_AT="$reads"
check "slow images are found" wait_for 90 has_begun "$run" data 2
check "and named" warned "$run" "^rank 2@$host waits [0-9.]+ s of each step for its images, [0-9]+% of the time"
stop_run

# --- A disk that syncs slowly, at the first checkpoint ---

more="--set checkpoint.every_steps=20"
start_slow "$work/disk" DAIL_FAULT_PATH=/checkpoints DAIL_FAULT_SECONDS=3 DAIL_FAULT_AT=fsync:1
check "a slow disk is found" wait_for 90 has_begun "$run" disk 2
check "and named" warned "$run" "^rank 2@$host took [0-9.]+ s to write its part of a checkpoint"
check "and that it is over" wait_for 90 has_ended "$run" disk 2
check "is said" warned "$run" "^rank 2@$host writes checkpoints at the usual speed again"
stop_run

for log in "$work"/*/status.jsonl; do
    "$build/dail" info "$log" >"$work/info" 2>&1
    check "every record of $(basename "$(dirname "$log")") is as dail-status(5) has it" sh -c '
        cat "$0"; grep -q "status log of [1-9]" "$0" && ! grep -q ^damaged "$0"' "$work/info"
done
finish
