#!/bin/sh
# dail export: PyTorch and onnxruntime make of what it writes what dail embed makes of the checkpoint, and a run begins
# with exactly those weights. PyPI's onnx and onnxruntime come into a venv.
. "$(dirname "$0")/lib.sh"
$python -c 'import torch, h5py' 2>/dev/null || skip_all "no PyTorch or h5py (etc/install-deps.sh --oracle)"
dail=$build/dail
iresnet="$python tests/system/iresnet.py"

# exported NAME CODE ARGUMENT...: dail export ends with that code; what it says goes to $work/out
exported() {
    name=$1 expected=$2
    shift 2
    timeout $((60 * slow)) "$dail" export "$@" >"$work/out" 2>&1
    exits "$name: exit code $expected" $? "$expected"
}

make_data
make_config
# Two blocks a layer, and statistics that are no longer the first ones.
run_daild 2 --set model.arch=iresnet18 --set optimizer.lr=0.01
exits "a network is trained" $? 0
checkpoint=$(newest_checkpoint "$work/run")
$iresnet images "$work/faces" 23 32 "$work/pixels.npy"
"$dail" embed "$work/run" "$work/faces" -o "$work/faces.h5" >"$work/out" 2>&1
"$dail" embed "$work/run" "$work/faces" -o "$work/unit.h5" --normalize >>"$work/out" 2>&1
$iresnet file "$work/faces.h5" "$work/faces.npy"
$iresnet file "$work/unit.h5" "$work/unit.npy"

# --- A state_dict ---

exported "safetensors and HDF5" 0 "$work/run" --safetensors "$work/net.safetensors" --hdf5 "$work/net.h5"
for file in net.safetensors net.h5; do
    check "$file holds the checkpoint's backbone, to the bit" $iresnet equal "$work/$file" "$checkpoint/model.h5"
    $iresnet embed "$work/$file" "$work/pixels.npy" "$work/torch.npy"
    check "$file in PyTorch: dail embed's embeddings" $iresnet same "$work/torch.npy" "$work/faces.npy" 1e-4
done
check "steps are counted as PyTorch does" $python - "$work" <<'END'
import sys
sys.path.insert(0, "tests/system")
import iresnet
state = iresnet.read_state(sys.argv[1] + "/net.safetensors")
net = iresnet.IResNet(state)
assert set(state) == set(net.state_dict()), set(state) ^ set(net.state_dict())
assert all(state[name].shape == value.shape and state[name].dtype == value.dtype
           for name, value in net.state_dict().items())
assert state["layer2.1.bn2.num_batches_tracked"] == 26, state["layer2.1.bn2.num_batches_tracked"]
END

# --- A start from it ---

# from NAME FILE: a run that begins with FILE; its first step is traced
from() {
    run_daild 2 --set model.arch=iresnet18 --set run.dir="$work/$1" --set model.init="$2" --set run.seed=99 \
        --set debug.trace_step=1 --set debug.stop_after_step=1
}
from second "$work/net.safetensors"
exits "a run begins with it" $? 75
check "with exactly these weights" $iresnet equal "$work/net.safetensors" "$work/second/trace/step-000000001/worker-1.h5"

# As others write it: half floats, other order, a gap of none, no counters.
$python - "$work" <<'END'
import json, struct, sys
import numpy as np
sys.path.insert(0, "tests/system")
import iresnet
work = sys.argv[1]
state = {k: v.numpy() for k, v in sorted(iresnet.read_state(work + "/net.safetensors").items()) if "num_batches" not in k}

