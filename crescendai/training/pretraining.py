"""Pretraining: the loop, and how well the pretext is mastered on music that was held out."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from tqdm import tqdm

from crescendai.models.patches import patchify
from crescendai.models.presets import BackboneConfig
from crescendai.models.windows import InputScale
from crescendai.training.pretexts import Batch, Excerpts, LossOf, Masking
from crescendai.training.schedule import learning_rate
from crescendai.training.sharding import place_batch
from crescendai.training.state import new_state
from crescendai.training.step import check_finite, make_train_step
from crescendai.training.watch import Watch

VALIDATION_BATCHES = 8


@dataclass(frozen=True)
class Course:
    """How long and how fast a network is pretrained.

    lr: peak learning rate. warmup_fraction: of the steps. check_every: steps from one look at held-out
        music, and from one checkpoint, to the next.
    """

    lr: float
    warmup_fraction: float
    steps: int
    batch_size: int
    check_every: int


@dataclass(frozen=True)
class Material:
    """What is learned from, and what is asked about it.

    hop_s: from one frame to the next.
    process_index, process_count: which of several processes this is. Each learns from shards of its own, and brings
        its rows of a batch; all are shown the same held-out music.
    """

    config: BackboneConfig
    hop_s: float
    scale: InputScale
    masking: Masking | None
    train: Excerpts
    held_out: Excerpts
    process_index: int = 0
    process_count: int = 1

    @cached_property
    def own(self) -> Excerpts:
        """What this process learns from."""
        return self.train.part(self.process_index, self.process_count)

    def training_batch(self, step: int, batch_size: int, seed: int) -> Batch:
        """This process's rows of a step's batch; they follow from seed and step, so that a run that goes on draws
        the same.
        """
        process = [self.process_index] if self.process_count > 1 else []
        rng = np.random.default_rng([seed, step, *process])
        return self.own.batch(self.config, self.scale, self.masking, batch_size // self.process_count, rng)

    def held_out_batches(self, batch_size: int, seed: int) -> list[Batch]:
        """The same batches whenever they are asked for."""
        rng = np.random.default_rng([seed])
        return [
            self.held_out.batch(self.config, self.scale, self.masking, batch_size, rng)
            for _ in range(VALIDATION_BATCHES)
        ]


def pretrain(
    loss_of: LossOf, optimizer: optax.GradientTransformation, start: dict, material: Material, course: Course,
    average_decay: float, seed: int, mesh: Mesh, watch: Watch,
) -> tuple[dict, list[dict[str, float]]]:  # fmt: skip
    """Trains a network on a pretext.

    start: parameters to begin with.
    mesh: devices to work on.
    watch: keeps the run's state whenever held-out music is looked at, so that a killed run goes on.

    Returns:
        The averaged weights, and a row for every look at held-out music.

    Raises:
        CrescendaiError: the loss is no number any more; the batch is saved.
    """
    train_step = make_train_step(loss_of, optimizer, average_decay, mesh=mesh)
    evaluate = jax.jit(lambda params, batch: loss_of(params, batch, jax.random.key(0)))
    held_out = material.held_out_batches(course.batch_size, seed)
    warmup_steps = round(course.warmup_fraction * course.steps)
    key = jax.random.key(seed)

    state, _, curve, _ = watch.take_up(new_state(start, optimizer, mesh), {})
    first = int(state.step)
    losses, started = [], time.perf_counter()
    with tqdm(total=course.steps, desc="pretrain", unit="step", initial=first) as progress, watch:
        for step, batch in _prefetched(material, range(first, course.steps), course.batch_size, seed):
            rate = learning_rate(step, course.lr, warmup_steps, course.steps)
            state, loss, _ = train_step(state, place_batch(batch, mesh), rate, key)
            losses.append(loss)
            progress.update()
            if (step + 1) % course.check_every and step + 1 < course.steps:
                continue
            losses = np.array(jax.device_get(losses), float)
            if not np.isfinite(losses).all():
                guilty = step + 1 - len(losses) + int(np.argmin(np.isfinite(losses)))
                again = material.training_batch(guilty, course.batch_size, seed)
                check_finite(losses[guilty - step - 1], f"pretrain, step {guilty}", again, watch.folder)
            train_loss = float(losses.mean())
            clips_per_s = len(losses) * course.batch_size / (time.perf_counter() - started)
            found = mean_metrics(evaluate, state.averaged_params, held_out)
            curve.append({
                "step": step + 1, "train_loss": train_loss, "learning_rate": rate, "clips_per_s": clips_per_s,
                **{f"held_out_{name}": value for name, value in found.items()},
            })  # fmt: skip
            watch.keep(state, {}, curve, {})
            progress.set_postfix_str(
                f"loss {train_loss:.3f}, held out {found['loss']:.3f}, {clips_per_s:.0f} clips/s"
            )
            losses, started = [], time.perf_counter()
    return jax.device_get(state.averaged_params), curve


def mean_metrics(evaluate: Callable, params: dict, batches: list[Batch]) -> dict[str, float]:
    """The loss and what comes with it, averaged over batches of one size."""
    rows = []
    for batch in batches:
        loss, metrics = evaluate(params, batch)
        rows.append({"loss": float(loss), **{name: float(value) for name, value in metrics.items()}})
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def mean_patch(excerpts: Excerpts, config: BackboneConfig, scale: InputScale) -> np.ndarray:
    """The mean patch at each height, standardised: ``[mel patch, p]``; what a network has to beat."""
    total = np.zeros((config.mel_patches, config.grid.values))
    count = 0
    sides = config.patch_frames, config.patch_mels
    for position, num_frames in enumerate(excerpts.num_frames):
        whole = num_frames // config.patch_frames * config.patch_frames
        heard = scale.apply(excerpts.read(position)[:whole, : config.mel_patches * config.patch_mels])
        patches = np.asarray(patchify(jnp.asarray(heard[None]), *sides))[0]
        total += patches.reshape(-1, *total.shape).sum(axis=0)
        count += len(patches) // config.mel_patches
    return (total / count).astype(np.float32)


def _prefetched(material: Material, steps: range, batch_size: int, seed: int) -> Iterator[tuple[int, Batch]]:
    """Steps and their batches, the next one made while the network is busy with this one."""
    with ThreadPoolExecutor(1) as pool:
        ahead = None
        for step in steps:
            batch = ahead.result() if ahead else material.training_batch(step, batch_size, seed)
            if step + 1 < steps.stop:
                ahead = pool.submit(material.training_batch, step + 1, batch_size, seed)
            yield step, batch
