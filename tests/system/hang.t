#!/bin/sh
# What hangs is noticed: a shard that cannot be read, the process that looks into it, a checkpoint that is not synced, a
# commit. A warning says which rank, host, phase and file; dail tail says stalled; then the run ends with 5, and goes on
# when it is started again. A request to stop is heeded meanwhile.
. "$(dirname "$0")/lib.sh"

use_faults
make_data
make_config
common="--set schedule.epochs=20 --set checkpoint.every_steps=10 --set checkpoint.keep=0 --set runtime.liveness_seconds=$((2 * slow))"
host=$(hostname)

# hanging RUN RANK KIND:NUMBER PATH SECONDS OPTION...: a run in the background, one of whose calls takes so much longer
hanging() {
    run=$work/$1 rank=$2 call=$3 path=$4 seconds=$5
    shift 5
    # shellcheck disable=SC2086
    LD_PRELOAD=$fault DAIL_FAULT_RANK=$rank DAIL_FAULT_AT=$call DAIL_FAULT_PATH=$path DAIL_FAULT_SECONDS=$seconds \
        start_daild 2 $common --set run.dir="$run" "$@"
}

state() { "$build/dail" tail --once --json "$run" | sed -n 's/.*"state": *"\([a-z]*\)".*/\1/p' | head -n 1; }
stalled() { [ "$(state)" = stalled ]; }
saved() { test -f "$run/checkpoints/step-$(printf %09d "$(last_step "$run")")/COMMIT"; }
warned() { records "$run" warning '$r->{what}' | grep -q "$1"; }
# says_where NAME RANK PHASE FILE: the warning, and the record for programs
says_where() {
    check "$1: a warning with rank, host, phase and file" warned "stood still for .* rank $2@$host: in step [0-9]*, phase $3: at .*$4.* for [0-9]* s"
    is "$1: a record of the same" \
        "$(records "$run" stall '"$r->{rank} $r->{host} $r->{phase} " . ($r->{file} =~ /('"$4"')/)[0]' | head -n 1)" \
        "$2 $host $3 $4"
}
goes_on() {
    # shellcheck disable=SC2086
    run_daild 2 $common --set run.dir="$run" --set debug.stop_after_step="$1"
    exits "$2: started again" $? 75
    is "$2: it goes on from the newest checkpoint" "$(records "$run" start '$r->{resumed_from}' | tail -n 1)" "$last"
}

# --- A shard ---

hanging once 2 read:60 /data/ 600
check "a reading that hangs once: it is tried again" wait_for 60 warned "rank 2@.*tiny[0-9]-.*tried once more"
before=$(last_step "$run")
check "a reading that hangs once: the run goes on" wait_for 60 at_step "$run" $((before + 2))
kill -TERM "$(pid_of "$run" 1)"
end_daild
exits "a reading that hangs once: until it is asked to stop" $? 75

hanging shard 2 read:60+ /data/ 600
check "a shard that cannot be read: dail tail says stalled" wait_for 30 stalled
says_where "a shard that cannot be read" 2 data tiny
end_daild
exits "a shard that cannot be read" $? 5
says "a shard that cannot be read: which" '^daild: a shard cannot be read.*rank 2@.*tiny'
check "a shard that cannot be read: said once" one_line_of_error
last=$(newest_checkpoint "$run")
check "a shard that cannot be read: the last complete step is saved" saved
goes_on $(($(last_step "$run") + 5)) "a shard that cannot be read"

hanging stop 2 read:60+ /data/ 600 --set runtime.liveness_seconds=60
reads() { [ "$(records "$run" step 1 | wc -l)" -ge 1 ] && sleep 2 && [ "$(last_step "$run")" = "$(sleep 1; last_step "$run")" ]; }
check "asked to stop meanwhile: it hangs" wait_for 60 reads
kill -TERM "$(pid_of "$run" 1)"
end_daild
exits "asked to stop meanwhile: it does" $? 75
check "asked to stop meanwhile: the last complete step is saved" saved

# --- The process that looks into a file ---

hanging child 2 spawn:2+ - 600
end_daild
exits "a file that cannot be looked into" $? 5
says "a file that cannot be looked into: which" '^daild: a shard cannot be read.*rank 2@.*tiny'

# --- A checkpoint ---

hanging sync 2 fsync:4+ /checkpoints 600
check "a checkpoint that is not synced: dail tail says stalled" wait_for 30 stalled
says_where "a checkpoint that is not synced" 2 checkpoint classifier
end_daild
exits "a checkpoint that is not synced" $? 5
says "a checkpoint that is not synced: which, and what is safe" '^daild: the run has stood still.*classifier.*rank 2@.*goes on from step [0-9]+'
last=$(newest_checkpoint "$run")
goes_on $(($(last_step "$run") + 5)) "a checkpoint that is not synced"

hanging unsaved 2 fsync:4+ /checkpoints 600
check "asked to stop meanwhile: it hangs" wait_for 30 stalled
began=$(date +%s)
kill -USR1 "$(pid_of "$run" 1)"
end_daild
exits "asked to stop meanwhile: it ends" $? 5
says "asked to stop meanwhile: and says why not by a checkpoint" '^daild: asked to stop, but the last steps cannot be saved.*rank 2@.*goes on from step'

# While training goes on, the next one due late.
hanging behind 2 fsync:1 /checkpoints 600 --set checkpoint.every_steps=100 --set model.width=0.5
check "while training goes on: a warning with rank, phase and file" \
    wait_for 60 warned "rank 2@$host has been at .*checkpoints/.* for [0-9]* s, phase checkpoint"
kill -KILL "$job"
end_daild

# --- The coordinator's commit ---

hanging commit 0 rename:8 /checkpoints 600
end_daild
exits "a commit that hangs" $? 5
says "a commit that hangs: a warning names the file" '^daild: warning: the coordinator stands still for.*checkpoints/step-'
says "a commit that hangs: so does the end" '^daild: the coordinator hangs.*rank 0@.*checkpoint.*checkpoints/step-'
last=$(newest_checkpoint "$run")
goes_on $(($(last_step "$run") + 5)) "a commit that hangs"
finish
