#!/bin/sh
# Killed at every stage of a checkpoint, in the coordinator and in the workers, also while an old one is pruned and
# while what an earlier kill left is cleared away: the newest checkpoint that is complete is gone on from, and the end
# is that of a run never killed. DAIL_CRASH_ALL=1 kills at every single call instead of some of each kind.
. "$(dirname "$0")/lib.sh"

use_faults
make_data
make_config
# Everything that draws random numbers or carries state from step to step; class rows of several owners.
state="--set model.dropout=0.2 --set loss.crossing_dropout=0.1 --set data.augment.shift=2 --set classifier.rows_min=5
       --set schedule.epochs=80 --set runtime.liveness_seconds=30 --set checkpoint.every_steps=3"
run=$work/run

# faulty VARIABLE=VALUE... : a run with the library preloaded
faulty() {
    (
        export LD_PRELOAD="$fault" "$@"
        # shellcheck disable=SC2086
        run_daild 2 $state --set run.dir="$run" --set checkpoint.keep=2 --set debug.stop_after_step="$stop"
    )
}

# complete: the newest checkpoint that is whole
complete() {
    for checkpoint in $(ls -d "$run"/checkpoints/step-????????? | sort -r); do
        "$build/dail" verify "$checkpoint" >/dev/null 2>&1 && echo "$checkpoint" && return
    done
}

# survives RANK KIND:NUMBER: is killed there, and leaves the newest complete checkpoint as the uninterrupted run has it
survives() {
    expected=$(complete)
    starts=$(records "$run" start 1 | wc -l)
    faulty DAIL_FAULT_RANK="$1" DAIL_FAULT_AT="$2"
    code=$?
    from=$(records "$run" start '$r->{resumed_from}' | tail -n 1)
    newest=$(complete)
    {
        echo "exit code $code; went on from $from where $expected was the newest; now it is $newest"
        said_by
        [ $code = 137 ] && { [ "$from" = "$expected" ] || [ "$(records "$run" start 1 | wc -l)" = "$starts" ]; } &&
            same_model "$newest" "$work/whole/checkpoints/$(basename "$newest")"
    } >"$work/said" 2>&1
    verdict "killed in rank $1 at $2"
}

# --- What a checkpoint does ---

# shellcheck disable=SC2086
run_daild 2 $state --set run.dir="$run" --set checkpoint.keep=2 --set debug.stop_after_step=6
exits "two checkpoints" $? 75
stop=9
faulty DAIL_FAULT_LOG="$work/calls"
exits "and a third, which prunes one" $? 75
for rank in 0 1 2; do
    # Of calls that change nothing on a disk none leaves anything half done.
    sed "s/ .*//" "$work/calls.$rank" | grep -vxE 'read|sendto|spawn' | sort | uniq -c | awk '{ print $2, $1 }' >"$work/kinds.$rank"
done
echo "# calls of the coordinator: $(paste -s -d ' ' "$work/kinds.0"); of the first worker: $(paste -s -d ' ' "$work/kinds.1")"

# every RANK: all calls of it
every() { while read -r kind count; do seq -f "$kind:%g" "$count"; done <"$work/kinds.$1"; }
# ends RANK KIND: the number of the last call of a kind
ends() { sed -n "s/^$2 //p" "$work/kinds.$1"; }
if [ -n "$DAIL_CRASH_ALL" ]; then
    coordinator="open:2 remove:1 open:2 remove:2 open:2 remove:3 $(every 0)"
    first=$(every 1)
    second=$(every 2)
else
    # In the order in which they come, but for `remove`: also the clearing of what the kill before it left.
    coordinator="mkdir:1 open:1 write:1 fsync:1 rename:1 fsync:3 open:2 write:2 rename:2 remove:3 fsync:6 rename:3
                 fsync:7 rename:4 prune:1 prune:4 prune:$(ends 0 prune)"
    first="mkdir:2 open:1 fallocate:1 remove:1 open:2 write:1 write:100 fsync:1 open:4 write:$(ends 1 write)"
    second="mkdir:2 write:3"
fi
# kinds NAME: of a list of calls
kinds() { for call in $1; do echo "${call%:*}"; done | sort -u | paste -s -d ' '; }
is "every kind of the coordinator's calls is among those to die at" "$(kinds "$coordinator")" \
    "$({ cut -d ' ' -f 1 "$work/kinds.0"; echo remove; } | sort -u | paste -s -d ' ')"
is "and every kind of the first worker's" "$(kinds "$first")" "$(cut -d ' ' -f 1 "$work/kinds.1" | sort -u | paste -s -d ' ')"

# --- Killed there ---

# A kill of the coordinator brings the run at most one checkpoint further, one of a worker not even that: this is far
# enough for all of them.
kills=$(echo "$coordinator $first $second" | wc -w)
stop=$((12 + 3 * $(echo "$coordinator" | wc -w)))
# shellcheck disable=SC2086
run_daild 2 $state --set run.dir="$work/whole" --set checkpoint.keep=0 --set debug.stop_after_step="$stop"
exits "the run that is never killed" $? 75
for call in $coordinator; do survives 0 "$call"; done
for call in $first; do survives 1 "$call"; done
for call in $second; do survives 2 "$call"; done

at=$(complete | sed 's/.*step-0*//')
stop=$((at + 6))
faulty DAIL_FAULT_RANK=none
exits "$kills times killed, it goes on" $? 75
check "to the same bits" same_model "$(complete)" "$work/whole/checkpoints/$(printf 'step-%09d' "$stop")"
is "with the newest two checkpoints, and nothing half-written" "$(ls "$run/checkpoints" | wc -l)" 2
finish
