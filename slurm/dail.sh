#!/bin/bash
# Trains on an HPC cluster:  sbatch slurm/dail.sh CONFIG [--set KEY=VALUE...]
#
# Ask for nodes and tasks on sbatch's command line; partition and account may also stand in SBATCH_PARTITION and
# SBATCH_ACCOUNT. One task is the coordinator; the others share the run's lanes, and those without which a step takes no
# longer are spares:
#   sbatch --nodes=2 --ntasks=9 --cpus-per-task=4 slurm/dail.sh etc/comb.yaml
#
# With Open MPI the run is under dail run: a rank or a node that is lost is replaced within the job, by spares where
# there are any, else by going on with fewer workers. The job goes back in the queue, to go on from its newest checkpoint
# on whatever nodes it is then given,
#   - two minutes before its time limit, when it is told to stop: it checkpoints and exits with 75; a launcher that does
#     not end is killed shortly before the limit, for Slurm takes no job back that has run into it;
#   - when too few workers are left, or a loss is more than the run comes through.
# It does not when it is done, cancelled, or ended by its configuration (2), data (3), numbers (4) or disk (6), nor when
# starts in a row made no new checkpoint. All restarts write to one log, whose last line says how the job ended.
# "scancel --batch --signal=TERM JOB" ends it with a checkpoint; a plain scancel leaves mpirun's ranks a second for one.
#
# DAIL_RESTARTS     so many starts in a row may make no new checkpoint, within the job and over its returns to the queue
#                   (default: 3)
# DAIL_WORKERS_MIN  with fewer workers left the job goes back in the queue (default: half of them)
# DAIL_BUILD        the folder of daild and dail (default: build, else where PATH has them)
# DAIL_SETUP        a file that is sourced first: module load openmpi ...
# DAIL_CONTAINER    words before daild: apptainer exec dail.sif
# DAIL_STAGE        a command that each node runs before a start: rsync -a data/ /scratch/data
# DAIL_LAUNCHER     mpirun (default where it exists) or srun
# DAIL_MPI          srun's MPI plugin, where the cluster's default is not the one Open MPI was built with
# DAIL_BIND         0: mpirun binds no ranks to cores
#SBATCH --job-name=dail
#SBATCH --ntasks=3
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --no-kill
#SBATCH --open-mode=append
#SBATCH --output=dail-%j.log
set -u

say() { echo "dail.sh: $(date '+%F %T') $*"; }
fail() {
    say "ended: $1"
    exit 2
}

# What has to be over so many seconds before the time limit, and is killed else; where no limit is known, so long after
# it was told to stop.
margin=30
patience=90
patience_max=900

# deadline: how long what was told to stop may take
# shellcheck disable=SC2317 # the traps call it
deadline() {
    local end left=$patience
    end=$(scontrol show job "${SLURM_JOB_ID:-}" 2>/dev/null | sed -n 's/.*EndTime=\([0-9T:-]*\).*/\1/p' | head -n 1)
    [ -z "$end" ] || end=$(date -d "$end" +%s 2>/dev/null)
    [ -z "$end" ] || left=$((end - margin - $(date +%s)))
    [ "$left" -gt 1 ] || left=1
    [ "$left" -le "$patience_max" ] || left=$patience_max
    echo "$left"
}

# kill_launcher WHY: dail run ends mpirun by itself when it is interrupted twice
# shellcheck disable=SC2317
kill_launcher() {
    say "$1: $launcher is killed"
    for signal in ${supervised:+INT INT 0 0 0 0 0 0 0 0 0 0}; do
        kill "-$signal" "$run" 2>/dev/null || break
        sleep 1
    done
    kill -KILL "$run" 2>/dev/null
    squeue --noheader --steps --jobs="${SLURM_JOB_ID:-}" --format=%i | grep -v -e batch -e extern | xargs -r scancel
}

