# What the system tests share. A test sources this file, uses `check`, `is`, `says` and ends with `finish`.
# Everything is written below $work, which is removed at the end.
cd "$(dirname "$0")/../.." || exit 1
build=${DAIL_BUILD:-build}
work=$(mktemp -d "${TMPDIR:-/tmp}/dail-test.XXXXXX") || exit 1
tests=0
# With sanitizers everything takes longer.
slow=${DAIL_SANITIZED:+4}
slow=${slow:-1}
# Of every test's data and trainings: what the tests assert holds for any.
seed=${DAIL_TEST_SEED:-7}
# Debian's packages of h5py and PyTorch belong to the system's own Python.
python=/usr/bin/python3
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1

clean_up() {
    if [ -n "$job" ]; then
        kill -CONT "$job" 2>/dev/null
        kill -TERM "$job" 2>/dev/null
    fi
    mountpoint -q "$work/small" 2>/dev/null && umount -l "$work/small"
    rm -rf "$work"
}
job=
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# --- Verdicts ---

# verdict NAME: by the status of the command before it; its output is in $work/said
verdict() {
    status=$?
    tests=$((tests + 1))
    if [ $status = 0 ]; then
        echo "ok $tests - $1"
    else
        echo "not ok $tests - $1"
        # Where prove shows it without being asked for all.
        { echo "# $0: not ok $tests - $1"; tail -n 40 "$work/said" | sed 's/^/#   /'; } >&2
    fi
    return $status
}

# check NAME COMMAND...: the command succeeds
check() {
    name=$1
    shift
    "$@" >"$work/said" 2>&1
    verdict "$name"
}

# is NAME FOUND EXPECTED
is() {
    printf 'found:    %s\nexpected: %s\n' "$2" "$3" >"$work/said"
    [ "$2" = "$3" ]
    verdict "$1"
}

# use_faults: builds what makes calls go wrong where it is preloaded (fault.c); $fault is its path
use_faults() {
    check "the library of faults is built" make -s BUILD="$build" "$build/tests/system/fault.so" || exit 1
    fault=$(realpath "$build/tests/system/fault.so")
    [ -z "$DAIL_SANITIZED" ] || export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"
}

# said_by [FILE]: the end of the last output, or of FILE, without mpirun's own words
said_by() {
    sed '/^-----/,/^-----/d' "${1:-$work/out}" | tail -n 15
}

# exits NAME FOUND EXPECTED: the exit code of the last program; where it is another, what that said
exits() {
    { echo "exit code $2 instead of $3; it said:"; said_by; } >"$work/said"
    [ "$2" = "$3" ]
    verdict "$1"
}

# exit_code NAME EXPECTED COMMAND...: runs it, what it says to $work/out
exit_code() {
    name=$1 expected=$2
    shift 2
    "$@" >"$work/out" 2>&1
    exits "$name" $? "$expected"
}

# says NAME PATTERN [FILE]: a line of the last output (or of FILE) matches
says() {
    { echo "no line matches $2 in:"; said_by "${3:-$work/out}"; } >"$work/said"
    grep -Eq -e "$2" "${3:-$work/out}"
    verdict "$1"
}

skip() {
    tests=$((tests + 1))
    echo "ok $tests - # SKIP $1"
}

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

finish() {
    echo "1..$tests"
}

# --- Packages that only tests use ---

# make_venv NAME PACKAGE...: a Python with packages of PyPI in build/venv/NAME, made once; $venv is its interpreter.
# Fails where they cannot be had.
make_venv() {
    venv=build/venv/$1/bin/python
    [ -e "build/venv/$1/complete" ] && return 0
    name=$1
    shift
    rm -rf "build/venv/$name"
    python3 -m venv "build/venv/$name" >"$work/said" 2>&1 &&
        "$venv" -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 30 "$@" >"$work/said" 2>&1 &&
        touch "build/venv/$name/complete"
}

# --- Data and runs ---

# make_data [OPTION of dail synth...]: three datasets of 12 people with 12 images each in $work/data
make_data() {
    timeout $((60 * slow)) "$build/dail" synth -o "$work/data" --datasets 3 --identities 12 --images 12 --size 32 \
        --pairs 40 --name tiny --shard-images 80 --seed "$seed" "$@" >"$work/out" 2>&1 ||
        { cat "$work/out"; exit 1; }
}

# make_config: $work/config.yaml, the smallest network on that data: 432 images, 13 steps of 32 an epoch
make_config() {
    cat >"$work/config.yaml" <<END
run: {name: test, seed: $seed, dir: $work/run}
data:
  lanes: 4
  datasets: [$work/data/tiny0.yaml, $work/data/tiny1.yaml, $work/data/tiny2.yaml]
model: {arch: iresnet10, input: 32, embedding: 32, width: 0.125}
domain: {hidden: [16], start: 0.2}
batch: {lane: 8}
schedule: {epochs: 2}
runtime: {threads: 1}
log: {every: 1}
END
}

