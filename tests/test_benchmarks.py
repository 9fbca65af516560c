"""What benchmarks compare, they compare; what they find wrong, they say."""

import io
from dataclasses import replace

import numpy as np
import pretty_midi
import pytest

from benchmarks.read_midi import differences
from benchmarks.serve import checked
from crescendai.midi.notes import Performance, read_midi, write_midi


def test_a_service_that_rates_nothing_or_fails_is_told_with_its_statuses():
    assert checked("load", [200, 429, 200]) == {"200": 2, "429": 1}
    for statuses, says in (([], r"found \{\}"), ([429, 429], "'429': 2"), ([200, 500], "'500': 1")):
        with pytest.raises(SystemExit, match=f"load: expected statuses 200.*{says}"):
            checked("load", statuses)


def test_notes_and_pedals_that_differ_are_named():
    two, moves = np.array([60, 64]), np.array([64, 66, 64])
    played = Performance(two, two, np.array([0.0, 0.5]), np.array([0.4, 1.0]), np.array([0.1, 0.2, 0.3]), moves,
                         np.array([127, 127, 0]), 2.0)  # fmt: skip
    midi = write_midi(played, 2.0)
    ours, song = read_midi(midi, "played"), pretty_midi.PrettyMIDI(io.BytesIO(midi))
    assert differences(ours, song) == []
    assert differences(replace(ours, pedal_value=ours.pedal_value + 1), song) == ["pedals"]
    assert differences(replace(ours, velocity=ours.velocity + 1), song) == ["notes"]
