"""Effects: the mean, and an interval that holds the true one as often as it should."""

import numpy as np

from crescendai.evaluation.effects import mean_effects


def test_the_interval_holds_the_true_effect_of_new_music() -> None:
    rng, held = np.random.default_rng(0), []
    for _ in range(200):
        groups = np.repeat(np.arange(40), rng.integers(1, 5, 40))
        change = 0.1 + 0.05 * rng.normal(size=40)[groups][:, None] + 0.05 * rng.normal(size=(len(groups), 1))
        effect, low, high = mean_effects(change, groups.astype(str), 300, 0.95, 0)
        assert low <= effect <= high
        held.append(low[0] <= 0.1 <= high[0])
    assert 0.88 < np.mean(held) <= 0.99


def test_equal_changes_have_no_doubt_and_order_does_not_matter() -> None:
    change, groups = np.tile([[0.1, -0.2]], (6, 1)), ["a", "a", "b", "c", "c", "c"]
    for values in mean_effects(change, groups, 50, 0.95, 1):
        np.testing.assert_allclose(values, [0.1, -0.2])
    rng = np.random.default_rng(2)
    change, order = rng.normal(size=(6, 2)), rng.permutation(6)
    one = mean_effects(change, groups, 50, 0.95, 1)
    other = mean_effects(change[order], np.array(groups)[order], 50, 0.95, 1)
    np.testing.assert_allclose(one, other)
