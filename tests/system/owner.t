#!/bin/sh
# A run's folder, and that of a packing, has one owner: a second start is refused by name, at once and later; an owner that was killed is
# replaced; one that was stopped, and goes on when another has the folder, changes nothing there any more.
. "$(dirname "$0")/lib.sh"

make_data
make_config
run=$work/run
long="--set schedule.epochs=400 --set checkpoint.every_steps=3 --set checkpoint.keep=0"

# second NAME=VALUE...: another start in the same folder; its exit code
second() {
    # shellcheck disable=SC2086
    timeout -k 5 $((60 * slow)) mpirun --oversubscribe -n 3 "$build/daild" "$work/config.yaml" $long "$@" \
        >"$work/second" 2>&1
}

# owner_pid: the process that the folder's lock names
owner_pid() { sed -n 's/^pid: //p' "$run/lock"; }

# is_replaced PID: another process owns the folder
is_replaced() { [ "$(owner_pid)" != "$1" ]; }

# has_saved RECORD: a checkpoint is in the status log from that record on
has_saved() { tail -n +"$1" "$run/status.jsonl" | grep -q '"kind":"checkpoint"'; }

# whole: every checkpoint under its name is complete
whole() {
    for checkpoint in "$run"/checkpoints/step-?????????; do
        "$build/dail" verify "$checkpoint" || return 1
    done
}

# one_history FROM: each step is in the status log once after its record FROM (from 1)
one_history() {
    tail -n +"$1" "$run/status.jsonl" | sed -n 's/.*"kind":"step".*"step":\([0-9]*\),.*/\1/p' | sort -n | uniq -d |
        grep . && return 1
    return 0
}

# --- At once ---

# shellcheck disable=SC2086
start_daild 2 $long --set debug.stop_after_step=30
second --set debug.stop_after_step=30
later=$?
end_daild
is "of two that start at once one is refused and one trains" "$(printf '%s\n' $? $later | sort -n | paste -s -d ' ')" "2 75"
check "to one history" one_history 1
check "of whole checkpoints" whole
is "and leaves no lock" "$(ls -A "$run" | grep -c lock)" 0

# --- Later ---

# shellcheck disable=SC2086
SLURM_JOB_ID=4711 start_daild 2 $long
wait_for 30 at_step "$run" "$(($(last_step "$run") + 4))"
pid=$(owner_pid)
second --set optimizer.lr=0.5
exits "a second start, while the first trains" $? 2
says "is told by whom: host, process, job, heartbeat" \
    "^daild: .*in use by another: host $(hostname), pid $pid, job 4711, heartbeat .* ago \\($run/lock\\); .*another run.dir" \
    "$work/second"
check "once" test "$(grep -c '^daild: ' "$work/second")" = 1
echo "its own" >"$run/supervisor.log"
timeout $((60 * slow)) "$build/dail" run -n 2 "$work/config.yaml" --set optimizer.lr=0.5 >"$work/second" 2>&1
exits "so is dail run" $? 2
is "which writes nothing there" "$(cat "$run/supervisor.log")" "its own"
says "which says it too" "in use by another: host $(hostname), pid $pid" "$work/second"
exit_code "dail info tells the owner" 0 "$build/dail" info "$run"
says "by name" "^owner .*$run/lock: host $(hostname), pid $pid, job 4711"
before=$(last_step "$run")
check "the first trains on" wait_for 30 at_step "$run" "$((before + 2))"

# --- After a kill ---

kill -KILL "$pid"
end_daild
check "a killed owner leaves its lock" test -e "$run/lock"
count=$(wc -l <"$run/status.jsonl")
# The time by its heartbeat would be hours: the process is gone.
second --set runtime.liveness_seconds=10000 --set debug.stop_after_step="$(($(last_step "$run") + 6))"
exits "the next start goes on at once" $? 75
check "and says whom it replaced" test "$(records "$run" warning '$r->{what}' | grep -c "taken over.*pid $pid")" = 1
check "to one history" one_history "$((count + 1))"
check "of whole checkpoints" whole

# --- After a stop ---

# shellcheck disable=SC2086
start_daild 2 $long --set runtime.liveness_seconds=4
wait_for 30 at_step "$run" "$(($(last_step "$run") + 4))"
pid=$(owner_pid)
ranks="$pid $(pid_of "$run" 1) $(pid_of "$run" 2)"
# shellcheck disable=SC2086
kill -STOP $ranks
second --set runtime.liveness_seconds=4
exits "a second start is refused while the owner may be only slow" $? 2
sleep 12
count=$(wc -l <"$run/status.jsonl")
stop=$(($(last_step "$run") + 30))
# shellcheck disable=SC2086
timeout -k 5 $((60 * slow)) mpirun --oversubscribe -n 3 "$build/daild" "$work/config.yaml" $long \
    --set runtime.liveness_seconds=4 --set debug.stop_after_step=$stop >"$work/second" 2>&1 &
