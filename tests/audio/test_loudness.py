"""Loudness agrees with ITU-R BS.1770: its printed coefficients and its reference tone."""

import numpy as np
import pytest

from crescendai.audio.loudness import integrated_loudness_lufs, k_weighting


def tone(seconds: float, rate_hz: int, amplitude: float = 1.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 997 * np.arange(int(seconds * rate_hz)) / rate_hz)


def test_filters_at_48_khz_are_those_printed_in_the_standard():
    shelf, high_pass = k_weighting(48000)
    np.testing.assert_allclose(
        shelf,
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        atol=1e-8,
    )  # fmt: skip
    np.testing.assert_allclose(high_pass, [1, -2, 1, 1, -1.99004745483398, 0.99007225036621], atol=1e-8)


@pytest.mark.parametrize("rate_hz", [22050, 44100, 48000])
def test_full_scale_tone_is_minus_3_01(rate_hz):
    assert integrated_loudness_lufs(tone(4, rate_hz), rate_hz) == pytest.approx(-3.01, abs=0.05)


def test_gain_moves_loudness_by_as_much():
    assert integrated_loudness_lufs(tone(4, 22050, 0.1), 22050) == pytest.approx(-23.0, abs=0.05)


def test_pauses_are_gated_out():
    paused = np.concatenate([tone(8, 22050, 0.1), np.zeros(22050 * 20)])
    assert integrated_loudness_lufs(paused, 22050) == pytest.approx(-23.0, abs=0.3)


def test_silence_has_no_loudness_and_short_clips_have_one():
    assert integrated_loudness_lufs(np.zeros(22050), 22050) == -np.inf
    assert np.isfinite(integrated_loudness_lufs(tone(0.1, 22050), 22050))
