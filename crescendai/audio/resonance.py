"""Strings that nobody struck: with the dampers off them, they sound along with those that were.

Every free string is a resonator at its partials; all together are one impulse response, a sum of damped sines. What a
piano plays while dampers are off is convolved with it, and heard as far as they are open, until they rest. How sustain
pedals colour a sound is measured in Lehtonen, Penttinen, Rauhala and Välimäki, *Analysis and modeling of piano
sustain-pedal effects*, JASA 122, 2007; this bank of resonators is simpler than theirs, and its level is chosen by ear.
"""

from functools import lru_cache

import numpy as np
import scipy.ndimage
import scipy.signal

from crescendai.midi.damping import openness
from crescendai.midi.notes import Performance

KEYS = range(21, 109)  # MIDI pitches of a piano, A0 to C8
# Of the free strings' answer. Half of PercePiano's clips with pedal, on timgm, are then 16.2 dB louder than what sounds
# along, or more; one in ten less than 10.5 dB (`python -m benchmarks.free_strings`, every tenth clip).
LEVEL = 0.06
LENGTH_S = 2.0  # after which the answer is cut, with a soft end
PARTIALS = 10
DECAY_AT_100_HZ_S, DECAY_SLOPE = 10.0, -0.6  # time in which a free string falls by 60 dB, and its power of frequency
FALL_S = 0.06  # in which dampers stop a string that sounds along


def with_free_strings(audio: np.ndarray, performance: Performance, sample_rate_hz: int) -> np.ndarray:
    """Adds the strings that sound along under the sustain pedal.

    audio: float32 ``[samples]`` of a piano without them, from the performance's start on.

    Returns:
        float32 ``[samples]``; the very samples where the pedal is never down.
    """
    time_s, depth = performance.sustain()
    if not (depth > 0).any():
        return audio
    free = _openness_of_samples(time_s, openness(depth), len(audio), sample_rate_hz)
    edges = np.flatnonzero(np.diff(free > 0, prepend=False, append=False))
    answer, out = free_strings(sample_rate_hz), audio.copy()
    for start, stop in edges.reshape(-1, 2):  # what dampers have stopped in `FALL_S` does not come back
        lifted = free[start:stop]
        along = scipy.signal.oaconvolve(audio[start:stop] * lifted, answer)[: stop - start]
        out[start:stop] += (LEVEL * lifted * along).astype(np.float32)
    return out


@lru_cache(maxsize=4)
def free_strings(sample_rate_hz: int) -> np.ndarray:
    """Impulse response of 88 free strings: float32 ``[samples]``, of unit energy, the same every time."""
    time_s = np.arange(round(LENGTH_S * sample_rate_hz)) / sample_rate_hz
    rng, response = np.random.default_rng(88), np.zeros(len(time_s))
    for key in KEYS:
        for partial in range(1, PARTIALS + 1):
            frequency_hz = 440.0 * 2 ** ((key - 69) / 12) * partial
            phase = rng.uniform(0.0, 2 * np.pi)
            if frequency_hz < 0.45 * sample_rate_hz:
                decay_s = DECAY_AT_100_HZ_S * (frequency_hz / 100.0) ** DECAY_SLOPE
                response += 10 ** (-3 * time_s / decay_s) * np.sin(2 * np.pi * frequency_hz * time_s + phase) / partial
    response *= np.cos(0.5 * np.pi * time_s / LENGTH_S) ** 2
    return (response / np.linalg.norm(response)).astype(np.float32)


def _openness_of_samples(time_s: np.ndarray, open_: np.ndarray, num_samples: int, rate_hz: int) -> np.ndarray:
    """How far dampers are off the strings, float32 ``[samples]``: up at once, down in `FALL_S`, never below 0."""
    at = np.clip(np.round(time_s * rate_hz).astype(int), 0, num_samples)
    stretch = np.diff(np.concatenate([[0], at, [num_samples]]))
    steps = np.repeat(np.append(0.0, open_), stretch)
    # A mean over the last FALL_S falls in that time; the larger of both rises at once.
    size = 2 * round(FALL_S * rate_hz / 2) + 1
    falling = scipy.ndimage.uniform_filter1d(steps, size, mode="constant", origin=size // 2)
    return np.maximum(steps, np.where(falling > 1e-6, falling, 0.0)).astype(np.float32)
