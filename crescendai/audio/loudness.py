"""Loudness of a whole recording as broadcasters measure it."""

import numpy as np
import scipy.signal

BLOCK_S = 0.4
OVERLAP = 4  # blocks start every quarter of a block
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0


def integrated_loudness_lufs(audio: np.ndarray, sample_rate_hz: int) -> float:
    """Gated K-weighted loudness of a mono signal.

    ``L = -0.691 + 10·log10(mean power of the K-weighted blocks above both gates)``

    Args:
        audio: ``[samples]``, full scale ±1. Shorter than a block counts as one block.

    Returns:
        LUFS; minus infinity if every block is below -70 LUFS.

    Source: ITU-R BS.1770-4, annex 1. The standard gives its two filters as coefficients for 48 kHz;
    at other rates those of the same analogue filters are used, as in De Man, Evaluation of
    Implementations of the EBU R128 Loudness Measurement, 2018.
    """
    weighted = scipy.signal.sosfilt(k_weighting(sample_rate_hz), audio.astype(np.float64))
    block = round(BLOCK_S * sample_rate_hz)
    weighted = np.pad(weighted, (0, max(block - len(weighted), 0)))
    energy = np.cumsum(np.append(0.0, weighted**2))
    starts = np.arange(0, len(weighted) - block + 1, block // OVERLAP)
    power = (energy[starts + block] - energy[starts]) / block
    loudness = -0.691 + 10 * np.log10(np.maximum(power, 1e-20))
    audible = loudness > ABSOLUTE_GATE_LUFS
    if not audible.any():
        return float("-inf")
    gate = -0.691 + 10 * np.log10(power[audible].mean()) + RELATIVE_GATE_LU
    return float(-0.691 + 10 * np.log10(power[audible & (loudness > gate)].mean()))


def k_weighting(sample_rate_hz: int) -> np.ndarray:
    """The two filters as second-order sections ``[2, 6]``: a shelf for the head, then a high-pass."""
    return np.stack([_shelf(sample_rate_hz), _high_pass(sample_rate_hz)])


def _shelf(sample_rate_hz: int) -> np.ndarray:
    """+4 dB above 1.7 kHz."""
    k, q = np.tan(np.pi * 1681.974450955533 / sample_rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    norm = 1 + k / q + k**2
    return np.array([
        (high + band * k / q + k**2) / norm, 2 * (k**2 - high) / norm, (high - band * k / q + k**2) / norm,
        1.0, 2 * (k**2 - 1) / norm, (1 - k / q + k**2) / norm,
    ])  # fmt: skip


def _high_pass(sample_rate_hz: int) -> np.ndarray:
    """Below 38 Hz nothing counts. The numerator is not normalised, as in the standard."""
    k, q = np.tan(np.pi * 38.13547087602444 / sample_rate_hz), 0.5003270373238773
    norm = 1 + k / q + k**2
    return np.array([1.0, -2.0, 1.0, 1.0, 2 * (k**2 - 1) / norm, (1 - k / q + k**2) / norm])
