"""Windows cover clips, and whole clips are rated from the mean over them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.models.backbone import Backbone
from crescendai.models.prediction import make_predict, predict_clips
from crescendai.models.windows import InputScale, cut_window, random_start, window_starts
from tests.models.networks import NUM_DESCRIPTORS, clips, small, small_hybrid, weights

SCALE = InputScale(0.0, 1.0)


@given(num_frames=st.integers(1, 500), window_frames=st.integers(1, 60))
def test_windows_cover_every_frame_evenly_and_are_the_fewest(num_frames: int, window_frames: int):
    starts = window_starts(num_frames, window_frames)
    heard = {frame for start in starts for frame in range(start, min(start + window_frames, num_frames))}
    assert heard == set(range(num_frames))
    assert len(starts) == max(-(-num_frames // window_frames), 1)
    assert starts[-1] == max(num_frames - window_frames, 0)
    assert len(starts) == 1 or np.ptp(np.diff(starts)) <= 1


@given(num_frames=st.integers(1, 100), window_frames=st.integers(1, 100), seed=st.integers(0, 99))
def test_random_windows_lie_in_the_clip(num_frames: int, window_frames: int, seed: int):
    start = random_start(num_frames, window_frames, np.random.default_rng(seed))
    assert 0 <= start <= max(num_frames - window_frames, 0)


def test_random_windows_reach_both_ends():
    rng = np.random.default_rng(0)
    assert {random_start(12, 10, rng) for _ in range(100)} == {0, 1, 2}


def test_a_short_clip_is_padded_with_zeros():
    window, heard = cut_window(np.full((3, 2), -40.0, np.float16), 0, 5, InputScale(-60.0, 20.0))
    assert heard == 3 and window.dtype == np.float32
    np.testing.assert_array_equal(window, [[1, 1]] * 3 + [[0, 0]] * 2)


def test_input_scale_counts_every_value_once():
    rng = np.random.default_rng(0)
    parts = [rng.normal(-50, 20, (length, 4)).astype(np.float16) for length in (3, 50, 7)]
    scale, values = InputScale.of(parts), np.concatenate(parts).astype(np.float64)
    assert scale.mean_db == pytest.approx(values.mean()) and scale.std_db == pytest.approx(values.std())


@pytest.mark.parametrize("fusion", ["none", "concat", "attention"])
def test_a_clip_is_the_mean_of_its_windows_whatever_the_batch(fusion: str):
    model = small() if fusion == "none" else small_hybrid(fusion=fusion)
    params, predict = weights(model), make_predict(model)
    described = np.random.default_rng(0).normal(size=(2, NUM_DESCRIPTORS)).astype(np.float32)

    def rated(of: list[np.ndarray], rows: list[int], batch_size: int) -> np.ndarray:
        own = None if fusion == "none" else described[rows]
        return predict_clips(predict, params, of, SCALE, own, window_frames=40, batch_size=batch_size)

    long, short = clips([100, 9])
    together = rated([long, short], [0, 1], 3)
    np.testing.assert_allclose(together[1], rated([short], [1], 1)[0], atol=1e-5)
    windows = np.stack([long[start : start + 40] for start in (0, 30, 60)])
    if fusion == "attention":  # it asks the patches of every window, and windows are rated
        expected = rated(list(windows), [0, 0, 0], 2).mean(axis=0)
    else:  # what is pooled of the windows is one state, which is rated
        features = Backbone(model.config).apply({"params": params["backbone"]}, windows, np.full(3, 40)).pooled
        heard = () if fusion == "none" else (described[:1],)
        pooled = features.mean(axis=0, keepdims=True)
        expected = model.apply({"params": params}, None, None, *heard, pooled=pooled).ratings[0]
    np.testing.assert_allclose(together[0], expected, atol=1e-5)
