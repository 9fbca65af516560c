"""A rating network and all that is compiled of it."""

from dataclasses import dataclass

import jax
import optax
from jax.sharding import Mesh

from crescendai.models.hybrid import HybridTransformer
from crescendai.models.prediction import Predict, RatingNetwork, make_predict
from crescendai.training.batches import Batch
from crescendai.training.losses import LOSSES
from crescendai.training.step import LossOf, TrainStep, make_train_step


@dataclass(frozen=True)
class Trainee:
    """A network and its compiled functions, which all folds share: compiling takes as long as an epoch.

    members: networks that learn side by side, see `crescendai.models.members`.
    """

    model: RatingNetwork
    optimizer: optax.GradientTransformation
    train_step: TrainStep
    predict: Predict
    mesh: Mesh
    members: int

    @property
    def described(self) -> bool:
        """Whether it takes descriptors."""
        return isinstance(self.model, HybridTransformer)

    @classmethod
    def of(
        cls, model: RatingNetwork, loss: str, optimizer: optax.GradientTransformation, average_decay: float,
        factors: dict, accumulation: int, mesh: Mesh, members: int = 1,
    ) -> "Trainee":  # fmt: skip
        """Compiles nothing yet. factors: see `crescendai.training.optimizer.layer_factors`."""
        step = make_train_step(make_loss(model, loss, members), optimizer, average_decay, factors, accumulation, mesh)
        return cls(model, optimizer, step, make_predict(model, members), mesh, members)


def make_loss(model: RatingNetwork, loss: str, members: int = 1) -> LossOf:
    """The loss of a batch, one of `crescendai.training.losses.LOSSES`; of several members the mean.

    No member knows of another: each has its own dropout, and would learn the same alone but for the clip of the
    gradient's norm, which is of all.
    """

    def loss_of_one(params: dict, batch: Batch, key: jax.Array) -> jax.Array:
        dropout, patchout = jax.random.split(key)
        rated = model.apply(
            {"params": params}, batch.spectrogram, batch.num_frames, *_heard(model, batch.descriptors),
            deterministic=False, pooled=batch.pooled, rngs={"dropout": dropout, "patchout": patchout},
        )  # fmt: skip
        return LOSSES[loss](rated, batch.target)

    def loss_of(params: dict, batch: Batch, key: jax.Array) -> tuple[jax.Array, dict]:
        if members == 1:
            return loss_of_one(params, batch, key), {}
        losses = jax.vmap(loss_of_one, in_axes=(0, None, 0))(params, batch, jax.random.split(key, members))
        return losses.mean(), {}

    return loss_of


def _heard(model: RatingNetwork, descriptors: jax.Array) -> tuple[jax.Array, ...]:
    return (descriptors,) if isinstance(model, HybridTransformer) else ()
