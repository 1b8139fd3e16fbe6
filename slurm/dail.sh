#!/bin/bash
# Trains on an HPC cluster:  sbatch slurm/dail.sh CONFIG [options of daild]
#
# Ask for nodes and tasks on sbatch's command line; one task is the coordinator, the others are workers, so
# that 1 + W tasks give W workers, and W must divide data.lanes:
#   sbatch --nodes=2 --ntasks=9 --cpus-per-task=4 slurm/dail.sh etc/comb.yaml
#
# Two minutes before the time limit the job is told to stop: it checkpoints, exits with 75 and is put back in
# the queue, where it goes on from that checkpoint. All restarts write to one log.
#
# DAIL_BUILD     the folder of daild (default: build)
# DAIL_LAUNCHER  mpirun (default where it exists) or srun
#SBATCH --job-name=dail
#SBATCH --ntasks=3
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=dail-%j.log
set -u

say() { echo "dail.sh: $(date '+%F %T') $*"; }

if [ $# -lt 1 ]; then
    say "usage: sbatch slurm/dail.sh CONFIG [options of daild]"
    exit 2
fi
cd "${SLURM_SUBMIT_DIR:-.}" || exit 2

build=${DAIL_BUILD:-build}
tasks=${SLURM_NTASKS:-3}
threads=${SLURM_CPUS_PER_TASK:-1}
restart=${SLURM_RESTART_COUNT:-0}
launcher=${DAIL_LAUNCHER:-$(command -v mpirun >/dev/null && echo mpirun || echo srun)}
export OMP_NUM_THREADS=$threads

case $launcher in
mpirun)
    command=(mpirun -n "$tasks" --map-by "slot:PE=$threads" --bind-to core)
    # mpirun counts a slot per task; a machine without binding support still runs.
    [ "${DAIL_BIND:-1}" = 1 ] || command=(mpirun -n "$tasks" --bind-to none)
    ;;
srun)
    # DAIL_MPI names srun's MPI plugin where the cluster's default is not the one Open MPI was built with.
    command=(srun --ntasks="$tasks" --cpus-per-task="$threads" ${DAIL_MPI:+--mpi="$DAIL_MPI"})
    ;;
*)
    say "DAIL_LAUNCHER=$launcher: neither mpirun nor srun"
    exit 2
    ;;
esac

say "job ${SLURM_JOB_ID:-none}, restart $restart, nodes ${SLURM_JOB_NODELIST:-$(hostname)}," \
    "$((tasks - 1)) workers of $threads threads, by $launcher"

"${command[@]}" "$build/daild" "$@" --set "runtime.threads=$threads" &
run=$!
# Both launchers hand USR1 on to every rank; the batch shell alone gets the scheduler's.
trap 'say "told to stop"; kill -USR1 $run 2>/dev/null' USR1 TERM

code=0
while :; do
    wait $run
    code=$?
    kill -0 $run 2>/dev/null || break # a trapped signal ends the wait before the run has ended
done

if [ $code = 75 ]; then
    if [ -n "${SLURM_JOB_ID:-}" ] && scontrol requeue "$SLURM_JOB_ID"; then
        say "stopped with a checkpoint in place; back in the queue"
    else
        say "stopped with a checkpoint in place; submit again to go on"
    fi
elif [ $code = 0 ]; then
    say "done"
else
    say "failed with exit code $code"
fi
exit $code
