"""A rating that is missing is as if it were not there: in loss, gradient, scale and mixtures."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crescendai.errors import DataError
from crescendai.models.ast import Rated
from crescendai.models.windows import InputScale
from crescendai.training.batches import Batch, Scales, mix
from crescendai.training.encoded import EncodedWindows, encoded_batches
from crescendai.training.losses import LOSSES, RatingScale, Target
from tests.training.rated import level_clips

ENTRYWISE = ("mse", "huber", "likelihood")
ACROSS = ("ccc", "pearson")
masks = st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=8, max_size=8).map(np.array)


def arrays(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    predicted, ratings = rng.normal(size=(2, 8, 3)).astype(np.float32)
    return predicted, ratings, rng.uniform(0.05, 0.3, (8, 3)).astype(np.float32)


def value_and_gradient(name: str, predicted: np.ndarray, *target: np.ndarray | None) -> tuple[float, np.ndarray]:
    def of(p: jax.Array) -> jax.Array:
        return LOSSES[name](Rated(p, None, None, None), Target(*target))

    value, gradient = jax.value_and_grad(of)(jnp.asarray(predicted))
    return float(value), np.asarray(gradient)


@pytest.mark.parametrize("name", ENTRYWISE)
@settings(max_examples=10)
@given(known=masks, seed=st.integers(0, 99))
def test_loss_and_gradient_are_those_of_the_entries_that_are_there(name: str, known: np.ndarray, seed: int) -> None:
    predicted, ratings, noise = arrays(seed)
    value, gradient = value_and_gradient(name, predicted, np.where(known, ratings, 0), noise, known)
    assert (gradient[~known] == 0).all()
    if known.any():
        alone = [part[known][:, None] for part in (predicted, ratings, noise)]
        expected, expected_gradient = value_and_gradient(name, *alone)
        assert value == pytest.approx(expected, rel=1e-5, abs=1e-6)
        np.testing.assert_allclose(gradient[known], expected_gradient[:, 0], rtol=1e-4, atol=1e-6)
    else:
        assert value == 0


@pytest.mark.parametrize("name", ACROSS)
@settings(max_examples=10)
@given(known=masks, seed=st.integers(0, 99))
def test_correlations_are_those_of_each_dimension_without_its_missing_rows(
    name: str, known: np.ndarray, seed: int
) -> None:
    predicted, ratings, noise = arrays(seed)
    value, gradient = value_and_gradient(name, predicted, np.where(known, ratings, 0), noise, known)
    counted = [k for k in range(3) if known[:, k].sum() > 1]  # one rating has no spread
    expected, expected_gradient = 0.0, np.zeros_like(gradient)
    for k in counted:
        rows = known[:, k]
        own, of_own = value_and_gradient(name, *(part[rows, k][:, None] for part in (predicted, ratings, noise)))
        expected += own / len(counted)
        expected_gradient[rows, k] = of_own[:, 0] / len(counted)
    assert value == pytest.approx(expected, rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_what_stands_where_a_rating_is_missing_changes_nothing(name: str) -> None:
    predicted, ratings, noise = arrays(0)
    known = np.random.default_rng(1).random((8, 3)) < 0.6
    first = value_and_gradient(name, predicted, ratings, noise, known)
    second = value_and_gradient(name, predicted, np.where(known, ratings, 1e3), noise, known)
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("name", LOSSES)
def test_a_mask_of_everything_is_no_mask(name: str) -> None:
    predicted, ratings, noise = arrays(0)
    with_mask = value_and_gradient(name, predicted, ratings, noise, np.ones((8, 3), bool))
    without = value_and_gradient(name, predicted, ratings, noise)
    assert with_mask[0] == pytest.approx(without[0], rel=1e-5)
    np.testing.assert_allclose(with_mask[1], without[1], rtol=1e-4, atol=1e-6)


def test_mean_and_deviation_are_of_the_ratings_that_are_there() -> None:
    ratings = np.random.default_rng(0).random((9, 2))
    ratings[[1, 4], 0] = np.nan
    scale = RatingScale.of(ratings)
    there = ratings[~np.isnan(ratings[:, 0]), 0]
    assert scale.mean[0] == pytest.approx(there.mean()) and scale.std[0] == pytest.approx(there.std())
    assert scale.mean[1] == pytest.approx(ratings[:, 1].mean())
    ratings[:, 0] = np.nan
    with pytest.raises(DataError, match="none of target 0"):
        RatingScale.of(ratings)


def test_of_two_clips_mixed_only_ratings_of_both_are_known() -> None:
    known = np.array([[True, True], [True, False], [False, True]])
    target = Target(np.zeros((3, 2), np.float32), np.ones((3, 2), np.float32), known)
    plain = Batch(np.zeros((3, 4, 2), np.float32), np.full(3, 4, np.int32), np.zeros((3, 1), np.float32), target)
    mixed = mix(plain, np.array([0.5, 1.0, 0.5], np.float32))
    np.testing.assert_array_equal(mixed.target.known, [[True, False], [True, False], [False, True]])


def test_batches_know_which_ratings_their_clips_lack() -> None:
    whole = level_clips(4)
    ratings = whole.ratings / 10
    ratings[1, 0] = ratings[2, 3] = np.nan
    clips = replace(whole, ratings=ratings)
    encoded = EncodedWindows(np.arange(8, dtype=np.float32)[:, None], [np.array([row]) for row in range(8)])
    scales = Scales.of(clips, np.arange(4), InputScale(0.0, 1.0))
    (batch,) = encoded_batches(clips, encoded, np.arange(4), scales, 4, np.random.default_rng(0))
    clip = batch.pooled[:, 0].astype(int) // 2
    np.testing.assert_array_equal(batch.target.known, np.isfinite(ratings)[clip])
    np.testing.assert_allclose(batch.target.ratings, np.nan_to_num(scales.ratings.standardise(ratings))[clip])
    assert np.isfinite(batch.target.noise).all()
    assert Scales.of(whole, np.arange(4), InputScale(0.0, 1.0)).targets(whole).known is None
