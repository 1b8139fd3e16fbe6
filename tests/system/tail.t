#!/bin/sh
# dail tail on runs in every state: what it shows, and the exit code that scripts go by.
. "$(dirname "$0")/lib.sh"

# tail_once CODE STATE [OPTION...]: one snapshot of $run
tail_once() {
    code=$1 state=$2
    shift 2
    timeout 30 "$build/dail" tail --once --json "$@" "$run" >"$work/out" 2>&1
    exits "dail tail on a run that is $state" $? "$code"
    is "it says $state" "$(perl -MJSON::PP -e 'print decode_json(<>)->{state}' "$work/out" 2>&1)" "$state"
}

signal_all() {
    for rank in 0 1 2; do
        kill -"$1" "$(pid_of "$run" $rank)"
    done
}

make_data
make_config
run=$work/run

# What is no run is told at once, with what to do; only what was asked to be waited for is.
mkdir "$work/empty"
head -c 5000 /dev/zero >"$work/zeros"
for option in "" --once "--once --json"; do
    for path in "$run" "$work/empty" "$work/none.jsonl" "$work/config.yaml" "$work/zeros" "$work/data/tiny0-00000.h5"; do
        # shellcheck disable=SC2086
        timeout 30 "$build/dail" tail $option "$path" >"$work/out" 2>&1
        exits "dail tail $option $(basename "$path"), which is no run" $? 1
        says "says so by name" "no status log .$path.*name the run"
    done
done
for option in --wait --follow; do
    timeout 30 "$build/dail" tail $option "$work/config.yaml" >"$work/out" 2>&1
    exits "a file that is no log does not become one: $option" $? 1
done
(cd "$work/empty" && exec timeout 30 "$OLDPWD/$build/dail" tail) >"$work/out" 2>&1
exits "dail tail where there is no run at all" $? 1
says "says where it looked" 'below runs/ or build/runs/'
timeout 60 "$build/dail" tail --wait --interval 0.1 "$run" >"$work/waited" 2>&1 &
waiting=$!

start_daild 2 --set schedule.epochs=5000 --set eval.every_steps=3 --set validation="[$work/data/tiny0-within.h5]" \
    --set checkpoint.every_steps=3
wait_for 60 at_step "$run" 5
tail_once 0 running
is "it counts the steps" "$(perl -MJSON::PP -e 'print decode_json(<>)->{steps}' "$work/out")" 65000

says_running() { grep -q ^running "$1"; }
check "what waited for the run shows it" wait_for 20 says_running "$work/waited"
is "and waited without a word more than one" "$(grep -c 'no record yet' "$work/waited")" 1
kill -TERM $waiting
timeout 30 "$build/dail" tail "$work" >"$work/out" 2>&1
exits "a folder of runs is none" $? 1
says "and names the newest in it" "name a run in it, such as $run, the newest"

timeout 30 "$build/dail" tail --once "$run" >"$work/out" 2>&1
exits "the screen of a running run" $? 0
says "has the progress" '^step [0-9]+/65000 .*%'
says "the epoch" '^epoch [0-9]+/5000 '
says "the loss" '^loss [0-9.]+'
says "the speed" '[0-9.]+ images/s'
says "the exchange, and what of it is hidden" '^ +data [0-9.]+, compute [0-9.]+, exchange [0-9.]+ s \([0-9]+% hidden\)'
says "the last checkpoint" '^checkpoint: step [0-9]+.*checkpoints/step-'
says "the last verification" '^eval tiny0-within +[0-9.]+ '
says "the first worker" '^rank 1 .*data .*compute .*exchange'
says "and the second" '^rank 2 .*data .*compute .*exchange'

signal_all STOP
sleep 2.5
tail_once 3 stalled --stale 1
tail_once 0 running --stale 60
frozen=$(last_step "$run")
timeout 60 "$build/dail" tail --json --interval 0.1 --stale 600 "$run" >"$work/silent" 2>&1 &
follower=$!
# silent_for CONDITION: the last snapshot is of a run that runs, and its seconds without a sign of life are so
silent_for() { tail -n 1 "$work/silent" | perl -MJSON::PP -ne "\$s = decode_json(\$_); exit !(\$s->{state} eq 'running' && \$s->{silent_seconds} $1)"; }
check "a coordinator that hangs gives no sign of life" wait_for 30 silent_for '> 2'
signal_all CONT
wait_for 30 at_step "$run" $((frozen + 1))
check "until it goes on" wait_for 30 silent_for '< 2'
kill -INT $follower 2>/dev/null || true
wait $follower
tail_once 0 running --stale 2

# Follows a run while it goes on, and reads on when the log is rotated.
timeout 60 "$build/dail" tail --json --interval 0.1 "$run" >"$work/followed" 2>&1 &
follower=$!
followed_steps() { perl -MJSON::PP -ne '$steps{decode_json($_)->{step}} = 1; END { exit(keys %steps < 3) }' "$work/followed"; }
wait_for 30 followed_steps
kill -INT $follower 2>/dev/null || true
wait $follower
check "it follows: several snapshots, the steps rising" perl -MJSON::PP -ne '
    $s = decode_json($_)->{step}; die "$s after $last" if $s < $last; $changes++ if $s > $last; $last = $s;
    END { print "$changes changes\n"; die if $changes < 2 }' "$work/followed"

# On a terminal of ten rows: left by a key or a signal, the terminal is as it was.
for way in q SIGINT SIGTERM SIGHUP SIGQUIT SIGTSTP; do
    check "on a terminal, ended by $way" timeout 60 python3 tests/system/tail_terminal.py "$build/dail" "$run" $way
