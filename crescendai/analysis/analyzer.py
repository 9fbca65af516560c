"""A recording of a second to four hours, rated: sections, their duration-weighted mean, intervals by dimension."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from crescendai.analysis.batches import SIZES, RunRows, batch_size, run_rows
from crescendai.analysis.cautions import cautions
from crescendai.analysis.rater import RatedSection, SectionRater
from crescendai.analysis.recording import HeardRecording
from crescendai.analysis.result import Analysis, Interval, RatedStretch
from crescendai.analysis.sections import HOP_S, MIN_SOUNDING_S, SECTION_S, cut_sections, section_weights, sounding
from crescendai.audio.refusal import RefusedAudio
from crescendai.audio.sound_facts import SoundFacts
from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.models.hearing import listening_starts
from crescendai.models.windows import window_starts
from crescendai.shipped import ShippedModel

MAX_DURATION_S = 4 * 3600.0  # a long recital


class Analyzer:
    """Rates recordings with one model; make it once, it compiles at its first use.

    run: see `crescendai.analysis.batches`.
    """

    def __init__(self, shipped: ShippedModel, run: RunRows = run_rows):
        self.shipped = shipped
        self._rater = SectionRater(shipped.model, run)
        self._section_frames = round(SECTION_S / self._rater.hop_s)
        self._hop_frames = round(HOP_S / self._rater.hop_s)

    def warm_up(self, sizes: tuple[int, ...] = SIZES) -> None:
        """Compiles for batches of all sizes."""
        self._rater.warm_up(sizes, sizes, sizes)

    def warm_up_for_one(self) -> None:
        """Compiles for what a section of usual length needs: its windows, of either network, and itself."""
        model, frames = self.shipped.model, self._section_frames
        rated = len(window_starts(frames, model.network.config.max_frames))
        heard = ()
        if model.listener is not None:
            config = model.listener.network.config
            windows = listening_starts(frames, config.grid.covered_frames(config.max_frames))
            heard = (batch_size(len(windows)),)
        self._rater.warm_up(heard, (batch_size(rated),), (1,))

    def analyze_file(self, path: Path, max_duration_s: float = MAX_DURATION_S) -> Analysis:
        """Rates an audio file, in memory that does not grow with its length.

        Raises:
            DataError: no such file.
            RefusedAudio: it cannot be rated; `crescendai.audio.refusal` lists why.
        """
        if not path.is_file():
            raise DataError(f"{path}: expected an audio file, found none; check the path")
        with path.open("rb") as file:
            return self.analyze_audio(file, str(path), max_duration_s)

    def analyze_audio(self, file: BinaryIO, name: str, max_duration_s: float = MAX_DURATION_S) -> Analysis:
        """As `analyze_file`, for an open file that can seek; ``name`` is for error messages."""
        started = time.perf_counter()
        recording = HeardRecording(file, name, self.shipped.model.frontend, max_duration_s)
        return self._analyze(recording.log_mel(), name, started, recording)

    def analyze_log_mel(
        self, blocks: Iterable[np.ndarray], name: str, sound: SoundFacts | None = None, started: float | None = None
    ) -> Analysis:
        """Rates a spectrogram made with the model's frontend.

        blocks: ``[t, f]`` dB each. sound: what is known of the recording. started: by `time.perf_counter`.
        """
        return self._analyze(blocks, name, time.perf_counter() if started is None else started, sound)

    def _analyze(
        self, blocks: Iterable[np.ndarray], name: str, started: float, sound: "SoundFacts | HeardRecording | None"
    ) -> Analysis:
        hop_s, heard = self._rater.hop_s, []
        rated = [
            _Rated(section.first_frame, len(section.log_mel), self._rate(section.log_mel))
            for section in cut_sections(_listening(blocks, heard), self._section_frames, self._hop_frames)
        ]
        some = [of for of in rated if of.found is not None]
        if not some:
            raise RefusedAudio("silent", f"{name}: expected piano playing, found silence; check the recording")
        facts = sound.facts() if isinstance(sound, HeardRecording) else sound
        audible = np.concatenate(heard)
        duration_s = len(audible) * hop_s if facts is None else facts.duration_s
        weights = section_weights(
            np.array([of.first_frame for of in some]), np.array([of.num_frames for of in some]), audible
        )
        # Weights sum to 1 but for rounding, which must not lift a rating over the end of the scale.
        ratings = np.clip(weights @ np.stack([of.found.ratings for of in some]), 0.0, 1.0)
        strokes_per_s = None
        if some[0].found.strokes_per_s is not None:
            strokes_per_s = float(weights @ np.array([of.found.strokes_per_s for of in some]))
        share = float(audible.mean())
        return Analysis(
            ratings, self._interval(ratings), tuple(of.stretch(hop_s, duration_s) for of in rated), duration_s,
            facts, share, strokes_per_s, cautions(duration_s, facts, share, strokes_per_s),
            time.perf_counter() - started,
        )  # fmt: skip

    def _rate(self, log_mel: np.ndarray) -> RatedSection | None:
        """None where hardly anything sounds; in a short recording half of it is enough."""
        heard_s, whole_s = sounding(log_mel).sum() * self._rater.hop_s, len(log_mel) * self._rater.hop_s
        return self._rater.rate(log_mel) if heard_s >= min(MIN_SOUNDING_S, 0.5 * whole_s) else None

    def _interval(self, ratings: np.ndarray) -> Interval | None:
        intervals = self.shipped.intervals
        if intervals is None:
            return None
        half = np.array([intervals.half_width[name] for name in NAMES])
        return Interval(intervals.coverage, np.clip(ratings - half, 0, 1), np.clip(ratings + half, 0, 1))


class _Rated(NamedTuple):
    """A section where it lies, without its sound."""

    first_frame: int
    num_frames: int
    found: RatedSection | None

    def stretch(self, hop_s: float, duration_s: float) -> RatedStretch:
        end_s = min((self.first_frame + self.num_frames) * hop_s, duration_s)
        return RatedStretch(self.first_frame * hop_s, end_s, None if self.found is None else self.found.ratings)


def _listening(blocks: Iterable[np.ndarray], heard: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Passes blocks on, and notes which of their frames sound."""
    for block in blocks:
        heard.append(sounding(block))
        yield block
