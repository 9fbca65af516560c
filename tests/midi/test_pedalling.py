"""Presses of the pedal that are left out, and everything else as it was."""

import numpy as np

from crescendai.midi.pedalling import with_less_pedal
from tests.midi.test_notes import performance

PRESSES = [(t + dt, 64, depth) for t in range(40) for dt, depth in ((0.1, 50), (0.3, 127), (0.6, 10))]
PLAYED = performance([(60, 80, 0.0, 41.0)], sorted([*PRESSES, (0.4, 67, 127)]))


def presses(played) -> int:
    _, depth = played.sustain()
    return int((np.diff((depth > 20).astype(int), prepend=0) == 1).sum())


def test_whole_presses_are_left_out():
    half = with_less_pedal(PLAYED, 0.5, np.random.default_rng(1))
    assert 10 < presses(half) < 30 and presses(PLAYED) == 40
    time_s, depth = half.sustain()
    for second in range(40):  # each as it was, or not there at all
        assert depth[(time_s > second) & (time_s < second + 1)].tolist() in ([50, 127, 10], [0, 0, 10])
    soft = half.pedal_value[half.pedal_control == 67]
    assert soft.tolist() == [127]


def test_all_or_none_can_be_kept():
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(with_less_pedal(PLAYED, 1.0, rng).pedal_value, PLAYED.pedal_value)
    assert presses(with_less_pedal(PLAYED, 0.0, rng)) == 0
    without = performance([(60, 80, 0.0, 1.0)])
    assert with_less_pedal(without, 0.5, rng).pedal_value.size == 0
