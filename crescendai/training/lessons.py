"""What a rating network learns from, and how clips are rated while it learns."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from crescendai.training.augment import Augmentation
from crescendai.training.batches import Batch, Scales, training_batches
from crescendai.training.clips import RatedClips, predict_rated
from crescendai.training.encoded import EncodedWindows, encoded_batches, rate_encoded
from crescendai.training.trainee import Trainee


@dataclass(frozen=True)
class Lessons:
    """What is learned from: random windows, or what a frozen backbone made of windows before.

    encoded: of a frozen backbone; None where all of the network learns.
    """

    clips: RatedClips
    scales: Scales
    augmentation: Augmentation
    encoded: EncodedWindows | None = None

    def batches(self, trainee: Trainee, chosen: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """One epoch of the clips at ``chosen``."""
        if self.encoded is not None:
            return encoded_batches(self.clips, self.encoded, chosen, self.scales, size, rng)
        frames = trainee.model.config.max_frames
        return training_batches(self.clips, chosen, self.scales, frames, size, self.augmentation, rng)

    def rate(self, trainee: Trainee, params: dict, chosen: np.ndarray, size: int) -> np.ndarray:
        """Standardised ratings of the clips at ``chosen``: ``[clip, k]``."""
        if self.encoded is None:
            return predict_rated(
                trainee.predict, params, self.clips, chosen, self.scales.input,
                self.scales.descriptors if trainee.described else None, trainee.model.config.max_frames, size,
            )  # fmt: skip
        return rate_encoded(
            trainee.predict.judge, params, self.clips, self.encoded, chosen, self.scales.descriptors
        )
