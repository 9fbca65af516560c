"""Rolls say what is played, and what is heard in them is the performance again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crescendai.midi.excerpt import excerpt
from crescendai.midi.heard import heard_performance, onset_f1
from crescendai.midi.rolls import PEDAL_DEPTHS, FrameNotes, Rolls
from crescendai.midi.sounding import PEDAL_DOWN, pedalled_offsets_s
from tests.midi.test_notes import performance

HOP_S = 0.02


def rolls_of(played, num_frames: int = 200) -> Rolls:
    return FrameNotes.of(played, num_frames, HOP_S).rolls(0, num_frames)


def test_a_note_is_struck_once_and_rings_until_the_damper_falls():
    played = performance([(60, 100, 0.2, 0.6), (64, 50, 1.0, 1.4)], pedal=[(0.9, 64, 127), (2.0, 64, 0)])
    rolls = rolls_of(played, 150)
    np.testing.assert_array_equal(np.argwhere(rolls.onset), [[10, 39], [50, 43]])
    assert rolls.velocity[10, 39] == pytest.approx(100 / 127) and rolls.velocity.sum() < 1.2
    assert np.flatnonzero(rolls.sounding[:, 39]).tolist() == list(range(10, 30))
    for depth in range(len(PEDAL_DEPTHS)):  # all the way down
        assert np.flatnonzero(rolls.pedal[:, depth])[[0, -1]].tolist() == [45, 99]
    # The last key is up at 1.4 s; what the pedal holds beyond that is not written down.
    assert np.flatnonzero(rolls.sounding[:, 43])[[0, -1]].tolist() == [50, 69]


def test_under_the_pedal_a_string_outlasts_its_key():
    played = performance([(60, 100, 0.2, 0.6), (64, 50, 1.0, 2.0)], pedal=[(0.4, 64, 127), (1.4, 64, 0)])
    rolls = rolls_of(played, 150)
    assert np.flatnonzero(rolls.held[:, 39]).tolist() == list(range(10, 30))
    assert np.flatnonzero(rolls.sounding[:, 39]).tolist() == list(range(10, 70))
    heard = heard_performance(Rolls(*(np.asarray(part, float) for part in rolls)), HOP_S)
    np.testing.assert_allclose(heard.offset_s, [0.6, 2.0])
    np.testing.assert_allclose(heard.string_end_s, [1.4, 2.0])
    np.testing.assert_allclose(pedalled_offsets_s(heard, PEDAL_DOWN), heard.string_end_s)
    still = rolls._replace(sounding=np.zeros_like(rolls.sounding))  # no key is down whose string is still
    heard = heard_performance(Rolls(*(np.asarray(part, float) for part in still)), HOP_S)
    np.testing.assert_allclose(heard.offset_s - heard.onset_s, HOP_S)


def test_a_stroke_between_two_frames_is_a_share_of_both_and_heard_where_it_was():
    played = performance([(60, 100, 10.25 * HOP_S, 0.6), (64, 50, 49.5 * HOP_S, 1.4)])
    rolls = rolls_of(played)
    np.testing.assert_allclose(rolls.onset[[10, 11], 39], [0.75, 0.25], atol=1e-6)
    np.testing.assert_allclose(rolls.velocity[[10, 11], 39], 100 / 127)
    assert rolls.onset.sum() == pytest.approx(2)
    heard = heard_performance(Rolls(*(np.asarray(part, float) for part in rolls)), HOP_S)
    np.testing.assert_allclose(heard.onset_s, played.onset_s, atol=1e-6)


def test_a_stretch_is_cut_from_the_whole():
    notes = [(50 + i, 60 + i, 0.107 * i, 0.107 * i + 0.5) for i in range(30)]
    played = performance(notes, pedal=[(0.5, 64, 127), (2.2, 64, 0)])
    notes = FrameNotes.of(played, 200, HOP_S)
    whole = notes.rolls(0, 200)
    for start in range(0, 140):  # some begin amid strokes, some after keys went up whose strings still ring
        for of_whole, of_part in zip(whole, notes.rolls(start, 60), strict=True):
            np.testing.assert_allclose(of_whole[start : start + 60], of_part, atol=1e-4)


note = st.tuples(st.integers(21, 108), st.integers(2, 127), st.integers(1, 150), st.integers(3, 40))


@given(st.lists(note, min_size=1, max_size=40, unique_by=lambda n: n[0]))
def test_what_is_written_exactly_is_heard_exactly(notes):
    notes = sorted(notes, key=lambda note: note[2])
    played = performance([(p, v, on * HOP_S, (on + length) * HOP_S) for p, v, on, length in notes])
    heard = heard_performance(Rolls(*(np.asarray(part, float) for part in rolls_of(played))), HOP_S)
    assert onset_f1(heard, played) == (len(notes), len(notes), len(notes))
    order, own = np.lexsort((heard.pitch, heard.onset_s)), np.lexsort((played.pitch, played.onset_s))
    np.testing.assert_array_equal(heard.pitch[order], played.pitch[own])
    np.testing.assert_array_equal(heard.velocity[order], played.velocity[own])
    np.testing.assert_allclose(heard.onset_s[order], played.onset_s[own], atol=1e-9)
    np.testing.assert_allclose(heard.offset_s[order], played.offset_s[own], atol=HOP_S)


def test_a_stroke_between_two_frames_is_one_stroke_between_them():
    rolls = Rolls(*(np.zeros((10, 88)) for _ in range(4)), np.zeros((10, len(PEDAL_DEPTHS))))
    rolls.onset[4, 40], rolls.onset[5, 40], rolls.velocity[4, 40] = 0.45, 0.4, 0.5
    heard = heard_performance(rolls, HOP_S)
    assert heard.num_notes == 1 and 4 * HOP_S < heard.onset_s[0] < 5 * HOP_S


def test_a_heard_string_rings_no_longer_than_to_the_next_stroke_of_its_key():
    rolls = Rolls(*(np.zeros((12, 88)) for _ in range(4)), np.zeros((12, len(PEDAL_DEPTHS))))
    rolls.onset[2, 40] = rolls.onset[6, 40] = 0.6
    rolls.onset[5, 40] = 0.4  # the second stroke is a little before frame 6
    rolls.sounding[2:, 40] = rolls.held[2:, 40] = rolls.velocity[:, 40] = 0.9
    heard = heard_performance(rolls, HOP_S)
    assert heard.num_notes == 2 and 5 * HOP_S < heard.onset_s[1] < 6 * HOP_S
    assert heard.string_end_s[0] == heard.offset_s[0] == heard.onset_s[1]
    assert heard.string_end_s[1] == heard.offset_s[1] == 12 * HOP_S


def test_of_two_strokes_in_one_frame_the_nearer_one_counts():
    quick = performance([(60, 40, 10.1 * HOP_S, 10.6 * HOP_S), (60, 100, 10.7 * HOP_S, 30 * HOP_S)])
    rolls = rolls_of(quick)
    np.testing.assert_allclose(rolls.onset[9:13, 39], [0, 0.9, 0.7, 0], atol=1e-5)
    np.testing.assert_allclose(rolls.velocity[9:13, 39] * 127, [0, 40, 100, 0], atol=1e-4)


def test_the_pedal_is_heard_as_deep_as_it_is():
    moved = [(0.4, 64, 30), (1.0, 64, 80), (1.6, 64, 127), (2.4, 64, 5)]
    rolls = rolls_of(performance([(60, 100, 0.2, 3.0)], moved))
    assert rolls.pedal.sum(axis=1)[[10, 25, 60, 100, 130]].tolist() == [0, 1, 2, 3, 0]
    rolls = Rolls(*(np.asarray(part, float) for part in rolls))
    heard = heard_performance(rolls, HOP_S)
    np.testing.assert_allclose(heard.pedal_time_s, [0.4, 1.0, 1.6, 2.4], atol=1e-9)
    assert (np.abs(heard.pedal_value - [30, 80, 127, 5]) < 15).all()
    unsure = rolls._replace(pedal=rolls.pedal * 0.5)  # of what is heard by halves, half
    np.testing.assert_allclose(heard_performance(unsure, HOP_S).pedal_value, heard.pedal_value / 2, atol=1)


def test_silence_is_no_performance():
    rolls = Rolls(*(np.full((10, 88), 0.1) for _ in range(4)), np.zeros((10, len(PEDAL_DEPTHS))))
    assert heard_performance(rolls, HOP_S) is None
    assert onset_f1(None, performance([(60, 80, 0.0, 1.0)])) == (0, 0, 1)


def test_each_stroke_counts_once_and_only_within_the_tolerance():
    played = performance([(60, 80, 1.0, 1.5), (62, 80, 2.0, 2.5)])
    twice = performance([(60, 80, 0.97, 1.5), (60, 80, 1.03, 1.5), (62, 80, 2.06, 2.5), (64, 80, 2.0, 2.5)])
    assert onset_f1(twice, played) == (1, 4, 2)


def test_an_excerpt_begins_at_zero_with_the_pedal_as_it_stood():
    played = performance(
        [(60, 80, 0.0, 5.0), (62, 80, 2.0, 9.0), (64, 80, 3.5, 4.0)],
        pedal=[(0.5, 67, 90), (1.0, 64, 127), (2.5, 64, 0)],
    )
    cut = excerpt(played, 2.0, 4.0)
    assert cut.pitch.tolist() == [62, 64] and cut.onset_s.tolist() == [0.0, 1.5]
    assert cut.offset_s.tolist() == [2.0, 2.0] and cut.file_end_s == 2.0
    pedals = set(zip(cut.pedal_control.tolist(), cut.pedal_time_s.tolist(), cut.pedal_value.tolist(), strict=True))
    assert pedals == {(64, 0.0, 127), (64, 0.5, 0), (67, 0.0, 90)}


def test_silence_can_be_cut_out():
    assert excerpt(performance([(60, 80, 0.0, 1.0)]), 5.0, 6.0).num_notes == 0


def test_an_excerpt_keeps_where_strings_were_heard_to_stop():
    played = performance([(60, 80, 0.5, 1.0), (62, 80, 2.0, 2.5), (64, 80, 3.0, 3.2)])
    cut = excerpt(replace(played, string_end_s=np.array([1.5, 2.8, 9.0])), 1.0, 4.0)
    np.testing.assert_allclose(cut.string_end_s, [1.8, 3.0])
