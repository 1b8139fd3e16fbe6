#!/usr/bin/env python3
"""Replays traced training steps in PyTorch, from the equations alone, and compares.

    replay.py [--dtype float64|float32] [--worst N] TRACE_DIR...

TRACE_DIR is a folder <run.dir>/trace/step-<9 digits> with worker-<r>.h5 files (see worker/trace.h). The step is
computed anew from `before`, the images, the samples, the dropout masks and the drawn classes: embeddings, domain
logits, losses, gradients of backbone, domain head and class rows, running statistics. `after` is checked where
the trace holds the momenta before the step, or the step is the first: against the update of the trace's own
gradients, which is exact.

Errors are relative L2 norms. A gradient that is zero in exact arithmetic (a bias ahead of a batch
normalisation) is held against a hundredth of the whole gradient's norm instead of its own.

PReLU's slope changes at zero, so that an input which is zero to rounding may pass on either of two gradients. Where
the backbone's gradient is too far, the inputs closest to zero are therefore tried on the other side, one by one, and
left there if the gradient comes closer; the table says how many.

Exit code: 0 if embeddings and domain logits are within 1e-5, losses, gradients and the update within 1e-4;
1 if not; 2 for a trace that cannot be read; 77 where there is no PyTorch or h5py.
"""
import argparse
import glob
import math
import os
import sys

try:
    import h5py
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    SYSTEM_PYTHON = "/usr/bin/python3"
    if os.path.exists(SYSTEM_PYTHON) and not os.environ.get("DAIL_REPLAY_AGAIN"):
        os.environ["DAIL_REPLAY_AGAIN"] = "1"
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON] + sys.argv)
    print("replay.py: skipped: %s (it needs PyTorch, numpy and h5py)" % missing, file=sys.stderr)
    sys.exit(77)

from philox import Stream

EMBEDDING_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4
BATCH_NORM_EPSILON = 1e-5
STATISTICS_MOMENTUM = 0.1
COSINE_CLAMP = 1e-7
CLIP_EPSILON = 1e-6
MARGIN = 14  # the purpose of a margin's draw
# PReLU inputs within so many standard deviations of zero may be of either sign in float32; at most so many are tried.
KINK = 1e-5
KINKS_TRIED = 400
BLOCKS = {
    "iresnet10": [1, 1, 1, 1],
    "iresnet18": [2, 2, 2, 2],
    "iresnet34": [3, 4, 6, 3],
    "iresnet50": [3, 4, 14, 3],
    "iresnet100": [3, 13, 30, 3],
    "iresnet200": [6, 26, 60, 6],
}


class BadTrace(Exception):
    pass


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


# --- The trace ---


