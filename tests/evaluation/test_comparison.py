import numpy as np
import pytest

from crescendai.evaluation.bootstrap import group_bootstrap_r2
from crescendai.evaluation.comparison import compare, holm


def test_holm_of_a_worked_example():
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") gives 0.03 0.06 0.06 0.02.
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_holm_keeps_order_never_lowers_and_stops_at_one():
    p_values = np.random.default_rng(0).random(20)
    corrected = holm(p_values)
    assert (corrected >= p_values).all() and (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(p_values)]) >= 0).all()
    np.testing.assert_allclose(holm(p_values[::-1]), corrected[::-1])
    assert holm(np.array([])).shape == (0,)
    assert holm(np.array([0.2])) == pytest.approx([0.2])


def test_swapping_the_models_mirrors_the_comparison():
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.5, 0.1, 999), rng.normal(0.4, 0.1, 999)
    forth, back = compare(0.5, 0.4, one, other, 0.95), compare(0.4, 0.5, other, one, 0.95)
    assert (forth.difference, forth.p) == (pytest.approx(-back.difference), back.p)
    assert (forth.low, forth.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


def test_p_agrees_with_the_interval():
    rng = np.random.default_rng(2)
    for shift in np.linspace(0, 0.4, 30):
        found = compare(shift, 0, rng.normal(shift, 0.1, 4999), np.zeros(4999), 0.95)
        if abs(found.p - 0.05) > 0.003:  # the counted extra resample moves p a little
            assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_equal_models_have_p_one_and_p_is_never_zero():
    same = np.random.default_rng(3).random(100)
    assert compare(0.5, 0.5, same, same, 0.95).p == 1
    assert compare(0.5, 0.1, same + 2, same, 0.95).p == pytest.approx(2 / 101)


def test_equally_good_models_are_told_apart_in_five_percent_of_studies():
    found = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(50), 3).astype(str)
        rated = rng.normal(size=(150, 1))
        predicted = rated + rng.normal(size=(2, 50, 1)).repeat(3, axis=1)
        samples = group_bootstrap_r2(rated, predicted, groups, 300, seed)[..., 0]
        found += compare(0, 0, samples[0], samples[1], 0.95).p < 0.05
    assert 0.02 <= found / 200 <= 0.09
