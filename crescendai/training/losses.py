"""The loss of finetuning and the scale it is taken on."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

SMALLEST_STD = 1e-3  # of a rating between 0 and 1; below it a dimension says nothing


@dataclass(frozen=True)
class RatingScale:
    """Mean and standard deviation of each dimension's rating over a training part: ``[k]`` each.

    On standardised ratings every dimension weighs the same, a loss of 1 is the mean rater's, and
    1 - loss is about R² averaged over dimensions.
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, ratings: np.ndarray) -> "RatingScale":
        """Measures ratings ``[clip, k]``."""
        return cls(ratings.mean(axis=0), np.maximum(ratings.std(axis=0), SMALLEST_STD))

    def standardise(self, ratings: np.ndarray) -> np.ndarray:
        """Ratings to standardised ratings, float32."""
        return ((ratings - self.mean) / self.std).astype(np.float32)


def mean_squared_error(predicted: jax.Array, rated: jax.Array) -> jax.Array:
    """``mean((predicted - rated)^2)`` over clips and dimensions, ``[b, k]`` both."""
    return jnp.mean((predicted - rated) ** 2)