def write(name, state, kind="F32", cut=None):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for key, value in state.items():
        value = value.astype(np.float16 if kind == "F16" else np.float32).tobytes()
        header[key] = {"dtype": kind, "shape": list(state[key].shape), "data_offsets": [len(data), len(data) + len(value)]}
        data += value
    text = json.dumps(header).encode()
    with open("%s/%s.safetensors" % (work, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data[:cut])

rounded = {k: v.astype(np.float16).astype(np.float32) for k, v in state.items()}
write("half", state, "F16")
write("rounded", rounded)
write("cut", state, cut=-4)
write("lacks", {k: v for k, v in state.items() if k not in ("fc.bias", "layer3.1.prelu.weight")})
write("more", dict(state, **{"head.weight": state["fc.bias"]}))
write("deeper", dict(state, **{"layer4.7.bn1.weight": state["fc.bias"]}))
write("prefix", {"state_dict._orig_mod.module." + k: v for k, v in dict(state, **{"head.weight": state["fc.bias"]}).items()})
write("both", dict({"teacher." + k: v for k, v in state.items()}, **{"student." + k: v for k, v in state.items()}))
write("other", {"blocks.%d.weight" % i: state["fc.bias"] for i in range(5)})
write("shape", dict(state, **{"bn1.weight": state["fc.bias"]}))
write("wild", dict(state, **{"bn2.bias": state["bn2.bias"] * np.float32("nan")}))
END
from half "$work/half.safetensors"
exits "or with half floats in another order" $? 75
check "widened" $iresnet equal "$work/rounded.safetensors" "$work/half/trace/step-000000001/worker-1.h5"

# begins_not NAME FILE PATTERN: a run that would begin with FILE ends with 3, told once
begins_not() {
    from refused "$2"
    exits "$1: exit code 3" $? 3
    says "$1: told" "$3"
    check "$1: once" one_line_of_error
}
begins_not "a file cut short" "$work/cut.safetensors" 'model.init.*copy the file again'
begins_not "names missing" "$work/lacks.safetensors" 'it lacks layer3.1.prelu.weight, fc.bias \('
begins_not "a name too many" "$work/deeper.safetensors" 'the model has no layer4.7.bn1.weight \('
begins_not "another shape" "$work/shape.safetensors" 'bn1.weight is \[32\], the model.s \[8\]'
begins_not "no numbers" "$work/wild.safetensors" 'element 0 of bn2.bias, -?nan, is not finite'
begins_not "no file" "$work/nowhere.safetensors" 'nowhere.safetensors'

# Under a prefix, with a head.
from prefix "$work/prefix.safetensors"
exits "a run begins with names under a prefix, beside a head" $? 75
check "with exactly these weights" $iresnet equal "$work/net.safetensors" "$work/prefix/trace/step-000000001/worker-1.h5"
says "the prefix is told" "warning: model.init .*prefix.safetensors: .*without 'state_dict._orig_mod.module.'"
says "and what was left out" 'left out: state_dict._orig_mod.module.head.weight'
from more "$work/more.safetensors"
exits "a head alone" $? 75
says "is told" 'left out: head.weight'
begins_not "two networks" "$work/both.safetensors" "two networks, .* 'teacher.', of another with 'student.'"

# --- As a model by itself ---

check "dail embed takes it for a checkpoint" "$dail" embed "$work/net.safetensors" "$work/faces" -o "$work/again.h5"
$iresnet file "$work/again.h5" "$work/again.npy"
check "with the same embeddings" $iresnet same "$work/again.npy" "$work/faces.npy" 0
"$dail" eval "$work/net.safetensors" "$work/data/tiny-cross.h5" >"$work/out" 2>&1
"$dail" eval "$work/run" "$work/data/tiny-cross.h5" >"$work/eval" 2>&1
is "and so does dail eval" "$(grep ^tiny "$work/out")" "$(grep ^tiny "$work/eval")"
exported "and dail export" 0 "$work/net.safetensors" --safetensors "$work/again.safetensors"
check "with the same weights" $iresnet equal "$work/again.safetensors" "$work/net.safetensors"
exported "something else" 3 "$work/lacks.safetensors" --onnx "$work/refused.onnx"
exported "another network" 3 "$work/other.safetensors" --onnx "$work/refused.onnx"
says "its names are told" 'it has blocks.0.weight, blocks.1.weight, blocks.2.weight and 2 more'
exported "names under a prefix" 0 "$work/prefix.safetensors" --safetensors "$work/again.safetensors"
says "are told" "dail: warning: its names were taken without 'state_dict"
check "with the same weights" $iresnet equal "$work/again.safetensors" "$work/net.safetensors"

# --- What PyTorch saves ---

$python - "$work" <<'END'
import argparse, pickle, sys, zipfile
import torch
sys.path.insert(0, "tests/system")
import iresnet
work = sys.argv[1]
state = iresnet.read_state(work + "/net.safetensors")
net = iresnet.IResNet(state)
net.load_state_dict(state)
torch.save(net.state_dict(), work + "/plain.pth")
torch.save({"epoch": 3, "best": 0.5, "args": argparse.Namespace(lr=0.1), "none": None,
            "state_dict": {"module." + k: v for k, v in net.state_dict().items()},
            "optimizer": torch.optim.SGD(net.parameters(), 0.1, momentum=0.9).state_dict()}, work + "/training.ckpt")
torch.save(dict(net.named_parameters(), **dict(net.named_buffers())), work + "/parameters.pt")
torch.save({k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}, work + "/half.pth")
# Several in one storage, as slices of it.
flat = torch.cat([v.flatten().float() for v in state.values()])
views, at = {}, 0
for k, v in state.items():
    views[k], at = flat[at:at + v.numel()].view(v.shape), at + v.numel()
torch.save({k: v for k, v in views.items() if "tracked" not in k}, work + "/views.pth")
torch.save(net.state_dict(), work + "/old.pth", _use_new_zipfile_serialization=False)
torch.save(net, work + "/module.pth")
torch.save(dict(net.state_dict(), **{"conv1.weight": net.conv1.weight.detach().contiguous(memory_format=torch.channels_last)}),
           work + "/order.pth")

class Hostile:
    def __reduce__(self):
        import os
        return os.system, ("touch %s/was-run" % work,)
torch.save(dict(net.state_dict(), evil=Hostile()), work + "/hostile.pth")
with zipfile.ZipFile(work + "/plain.pth") as plain, zipfile.ZipFile(work + "/deflated.pth", "w", zipfile.ZIP_DEFLATED) as out:
    for name in plain.namelist():
        out.writestr(name, plain.read(name))
data = open(work + "/plain.pth", "rb").read()
open(work + "/cut.pth", "wb").write(data[:-100])
open(work + "/no.pth", "wb").write(b"nothing of it")
END
for file in plain.pth training.ckpt parameters.pt views.pth; do
    exported "$file" 0 "$work/$file" --safetensors "$work/again.safetensors"
    check "$file: the same weights" $iresnet equal "$work/again.safetensors" "$work/net.safetensors"
done
from pth "$work/half.pth"
exits "a run begins with PyTorch's half floats" $? 75
check "widened" $iresnet equal "$work/rounded.safetensors" "$work/pth/trace/step-000000001/worker-1.h5"
"$dail" info "$work/training.ckpt" >"$work/out" 2>&1
says "dail info tells what it is" 'training.ckpt: a network as PyTorch saves it'
says "and its names" "names .*'state_dict.module.'"
# saved_not FILE PATTERN: not taken, and told why
saved_not() {
    exported "$1" 3 "$work/$1" --safetensors "$work/refused.safetensors"
    says "$1: told" "$2"
}
saved_not hostile.pth 'it wants posix.system, which no state_dict needs; it was not run'
check "nothing was run" [ ! -e "$work/was-run" ]
saved_not module.pth 'it wants iresnet.IResNet, .*safetensors.torch.save_file'
saved_not old.pth 'before 1.6.*save it again'
saved_not order.pth "'conv1.weight': its elements are in another order"
saved_not deflated.pth 'is compressed; torch.save stores'
saved_not cut.pth 'no archive.*cut short'
saved_not no.pth 'no archive'

# --- ONNX ---

exported "ONNX" 0 "$checkpoint" --onnx "$work/plain.onnx"
exported "ONNX, folded" 0 "$work/run" --onnx "$work/fold.onnx" --fold-bn
# Of iresnet18: 1, three in each of 8 blocks, 4 beside them, 2 at the end.
normalisations() { grep -ao BatchNormalization "$work/$1.onnx" | wc -l | tr -d ' '; }
is "not folded: a normalisation for each of the network's" "$(normalisations plain)" 31
is "folded: only those before a padded convolution are left" "$(normalisations fold)" 8
exported "ONNX, of length 1" 0 "$work/run" --onnx "$work/unit.onnx" --with-normalize
exported "ONNX, folded and of length 1" 0 "$work/run" --onnx "$work/both.onnx" --fold-bn --with-normalize
says "told" 'both.onnx: the iresnet18 of .*step-000000026'
$iresnet onnx "$work/net.safetensors" 32 "$work/torch.onnx" >"$work/out" 2>&1
# As a model by itself, whatever wrote it; torch's has its normalisations folded, and names of its own.
for model in plain fold unit both torch; do
    check "dail embed takes $model.onnx for a checkpoint" "$dail" embed "$work/$model.onnx" "$work/faces" -o "$work/again.h5"
    $iresnet file "$work/again.h5" "$work/again.npy"
    check "$model.onnx: with the same embeddings" $iresnet same "$work/again.npy" "$work/faces.npy" 1e-4
done
"$dail" eval "$work/run" "$work/data/tiny-cross.h5" --compare "$work/plain.onnx" --compare "$work/torch.onnx" >"$work/out" 2>&1
exits "dail eval compares them" $? 0
says "torch.onnx is named" 'torch.onnx'
"$dail" eval "$work/unit.onnx" "$work/data/tiny-cross.h5" >"$work/out" 2>&1
is "dail eval of one: the checkpoint's figures" "$(grep ^tiny "$work/out")" "$(grep ^tiny "$work/eval")"
exported "dail export takes it back" 0 "$work/plain.onnx" --safetensors "$work/again.safetensors"
check "to the bit" $iresnet equal "$work/again.safetensors" "$work/net.safetensors"
from folded "$work/fold.onnx"
exits "a run begins with a folded one" $? 75
says "and warns of what is lost" 'warning: model.init .*fold.onnx: 23 of its 31 batch normalisations were folded'
from onnx "$work/plain.onnx"
exits "a run begins with it" $? 75
check "with exactly its weights" $iresnet equal "$work/net.safetensors" "$work/onnx/trace/step-000000001/worker-1.h5"
head -c 5000 "$work/plain.onnx" >"$work/cut.onnx"
begins_not "an ONNX model cut short" "$work/cut.onnx" 'no ONNX model, or it is damaged, .*model.init: .*cut.onnx'
if make_venv onnx onnx onnxruntime; then
    $venv -c '
import onnx, sys
work = sys.argv[1]
model = onnx.load(work + "/plain.onnx")
onnx.save_model(model, work + "/away.onnx", save_as_external_data=True, location="away.bin", size_threshold=0)
model = onnx.load(work + "/plain.onnx")
next(node for node in model.graph.node if node.name == "layer2.0.prelu").op_type = "LeakyRelu"
onnx.save_model(model, work + "/leaky.onnx")' "$work"
    $venv tests/system/onnx_variants.py "$work/plain.onnx" "$work"
    exported "numbers in another file" 0 "$work/away.onnx" --safetensors "$work/again.safetensors"
    check "to the bit" $iresnet equal "$work/again.safetensors" "$work/net.safetensors"
    for variant in reshape reshape-open constants biases product; do
        check "dail embed takes $variant.onnx" "$dail" embed "$work/$variant.onnx" "$work/faces" -o "$work/again.h5"
        $iresnet file "$work/again.h5" "$work/again.npy"
        check "$variant.onnx: with the same embeddings" $iresnet same "$work/again.npy" "$work/faces.npy" 1e-4
    done
    for hostile in up absolute link behind huge short reshape-other; do
        exported "$hostile.onnx" 3 "$work/$hostile.onnx" --safetensors "$work/refused.safetensors"
        is "$hostile.onnx: told once" "$(grep -c '^dail: ' "$work/out")" 1
    done
    says "what a shape is told" 'its shape is not of the images'
    exported "another operator" 3 "$work/leaky.onnx" --safetensors "$work/refused.safetensors"
    says "the node is named" "node 'layer2.0.prelu' \(LeakyRelu\): an iresnet has PRelu there"
    onnx_check="$venv tests/system/onnx_check.py"
    check "ONNX in onnxruntime: dail embed's" $onnx_check "$work/plain.onnx" "$work/pixels.npy" "$work/faces.npy" 1e-4
    check "folded too" $onnx_check "$work/fold.onnx" "$work/pixels.npy" "$work/faces.npy" 1e-4
    check "of length 1: dail embed --normalize's" $onnx_check "$work/unit.onnx" "$work/pixels.npy" "$work/unit.npy" 1e-4
    check "and folded" $onnx_check "$work/both.onnx" "$work/pixels.npy" "$work/unit.npy" 1e-4
else
    for part in plain folded "of length 1" both; do
        skip "ONNX in onnxruntime, $part: PyPI gave no onnx and onnxruntime: $(tail -n 1 "$work/said")"
    done
fi

# --- What is refused ---

exported "no format" 2 "$work/run"
says "named" '--onnx FILE'
exported "folding without ONNX" 2 "$work/run" --hdf5 "$work/refused.h5" --fold-bn
exported "no checkpoint" 3 "$work/nowhere" --onnx "$work/refused.onnx"
for format in onnx safetensors hdf5; do
    exported "$format where nothing can be written" 6 "$work/run" --$format "$work/no/refused.x"
    says "$format: named" 'no/refused.x'
done
mkdir "$work/small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=200k tmpfs "$work/small" 2>"$work/out"; then
    for format in onnx safetensors hdf5; do
        exported "$format on a full disk" 6 "$work/run" --$format "$work/small/net"
        says "$format: told" 'small/net.*space'
    done
    head -c 180000 /dev/zero >"$work/small/filler"
    timeout $((60 * slow)) "$dail" embed "$work/run" "$work/data/tiny0.yaml" -o "$work/small/e.h5" >"$work/out" 2>&1
    exits "embeddings on a full disk: exit code 6" $? 6
    says "told" 'small/e.h5.*space'
    is "nothing is left of them" "$(ls "$work/small")" filler
    umount "$work/small"
else
    skip "no file system of our own to fill: $(cat "$work/out")"
fi
is "nothing is left of what failed" "$(find "$work" -name '*refused.*' -o -name '*.tmp' | wc -l)" 0

finish
