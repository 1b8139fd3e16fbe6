#!/bin/sh
# dail run: starts a run again that lost a rank, to the same bits as without the loss; leaves alone what would only
# fail again; passes signals on; never waits for ever, and leaves no process behind.
. "$(dirname "$0")/lib.sh"

make_data
make_config
common="--set schedule.epochs=20 --set checkpoint.every_steps=10 --set runtime.liveness_seconds=5"

# start_run RUN OPTION...: dail run in the background: $waiter is its process, $job mpirun's
start_run() {
    run=$work/$1
    shift
    # shellcheck disable=SC2086
    "$build/dail" run --set run.dir="$run" $common "$@" "$work/config.yaml" >"$work/out" 2>&1 &
    waiter=$!
    find_job
}

# find_job: mpirun's process, which is another after each restart
find_job() {
    wait_for 20 has_job
    job=$(job_of_run)
}

# job_of_run, has_job: that process, and not the one that tells mpirun's version
job_of_run() { ps -o pid=,args= --ppid "$waiter" | grep ' -n [0-9]' | awk '{ print $1; exit }'; }
has_job() { [ -n "$(job_of_run)" ]; }

end_run() {
    wait "$waiter"
    code=$?
    job=
    return $code
}

# run_to_end SECONDS OPTION...: in the foreground
run_to_end() {
    limit=$1
    shift
    timeout -k 5 $((limit * slow)) "$build/dail" run "$@" "$work/config.yaml" >"$work/out" 2>&1
}

