"""The consensus of worker/discovery by numpy in float64: log odds that two classes are one person, by CSLS, a soft
assignment in both directions and the support of third datasets, with every product of two classes at once."""
import numpy as np
from judge_reference import prepared

WIDTH, ROUNDS, MATCH_ROUNDS, SLOPE, EVEN = 10, 4, 10, 0.9, 1.55
FLOOR, MEAN_LEAST, PARTNER_LEAST, MOST = 0.02, 0.001, 0.001, 30


class Consensus:
    """odds [classes, classes], -inf where the second class is not among the nearest of the first. `apart`: what two
    classes say of a third counts without what they have of each other."""

    def __init__(self, centres, apart, least=PARTNER_LEAST):
        rows = prepared(centres)
        home = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        self.sets = [np.flatnonzero(home == k) for k in range(len(rows))]
        self.score_pairs(np.concatenate(rows) @ np.concatenate(rows).T)
        self.odds, self.support, self.least = self.score, np.zeros(self.score.shape), least
        for _ in range(ROUNDS):
            partner = self.match()
            mean = max(partner.sum(1) @ partner.sum(0) / len(partner) ** 2, MEAN_LEAST)
            self.support = self.supported_apart(partner) if apart else self.likely(partner) @ self.likely(partner)
            self.odds = self.score + 2 * np.log((self.support + FLOOR) / (mean + FLOOR))

    def likely(self, partner):
        return np.where(partner > self.least, partner, 0)

    def score_pairs(self, cosine):
        """CSLS in deviations of the mirror images' highest, as log odds."""
        self.score = np.full(cosine.shape, -np.inf)
        mirror = self.score.copy()
        near = np.zeros((2, len(cosine), len(self.sets)))
        for k, members in enumerate(self.sets):
            most = min(WIDTH, max(1, len(members) // 3))
            for side, sign in enumerate((1, -1)):
                near[side, :, k] = np.sort(sign * cosine[:, members])[:, ::-1][:, :most].mean(1)
        blocks = [(a, b) for a in range(len(self.sets)) for b in range(len(self.sets)) if a != b]
        for a, b in blocks:
            rows, members = self.sets[a], self.sets[b]
            for side, (sign, score) in enumerate(((1, self.score), (-1, mirror))):
                listed = members[np.argsort(-sign * cosine[np.ix_(rows, members)], axis=1, kind="stable")[:, :WIDTH]]
                for i, js in zip(rows, listed):
                    score[i, js] = 2 * sign * cosine[i, js] - near[side, i, b] - near[0, js, a]
        for a, b in blocks:
            high = np.concatenate([mirror[np.ix_(self.sets[c], self.sets[d])].max(1) for c, d in ((a, b), (b, a))])
            if a < b:
                for block in (np.ix_(self.sets[a], self.sets[b]), np.ix_(self.sets[b], self.sets[a])):
                    self.score[block] = SLOPE * ((self.score[block] - high.mean()) / (high.std() + 1e-9) - EVEN)

    def match(self):
        """How far the second class is the first one's partner: one or nobody, in both directions."""
        partner = np.where(np.isfinite(self.odds), np.exp(np.clip(self.odds, -MOST, MOST)), 0)
        for a in self.sets:
            for b in self.sets:
                weight, own = partner[np.ix_(a, b)], np.ones(len(a))
                for _ in range(MATCH_ROUNDS):
                    theirs = 1 / (1 + own @ weight)
                    own = 1 / (1 + weight @ theirs)
                partner[np.ix_(a, b)] = own[:, None] * weight * theirs
        return partner

    def supported_apart(self, partner):
        likely, found = self.likely(partner), np.zeros(partner.shape)

        def without(pairs, support, part):
            ratio = (np.maximum(support - part, 0) + FLOOR) / (support + FLOOR)
            odds = pairs / (1 - pairs + 1e-6) * ratio ** 2
            return np.where((part > 0) & (support > 0), odds / (1 + odds), pairs)

        for c, o in np.argwhere(np.isfinite(self.score)):
            thirds = np.flatnonzero((likely[c] > 0) & (likely[:, o] > 0))
            direct = partner[c, o]
            found[c, o] = (without(partner[c, thirds], self.support[c, thirds], direct * partner[o, thirds])
                           @ without(partner[thirds, o], self.support[thirds, o], direct * partner[thirds, c]))
        return found
