"""From encoded patches to ratings."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def masked_mean(x: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean over the positions where ``mask`` is true: ``[b, n, d]`` and bool ``[b, n]`` -> ``[b, d]``."""
    # where, not a product: 0 * inf would let a padded position through.
    total = jnp.where(mask[:, :, None], x, 0.0).sum(axis=1)
    return total / mask.sum(axis=1, keepdims=True)


class RatingHead(nn.Module):
    """A linear map from the pooled clip to the ratings, starting at zero.

    With standardised targets zero is the training part's mean rating: training starts as the mean
    rater and can only move away from it for a reason.
    """

    num_outputs: int
    dropout: float

    @nn.compact
    def __call__(self, pooled: jax.Array, deterministic: bool) -> jax.Array:
        """``[b, d]`` -> ``[b, num_outputs]``."""
        pooled = nn.Dropout(self.dropout, deterministic=deterministic)(pooled)
        return nn.Dense(self.num_outputs, kernel_init=nn.initializers.zeros, name="ratings")(pooled)


def in_rating_units(head: dict, mean: jax.Array, std: jax.Array) -> dict:
    """The head's parameters after standardised ratings: ``std * (W x + b) + mean``.

    head: parameters of a `RatingHead`.
    mean, std: ``[k]`` of the ratings that the head was trained on.
    """
    ratings = head["ratings"]
    return {**head, "ratings": {"kernel": ratings["kernel"] * std, "bias": ratings["bias"] * std + mean}}
