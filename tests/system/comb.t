#!/bin/sh
# The paper's ten datasets and three verification sets, a miniature of each as its users hold it: packed by the commands of
# etc/comb.md, trained on together by two workers, verified.
. "$(dirname "$0")/lib.sh"

"$build/dail" synth -o "$work/made" --name drawn --datasets 1 --identities 40 --images 4 --size 96 --pairs 0 --seed "$seed" \
    >"$work/out" 2>&1
"$build/dail" unpack "$work/made/drawn0.yaml" -o "$work/drawn" >"$work/out" 2>&1
mkdir "$work/held"
check "the miniatures are made" $python tests/system/comb.py "$work/drawn" "$work/held" || exit 1
build=$(realpath "$build")
root=$(pwd)

# The commands as the page has them, one a line.
sed -n '/^```sh/,/^```/p' etc/comb.md | grep '^build/dail pack' >"$work/commands"
is "the page has a command for each of the ten and the three" "$(wc -l <"$work/commands" | tr -d ' ')" 13
cd "$work/held" || exit 1
while read -r command; do
    sh -c "$build/${command#build/} --size 32" >"$work/out" 2>&1 </dev/null
    exits "${command#build/}" $? 0
    case $command in
    *.h5*) says "has 20 pairs" ': 20 pairs, ' ;;
    *) says "has four people of four images" '4 classes in 1 shards, 16 images' ;;
    esac
    case $command in
    *umdface*) says "and leaves its table out" "^left out: 1 file beside the identities' folders\$" ;;
    *) says "and leaves nothing out" '^left out: nothing' ;;
    esac
done <"$work/commands"
cd "$root" || exit 1

check "all are sound" "$build/dail" verify "$work"/held/data/*.yaml "$work"/held/data/*.h5
is "they are the ten of etc/comb.yaml" "$(cd "$work/held" && ls data/*.yaml | sort)" \
    "$(sed -n 's/^  - \(data\/.*\.yaml\)/\1/p' etc/comb.yaml | sort)"
is "and its three" "$(cd "$work/held" && ls data/*.h5 | grep -v -e "-00000" | sort)" "$(sed -n 's/^- \(data\/.*\.h5\)/\1/p' etc/comb.yaml | sort)"

# The configuration of the comb itself, on a network for miniatures.
cp etc/comb.yaml "$work/held/config.yaml"
cd "$work/held" || exit 1
timeout -k 5 $((60 * slow)) mpirun --oversubscribe -n 3 "$build/daild" config.yaml --set data.lanes=2 --set batch.lane=8 \
    --set model.arch=iresnet10 --set model.input=32 --set model.embedding=16 --set model.width=0.125 \
    --set schedule.epochs=2 --set runtime.threads=1 --set domain.hidden=[8] --set log.every=1 --set run.dir="$work/run" \
    >"$work/out" 2>&1
exits "two workers train on all ten" $? 0
cd "$root" || exit 1
is "each with a number of its own" "$(records "$work/run" start 'join " ", map { $_->{id} } @{$r->{datasets}}')" "0 1 2 3 4 5 6 7 8 9"
is "every set is scored" "$(records "$work/run" eval '$r->{set}' | sort -u | tr '\n' ' ')" "agedb-30 cfp-fp lfw "
if $python -c "import h5py" 2>/dev/null; then
    is "LFW over its ten folds" "$($python -c "
import h5py, collections
with h5py.File('$work/held/data/lfw.h5') as file:
    print(sorted(collections.Counter(file['fold'][:].tolist()).values()))" 2>&1)" "[2, 2, 2, 2, 2, 2, 2, 2, 2, 2]"
else
    skip "no h5py"
fi
finish
