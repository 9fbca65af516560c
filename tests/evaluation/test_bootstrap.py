import numpy as np
import pytest
from sklearn.metrics import r2_score

from crescendai.errors import DataError
from crescendai.evaluation.bootstrap import group_bootstrap_r2, percentile_interval


def grouped_data(seed: int, num_groups: int, per_group: int, k: int = 1, shared: float = 0.7):
    """Ratings, a model's predictions and groups; errors and ratings are alike within a group."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(num_groups), per_group)

    def mixed() -> np.ndarray:
        own, common = rng.normal(size=(len(group), k)), rng.normal(size=(num_groups, k))
        return np.sqrt(shared) * common[group] + np.sqrt(1 - shared) * own

    rated = mixed()
    return rated, rated + mixed(), group.astype(str)


def test_equals_a_plain_loop_over_resampled_clips():
    rated, first, groups = grouped_data(0, 9, 4, k=3)
    rated, first, groups = rated[:-2], first[:-2], groups[:-2]  # groups of unequal size
    predicted = np.stack([first, rated + 0.3 * (first - rated)])
    found = group_bootstrap_r2(rated, predicted, groups, num_samples=50, seed=5)
    names = np.unique(groups)
    draws = np.random.default_rng(5).multinomial(len(names), np.full(len(names), 1 / len(names)), 50)
    for sample, draw in enumerate(draws):
        drawn = np.repeat(names, draw)
        rows = np.concatenate([np.flatnonzero(groups == name) for name in drawn])
        for model in range(2):
            error = np.sum((rated[rows] - predicted[model, rows]) ** 2, axis=0)
            expected = 1 - error / np.sum((rated[rows] - rated.mean(axis=0)) ** 2, axis=0)
            np.testing.assert_allclose(found[model, sample], expected, rtol=1e-9)


def test_order_of_clips_shift_and_other_models_change_nothing():
    rated, predicted, groups = grouped_data(1, 12, 3, k=2)
    one = group_bootstrap_r2(rated, predicted[None], groups, 40, seed=0)
    order = np.random.default_rng(9).permutation(len(rated))
    other = group_bootstrap_r2(
        rated[order] + 1000, np.stack([predicted[order] + 1000, rated[order]]), groups[order], 40, seed=0
    )
    np.testing.assert_allclose(one[0], other[0], rtol=1e-6)


def test_drawing_every_group_once_gives_the_r2_of_the_metrics():
    rated, predicted, _ = grouped_data(6, 2, 30, k=2)
    # Two equal groups: whatever is drawn, it is the data.
    rated, predicted = np.tile(rated, (2, 1)), np.tile(predicted, (2, 1))
    found = group_bootstrap_r2(rated, predicted[None], np.repeat(["a", "b"], 60), 20, 0)[0]
    np.testing.assert_allclose(found, np.tile(r2_score(rated, predicted, multioutput="raw_values"), (20, 1)))


def test_the_mean_as_a_model_has_r2_zero_without_uncertainty():
    rated, _, groups = grouped_data(7, 10, 3)
    mean = np.broadcast_to(rated.mean(axis=0), rated.shape)
    np.testing.assert_allclose(group_bootstrap_r2(rated, mean[None], groups, 50, 0), 0, atol=1e-12)


def test_a_perfect_model_has_no_uncertainty():
    rated, _, groups = grouped_data(2, 10, 3)
    low, high = percentile_interval(group_bootstrap_r2(rated, rated[None], groups, 100, 0)[0], 0.95)
    assert low == high == 1


def test_groups_make_wider_intervals_than_clips_alone():
    rated, predicted, groups = grouped_data(3, 40, 10)
    clips = np.arange(len(rated)).astype(str)
    widths = []
    for units in (groups, clips):
        samples = group_bootstrap_r2(rated, predicted[None], units, 500, 0)[0]
        widths.append(np.ptp(percentile_interval(samples, 0.95)))
    assert widths[0] > 1.5 * widths[1]


def test_intervals_cover_the_true_score():
    """Of 200 studies of 60 groups, about 95 % of intervals hold the R² of endless data.

    R² = 1 − 1/1 = 0 by construction; percentile intervals of R² are known to be a little short.
    """
    covered = 0
    for seed in range(200):
        rated, predicted, groups = grouped_data(seed, 60, 4)
        samples = group_bootstrap_r2(rated, predicted[None], groups, 300, seed)[0]
        low, high = percentile_interval(samples, 0.95)
        covered += low[0] <= 0 <= high[0]
    assert 0.89 <= covered / 200 <= 0.99


def test_too_little_to_resample_is_refused():
    rated, predicted, _groups = grouped_data(4, 4, 3)
    with pytest.raises(DataError, match="at least 2 groups"):
        group_bootstrap_r2(rated, predicted[None], ["one"] * len(rated), 10, 0)
    with pytest.raises(DataError, match="in every resample"):
        group_bootstrap_r2(np.array([[0.4], [0.5], [0.6]]), np.zeros((1, 3, 1)), ["a", "b", "c"], 200, 0)