class Trace:
    """All files of a step, put together."""

    def __init__(self, directory, dtype):
        paths = sorted(glob.glob(os.path.join(directory, "worker-*.h5")))
        if not paths:
            raise BadTrace("%s holds no worker-<r>.h5" % directory)
        self.dtype = dtype
        files = [h5py.File(path, "r") for path in paths]
        first = next((f for f in files if "before" in f), None)
        if first is None:
            raise BadTrace("no file of %s holds the model" % directory)
        self.attributes = {name: value for name, value in first.attrs.items()}
        self.datasets = [text(name) for name in self.attributes["datasets"]]
        self.read_models(first)
        self.read_lanes(files)
        self.read_classifiers(files)
        self.read_groups(first)
        self.read_drawn(files)
        draws = [f["crossing"][...].astype(np.int64) for f in files if "crossing" in f]
        self.draws = np.concatenate(draws) if draws else np.zeros((0, 3), np.int64)
        for f in files:
            f.close()

    def __getitem__(self, name):
        return self.attributes[name]

    def tensor(self, array):
        return torch.from_numpy(np.asarray(array[...], np.float64)).to(self.dtype)

    def read_models(self, first):
        self.backbone, self.domain, self.margin = {}, {}, {}
        for state in ("before", "momentum", "grad", "after"):
            for part, into in (("backbone", self.backbone), ("domain", self.domain), ("margin", self.margin)):
                group = first.get("%s/%s" % (state, part))
                if group is not None:
                    into[state] = {name: self.tensor(group[name]) for name in group}
        self.margin_name = text(self.attributes.get("margin_name", "plain"))

    def read_lanes(self, files):
        found = {}
        for f in files:
            for name in f:
                if name.startswith("lane-"):
                    found[int(name[5:])] = {key: self.lane_value(key, f[name][key]) for key in f[name]}
        if sorted(found) != list(range(int(self["lanes"]))):
            raise BadTrace("lanes %s are there of %d" % (sorted(found), self["lanes"]))
        self.lanes = [found[lane] for lane in sorted(found)]
        count = sum(len(lane["label"]) for lane in self.lanes)
        if count != int(self["global_batch"]):
            raise BadTrace("the lanes hold %d samples of %d" % (count, self["global_batch"]))

    def lane_value(self, key, array):
        if key in ("dataset", "label", "sample"):
            return torch.from_numpy(array[...].astype(np.int64))
        return self.tensor(array)

    def read_classifiers(self, files):
        self.classifier = {}
        for name, classes in zip(self.datasets, self["dataset_classes"]):
            blocks = [f["classifier"][name] for f in files if name in f.get("classifier", {})]
            blocks.sort(key=lambda block: int(block.attrs["row_begin"]))
            ends = [0] + [int(block.attrs["row_end"]) for block in blocks]
            begins = [int(block.attrs["row_begin"]) for block in blocks] + [int(classes)]
            if begins != ends:
                raise BadTrace("the rows of %s have a hole: they begin at %s and end at %s" % (name, begins, ends))
            states = set.intersection(*(set(block) for block in blocks)) - {"drawn"}
            self.classifier[name] = {
                state: torch.cat([self.tensor(block[state]) for block in blocks]) for state in states
            }


    def read_drawn(self, files):
        """stands: for each class over all datasets, whether its row stands in the step; None: all do."""
        self.stands = None
        if float(self.attributes.get("sample", 1)) >= 1:
            return
        self.stands = np.zeros(self.begins[-1], bool)
        for k, name in enumerate(self.datasets):
            for f in files:
                if "drawn" in f.get("classifier/" + name, {}):
                    self.stands[self.begins[k] + f["classifier"][name]["drawn"][...].astype(np.int64)] = True

    def read_groups(self, first):
        """home [classes]: the class whose row each one shares; datasets_of: a home -> the datasets in its group."""
        classes = [int(c) for c in self["dataset_classes"]]
        self.begins = np.concatenate([[0], np.cumsum(classes)])
        everything = np.arange(self.begins[-1])
        self.home = first["home"][...].astype(np.int64) if "home" in first else everything
        dataset_of = np.repeat(np.arange(len(classes)), classes)
        self.datasets_of = {}
        for c in everything:
            members = self.datasets_of.setdefault(int(self.home[c]), [])
            if self.home[self.home[c]] != self.home[c] or self.home[c] > c or dataset_of[c] in members:
                raise BadTrace("the identity groups are none: class %d shares the row of %d" % (c, self.home[c]))
            members.append(dataset_of[c])


# --- The backbone: InsightFace's iresnet ---


