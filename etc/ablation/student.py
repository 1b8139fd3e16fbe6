"""Student's t distribution: the interval of a mean over few seeds."""
from __future__ import annotations

import math
import statistics
from typing import Sequence


def probability_within(t: float, freedom: int) -> float:
    """The probability that |T| < t, for a whole number of degrees of freedom (Abramowitz and Stegun, 26.7.3, 26.7.4)."""
    theta = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = freedom % 2
    term, series = (cosine if odd else 1.0), 0.0
    for power in range(odd + 1, freedom, 2):
        series += term
        term *= cosine * cosine * power / (power + 1)
    return 2 / math.pi * (theta + sine * series) if odd else sine * series


def quantile(probability: float, freedom: int) -> float:
    """The t below which |T| lies with this probability: 12.706... for 0.95 and one degree of freedom."""
    low, high = 0.0, 1.0
    while probability_within(high, freedom) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if probability_within(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def half_width(values: Sequence[float], probability: float = 0.95) -> float:
    """Half the width of the mean's interval; of a single value there is none: NaN."""
    count = len(values)
    if count < 2:
        return math.nan
    return quantile(probability, count - 1) * statistics.stdev(values) / math.sqrt(count)
