"""Log-mel spectrogram: power in mel bands, in dB against a fixed reference."""

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse

FRAMES_PER_BLOCK = 128  # 1 MB of frames, so that a block stays in the cache from transform to mel


def num_frames(num_samples: int, hop_length: int) -> int:
    """The shape law of every spectrogram here: frames are centred on samples 0, hop, 2·hop, …"""
    return 1 + num_samples // hop_length


def log_mel_spectrogram(
    audio: np.ndarray,
    sample_rate_hz: int,
    n_fft: int,
    hop_length: int,
    n_mels: int,
    f_min_hz: float,
    f_max_hz: float,
    floor_db: float,
) -> np.ndarray:
    """Power in mel bands over time, in dB; never normalised per clip.

    ``max(10·log10(M·|STFT|² / P), floor)`` with a periodic Hann window, zero padding of half
    a window at both ends, triangular filters M of peak 1 and P the STFT power of a sine of amplitude
    1: such a sine reads about 0 dB in its band whatever the settings. A level relative to the clip's
    own peak would erase what several dimensions rate.

    Args:
        audio: ``[samples]`` float, full scale ±1.
        n_fft: samples of a window.
        floor_db: softer than this counts as silence.

    Returns:
        float32 ``[t, f]`` dB, ``t = 1 + samples // hop_length``, bands from low to high.

    Source: librosa 0.11 ``power_to_db(melspectrogram(norm=None, pad_mode="constant"), ref=P, top_db=None)``.
    """
    window = _hann(n_fft)
    # One constant turns raw STFT power into parts of a full-scale sine's power, Σₖ|X|² = n_fft·Σw²/4.
    scale = 4.0 / (n_fft * float(np.sum(window.astype(np.float64) ** 2)))
    filters = _sparse_filterbank(sample_rate_hz, n_fft, n_mels, f_min_hz, f_max_hz)

    frames = num_frames(len(audio), hop_length)
    padded = np.zeros((frames - 1) * hop_length + n_fft + hop_length, np.float32)
    padded[n_fft // 2 : n_fft // 2 + len(audio)] = audio
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length][:frames]

    mel_power = np.empty((frames, n_mels), np.float32)
    for start in range(0, frames, FRAMES_PER_BLOCK):
        block = slice(start, start + FRAMES_PER_BLOCK)
        spectrum = scipy.fft.rfft(windows[block] * window, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        mel_power[block] = power @ filters
    mel_db = 10.0 * np.log10(np.maximum(mel_power * np.float32(scale), np.finfo(np.float32).tiny))
    return np.maximum(mel_db, np.float32(floor_db))


def mel_filterbank(
    sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float
) -> np.ndarray:
    """Triangular filters of peak 1, evenly spaced on Slaney's mel scale: float32 ``[f, 1 + n_fft // 2]``.

    Source: M. Slaney, Auditory Toolbox, 1998; equal to ``librosa.filters.mel(norm=None)``.
    """
    bin_hz = np.arange(1 + n_fft // 2) * sample_rate_hz / n_fft
    low, high = _hz_to_mel(np.array([f_min_hz, f_max_hz]))
    corner_hz = _mel_to_hz(np.linspace(low, high, n_mels + 2))
    left, centre, right = corner_hz[:-2, None], corner_hz[1:-1, None], corner_hz[2:, None]
    rising = (bin_hz - left) / (centre - left)
    falling = (right - bin_hz) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def mel_centres_hz(n_mels: int, f_min_hz: float, f_max_hz: float) -> np.ndarray:
    """Centre frequency of every band: float64 ``[f]``."""
    low, high = _hz_to_mel(np.array([f_min_hz, f_max_hz]))
    return _mel_to_hz(np.linspace(low, high, n_mels + 2))[1:-1]


LINEAR_MELS_PER_HZ = 3.0 / 200.0  # below 1 kHz
MELS_PER_LOG_STEP = 27.0 / np.log(6.4)  # above: 27 mels from 1 kHz to 6.4 kHz


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    above = 15.0 + MELS_PER_LOG_STEP * np.log(np.maximum(hz, 1000.0) / 1000.0)
    return np.where(hz < 1000.0, hz * LINEAR_MELS_PER_HZ, above)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    above = 1000.0 * np.exp((np.maximum(mel, 15.0) - 15.0) / MELS_PER_LOG_STEP)
    return np.where(mel < 15.0, mel / LINEAR_MELS_PER_HZ, above)


@lru_cache(maxsize=4)
def _hann(n_fft: int) -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)


@lru_cache(maxsize=4)
def _sparse_filterbank(
    sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float
) -> scipy.sparse.csc_array:
    # Two non-zeros a bin: cheaper than a dense product, and the same bits on any number of cores.
    return scipy.sparse.csc_array(mel_filterbank(sample_rate_hz, n_fft, n_mels, f_min_hz, f_max_hz).T)
