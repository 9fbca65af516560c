"""The steps of finetuning: which clips validate, how weights move, when to stop.

The loop over epochs itself stands in ``stages/finetune.py``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
import optax

from crescendai.datasets.splits import deal_groups
from crescendai.errors import CrescendaiError, DataError
from crescendai.models.ast import AudioSpectrogramTransformer
from crescendai.training.batches import Batch
from crescendai.training.losses import mean_squared_error
from crescendai.training.state import TrainState, moving_average

# (state, batch, learning rate, key) -> (state, loss)
TrainStep = Callable[[TrainState, Batch, float, jax.Array], tuple[TrainState, jax.Array]]


def validation_clips(
    groups: Sequence[str], strata: Sequence[str], fraction: float, seed: int, where: str
) -> np.ndarray:
    """Picks whole groups of a training part for early stopping: bool ``[clip]``.

    The part is dealt into about ``1 / fraction`` shares by `deal_groups`; the one whose size comes
    closest to ``fraction`` validates. With fewer groups than shares that is the smallest group.

    where: protocol and fold, for the error message.

    Raises:
        DataError: fewer than two groups, so that nothing would be left to train on.
    """
    num_groups = len(set(groups))
    if num_groups < 2:
        raise DataError(
            f"{where}: expected at least 2 groups in the training part, found {num_groups}; "
            "choose another protocol or more data"
        )
    shares = deal_groups(groups, min(max(round(1 / fraction), 2), num_groups), seed, strata)
    sizes = np.bincount(shares)
    return shares == np.argmin(np.abs(sizes - fraction * len(groups)))


def make_train_step(
    model: AudioSpectrogramTransformer, optimizer: optax.GradientTransformation, average_decay: float
) -> TrainStep:
    """One compiled step of gradient descent; make it once, all folds share it.

    average_decay: of the moving average of the weights, which is what validates and predicts.
    """

    def loss_of(params: dict, batch: Batch, key: jax.Array) -> jax.Array:
        predicted = model.apply(
            {"params": params},
            batch.spectrogram,
            batch.num_frames,
            deterministic=False,
            rngs={"dropout": key},
        )
        return mean_squared_error(predicted, batch.ratings)

    @jax.jit
    def train_step(
        state: TrainState, batch: Batch, learning_rate: jax.Array, key: jax.Array
    ) -> tuple[TrainState, jax.Array]:
        loss, gradients = jax.value_and_grad(loss_of)(
            state.params, batch, jax.random.fold_in(key, state.step)
        )
        updates, optimizer_state = optimizer.update(gradients, state.optimizer_state, state.params)
        params = jax.tree.map(lambda p, u: p - learning_rate * u, state.params, updates)
        averaged = moving_average(state.averaged_params, params, state.step, average_decay)
        return TrainState(params, averaged, optimizer_state, state.step + jnp.int32(1)), loss

    return train_step


def check_finite(loss: float, where: str) -> None:
    """Stops a run whose loss is no number any more.

    Raises:
        CrescendaiError: NaN or infinite loss.
    """
    if not math.isfinite(loss):
        raise CrescendaiError(
            f"{where}: expected a finite training loss, found {loss}; lower `lr` in params.yaml "
            "or look for NaN in the spectrograms and ratings"
        )


@dataclass
class EarlyStopping:
    """Remembers the weights of the best validation loss; says when to stop looking for better.

    patience: epochs without a new best after which to stop.
    """

    patience: int
    best_loss: float = math.inf
    best_epoch: int = -1
    best_params: dict = field(default_factory=dict)

    def update(self, epoch: int, validation_loss: float, params: dict) -> bool:
        """Takes one epoch's result; true if training should stop."""
        if validation_loss < self.best_loss:
            self.best_loss, self.best_epoch, self.best_params = validation_loss, epoch, params
        return epoch - self.best_epoch >= self.patience
