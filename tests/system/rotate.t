#!/bin/sh
# Logs that are moved away, by someone else or by the run itself: nothing is lost, and who watches reads on.
. "$(dirname "$0")/lib.sh"

make_data
make_config
run=$work/run

# every_record RUN: the numbers of all records in all segments, in the order of the files, each once
every_record() {
    cat "$1"/status.jsonl.[0-9]* "$1/status.jsonl" | perl -MJSON::PP -ne '
        $r = eval { decode_json($_) } or next; $key = "$r->{seq} $r->{t}";
        print "$r->{seq}\n" unless $seen{$key}++'
}

# unbroken RUN: they count up from 0
unbroken() {
    every_record "$1" | awk '$1 != NR - 1 { print "record " $1 " at place " NR - 1; bad = 1 } END { exit bad || NR < 20 }'
}

# --- Moved by someone else, as logrotate does ---

timeout $((120 * slow)) "$build/dail" run --restarts 0 -n 2 "$work/config.yaml" --set schedule.epochs=5000 \
    --set checkpoint.every_steps=20 >"$work/out" 2>&1 &
supervisor=$!
wait_for 60 at_step "$run" 5
timeout 100 "$build/dail" tail --json --interval 0.1 "$run" >"$work/followed" 2>&1 &
follower=$!
wait_for 20 test -s "$work/followed"
mv "$run/daild.log" "$run/daild.log.1"
mv "$run/status.jsonl" "$run/status.jsonl.1"
check "a log that was moved away is begun anew" wait_for 10 test -s "$run/daild.log"
check "so is the status log" wait_for 10 test -s "$run/status.jsonl"
before=$(stat -c %s "$run/daild.log.1" "$run/status.jsonl.1")
is "and tells where the run began" "$(records "$run" start '$r->{step}')" 0
here=$(last_step "$run")
check "what comes goes there" wait_for 20 at_step "$run" $((here + 5))
is "and no more to what was moved" "$(stat -c %s "$run/daild.log.1" "$run/status.jsonl.1")" "$before"
touch -d '1 hour ago' "$run/daild.log"
touched() { [ -z "$(find "$run/daild.log" -mmin +30)" ]; }
check "the sign of life is given at the path" wait_for 10 touched

# With "create", logrotate puts an empty file in its place.
mv "$run/status.jsonl" "$run/status.jsonl.2"
: >"$run/status.jsonl"
here=$((here + 5))
check "an empty file in its place is gone on with" wait_for 20 at_step "$run" $((here + 5))
kill -TERM $supervisor
wait $supervisor
exits "the supervised run ends as asked, not as one that is lost" $? 75
wait $follower
exits "dail tail has followed it to its end" $? 0
is "and has seen it" "$(tail -n 1 "$work/followed" | perl -MJSON::PP -e 'print decode_json(<>)->{state}')" stopped
cat "$run/status.jsonl.1" "$run/status.jsonl.2" "$run/status.jsonl" >"$work/all"
check "no record is missing" perl -MJSON::PP -ne '$seen{decode_json($_)->{seq}} = 1;
    END { $_ = keys %seen; print "$_ records\n"; $seen{$_} or die "no record $_" for 0 .. $_ - 1 }' "$work/all"

# --- Moved by the run itself, which dies again and again ---

run=$work/small
rotating="--set run.dir=$run --set log.rotate_mb=0.012 --set log.keep=1000 --set schedule.epochs=5000 --set checkpoint.every_steps=10"
for round in 1 2 3; do
    here=$(last_step "$run")
    # shellcheck disable=SC2086
    start_daild 2 $rotating
    wait_for 60 at_step "$run" $((here + 30 + round))
    kill -KILL "$(pid_of "$run" 0)"
    end_daild
done
here=$(last_step "$run")
# shellcheck disable=SC2086
start_daild 2 $rotating
wait_for 60 at_step "$run" $((here + 10))
timeout 100 "$build/dail" tail --json --interval 0.05 "$run" >"$work/followed" 2>&1 &
follower=$!
wait_for 60 at_step "$run" $((here + 60))
kill -TERM "$(pid_of "$run" 1)"
end_daild
exits "a run that was killed three times and went on" $? 75
wait $follower
exits "dail tail follows over rotations" $? 0
check "and its steps rise" perl -MJSON::PP -ne '$s = decode_json($_)->{step}; die "$s after $last" if $s < $last; $last = $s' "$work/followed"
check "there are several segments" test -e "$run/status.jsonl.000003"
check "no record is missing and none has another's number" unbroken "$run"
check "the log itself is small" test "$(stat -c %s "$run/status.jsonl")" -lt 24000
is "and tells of the beginning" "$(records "$run" start '$r->{step}' | head -n 1)" 0
timeout 30 "$build/dail" tail --once --json "$run" >"$work/out" 2>&1
is "dail tail reads where the run is" "$(perl -MJSON::PP -e '$s = decode_json(<>); print "$s->{step} $s->{state}"' "$work/out")" "$(last_step "$run") stopped"
timeout 30 "$build/dail" info "$run" >"$work/out" 2>&1
says "dail info tells how many there are" "^segments +$(ls "$run"/status.jsonl.[0-9]* | wc -l), "
timeout 30 "$build/dail" info "$run/status.jsonl.000001" >"$work/out" 2>&1
says "and describes one" 'status log of [0-9]+ records'

# Of the report every record counts, and those that a start replaced do not.
if command -v gnuplot >/dev/null; then
    timeout $((120 * slow)) "$build/dail" report --fast -o "$work/report.html" "$run" >"$work/out" 2>&1
    exits "dail report over segments" $? 0
    replaced=$(cat "$run"/status.jsonl.[0-9]* "$run/status.jsonl" | perl -MJSON::PP -ne '
        $r = decode_json($_); next if $seen{$r->{seq}}++;
        push @steps, $r->{step} if $r->{kind} eq "step";
        if ($r->{kind} eq "start") { @kept = grep { $_ <= $r->{step} } @steps; $n += @steps - @kept; @steps = @kept }
        END { print $n + 0 }')
    [ "$replaced" = 0 ] ||
        says "it counts what was done again" "^<p>$replaced step records? lies? beyond the checkpoint" "$work/report.html"
else
    skip "gnuplot is not there"
fi

# The oldest go.
# shellcheck disable=SC2086
run_daild 2 $rotating --set log.keep=2 --set debug.stop_after_step=$(($(last_step "$run") + 30))
exits "it goes on with fewer to be kept" $? 75
is "and keeps the newest" "$(ls "$run"/status.jsonl.[0-9]* | wc -l)" 2
is "the log still tells of the beginning" "$(records "$run" start '$r->{step}' | head -n 1)" 0
finish
