#!/bin/sh
# Three hosts: network namespaces with processes, names and interfaces of their own, on one switch. A host that is cut
# off in the middle of training is noticed, its ranks end themselves, and dail run goes on with the other two.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip_all "making network namespaces takes root"
for tool in ip unshare; do
    command -v $tool >/dev/null || skip_all "$tool is not there (etc/install-deps.sh --hosts installs it)"
done

net=dail$$
shells=

host_of() { echo "$net-$1"; }

# in_host NUMBER COMMAND...: within its network alone
in_host() {
    number=$1
    shift
    ip netns exec "$(host_of "$number")" "$@"
}

hosts_up() {
    ip netns add "$net-switch" && ip -n "$net-switch" link add br0 type bridge &&
        ip -n "$net-switch" link set br0 up || return 1
    for number in 1 2 3; do
        ip netns add "$(host_of $number)" &&
            ip -n "$net-switch" link add port$number type veth peer name eth0 netns "$(host_of $number)" &&
            ip -n "$net-switch" link set port$number master br0 up &&
            ip -n "$(host_of $number)" address add 10.77.0.$number/24 dev eth0 &&
            ip -n "$(host_of $number)" link set eth0 up &&
            ip -n "$(host_of $number)" link set lo up || return 1
        ip netns exec "$(host_of $number)" unshare --uts --pid --fork --kill-child --mount-proc \
            sh -c "hostname node$number && exec perl tests/system/host_shell.pl serve 10.77.0.$number" &
        shells="$shells $!"
    done
    for number in 1 2 3; do
        wait_for 10 in_host $number perl tests/system/host_shell.pl 10.77.0.$number true || return 1
    done
}

# The first process of a host takes all others of it along.
hosts_down() {
    for shell in $shells; do
        kill -KILL "$shell" 2>/dev/null
        wait "$shell" 2>/dev/null
    done
    for name in 1 2 3 switch; do
        ip netns delete "$net-$name" 2>/dev/null
    done
}

plug() { ip -n "$net-switch" link set "port$1" "$2"; }

# on_host NUMBER NAME: the processes of that name there
on_host() {
    for pid in $(ip netns pids "$(host_of "$1")"); do
        sed -n "s/^Name:[[:space:]]*$2\$/$2 $pid/p" "/proc/$pid/status" 2>/dev/null
    done
}
none_on_host() { [ -z "$(on_host "$1" "$2")" ]; }

trap 'hosts_down; clean_up' EXIT
hosts_up 2>"$work/said" || skip_all "network namespaces cannot be made: $(tail -n 1 "$work/said")"

make_data
make_config
cat >"$work/hosts" <<END
10.77.0.1 slots=1
10.77.0.2 slots=1
10.77.0.3 slots=1
END

# start_on_host1 RUN OPTION...: dail run in the background, on the first host
start_on_host1() {
    run=$work/$1
    shift
    command="cd $PWD && exec env OMPI_MCA_plm_rsh_agent=$PWD/tests/system/host_shell.pl OMPI_MCA_btl=self,tcp"
    command="$command OMPI_MCA_btl_tcp_if_include=10.77.0.0/24 OMPI_MCA_oob_tcp_if_include=10.77.0.0/24"
    command="$command $build/dail run --hostfile $work/hosts --set run.dir=$run --set data.lanes=6 $calm"
    command="$command --set checkpoint.every_steps=10 --set runtime.liveness_seconds=5 $* $work/config.yaml"
    # shellcheck disable=SC2086
    in_host 1 perl tests/system/host_shell.pl 10.77.0.1 $command >"$work/out" 2>&1 &
    waiter=$!
}

end_on_host1() {
    wait "$waiter"
}

has_fault() { [ -n "$(records "$run" fault 1)" ]; }

# twice_trained RUN: the losses of the steps trained before the restart and again after it, each pair on a line
twice_trained() {
    records "$1" step '"$r->{step} $r->{loss}"' | awk '$1 in loss { print loss[$1], $2 } { loss[$1] = $2 }'
}

# same_twice: at least one step was, and its losses agree
same_twice() {
    twice_trained "$run" | cut -d' ' -f1 >"$work/first"
    twice_trained "$run" | cut -d' ' -f2 >"$work/second"
    near 1e-3 "$work/first" "$work/second"
}

all_gone_from() {
    for program in daild orted mpirun dail; do
        none_on_host "$1" $program || return 1
    done
}

# --- A host is cut off ---

start_on_host1 cut --set schedule.epochs=40 --set schedule.warmup_epochs=40
wait_for 60 at_step "$run" 15
began=$(date +%s)
plug 3 down
check "a host that is cut off is noticed" wait_for 30 has_fault
took=$(($(date +%s) - began))
check "within liveness_seconds and a little (it took $took)" test $took -le $((10 * slow))
is "its rank" "$(records "$run" fault '$r->{rank}' | head -n 1)" 3
is "and its name are in the log" "$(records "$run" fault '$r->{host}' | head -n 1)" node3
check "its rank ends itself" wait_for 30 none_on_host 3 daild
end_on_host1
exits "the run goes on without it, to the end" $? 0
says "it is left out" '^dail run: 10.77.0.3 does not answer and is left out'
is "first three workers, then two" "$(records "$run" start 'scalar @{$r->{workers}}' | tr '\n' ' ')" "3 2 "
is "the last step" "$(last_step "$run")" 160
check "the steps trained twice have the same loss" same_twice
check "Open MPI's daemon there has ended too" wait_for 90 none_on_host 3 orted
check "nothing is left on the first host" wait_for 10 all_gone_from 1
check "nor on the second" wait_for 10 all_gone_from 2
plug 3 up

# --- A host loses its power ---

start_on_host1 power --set schedule.epochs=40 --set schedule.warmup_epochs=40
wait_for 60 at_step "$run" 15
# shellcheck disable=SC2086
set -- $shells
kill -KILL "$2"
end_on_host1
exits "a host is switched off: the run goes on to the end" $? 0
says "it is left out" '^dail run: 10.77.0.2 does not answer and is left out'
is "first three workers, then two" "$(records "$run" start 'scalar @{$r->{workers}}' | tr '\n' ' ')" "3 2 "
check "the steps trained twice have the same loss" same_twice
check "nothing is left on the first host" wait_for 10 all_gone_from 1
check "nor on the third" wait_for 10 all_gone_from 3

# --- The coordinator's host is cut off ---

start_on_host1 alone --set schedule.epochs=20 --set schedule.warmup_epochs=20
wait_for 60 at_step "$run" 15
plug 1 down
check "a rank whose coordinator is cut off ends itself" wait_for 30 none_on_host 3 daild
end_on_host1
exits "the coordinator's host goes on by itself, to the end" $? 0
is "with two workers, then one" "$(records "$run" start 'scalar @{$r->{workers}}' | tr '\n' ' ')" "2 1 "
check "the steps trained twice have the same loss" same_twice
finish
