#!/usr/bin/python3
"""Makes tests/oracle/conv.bin, which nn_conv_test.c reads: small convolutions and what PyTorch computes for
them in float64, rounded to float32. Layouts are the network's: activations NHWC, weights HWIO.

Run from the root of the tree: /usr/bin/python3 tests/oracle/make_conv.py
"""
import numpy
import torch

# height, width, channels in, channels out, kernel, stride, batch
SHAPES = [(9, 6, 5, 4, 3, 1, 2), (7, 8, 4, 5, 3, 2, 2), (5, 6, 4, 3, 1, 1, 2), (5, 6, 4, 3, 1, 2, 2)]

torch.manual_seed(1)
with open("tests/oracle/conv.bin", "wb") as file:
    file.write(numpy.int32(len(SHAPES)).tobytes())
    for height, width, inputs, outputs, kernel, stride, batch in SHAPES:
        x = torch.randn(batch, inputs, height, width).double().requires_grad_()
        w = torch.randn(outputs, inputs, kernel, kernel).double().requires_grad_()
        y = torch.nn.functional.conv2d(x, w, stride=stride, padding=kernel // 2)
        g = torch.randn(y.shape).double()
        y.backward(g)
        file.write(numpy.array([height, width, inputs, outputs, kernel, stride, batch], "<i4").tobytes())
        for tensor, order in ((x, "nhwc"), (w, "hwio"), (g, "nhwc"), (y, "nhwc"), (x.grad, "nhwc"), (w.grad, "hwio")):
            permutation = (0, 2, 3, 1) if order == "nhwc" else (2, 3, 1, 0)
            file.write(tensor.detach().permute(permutation).contiguous().numpy().astype("<f4").tobytes())
