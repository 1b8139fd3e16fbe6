"""The judge of worker/identity by numpy in float64: from class centres to pairs with a probability, by the same steps
with every cosine of two datasets at once."""
import numpy as np

WIDTH, NEAREST, ROUNDS, WEIGHT = 10, 10, 3, 0.25
RATE, SHIFT = np.pi / np.sqrt(6), 0.5772156649015329 * np.sqrt(6) / np.pi  # Gumbel's of mean 0 and deviation 1
OWN, MIRROR = 0, 1
LEAST_ODDS = -6.0


def prepared(centres):
    """Each row of length 1, less its dataset's mean, of length 1: in float32, as the lists are made from."""
    rows = []
    for centre in centres:
        unit = centre / np.linalg.norm(centre, axis=1, keepdims=True)
        unit -= unit.mean(0)
        rows.append((unit / np.linalg.norm(unit, axis=1, keepdims=True)).astype(np.float32).astype(float))
    return rows


def others_sums(values):
    """Along the last axis: the sum of all others."""
    return np.stack([values[..., :r].sum(-1) + values[..., r + 1:].sum(-1) for r in range(WIDTH)], -1)


class Judge:
    def __init__(self, centres):
        self.find_nearest(prepared(centres))
        self.probability, self.supported = np.zeros((2,) + self.who[OWN].shape), False
        for turn in range(ROUNDS + 1):
            self.fit_strangers()
            self.score()
            self.mix()
            if turn > 0:
                self.support()
            self.match()
            self.calibrate()

    def find_nearest(self, rows):
        self.count = np.array([len(row) for row in rows])
        self.first = np.r_[0, np.cumsum(self.count)]
        self.datasets, self.all = len(rows), self.first[-1]
        self.dataset = np.repeat(np.arange(self.datasets), self.count)
        shape = (2, self.all, self.datasets, WIDTH)
        self.who, self.cosine = np.full(shape, -1), np.full(shape, -np.inf)
        for a, b in np.argwhere(~np.eye(self.datasets, dtype=bool)):
            cosines = rows[a] @ rows[b].T
            for side, near in enumerate((cosines, -cosines)):
                order = np.argsort(-near, axis=1, kind="stable")[:, :WIDTH]
                self.who[side, self.rows(a), b, :order.shape[1]] = self.first[b] + order
                self.cosine[side, self.rows(a), b, :order.shape[1]] = np.take_along_axis(near, order, 1)
        self.has = self.who >= 0
        self.other = np.where(self.has, self.who, 0)
        self.home = np.broadcast_to(self.dataset[:, None, None], shape[1:])
        back = self.who[OWN][self.other[OWN], self.home]
        found = (back == np.arange(self.all)[:, None, None, None]) & self.has[OWN][..., None]
        self.listed, self.reverse = found.any(-1), found.argmax(-1)
        self.stands = self.has[OWN] & ((np.arange(self.all)[:, None, None] < self.who[OWN]) | ~self.listed)

    def rows(self, dataset):
        return slice(self.first[dataset], self.first[dataset + 1])

    def twos(self):
        return [(a, b) for a in range(self.datasets) for b in range(a + 1, self.datasets)]

    def fit_strangers(self):
        """A mirror image's cosines as a stranger's would be."""
        self.cosines = self.cosine.copy()
        for a, b in self.twos():
            x, y = [], []
            for c, d in ((a, b), (b, a)):
                width = min(WIDTH, self.count[d])
                least = 1 if width > 3 else 0
                own = self.cosine[OWN][self.rows(c), d, :width]
                found = np.minimum(self.probability[OWN][self.rows(c), d].sum(-1), 1)[:, None]
                y += list(((1 - found) * own[:, least:-1] + found * own[:, least + 1:]).mean(0))
                x += list(self.cosine[MIRROR][self.rows(c), d, least:width - 1].mean(0))
            x, y = np.array(x), np.array(y)
            slope = 1.0
            if len(x) > 3:
                slope = np.clip(np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2), 0.5, 2)
            for c, d in ((a, b), (b, a)):
                mirror = self.cosine[MIRROR][self.rows(c), d]
                self.cosines[MIRROR][self.rows(c), d] = y.mean() + slope * (mirror - x.mean())

    def score(self):
        near = np.zeros((2, self.all, self.datasets))
        for b in range(self.datasets):
            most = min(NEAREST, max(1, self.count[b] // 3))
            near[:, :, b] = np.where(self.has, self.cosines, 0)[:, :, b, :most].mean(-1)
        self.scores = np.full(self.cosine.shape, -np.inf)
        for side in (OWN, MIRROR):
            cosines = np.where(self.has[side], self.cosines[side], 0)
            scores = 2 * cosines - near[side][:, :, None] - near[OWN][self.other[side], self.home]
            self.scores[side] = np.where(self.has[side], scores, -np.inf)
        for a, b in self.twos():
            top = np.concatenate([self.scores[MIRROR][self.rows(c), d].max(-1) for c, d in ((a, b), (b, a))])
            for c, d in ((a, b), (b, a)):
                self.scores[:, self.rows(c), d] -= top.mean()
                self.scores[:, self.rows(c), d] /= top.std() + 1e-9

    def mix(self):
        """The highest scores are strangers', Gumbel, or partners', normal."""
        high = self.scores[OWN].max(-1)
        a, b = np.nonzero(np.isfinite(high))[0], np.nonzero(np.isfinite(high))[1]
        high = high[a, b]
        two = np.minimum(self.dataset[a], b) * self.datasets + np.maximum(self.dataset[a], b)
        rows = np.bincount(two, minlength=self.datasets ** 2)
        mean, deviation, share = 2.5, 1.0, np.full(self.datasets ** 2, 0.1)
        gumbel = RATE * np.exp(-RATE * (high + SHIFT) - np.exp(-RATE * (high + SHIFT)))
        for _ in range(60):
            partner = np.exp(-0.5 * ((high - mean) / deviation) ** 2) / deviation / np.sqrt(2 * np.pi)
            is_partner = share[two] * partner / (share[two] * partner + (1 - share[two]) * gumbel + 1e-300)
            weight = is_partner.sum() + 1e-9
            exact = np.sum(is_partner * high) / weight
            deviation = np.clip(np.sqrt(np.sum(is_partner * (high - exact) ** 2) / weight), 0.7, 3)
            mean = max(exact, 1.0)
            of_all = np.clip(weight / (len(high) + 1), 1e-3, 0.97)
            share = np.clip((np.bincount(two, is_partner, self.datasets ** 2) + 50 * of_all) / (rows + 50), 1e-4, 0.97)
        share = share.reshape(self.datasets, self.datasets)
        share = np.triu(share, 1) + np.triu(share, 1).T
        turn = mean + RATE * deviation ** 2
        score = np.where(np.isfinite(self.scores), self.scores, -1e3)
        until = np.minimum(score, turn)
        prior = np.log(np.maximum(share, 1e-4) / (1 - share))[self.dataset][:, :, None]
        odds = (prior - 0.5 * ((until - mean) / deviation) ** 2 - np.log(deviation * np.sqrt(2 * np.pi)) - np.log(RATE)
                + RATE * (until + SHIFT) + 0.2 * (score - until))
        self.evidence = np.where(self.has, odds, -60)

    def support(self):
        """What third datasets say, by the probabilities so far. A class's partner in a third dataset counts without what
        the other class's dataset said of it, so that a pair does not support itself."""
        sums = self.probability.sum(-1)
        self.scale, self.nobody = 1 / np.maximum(sums, 1), np.maximum(1 - sums, 0)
        self.share = np.array([[np.clip(sums[OWN, self.rows(a), b].sum() / self.count[a], 0.01, 0.95)
                                for b in range(self.datasets)] for a in range(self.datasets)])
        for side, i, b, rank in np.argwhere(self.has):
            a = self.dataset[i]
            said = sum(self.opinion(side, i, self.who[side, i, b, rank], c, self.cavity)
                       for c in range(self.datasets) if c not in (a, b))
            self.evidence[side, i, b, rank] += WEIGHT * said
        self.supported = True

    def opinion(self, side, i, j, third, probability):
        """The log of the likelihood of both classes' partners there if they are one person, over that if two."""
        a, b, both = self.dataset[i], self.dataset[j], 0.0
        mine, its = self.probability[side, i, third], self.probability[OWN, j, third]
        for r in np.flatnonzero(mine > 0):
            for s in np.flatnonzero((its > 0) & (self.who[OWN, j, third] == self.who[side, i, third, r])):
                both += (probability(side, i, third, r, b) * self.scale[side, i, third]
                         * probability(OWN, j, third, s, a) * self.scale[OWN, j, third])
        shares = self.share[a, third], self.share[b, third]
        none = self.nobody[side, i, third] * self.nobody[OWN, j, third]
        return np.log(0.5 * self.count[third] * both / (shares[0] * shares[1])
                      + 0.5 * none / ((1 - shares[0]) * (1 - shares[1])) + 0.05)

    def whole(self, side, i, third, rank, _):
        return self.probability[side, i, third, rank]

    def cavity(self, side, i, third, rank, but):
        whole = self.probability[side, i, third, rank]
        if not self.supported:
            return whole
        said = WEIGHT * self.opinion(side, i, self.who[side, i, third, rank], but, self.whole)
        return self.by_curve(self.odds[side, i, third, rank] - said) if said > 0 else whole

    def match(self):
        weight = np.where(self.has, np.exp(np.clip(self.evidence, -60, 60)), 0)
        own, other = weight[OWN], self.other[OWN]

        def answers(message):
            unlisted = own / (1 + message.sum(-1)[other, self.home])
            return np.where(self.has[OWN], np.where(self.listed, message[other, self.home, self.reverse], unlisted), 0)

        message = own
        for _ in range(6):
            message = np.where(self.has[OWN], own / (1 + others_sums(answers(message))), 0)
        back = answers(message)
        rivals = others_sums(back)
        towards = np.where(self.listed, rivals[other, self.home, self.reverse], back.sum(-1)[other, self.home])
        self.odds = np.full(self.evidence.shape, -np.inf)
        self.odds[OWN] = self.evidence[OWN] - np.log1p(rivals) - np.log1p(towards)
        towards = back.sum(-1)[self.other[MIRROR], self.home]
        self.odds[MIRROR] = (self.evidence[MIRROR] - np.log1p(others_sums(weight[MIRROR] / (1 + towards)))
                             - np.log1p(towards))
        self.odds[~self.has] = -np.inf

    def found(self):
        """The share of each dataset's classes whose partner in another stands out."""
        def even(side, a, b):
            return np.sum((self.odds[side][self.rows(a), b] > 0) & (self.stands[self.rows(a), b] | (side == MIRROR)))
        found, figures = np.zeros((self.datasets, self.datasets)), {}
        for a, b in self.twos():
            rate = 0.5 * (even(MIRROR, a, b) / self.count[a] + even(MIRROR, b, a) / self.count[b])
            least = min(self.count[a], self.count[b])
            chance = 0.5 * rate * (self.count[a] + self.count[b])
            figures[a, b] = even(OWN, a, b) + even(OWN, b, a) - chance, (1 - min(rate, 0.95)) * least, least
        of_all = np.clip(sum(f[0] for f in figures.values()) / max(sum(f[1] for f in figures.values()), 1), 0, 0.98)
        for (a, b), (excess, room, least) in figures.items():
            classes = least * np.clip((excess + 100 * of_all) / (room + 100), 0, 0.98)
            found[a, b], found[b, a] = min(classes / self.count[a], 0.98), min(classes / self.count[b], 0.98)
        return found

    def calibrate(self):
        """As many pairs of the same odds are wrong as mirror images have."""
        taken = self.has & (self.odds > LEAST_ODDS)
        weight = np.broadcast_to((0.5 * (1 - self.found()))[self.dataset][:, :, None], self.home.shape)
        own = np.sort(self.odds[OWN][taken[OWN] & self.stands])[::-1]
        mirror, weight = self.odds[MIRROR][taken[MIRROR]], weight[taken[MIRROR]]
        blocks, high = [], np.inf  # [wrong, pairs, mean odds of each bin]
        for number, bin_ in enumerate(np.array_split(own, min(200, max(1, len(own) // 4))) if len(own) else []):
            wrong = weight[(mirror > bin_[-1]) & (mirror <= high)].sum() + (0.5 if number == 0 else 0)
            high = bin_[-1]
            blocks.append([wrong, len(bin_), [bin_.mean()]])
            while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
                last = blocks.pop()
                blocks[-1] = [blocks[-1][0] + last[0], blocks[-1][1] + last[1], blocks[-1][2] + last[2]]
        self.curve = [(odds, max(0.0, 1 - wrong / pairs)) for wrong, pairs, bins in blocks for odds in bins][::-1]
        self.probability = self.by_curve(self.odds)

    def by_curve(self, odds):
        found = np.where(odds > LEAST_ODDS, np.interp(odds, *zip(*(self.curve or [(0, 0)]))), 0)
        return np.where(found < 0.001, 0, found)

    def pairs(self, least=0.01):
        """Class, class, probability, counted over all datasets."""
        i, _, _ = np.nonzero(self.stands & (self.probability[OWN] >= least))
        keep = self.stands & (self.probability[OWN] >= least)
        other = self.who[OWN][keep]
        return np.minimum(i, other), np.maximum(i, other), self.probability[OWN][keep]
