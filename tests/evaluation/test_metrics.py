import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_absolute_error, r2_score

from crescendai.errors import DataError
from crescendai.evaluation import metrics

TRUE, GUESS = "rated", "predicted"


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    rated = rng.uniform(0.2, 0.9, (60, 19))
    return rated, 0.5 * rated + 0.2 + rng.normal(0, 0.05, rated.shape)


def test_metrics_agree_with_scikit_learn_and_scipy(pair):
    rated, predicted = pair
    found = metrics.evaluate_dimensions(rated, predicted)
    columns = range(rated.shape[1])
    np.testing.assert_allclose(found["r2"], r2_score(rated, predicted, multioutput="raw_values"), rtol=1e-12)
    np.testing.assert_allclose(found["mae"], mean_absolute_error(rated, predicted, multioutput="raw_values"))
    pearson = [stats.pearsonr(rated[:, k], predicted[:, k]).statistic for k in columns]
    spearman = [stats.spearmanr(rated[:, k], predicted[:, k]).statistic for k in columns]
    np.testing.assert_allclose(found["pearson"], pearson, rtol=1e-10)
    np.testing.assert_allclose(found["spearman"], spearman, rtol=1e-10)


def test_spearman_with_ties_agrees_with_scipy(pair):
    rated, predicted = (values.round(1) for values in pair)
    expected = [stats.spearmanr(rated[:, k], predicted[:, k]).statistic for k in range(rated.shape[1])]
    np.testing.assert_allclose(metrics.spearman(rated, predicted), expected, rtol=1e-10)


def test_ccc_of_a_worked_example():
    # ȳ = 2, p̄ = 3, both variances 2/3, covariance 2/3: 2·(2/3) / (4/3 + 1) = 4/7.
    rated, predicted = np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [3.0], [4.0]])
    np.testing.assert_allclose(metrics.ccc(rated, predicted), 4 / 7)


def test_perfect_and_mean_predictions(pair):
    rated, _ = pair
    perfect = metrics.evaluate_dimensions(rated, rated)
    for name in ("r2", "pearson", "spearman", "ccc"):
        np.testing.assert_allclose(perfect[name], 1)
    assert (perfect["mae"] == 0).all()
    mean = metrics.evaluate_dimensions(rated, np.broadcast_to(rated.mean(axis=0), rated.shape))
    for name in ("r2", "pearson", "spearman", "ccc"):
        np.testing.assert_allclose(mean[name], 0, atol=1e-12)


def test_a_constant_prediction_scores_zero_correlation_even_with_rounding(pair):
    rated, _ = pair
    constant = np.full_like(rated, 0.1) * (1 + 1e-16 * np.arange(len(rated))[:, None])
    assert (metrics.pearson(rated, constant) == 0).all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_order_of_clips_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    rated, predicted, fold = rng.random((20, 3)), rng.random((20, 3)), np.repeat(np.arange(4), 5)
    order = rng.permutation(20)
    one = metrics.evaluate_dimensions(rated, predicted)
    other = metrics.evaluate_dimensions(rated[order], predicted[order])
    for name in metrics.METRIC_NAMES:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9, atol=1e-12)
    assert metrics.r2_folds(rated, predicted, fold) == pytest.approx(
        metrics.r2_folds(rated[order], predicted[order], fold[order])
    )


@given(scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
@settings(max_examples=25)
def test_what_scale_and_shift_change(scale, shift):
    rng = np.random.default_rng(0)
    rated, predicted = rng.random((30, 4)), rng.random((30, 4))
    both = metrics.evaluate_dimensions(scale * rated + shift, scale * predicted + shift)
    plain = metrics.evaluate_dimensions(rated, predicted)
    for name in ("r2", "pearson", "spearman", "ccc"):  # units do not matter
        np.testing.assert_allclose(both[name], plain[name], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(both["mae"], scale * plain["mae"], rtol=1e-6)
    moved = metrics.evaluate_dimensions(rated, scale * predicted + shift)
    np.testing.assert_allclose(moved["pearson"], plain["pearson"], rtol=1e-6, atol=1e-9)
    assert (np.abs(moved["ccc"]) <= np.abs(moved["pearson"]) + 1e-9).all()


def test_monotone_transform_keeps_spearman(pair):
    rated, predicted = pair
    bent = np.exp(5 * predicted)
    np.testing.assert_allclose(metrics.spearman(rated, bent), metrics.spearman(rated, predicted))


def test_r2_folds_is_the_mean_of_the_folds(pair):
    rated, predicted = pair
    fold = np.repeat([0, 1, 2], [10, 20, 30])
    expected = np.mean([r2_score(rated[fold == number], predicted[fold == number]) for number in range(3)])
    assert metrics.r2_folds(rated, predicted, fold) == pytest.approx(expected)


def test_r2_folds_ignores_differences_between_folds():
    rng = np.random.default_rng(3)
    fold = np.repeat([0, 1], 50)
    rated = fold[:, None] + rng.normal(0, 0.1, (100, 2))
    predicted = np.repeat(fold[:, None].astype(float), 2, axis=1)  # knows the fold's level and nothing else
    assert metrics.r2(rated, predicted).mean() > 0.9
    assert metrics.r2_folds(rated, predicted, fold) < 0.1


@pytest.mark.parametrize("side", [TRUE, GUESS])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(pair, side, value):
    rated, predicted = (values.copy() for values in pair)
    (rated if side == TRUE else predicted)[7, 3] = value
    with pytest.raises(DataError, match="clip 7, dimension 3"):
        metrics.evaluate_dimensions(rated, predicted)


def test_wrong_shapes_equal_ratings_and_single_clips_are_refused(pair):
    rated, predicted = pair
    with pytest.raises(DataError, match="one shape"):
        metrics.evaluate_dimensions(rated, predicted[:, :5])
    with pytest.raises(DataError, match="one shape"):
        metrics.evaluate_dimensions(rated[:, 0], predicted[:, 0])
    with pytest.raises(DataError, match="differ between clips"):
        metrics.evaluate_dimensions(np.full_like(rated, 0.3), predicted)
    with pytest.raises(DataError, match=r"fold 1: .*at least 2 clips"):
        metrics.r2_folds(rated, predicted, np.array([0] * 59 + [1]))
