"""Dampers between up and down: a string rings for as long as they let it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.midi.damping import FREE, LIGHTEST_S, damped_offsets_s, held_by_fingers
from crescendai.midi.sounding import pedalled_offsets_s
from tests.midi.test_notes import performance

END_S = 30.0
NOTE = [(60, 80, 0.5, 1.0)]


def still_s(pedal: list[tuple[float, int, int]], notes=NOTE) -> float:
    return float(damped_offsets_s(performance(notes, pedal), END_S)[0])


def test_the_deeper_the_foot_the_longer_a_string_rings():
    ends = [still_s([(0.0, 64, depth)]) for depth in range(0, FREE, 4)]
    assert ends[0] == pytest.approx(1.0, abs=1e-3)  # dampers that rest stop it at once
    assert (np.diff(ends) >= 0).all() and np.diff(ends[6:]).min() > 0
    assert 1.2 < still_s([(0.0, 64, 60)]) < 2.0 and ends[-1] < 1.0 + LIGHTEST_S
    assert still_s([(0.0, 64, FREE)]) == END_S  # free strings ring on


def test_a_string_is_still_once_the_shares_of_its_time_add_up():
    half = still_s([(0.0, 64, 60)]) - 1.0
    # Half of its time under half a pedal, then the foot goes down: it rings on until the foot goes up.
    assert still_s([(0.0, 64, 60), (1.0 + half / 2, 64, 127), (9.0, 64, 0)]) == pytest.approx(9.0, abs=1e-3)
    # Then the other half.
    pedal = [(0.0, 64, 60), (1.0 + half / 2, 64, 127), (9.0, 64, 60)]
    assert still_s(pedal) == pytest.approx(9.0 + half / 2, abs=1e-3)


def test_the_pedal_before_the_key_goes_up_does_not_count():
    assert still_s([(0.6, 64, 127), (0.9, 64, 0)]) == pytest.approx(1.0, abs=1e-3)


def test_the_next_stroke_of_the_key_ends_a_note():
    notes = [(60, 80, 0.5, 1.0), (60, 80, 2.0, 2.2)]
    assert still_s([(0.0, 64, 127)], notes) == 2.0


movement = st.tuples(st.floats(0, 10), st.just(64), st.sampled_from([0, 127]))
note = st.tuples(st.integers(40, 60), st.integers(1, 127), st.floats(0, 10), st.floats(0.05, 5))


movements = st.lists(movement, max_size=10, unique_by=lambda moved: round(moved[0], 2))


@given(st.lists(note, min_size=1, max_size=20), movements)
def test_a_foot_that_knows_up_and_down_only_pedals_as_synthesizers_take_it(notes, pedal):
    notes = sorted((p, v, on, on + length) for p, v, on, length in notes)
    played = performance(sorted(notes, key=lambda n: (n[2], n[0])), sorted(pedal))
    ours, theirs = damped_offsets_s(played, played.last_offset_s), pedalled_offsets_s(played, 64)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


@given(st.lists(note, min_size=1, max_size=20), st.lists(st.tuples(st.floats(0, 10), st.just(64), st.integers(0, 127))))
def test_no_note_is_shorter_than_its_key_is_held_and_none_longer_than_asked_for(notes, pedal):
    notes = sorted(((p, v, on, on + length) for p, v, on, length in notes), key=lambda n: (n[2], n[0]))
    played = performance(notes, sorted(pedal))
    ends = damped_offsets_s(played, END_S)
    dry = damped_offsets_s(performance(notes), END_S)
    assert (ends >= dry - 2e-4).all() and (ends <= END_S).all()


def test_fingers_hold_what_the_pedal_held_and_the_other_pedals_stay():
    played = performance(NOTE, [(0.0, 64, 127), (0.2, 67, 90), (3.0, 64, 0)])
    held = held_by_fingers(played, END_S)
    assert held.offset_s[0] == pytest.approx(3.0, abs=1e-3)
    assert held.pedal_control.tolist() == [67] and held.pedal_value.tolist() == [90]
    assert played.offset_s[0] == 1.0
