"""The demo's mini notation, and that the music written in it is sound."""

import dataclasses
import re

import numpy as np
import pytest

from crescendai.datasets.demo.notation import BASS, MELODY, midi_pitch, read_line, read_score
from crescendai.datasets.demo.playing import PARAMETER_NAMES
from crescendai.datasets.demo.score import PIECES
from crescendai.errors import DataError

PASSAGES = [
    pytest.param(piece, passage, id=f"{piece.name}{number}")
    for piece in PIECES
    for number, passage in enumerate(piece.passages, start=1)
]


def chord_tones(symbol: str) -> set[int]:
    """Pitch classes of a triad or dominant seventh chord such as ``C#m`` or ``Bb7``."""
    root, minor, seventh = re.fullmatch(r"([A-G][#b]?)(m?)(7?)", symbol).groups()
    steps = [0, 3 if minor else 4, 7] + ([10] if seventh else [])
    return {(midi_pitch(f"{root.lower()}4") + step) % 12 for step in steps}


def test_a_line_has_sticky_values_rests_and_chords():
    assert list(read_line("c5/4. d5/8 r f#4+a4 | g4/2 r/4", 3.0)) == [
        (0.0, 1.5, ["c5"]),
        (1.5, 0.5, ["d5"]),
        (2.5, 0.5, ["f#4", "a4"]),
        (3.0, 2.0, ["g4"]),
    ]


@pytest.mark.parametrize(("name", "pitch"), [("c4", 60), ("a4", 69), ("eb3", 51), ("bb4", 70), ("b#3", 60)])
def test_pitch_names(name, pitch):
    assert midi_pitch(name) == pitch


@pytest.mark.parametrize("name", ["", "c", "h4", "c##4", "C4", "4"])
def test_a_misspelt_pitch_is_named(name):
    with pytest.raises(DataError, match=re.escape(repr(name))):
        midi_pitch(name)


def test_a_bar_that_does_not_fill_the_metre_is_named():
    with pytest.raises(DataError, match=r"3 quarters in bar 2, found 2\.5"):
        list(read_line("c4/2. | c4/2 d4/8", 3.0))


def test_a_voice_with_too_few_bars_is_named():
    piece = PIECES[0]
    passage = dataclasses.replace(piece.passages[0], bass="c3/1")
    with pytest.raises(DataError, match=r"chorale.*expected 2 bars, found 1"):
        read_score(piece, passage)


@pytest.mark.parametrize(("piece", "passage"), PASSAGES)
def test_voices_stay_apart(piece, passage):
    score = read_score(piece, passage)
    keys = list(zip(score.onset, score.pitch, strict=True))
    assert len(set(keys)) == len(keys)  # no key is struck twice at once
    bass = score.pitch[score.voice == BASS]
    assert bass.max() < score.pitch[score.voice == MELODY].max()
    assert bass.min() >= 36 and score.pitch.max() <= 84


@pytest.mark.parametrize(("piece", "passage"), PASSAGES)
def test_bass_and_harmony_agree(piece, passage):
    score = read_score(piece, passage)
    beats, unit = map(int, piece.metre.split("/"))
    for onset, duration, (symbol,) in read_line(passage.harmony, beats * 4 / unit):
        within = (score.onset >= onset) & (score.onset < onset + duration) & (score.voice == BASS)
        assert within.any() and score.onset[within].min() == onset
        assert {int(pitch) % 12 for pitch in score.pitch[within]} <= chord_tones(symbol), symbol


@pytest.mark.parametrize(("piece", "passage"), PASSAGES)
def test_inner_voices_are_chord_tones(piece, passage):
    beats, unit = map(int, piece.metre.split("/"))
    chords = list(read_line(passage.harmony, beats * 4 / unit))
    for onset, _, names in read_line(passage.inner, beats * 4 / unit):
        symbol = next(names[0] for start, _, names in reversed(chords) if start <= onset)
        assert {midi_pitch(name) % 12 for name in names} <= chord_tones(symbol), (symbol, names)


@pytest.mark.parametrize(("piece", "passage"), PASSAGES)
def test_mode_is_that_of_the_last_chord(piece, passage):
    last = passage.harmony.split()[-1].partition("/")[0]
    assert last.endswith("m") == (passage.mode == "minor")


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_pieces_last_about_five_seconds(piece):
    for passage in piece.passages:
        assert 4.5 < read_score(piece, passage).length * 60 / piece.quarters_per_minute < 5.5


def test_characters_name_parameters_of_playing():
    assert {name for piece in PIECES for name in piece.character} <= set(PARAMETER_NAMES)


def test_no_two_passages_are_alike():
    melodies = [tuple(read_score(*where.values).pitch) for where in PASSAGES]
    assert len(set(melodies)) == len(melodies)
    assert all(np.all(np.diff(read_score(*where.values).onset) >= 0) for where in PASSAGES)
