"""Rated clips in memory, for the tests of training."""

import numpy as np

from crescendai.dimensions import NUM_DIMENSIONS
from crescendai.training.clips import RatedClips
from tests.models.networks import NUM_DESCRIPTORS


def level_clips(num_clips: int = 7, instruments: int = 2) -> RatedClips:
    """Clip ``i`` on instrument ``j`` is filled with ``i + j / 10``, and ``i`` is its rating and its descriptor."""
    ratings = np.repeat(np.arange(num_clips, dtype=float)[:, None], NUM_DIMENSIONS, axis=1)
    recordings = [np.arange(instruments) + instruments * clip for clip in range(num_clips)]
    level = [clip + j / 10 for clip in range(num_clips) for j in range(instruments)]
    return RatedClips(
        ratings, np.ones(num_clips), np.full_like(ratings, np.nan), recordings,
        lambda row: np.full((5 + row, 4), level[row], np.float16), np.floor(level)[:, None], ("level",),
    )  # fmt: skip


def described_clips(num_clips: int) -> RatedClips:
    """Noise of mixed lengths; the first descriptor is what was rated, the others are noise."""
    rng = np.random.default_rng(0)
    descriptors = rng.normal(size=(num_clips, NUM_DESCRIPTORS))
    ratings = np.repeat(0.5 + 0.1 * descriptors[:, :1], NUM_DIMENSIONS, axis=1)
    sounds = [rng.normal(-60, 10, (int(frames), 16)).astype(np.float16) for frames in rng.integers(10, 90, num_clips)]
    return RatedClips(
        ratings, np.full(num_clips, 8.0), np.full_like(ratings, 0.01), [np.array([clip]) for clip in range(num_clips)],
        sounds.__getitem__, descriptors, tuple(f"descriptor {i}" for i in range(NUM_DESCRIPTORS)),
    )  # fmt: skip