# Launchers hand USR1 on to every rank, which then checkpoints and ends. The time limit's comes to this shell alone.
run=
told=
supervised=
# shellcheck disable=SC2317 # the traps call it
stop() {
    say "told to stop by SIG$1"
    [ -z "$run" ] || [ -n "$told" ] || {
        left=$(deadline)
        # While it starts it may not hear.
        while kill -USR1 "$run" 2>/dev/null && [ "$left" -gt 0 ]; do
            sleep $((left < 5 ? left : 5))
            left=$((left - 5))
        done
        ! kill -0 "$run" 2>/dev/null || kill_launcher "told to stop, and has not ended in time"
    } &
    told=$1
}
trap 'stop USR1' USR1
trap 'stop TERM' TERM

[ $# -ge 1 ] || fail "usage: sbatch slurm/dail.sh CONFIG [--set KEY=VALUE...]"
cd "${SLURM_SUBMIT_DIR:-.}" || fail "no folder $SLURM_SUBMIT_DIR on this node"
if [ -n "${DAIL_SETUP:-}" ]; then
    set +u # of modules' functions
    # shellcheck disable=SC1090
    . "$DAIL_SETUP" || fail "DAIL_SETUP=$DAIL_SETUP ended with an error"
    set -u
fi

# program NAME: where it is
program() {
    local path=${DAIL_BUILD:-build}/$1
    [ -x "$path" ] || [ -n "${DAIL_BUILD:-}" ] || path=$(command -v "$1")
    [ -x "$path" ] || fail "no $1 in ${DAIL_BUILD:-build}: build it, or name its folder by DAIL_BUILD"
    realpath "$path"
}
daild=$(program daild) || { echo "$daild"; exit 2; }
tasks=${SLURM_NTASKS:-3}
restart=${SLURM_RESTART_COUNT:-0}
limit=${DAIL_RESTARTS:-3}
launcher=${DAIL_LAUNCHER:-$(command -v mpirun >/dev/null && echo mpirun || echo srun)}
version=
[ "$launcher" != mpirun ] || version=$(mpirun --version 2>&1)
case $version in *"(Open MPI)"*) supervised=yes ;; esac
files=$(mktemp -d) || fail "no temporary folder"
trap 'rm -rf "$files"' EXIT

# Hardware threads that Slurm counts as a CPU each share their core's arithmetic units: a thread for each core.
node() { scontrol show node "${SLURMD_NODENAME:-none}" 2>/dev/null | sed -n "s/.*$1=\([0-9]*\).*/\1/p" | head -n 1; }
per_core() {
    local cpus cores
    cpus=$(node CPUTot)
    cores=$(($(node CoresPerSocket) + 0))
    cores=$((cores * ($(node Sockets) + 0)))
    if [ "${SLURM_HINT:-}" = nomultithread ] || [ "${SLURM_THREADS_PER_CORE:-}" = 1 ] || [ $cores = 0 ]; then
        echo 1
    else
        echo $((cpus > cores ? cpus / cores : 1))
    fi
}
shared=$(per_core)
threads=$(((${SLURM_CPUS_PER_TASK:-1} + shared - 1) / shared))
export OMP_NUM_THREADS=$threads

# --- How many workers ---

case $launcher in mpirun | srun) ;; *) fail "DAIL_LAUNCHER=$launcher is neither mpirun nor srun" ;; esac
[ "$tasks" -ge 2 ] || fail "a coordinator and a worker need two tasks: sbatch --ntasks=3"
# shellcheck disable=SC2086 # words
config=$(${DAIL_CONTAINER:-} "$daild" --print-config "$@") || fail "the configuration does not stand (see above)"
setting() { sed -n "s/^ *$1: \"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" <<<"$config" | head -n 1; }

# A run's lanes are fixed from its first checkpoint on; before that data.lanes says, where `auto` fits any number.
dir=$(setting dir)
case $(setting resume) in
auto) checkpoints=("$dir"/checkpoints/step-?????????) ;;
*) checkpoints=("$(setting resume)") ;;
esac
lanes=$(sed -s -n 's/^lanes: //p' "${checkpoints[@]/%//state.yaml}" 2>/dev/null | tail -n 1)
[ -n "$lanes" ] || lanes=$(setting lanes)
workers=$((tasks - 1))
if [ "$lanes" != auto ]; then
    # Of so many the fewest with which a step takes no more rounds.
    [ $workers -le "$lanes" ] || workers=$lanes
    rounds=$(((lanes + workers - 1) / workers))
    workers=$(((lanes + rounds - 1) / rounds))
