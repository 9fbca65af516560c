"""Log-mel filterbank energies as Kaldi computes them: the input that published AST weights were trained on.

Compared with the numpy path of ``ASTFeatureExtractor`` (transformers 5.24), which follows
``torchaudio.compliance.kaldi.fbank``; see ``tests/parity/test_kaldi_parity.py``. It differs from
`crescendai.audio.logmel` in nearly everything: natural logarithm, other mel scale, frames that begin
where a whole one fits and are not centred, mean removed and treble raised in each.
"""

from functools import lru_cache

import numpy as np
import scipy.fft

PREEMPHASIS = 0.97
LOWEST_POWER = float(np.finfo(np.float32).eps)  # logarithm of silence: -15.94
FRAMES_PER_BLOCK = 1024  # 4 MB of float64 frames, however long the recording

# Of AudioSet's training part, as published with AST.
AUDIOSET_MEAN = -4.2677393
AUDIOSET_STD = 4.5689974


def num_frames(num_samples: int, window_length: int, hop_length: int) -> int:
    """``1 + (samples - window) // hop``, Kaldi's ``snip_edges``; 0 where not one window fits."""
    return max(1 + (num_samples - window_length) // hop_length, 0)


def kaldi_fbank(
    audio: np.ndarray,
    sample_rate_hz: int = 16_000,
    window_length: int = 400,
    hop_length: int = 160,
    n_mels: int = 128,
    f_min_hz: float = 20.0,
    f_max_hz: float = 8_000.0,
) -> np.ndarray:
    """Logarithm of the power in mel bands, frame by frame.

    ``log max(M·|DFT(w·p(x - mean x))|², eps)``, with ``p(x)[i] = x[i] - 0.97 x[max(i - 1, 0)]``, a symmetric Hann
    window w, zeros up to the next power of two, and float32's eps. No dither: the same sound gives the same numbers.

    Args:
        audio: ``[samples]`` float, full scale ±1.
        window_length, hop_length: samples; 25 and 10 ms by default.

    Returns:
        float32 ``[t, f]``, bands from low to high; ``t`` as `num_frames` says, 0 for less than a window.

    Source: Kaldi's ``compute-fbank-feats`` by way of torchaudio and transformers, which do not scale to 16 bits.
    """
    frames = num_frames(len(audio), window_length, hop_length)
    energies = np.empty((frames, n_mels), np.float32)
    if not frames:
        return energies
    n_fft = 1 << (window_length - 1).bit_length()
    window = np.hanning(window_length)
    filters = mel_filterbank(sample_rate_hz, n_fft, n_mels, f_min_hz, f_max_hz)
    windows = np.lib.stride_tricks.sliding_window_view(audio, window_length)[::hop_length]
    for start in range(0, frames, FRAMES_PER_BLOCK):
        # float64: a loud tone's rounding would drown the soft bands beside it, whose logarithm counts as much.
        x = windows[start : start + FRAMES_PER_BLOCK].astype(np.float64)
        x -= x.mean(axis=1, keepdims=True)
        before = np.concatenate([x[:, :1], x[:, :-1]], axis=1)
        spectrum = scipy.fft.rfft((x - PREEMPHASIS * before) * window, n_fft, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        energies[start : start + len(x)] = np.log(np.maximum(power @ filters, LOWEST_POWER))
    return energies


def fit_length(fbank: np.ndarray, max_frames: int) -> np.ndarray:
    """Cut at the end, or zeros appended: ``[t, f]`` -> ``[max_frames, f]``.

    The zeros are appended before normalisation, as in the reference: for AudioSet weights padding is no silence
    (-15.94) but a loud, even sound. They were trained so.
    """
    fitted = np.zeros((max_frames, fbank.shape[1]), np.float32)
    fitted[: len(fbank)] = fbank[:max_frames]
    return fitted


def ast_input(
    audio: np.ndarray,
    max_frames: int = 1024,
    n_mels: int = 128,
    mean: float = AUDIOSET_MEAN,
    std: float = AUDIOSET_STD,
) -> np.ndarray:
    """What published AST weights take: ``(fbank - mean) / (2 std)`` of audio at 16 kHz, float32 ``[max_frames, f]``.

    Source: AST (arXiv 2104.01778, section 3.1), where the 2 makes the standard deviation 0.5.
    """
    fbank = fit_length(kaldi_fbank(audio, n_mels=n_mels), max_frames)
    return (fbank - np.float32(mean)) / np.float32(2.0 * std)


@lru_cache(maxsize=4)
def mel_filterbank(sample_rate_hz: int, n_fft: int, n_mels: int, f_min_hz: float, f_max_hz: float) -> np.ndarray:
    """Filters that are triangles over mel, not over Hz, of peak 1: float64 ``[1 + n_fft // 2, f]``.

    ``mel = 1127 log(1 + hz / 700)``. With many bands the lowest are narrower than a bin; those that
    no bin falls into stay at zero, as in the reference.
    """
    bins = _mel(np.arange(1 + n_fft // 2) * sample_rate_hz / n_fft)[:, None]
    corners = np.linspace(_mel(f_min_hz), _mel(f_max_hz), n_mels + 2)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters.flags.writeable = False  # the cache hands it out again
    return filters


def _mel(hz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hz) / 700.0)
