"""Kernel ridge regression beside a network's head: a clip is rated like those that were rated and sound alike.

The rating is ``sum_i k(clip, clip_i) a_i + b`` over the clips that taught, with the Matérn kernel of smoothness 3/2 on
what the backbone and the descriptors say of them (Rasmussen & Williams, *Gaussian Processes for Machine Learning*,
2006, equation 4.17). `crescendai.training.kernel_fit` finds ``a`` and ``b``. A network and a kernel err
differently, so that their mean may err less than either.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

FURTHEST_STD = 3.0  # one odd clip must not be far from all others
SMALLEST = 1e-12  # squared distance; the root's slope at 0 is infinite


def features_of(
    pooled: jax.Array, descriptors: jax.Array, mean: jax.Array, std: jax.Array, share: jax.Array
) -> jax.Array:  # fmt: skip
    """What clips are compared by: ``[b, d]`` and normal scores ``[b, m]`` -> ``[b, d + m]``.

    The squared distance of two rows is a weighted mean of squared differences, in standard deviations and scores.

    mean, std: ``[d]`` of what was pooled, over the training part; a constant has an infinite deviation.
    share: ``[m]`` weight of each descriptor; what they leave of 1 is for what was pooled, each of it alike.
    """
    standardised = jnp.clip((pooled - mean) / std, -FURTHEST_STD, FURTHEST_STD)
    rest = jnp.maximum(1.0 - share.sum(), 0.0) / standardised.shape[-1]
    return jnp.concatenate([standardised * jnp.sqrt(rest), descriptors * jnp.sqrt(share)], axis=-1)


def matern(a: jax.Array, b: jax.Array, length_scale: float) -> jax.Array:
    """``(1 + r) exp(-r)`` with ``r = sqrt(3) |a_i - b_j| / length_scale``: ``[i, e]`` and ``[j, e]`` -> ``[i, j]``."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * _exact(a, b.T)
    r = jnp.sqrt(3.0 * jnp.maximum(squared, SMALLEST)) / length_scale
    return (1.0 + r) * jnp.exp(-r)


class KernelRidge(nn.Module):
    """Ratings by likeness to clips that were rated.

    num_clips: that taught. num_outputs: ratings a clip.
    length_scale: distance, see `features_of`, within which clips are alike.
    """

    num_clips: int
    num_outputs: int
    length_scale: float

    @nn.compact
    def __call__(self, pooled: jax.Array, descriptors: jax.Array) -> jax.Array:
        """``[b, d]`` and normal scores ``[b, m]`` -> ``[b, num_outputs]``."""
        d, m, zeros = pooled.shape[-1], descriptors.shape[-1], nn.initializers.zeros
        mean, std = self.param("mean", zeros, (d,)), self.param("std", nn.initializers.ones, (d,))
        share = self.param("share", nn.initializers.constant(0.5 / m), (m,))
        rated = self.param("clips", zeros, (self.num_clips, d + m))
        coefficients = self.param("coefficients", zeros, (self.num_clips, self.num_outputs))
        bias = self.param("bias", zeros, (self.num_outputs,))
        features = features_of(pooled, descriptors, mean, std, share)
        return _exact(matern(features, rated, self.length_scale), coefficients) + bias


def _exact(a: jax.Array, b: jax.Array) -> jax.Array:
    """A product in full float32 on every device: of large terms that nearly cancel, little is left."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
