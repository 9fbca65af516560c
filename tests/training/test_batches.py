"""Batches: every clip once an epoch, the level untouched, the seed decides."""

import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.store import SpectrogramStore, write_store
from crescendai.dimensions import NAMES, NUM_DIMENSIONS
from crescendai.errors import DataError
from crescendai.models.windows import InputScale
from crescendai.training.batches import Augmentation, mask_stretches, training_batches
from crescendai.training.clips import RatedClips
from crescendai.training.losses import RatingScale

NO_AUGMENTATION = Augmentation(0.0, 0.0)


def corpus(num_clips: int = 7, instruments: int = 2) -> RatedClips:
    """Clip ``i`` on instrument ``j`` is filled with ``i + j / 10`` and rated ``i``."""
    ratings = np.repeat(np.arange(num_clips, dtype=float)[:, None], NUM_DIMENSIONS, axis=1)
    recordings = [np.arange(instruments) + instruments * clip for clip in range(num_clips)]
    level = [clip + j / 10 for clip in range(num_clips) for j in range(instruments)]
    return RatedClips(ratings, recordings, lambda row: np.full((5 + row, 4), level[row], np.float16))


def epoch(
    clips: RatedClips, chosen: list[int], batch_size: int = 3, seed: int = 0, augmentation=NO_AUGMENTATION
):
    rng, ratings = np.random.default_rng(seed), clips.ratings.astype(np.float32)
    scale = InputScale(0.0, 1.0)
    return list(training_batches(clips, np.array(chosen), ratings, scale, 8, batch_size, augmentation, rng))


def test_an_epoch_has_every_chosen_clip_and_no_other():
    batches = epoch(corpus(), [0, 1, 2, 4, 6])
    seen = np.concatenate([batch.ratings[:, 0] for batch in batches])
    assert all(batch.spectrogram.shape == (3, 8, 4) for batch in batches)  # one shape, compiled once
    assert sorted(seen[:5]) == [0, 1, 2, 4, 6] and set(seen) == {0, 1, 2, 4, 6} and len(seen) == 6


def test_windows_belong_to_their_ratings_and_keep_their_level():
    for batch in epoch(corpus(), list(range(7))):
        for window, num_frames, rating in zip(*batch, strict=True):
            assert abs(window[0, 0] - rating[0]) <= 0.11
            np.testing.assert_array_equal(window[:num_frames], window[0, 0])
            assert not window[num_frames:].any()


def test_all_instruments_are_heard_over_the_epochs():
    clips, heard = corpus(2, instruments=3), set()
    for seed in range(20):
        heard |= {
            round(float(w), 1) for batch in epoch(clips, [0, 1], 2, seed) for w in batch.spectrogram[:, 0, 0]
        }
    assert heard == {0.0, 0.1, 0.2, 1.0, 1.1, 1.2}


def test_the_seed_decides():
    first, again, other = (epoch(corpus(), list(range(7)), seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
    assert any((a.ratings != b.ratings).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(("time_mask", "mel_mask"), [(0.25, 0.0), (0.0, 0.5), (0.25, 0.5)])
def test_masks_are_one_stretch_of_at_most_their_share(time_mask: float, mel_mask: float):
    widths = set()
    for seed in range(60):
        window = np.ones((20, 10), np.float32)
        mask_stretches(window, Augmentation(time_mask, mel_mask), np.random.default_rng(seed))
        frames, bands = np.flatnonzero(~window.any(axis=1)), np.flatnonzero(~window.any(axis=0))
        assert len(frames) <= 20 * time_mask and len(bands) <= 10 * mel_mask
        assert all(np.all(np.diff(stretch) == 1) for stretch in (frames, bands))
        assert window.sum() == (20 - len(frames)) * (10 - len(bands))
        widths.add((len(frames), len(bands)))
    assert len(widths) > 3


def test_rating_scale_inverts_and_survives_a_constant_dimension():
    ratings = np.random.default_rng(0).uniform(size=(9, 3))
    ratings[:, 2] = 0.5
    scale = RatingScale.of(ratings)
    standardised = scale.standardise(ratings)
    np.testing.assert_allclose(standardised.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(standardised.std(axis=0), [1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(standardised * scale.std + scale.mean, ratings, atol=1e-6)


def test_clips_without_sound_or_rating_are_named(tmp_path):
    index = pd.DataFrame(
        {"clip_id": ["a", "a", "b"], "instrument": ["x", "y", "x"], "num_frames": 2, "duration_s": 1.0}
    )
    write_store(tmp_path, index, [np.zeros((2, 4))] * 3, 4, {})
    store = SpectrogramStore(tmp_path)
    table = pd.DataFrame({"clip_id": ["b", "a"], **{name: 0.5 for name in NAMES}})
    assert [list(rows) for rows in RatedClips.of(table, store).recordings] == [[2], [0, 1]]
    with pytest.raises(DataError, match=r"expected a finite rating .* e\.g\. a"):
        RatedClips.of(table.assign(music_pace=[0.5, np.nan]), store)
    with pytest.raises(DataError, match=r"expected a spectrogram .* found 1 without, e\.g\. c"):
        RatedClips.of(table.assign(clip_id=["b", "c"]), store)