starts() { grep -c '^dail run: starting' "${1:-$work/out}"; }
started_again() { [ "$(records "$run" start 1 | wc -l)" = 2 ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
same_end() { same_model "$work/$1/checkpoints/step-000000260" "$work/whole/checkpoints/step-000000260"; }

# --- Nothing happens ---

# shellcheck disable=SC2086
run_to_end 120 -n 2 $common --set run.dir="$work/whole"
exits "a run without a fault" $? 0
is "one start" "$(starts)" 1
is "the last step" "$(last_step "$work/whole")" 260

# --- A rank is lost ---

start_run worker -n 2
wait_for 60 at_step "$run" 12
kill -KILL "$(pid_of "$run" 1)"
end_run
exits "a worker is killed" $? 0
is "it was started again" "$(starts)" 2
is "the fault names the worker" "$(records "$run" fault '$r->{rank}')" 1
says "so does the supervisor" '^dail run: the run ended with 5 .*rank 1@.*; starting again'
check "and its log" grep -q 'starting again' "$run/supervisor.log"
check "to the same bits" same_end worker

start_run coordinator -n 2
wait_for 60 at_step "$run" 12
kill -KILL "$(pid_of "$run" 0)"
end_run
exits "the coordinator is killed" $? 0
is "it was started again" "$(starts)" 2
check "to the same bits" same_end coordinator

start_run twice -n 2
wait_for 60 at_step "$run" 12
kill -KILL "$(pid_of "$run" 2)"
wait_for 60 started_again
wait_for 60 at_step "$run" $(($(records "$run" start '$r->{step}' | tail -n 1) + 2))
find_job
kill -STOP "$(pid_of "$run" 1)"
end_run
exits "a worker is killed, then another stopped" $? 0
is "it was started twice again" "$(starts)" 3
check "to the same bits" same_end twice

# --- What would only fail again ---

run_to_end 60 -n 5 --set run.dir="$work/lanes"
exits "more workers than lanes" $? 2
is "are tried once" "$(starts)" 1

mv "$work/data/tiny1-00000.h5" "$work/away"
run_to_end 60 -n 2 --set run.dir="$work/data-missing"
exits "a shard that is missing" $? 3
is "is tried once" "$(starts)" 1
mv "$work/away" "$work/data/tiny1-00000.h5"

# shellcheck disable=SC2086
run_to_end 120 -n 2 $common --set run.dir="$work/numeric" --set optimizer.lr=1000 --set optimizer.clip=0 \
    --set optimizer.weight_decay=1 --set schedule.warmup_epochs=0 --set schedule.epochs=60
exits "a training that diverges" $? 4
is "is tried once" "$(starts)" 1

# --- Signals ---

for signal in TERM USR1 INT; do
    start_run "$signal" -n 2
    wait_for 60 at_step "$run" 12
    kill -$signal "$waiter"
    end_run
    exits "SIG$signal: stopped" $? 75
    is "and not started again" "$(starts)" 1
    check "with a checkpoint of the last step" test -f \
        "$run/checkpoints/step-$(printf %09d "$(last_step "$run")")/COMMIT"
done
# shellcheck disable=SC2086
run_to_end 120 -n 2 $common --set run.dir="$run" --set debug.stop_after_step=$(($(last_step "$run") + 2))
exits "a run that the configuration stops" $? 75
is "is not started again" "$(starts)" 1
says "and says why" "ended with 75 .stopped on request: debug.stop_after_step, "
# shellcheck disable=SC2086
run_to_end 120 -n 2 $common --set run.dir="$run"
exits "submitted again" $? 0
check "it ends with the same bits" same_end INT

# shellcheck disable=SC2086
start_run interrupted -n 2 --set model.width=1 --set batch.lane=64 --set schedule.epochs=500
wait_for 60 at_step "$run" 1
worker=$(pid_of "$run" 1)
kill -INT "$waiter"
sleep 0.2
kill -INT "$waiter"
end_run
exits "SIGINT twice" $? 130
check "the ranks are gone" wait_for 10 gone "$worker"

start_run orphaned -n 2
wait_for 60 at_step "$run" 12
coordinator=$(pid_of "$run" 0)
worker=$(pid_of "$run" 1)
kill -KILL "$waiter"
end_run
check "without its supervisor, the coordinator ends" wait_for 30 gone "$coordinator"
check "and so does a worker" wait_for 30 gone "$worker"

# --- An mpirun that fails, and one that hangs ---

mkdir "$work/fake"
cat >"$work/fake/mpirun" <<END
#!/bin/sh
[ "\$1" = --version ] && exec $(command -v mpirun) --version
echo "started \$*" >>$work/fake/starts
exit 5
#!/bin/sh
echo started >>$work/fake/starts
exit 5
END
chmod +x "$work/fake/mpirun"
PATH=$work/fake:$PATH run_to_end 60 -n 2 --restarts 2 --set run.dir="$work/hopeless"
exits "a run that is lost again and again" $? 5
is "is started again as often as allowed" "$(wc -l <"$work/fake/starts")" 3
says "and then given up" 'giving up after 2 restarts'
PATH=$work/fake:$PATH run_to_end 60 -n 2 --restarts 0 --set run.dir="$work/hopeless"
exits "without restarts" $? 5
is "it is started once" "$(wc -l <"$work/fake/starts")" 4

printf 'localhost slots=2\nabsent slots=2\n' >"$work/two.hosts"
OMPI_MCA_plm_rsh_agent=false PATH=$work/fake:$PATH run_to_end 60 --hostfile "$work/two.hosts" -n 4 --at-least 3 \
    --set run.dir="$work/hopeless"
exits "too few workers on the hosts that answer" $? 5
says "which it says" 'room for 2 workers, and --at-least asks for 3'
is "it is not started at all" "$(wc -l <"$work/fake/starts")" 4
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(realpath "$build/daild")" >"$work/fake/wrapped"
chmod +x "$work/fake/wrapped"
PATH=$work/fake:$PATH run_to_end 60 -n 2 --restarts 0 --daild "$work/fake/wrapped" --set run.dir="$work/hopeless"
check "another program in daild's place is what mpirun starts" grep -q "$work/fake/wrapped" "$work/fake/starts"
PATH=$work/fake:$PATH run_to_end 60 -n 2 --daild "$work/none" --set run.dir="$work/hopeless"
exits "one that is not there" $? 2

mkdir "$work/stuck"
cat >"$work/fake/mpirun" <<END
#!/bin/sh
[ "\$1" = --version ] && exec $(command -v mpirun) --version
trap '' TERM
setsid sleep 6000 & # as a rank that mpirun has lost sight of
echo \$! >$work/fake/stray
echo '{"kind":"start","step":0,"lanes":4}' >>$work/stuck/status.jsonl
echo '{"kind":"stop","exit_code":5}' >>$work/stuck/status.jsonl
while :; do sleep 1; done
END
PATH=$work/fake:$PATH run_to_end 60 -n 2 --restarts 0 --set run.dir="$work/stuck"
exits "an mpirun that hangs after a loss" $? 5
says "is killed" 'mpirun hung and was killed'
check "with what it had started" gone "$(cat "$work/fake/stray")"

cat >"$work/fake/mpirun" <<END
#!/bin/sh
[ "\$1" = --version ] && exec $(command -v mpirun) --version
exit 0
END
PATH=$work/fake:$PATH run_to_end 60 -n 2 --set run.dir="$work/nothing"
exits "an mpirun that starts nothing and is content" $? 2
says "which is told" 'mpirun ended with 0, but no run had begun'

cat >"$work/fake/mpirun" <<END
#!/bin/sh
[ "\$1" = --version ] && exec $(command -v mpirun) --version
echo '{"kind":"start","step":0,"lanes":4}' >>$work/codes/status.jsonl
exit \$(cat $work/fake/code)
END
mkdir "$work/codes"
for code in 255 243 137; do
    echo $code >"$work/fake/code"
    PATH=$work/fake:$PATH run_to_end 60 -n 2 --restarts 0 --set run.dir="$work/codes"
    exits "an mpirun that ends with $code" $? $code
    if [ $code = 137 ]; then
        says "died of a signal" 'signal 9, Killed'
    else
        says "and not of a signal" "ended with $code \(mpirun or a rank failed\)"
    fi
done

# --- Another MPI's mpirun ---

cat >"$work/fake/mpirun" <<END
#!/bin/sh
echo "HYDRA build details:
    Version:                                 4.0"
echo "\$*" >>$work/fake/hydra
END
case $("$build/daild" --version) in
*"MPI: Open MPI"*)
    PATH=$work/fake:$PATH run_to_end 60 -n 2 --set run.dir="$work/foreign"
    exits "an mpirun of MPICH" $? 2
    says "is told by name" "^dail: the mpirun that PATH has first is MPICH's, and daild was built for Open MPI"
    is "and starts nothing" "$(cat "$work/fake/hydra")" --version
    for rank in 0 1; do
        PMI_RANK=$rank PMI_SIZE=3 timeout 60 "$build/daild" "$work/config.yaml" >"$work/out" 2>&1
        exits "rank $rank that such an mpirun made a world of its own" $? 2
        says "and says so" "^daild: the launcher started 3 ranks, and each is a world of its own"
    done
    ;;
*) skip "daild is not Open MPI's" ;;
esac