# run_daild WORKERS [--set KEY=VALUE...]: a run by $work/config.yaml; what it says goes to $work/out
run_daild() {
    ranks=$(($1 + 1))
    shift
    timeout -k 5 $((60 * slow)) mpirun --oversubscribe -n $ranks "$build/daild" "$work/config.yaml" "$@" \
        >"$work/out" 2>&1
}

# start_daild WORKERS [--set KEY=VALUE...]: the same in the background; $job is mpirun's process
start_daild() {
    ranks=$(($1 + 1))
    shift
    timeout -k 5 $((120 * slow)) mpirun --oversubscribe -n $ranks "$build/daild" "$work/config.yaml" "$@" \
        >"$work/out" 2>&1 &
    waiter=$!
    wait_for 10 has_child $waiter
    job=$(child_of $waiter)
}

# end_daild: waits for it and returns its exit code
end_daild() {
    wait $waiter
    code=$?
    job=
    return $code
}

child_of() { ps -o pid= --ppid "$1" | tr -d ' ' | head -n 1; }
has_child() { [ -n "$(child_of "$1")" ]; }

# pid_of RUN RANK: the process of a worker, as its status log says; rank 0, the coordinator, is the one that is not
# among them
pid_of() {
    if [ "$2" = 0 ]; then
        workers=$(records "$1" start 'join " ", map { $_->{pid} } @{$r->{workers}}' | tail -n 1)
        for pid in $(ps -o pid= --ppid "$job"); do
            case " $workers " in *" $pid "*) ;; *) echo "$pid" ;; esac
        done
    else
        records "$1" start "\$r->{workers}[$2 - 1]{pid}" | tail -n 1
    fi
}

# records RUN KIND EXPRESSION: a Perl expression's value for each record $r of that kind in the status log
records() {
    KIND=$2 EXPRESSION=$3 perl -MJSON::PP -ne '
        $r = eval { decode_json($_) } or next;
        print eval($ENV{EXPRESSION}), "\n" if $r->{kind} eq $ENV{KIND}' "$1/status.jsonl"
}

# last_step RUN: the last step in the status log, or 0
last_step() {
    [ -e "$1/status.jsonl" ] && sed -n 's/.*"kind":"step".*"step":\([0-9]*\),.*/\1/p' "$1/status.jsonl" |
        tail -n 1 | grep . || echo 0
}

at_step() { [ "$(last_step "$1")" -ge "$2" ]; }

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
    left=$(($1 * slow * 20))
    shift
    until "$@" 2>/dev/null; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.05
    done
}

newest_checkpoint() { ls -d "$1"/checkpoints/step-????????? 2>/dev/null | tail -n 1; }

# same_model A B: the same parameters, statistics, momenta and class rows in two checkpoints, to the last bit
same_model() {
    for file in "$1"/*.h5; do
        cmp "$file" "$2/$(basename "$file")" || return 1
    done
    [ "$(ls "$1")" = "$(ls "$2")" ]
}

# flip FILE OFFSET: changes one byte of a file; a negative offset counts from its end
flip() {
    perl -e 'open F, "+<", $ARGV[0] or die; seek F, $ARGV[1], $ARGV[1] < 0 ? 2 : 0; read F, $c, 1;
        seek F, -1, 1; print F chr(255 - ord $c)' "$1" "$2"
}

# near TOLERANCE A B: as many numbers, one a line, in file A as in B, each within a relative tolerance; says the worst
near() {
    paste "$2" "$3" | awk -v allowed="$1" '
        NF != 2 { print "line " NR " has no partner"; bad = 1 }
        { e = $1 - $2; e = (e < 0 ? -e : e) / ($2 < 0 ? -$2 : $2); if (e > worst) worst = e }
        END { print NR " compared, worst " worst ", allowed " allowed
              exit(bad || NR == 0 || worst > allowed) }'
}

# one_line_of_error: daild said what was wrong exactly once
one_line_of_error() {
    cat "$work/out"
    [ "$(grep -c '^daild: ' "$work/out")" = 1 ]
}

# Settings under which rounding stays rounding. Sums in another order differ in the last bits of a float32, and the
# kinks of PReLU and of the margin amplify that from step to step: by 10^4 within 20 steps of a wild start. With a
# larger micro-batch, a small scale and a slow warm-up the losses of 20 steps agree to 1e-5, and still fall.
calm="--set model.width=0.25 --set batch.lane=16 --set loss.scale=16 --set optimizer.lr=0.0005
      --set schedule.epochs=6 --set schedule.warmup_epochs=6"
