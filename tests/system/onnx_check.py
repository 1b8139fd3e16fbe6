#!/usr/bin/env python3
"""Whether an exported ONNX model is sound and computes what it should, in onnxruntime.

    onnx_check.py MODEL IMAGES.npy EXPECTED.npy TOLERANCE

IMAGES: uint8 [N, side, side, 3]; EXPECTED: their embeddings. Run one by one and seven at a time.
"""
import sys

import numpy as np
import onnx
import onnxruntime


def main(path, images, expected, tolerance):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version >= 13 and len(model.opset_import) == 1, model.opset_import
    names = [node.name for node in model.graph.node]
    # InsightFace takes a model that begins with these for one that normalises its input itself.
    assert not any(name.startswith(("Sub", "_minus", "Mul", "_mul")) for name in names[:8]), names[:8]
    assert len(set(names)) == len(names) >= 8

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (data,), (output,) = session.get_inputs(), session.get_outputs()
    pixels, expected = np.load(images), np.load(expected)
    side = pixels.shape[1]
    assert data.name == "data" and isinstance(data.shape[0], str) and data.shape[1:] == [3, side, side], data
    assert isinstance(output.shape[0], str) and output.shape[1:] == [expected.shape[1]], output

    x = (pixels.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2)
    good = True
    for batch in (1, 7):
        parts = [session.run([output.name], {data.name: x[i : i + batch]})[0] for i in range(0, len(x), batch)]
        worst = np.abs(np.concatenate(parts) - expected).max() / np.abs(expected).max()
        print("%d nodes, batch %d: worst %.2e, allowed %s" % (len(names), batch, worst, tolerance))
        good = good and worst <= float(tolerance)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
