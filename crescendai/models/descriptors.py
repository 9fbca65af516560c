"""How named descriptors of a clip become a network's input."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

KNOTS = 32  # quantiles that a descriptor's distribution is kept as
SHARES = (np.arange(KNOTS) + 0.5) / KNOTS  # of the training part that lie below each


@dataclass(frozen=True)
class DescriptorScale:
    """The distribution of each descriptor over a training part, by which it is made normal; kept in the model's file.

    names: ``[m]`` in the order of the network's input.
    quantiles: ``[m, KNOTS]`` in the descriptors' units, ascending, at the middles of `KNOTS` equal shares, to six
        digits: what differs less is a constant, and says nothing.

    Durations, densities and shares are anything but normal, and on a scale of their deviations a few odd clips would
    stretch the distance of all others. NaN (nothing was heard that could be described) has no part in the quantiles,
    and stands for the median.
    """

    names: tuple[str, ...]
    quantiles: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, names: tuple[str, ...], descriptors: np.ndarray) -> "DescriptorScale":
        """Measures descriptors ``[row, m]`` of a training part."""
        values = descriptors.astype(np.float64)
        values[:, ~np.isfinite(values).any(axis=0)] = 0.0
        quantiles = np.nanquantile(values, SHARES, axis=0).T
        return cls(tuple(names), tuple(tuple(float(f"{value:.6g}") for value in own) for own in quantiles))

    @classmethod
    def mute(cls, names: tuple[str, ...]) -> "DescriptorScale":
        """One to which every descriptor is a constant."""
        return cls(tuple(names), ((0.0,) * KNOTS,) * len(names))

    def apply(self, descriptors: np.ndarray) -> np.ndarray:
        """``[row, m]`` -> normal scores, float32, nothing beyond those of the outermost quantiles, 2.15.

        The score of a quantile is the normal distribution's (van der Waerden's); of several that are equal, the mean
        of theirs; between two, on a line.
        """
        scores = [normal_scores(*pair) for pair in zip(descriptors.T, self.quantiles, strict=True)]
        return np.stack(scores, axis=1).astype(np.float32)


def normal_scores(values: np.ndarray, quantiles: tuple[float, ...]) -> np.ndarray:
    """``[row]`` -> ``[row]``, see `DescriptorScale.apply`; NaN -> 0."""
    levels, place = np.unique(quantiles, return_inverse=True)
    of_level = np.bincount(place, norm.ppf(SHARES)) / np.bincount(place)
    return np.nan_to_num(np.interp(values, levels, of_level.round(9)))  # a constant's is 0, but for rounding
