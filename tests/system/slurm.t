#!/bin/sh
# slurm/dail.sh and slurm/dail-pack.sh under a real Slurm of three nodes, all on this machine.
. "$(dirname "$0")/lib.sh"

PATH=$PATH:/usr/sbin:/sbin
etc/install-deps.sh --if-missing --slurm >"$work/said" 2>&1 ||
    skip_all "Slurm cannot be installed: $(tail -n 1 "$work/said")"

# --- Slurm ---

cluster=$work/slurm
export SLURM_CONF="$cluster/slurm.conf"
# Several nodes on one host share its memory and its cores: the transport through shared memory would take them for
# one node, and there is nothing to bind to. All of it stays on this machine.
export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo DAIL_BIND=0
export DAIL_BUILD="$build"

# free_ports: the first of four TCP ports in a row that nobody listens on
free_ports() {
    perl -MIO::Socket::INET -e '
        for (my $port = 20000 + $$ % 2500 * 4; ; $port += 4) {
            my @held = grep { $_ } map { IO::Socket::INET->new(LocalPort => $port + $_, Listen => 1) } 0 .. 3;
            if (@held == 4) { print $port; exit }
        }'
}

write_slurm_conf() {
    port=$(free_ports)
    host=$(hostname -s)
    cat >"$SLURM_CONF" <<END
ClusterName=dail
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.socket
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool-%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd-%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SlurmdTimeout=120
KillWait=5
NodeName=n[1-3] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 3))] CPUs=4
PartitionName=all Nodes=ALL Default=YES State=UP
END
}

start_slurm() {
    mkdir -p "$cluster/state"
    (umask 077 && head -c 1024 /dev/urandom >"$cluster/munge.key")
    munged --force --key-file="$cluster/munge.key" --socket="$cluster/munge.socket" --pid-file="$cluster/munged.pid" \
        --log-file="$cluster/munged.log" --seed-file="$cluster/munge.seed" || return 1
    write_slurm_conf
    slurmctld && slurmd -N n1 && slurmd -N n2 && slurmd -N n3
}

nodes_idle() { [ "$(sinfo -h -N -o %t | grep -cx idle)" = "$1" ]; }

# processes [NODE]: of this Slurm's jobs, with the slurmstepd above each; of all nodes or of one
processes() {
    grep -lzx "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ 2>/dev/null |
        xargs grep -lzx "SLURMD_NODENAME=${1:-.*}" 2>/dev/null | cut -d / -f 3 | while read -r pid; do
        echo "$pid"
        above=$(ps -o ppid= -p "$pid" | tr -d ' ')
        [ "$(ps -o comm= -p "${above:-0}" 2>/dev/null)" != slurmstepd ] || echo "$above"
    done | sort -u
}

# shellcheck disable=SC2046
stop_slurm() {
    kill -KILL $(cat "$cluster"/slurmd-*.pid "$cluster/slurmctld.pid" 2>/dev/null) 2>/dev/null
    kill -KILL $(processes) 2>/dev/null
    kill -TERM $(cat "$cluster/munged.pid" 2>/dev/null) 2>/dev/null
}
trap 'stop_slurm; clean_up' EXIT

# power_off NODE: as a power cut would end it
# shellcheck disable=SC2046
power_off() { kill -KILL $(cat "$cluster/slurmd-$1.pid") $(processes "$1"); }

# --- Jobs ---

# submit OPTION...: with the configuration $work/config.yaml and the run directory $run; $batch is its number, $log its log
submit() {
    log=$run.log
    batch=$(sbatch --parsable --output="$log" "$@" slurm/dail.sh "$work/config.yaml" --set "run.dir=$run" 2>&1) ||
        { echo "# sbatch: $batch"; exit 1; }
}

job_says() { scontrol show job "$batch" | sed -n "s/.*$1=\([A-Za-z0-9_:]*\).*/\1/p" | head -n 1; }
# Minutes of "hh:mm:ss"
minutes() { awk -F : '{ print $1 * 60 + $2 }'; }
job_is() { [ "$(job_says JobState)" = "$1" ]; }

# shows NAME COMMAND...: its success; where it fails, what the job and Slurm say of it, and without it the rest makes no sense
shows() {
    name=$1
    shift
    "$@" || { squeue -t all -l; sinfo -N; tail -n 15 "$log" "$cluster/slurmctld.log"; false; } >"$work/said" 2>&1
    verdict "$name" || { finish; exit 1; }
}

# reaches NAME SECONDS STATE: the job comes to that state
reaches() { shows "$1" wait_for "$2" job_is "$3"; }

has_begun() { job_is RUNNING || job_is COMPLETED; }

