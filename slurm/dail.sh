#!/bin/bash
# Trains on an HPC cluster:  sbatch slurm/dail.sh CONFIG [options of daild]
#
# Ask for nodes and tasks on sbatch's command line. One task is the coordinator; of the others as many work as
# divide the run's lanes evenly, and the rest stay idle:
#   sbatch --nodes=2 --ntasks=9 --cpus-per-task=4 slurm/dail.sh etc/comb.yaml
#
# The job goes back in the queue, to go on from its newest checkpoint on whatever nodes it is then given,
#   - two minutes before its time limit, when it is told to stop: it checkpoints and exits with 75;
#   - when a node or a rank is lost.
# It does not when it is done, cancelled, or ended by its configuration (2), data (3), numbers (4) or disk (6).
# All restarts write to one log, whose last line says how the job ended. "scancel --batch --signal=TERM JOB" ends it
# with a checkpoint; a plain scancel leaves mpirun's ranks a second for one.
#
# DAIL_RESTARTS  how often it goes back in the queue at most (default: 100)
# DAIL_BUILD     the folder of daild (default: build, else where PATH has it)
# DAIL_LAUNCHER  mpirun (default where it exists) or srun
# DAIL_MPI       srun's MPI plugin, where the cluster's default is not the one Open MPI was built with
# DAIL_BIND      0: mpirun binds no ranks to cores
#SBATCH --job-name=dail
#SBATCH --ntasks=3
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=dail-%j.log
set -u

say() { echo "dail.sh: $(date '+%F %T') $*"; }
fail() {
    say "ended: $1"
    exit 2
}

# Both launchers hand USR1 on to every rank, which then checkpoints and ends. The time limit's comes to this shell alone.
run=
told=
# shellcheck disable=SC2317 # the traps call it
stop() {
    told=$1
    say "told to stop by SIG$1"
    [ -z "$run" ] || while kill -USR1 "$run" 2>/dev/null; do sleep 5; done & # while it starts it may not hear
}
trap 'stop USR1' USR1
trap 'stop TERM' TERM

[ $# -ge 1 ] || fail "usage: sbatch slurm/dail.sh CONFIG [options of daild]"
cd "${SLURM_SUBMIT_DIR:-.}" || fail "no folder $SLURM_SUBMIT_DIR on this node"

daild=${DAIL_BUILD:-build}/daild
[ -x "$daild" ] || [ -n "${DAIL_BUILD:-}" ] || daild=$(command -v daild)
[ -x "$daild" ] || fail "no daild in ${DAIL_BUILD:-build}: build it, or name its folder by DAIL_BUILD"
tasks=${SLURM_NTASKS:-3}
threads=${SLURM_CPUS_PER_TASK:-1}
restart=${SLURM_RESTART_COUNT:-0}
launcher=${DAIL_LAUNCHER:-$(command -v mpirun >/dev/null && echo mpirun || echo srun)}
export OMP_NUM_THREADS=$threads
version=
[ "$launcher" != mpirun ] || version=$(mpirun --version 2>&1)

# launch RANKS COMMAND... by the options of each MPI. Intel's mpirun is a shell script, which USR1 would end.
launch() {
    local ranks=$1
    shift
    case $launcher:${DAIL_BIND:-1}:$version in
    mpirun:0:*Intel*) exec mpiexec.hydra -n "$ranks" -genv I_MPI_PIN 0 "$@" ;;
    mpirun:*:*Intel*) exec mpiexec.hydra -n "$ranks" -genv I_MPI_PIN_CELL core -genv I_MPI_PIN_DOMAIN "$threads" "$@" ;;
    mpirun:0:*HYDRA*) exec mpirun -n "$ranks" -bind-to none "$@" ;;
    mpirun:*:*HYDRA*) exec mpirun -n "$ranks" -bind-to "core:$threads" "$@" ;;
    mpirun:0:*) exec mpirun -n "$ranks" --bind-to none "$@" ;;
    mpirun:*) exec mpirun -n "$ranks" --map-by "slot:PE=$threads" --bind-to core "$@" ;;
    srun:*) exec srun --ntasks="$ranks" --cpus-per-task="$threads" ${DAIL_MPI:+--mpi="$DAIL_MPI"} "$@" ;;
    esac
}

