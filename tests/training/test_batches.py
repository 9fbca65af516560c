"""Batches: every clip once an epoch, the level untouched, the seed decides."""

import jax
import numpy as np
import pandas as pd
import pytest

from crescendai.datasets.store import SpectrogramStore, write_store
from crescendai.datasets.targets import Targets
from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.models.windows import InputScale, window_starts
from crescendai.training.augment import Augmentation, mask_stretches, mixing_weights
from crescendai.training.batches import Batch, Scales, mix, training_batches
from crescendai.training.clips import RatedClips
from crescendai.training.encoded import OVERLAP, EncodedWindows, encoded_batches, overlapping_starts
from crescendai.training.losses import RatingScale, Target
from tests.descriptor_scales import normal_scale
from tests.training.rated import level_clips

NONE = Augmentation()
AS_THEY_ARE = Scales(
    InputScale(0.0, 1.0), normal_scale(("level",), 100.0),
    RatingScale(np.zeros(len(NAMES)), np.ones(len(NAMES))), np.ones(len(NAMES)),
)  # fmt: skip


def epoch(
    clips: RatedClips, chosen: list[int], batch_size: int = 3, seed: int = 0, augmentation=NONE
) -> list[Batch]:
    rng = np.random.default_rng(seed)
    return list(training_batches(clips, np.array(chosen), AS_THEY_ARE, 8, batch_size, augmentation, rng))


def rated(batches: list[Batch]) -> np.ndarray:
    return np.concatenate([batch.target.ratings[:, 0] for batch in batches])


def test_an_epoch_has_every_chosen_clip_and_no_other():
    batches = epoch(level_clips(), [0, 1, 2, 4, 6])
    assert all(batch.spectrogram.shape == (3, 8, 4) for batch in batches)  # one shape, compiled once
    seen = rated(batches)
    assert sorted(seen[:5]) == [0, 1, 2, 4, 6] and set(seen) == {0, 1, 2, 4, 6} and len(seen) == 6


def test_windows_belong_to_their_ratings_and_descriptors_and_keep_their_level():
    for batch in epoch(level_clips(), list(range(7))):
        of = zip(batch.spectrogram, batch.num_frames, batch.descriptors, batch.target.ratings, strict=True)
        for window, num_frames, described, rating in of:
            assert abs(window[0, 0] - rating[0]) <= 0.11
            assert described[0] == pytest.approx(rating[0] / 100)
            np.testing.assert_array_equal(window[:num_frames], window[0, 0])
            assert not window[num_frames:].any()


def test_all_instruments_are_heard_over_the_epochs():
    clips, heard = level_clips(2, instruments=3), set()
    for seed in range(20):
        heard |= {
            round(float(w), 1) for batch in epoch(clips, [0, 1], 2, seed) for w in batch.spectrogram[:, 0, 0]
        }
    assert heard == {0.0, 0.1, 0.2, 1.0, 1.1, 1.2}


def test_the_seed_decides():
    first, again, other = (epoch(level_clips(), list(range(7)), seed=seed) for seed in (1, 1, 2))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (rated(first) != rated(other)).any()


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


def test_a_change_of_level_is_even_over_the_window_and_stays_within_bounds():
    steps = set()
    for seed in range(10):
        for batch in epoch(level_clips(), list(range(7)), seed=seed, augmentation=Augmentation(gain_db=3.0)):
            for window, frames, rating in zip(
                batch.spectrogram, batch.num_frames, batch.target.ratings[:, 0], strict=True
            ):
                assert np.ptp(window[:frames]) == 0 and not window[frames:].any()
                steps.add(float(window[0, 0] - rating))
    assert -3.0 <= min(steps) < -2.0 and 2.0 < max(steps) <= 3.2


def test_mixing_two_clips_mixes_all_that_is_said_of_them():
    plain = epoch(level_clips(), [0, 1, 2])[0]
    mixed = mix(plain, np.array([1.0, 0.75, 0.5], np.float32))
    following = np.array([1, 2, 0])
    for name in ("spectrogram", "descriptors"):
        before, after = getattr(plain, name), getattr(mixed, name)
        np.testing.assert_allclose(after[0], before[0])
        np.testing.assert_allclose(after[1], 0.75 * before[1] + 0.25 * before[following[1]], rtol=1e-6)
    np.testing.assert_allclose(mixed.target.ratings[2], (plain.target.ratings[2] + plain.target.ratings[0]) / 2)
    np.testing.assert_allclose(mixed.target.noise[:, 0], [1.0, 0.75**2 + 0.25**2, 0.5])  # of independent means
    assert mixed.num_frames[0] == plain.num_frames[0]
    assert mixed.num_frames[1] == max(plain.num_frames[1], plain.num_frames[2])