class Backbone:
    """The forward pass in training mode over a dictionary of parameters; notes every batch normalisation's mean
    and unbiased variance."""

    def __init__(self, arch, parameters, flips=()):
        self.arch = arch
        self.p = parameters
        self.flips = flips  # (name of a PReLU, place of the input that is taken for one of the other sign)
        self.near = []  # (distance from zero, (name, place))
        self.statistics = {}
        self.used = set()

    def get(self, name):
        self.used.add(name)
        return self.p[name]

    def bn(self, name, x, weight=None):
        dims = [d for d in range(x.dim()) if d != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        mean = x.mean(dims)
        centred = x - mean.view(shape)
        variance = (centred * centred).mean(dims)
        count = x.numel() // x.shape[1]
        unbiased = variance * (count / max(count - 1, 1))
        self.statistics[name + ".running_mean"] = mean.detach()
        self.statistics[name + ".running_var"] = unbiased.detach()
        if weight is None:
            weight = self.get(name + ".weight")
        scale = weight / torch.sqrt(variance + BATCH_NORM_EPSILON)
        return centred * scale.view(shape) + self.get(name + ".bias").view(shape)

    def conv(self, name, x, stride=1):
        weight = self.get(name + ".weight")
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)

    def prelu(self, name, x):
        positive = (x > 0).flatten()
        distance = (x.detach() / x.detach().std()).abs().flatten()
        for place in torch.nonzero(distance < KINK).ravel().tolist():
            self.near.append((float(distance[place]), (name, place)))
        for other, place in self.flips:
            if other == name:
                positive[place] = ~positive[place]
        return torch.where(positive.view(x.shape), x, x * self.get(name + ".weight").view(1, -1, 1, 1))

    def block(self, name, x, stride, reshape):
        y = self.bn(name + ".bn1", x)
        y = self.conv(name + ".conv1", y)
        y = self.bn(name + ".bn2", y)
        y = self.prelu(name + ".prelu", y)
        y = self.conv(name + ".conv2", y, stride)
        y = self.bn(name + ".bn3", y)
        if reshape:
            x = self.bn(name + ".downsample.1", self.conv(name + ".downsample.0", x, stride))
        return y + x

    def __call__(self, image, mask):
        x = self.prelu("prelu", self.bn("bn1", self.conv("conv1", image)))
        for layer, blocks in enumerate(BLOCKS[self.arch], 1):
            for block in range(blocks):
                x = self.block("layer%d.%d" % (layer, block), x, 2 if block == 0 else 1, block == 0)
        x = torch.flatten(self.bn("bn2", x), 1)
        if mask is not None:
            x = x * mask
        x = F.linear(x, self.get("fc.weight"), self.get("fc.bias"))
        # InsightFace keeps this weight at 1.
        return self.bn("features", x, torch.ones_like(x[0]))


def trained(parameters):
    return {name: value for name, value in parameters.items() if ".running_" not in name}


# --- The losses ---


def domain_logits(parameters, x):
    """Linear, ReLU, ..., Linear, numbered as in a Sequential."""
    layers = sorted({int(name.split(".")[0]) for name in parameters})
    for layer in layers:
        if layer != layers[0]:
            x = F.relu(x)
        x = F.linear(x, parameters["%d.weight" % layer], parameters["%d.bias" % layer])
    return x


def psi(cosine, m1, m2, m3):
    angle = m1 * torch.acos(cosine) + m2
    n = torch.floor(angle.detach() / math.pi)
    return (1 - 2 * (n % 2)) * torch.cos(angle) - 2 * n - m3


def adaface_norms(norm):
    return norm.detach().clamp(1e-3, 100)


def adaface_psi(trace, cosine, norm):
    m, h, _ = (float(v) for v in trace["margin"])
    running = trace.margin["before"]
    z = h * (adaface_norms(norm) - running["norm_mean"]) / (running["norm_deviation"] + 1e-3)
    z = z.clamp(-1, 1)
    return torch.cos((torch.acos(cosine) - m * z).clamp(1e-3, math.pi - 1e-3)) - m * (1 + z)


def magface_psi(trace, cosine, norm):
    low, high, least, most, _ = (float(v) for v in trace["margin"])
    return psi(cosine, 1, least + (most - least) * (norm.clamp(low, high) - low) / (high - low), 0)


def drawn_margins(trace, samples):
    m, sigma = (float(v) for v in trace["margin"])
    draws = [Stream(int(trace["seed"]), MARGIN, int(trace["step"]), int(s)).normal() for s in samples]
    return m + sigma * torch.tensor(draws, dtype=trace.dtype)


def target_psi(trace, cosine, norm, samples):
    """psi of the targets' cosines, for samples of these norms and ids."""
    margin = trace["margin"]
    if trace.margin_name == "adaface":
        return adaface_psi(trace, cosine, norm)
    if trace.margin_name == "magface":
        return magface_psi(trace, cosine, norm)
    if trace.margin_name == "curricularface":
        return psi(cosine, 1, float(margin[0]), 0)
    if trace.margin_name == "elasticface-arc":
        return psi(cosine, 1, drawn_margins(trace, samples), 0)
    if trace.margin_name == "uniface":
        return psi(cosine, 1, 0, float(margin[0]))
    if trace.margin_name == "elasticface-cos":
        return psi(cosine, 1, 0, drawn_margins(trace, samples))
    return psi(cosine, *(float(m) for m in margin))


