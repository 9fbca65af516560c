"""What can be measured of a recording's sound while it passes, such as its loudness."""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from crescendai.audio.loudness import ABSOLUTE_GATE_LUFS, BLOCK_S, OVERLAP, RELATIVE_GATE_LU, k_weighting

QUIETEST = 1e-5  # -100 dB


@dataclass(frozen=True)
class SoundFacts:
    """Of a whole recording.

    sample_rate_hz, channels: as it came. peak_dbfs: of the largest sample of any channel.
    loudness_lufs: integrated, None below the gate. clipped_share: of the samples at full scale, 0 to 1.
    """

    duration_s: float
    sample_rate_hz: int
    channels: int
    peak_dbfs: float
    loudness_lufs: float | None
    clipped_share: float


class SoundMeter:
    """Measures blocks as they pass; the loudness is that of `crescendai.audio.loudness` (ITU-R BS.1770-4)."""

    def __init__(self, sample_rate_hz: int):
        self.sample_rate_hz = sample_rate_hz
        self._filter = k_weighting(sample_rate_hz)
        self._state = np.zeros((len(self._filter), 2))
        self._step = round(BLOCK_S * sample_rate_hz) // OVERLAP  # samples between two blocks of the standard
        self._rest = np.zeros(0)
        self._energy: list[np.ndarray] = []  # of every step
        self._samples = 0

    def add(self, block: np.ndarray) -> None:
        """``[samples]`` mono, at least one."""
        self._samples += len(block)
        weighted, self._state = scipy.signal.sosfilt(self._filter, block.astype(np.float64), zi=self._state)
        power = np.concatenate([self._rest, weighted**2])
        whole = len(power) // self._step * self._step
        self._energy.append(power[:whole].reshape(-1, self._step).sum(axis=1))
        self._rest = power[whole:]

    def facts(self, sample_rate_hz: int, channels: int, peak: float, clipped_share: float) -> SoundFacts:
        """What was measured. Arguments: of the recording as it came, which `AudioStream` knows."""
        return SoundFacts(
            duration_s=self._samples / self.sample_rate_hz,
            sample_rate_hz=sample_rate_hz,
            channels=channels,
            peak_dbfs=20.0 * float(np.log10(max(peak, QUIETEST))),
            loudness_lufs=self._loudness_lufs(),
            clipped_share=clipped_share,
        )

    def _loudness_lufs(self) -> float | None:
        energy = np.concatenate([np.zeros(0), *self._energy])
        if len(energy) < OVERLAP:
            return None
        power = np.convolve(energy, np.ones(OVERLAP), mode="valid") / (OVERLAP * self._step)
        loudness = -0.691 + 10 * np.log10(np.maximum(power, 1e-20))
        audible = loudness > ABSOLUTE_GATE_LUFS
        if not audible.any():
            return None
        gate = -0.691 + 10 * np.log10(power[audible].mean()) + RELATIVE_GATE_LU
        return float(-0.691 + 10 * np.log10(power[audible & (loudness > gate)].mean()))
