#!/bin/sh
# slurm/dail.sh without Slurm: how many workers it starts, and what it does with each end of a run. Stand-ins take
# the place of mpirun and of Slurm's commands.
. "$(dirname "$0")/lib.sh"

make_data
make_config
mkdir "$work/bin"

# As a run, does what $ONCE says at its first start and ends with 5; else ends with $CODE, after the log's last word
# where $SAYS has one.
cat >"$work/bin/mpirun" <<'END'
#!/bin/bash
[ "$1" != --version ] || { echo "$VERSION"; exit; }
words="${0##*/} $*" ranks=
until [ "$1" = "$DAILD" ]; do
    [ "$1" != -n ] || ranks=$2
    shift
done
echo "$words" >"$DONE.words"
echo "$ranks ranks: $*" >>"$DONE"
echo '{"kind":"start","seq":1,"lanes":4,"step":0}' >>"$RUN/status.jsonl"
if [ -n "$ONCE" ] && [ ! -e "$DONE.once" ]; then
    touch "$DONE.once"
    eval "$ONCE"
    exit 5
fi
[ -n "$SAYS" ] || [ "$CODE" != 0 ] || SAYS=0
[ -z "$CONTAINED" ] || "$@" --version >/dev/null
[ -z "$SAYS" ] || printf '{"kind":"stop","reason":"x","exit_code":%s}\n' "$SAYS" >>"$RUN/status.jsonl"
[ -z "$SILENT" ] || touch -d "$SILENT" "$RUN/daild.log"
[ -z "$ASLEEP" ] || touch -d "$ASLEEP" "$TMPDIR"/tmp.*
[ -z "$DEAF" ] || trap '' USR1
[ -z "$HANGS" ] || exec sleep 600
exit "$CODE"
END
cp "$work/bin/mpirun" "$work/bin/mpiexec.hydra"
cat >"$work/bin/scontrol" <<'END'
#!/bin/sh
echo "scontrol $*" >>"$DONE"
case "$1 $2" in
"show hostnames") printf 'n1\nn2\n' ;;
"show job") [ -z "$ENDS" ] || date -d "$ENDS" +'   StartTime=Unknown EndTime=%FT%T Deadline=N/A' ;;
"show node") [ -z "$CPUS" ] || printf '   CoresPerSocket=4\n CPUAlloc=0 CPUTot=%s CPULoad=0\n Sockets=2 Boards=1\n' "$CPUS" ;;
esac
END
cat >"$work/bin/srun" <<'END'
#!/bin/sh
echo "srun $*" >>"$DONE"
for word; do
    case $word in --nodelist=*) [ ! -e "$DONE.${word#*=}.gone" ] || exit 1 ;; esac
done
while [ "$1" != sh ]; do shift; done
exec "$@"
END
printf '#!/bin/sh\n' | tee "$work/bin/squeue" >"$work/bin/scancel"
chmod +x "$work"/bin/*
export VERSION='mpirun (Open MPI) 4.1.4' DONE="$work/done" RUN="$work/run" CODE=0 SAYS='' HANGS='' SILENT='' ASLEEP='' ONCE='' DEAF='' ENDS='' CPUS=''
export CONTAINED='' DAIL_RESTARTS=1 DAIL_BUILD="$build"
DAILD=$(realpath "$build/daild")
export DAILD

# job COMMAND...: with the environment of a job
job() {
    rm -f "$DONE".*
    : >"$DONE"
    mkdir -p "$RUN"
    PATH="$work/bin:$PATH" SLURM_JOB_ID=7 SLURM_NTASKS="${tasks:-5}" SLURM_CPUS_PER_TASK=2 \
        SLURM_RESTART_COUNT="${restart:-0}" "$@"
}

# batch [OPTION of daild...]: dail.sh as Slurm starts it
batch() {
    job timeout 120 slurm/dail.sh "$work/config.yaml" "$@" >"$work/out" 2>&1
}

last_line() { tail -n 1 "$work/out" | cut -d ' ' -f 4-; }
requeued() { grep -cx 'scontrol requeue 7' "$DONE"; }
ranks() { sed -n 's/ ranks: .*//p' "$DONE"; }

# ends NAME CODE REQUEUED LAST-LINE: of the run that batch started
ends() {
    is "$1" "$2 $(requeued) $(last_line)" "$3 $4 $5"
}

# --- The number of workers ---