fi

say "job ${SLURM_JOB_ID:-none}, restart $restart, nodes ${SLURM_JOB_NODELIST:-$(hostname)}," \
    "$workers workers of $threads threads, lanes: $lanes, by $launcher"
idle=$((tasks - 1 - workers))
[ $idle = 0 ] || say "$idle of $tasks tasks stay idle: a step of $lanes lanes takes no longer without"
[ "$shared" = 1 ] || say "$shared hardware threads share a core: ${SLURM_CPUS_PER_TASK:-1} of them compute in $threads threads"

# --- Launchers ---

# shellcheck disable=SC2086 # words
if [ -n "${DAIL_CONTAINER:-}" ]; then
    wrapper=${dir%/}/daild.sh # which every node has to see
    mkdir -p "$dir"
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$DAIL_CONTAINER" "$daild" >"$wrapper.tmp" &&
        chmod +x "$wrapper.tmp" && mv "$wrapper.tmp" "$wrapper"
    [ -x "$wrapper" ] || fail "$wrapper cannot be written"
    daild=$wrapper
fi

# hostfile: nodes and the workers that each may have; the coordinator takes one task of the first
hostfile() {
    local counts=() node count of
    for of in ${SLURM_TASKS_PER_NODE//,/ }; do # "2(x3),1"
        count=${of#*x}
        [ "$count" != "$of" ] && count=${count%)} || count=1
        while [ $((count--)) -gt 0 ]; do counts+=("${of%%(*}"); done
    done
    counts[0]=$((counts[0] - 1))
    for node in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
        [ "${counts[0]}" -lt 1 ] || echo "$node slots=${counts[0]}"
        counts=("${counts[@]:1}")
    done
}

# supervise OPTION OF DAILD...: under dail run, which reaches the job's other nodes by srun
# shellcheck disable=SC2016 # for the agent's shell
supervise() {
    local dail words=(--bind-to core --map-by "slot:PE=$threads")
    dail=$(program dail) || { echo "$dail"; exit 2; }
    [ "${DAIL_BIND:-1}" != 0 ] || words=(--bind-to none)
    local options=(-n "$workers" --restarts "$limit" --at-least "${DAIL_WORKERS_MIN:-$(((workers + 1) / 2))}" --daild "$daild")
    if [ -n "${SLURM_JOB_NODELIST:-}" ]; then
        hostfile >"$files/hosts"
        # What a step held on the nodes that are left stays held while it waits for the lost one: mpirun's srun has to
        # overlap with it, as this one does.
        export SLURM_OVERLAP=1
        printf '#!/bin/sh\nhost=$1\nshift\nexec srun --overlap --no-kill --nodes=1 --ntasks=1 --nodelist="$host" sh -c "$*"\n' \
            >"$files/agent"
        chmod +x "$files/agent"
        export OMPI_MCA_plm_rsh_agent=$files/agent
        options+=(--hostfile "$files/hosts")
    fi
    exec "$dail" run "${options[@]}" "$@" -- "${words[@]}"
}

# launch OPTION OF DAILD... by the options of each MPI. Intel's mpirun is a shell script, which USR1 would end.
launch() {
    local ranks=$((workers + 1))
    [ -z "$supervised" ] || supervise "$@"
    case $launcher:${DAIL_BIND:-1}:$version in
    mpirun:0:*Intel*) exec mpiexec.hydra -n "$ranks" -genv I_MPI_PIN 0 "$daild" "$@" ;;
    mpirun:*:*Intel*) exec mpiexec.hydra -n "$ranks" -genv I_MPI_PIN_CELL core -genv I_MPI_PIN_DOMAIN "$threads" "$daild" "$@" ;;
    mpirun:0:*HYDRA*) exec mpirun -n "$ranks" -bind-to none "$daild" "$@" ;;
    mpirun:*:*HYDRA*) exec mpirun -n "$ranks" -bind-to "core:$threads" "$daild" "$@" ;;
    mpirun:*:*) exec mpirun -n "$ranks" "$daild" "$@" ;;
    srun:*) exec srun --ntasks="$ranks" --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" ${DAIL_MPI:+--mpi="$DAIL_MPI"} "$daild" "$@" ;;
    esac
}