def rival_values(trace, cosine, right):
    """What the cosines of rivals count as, where the target has psi `right`."""
    if trace.margin_name != "curricularface":
        return cosine
    tau = float(trace.margin["before"]["target_cosine"])
    return torch.where(cosine > right.detach(), cosine * (tau + cosine), cosine)


def losses_by_threshold(trace, logits, scaled_right, place, target):
    """UniFace: what stands in `logits` beside the target is a rival's logit, -inf where there is none."""
    bias, weight = trace.threshold, float(trace["margin"][1])
    rivals = F.softplus(logits - bias)
    rivals = rivals.index_put((place, target), torch.zeros_like(scaled_right))
    return F.softplus(bias - scaled_right) + weight * rivals.sum(1)


def norm_losses(trace, norm):
    """What the norm itself costs."""
    if trace.margin_name != "magface":
        return torch.zeros_like(norm)
    low, high, _, _, weight = (float(v) for v in trace["margin"])
    a = norm.clamp(low, high)
    return weight * (a / high**2 + 1 / a)


def clamp(cosine):
    return cosine.clamp(-1 + COSINE_CLAMP, 1 - COSINE_CLAMP)


def left_in(trace, cosine, right):
    """The logits of rivals, the target having psi `right`; -inf where loss.filter leaves one out."""
    logits = float(trace["scale"]) * rival_values(trace, cosine, right)
    threshold = float(trace.attributes.get("filter", 0))
    return logits.masked_fill(cosine > threshold, -math.inf) if threshold > 0 else logits


def crossing_logits(trace, unit, weight, rows, right):
    """For the samples `rows`, the logits of their drawn classes, filled up with -inf."""
    drawn = [trace.drawn.get(int(row), []) for row in rows]
    width = max(len(classes) for classes in drawn)
    filled = []
    for row, classes, psi_of_target in zip(rows, drawn, right):
        cosine = clamp(weight[torch.tensor(classes, dtype=torch.int64)] @ unit[row])
        filled.append(F.pad(left_in(trace, cosine, psi_of_target), (0, width - len(classes)), value=-math.inf))
    return torch.stack(filled)


def centers(trace, state):
    return torch.cat([trace.classifier[name]["center_" + state] for name in trace.datasets])


def center_losses(trace, x, homes):
    weight = float(trace.attributes.get("center", 0))
    if weight == 0:
        return torch.zeros(len(x), dtype=x.dtype)
    return weight / 2 * ((x - centers(trace, "before")[homes]) ** 2).sum(1)


def moved_centers(trace, x, homes):
    center = centers(trace, "before")
    pull, count = torch.zeros_like(center), torch.zeros(len(center), dtype=x.dtype)
    pull.index_add_(0, homes, center[homes] - x)
    count.index_add_(0, homes, torch.ones(len(x), dtype=x.dtype))
    return center - float(trace["center_rate"]) * pull / (1 + count)[:, None]


