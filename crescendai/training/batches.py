"""Training batches: random windows of clips, lightly varied, in a seeded order."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from crescendai.models.descriptors import DescriptorScale
from crescendai.models.windows import InputScale, cut_window, random_start
from crescendai.training.augment import Augmentation, draw_gain_db, mask_stretches, mixing_weights
from crescendai.training.clips import RatedClips
from crescendai.training.losses import RatingScale, Target, rating_noise


class Batch(NamedTuple):
    """Windows of several clips and what was rated."""

    spectrogram: np.ndarray | None  # float32 [b, t, f], standardised, zero where padded
    num_frames: np.ndarray | None  # int32 [b]
    descriptors: np.ndarray  # float32 [b, m], normal scores, of the whole clips
    target: Target  # standardised
    pooled: np.ndarray | None = None  # float32 [b, d] in place of a spectrogram, of a frozen backbone


class Scales(NamedTuple):
    """How values of a training part become a network's input and target."""

    input: InputScale
    descriptors: DescriptorScale
    ratings: RatingScale
    rater_variance: np.ndarray  # [k] mean of how much the listeners of a clip differ

    @classmethod
    def of(cls, clips: RatedClips, chosen: np.ndarray, input_scale: InputScale | None = None) -> "Scales":
        """Measured on the clips at ``chosen``; the input's scale may be given, as pretraining had it."""
        variance = clips.rater_variance[chosen]
        known = np.isfinite(variance)
        return cls(
            InputScale.of(clips.spectrograms(chosen)) if input_scale is None else input_scale,
            DescriptorScale.of(clips.descriptor_names, clips.descriptors[clips.rows(chosen)]),
            RatingScale.of(clips.ratings[chosen]),
            np.where(known, variance, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1),
        )

    def targets(self, clips: RatedClips) -> Target:
        """Standardised ratings of all clips, and their noise on that scale: ``[clip, k]``."""
        own = np.where(np.isfinite(clips.rater_variance), clips.rater_variance, self.rater_variance)
        noise = (rating_noise(clips.num_raters, own, self.rater_variance) / self.ratings.std**2).astype(np.float32)
        ratings, known = self.ratings.standardise(clips.ratings), np.isfinite(clips.ratings)
        # A complete corpus has no mask, and no work with one.
        return Target(ratings, noise) if known.all() else Target(np.where(known, ratings, 0.0), noise, known)


def training_batches(
    clips: RatedClips,
    chosen: np.ndarray,
    scales: Scales,
    window_frames: int,
    batch_size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """One epoch: every clip once, on one of its instruments and in one of its windows, both drawn.

    chosen: ``[clip]`` positions of the clips to train on.
    rng: the batches follow from it alone, so that an epoch can be had again.

    Yields:
        Batches of ``batch_size``; the last is filled up with clips drawn once more.
    """
    order = np.append(rng.permutation(chosen), rng.choice(chosen, -len(chosen) % batch_size))
    target = scales.targets(clips)
    for members in order.reshape(-1, batch_size):
        windows, num_frames, rows = [], [], []
        for clip in members:
            row = int(rng.choice(clips.recordings[clip]))
            log_mel = clips.read(row)
            start = random_start(len(log_mel), window_frames, rng)
            window, heard = cut_window(log_mel, start, window_frames, scales.input)
            window[:heard] += np.float32(draw_gain_db(augmentation, rng) / scales.input.std_db)
            mask_stretches(window[:heard], augmentation, rng)
            windows.append(window)
            num_frames.append(heard)
            rows.append(row)
        batch = Batch(
            np.stack(windows), np.array(num_frames, np.int32), scales.descriptors.apply(clips.descriptors[rows]),
            of_clips(target, members),
        )  # fmt: skip
        yield mix(batch, mixing_weights(augmentation, batch_size, rng))


def of_clips(target: Target, members: np.ndarray) -> Target:
    """The rows of some clips."""
    return Target(*(None if values is None else values[members] for values in target))


def mix(batch: Batch, share: np.ndarray) -> Batch:
    """Every clip with the next one of the batch: ``share x + (1 - share) x_next`` of all that is in it.

    share: ``[b]``. The noise of two independent means adds up by the squares of their shares; the longer clip says
    how many frames there are. Only ratings that both clips have are known of their mixture.
    """
    if (share == 1.0).all():
        return batch
    following = np.roll(np.arange(len(share)), -1)

    def blend(values: np.ndarray, of: np.ndarray, rest: np.ndarray) -> np.ndarray:
        wide = (slice(None),) + (None,) * (values.ndim - 1)
        return of[wide] * values + rest[wide] * values[following]

    rest, known = 1.0 - share, batch.target.known
    if known is not None:
        known = known & (known[following] | (rest == 0)[:, None])
    return Batch(
        blend(batch.spectrogram, share, rest),
        np.where(rest > 0, np.maximum(batch.num_frames, batch.num_frames[following]), batch.num_frames),
        blend(batch.descriptors, share, rest),
        Target(
            blend(batch.target.ratings, share, rest), blend(batch.target.noise, share**2, rest**2), known
        ),
    )  # fmt: skip
