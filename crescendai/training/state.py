"""What changes from one training step to the next."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from crescendai.models.ast import AudioSpectrogramTransformer


class TrainState(NamedTuple):
    """Weights, their moving average, the optimiser's memory and the number of steps taken."""

    params: dict
    averaged_params: dict
    optimizer_state: optax.OptState
    step: jax.Array  # int32 scalar


def new_state(
    model: AudioSpectrogramTransformer, optimizer: optax.GradientTransformation, key: jax.Array
) -> TrainState:
    """Fresh weights from ``key``."""
    spectrogram = jnp.zeros((1, model.max_frames, model.n_mels))
    # One compiled program: op by op, a network's initialisation takes seconds.
    init = jax.jit(lambda key: model.init(key, spectrogram, jnp.ones(1, jnp.int32), deterministic=True))
    params = init(key)["params"]
    return TrainState(params, params, optimizer.init(params), jnp.zeros((), jnp.int32))


def moving_average(averaged: dict, params: dict, step: jax.Array, decay: float) -> dict:
    """``a <- m a + (1 - m) p`` with ``m = min(decay, (1 + step) / (10 + step))``.

    The smaller factor at the start forgets the first weights (as in Inception v3's training code).
    """
    momentum = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda a, p: momentum * a + (1.0 - momentum) * p, averaged, params)