# begins_again NAME: a requeued job sits in the queue for two minutes or so, here until its nodes are free and three seconds
# more. slurmd takes a job for revoked that comes back within the second in which it has ended it, or has come back itself.
begins_again() {
    wait_for 60 nodes_idle 3
    sleep 3
    scontrol update JobId="$batch" StartTime=now 2>/dev/null
    shows "$1" wait_for 20 has_begun
}

last_line() { grep '^dail.sh: ' "$log" | tail -n 1 | cut -d ' ' -f 4-; }

# tail_says CODE STATE: dail tail --once on $run, which may be slow on this machine
tail_says() {
    timeout 30 "$build/dail" tail --once --json --stale 300 "$run" >"$work/out" 2>&1
    is "dail tail: $2" "$? $(perl -MJSON::PP -e 'print decode_json(<>)->{state}' "$work/out" 2>&1)" "$1 $2"
}

# epochs N: of the configuration, which a job reads anew at each start
epochs() { sed -i "s/epochs: [0-9]*/epochs: $1/" "$work/config.yaml"; }
# Two epochs more than there are
almost_done() { epochs $(($(last_step "$run") / 13 + 2)); }

no_step_twice_or_lost() {
    records "$run" step '$r->{step}' | perl -ne '$_ == ++$n or die "step $_ where $n was due\n"'
}

# --- It starts ---

