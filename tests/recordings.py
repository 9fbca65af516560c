"""Recordings for the tests, made from seeds."""

import io

import numpy as np
import soundfile

RATE_HZ = 11025


def playing(duration_s: float, seed: int = 0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Something like a piano: struck tones that die away, float32 ``[samples]``."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(round(duration_s * rate_hz))
    for onset in np.arange(0.0, duration_s, 0.3):
        first = round(onset * rate_hz)
        t = np.arange(len(sound) - first) / rate_hz
        pitch_hz = 440.0 * 2 ** (rng.integers(-24, 24) / 12)
        partials = sum(np.sin(2 * np.pi * pitch_hz * h * t) / h**2 for h in (1, 2, 3) if pitch_hz * h < rate_hz / 2)
        sound[first:] += rng.uniform(0.05, 0.2) * np.exp(-4 * t) * partials
    return sound.astype(np.float32)


def encoded(sound: np.ndarray, kind: str = "WAV", rate_hz: int = RATE_HZ, subtype: str | None = None) -> bytes:
    """A file's bytes."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()
