"""Log-mel spectrograms: librosa's numbers, one shape law, a level that is never normalised away."""

import librosa
import numpy as np
import pytest

from crescendai.audio.logmel import log_mel_spectrogram, mel_centres_hz, mel_filterbank, num_frames

SETTINGS = {
    "sample_rate_hz": 22050, "n_fft": 2048, "hop_length": 512, "n_mels": 128,
    "f_min_hz": 27.5, "f_max_hz": 11025.0, "floor_db": -100.0,
}  # fmt: skip


@pytest.fixture
def noise() -> np.ndarray:
    fading = np.linspace(0, 0.3, 44100) ** 3
    return (np.random.default_rng(0).standard_normal(44100) * fading).astype(np.float32)


@pytest.mark.parametrize("n_mels", [128, 256])
def test_equals_librosa(noise, n_mels: int):
    window_power = np.sum(librosa.filters.get_window("hann", 2048) ** 2)
    sine_power = 2048 * window_power / 4
    power = librosa.feature.melspectrogram(
        y=noise, sr=22050, n_fft=2048, hop_length=512, n_mels=n_mels, fmin=27.5, fmax=11025.0, norm=None
    )
    expected = librosa.power_to_db(power, ref=sine_power, amin=1e-10 * sine_power, top_db=None).T
    ours = log_mel_spectrogram(noise, **{**SETTINGS, "n_mels": n_mels})
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def test_filterbank_equals_librosa():
    expected = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=80, fmin=50, fmax=8000, norm=None)
    np.testing.assert_allclose(mel_filterbank(16000, 1024, 80, 50, 8000), expected, atol=1e-6)


@pytest.mark.parametrize("samples", [0, 1, 511, 512, 2047, 2048, 22050])
def test_frames_follow_the_shape_law(samples):
    spectrogram = log_mel_spectrogram(np.zeros(samples, np.float32), **SETTINGS)
    assert spectrogram.shape == (1 + samples // 512, 128) == (num_frames(samples, 512), 128)


@pytest.mark.parametrize("n_mels", [128, 256])
def test_full_scale_sine_reads_about_0_db_in_its_band(n_mels: int):
    for frequency_hz in (110.0, 1000.0, 6000.0):
        sine = np.sin(2 * np.pi * frequency_hz * np.arange(22050) / 22050).astype(np.float32)
        middle = log_mel_spectrogram(sine, **{**SETTINGS, "n_mels": n_mels})[20]
        assert -4.0 < middle.max() < 0.5
        assert abs(middle.argmax() - np.abs(mel_centres_hz(n_mels, 27.5, 11025.0) - frequency_hz).argmin()) <= 1


def test_half_the_amplitude_is_6_db_less(noise):
    loud, soft = log_mel_spectrogram(noise, **SETTINGS), log_mel_spectrogram(noise / 2, **SETTINGS)
    audible = soft > -90
    np.testing.assert_allclose((loud - soft)[audible], 20 * np.log10(2), atol=1e-3)


def test_silence_is_the_floor():
    assert (log_mel_spectrogram(np.zeros(5000, np.float32), **SETTINGS) == -100.0).all()
