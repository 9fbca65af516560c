"""What an engine is given is what `write_midi` writes: the same notes, pedals and end, read or heard."""

import midirenderer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.audio.smf import engine_midi
from crescendai.datasets.pianos import sound_file
from crescendai.midi.notes import read_midi, write_midi
from tests.midi.test_notes import note, performance

MOVEMENT = st.tuples(st.floats(0, 20), st.sampled_from([64, 66, 67]), st.integers(0, 127))


@given(st.lists(note, min_size=1, max_size=30, unique_by=lambda n: n[0]), st.lists(MOVEMENT, max_size=10))
def test_it_reads_as_what_write_midi_writes(notes, pedal) -> None:
    played = performance([(p, v, on, on + length) for p, v, on, length in notes], sorted(pedal))
    end_s = played.last_offset_s + 1
    ours, theirs = (read_midi(write(played, end_s), "x") for write in (engine_midi, write_midi))
    for name in ("pitch", "velocity", "onset_s", "offset_s", "pedal_control", "pedal_value", "file_end_s"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), err_msg=name)


@pytest.mark.parametrize("end_s", [2.0, 0.7])
def test_the_engine_makes_the_same_bytes_of_both(end_s: float) -> None:
    notes = [(60, 80, 0.0, 0.5), (60, 90, 0.5, 1.0), (64, 70, 0.5, 1.5), (48, 60, 0.5, 0.9)]
    played = performance(notes, [(0.5, 64, 127), (1.2, 64, 0)])
    font = sound_file("timgm").read_bytes()
    waves = {midirenderer.render_wave_from(font, write(played, end_s)) for write in (engine_midi, write_midi)}
    assert len(waves) == 1
