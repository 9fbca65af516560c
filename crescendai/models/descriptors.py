"""How named descriptors of a clip become a network's input."""

from dataclasses import dataclass

import numpy as np

from crescendai.audio.descriptors import describe_audio
from crescendai.errors import DataError

FURTHEST_STD = 3.0  # one odd clip must not pull a network
CONSTANT = 1e-9  # a deviation this small against the mean says that a descriptor is a constant


@dataclass(frozen=True)
class DescriptorScale:
    """Mean and standard deviation of each descriptor over a training part; kept in the model's file.

    names: ``[m]`` in the order of the network's input.
    mean, std: ``[m]`` in the descriptors' units; a constant has an infinite deviation, and says nothing.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], descriptors: np.ndarray) -> "DescriptorScale":
        """Measures descriptors ``[row, m]`` of a training part."""
        values = descriptors.astype(np.float64)
        mean, std = values.mean(axis=0), values.std(axis=0)
        std = np.where(std > CONSTANT * (1.0 + np.abs(mean)), std, np.inf)
        return cls(tuple(names), tuple(mean.tolist()), tuple(std.tolist()))

    def apply(self, descriptors: np.ndarray) -> np.ndarray:
        """``[row, m]`` -> standardised float32, nothing further than three deviations from the mean."""
        scaled = (descriptors - np.array(self.mean)) / np.array(self.std)
        return np.clip(scaled, -FURTHEST_STD, FURTHEST_STD).astype(np.float32)

    def describe(self, log_mel: np.ndarray, hop_s: float) -> np.ndarray:
        """The standardised descriptors of a sound that nobody has described yet: ``[m]``.

        log_mel: ``[t, f]`` in dB, made with the settings the model was trained on.

        Raises:
            DataError: the model was trained on descriptors that this version does not know.
        """
        found = describe_audio(log_mel, hop_s)
        missing = [name for name in self.names if name not in found]
        if missing:
            raise DataError(
                f"descriptors: expected {len(self.names)} that this version can compute, found {len(missing)} "
                f"unknown, e.g. {missing[0]}; use the version of CrescendAI that trained the model"
            )
        return self.apply(np.array([[found[name] for name in self.names]]))[0]
