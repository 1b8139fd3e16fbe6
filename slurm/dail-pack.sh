#!/bin/bash
# Packs datasets on an HPC cluster:  sbatch --array=1-10 slurm/dail-pack.sh LIST FOLDER [options of dail pack]
#
# LIST has a line per dataset, "name images [options of dail pack]", with # for comments and quotes around what
# has spaces (lists of older versions have a number between the two); FOLDER receives the shards and manifests:
#   ms1m   /data/ms1m        --min-images 2
#   casia  "/data/casia web" --exclude casia-bad.txt
# The array's tasks take the lines in turn; without an array one job packs them all, one after another.
#
# A dataset whose manifest is there already is left alone, and one that was broken off goes on from its finished
# shards: submit again until the last line of every task's log says "done".
#
# DAIL_BUILD  the folder of dail (default: build, else where PATH has it)
#SBATCH --job-name=dail-pack
#SBATCH --ntasks=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=dail-pack-%A-%a.log
set -u

say() { echo "dail-pack.sh: $(date '+%F %T') $*"; }
fail() {
    say "ended: $1"
    exit "${2:-2}"
}

[ $# -ge 2 ] || fail "usage: sbatch --array=1-N slurm/dail-pack.sh LIST FOLDER [options of dail pack]"
cd "${SLURM_SUBMIT_DIR:-.}" || fail "no folder $SLURM_SUBMIT_DIR on this node"
list=$1
folder=$2
shift 2
dail=${DAIL_BUILD:-build}/dail
[ -x "$dail" ] || [ -n "${DAIL_BUILD:-}" ] || dail=$(command -v dail)
[ -x "$dail" ] || fail "no dail in ${DAIL_BUILD:-build}: build it, or name its folder by DAIL_BUILD"
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

mapfile -t lines < <(grep -v '^[[:space:]]*\(#\|$\)' "$list")
[ ${#lines[@]} -gt 0 ] || fail "$list names no dataset"
first=$(((${SLURM_ARRAY_TASK_ID:-1} - ${SLURM_ARRAY_TASK_MIN:-1}) / ${SLURM_ARRAY_TASK_STEP:-1}))
tasks=${SLURM_ARRAY_TASK_COUNT:-1}

# pack NAME [ID] IMAGES [OPTION...]
pack() {
    local name=$1
    shift
    if [[ $1 =~ ^[0-9]+$ && ${2:-} != -* && -n ${2:-} ]]; then
        shift
    fi
    local images=$1
    shift
    if [ -e "$folder/$name.yaml" ]; then
        say "$folder/$name.yaml is there already"
    else
        "$dail" pack "$images" -o "$folder" --name "$name" "$@"
    fi
}

say "job ${SLURM_JOB_ID:-none}, task $((first + 1)) of $tasks, ${#lines[@]} datasets in $list"
worst=0
failed=
for ((i = first; i < ${#lines[@]}; i += tasks)); do
    mapfile -t words < <(xargs -n 1 printf '%s\n' <<<"${lines[i]}") # takes quotes as a shell does, and runs nothing
    [ ${#words[@]} -ge 2 ] || fail "no \"name images\" in $list: ${lines[i]}"
    pack "${words[@]}" "$@"
    code=$?
    [ $code = 0 ] || failed="$failed ${words[0]}"
    [ $code -le $worst ] || worst=$code
done
[ -z "$failed" ] || fail "not packed:$failed; see above, then submit again" $worst
say "done"
