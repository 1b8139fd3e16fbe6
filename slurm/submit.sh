#!/bin/sh
# sbatch with what this cluster's Slurm knows of:  slurm/submit.sh [options of sbatch] slurm/dail.sh CONFIG
#
# --requeue=expedite (Slurm 25.11) has a job whose node failed wait no time in the queue; older ones refuse the word.
if sbatch --help 2>&1 | grep -q expedite; then
    exec sbatch --requeue=expedite "$@"
fi
exec sbatch "$@"