# --- The run ---

# The exit code that the run wrote to its own log as its last word, once it has: launchers that lose a node, or get a
# TERM, have another or none.
last_word() { tail -n 1 "$dir/status.jsonl" 2>/dev/null; }
before=$(last_word)
own_code() { [ "$(last_word)" = "$before" ] || last_word | sed -n 's/.*"kind":"stop".*"exit_code":\([0-9]*\)}$/\1/p'; }

# watch: ends a launcher that hangs, as mpirun can for ever when it has lost a node: after the run's end, or when the
# coordinator, which touches its log about once a second, has not for ten minutes. Before there is a log the mark of the
# start stands for it: a rank that sleeps before MPI has come up keeps all others waiting.
mark=$files
silent() {
    local sign=$dir/daild.log
    [ -e "$sign" ] || sign=$mark
    [ -n "$(find "$sign" -maxdepth 0 -mmin +10 2>/dev/null)" ]
}
watch() {
    while sleep 5; do
        if [ -n "$(own_code)" ]; then
            sleep 20
            kill_launcher "the run has ended, but not $launcher"
        elif silent; then
            kill_launcher "no sign of life from the run in ten minutes"
        else
            continue
        fi
        return
    done
}

newest() { printf '%s\n' "$dir"/checkpoints/step-????????? | tail -n 1; }
checkpoint=$(newest)

code=75
own=
staged=0
if [ -z "$told" ] && [ -n "${DAIL_STAGE:-}" ]; then
    say "each node runs: $DAIL_STAGE"
    srun --ntasks="${SLURM_JOB_NUM_NODES:-1}" --ntasks-per-node=1 sh -c "$DAIL_STAGE" &
    run=$!
    while kill -0 $run 2>/dev/null; do wait $run; done
    wait $run || staged=$?
    run=
fi
if [ -z "$told" ] && [ $staged = 0 ]; then
    touch -c "$dir/daild.log" "$mark" # an earlier run's age is no sign of this one
    launch "$@" --set "runtime.threads=$threads" &
    run=$!
    watcher= # dail run is one itself
    [ -n "$supervised" ] || { watch & watcher=$!; }
    while kill -0 $run 2>/dev/null; do wait $run; done # a trapped signal ends a wait early
    wait $run
    code=$?
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
    own=$(own_code)
    [ -z "$supervised" ] || own=
    code=${own:-$code}
fi

# --- What becomes of the job ---

# requeue WHY: the last line is said before, for Slurm ends this script as the job goes back. How many starts in a row
# made no new checkpoint stands in the run's folder.
requeue() {
    local returns=0
    if [ "$(newest)" = "$checkpoint" ]; then
        [ "$restart" = 0 ] || read -r returns <"$dir/slurm-returns" 2>/dev/null
        returns=$((returns + 1))
    fi
    mkdir -p "$dir" && echo "$returns" >"$dir/slurm-returns"
    if [ "$returns" -gt "$limit" ]; then
        say "ended: $1, and $returns starts in a row made no new checkpoint; see what they failed of, then submit again"
    else
        trap '' TERM # which comes as the job goes back
        say "back in the queue: $1"
        scontrol requeue "${SLURM_JOB_ID:-}" ||
            say "ended: $1, and the queue does not take the job back; submit again to go on"
    fi
}

[ $staged = 0 ] || {
    requeue "DAIL_STAGE ended with $staged on some node"
    exit 5
}
case $code:$told in
0:*) say "done" ;;
2:*) say "ended: a mistake in the configuration or the command line" ;;
3:*) say "ended: data that are missing, corrupt or inconsistent" ;;
4:*) say "ended: a loss or gradient that is not finite" ;;
6:*) say "ended: a write failed, or the disk is full; with room, submit again to go on" ;;
*:TERM)
    [ "$code" != 75 ] || [ -z "$run" ] || say "a checkpoint is in place"
    say "ended by SIGTERM: if you cancelled it, submit again to go on; if a node failed, it is back in the queue already"
    ;;
75:*) requeue "stopped on request" ;;
*:USR1) requeue "told to stop, it did not end in time" ;;
*) requeue "a rank or a node was lost (exit code $code)" ;;
esac
exit "$code"
