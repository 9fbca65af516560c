"""The learning rate climbs, falls and ends."""

import numpy as np

from crescendai.training.schedule import learning_rate


def test_learning_rate_climbs_to_the_peak_and_falls_to_zero():
    rates = [learning_rate(step, 3e-3, 10, 100) for step in range(101)]
    assert rates[0] > 0 and max(rates) == rates[10] == 3e-3 and rates[100] == 0.0
    assert np.all(np.diff(rates[:11]) > 0) and np.all(np.diff(rates[10:]) < 0)
    assert rates[55] == 1.5e-3


def test_learning_rate_without_warm_up_starts_at_the_peak():
    assert learning_rate(0, 1.0, 0, 10) == 1.0


def test_learning_rate_stays_at_zero_after_the_end():
    assert learning_rate(120, 1.0, 10, 100) == 0.0