def sample_losses(trace, x, weights, dataset, label, samples):
    """L_i of every sample: x [B, D], weights: the datasets' class rows. Notes the targets' cosines."""
    scale = float(trace["scale"])
    unit = F.normalize(x, dim=1, eps=0)
    units = [F.normalize(w, dim=1, eps=0) for w in weights]
    everything = torch.cat(units)
    norm = x.norm(dim=1)
    losses = norm_losses(trace, norm)
    trace.target_cosines = torch.zeros(len(x), dtype=x.dtype)
    for k in range(len(weights)):
        rows = torch.nonzero(dataset == k).ravel()
        if len(rows) == 0:
            continue
        whole = text(trace["scope"]) == "all"
        homes = np.array(sorted(h for h, members in trace.datasets_of.items()
                                if (whole or k in members) and (trace.stands is None or trace.stands[h])))
        target = np.searchsorted(homes, trace.home[trace.begins[k] + label[rows].numpy()])
        target = torch.from_numpy(target)
        cosine = clamp(unit[rows] @ everything[torch.from_numpy(homes)].T)
        place = torch.arange(len(rows))
        losses = losses.index_put((rows,), center_losses(trace, x[rows], homes[target]), accumulate=True)
        trace.target_cosines[rows] = cosine[place, target].detach()
        right = target_psi(trace, cosine[place, target], norm[rows], samples[rows])
        logits = left_in(trace, cosine, right[:, None])
        logits = logits.index_put((place, target), scale * right)
        if not whole:
            logits = torch.cat([logits, crossing_logits(trace, unit, everything, rows, right)], 1)
        if trace.margin_name == "uniface":
            own = losses_by_threshold(trace, logits, scale * right, place, target)
        else:
            own = torch.logsumexp(logits, 1) - scale * right
        losses = losses.index_put((rows,), own, accumulate=True)
    return losses


def gather_draws(trace, dataset):
    """Sample -> drawn classes; every one must stand for a group that the sample's dataset has no part in, and be drawn
    once."""
    batch = len(trace.lanes[0]["label"])
    trace.drawn = {}
    for lane, position, drawn in trace.draws:
        row = int(lane) * batch + int(position)
        classes = trace.drawn.setdefault(row, [])
        own = int(dataset[row])
        out = trace.stands is not None and not trace.stands[int(drawn)]
        if own in trace.datasets_of.get(int(drawn), [own]) or drawn in classes or out:
            raise BadTrace("class %d cannot have been drawn for lane %d, position %d" % (drawn, lane, position))
        classes.append(int(drawn))


def check_drawn(trace, dataset, label):
    """The samples' own classes stand, homes alone do, and of the rest about as many as the rate says."""
    if trace.stands is None:
        return
    own = trace.home[trace.begins[dataset.numpy()] + label.numpy()]
    homes = trace.home == np.arange(len(trace.home))
    if not trace.stands[own].all():
        raise BadTrace("class %d of a sample does not stand in the step" % own[~trace.stands[own]][0])
    if trace.stands[~homes].any():
        raise BadTrace("class %d stands, which has no row of its own" % np.nonzero(trace.stands & ~homes)[0][0])
    rest = homes.copy()
    rest[own] = False
    rate, drawn = float(trace["sample"]), int(trace.stands[rest].sum())
    # Within one of each dataset's classes at the rate, less those that are samples' or no homes.
    left_out = len(homes) - int(rest.sum()) + len(trace.datasets)
    if not rate * len(homes) - left_out <= drawn <= rate * len(homes) + len(trace.datasets):
        raise BadTrace("%d classes were drawn of %d at a rate of %g" % (drawn, len(homes), rate))


# --- The step ---


class Replay:
    pass


def forward(trace):
    """Embeddings without a graph: the backward pass makes each lane's anew, so that one lane's fits in memory."""
    result, statistics = [], {}
    with torch.no_grad():
        for lane in trace.lanes:
            net = Backbone(text(trace["arch"]), trace.backbone["before"])
            result.append(net(lane["image"], lane.get("dropout")))
            for name, value in net.statistics.items():
                statistics[name] = statistics.get(name, 0) + value / len(trace.lanes)
    unknown = set(trained(trace.backbone["before"])) - net.used
    if unknown:
        raise BadTrace("this is no %s: %s" % (text(trace["arch"]), ", ".join(sorted(unknown)[:4])))
    return result, statistics


def backward_lane(trace, number, gradient, flips=()):
    """A lane's part of the backbone's gradient, and its PReLU inputs that are near zero."""
    leaves = {name: value.clone().requires_grad_() for name, value in trained(trace.backbone["before"]).items()}
    lane = trace.lanes[number]
    batch = len(lane["label"])
    net = Backbone(text(trace["arch"]), leaves, flips)
    net(lane["image"], lane.get("dropout")).backward(gradient[number * batch : (number + 1) * batch])
    return {name: leaf.grad for name, leaf in leaves.items()}, net.near


