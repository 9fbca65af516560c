"""How named descriptors of a clip become a network's input."""

from dataclasses import dataclass

import numpy as np

FURTHEST_STD = 3.0  # one odd clip must not pull a network
CONSTANT = 1e-9  # a deviation this small against the mean says that a descriptor is a constant


@dataclass(frozen=True)
class DescriptorScale:
    """Mean and standard deviation of each descriptor over a training part; kept in the model's file.

    names: ``[m]`` in the order of the network's input.
    mean, std: ``[m]`` in the descriptors' units; a constant has an infinite deviation, and says nothing.

    NaN (nothing was heard that could be described) is left out of them, and stands for the mean.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], descriptors: np.ndarray) -> "DescriptorScale":
        """Measures descriptors ``[row, m]`` of a training part."""
        values = descriptors.astype(np.float64)
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        std = np.sqrt(np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / count)
        std = np.where(std > CONSTANT * (1.0 + np.abs(mean)), std, np.inf)
        return cls(tuple(names), tuple(mean.tolist()), tuple(std.tolist()))

    def apply(self, descriptors: np.ndarray) -> np.ndarray:
        """``[row, m]`` -> standardised float32, nothing further than three deviations from the mean."""
        scaled = (descriptors - np.array(self.mean)) / np.array(self.std)
        return np.nan_to_num(np.clip(scaled, -FURTHEST_STD, FURTHEST_STD)).astype(np.float32)
