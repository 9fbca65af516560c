"""MIDI files are read as pretty_midi reads them, to the last bit; damaged ones are refused."""

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from crescendai.errors import DataError
from crescendai.midi.notes import PEDAL_CONTROLS, read_midi


def made(seed: int) -> bytes:
    """Repeated keys, overlapping strokes, two tempi, several tracks, drums, pedals on channels without notes."""
    rng = np.random.default_rng(seed)
    song = pretty_midi.PrettyMIDI(resolution=int(rng.choice([96, 384, 960])), initial_tempo=float(rng.uniform(40, 200)))
    for program, drums in ((0, False), (3, False), (0, True)):
        instrument = pretty_midi.Instrument(program, is_drum=drums)
        for _ in range(60):
            onset = float(rng.uniform(0, 9))
            instrument.notes.append(
                pretty_midi.Note(int(rng.integers(1, 128)), int(rng.integers(58, 64)), onset, onset + rng.uniform(0, 1))
            )
        instrument.control_changes = [
            pretty_midi.ControlChange(int(control), int(rng.integers(128)), float(rng.uniform(0, 9)))
            for control in rng.choice([1, 64, 66, 67], 40)
        ]
        song.instruments.append(instrument)
    file = io.BytesIO()
    song.write(file)
    return file.getvalue()


def by_pretty_midi(midi: bytes) -> tuple[list, list]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        song = pretty_midi.PrettyMIDI(io.BytesIO(midi))
    played = [instrument for instrument in song.instruments if not instrument.is_drum]
    notes = sorted((note.start, note.pitch, note.velocity, note.end) for own in played for note in own.notes)
    pedals = sorted(
        (change.time, change.number, change.value)
        for own in played
        for change in own.control_changes
        if change.number in PEDAL_CONTROLS
    )
    return notes, pedals


def assert_read_alike(midi: bytes) -> None:
    notes, pedals = by_pretty_midi(midi)
    p = read_midi(midi, "clip")
    assert list(zip(p.onset_s, p.pitch, p.velocity, p.offset_s, strict=True)) == notes
    assert list(zip(p.pedal_time_s, p.pedal_control, p.pedal_value, strict=True)) == pedals


@pytest.mark.parametrize("seed", range(8))
def test_made_files(seed: int):
    assert_read_alike(made(seed))


@pytest.mark.mirror
def test_files_of_both_corpora():
    mirror = Path(os.environ["CRESCENDAI_MIRROR"])
    clips = sorted((mirror / "percepiano/virtuoso/data/all_2rounds").glob("*.mid"))[::100]
    for file in [*clips, *sorted((mirror / "maestro-v3.0.0").glob("*/*.midi"))[::700]]:
        assert_read_alike(file.read_bytes())


@pytest.mark.parametrize("keep", [0, 3, 13, 20, 200])
def test_files_that_are_cut_short(keep: int):
    with pytest.raises(DataError, match="expected a MIDI file"):
        read_midi(made(0)[:keep], "clip")


def test_flipped_bytes_are_read_or_refused_but_nothing_else_happens():
    midi, rng = made(0), np.random.default_rng(0)
    for place in rng.integers(0, len(midi), 200):
        spoilt = bytearray(midi)
        spoilt[place] ^= int(rng.integers(1, 256))
        try:
            assert read_midi(bytes(spoilt), "clip").num_notes
        except DataError as error:
            assert "clip: expected" in str(error)