done

timeout 60 "$build/dail" tail --interval 0.1 "$run" >"$work/until" 2>&1 &
until=$!
timeout 60 "$build/dail" tail --follow --interval 0.1 "$run" >"$work/over" 2>&1 &
over=$!
kill -TERM "$job" 2>/dev/null # mpirun kills what does not end within a second
kill -TERM "$(pid_of "$run" 1)" 2>/dev/null
end_daild
wait $until
exits "dail tail ends with the run" $? 0
is "and shows its end" "$(grep -c ^stopped "$work/until")" 1
sleep 0.5
check "with --follow it goes on" sh -c 'ps -o stat= -p "$0" | grep -q "^[^Z]"' $over
kill -TERM $over
printf '{"t":1,"seq":99' >>"$run/status.jsonl"
timeout 30 "$build/dail" tail --once --json "$run/status.jsonl" >"$work/out" 2>&1
check "a record that was cut off does no harm" perl -MJSON::PP -e 'exit !(decode_json(<>)->{step} > 5)' "$work/out"

run=$work/stopped
run_daild 2 --set run.dir="$run" --set debug.stop_after_step=2
tail_once 0 stopped

run=$work/done
run_daild 2 --set run.dir="$run" --set schedule.epochs=0.3
tail_once 0 done --stale 0.001
timeout 30 "$build/dail" tail "$run" >"$work/said_done" 2>&1
exits "dail tail on a run that is done ends at once" $? 0
check "on a terminal too" timeout 60 python3 tests/system/tail_terminal.py "$build/dail" "$run" end
is "a run that is done is at its end" "$(perl -MJSON::PP -e '$s = decode_json(<>); print "$s->{step}/$s->{steps}"' "$work/out")" 4/4
run_daild 2 --set run.dir="$run" --set schedule.epochs=0.3 --set optimizer.lr=0.01
timeout 30 "$build/dail" tail --once "$run" >"$work/out" 2>&1
says "started again it is in its last epoch, not beyond" '^epoch 1/1 .*4 of 13 steps'
check "and warned that its configuration is another" grep -q '"kind":"warning",.*optimizer.lr is 0.01 and was' "$run/status.jsonl"

run=$work/failed
cp "$work/data/tiny0-00000.h5" "$work/tiny0.h5"
place=$(grep -abo JFIF "$work/data/tiny0-00000.h5" | sed -n 5p | cut -d : -f 1)
flip "$work/data/tiny0-00000.h5" $((place + 300))
run_daild 2 --set run.dir="$run"
tail_once 4 failed
timeout 30 "$build/dail" tail "$run" >"$work/said_failed" 2>&1
exits "so it ends when it follows one" $? 4
check "with the fault" perl -MJSON::PP -e 'exit !(decode_json(<>)->{fault} =~ /tiny0-00000.h5/)' "$work/out"
timeout 30 "$build/dail" tail --once "$run" >"$work/out" 2>&1
says "on the screen too" 'tiny0-00000.h5'

# What these runs wrote is what dail-status(5) has, each member of it, and no other.
cat >"$work/members.pl" <<'EOF'
use strict; use JSON::PP;
my (%page, %conditional, %found, $kind, $name);
open my $page, '<', shift or die; # made by dail manual: the table
while (<$page>) {
    s/\\-/-/g;
    if (/^\.SH EVERY/) { $kind = 'every' } elsif (/^\.SH/) { $kind = undef } elsif (/^\.SS (\w+)/) { $kind = $1 }
    elsif ($kind && /^\.B (\S+)/) { $name = "$kind $1"; $page{$name} = 1 }
    elsif ($kind && /; there only /) { $conditional{$name} = 1 }
}
sub take {
    my ($kind, $prefix, $value) = @_;
    for my $key (keys %$value) {
        my $common = $prefix eq '' && $page{"every $key"};
        my ($name, $member) = (($common ? 'every' : $kind) . " $prefix$key", $value->{$key});
        $found{$name} = 1;
        take($kind, "$prefix$key.", $member) if ref $member eq 'HASH';
        take($kind, "$prefix${key}[].", $_) for ref $member eq 'ARRAY' ? @$member : ();
    }
}
while (<>) { next unless /\}$/; my $record = decode_json($_); take($record->{kind}, '', $record) }
my @lacking = grep { !$found{$_} && !$conditional{$_} && !/^(slow|stall|groups) / } sort keys %page; # of these: straggler.t, hang.t, discover.t
my @strange = grep { !$page{$_} } sort keys %found;
print "not written: @lacking\nnot in the page: @strange\n";
exit(@lacking || @strange || keys %page < 50);
EOF
"$build/dail" manual dail-status.5 >"$work/dail-status.5"
check "the runs wrote every member that dail-status(5) has, and no other" \
    perl "$work/members.pl" "$work/dail-status.5" "$work"/*/status.jsonl
for log in "$work"/*/status.jsonl; do
    "$build/dail" info "$log" >"$work/info" 2>&1
    check "every record of $(basename "$(dirname "$log")") is as it says" sh -c '
        cat "$0"; grep -q "status log of [1-9]" "$0" && ! grep -q ^damaged "$0"' "$work/info"
done
mkdir "$work/damaged"
sed '2s/"seq":[0-9]*/"seq":"two"/' "$work/done/status.jsonl" >"$work/damaged/status.jsonl"
"$build/dail" info "$work/damaged/status.jsonl" >"$work/out" 2>&1
says "dail info tells of a record that is not" '^damaged +1 records .*: seq is no whole number$'
finish
