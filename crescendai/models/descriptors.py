"""How named descriptors of a clip become a network's input."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import norm

KNOTS = 32  # quantiles that a descriptor's distribution is kept as
CONSTANT = 1e-9  # a spread of the quantiles this small against their largest says that a descriptor is a constant


@dataclass(frozen=True)
class DescriptorScale:
    """The distribution of each descriptor over a training part, by which it is made normal; kept in the model's file.

    names: ``[m]`` in the order of the network's input.
    quantiles: ``[m, KNOTS]`` in the descriptors' units, ascending, to six digits; at the middles of equal shares. Of a
        constant, or what differs in fewer clips than half a share, all are equal, and it says nothing.

    Durations, densities and shares are anything but normal, and on a scale of their deviations a few odd clips would
    stretch the distance of all others. What is not finite (nothing was heard that could be described) has no part in
    the quantiles, and NaN counts as the mean score, 0.
    """

    names: tuple[str, ...]
    quantiles: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, names: tuple[str, ...], descriptors: np.ndarray) -> "DescriptorScale":
        """Measures descriptors ``[row, m]`` of a training part."""
        values = np.where(np.isfinite(descriptors), descriptors, np.nan).astype(np.float64)
        values[:, np.isnan(values).all(axis=0)] = 0.0
        quantiles = np.nanquantile(values, _middles(KNOTS), axis=0).T
        spread = quantiles[:, -1:] - quantiles[:, :1]
        constant = spread <= CONSTANT * (1.0 + np.abs(quantiles).max(axis=1, keepdims=True))
        quantiles = np.where(constant, quantiles[:, :1], quantiles)
        return cls(tuple(names), tuple(tuple(float(f"{value:.6g}") for value in own) for own in quantiles))

    @classmethod
    def mute(cls, names: tuple[str, ...]) -> "DescriptorScale":
        """One to which every descriptor is a constant."""
        return cls(tuple(names), ((0.0,) * KNOTS,) * len(names))

    def apply(self, descriptors: np.ndarray) -> np.ndarray:
        """``[row, m]`` -> normal scores, float32, nothing beyond those of the outermost quantiles, 2.15.

        The score of a quantile is one of `scores_of`; of several that are equal, the mean of theirs; between two, on a
        line.
        """
        scores = [_normal_scores(*pair) for pair in zip(descriptors.T, self.quantiles, strict=True)]
        return np.stack(scores, axis=1).astype(np.float32)


@lru_cache(maxsize=8)
def scores_of(count: int) -> np.ndarray:
    """The normal distribution's quantiles at the middles of ``count`` equal shares (rankits): ``[count]``."""
    return norm.ppf(_middles(count))


def _middles(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count


def _normal_scores(values: np.ndarray, quantiles: tuple[float, ...]) -> np.ndarray:
    levels, place = np.unique(quantiles, return_inverse=True)
    of_level = np.bincount(place, scores_of(len(quantiles))) / np.bincount(place)
    return np.nan_to_num(np.interp(values, levels, of_level.round(9)))  # a constant's is 0, but for rounding