batch
is "five tasks for four lanes: four workers" "$(ranks)" 5
is "with the threads of a task" "$(grep -o 'runtime.threads=.*' "$DONE")" runtime.threads=2
tasks=4 batch
is "four tasks for four lanes: two workers" "$(ranks)" 3
says "and one idle, which it says" '1 of 4 tasks stay idle'
tasks=64 batch --set data.lanes=48
is "64 tasks for 48 lanes" "$(ranks)" 49
tasks=8 batch --set data.lanes=auto
is "auto takes all tasks at the first start" "$(ranks)" 8
mkdir -p "$RUN/checkpoints/step-000000010" "$work/elsewhere"
echo 'lanes: 6' | tee "$RUN/checkpoints/step-000000010/state.yaml" >"$work/elsewhere/state.yaml"
VERSION='HYDRA build details:' # dail run wants whole checkpoints
tasks=6 batch --set data.lanes=auto
is "and the checkpoint's lanes afterwards" "$(ranks)" 4
tasks=6 batch --set data.lanes=auto --set checkpoint.resume="$work/elsewhere"
is "or those of the checkpoint that the configuration names" "$(ranks)" 4
tasks=6 batch --set data.lanes=auto --set checkpoint.resume=never
is "and none of a run that begins anew" "$(ranks)" 6
VERSION='mpirun (Open MPI) 4.1.4'
rm -rf "$RUN/checkpoints"

# --- The ends ---

CODE=75
batch
ends "stopped on request" $? 75 1 "back in the queue: stopped on request"
for CODE in 5 137 139 1; do
    batch
    ends "lost: $CODE" $? $CODE 1 "back in the queue: a rank or a node was lost (exit code $CODE)"
done
for CODE in 2 3 4 6; do
    batch
    code=$?
    is "not requeued: $CODE" "$code $(requeued) $(last_line | cut -d : -f 1)" "$CODE 0 ended"
done
CODE=0 batch
ends "done" $? 0 0 "done"
CODE=139 SAYS=0
batch
ends "done, though mpirun says otherwise" $? 0 0 "done"
SAYS=

# --- Starts that lead nowhere ---

CODE=5
batch
is "a loss without a checkpoint: tried again in the job, then back in the queue" "$(ranks | wc -l) $(requeued)" "2 1"
restart=1 batch
code=$?
is "the second such start in a row ends the job" "$code $(requeued) $(last_line | cut -d , -f 2)" \
    "5 0  and 2 starts in a row made no new checkpoint; see what they failed of"
ONCE='mkdir -p $RUN/checkpoints/step-000000020' restart=2 batch
is "not one that made a checkpoint" "$(requeued)" 1
restart=3 batch
is "from which on they are counted anew" "$(requeued)" 1
batch
is "as they are in a job that was submitted again" "$(requeued)" 1
rm -rf "$RUN/checkpoints"

# --- Launchers that hang; of those that dail run knows it is tested by run.t ---

CODE=0 HANGS=1 SAYS=5 VERSION='HYDRA build details:'
batch
ends "an mpirun that hangs after the end" $? 5 1 "back in the queue: a rank or a node was lost (exit code 5)"
says "which it says" 'the run has ended, but not mpirun: mpirun is killed'
SAYS=
SILENT='11 minutes ago' CODE=9
batch
ends "an mpirun that hangs in the middle" $? 137 1 "back in the queue: a rank or a node was lost (exit code 137)"
says "which it says" 'no sign of life from the run in ten minutes: mpirun is killed'
rm -f "$RUN/daild.log"
mkdir "$work/tmp"
SILENT='' ASLEEP='11 minutes ago' TMPDIR=$work/tmp batch
ends "an mpirun whose ranks do not start" $? 137 1 "back in the queue: a rank or a node was lost (exit code 137)"
says "which it says" 'no sign of life from the run in ten minutes: mpirun is killed'
is "and leaves nothing behind" "$(ls "$work/tmp")" ""
SILENT=

# A time limit that comes near, and a launcher that does not heed it.
has_started() { grep -q ranks: "$DONE"; }
for VERSION in 'HYDRA build details:' 'mpirun (Open MPI) 4.1.4'; do
    DEAF=1 ENDS='35 seconds' HANGS=1 SAYS='' CODE=9
    : >"$DONE"
    job slurm/dail.sh "$work/config.yaml" >"$work/out" 2>&1 &
    script=$!
    wait_for 30 has_started
    kill -USR1 "$(child_of $script)" # the script that the shell waits for
    wait $script
    is "a deaf launcher is killed before the time limit: $VERSION" "$(requeued) $(last_line)" \
        "1 back in the queue: told to stop, it did not end in time"
    says "which it says" 'told to stop, and has not ended in time: mpirun is killed'
done
VERSION='mpirun (Open MPI) 4.1.4' HANGS='' DEAF='' ENDS='' CODE=0

# --- Nodes ---

