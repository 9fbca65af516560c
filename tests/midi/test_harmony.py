"""What is played: keys, chords, registers and lines, whoever plays them and in whatever key."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.midi.harmony import describe_harmony
from crescendai.midi.notes import Performance
from crescendai.midi.sounding import chord_starts
from tests.midi.test_notes import performance

MAJOR_CADENCE = [(60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67)]
MINOR_CADENCE = [(60, 63, 67), (65, 68, 72), (67, 70, 74), (60, 63, 67)]


def chords(triads: list[tuple[int, ...]], up: int = 0) -> Performance:
    return performance([(p + up, 80, float(at), at + 0.9) for at, triad in enumerate(triads) for p in triad])


def described(played: Performance) -> dict[str, float]:
    return describe_harmony(played, chord_starts(played.onset_s))


def test_a_minor_cadence_is_told_from_a_major_one():
    major, minor = described(chords(MAJOR_CADENCE)), described(chords(MINOR_CADENCE))
    assert major["minor_chance"] < 0.5 < minor["minor_chance"]
    assert major["major_over_minor_mean"] > 0 > minor["major_over_minor_mean"]
    assert major["major_moment_share"] > 0.5 and minor["minor_moment_share"] > 0.5
    assert major["degree_4_share"] > minor["degree_4_share"] and major["degree_3_share"] < minor["degree_3_share"]


@pytest.mark.parametrize("up", [-5, 1, 6, 12])
def test_only_registers_know_in_which_key_it_is_played(up: int):
    here, there = described(chords(MAJOR_CADENCE)), described(chords(MAJOR_CADENCE, up))
    moved = {name for name in here if here[name] != pytest.approx(there[name], abs=1e-9)}
    assert moved <= {"bass_pitch_mean", *(f"octave_{number}_share" for number in range(1, 9))}
    assert there["bass_pitch_mean"] == pytest.approx(here["bass_pitch_mean"] + up)


def test_shares_are_of_all_that_sounds():
    found = described(chords(MINOR_CADENCE))
    assert sum(found[f"degree_{above}_share"] for above in range(12)) == pytest.approx(1.0)
    assert sum(found[f"octave_{number}_share"] for number in range(1, 9)) == pytest.approx(1.0)


def test_lines_are_the_highest_and_the_lowest_that_sounds():
    found = described(performance([(48, 80, 0.0, 2.0), (72, 80, 0.0, 1.0), (74, 80, 1.0, 2.0)]))
    assert found["bass_pitch_mean"] == 48 and found["bass_pitch_std"] == 0
    assert found["top_pitch_range"] == 2 and found["compass_mean"] == pytest.approx(25.0, abs=0.1)
    assert found["top_rise_share"] == 1 and found["top_motion_mean"] == 2


def test_the_same_chord_again_is_no_change_and_another_is():
    assert described(chords([(60, 64, 67)] * 4))["harmony_change"] == 0
    assert described(chords(MAJOR_CADENCE))["harmony_change"] > 0.5


note = st.tuples(st.integers(0, 127), st.integers(1, 127), st.floats(0, 20), st.floats(0.005, 5))


@given(st.lists(note, min_size=1, max_size=30))
def test_any_performance_has_every_number(notes):
    played = performance(sorted(((p, v, on, on + length) for p, v, on, length in notes), key=lambda n: (n[2], n[0])))
    values = np.array(list(described(played).values()))
    assert len(values) == 53 and np.isfinite(values).all()
