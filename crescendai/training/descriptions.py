"""Windows described as a whole: what is asked of a network that transcribes beside the rolls."""

from dataclasses import dataclass

import numpy as np

from crescendai.midi.rolls import FrameNotes
from crescendai.models.descriptors import DescriptorScale
from crescendai.models.hearing import HEARD_NAMES, describe_heard
from crescendai.training.pretexts import Excerpts

NUM_MEASURED = 2000  # windows that means and deviations are of


@dataclass(frozen=True)
class Descriptions:
    """Descriptors of windows, standardised over the training part.

    hop_s: from one frame to the next.
    """

    scale: DescriptorScale
    hop_s: float

    @classmethod
    def of(cls, excerpts: Excerpts, frames: int, hop_s: float, seed: int) -> "Descriptions":
        """Measures random windows of ``frames`` frames, the same whenever it is asked."""
        rng = np.random.default_rng([seed, NUM_MEASURED])
        windows = excerpts.windows(frames, NUM_MEASURED, rng)
        rows = np.array([_described(excerpts.notes(row), at, frames, hop_s) for row, at in windows])
        return cls(DescriptorScale.of(HEARD_NAMES, rows), hop_s)

    def __call__(self, notes: FrameNotes, start: int, frames: int) -> np.ndarray:
        """Of one window: float32 ``[m]``; silence is described as the mean."""
        return self.scale.apply(np.array(_described(notes, start, frames, self.hop_s)))


def _described(notes: FrameNotes, start: int, frames: int, hop_s: float) -> list[float]:
    return list(describe_heard(notes.performance(start, frames, hop_s)).values())
