"""The mini notation in which the demo's passages are written, and its reader.

A line is one voice, left to right, with a bar line ``|`` between bars::

    c5/4. d5/8 eb5 r f#4+a4 | g4/2 r/4

``c5`` is a pitch (middle C is c4; ``#`` sharp, ``b`` flat), ``r`` a rest and ``f#4+a4`` a chord.
``/4`` is a quarter note, ``/8.`` a dotted eighth; a value holds until the next one is written.
A line of harmony has chord symbols (``Am``, ``G7``) in place of pitches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from crescendai.errors import DataError

MELODY, INNER, BASS = 0, 1, 2
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


@dataclass(frozen=True)
class Passage:
    """A few bars of music in the mini notation; ``mode`` is ``major`` or ``minor``."""

    mode: str
    melody: str
    inner: str
    bass: str
    harmony: str


@dataclass(frozen=True)
class Piece:
    """Passages of one kind. ``character`` says how the piece wants to be played: for some of the
    parameters of `playing` an offset in standard deviations."""

    name: str
    metre: str
    bars: int
    quarters_per_minute: float
    passages: tuple[Passage, ...]
    character: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """The notes of a passage, times in quarter notes; sorted by onset, then pitch.

    onset, duration, pitch, voice: ``[note]``; voice is MELODY, INNER or BASS.
    harmony_onset: ``[chord]`` where the harmony changes, the first one 0.
    length: of the whole passage.
    """

    onset: np.ndarray
    duration: np.ndarray
    pitch: np.ndarray
    voice: np.ndarray
    harmony_onset: np.ndarray
    length: float


def read_line(line: str, quarters_per_bar: float) -> Iterator[tuple[float, float, list[str]]]:
    """Reads one voice as (onset, duration, names), in quarter notes; a rest is passed over.

    Raises:
        DataError: a bar is longer or shorter than the metre says.
    """
    duration = 0.0
    for bar, text in enumerate(line.split("|")):
        onset = bar * quarters_per_bar
        for token in text.split():
            names, _, value = token.partition("/")
            if value:
                duration = 4 / int(value.rstrip(".")) * (1.5 if value.endswith(".") else 1.0)
            if names != "r":
                yield onset, duration, names.split("+")
            onset += duration
        if onset != (bar + 1) * quarters_per_bar:
            raise DataError(
                f"{line!r}: expected {quarters_per_bar:g} quarters in bar {bar + 1}, "
                f"found {onset - bar * quarters_per_bar:g}; correct the note values"
            )


def midi_pitch(name: str) -> int:
    """MIDI pitch of a name such as ``eb5``; c4 is 60, b#3 too.

    Raises:
        DataError: no such pitch.
    """
    step, accidental, octave = name[:1], name[1:-1], name[-1:]
    if step not in _STEPS or accidental not in ("", "#", "b") or not octave.isdigit():
        raise DataError(f"{name!r}: expected a pitch such as c4, f#5 or eb3; correct the name")
    return 12 * (int(octave) + 1) + _STEPS[step] + {"": 0, "#": 1, "b": -1}[accidental]


def read_score(piece: Piece, passage: Passage) -> Score:
    """Reads the notes of a passage.

    Raises:
        DataError: a bar does not fill the metre, a voice has not the piece's number of bars, or a
            pitch is misspelt.
    """
    beats, unit = map(int, piece.metre.split("/"))
    quarters_per_bar = beats * 4 / unit
    for line in (passage.melody, passage.inner, passage.bass, passage.harmony):
        if (found := line.count("|") + 1) != piece.bars:
            raise DataError(
                f"{piece.name}: {line!r}: expected {piece.bars} bars, found {found}; "
                "add or take away bar lines"
            )
    notes = sorted(
        (onset, midi_pitch(name), voice, duration)
        for voice, line in ((MELODY, passage.melody), (INNER, passage.inner), (BASS, passage.bass))
        for onset, duration, names in read_line(line, quarters_per_bar)
        for name in names
    )
    onset, pitch, voice, duration = (np.array(column) for column in zip(*notes, strict=True))
    chords = read_line(passage.harmony, quarters_per_bar)
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=voice,
        harmony_onset=np.array([start for start, _, _ in chords]),
        length=piece.bars * quarters_per_bar,
    )