# --- How many workers ---

case $launcher in mpirun | srun) ;; *) fail "DAIL_LAUNCHER=$launcher is neither mpirun nor srun" ;; esac
[ "$tasks" -ge 2 ] || fail "a coordinator and a worker need two tasks: sbatch --ntasks=3"
config=$(launch 1 "$daild" --print-config "$@") || fail "the configuration does not stand (see above)"
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
while [ "$lanes" != auto ] && [ $((lanes % workers)) != 0 ]; do workers=$((workers - 1)); done

say "job ${SLURM_JOB_ID:-none}, restart $restart, nodes ${SLURM_JOB_NODELIST:-$(hostname)}," \
    "$workers workers of $threads threads, lanes: $lanes, by $launcher"
idle=$((tasks - 1 - workers))
[ $idle = 0 ] || say "$idle of $tasks tasks stay idle: no more workers share $lanes lanes evenly"

# --- The run ---

# The exit code that the run wrote to its own log as its last word, once it has: launchers that lose a node, or get a
# TERM, have another or none.
last_word() { tail -n 1 "$dir/status.jsonl" 2>/dev/null; }
before=$(last_word)
own_code() { [ "$(last_word)" = "$before" ] || last_word | sed -n 's/.*"kind":"stop".*"exit_code":\([0-9]*\)}$/\1/p'; }

# watch: ends a launcher that hangs, as mpirun can for ever when it has lost a node: after the run's end, or when the
# coordinator, which touches its log about once a second, has not for ten minutes. Before there is a log the mark of the
# start stands for it: a rank that sleeps before MPI has come up keeps all others waiting.
mark=
silent() {
    local sign=$dir/daild.log
    [ -e "$sign" ] || sign=$mark
    [ -n "$(find "$sign" -mmin +10 2>/dev/null)" ]
}
watch() {
    while sleep 5; do
        if [ -n "$(own_code)" ]; then
            sleep 20
            say "the run has ended, but not $launcher, which is killed now"
        elif silent; then
            say "no sign of life from the run in ten minutes: $launcher is killed"
        else
            continue
        fi
        kill -KILL "$run"
        squeue --noheader --steps --jobs="${SLURM_JOB_ID:-}" --format=%i | grep -v batch | xargs -r scancel
        return
    done
}

code=75
own=
if [ -z "$told" ]; then
    touch -c "$dir/daild.log" # an earlier run's age is no sign of this one
    mark=$(mktemp)
    launch $((workers + 1)) "$daild" "$@" --set "runtime.threads=$threads" &
    run=$!
    watch &
    watcher=$!
    while kill -0 $run 2>/dev/null; do wait $run; done # a trapped signal ends a wait early
    wait $run
    code=$?
    kill $watcher 2>/dev/null
    rm -f "$mark"
    own=$(own_code)
    code=${own:-$code}
fi

# --- What becomes of the job ---

# requeue WHY: the last line is said before, for Slurm ends this script as the job goes back
requeue() {
    if [ "$restart" -ge "${DAIL_RESTARTS:-100}" ]; then
        say "ended: $1, after $restart restarts, as many as DAIL_RESTARTS allows; submit again to go on"
    else
        say "back in the queue: $1"
        scontrol requeue "${SLURM_JOB_ID:-}" ||
            say "ended: $1, and the queue does not take the job back; submit again to go on"
    fi
}

case $code:$told in
0:*) say "done" ;;
2:*) say "ended: a mistake in the configuration or the command line" ;;
3:*) say "ended: data that are missing, corrupt or inconsistent" ;;
4:*) say "ended: a loss or gradient that is not finite" ;;
6:*) say "ended: a write failed, or the disk is full; with room, submit again to go on" ;;
*:TERM)
    [ "$own" != 75 ] || say "a checkpoint is in place"
    say "ended by SIGTERM: if you cancelled it, submit again to go on; if a node failed, it is back in the queue already"
    ;;
75:*) requeue "stopped on request" ;;
*) requeue "a rank or a node was lost (exit code $code)" ;;
esac
exit "$code"
