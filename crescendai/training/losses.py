"""What finetuning minimises, on standardised ratings.

Every loss takes predictions and a `Target` and weighs all dimensions the same. A rating that is missing is as if it
were not there: means, moments and gradients are over the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from crescendai.errors import DataError
from crescendai.models.ast import Rated

SMALLEST_STD = 1e-3  # of a rating between 0 and 1; below it a dimension says nothing
HUBER_DELTA = 1.0  # standard deviations; beyond it an error counts linearly
SMALLEST_VARIANCE = 1e-6  # keeps correlations of a constant batch finite
PRIOR_RATERS = 10.0  # how many answers the pooled disagreement weighs against a clip's own


@dataclass(frozen=True)
class RatingScale:
    """Mean and standard deviation of each dimension's rating over a training part: ``[k]`` each.

    On standardised ratings every dimension weighs the same, a squared error of 1 is the mean rater's, and
    1 - error is about R² averaged over dimensions.
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, ratings: np.ndarray) -> "RatingScale":
        """Measures ratings ``[clip, k]``, NaN where there is none.

        Raises:
            DataError: a dimension without any.
        """
        silent = np.flatnonzero(np.isnan(ratings).all(axis=0))
        if len(silent):
            raise DataError(
                f"ratings: expected some of every target to learn from, found none of target {silent[0]}; "
                "rate more clips, or leave it out"
            )
        return cls(np.nanmean(ratings, axis=0), np.maximum(np.nanstd(ratings, axis=0), SMALLEST_STD))

    def standardise(self, ratings: np.ndarray) -> np.ndarray:
        """Ratings to standardised ratings, float32."""
        return ((ratings - self.mean) / self.std).astype(np.float32)


class Target(NamedTuple):
    """What listeners said of a batch."""

    ratings: jax.Array  # [b, k] standardised means; 0 where there is none
    noise: jax.Array  # [b, k] variance of those means, by how many raters there were and how they differed
    known: jax.Array | None = None  # bool [b, k] which ratings there are; None: all of them


Loss = Callable[[Rated, Target], jax.Array]


def mean_squared_error(rated: Rated, target: Target) -> jax.Array:
    """``mean((p - y)^2)`` over clips and dimensions."""
    return _mean((rated.ratings - target.ratings) ** 2, target.known)


def huber(rated: Rated, target: Target) -> jax.Array:
    """``(p - y)^2`` up to `HUBER_DELTA`, linear with the same slope beyond (Huber 1964; twice his, to
    equal the squared error near 0)."""
    error = jnp.abs(rated.ratings - target.ratings)
    near = jnp.minimum(error, HUBER_DELTA)
    return _mean(2.0 * near * error - near**2, target.known)


def concordance(rated: Rated, target: Target) -> jax.Array:
    """``1 - CCC``, mean over dimensions: ``CCC = 2 cov(p, y) / (var p + var y + (mean p - mean y)^2)``.

    Lin (1989), *Biometrics* 45, 255-268; over the clips of the batch, which must be several.
    """
    covariance, var_p, var_y, shift = _moments(rated.ratings, target.ratings, target.known)
    return _mean(1.0 - 2.0 * covariance / (var_p + var_y + shift**2 + SMALLEST_VARIANCE), _several(target.known))


def correlation(rated: Rated, target: Target) -> jax.Array:
    """``1 - r`` (Pearson) over the clips of the batch, mean over dimensions; blind to level and spread."""
    covariance, var_p, var_y, _ = _moments(rated.ratings, target.ratings, target.known)
    lost = 1.0 - covariance / jnp.sqrt((var_p + SMALLEST_VARIANCE) * (var_y + SMALLEST_VARIANCE))
    return _mean(lost, _several(target.known))


def likelihood(rated: Rated, target: Target) -> jax.Array:
    """Negative log likelihood of the mean ratings, without its constant.

    ``mean( (log v + (p - y)^2 / v) / 2 )`` with ``v = exp(s) + noise``: what the network says it may be off
    (``s``; 0 where it does not say) and how uncertain a mean of so many listeners who differed so much is. A
    clip few agreed on pulls less.
    """
    own = 1.0 if rated.log_variance is None else jnp.exp(rated.log_variance)
    variance = own + target.noise
    return _mean(0.5 * (jnp.log(variance) + (rated.ratings - target.ratings) ** 2 / variance), target.known)


LOSSES: dict[str, Loss] = {
    "mse": mean_squared_error,
    "huber": huber,
    "ccc": concordance,
    "pearson": correlation,
    "likelihood": likelihood,
}


def rating_noise(
    num_raters: np.ndarray, rater_variance: np.ndarray, pooled_variance: np.ndarray
) -> np.ndarray:
    """Variance of every clip's mean rating: ``[clip, k]``, in squared units of the ratings.

    ``((m s_k^2 + (n - 1) s_ik^2) / (m + n - 1)) / n``: a clip's own disagreement, drawn towards the pooled one by
    as much as `PRIOR_RATERS` answers, since a variance from a handful of answers is itself uncertain.

    num_raters: ``[clip]``. rater_variance: ``[clip, k]`` unbiased, of the clip's single ratings; anything
        where there is one rater. pooled_variance: ``[k]`` mean of those over clips.
    """
    freedom = np.maximum(num_raters - 1.0, 0.0)[:, None]
    own = np.where(freedom > 0, rater_variance, 0.0)
    shrunk = (PRIOR_RATERS * pooled_variance + freedom * own) / (PRIOR_RATERS + freedom)
    return shrunk / np.maximum(num_raters, 1.0)[:, None]


def _mean(values: jax.Array, known: jax.Array | None) -> jax.Array:
    """Mean of what is known; 0 where nothing is."""
    if known is None:
        return jnp.mean(values)
    return jnp.where(known, values, 0.0).sum() / jnp.maximum(known.sum(), 1)


def _several(known: jax.Array | None) -> jax.Array | None:
    """The dimensions with two ratings at least, which have a spread: bool ``[k]``."""
    return None if known is None else known.sum(axis=0) > 1


def _moments(
    p: jax.Array, y: jax.Array, known: jax.Array | None
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Covariance, both variances and the difference of means over the batch's known ratings: ``[k]`` each."""
    if known is None:
        mean_p, mean_y = p.mean(axis=0), y.mean(axis=0)
        covariance = ((p - mean_p) * (y - mean_y)).mean(axis=0)
        return covariance, p.var(axis=0), y.var(axis=0), mean_p - mean_y
    count = jnp.maximum(known.sum(axis=0), 1)

    def mean(values: jax.Array) -> jax.Array:
        return jnp.where(known, values, 0.0).sum(axis=0) / count

    mean_p, mean_y = mean(p), mean(y)
    away_p, away_y = p - mean_p, y - mean_y
    return mean(away_p * away_y), mean(away_p**2), mean(away_y**2), mean_p - mean_y