make_data
make_config
sed -i 's/^runtime: {/&liveness_seconds: 3, /' "$work/config.yaml"
echo 'checkpoint: {every_steps: 10}' >>"$work/config.yaml"
start_slurm >"$work/said" 2>&1 && wait_for 60 nodes_idle 3
if ! verdict "Slurm starts, with three nodes"; then
    tail -n 20 "$cluster"/*.log | sed 's/^/#   /'
    finish
    exit 1
fi

# --- A time limit ---

run=$work/limited
timeout 30 "$build/dail" tail --once "$run" >"$work/out" 2>&1
is "dail tail before the job: no log" $? 1
epochs 5000
submit --nodes=2 --ntasks=4 --ntasks-per-node=2 --time=10 --signal=B:USR1@60
shows "a job of two nodes trains" wait_for 60 at_step "$run" 20
tail_says 0 running
says "of four tasks for four lanes two work, one is idle" '1 of 4 tasks stay idle' "$log"
# Slurm looks every 30 s, and gives its warning up to 30 s early.
scontrol update JobId="$batch" TimeLimit=$(($(job_says RunTime | minutes) + 2))
reaches "its time limit near, it goes back in the queue" 60 PENDING
is "with its last word" "$(last_line)" "back in the queue: stopped on request"
to=$(last_step "$run")
is "and a checkpoint of its last step" "$(newest_checkpoint "$run")" "$run/checkpoints/$(printf 'step-%09d' "$to")"
tail_says 0 stopped
almost_done
begins_again "it starts again"
reaches "and comes to its end" 40 COMPLETED
is "with its last word" "$(last_line)" "done"
tail_says 0 'done'
is "it went on from that checkpoint" "$(records "$run" start '$r->{resumed_from} // ""' | tail -n 1)" \
    "$run/checkpoints/$(printf 'step-%09d' "$to")"
check "no step is lost or trained twice" no_step_twice_or_lost
is "one log has both starts" "$(grep -c '^dail.sh: .* job .* restart' "$log")" 2

# --- A lost rank, then a lost node ---

starts() { records "$1" start 1 | wc -l; }
has_starts() { [ "$(starts "$run")" -ge "$1" ]; }

# goes_on: no start but the first goes on from before the newest checkpoint that was told of, and the step behind it comes next
goes_on() {
    perl -MJSON::PP -ne '$r = eval { decode_json($_) } or next; $kind = $r->{kind};
        $saved = $r->{step} if $kind eq "checkpoint";
        if ($kind eq "start" && $starts++) { $r->{step} >= $saved && $saved > 0 or die "from $r->{step}, not $saved\n"; $due = $r->{step} + 1 }
        if ($kind eq "step") { !$due || $r->{step} == $due or die "step $r->{step}, not $due\n"; $due = 0 }
        END { print "$starts starts\n" }' "$run/status.jsonl"
}

run=$work/lost
epochs 5000
submit --nodes=2 --ntasks=3 --ntasks-per-node=2 --time=60
shows "a coordinator and a worker on one node, a worker on another" wait_for 60 at_step "$run" 20
is "they are" "$(for node in n1 n2; do processes $node | xargs ps -o comm= -p | grep -c daild; done | xargs)" "2 1"
kill -KILL "$(records "$run" start '$r->{workers}[0]{pid}' | tail -n 1)"
shows "a killed rank: started again within the job" wait_for 60 has_starts 2
to=$(($(last_step "$run") + 50))
shows "and trains on" wait_for 60 at_step "$run" $to
check "from its newest checkpoint" goes_on
is "with both workers" "$(records "$run" start 'scalar @{$r->{workers}}' | tail -n 1)" 2
power_off n2
shows "a lost node: started again on the other" wait_for 120 has_starts 3
scontrol update NodeName=n2 State=DOWN Reason="no power"
to=$(($(last_step "$run") + 20))
shows "and trains on" wait_for 60 at_step "$run" $to
check "from its newest checkpoint, too" goes_on
is "with the worker that is left" "$(records "$run" start 'scalar @{$r->{workers}}' | tail -n 1)" 1
says "the log says who is left out" 'dail run: n2 does not answer and is left out' "$log"
is "all in the one job" "$(job_says JobState) $(job_says Restarts)" "RUNNING 0"
scancel --batch --signal=TERM "$batch"
reaches "told to end, it ends" 60 FAILED
says "with a checkpoint" '^dail.sh: .* a checkpoint is in place' "$log"
tail_says 0 stopped

# Where one worker is too few, the job goes back in the queue, and on other nodes it has as many as before.
run=$work/too-few
export DAIL_WORKERS_MIN=2
submit --nodes=2 --ntasks=3 --ntasks-per-node=2 --time=60 # n2 is down: on n1 and n3
shows "another job of two nodes" wait_for 60 at_step "$run" 20
unset DAIL_WORKERS_MIN
power_off n3
shows "with too few workers left: back in the queue" wait_for 120 grep -q '^dail.sh: .* back in the queue' "$log"
# By itself Slurm waits for SlurmdTimeout before it believes that the job has left the node.
scontrol update NodeName=n3 State=DOWN Reason="no power"
reaches "where it is" 60 PENDING
says "it says so" 'dail run: .* room for 1 workers, and --at-least asks for 2' "$log"
says "with its last word" '^dail.sh: .* back in the queue: a rank or a node was lost' "$log"
# mpirun may have killed the coordinator before it could say what was lost: then the log just ends.
timeout 30 "$build/dail" tail --once --stale 1 "$run" >"$work/out" 2>&1
code=$?
check "dail tail: failed or stalled" test $code = 4 -o $code = 3
for node in n2 n3; do
    slurmd -N $node
    scontrol update NodeName=$node State=RESUME
done 2>/dev/null
almost_done
begins_again "it starts again"
reaches "and comes to its end" 60 COMPLETED
is "with its last word" "$(last_line)" "done"
tail_says 0 'done'
check "each start from the newest checkpoint" goes_on

# --- Cancelled ---

run=$work/cancelled
epochs 5000
submit --ntasks=3 --time=60
shows "a job of one node trains" wait_for 60 at_step "$run" 20
scancel "$batch"
reaches "scancel ends it" 60 CANCELLED
check "with its last word" wait_for 20 grep -q '^dail.sh: .* ended by SIGTERM: if you cancelled it, submit again' "$log"

# srun starts ranks by PMIx, which here works within one node: the nodes share this host's folder for it.
run=$work/by-srun
export DAIL_LAUNCHER=srun DAIL_MPI=pmix_v4
submit --nodes=1 --ntasks=3 --time=60
shows "a job by srun trains" wait_for 60 at_step "$run" 20
scancel --batch --signal=TERM "$batch"
reaches "the script told to end: it ends" 60 FAILED
says "with a checkpoint" '^dail.sh: .* a checkpoint is in place' "$log"
is "of its last step" "$(newest_checkpoint "$run")" "$run/checkpoints/$(printf 'step-%09d' "$(last_step "$run")")"
tail_says 0 stopped
is "and is not in the queue" "$(squeue -h | wc -l)" 0

# --- Packing by an array ---

mkdir -p "$work/faces/one"
"$build/dail" synth --sheet "$work/faces/one/1.png" >/dev/null 2>&1
for name in a b c; do
    echo "$name $work/faces --size 32" >>"$work/list"
done
sbatch --wait --array=1-3 --output="$work/pack-%a.log" slurm/dail-pack.sh "$work/list" "$work/packed" >"$work/said" 2>&1
verdict "an array of three packs three datasets"
is "one each" "$(grep -l '1 images' "$work"/pack-?.log | wc -l)" 3
check "all of them" "$build/dail" verify "$work"/packed/a.yaml "$work"/packed/b.yaml "$work"/packed/c.yaml
is "each log ends with done" "$(tail -q -n 1 "$work"/pack-?.log | grep -c ' done$')" 3
finish
