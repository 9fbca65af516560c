"""Finetuning: a network learns from rated clips until clips kept apart say that it stops getting better."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import jax
import numpy as np
from tqdm import tqdm

from crescendai.datasets.splits import deal_groups
from crescendai.errors import DataError
from crescendai.training.batches import Batch
from crescendai.training.lessons import Lessons
from crescendai.training.schedule import learning_rate
from crescendai.training.sharding import place_batch
from crescendai.training.state import new_state
from crescendai.training.step import check_finite
from crescendai.training.trainee import Trainee
from crescendai.training.watch import Watch


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained.

    lr: peak learning rate. warmup_fraction: of all steps. patience: epochs without a better validation
        loss before training stops and the best weights are kept; 0 trains to the end and keeps the last.
    """

    lr: float
    warmup_fraction: float
    max_epochs: int
    patience: int
    batch_size: int


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


def finetune(
    trainee: Trainee, start: dict, lessons: Lessons, training: np.ndarray, validation: np.ndarray,
    schedule: Schedule, seed: int, where: str, watch: Watch,
) -> tuple[dict, list[dict[str, float]]]:  # fmt: skip
    """Trains a network on some clips and stops by others.

    start: parameters to begin with; without the backbone's where ``lessons`` are encoded.
    training, validation: positions of the clips that teach and of those that say when to stop.
    where: protocol and fold, for the progress bar and errors.
    watch: keeps the run's state after every epoch, so that a killed run goes on.

    Returns:
        The averaged weights, of the best validation loss or the last, which give standardised ratings; and a row
        an epoch.

    Raises:
        CrescendaiError: the loss is no number any more; the batch is saved.
    """
    scales = lessons.scales
    rated_by_listeners, _, known = scales.targets(lessons.clips)
    targets = rated_by_listeners if known is None else np.where(known, rated_by_listeners, np.nan)
    steps_per_epoch = -(-len(training) // schedule.batch_size)
    total_steps = steps_per_epoch * schedule.max_epochs
    warmup_steps = round(schedule.warmup_fraction * total_steps)
    key = jax.random.key(seed)

    def batches(epoch: int) -> Iterator[Batch]:
        # They follow from the epoch's number: a run that goes on draws what it would have drawn.
        rng = np.random.default_rng([seed, epoch])
        return lessons.batches(trainee, training, schedule.batch_size, rng)

    state, best, curve, known = watch.take_up(new_state(start, trainee.optimizer, trainee.mesh), start)
    stopping = EarlyStopping(schedule.patience, best_params=best, **known)
    with tqdm(total=schedule.max_epochs, desc=where, unit="epoch", initial=len(curve)) as progress, watch:
        for epoch in range(len(curve), schedule.max_epochs):
            if stopping.over(epoch):
                break
            losses, started, step = [], time.perf_counter(), epoch * steps_per_epoch
            for batch in batches(epoch):
                rate = learning_rate(step, schedule.lr, warmup_steps, total_steps)
                state, loss, _ = trainee.train_step(state, place_batch(batch, trainee.mesh), rate, key)
                losses.append(loss)
                step += 1
            losses = np.array(jax.device_get(losses), float)
            if not np.isfinite(losses).all():
                first = int(np.argmin(np.isfinite(losses)))
                guilty = next(islice(batches(epoch), first, None))
                check_finite(losses[first], f"{where}, epoch {epoch}", guilty, watch.folder)
            train_loss = float(losses.mean())
            clips_per_s = len(losses) * schedule.batch_size / (time.perf_counter() - started)

            rated = lessons.rate(trainee, state.averaged_params, validation, schedule.batch_size)
            validation_loss = float(np.nanmean((rated - targets[validation]) ** 2))
            error = float(np.sqrt(np.nanmean(((rated - targets[validation]) * scales.ratings.std) ** 2)))
            curve.append({
                "epoch": epoch, "train_loss": train_loss, "validation_loss": validation_loss,
                "validation_rmse": error, "learning_rate": rate, "clips_per_s": clips_per_s,
            })  # fmt: skip
            stopping.update(epoch, validation_loss, state.averaged_params)
            so_far = {"best_loss": stopping.best_loss, "best_epoch": stopping.best_epoch}
            watch.keep(state, stopping.best_params, curve, so_far, final=epoch + 1 == schedule.max_epochs)
            progress.set_postfix_str(
                f"loss {train_loss:.3f}, validation {validation_loss:.3f} (rating off by {error:.3f}), "
                f"{clips_per_s:.0f} clips/s"
            )
            progress.update()
    return jax.device_get(stopping.best_params), curve


@dataclass
class EarlyStopping:
    """Remembers the weights of the best validation loss; says when to stop looking for better.

    patience: epochs without a new best after which to stop; with 0 every epoch's weights replace the last one's.
    """

    patience: int
    best_loss: float = math.inf
    best_epoch: int = -1
    best_params: dict = field(default_factory=dict)

    def update(self, epoch: int, validation_loss: float, params: dict) -> None:
        """Takes one epoch's result."""
        if validation_loss < self.best_loss or not self.patience:
            # A copy: the training step gives its state's memory away.
            self.best_loss, self.best_epoch, self.best_params = validation_loss, epoch, jax.device_get(params)

    def over(self, epoch: int) -> bool:
        """True if ``patience`` epochs before this one brought nothing better."""
        return 0 < self.patience <= epoch - 1 - self.best_epoch