def test_a_clip_keeps_the_larger_share_of_a_mixture():
    share = mixing_weights(Augmentation(mixup=0.4), 100, np.random.default_rng(0))
    assert (share >= 0.5).all() and (share < 1.0).any()
    assert (mixing_weights(Augmentation(), 5, np.random.default_rng(0)) == 1.0).all()


def test_encoded_windows_stay_with_their_clips():
    clips = level_clips(4)
    pooled = np.repeat([clips.read(row)[0, 0] for row in range(8)], 2)[:, None].astype(np.float32)
    encoded = EncodedWindows(pooled, [np.array([2 * row, 2 * row + 1]) for row in range(8)])
    seen = []
    for batch in encoded_batches(clips, encoded, np.array([0, 1, 3]), AS_THEY_ARE, 3, np.random.default_rng(0)):
        assert batch.spectrogram is None
        assert (np.abs(batch.pooled[:, 0] - batch.target.ratings[:, 0]) <= 0.11).all()
        np.testing.assert_allclose(batch.descriptors[:, 0], batch.target.ratings[:, 0] / 100, rtol=1e-6)
        seen += list(batch.target.ratings[:, 0])
    assert sorted(seen) == [0, 1, 3]


@pytest.mark.parametrize("num_frames", [1, 29, 30, 31, 59, 400])
def test_overlapping_windows_cover_a_clip(num_frames: int):
    starts = overlapping_starts(num_frames, 30)
    assert starts[0] == 0 and starts[-1] == max(num_frames - 30, 0)
    assert (np.diff(starts) <= 10).all()
    np.testing.assert_array_equal(starts[::OVERLAP], window_starts(num_frames, 30))


def test_rating_scale_inverts_and_survives_a_constant_dimension():
    ratings = np.random.default_rng(0).uniform(size=(9, 3))
    ratings[:, 2] = 0.5
    scale = RatingScale.of(ratings)
    standardised = scale.standardise(ratings)
    np.testing.assert_allclose(standardised.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(standardised.std(axis=0), [1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(standardised * scale.std + scale.mean, ratings, atol=1e-6)


def test_noise_follows_the_scale_of_the_ratings():
    clips = level_clips(3)
    scales = AS_THEY_ARE._replace(ratings=RatingScale(np.zeros(len(NAMES)), np.full(len(NAMES), 2.0)))
    target = scales.targets(clips)
    assert isinstance(target, Target) and (target.noise == 0.25).all()
    np.testing.assert_allclose(target.ratings, clips.ratings / 2)


def test_clips_without_sound_rating_or_descriptors_are_named(tmp_path):
    targets = Targets.of_dimensions()
    index = pd.DataFrame(
        {"clip_id": ["a", "a", "b"], "instrument": ["x", "y", "x"], "num_frames": 2, "duration_s": 1.0}
    )
    write_store(tmp_path, index, [np.zeros((2, 4))] * 3, 4, {})
    store = SpectrogramStore(tmp_path)
    table = pd.DataFrame({"clip_id": ["b", "a"], **{name: 0.5 for name in NAMES}})
    single = pd.concat([table, table.iloc[:1]], ignore_index=True)
    described = index[["clip_id", "instrument"]].assign(level=[1.0, 2.0, 3.0], heard_notes=np.nan)[::-1]
    clips = RatedClips.of(table, single, store, described, targets)
    assert [list(rows) for rows in clips.recordings] == [[2], [0, 1]]
    np.testing.assert_array_equal(clips.descriptors[:, 0], [1.0, 2.0, 3.0])  # in the store's order
    assert clips.descriptor_names == ("level", "heard_notes")
    with pytest.raises(DataError, match=r"expected a finite rating .* e\.g\. a"):
        RatedClips.of(table.assign(**{name: [0.5, np.nan] for name in NAMES}), single, store, described, targets)
    with pytest.raises(DataError, match=r"expected a spectrogram .* found 1 without, e\.g\. c"):
        RatedClips.of(table.assign(clip_id=["b", "c"]), single, store, described, targets)
    with pytest.raises(DataError, match=r"expected a single rating .* found 1 without, e\.g\. a"):
        RatedClips.of(table, single[single["clip_id"] == "b"], store, described, targets)
    with pytest.raises(DataError, match=r"expected finite descriptors .* found 1 without, e\.g\. b"):
        RatedClips.of(table, single, store, described.assign(level=[np.nan, 2.0, 1.0]), targets)
