"""What changes from one training step to the next."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from crescendai.training.sharding import make_mesh, place_state


class TrainState(NamedTuple):
    """Weights, their moving average, the optimiser's memory and the number of steps taken."""

    params: dict
    averaged_params: dict
    optimizer_state: optax.OptState
    step: jax.Array  # int32 scalar


def new_state(params: dict, optimizer: optax.GradientTransformation, mesh: Mesh | None = None) -> TrainState:
    """The state before the first step, on the devices of a mesh; by default on one device.

    params: what training starts from; they stay usable, the state has its own copy.
    """
    state = TrainState(params, params, optimizer.init(params), np.zeros((), np.int32))
    return place_state(state, make_mesh() if mesh is None else mesh)


def moving_average(averaged: dict, params: dict, step: jax.Array, decay: float) -> dict:
    """``a <- m a + (1 - m) p`` with ``m = min(decay, (1 + step) / (10 + step))``.

    The smaller factor at the start forgets the first weights (as in Inception v3's training code).
    """
    momentum = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    # In this form a parameter that does not change is its own average to the last bit.
    return jax.tree.map(lambda a, p: a + (1.0 - momentum) * (p - a), averaged, params)