# --- What is wrong from the beginning ---

run_to_end 60 --hostfile "$work/none"
exits "a hostfile that is not there" $? 2
printf 'localhost slots=2\nother slots=x\n' >"$work/hostfile"
run_to_end 60 --hostfile "$work/hostfile"
exits "a hostfile with an error" $? 2
says "with its line" "^dail: .*slots=x.*$work/hostfile:2"
printf 'localhost slots=2\n' >"$work/hostfile"
run_to_end 60 -n 4 --hostfile "$work/hostfile"
exits "more workers than slots" $? 2
run_to_end 60 --set no.such=key
exits "an unknown key" $? 2
check "none of these is even tried" test ! -e "$work/run"
# shellcheck disable=SC2086
run_to_end 120 --hostfile "$work/hostfile" $common --set run.dir="$work/hostfile-run" --set debug.stop_after_step=20
exits "a hostfile of this host: stopped as it was told" $? 75
# shellcheck disable=SC2086
run_to_end 120 --hostfile "$work/hostfile" $common --set run.dir="$work/hostfile-run"
exits "and gone on with" $? 0
is "as many workers as slots" "$(records "$work/hostfile-run" start 'scalar @{$r->{workers}}' | tr '\n' ' ')" "2 2 "

# --- Without ssh, as in a container ---

mkdir "$work/bin"
for program in /usr/bin/* /bin/*; do
    case ${program##*/} in ssh | rsh) ;; *) ln -sf "$program" "$work/bin" ;; esac
done
PATH=$work/bin run_to_end 60 -n 1 --set run.dir="$work/alone" --set schedule.epochs=0.1
exits "this host alone needs no ssh" $? 0
finish