export SLURM_JOB_NODELIST='n[1-2]' SLURM_TASKS_PER_NODE='3,2'
started_on() { sed -n 's/.* --host \([^ ]*\) .*/\1/p' "$DONE.words"; }
batch
is "workers are spread over the nodes, with the coordinator on the first" "$(started_on) $(ranks)" "n1:3,n2:2 5"
ONCE='touch $DONE.n2.gone' batch
ends "a node that is lost is left out" $? 0 0 "done"
is "and fewer work on" "$(started_on) $(ranks | xargs)" "n1:3 5 3"
SLURM_TASKS_PER_NODE='5,2' tasks=7 ONCE='touch $DONE.n2.gone' batch
is "where spares are, as many" "$(started_on) $(ranks | xargs)" "n1:5 5 5"
ONCE='touch $DONE.n2.gone' DAIL_WORKERS_MIN=3 batch
ends "too few left: back in the queue" $? 5 1 "back in the queue: a rank or a node was lost (exit code 5)"
says "which it says" 'room for 2 workers, and --at-least asks for 3'
DAIL_STAGE='echo staged >>$DONE.staged' batch
is "each node stages" "$(cat "$DONE.staged") $(grep -c '^srun --ntasks=.*--ntasks-per-node=1 ' "$DONE")" "staged 1"
DAIL_STAGE='exit 9' batch
ends "staging that fails" $? 5 1 "back in the queue: DAIL_STAGE ended with 9 on some node"
unset SLURM_JOB_NODELIST SLURM_TASKS_PER_NODE

CPUS=16 batch
is "two hardware threads a core: one computes" "$(grep -o 'runtime.threads=.*' "$DONE")" runtime.threads=1
CPUS=8 batch
is "CPUs that are cores" "$(grep -o 'runtime.threads=.*' "$DONE")" runtime.threads=2
CPUS=16 SLURM_HINT=nomultithread batch
is "a job that asked for cores" "$(grep -o 'runtime.threads=.*' "$DONE")" runtime.threads=2

# --- Hooks ---

echo 'FROM_SETUP=yes; export FROM_SETUP; echo "set up"' >"$work/setup.sh"
DAIL_SETUP=$work/setup.sh batch
ends "what sets up is sourced" $? 0 0 "done"
says "before all else" '^set up$'
echo 'return 3' >"$work/setup.sh"
DAIL_SETUP=$work/setup.sh batch
ends "and ends the job where it fails" $? 2 0 "ended: DAIL_SETUP=$work/setup.sh ended with an error"
printf '#!/bin/sh\necho "contained $*" >>"$DONE"\nexec "$@"\n' >"$work/bin/contain"
chmod +x "$work/bin/contain"
plain=$DAILD
DAILD=$RUN/daild.sh CONTAINED=1 DAIL_CONTAINER=contain
export DAIL_CONTAINER
batch
ends "in a container" $? 0 0 "done"
is "daild runs" "$(grep -c "^contained $plain --version\|^contained $plain $work/config.yaml .*--version" "$DONE")" 2
is "and tells the configuration" "$(grep -c "^contained $plain --print-config" "$DONE")" 1
unset DAIL_CONTAINER
DAILD=$plain CONTAINED=

printf '#!/bin/sh\n[ "$1" != --help ] || { echo "      --requeue[=expedite]"; exit; }\necho "sbatch $*"\n' >"$work/bin/sbatch"
chmod +x "$work/bin/sbatch"
is "a Slurm that expedites is asked to" "$(PATH=$work/bin:$PATH slurm/submit.sh --nodes=2 slurm/dail.sh x.yaml)" \
    "sbatch --requeue=expedite --nodes=2 slurm/dail.sh x.yaml"
sed -i 's/expedite//' "$work/bin/sbatch"
is "another is not" "$(PATH=$work/bin:$PATH slurm/submit.sh --nodes=2 slurm/dail.sh x.yaml)" "sbatch --nodes=2 slurm/dail.sh x.yaml"

tasks=1 batch
ends "one task" $? 2 0 "ended: a coordinator and a worker need two tasks: sbatch --ntasks=3"
batch --set optimizer.learning=1
ends "a mistake in the configuration" $? 2 0 "ended: the configuration does not stand (see above)"
# --- Each MPI's own options ---

# started_by MPI WORDS: how the last run was started, but for the number of ranks and their command line
started_by() { is "which is started by $1" "$(sed 's| [^ ]*/daild .*||; s| -n [0-9]*||' "$DONE.words")" "$2"; }
batch
check "which is started by Open MPI, bound to cores" grep -q -- ' --bind-to core --map-by slot:PE=2 -n 5 ' "$DONE.words"
VERSION='HYDRA build details:' batch
started_by "MPICH" "mpirun -bind-to core:2"
VERSION='Intel(R) MPI Library for Linux* OS, Version 2021.16' batch
started_by "Intel MPI" "mpiexec.hydra -genv I_MPI_PIN_CELL core -genv I_MPI_PIN_DOMAIN 2"
DAIL_BIND=0 VERSION='HYDRA build details:' batch
started_by "MPICH without binding" "mpirun -bind-to none"
finish