def too_far(found, expected):
    table = Table()
    compare_gradients(table, "backbone gradient", found, expected, norm_of(expected))
    return any(error > allowed for _, _, error, allowed in table.rows)


def settle_kinks(trace, parts, near, gradient):
    """Flips those PReLU inputs which bring the sum of the lanes' parts closer to the traced gradient, every parameter
    in units of its norm. Returns how many."""
    found = trace.backbone["grad"]
    total = {name: sum(part[name] for part in parts) for name in parts[0]}
    unit = {name: 1 / max(float(value.norm()), 1e-2 * norm_of(total)) for name, value in total.items()}

    def distance(gradients):
        return sum((unit[name] * float((found[name] - gradients[name]).norm())) ** 2 for name in unit)

    flips = [[] for _ in parts]
    for _, lane, kink in sorted((d, lane, kink) for lane in range(len(parts)) for d, kink in near[lane])[:KINKS_TRIED]:
        if not too_far(found, total):
            break
        part, _ = backward_lane(trace, lane, gradient, flips[lane] + [kink])
        flipped = {name: total[name] - parts[lane][name] + part[name] for name in total}
        if distance(flipped) < distance(total):
            flips[lane].append(kink)
            parts[lane], total = part, flipped
    return total, sum(len(kinks) for kinks in flips)


def backward_backbone(trace, gradient):
    lanes = [backward_lane(trace, number, gradient) for number in range(len(trace.lanes))]
    parts, near = [list(of_lanes) for of_lanes in zip(*lanes)]
    total = {name: sum(part[name] for part in parts) for name in parts[0]}
    if "grad" in trace.backbone and set(trace.backbone["grad"]) == set(total):
        total, flipped = settle_kinks(trace, parts, near, gradient)
        print("PReLU inputs within rounding of zero: %d, on the other side: %d" % (sum(map(len, near)), flipped))
    return total


def replay(trace):
    r = Replay()
    r.embeddings, r.statistics = forward(trace)
    dataset = torch.cat([lane["dataset"] for lane in trace.lanes])
    label = torch.cat([lane["label"] for lane in trace.lanes])
    samples = torch.cat([lane["sample"] for lane in trace.lanes])
    gather_draws(trace, dataset)
    check_drawn(trace, dataset, label)
    x = torch.cat(r.embeddings).requires_grad_()
    weights = [trace.classifier[name]["before"].clone().requires_grad_() for name in trace.datasets]
    head = {name: value.clone().requires_grad_() for name, value in trace.domain["before"].items()}

    trained_margin = []
    if trace.margin_name == "uniface":
        trace.threshold = trace.margin["before"]["threshold"].clone().requires_grad_()
        trained_margin = [trace.threshold]

    dataset_weight = torch.tensor(np.asarray(trace["dataset_weight"], np.float64)).to(x.dtype)
    domain_weight = torch.tensor(np.asarray(trace["domain_weight"], np.float64)).to(x.dtype)
    count = float(trace["global_batch"])
    loss_cls = (dataset_weight[dataset] * sample_losses(trace, x, weights, dataset, label, samples)).sum() / count
    r.logits = domain_logits(head, x)
    loss_dom = (domain_weight[dataset] * F.cross_entropy(r.logits, dataset, reduction="none")).sum() / count

    # A dataset without a sample in the batch has no part in the loss.
    leaves = [x] + weights + trained_margin
    gradients = torch.autograd.grad(loss_cls, leaves, allow_unused=True)
    gradients = [g if g is not None else torch.zeros_like(v) for g, v in zip(gradients, leaves)]
    r.margin = {"threshold": gradients[-1]} if trained_margin else {}
    reversed_gradients = torch.autograd.grad(loss_dom, [x] + list(head.values()))
    r.classifier = dict(zip(trace.datasets, gradients[1 : 1 + len(weights)]))
    r.domain = dict(zip(head, reversed_gradients[1:]))
    r.backbone = backward_backbone(trace, gradients[0] - float(trace["lambda"]) * reversed_gradients[0])
    homes = torch.from_numpy(trace.home[trace.begins[dataset.numpy()] + label.numpy()])
    r.centers = moved_centers(trace, x.detach(), homes) if float(trace.attributes.get("center", 0)) else None
    r.norms = x.detach().norm(dim=1)
    r.loss_cls, r.loss_dom = float(loss_cls), float(loss_dom)
    return r


