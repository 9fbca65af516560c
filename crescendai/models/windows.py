"""Windows: how clips of any length fit a network of one input shape.

One shape, because XLA compiles the network anew for each.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class InputScale:
    """Mean and standard deviation of log-mel values, in dB, over a training part.

    Two fixed numbers for all clips and bands: a louder clip stays louder, a brighter one brighter.
    Scaling each clip by itself would erase the loudness that several dimensions rate.
    """

    mean_db: float
    std_db: float

    @classmethod
    def of(cls, clips: Iterable[np.ndarray]) -> "InputScale":
        """Measures log-mel spectrograms ``[t, f]`` in dB, every value counting the same."""
        count, total, squares = 0, 0.0, 0.0
        for clip in clips:
            values = clip.astype(np.float64)
            count, total, squares = count + values.size, total + values.sum(), squares + (values**2).sum()
        mean = total / count
        return cls(float(mean), float(np.sqrt(squares / count - mean**2)))

    def apply(self, log_mel: np.ndarray) -> np.ndarray:
        """``(log_mel - mean) / std`` as float32."""
        return (log_mel.astype(np.float32) - np.float32(self.mean_db)) / np.float32(self.std_db)


def window_starts(num_frames: int, window_frames: int) -> np.ndarray:
    """First frames of the fewest evenly spaced windows that cover a clip; ``[0]`` for a short one.

    The first window starts with the clip and the last ends with it; neighbours overlap as needed.
    """
    if num_frames <= window_frames:
        return np.zeros(1, dtype=int)
    num_windows = -(-num_frames // window_frames)
    return np.linspace(0, num_frames - window_frames, num_windows).round().astype(int)


def random_start(num_frames: int, window_frames: int, rng: np.random.Generator) -> int:
    """First frame of a window that lies anywhere in the clip."""
    return int(rng.integers(max(num_frames - window_frames, 0) + 1))


def cut_window(
    log_mel: np.ndarray, start: int, window_frames: int, scale: InputScale
) -> tuple[np.ndarray, int]:
    """One standardised window, padded with zeros: float32 ``[window_frames, f]`` and its frames of sound."""
    heard = scale.apply(log_mel[start : start + window_frames])
    window = np.zeros((window_frames, log_mel.shape[1]), dtype=np.float32)
    window[: len(heard)] = heard
    return window, len(heard)
