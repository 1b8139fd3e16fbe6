#!/usr/bin/python3
"""Golden values of SGD with clipping, and of the learning rate schedules, by PyTorch in float64. Run in the
project's root; writes tests/oracle/loss/optimizer.golden."""
import torch

from golden import Golden

COUNT, STEPS = 11, 5
RATE, MOMENTUM, DECAY, CLIP = 0.1, 0.9, 5e-4, 2.0
EPOCH, TRAINING, WARMUP_EPOCHS = 10, 60, 1.5
MILESTONES = [0.3, 0.55, 0.9]


def rates(golden, name, make, warmup):
    """One rate a step: torch's warm-up, then torch's schedule over what is left."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([parameter], lr=RATE)
    seen = []
    if warmup:
        first = torch.optim.lr_scheduler.LinearLR(sgd, 1 / warmup, 1.0, warmup - 1)
        for _ in range(warmup):
            seen.append(sgd.param_groups[0]["lr"])
            sgd.step()
            first.step()
        sgd = torch.optim.SGD([parameter], lr=RATE)
    second = make(sgd, TRAINING - warmup, warmup)
    while len(seen) < TRAINING:
        seen.append(sgd.param_groups[0]["lr"])
        sgd.step()
        second.step()
    golden.put(name, seen)


def main():
    torch.manual_seed(3)
    schedules = torch.optim.lr_scheduler
    golden = Golden("tests/oracle/loss/optimizer.golden", "make_optimizer.py")
    golden.put("shape", [COUNT, STEPS, RATE, MOMENTUM, DECAY, CLIP])
    weight = torch.nn.Parameter(torch.randn(COUNT).double())
    golden.put("weight", weight.detach())
    sgd = torch.optim.SGD([weight], lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    for step in range(STEPS):
        weight.grad = torch.randn(COUNT).double() * (0.3 if step == 2 else 1.5)
        golden.put(f"step{step}.gradient", weight.grad)
        norm = torch.nn.utils.clip_grad_norm_([weight], CLIP)
        sgd.step()
        golden.put(f"step{step}.norm", [norm.item()])
        golden.put(f"step{step}.weight", weight.detach())
        golden.put(f"step{step}.momentum", sgd.state[weight]["momentum_buffer"])
    warmup = int(WARMUP_EPOCHS * EPOCH)
    golden.put("training", [TRAINING, EPOCH, RATE, WARMUP_EPOCHS])
    golden.put("milestones", MILESTONES)
    rates(golden, "rate.poly", lambda s, left, _: schedules.PolynomialLR(s, left, 2.0), warmup)
    rates(golden, "rate.cosine", lambda s, left, _: schedules.CosineAnnealingLR(s, left), warmup)
    rates(golden, "rate.step", lambda s, left, w: schedules.MultiStepLR(
        s, [round(m * TRAINING) - w for m in MILESTONES], 0.1), warmup)
    rates(golden, "rate.poly.cold", lambda s, left, _: schedules.PolynomialLR(s, left, 2.0), 0)
    golden.close()


main()
