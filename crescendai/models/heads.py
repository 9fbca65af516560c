"""From encoded patches to ratings."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from crescendai.dimensions import DIMENSIONS, NUM_DIMENSIONS
from crescendai.errors import ParamsError
from crescendai.models.encoder import LAYER_NORM_EPSILON

# Which of `crescendai.dimensions.DIMENSIONS` share a hidden layer in the grouped head.
TASKS = {
    "timing": ("timing", "music making"),
    "dynamics and articulation": ("dynamics", "articulation"),
    "expression and emotion": ("emotion & mood", "interpretation"),
    "timbre and pedal": ("timbre", "pedal"),
}


def task_columns() -> list[np.ndarray]:
    """Positions of the dimensions of every task in `TASKS`; together each dimension once."""
    return [
        np.flatnonzero([dimension.group in groups for dimension in DIMENSIONS]) for groups in TASKS.values()
    ]


def masked_mean(x: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean over the positions where ``mask`` is true: ``[b, n, d]`` and bool ``[b, n]`` -> ``[b, d]``."""
    # where, not a product: 0 * inf would let a padded position through.
    total = jnp.where(mask[:, :, None], x, 0.0).sum(axis=1)
    return total / mask.sum(axis=1, keepdims=True)


def masked_std(x: jax.Array, mask: jax.Array) -> jax.Array:
    """Standard deviation over the positions where ``mask`` is true, shapes as in `masked_mean`."""
    centred = jnp.where(mask[:, :, None], x - masked_mean(x, mask)[:, None], 0.0)
    # A floor: the root's slope is infinite at 0, which a clip of one patch reaches.
    return jnp.sqrt(masked_mean(centred**2, mask) + 1e-6)


class LinearHead(nn.Module):
    """Layer norm and a linear map from the pooled clip to the ratings, starting at zero.

    With standardised targets zero is the training part's mean rating: training starts as the mean
    rater and can only move away from it for a reason.
    """

    num_outputs: int
    dropout: float = 0.0
    layer_norm_epsilon: float = LAYER_NORM_EPSILON

    @nn.compact
    def __call__(self, pooled: jax.Array, deterministic: bool) -> jax.Array:
        """``[b, d]`` -> ``[b, num_outputs]``."""
        pooled = nn.LayerNorm(self.layer_norm_epsilon, name="norm")(pooled)
        pooled = nn.Dropout(self.dropout, deterministic=deterministic)(pooled)
        return nn.Dense(self.num_outputs, kernel_init=nn.initializers.zeros, name="ratings")(pooled)


class GroupedHead(nn.Module):
    """A hidden layer for each task of `TASKS`, then the ratings of its dimensions, in the usual order.

    What ratings of one aspect have in common is learned once, without a say of the other aspects.

    Raises:
        ParamsError: another number of outputs than there are dimensions.
    """

    num_outputs: int
    dropout: float = 0.0
    hidden: int = 64
    layer_norm_epsilon: float = LAYER_NORM_EPSILON

    @nn.compact
    def __call__(self, pooled: jax.Array, deterministic: bool) -> jax.Array:
        """``[b, d]`` -> ``[b, num_outputs]``."""
        if self.num_outputs != NUM_DIMENSIONS:
            raise ParamsError(
                f"head: expected {NUM_DIMENSIONS} outputs for the grouped head, found {self.num_outputs}; "
                "use the linear head"
            )
        pooled = nn.LayerNorm(self.layer_norm_epsilon, name="norm")(pooled)
        drop = nn.Dropout(self.dropout, deterministic=deterministic)
        hidden = [
            drop(nn.gelu(nn.Dense(self.hidden, name=f"task_{task}")(drop(pooled))))
            for task in range(len(TASKS))
        ]
        # One kernel for all ratings; a rating reads the hidden layer of its own task only.
        kernel = self.param("kernel", nn.initializers.zeros, (self.hidden, self.num_outputs))
        bias = self.param("bias", nn.initializers.zeros, (self.num_outputs,))
        columns = task_columns()
        parts = [h @ kernel[:, own] for h, own in zip(hidden, columns, strict=True)]
        order = np.argsort(np.concatenate(columns))
        return jnp.concatenate(parts, axis=-1)[:, order] + bias


def in_rating_units(params: dict, mean: Sequence[float], std: Sequence[float]) -> dict:
    """A network's parameters after standardised ratings: ``std * (W x + b) + mean``.

    params: with a `LinearHead` or a `GroupedHead` named ``head``, whose last layer is scaled, and where variance
        is predicted a `LinearHead` named ``spread``, whose logarithms are raised by ``2 log std``.
    mean, std: ``[k]`` of the ratings that the heads were trained on.
    """
    head = params["head"]
    last = head.get("ratings", head)
    scaled = {"kernel": last["kernel"] * std, "bias": last["bias"] * std + mean}
    changed = {"head": {**head, "ratings": scaled} if "ratings" in head else {**head, **scaled}}
    if "spread" in params:
        last = params["spread"]["ratings"]
        raised = {**last, "bias": last["bias"] + 2.0 * np.log(std)}
        changed["spread"] = {**params["spread"], "ratings": raised}
    return {**params, **changed}
