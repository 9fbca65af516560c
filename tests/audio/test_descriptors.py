"""Audio descriptors: one fixed list of finite numbers that move as the playing does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crescendai.audio.descriptors import describe_audio
from crescendai.audio.logmel import log_mel_spectrogram

HOP_S, N_MELS = 512 / 22050, 256


def notes(interval_s: float, decay_s: float, amplitude: float = 0.2, seconds: float = 8.0) -> np.ndarray:
    """Log-mel of a repeated tone with overtones, each fading to 1/e in ``decay_s``."""
    rate, audio = 22050, np.zeros(int(seconds * 22050))
    time = np.arange(int(decay_s * 7 * rate)) / rate
    note = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 8)) * np.exp(-time / decay_s)
    for onset_s in np.arange(0.1, seconds, interval_s):
        part = audio[int(onset_s * rate) :][: len(note)]
        part += amplitude * note[: len(part)]
    return log_mel_spectrogram(audio.astype(np.float32), rate, 2048, 512, N_MELS, 27.5, 11025.0, -100.0)


@given(frames=st.integers(1, 60), level=st.floats(-100, 20), spread=st.floats(0, 40), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_names_are_fixed_and_numbers_finite_for_any_clip(frames, level, spread, seed):
    log_mel = level + spread * np.random.default_rng(seed).standard_normal((frames, N_MELS))
    described = describe_audio(np.maximum(log_mel, -100).astype(np.float32), HOP_S)
    assert list(described) == list(describe_audio(np.full((1, N_MELS), -100.0), HOP_S))
    assert np.isfinite(list(described.values())).all()


def test_gain_moves_levels_and_leaves_shape_alone():
    log_mel = notes(0.5, 0.3)
    soft, loud = describe_audio(log_mel, HOP_S), describe_audio(log_mel + 10, HOP_S)
    assert loud["level_mean_db"] - soft["level_mean_db"] == pytest.approx(10, abs=1e-3)
    for name in ("centroid_mean", "onset_strength_mean_db", "level_range_db", "likeness_0.3_s_median"):
        assert loud[name] == pytest.approx(soft[name], abs=1e-3)


def test_onsets_are_counted():
    assert describe_audio(notes(0.5, 0.15), HOP_S)["onsets_per_s"] == pytest.approx(2, abs=0.3)
    assert describe_audio(notes(0.25, 0.08), HOP_S)["onset_interval_median_s"] == pytest.approx(
        0.25, abs=0.03
    )


def test_what_rings_is_told_from_what_is_damped():
    dry, wet = describe_audio(notes(0.5, 0.05), HOP_S), describe_audio(notes(0.5, 1.0), HOP_S)
    assert wet["stroke_all_left_0.4_s_median_db"] > dry["stroke_all_left_0.4_s_median_db"] + 10
    assert wet["low_ringing_share"] > dry["low_ringing_share"]
    assert wet["fall_p90_db_per_s"] < dry["fall_p90_db_per_s"]
