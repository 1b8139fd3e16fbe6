#!/bin/sh
# slurm/dail.sh without Slurm: how many workers it starts, and what it does with each end of a run. Stand-ins take
# the place of mpirun and of Slurm's commands.
. "$(dirname "$0")/lib.sh"

make_data
make_config
mkdir "$work/bin"

# Asks the real daild for its configuration; as a run, ends with $CODE, after the log's last word where $SAYS has one.
cat >"$work/bin/mpirun" <<'END'
#!/bin/bash
[ "$1" != --version ] || { echo "$VERSION"; exit; }
ranks=$2
echo "${0##*/} $*" >"$DONE.words"
while [ "${1##*/}" != daild ]; do shift; done
case " $* " in *" --print-config "*) exec "$@" ;; esac
echo "$ranks ranks: $*" >>"$DONE"
[ -z "$SAYS" ] || printf '{"kind":"stop","reason":"x","exit_code":%s}\n' "$SAYS" >>"$RUN/status.jsonl"
[ -z "$SILENT" ] || touch -d "$SILENT" "$RUN/daild.log"
[ -z "$ASLEEP" ] || touch -d "$ASLEEP" "$TMPDIR"/tmp.*
[ -z "$HANGS" ] || exec sleep 600
exit "$CODE"
END
cp "$work/bin/mpirun" "$work/bin/mpiexec.hydra"
cat >"$work/bin/scontrol" <<'END'
#!/bin/sh
echo "scontrol $*" >>"$DONE"
END
printf '#!/bin/sh\n' | tee "$work/bin/squeue" >"$work/bin/scancel"
chmod +x "$work"/bin/*
export VERSION='mpirun (Open MPI) 4.1.4' DONE="$work/done" RUN="$work/run" CODE=0 SAYS='' HANGS='' SILENT=''

# batch [OPTION of daild...]: dail.sh as Slurm starts it
batch() {
    : >"$DONE"
    mkdir -p "$RUN"
    PATH="$work/bin:$PATH" DAIL_BUILD="$build" SLURM_JOB_ID=7 SLURM_NTASKS="${tasks:-5}" SLURM_CPUS_PER_TASK=2 \
        SLURM_RESTART_COUNT="${restart:-0}" timeout 120 slurm/dail.sh "$work/config.yaml" "$@" >"$work/out" 2>&1
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
tasks=6 batch --set data.lanes=auto
is "and the checkpoint's lanes afterwards" "$(ranks)" 4
tasks=6 batch --set data.lanes=auto --set checkpoint.resume="$work/elsewhere"
is "or those of the checkpoint that the configuration names" "$(ranks)" 4
tasks=6 batch --set data.lanes=auto --set checkpoint.resume=never
is "and none of a run that begins anew" "$(ranks)" 6

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
CODE=5 restart=2 DAIL_RESTARTS=2
export DAIL_RESTARTS
batch
code=$?
is "the last restart allowed" "$code $(requeued) $(last_line | cut -d , -f 2)" "5 0  after 2 restarts"
unset restart DAIL_RESTARTS
CODE=0 HANGS=1 SAYS=5
batch
ends "an mpirun that hangs after the end" $? 5 1 "back in the queue: a rank or a node was lost (exit code 5)"
says "which it says" 'the run has ended, but not mpirun, which is killed now'
SAYS=
SILENT='11 minutes ago'
batch
ends "an mpirun that hangs in the middle" $? 137 1 "back in the queue: a rank or a node was lost (exit code 137)"
says "which it says" 'no sign of life from the run in ten minutes: mpirun is killed'
rm -f "$RUN/daild.log"
mkdir "$work/tmp"
SILENT='' ASLEEP='11 minutes ago' TMPDIR=$work/tmp batch
ends "an mpirun whose ranks do not start" $? 137 1 "back in the queue: a rank or a node was lost (exit code 137)"
says "which it says" 'no sign of life from the run in ten minutes: mpirun is killed'
is "and leaves nothing behind" "$(ls "$work/tmp")" ""
tasks=1 batch
ends "one task" $? 2 0 "ended: a coordinator and a worker need two tasks: sbatch --ntasks=3"
batch --set optimizer.learning=1
ends "a mistake in the configuration" $? 2 0 "ended: the configuration does not stand (see above)"
# --- Each MPI's own options ---

# started_by MPI WORDS: how the last run was started, but for the number of ranks and their command line
started_by() { is "which is started by $1" "$(sed 's| [^ ]*/daild .*||; s| -n [0-9]* | |' "$DONE.words")" "$2"; }
batch
started_by "Open MPI" "mpirun --map-by slot:PE=2 --bind-to core"
VERSION='HYDRA build details:' batch
started_by "MPICH" "mpirun -bind-to core:2"
VERSION='Intel(R) MPI Library for Linux* OS, Version 2021.16' batch
started_by "Intel MPI" "mpiexec.hydra -genv I_MPI_PIN_CELL core -genv I_MPI_PIN_DOMAIN 2"
DAIL_BIND=0 VERSION='HYDRA build details:' batch
started_by "MPICH without binding" "mpirun -bind-to none"
finish