taker=$!
check "an owner that stands still is replaced" wait_for 30 is_replaced "$pid"
wait_for 30 has_saved "$((count + 1))"
# shellcheck disable=SC2086
kill -CONT $ranks
end_daild
exits "it ends with a fault of its own when it goes on" $? 5
says "that says why" "^daild: .*has lost the folder"
wait $taker
exits "while the other trains to its end" $? 75
is "and no fault of the first is in its log" \
    "$(sed -n "$((count + 1)),\$p" "$run/status.jsonl" | grep -c '"kind":"fault"')" 0
check "one history" one_history "$((count + 1))"
check "of whole checkpoints" whole
second --set debug.stop_after_step=$((stop + 3))
exits "the next start goes on" $? 75
is "and clears away what is half done" "$(find "$run" -name '*.tmp' -o -name 'lock*' | wc -l)" 0

# --- Packing ---

check "images to pack" "$build/dail" unpack "$work/data/tiny0.yaml" -o "$work/images"
hidden=$work/packed/.faces.packing
pack() { timeout $((60 * slow)) "$build/dail" pack "$work/images" -o "$work/packed" -n faces "$@"; }
# packing_of PID: the hidden folder as that process would have it
packing_of() {
    mkdir -p "$hidden" && cat >"$hidden/lock" <<END
dail_format: lock
version: 1
host: "$(hostname)"
pid: $1
started: $(sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20)
processes: "$(cat /proc/sys/kernel/random/boot_id)/$(readlink /proc/self/ns/pid)"
nonce: "0123456789abcdef"
heartbeat: $(date +%s).000
END
}
sleep 600 &
sleeper=$!
packing_of $sleeper
echo theirs >"$hidden/file"
exit_code "a packing of a name that another packs is refused" 2 pack
says "by name" "in use by another: host $(hostname), pid $sleeper, no job, heartbeat .* ago .*another name"
check "and touches nothing of it" grep -q theirs "$hidden/file"
kill -KILL $sleeper
wait $sleeper 2>/dev/null
exit_code "once that is gone it packs" 0 pack
says "and says whom it replaced" "taken over.*pid $sleeper"
check "a whole dataset" "$build/dail" verify "$work/packed/faces.yaml"
is "with nothing beside it" "$(ls -A "$work/packed" | grep -c '^\.')" 0
for round in 1 2 3 4 5; do
    rm -rf "$work/packed"
    pack --shard-mb 1 >"$work/out" 2>&1 &
    packer=$!
    pack --shard-mb 1 >"$work/second" 2>&1
    later=$?
    wait $packer
    is "round $round: of two packings at once one is refused" "$(printf '%s\n' $? $later | sort -n | paste -s -d ' ')" "0 2"
    check "and the dataset is whole" "$build/dail" verify "$work/packed/faces.yaml"
done

# --- Packing a verification set ---

check "a verification set to pack" "$build/dail" unpack "$work/data/tiny-cross.h5" -o "$work/pairs"
hidden=$work/packed/.faces.h5.packing
pack_set() {
    timeout $((60 * slow)) "$build/dail" pack --pairs "$work/pairs/pairs.tsv" --images "$work/pairs" -o "$work/packed/faces.h5" \
        --size 32 "$@"
}
sleep 600 &
sleeper=$!
packing_of $sleeper
echo theirs >"$work/packed/faces.h5.tmp"
exit_code "a packing of a set that another packs is refused" 2 pack_set
says "by name" "in use by another: host $(hostname), pid $sleeper, no job, heartbeat .* ago .*another name"
check "and touches nothing of it" grep -q theirs "$work/packed/faces.h5.tmp"
kill -KILL $sleeper
wait $sleeper 2>/dev/null
exit_code "once that is gone it packs" 0 pack_set
says "and says whom it replaced" "taken over.*pid $sleeper"
check "a whole set" "$build/dail" verify "$work/packed/faces.h5"
is "with nothing beside it" "$(find "$work/packed" -name '.*' -o -name '*.tmp' | wc -l)" 0
for round in 1 2 3; do
    rm -f "$work/packed/faces.h5"
    pack_set >"$work/out" 2>&1 &
    packer=$!
    pack_set >"$work/second" 2>&1
    later=$?
    wait $packer
    is "round $round: of two at once one is refused" "$(printf '%s\n' $? $later | sort -n | paste -s -d ' ')" "0 2"
    check "and the set is whole" "$build/dail" verify "$work/packed/faces.h5"
done
finish
