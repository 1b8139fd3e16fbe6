#!/usr/bin/env python3
"""The ways in which PyTorch's exporters write what dail export writes in one, and hostile ones.

    onnx_variants.py PLAIN.onnx FOLDER    writes them into FOLDER
"""
import copy
import os
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

plain, folder = onnx.load(sys.argv[1]), sys.argv[2]
features = next(i for i in plain.graph.initializer if i.name == "fc.weight").dims[1]


def array(name, values, kind=np.int64):
    return numpy_helper.from_array(np.array(values, kind), name)


def save(model, name):
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(folder, name + ".onnx"))


def node_of(model, kind):
    return next(node for node in model.graph.node if node.op_type == kind)


def replace(model, old, new):
    """Puts new nodes where an old one is."""
    nodes = list(model.graph.node)
    at = nodes.index(old)
    del model.graph.node[:]
    model.graph.node.extend(nodes[:at] + new + nodes[at + 1 :])


def reshape(name, shape):
    model = copy.deepcopy(plain)
    flatten = node_of(model, "Flatten")
    model.graph.initializer.append(array("shape", shape))
    replace(model, flatten, [helper.make_node("Reshape", [flatten.input[0], "shape"], flatten.output)])
    save(model, name)


reshape("reshape", [-1, features])
reshape("reshape-other", [-1, 1, features])

# The number of images is asked for while it runs.
model = copy.deepcopy(plain)
flatten = node_of(model, "Flatten")
model.graph.initializer.extend([array("zero", 0), array("axes", [0]), array("rest", [features])])
replace(model, flatten, [
    helper.make_node("Shape", [model.graph.input[0].name], ["sizes"]),
    helper.make_node("Gather", ["sizes", "zero"], ["images"]),
    helper.make_node("Unsqueeze", ["images", "axes"], ["images.1"]),
    helper.make_node("Concat", ["images.1", "rest"], ["shape"], axis=0),
    helper.make_node("Reshape", [flatten.input[0], "shape"], flatten.output),
])
save(model, "reshape-open")

# Slopes and weights through nodes that change nothing.
model = copy.deepcopy(plain)
model.graph.initializer.append(array("axes", [1, 2]))
slopes = {node.input[1] for node in model.graph.node if node.op_type == "PRelu"}
first = []
for tensor in list(model.graph.initializer):
    if tensor.name in slopes:
        model.graph.initializer.remove(tensor)
        flat = numpy_helper.from_array(numpy_helper.to_array(tensor).reshape(-1), tensor.name + ".flat")
        first += [helper.make_node("Constant", [], [tensor.name + ".flat"], value=flat),
                  helper.make_node("Unsqueeze", [tensor.name + ".flat", "axes"], [tensor.name])]
for node in model.graph.node:
    if node.op_type == "Conv":
        first.append(helper.make_node("Identity", [node.input[1]], [node.input[1] + ".same"]))
        node.input[1] += ".same"
nodes = list(model.graph.node)
del model.graph.node[:]
model.graph.node.extend(first + nodes)
save(model, "constants")

# Biases that are 0, computed from the shape of the weights and the type of the images.
model = copy.deepcopy(plain)
model.graph.initializer.extend([array("none", 0, np.float32), array("one", [1])])
first = []
for node in model.graph.node:
    if node.op_type == "Conv" and len(node.input) == 2:
        first += [helper.make_node("Shape", [node.input[1]], [node.name + ".sizes"], start=0, end=1),
                  helper.make_node("Expand", [node.name + ".sizes", "one"], [node.name + ".count"])]
        bias = [helper.make_node("CastLike", ["none", node.input[0]], [node.name + ".none"]),
                helper.make_node("Expand", [node.name + ".none", node.name + ".count"], [node.name + ".bias"])]
        node.input.append(node.name + ".bias")
        first.append((node, bias))
early = [node for node in first if not isinstance(node, tuple)]
before = {node.name: bias for node, bias in (entry for entry in first if isinstance(entry, tuple))}
nodes = [new for node in model.graph.node for new in before.get(node.name, []) + [node]]
del model.graph.node[:]
model.graph.node.extend(early + nodes)
model.opset_import[0].version = 18
save(model, "biases")

# The last layer as a product and a sum.
model = copy.deepcopy(plain)
gemm = node_of(model, "Gemm")
replace(model, gemm, [
    helper.make_node("Transpose", [gemm.input[1]], ["turned"], perm=[1, 0]),
    helper.make_node("MatMul", [gemm.input[0], "turned"], ["product"]),
    helper.make_node("Add", ["product", gemm.input[2]], gemm.output),
])
save(model, "product")


def away(name, **places):
    """One array's numbers elsewhere, as the words say."""
    model = copy.deepcopy(plain)
    tensor = next(i for i in model.graph.initializer if i.name == "fc.weight")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in places.items():
        tensor.external_data.add(key=key, value=str(value))
    with open(os.path.join(folder, name + ".onnx"), "wb") as file:
        file.write(model.SerializeToString())


weights = numpy_helper.to_array(next(i for i in plain.graph.initializer if i.name == "fc.weight")).tobytes()
os.makedirs(os.path.join(folder, "outside"), exist_ok=True)
for path in ("outside/weights", "weights"):
    with open(os.path.join(folder, path), "wb") as file:
        file.write(weights)
if not os.path.lexists(os.path.join(folder, "link")):
    os.symlink("outside/weights", os.path.join(folder, "link"))
away("up", location="../%s/weights" % os.path.basename(folder))
away("absolute", location=os.path.abspath(os.path.join(folder, "weights")))
away("link", location="link")
away("behind", location="weights", offset=4)
away("huge", location="weights", offset=2**64 - 4)
away("short", location="weights", length=len(weights) - 4)
