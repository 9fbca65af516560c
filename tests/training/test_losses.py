"""Losses are zero where they should be, agree with independent formulas, and know how sure listeners were."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crescendai.models.ast import Rated
from crescendai.training.losses import HUBER_DELTA, LOSSES, PRIOR_RATERS, Target, likelihood, rating_noise

rng = np.random.default_rng(0)
RATINGS = rng.normal(size=(16, 3)).astype(np.float32)
PREDICTED = (0.6 * RATINGS + 0.3 * rng.normal(size=(16, 3)) + 0.2).astype(np.float32)
NOISE = rng.uniform(0.05, 0.3, size=(16, 3)).astype(np.float32)


def loss(name: str, predicted: np.ndarray, ratings: np.ndarray = RATINGS, log_variance=None, noise=NOISE) -> float:
    rated = Rated(jnp.asarray(predicted), log_variance, None, None)
    return float(LOSSES[name](rated, Target(ratings, noise)))


@pytest.mark.parametrize("name", ["mse", "huber", "ccc", "pearson"])
def test_a_perfect_answer_costs_nothing_and_any_other_something(name: str):
    assert loss(name, RATINGS) == pytest.approx(0.0, abs=1e-5)
    assert loss(name, PREDICTED) > 0.05


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_even_for_a_constant_batch(name: str):
    def of(predicted):
        return LOSSES[name](Rated(predicted, None, None, None), Target(RATINGS, NOISE))

    for predicted in (PREDICTED, np.zeros_like(PREDICTED)):
        assert np.isfinite(jax.grad(of)(jnp.asarray(predicted))).all()


@pytest.mark.parametrize("name", LOSSES)
def test_the_order_of_clips_does_not_matter(name: str):
    order = rng.permutation(16)
    shuffled = loss(name, PREDICTED[order], RATINGS[order], noise=NOISE[order])
    assert shuffled == pytest.approx(loss(name, PREDICTED), rel=1e-5)


def test_correlations_are_those_of_numpy():
    r = [np.corrcoef(PREDICTED[:, k], RATINGS[:, k])[0, 1] for k in range(3)]
    assert loss("pearson", PREDICTED) == pytest.approx(1 - np.mean(r), abs=1e-4)
    ccc = [
        2 * np.cov(p, y, bias=True)[0, 1] / (p.var() + y.var() + (p.mean() - y.mean()) ** 2)
        for p, y in zip(PREDICTED.T, RATINGS.T, strict=True)
    ]
    assert loss("ccc", PREDICTED) == pytest.approx(1 - np.mean(ccc), abs=1e-4)


def test_pearson_is_blind_to_scale_and_offset_and_ccc_is_not():
    assert loss("pearson", 3 * PREDICTED - 5) == pytest.approx(loss("pearson", PREDICTED), abs=1e-4)
    assert loss("ccc", RATINGS + 1) > 0.2


def test_huber_is_square_near_and_linear_far():
    near, far = np.full((2, 1), 0.5 * HUBER_DELTA), np.full((2, 1), 10 * HUBER_DELTA)
    zero = np.zeros((2, 1))
    assert loss("huber", near, zero, noise=zero) == pytest.approx(0.25 * HUBER_DELTA**2)
    step = loss("huber", far + 1, zero, noise=zero) - loss("huber", far, zero, noise=zero)
    assert step == pytest.approx(2 * HUBER_DELTA)


def test_likelihood_is_the_normal_density():
    log_variance = rng.normal(size=(16, 3)).astype(np.float32)
    variance = np.exp(log_variance) + NOISE
    density = -0.5 * np.log(2 * np.pi * variance) - (PREDICTED - RATINGS) ** 2 / (2 * variance)
    expected = -density.mean() - 0.5 * np.log(2 * np.pi)
    assert loss("likelihood", PREDICTED, log_variance=log_variance) == pytest.approx(expected, rel=1e-4)


def test_a_clip_few_agreed_on_pulls_less():
    def pull(noise: float) -> float:
        target = Target(np.ones((1, 1), np.float32), np.full((1, 1), noise, np.float32))
        return float(jax.grad(lambda p: likelihood(Rated(p, None, None, None), target))(jnp.zeros((1, 1)))[0, 0])

    assert pull(1.0) == pytest.approx(pull(0.0) / 2, rel=1e-5) and pull(0.0) < 0


def test_noise_falls_with_raters_and_follows_their_disagreement():
    pooled = np.array([0.04])
    noise = rating_noise(np.array([4.0, 16.0, 16.0, 1.0]), np.array([[0.04], [0.04], [0.16], [np.nan]]), pooled)[:, 0]
    assert noise[0] == pytest.approx(0.01) and noise[1] == pytest.approx(0.04 / 16)
    assert noise[1] < noise[2] < 0.16 / 16  # drawn towards the pooled variance
    assert noise[2] == pytest.approx((PRIOR_RATERS * 0.04 + 15 * 0.16) / (PRIOR_RATERS + 15) / 16)
    assert noise[3] == pytest.approx(0.04)  # one rater: only the pooled one is known
