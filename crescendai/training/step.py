"""One training step, for any network and any loss."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.lax import with_sharding_constraint
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from crescendai.errors import CrescendaiError, ParamsError
from crescendai.training.sharding import ROWS, make_mesh, state_shardings
from crescendai.training.state import TrainState, moving_average

Batch = Any  # a tree of arrays [b, ...]
Metrics = dict[str, jax.Array]  # scalars by name
LossOf = Callable[[dict, Batch, jax.Array], tuple[jax.Array, Metrics]]
TrainStep = Callable[[TrainState, Batch, float, jax.Array], tuple[TrainState, jax.Array, Metrics]]


def make_train_step(
    loss_of: LossOf, optimizer: optax.GradientTransformation, average_decay: float,
    rate_factors: dict | None = None, accumulation: int = 1, mesh: Mesh | None = None,
) -> TrainStep:  # fmt: skip
    """Compiles ``p <- p - learning_rate * factor * direction(gradient)`` and the moving average of ``p``.

    loss_of: ``(params, batch, key) -> (loss, metrics)``, scalars.
    average_decay: see `crescendai.training.state.moving_average`.
    rate_factors: floats in the structure of the parameters (`crescendai.training.optimizer.layer_factors`). A
        parameter with factor 0 is frozen: no gradient is computed for it, and it stays to the last bit.
    accumulation: parts that a batch is cut into; their losses and gradients are averaged, so that memory is
        needed for one part at a time. The same step as without for a loss that is a mean over clips; one that
        looks across clips, such as a correlation, sees those of a part.
    mesh: devices to work on, see `crescendai.training.sharding`; by default one.

    Returns:
        ``step(state, batch, learning_rate, key) -> (state, loss, metrics)``. It gives the old state's memory
        away; the new one lies on the devices as the old did. ``key`` is the same in every step: what is random
        follows from it and the step's number. Metrics also hold ``gradient_norm``, before its clip.

    Raises:
        ParamsError: when called, if ``accumulation`` does not divide the batch.
    """
    mesh = make_mesh() if mesh is None else mesh
    everywhere = NamedSharding(mesh, PartitionSpec())

    @partial(jax.jit, donate_argnums=0)
    def train_step(state, batch, learning_rate, key):
        factors = jax.tree.map(lambda _: 1.0, state.params) if rate_factors is None else rate_factors

        def loss_of_whole(params, batch, key):
            params = jax.tree.map(lambda p, f: p if f else jax.lax.stop_gradient(p), params, factors)
            # Put together from their parts; going back, the devices' gradients are summed and cut likewise.
            return loss_of(with_sharding_constraint(params, everywhere), batch, key)

        loss, metrics, gradients = mean_gradients(
            loss_of_whole, state.params, batch, jax.random.fold_in(key, state.step), accumulation, mesh
        )
        gradients = with_sharding_constraint(gradients, state_shardings(gradients, mesh))
        direction, optimizer_state = optimizer.update(gradients, state.optimizer_state, state.params)
        params = jax.tree.map(lambda p, d, f: p - learning_rate * f * d if f else p, state.params, direction, factors)
        averaged = moving_average(state.averaged_params, params, state.step, average_decay)
        after = TrainState(params, averaged, optimizer_state, state.step + 1)
        after = with_sharding_constraint(after, state_shardings(after, mesh))
        return after, loss, metrics | {"gradient_norm": optax.tree.norm(gradients)}

    return train_step


def mean_gradients(
    loss_of: LossOf, params: dict, batch: Batch, key: jax.Array, parts: int, mesh: Mesh
) -> tuple[jax.Array, Metrics, dict]:
    """Loss, metrics and gradients, each the mean over equal parts of a batch that are worked on in turn."""
    gradient_of = jax.value_and_grad(loss_of, has_aux=True)
    if parts == 1:
        (loss, metrics), gradients = gradient_of(params, batch, key)
        return loss, metrics, gradients

    def cut(rows):
        if len(rows) % (parts * mesh.size):
            raise ParamsError(
                f"batch_size: expected a multiple of accumulation {parts} * {mesh.size} devices, "
                f"found {len(rows)}; change one of them"
            )
        # Every parts-th row: each part then has rows of every device, and none must move.
        each = jnp.swapaxes(rows.reshape(-1, parts, *rows.shape[1:]), 0, 1)
        return with_sharding_constraint(each, NamedSharding(mesh, PartitionSpec(None, *ROWS)))

    def add(total, part_and_key):
        part, part_key = part_and_key
        (loss, metrics), gradients = gradient_of(params, part, part_key)
        return jax.tree.map(lambda t, v: t + v / parts, total, (loss, metrics, gradients)), None

    cut_batch, keys = jax.tree.map(cut, batch), jax.random.split(key, parts)
    shapes = jax.eval_shape(gradient_of, params, jax.tree.map(lambda rows: rows[0], cut_batch), key)
    (loss, metrics), gradients = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    total, _ = jax.lax.scan(add, (loss, metrics, gradients), (cut_batch, keys))
    return total


def check_finite(loss: float, where: str, batch: Batch, folder: Path) -> None:
    """Stops a run that has diverged, and keeps the batch to look into.

    where: such as ``movement, fold 0, epoch 3``. batch: of the step that gave the loss.
    folder: gets ``diverged.npz``, the batch's arrays by name.

    Raises:
        CrescendaiError: the loss is infinite or no number.
    """
    if math.isfinite(loss):
        return
    arrays = {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(values)
        for path, values in jax.tree_util.tree_leaves_with_path(batch)
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "diverged.npz"
    np.savez(file, **arrays)
    raise CrescendaiError(
        f"{where}: expected a finite training loss, found {loss}; lower `lr`, or look at the batch in {file}"
    )