# --- Comparison ---


class Table:
    def __init__(self):
        self.rows = []

    def add(self, kind, name, error, tolerance):
        self.rows.append((kind, name, float(error), tolerance))

    def tensor(self, kind, name, found, expected, tolerance, floor=0.0):
        if found.shape != expected.shape:
            raise BadTrace("%s %s has shape %s, not %s" % (kind, name, tuple(found.shape), tuple(expected.shape)))
        size = max(float(expected.norm()), floor, 1e-300)
        self.add(kind, name, float((found - expected).norm()) / size, tolerance)

    def report(self, worst):
        good = True
        for kind in dict.fromkeys(row[0] for row in self.rows):
            rows = [row for row in self.rows if row[0] == kind]
            # A NaN sorts first, and is never within the tolerance.
            rows.sort(key=lambda row: math.inf if math.isnan(row[2]) else row[2], reverse=True)
            bad = sum(not row[2] <= row[3] for row in rows)
            good = good and bad == 0
            print("%-20s %4d compared, worst %.2e, allowed %.0e: %s"
                  % (kind, len(rows), rows[0][2], rows[0][3], "%d TOO FAR" % bad if bad else "ok"))
            for row in rows[:worst]:
                print("    %.2e  %s" % (row[2], row[1]))
        return good


def compare_gradients(table, kind, found, expected, whole):
    if set(found) != set(expected):
        raise BadTrace("%s: the parameters differ: %s" % (kind, sorted(set(found) ^ set(expected))[:4]))
    for name in expected:
        vanishes = float(expected[name].norm()) < 1e-9 * whole
        table.tensor(kind, name, found[name], expected[name], GRADIENT_TOLERANCE, 1e-2 * whole if vanishes else 0.0)


def norm_of(*groups):
    return math.sqrt(sum(float(value.norm()) ** 2 for group in groups for value in group.values()))


def updated(trace, before, momentum, gradient, scale):
    v = float(trace["momentum"]) * momentum + scale * gradient + float(trace["weight_decay"]) * before
    return before - float(trace["lr"]) * v


def compare_update(table, trace, r):
    first = int(trace["step"]) == 1
    of_margin = trace.margin if r.margin else {}
    norm = norm_of(trace.backbone["grad"], trace.domain["grad"], of_margin.get("grad", {}))
    clip = float(trace["clip"])
    scale = min(1.0, clip / (norm + CLIP_EPSILON)) if clip > 0 else 1.0
    table.add("gradient norm", "grad_norm", abs(float(trace["grad_norm"]) / norm - 1), GRADIENT_TOLERANCE)
    states = [("update of backbone", trace.backbone, scale), ("update of domain", trace.domain, scale)]
    states += [("update of threshold", of_margin, scale)] if of_margin else []
    states += [("update of classes", {s: {name: v[s]} for s in v}, 1.0) for name, v in trace.classifier.items()]
    for kind, state, factor in states:
        if "after" not in state or not (first or "momentum" in state):
            continue
        for name, gradient in state["grad"].items():
            before = state["before"][name]
            momentum = state["momentum"][name] if "momentum" in state else torch.zeros_like(before)
            expected = updated(trace, before, momentum, gradient, factor)
            if trace.stands is not None and name in trace.datasets:
                k = trace.datasets.index(name)
                idle = torch.from_numpy(~trace.stands[trace.begins[k] : trace.begins[k + 1]])
                expected = torch.where(idle[:, None], before, expected)
                table.add("rows left alone", name, float((state["after"][name] - before)[idle].abs().sum()), 0.0)
            table.tensor(kind, name, state["after"][name], expected, GRADIENT_TOLERANCE)
    compare_statistics(table, trace, r)
    compare_running(table, trace, r)
    if r.centers is not None and all("center_after" in rows for rows in trace.classifier.values()):
        table.tensor("centers", "all classes", centers(trace, "after"), r.centers, GRADIENT_TOLERANCE)


