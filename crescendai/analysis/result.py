"""What an analysis finds, as plain values."""

from dataclasses import dataclass

import numpy as np

from crescendai.audio.sound_facts import SoundFacts


@dataclass(frozen=True)
class Caution:
    """Something about a recording that makes its ratings less certain. code: stable, for programs."""

    code: str
    message: str


@dataclass(frozen=True)
class RatedStretch:
    """A section, from ``start_s`` to ``end_s``, and its ratings ``[k]``; None where hardly anything sounds."""

    start_s: float
    end_s: float
    ratings: np.ndarray | None


@dataclass(frozen=True)
class Interval:
    """Where the listeners' mean rating is to be expected: ``lower`` to ``upper`` ``[k]``, in ``coverage`` of cases."""

    coverage: float
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class Analysis:
    """Of one recording.

    ratings: ``[k]`` in the order of `crescendai.dimensions.DIMENSIONS`, 0 to 1.
    interval: None from a model that brings none.
    sections: in order of time; they overlap.
    sound: None where the recording came as a spectrogram.
    sounding_share: of the time in which something is heard. strokes_per_s: None where the model counts none.
    processing_s: wall-clock time.
    """

    ratings: np.ndarray
    interval: Interval | None
    sections: tuple[RatedStretch, ...]
    duration_s: float
    sound: SoundFacts | None
    sounding_share: float
    strokes_per_s: float | None
    warnings: tuple[Caution, ...]
    processing_s: float