def compare_running(table, trace, r):
    """The margin's running values after the step."""
    if "before" not in trace.margin or "after" not in trace.margin or r.margin:
        return
    if trace.margin_name == "adaface":
        norms = adaface_norms(r.norms)
        now = {"norm_mean": norms.mean(), "norm_deviation": norms.std()}
    else:
        now = {"target_cosine": trace.target_cosines.mean()}
    alpha = float(trace["margin"][-1])
    for name, value in now.items():
        expected = (1 - alpha) * trace.margin["before"][name] + alpha * value
        table.tensor("margin's running values", name, trace.margin["after"][name], expected, GRADIENT_TOLERANCE)


def compare_statistics(table, trace, r):
    """A mean may be zero in exact arithmetic: it is held against the deviation too."""
    for name, value in r.statistics.items() if "after" in trace.backbone else ():
        before = trace.backbone["before"][name]
        expected = (1 - STATISTICS_MOMENTUM) * before + STATISTICS_MOMENTUM * value
        floor = 0.0
        if name.endswith("running_mean"):
            variance = r.statistics[name.replace("running_mean", "running_var")]
            floor = STATISTICS_MOMENTUM * float(variance.sqrt().norm())
        table.tensor("running statistics", name, trace.backbone["after"][name], expected, GRADIENT_TOLERANCE, floor)


def compare(trace, r):
    table = Table()
    for i, (lane, embedding) in enumerate(zip(trace.lanes, r.embeddings)):
        table.tensor("embedding", "lane %d" % i, lane["embedding"], embedding, EMBEDDING_TOLERANCE)
    logits = torch.cat([lane["domain_logit"] for lane in trace.lanes])
    table.tensor("domain logits", "all lanes", logits, r.logits.detach(), EMBEDDING_TOLERANCE)
    for name, value in (("loss_cls", r.loss_cls), ("loss_dom", r.loss_dom), ("loss", r.loss_cls + r.loss_dom)):
        table.add("loss", name, abs(float(trace[name]) - value) / max(abs(value), 1e-12), GRADIENT_TOLERANCE)
    if "grad" in trace.backbone:
        whole = norm_of(r.backbone, r.domain, r.margin)
        if r.margin:
            compare_gradients(table, "threshold gradient", trace.margin["grad"], r.margin, norm_of(r.margin))
        compare_gradients(table, "backbone gradient", trace.backbone["grad"], r.backbone, whole)
        compare_gradients(table, "domain gradient", trace.domain["grad"], r.domain, whole)
        rows = {name: value["grad"] for name, value in trace.classifier.items()}
        compare_gradients(table, "classifier gradient", rows, r.classifier, norm_of(r.classifier))
        compare_update(table, trace, r)
    return table


def main():
    parser = argparse.ArgumentParser(description="Replays traced training steps in PyTorch and compares.")
    parser.add_argument("trace", nargs="+", metavar="TRACE_DIR")
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64")
    parser.add_argument("--worst", type=int, default=3, metavar="N", help="show the N worst of each kind")
    arguments = parser.parse_args()
    good = True
    for directory in arguments.trace:
        try:
            trace = Trace(directory, getattr(torch, arguments.dtype))
            print("%s: step %d, %d lanes, %d images, %s, scope %s, crossing %d draws, lambda %g"
                  % (directory, trace["step"], trace["lanes"], trace["global_batch"], text(trace["arch"]),
                     text(trace["scope"]), len(trace.draws), trace["lambda"])
                  + (", %d of %d classes stand" % (trace.stands.sum(), len(trace.stands))
                     if trace.stands is not None else ""))
            good = compare(trace, replay(trace)).report(arguments.worst) and good
        except (BadTrace, OSError, KeyError) as fault:
            print("replay.py: %s: %s" % (directory, fault), file=sys.stderr)
            sys.exit(2)
    print("replay: %s" % ("agrees" if good else "DIFFERS"))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
