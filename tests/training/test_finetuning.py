"""Finetuning stops by clips kept apart, keeps the best weights, and goes on where it was killed."""

import functools
from pathlib import Path

import jax
import numpy as np
import pytest

from crescendai.dimensions import NUM_DIMENSIONS
from crescendai.errors import CrescendaiError, DataError
from crescendai.models.backbone import Backbone
from crescendai.models.checkpoint import example_input
from crescendai.training.augment import Augmentation
from crescendai.training.batches import Scales
from crescendai.training.encoded import EncodedWindows
from crescendai.training.finetuning import EarlyStopping, Schedule, finetune, validation_clips
from crescendai.training.lessons import Lessons
from crescendai.training.optimizer import layer_factors, make_optimizer
from crescendai.training.resume import Resume
from crescendai.training.sharding import make_mesh
from crescendai.training.trainee import Trainee
from crescendai.training.watch import Watch
from tests.models.networks import small_hybrid
from tests.training.rated import described_clips

TRAINING, VALIDATION = np.arange(8), np.arange(8, 12)


@functools.cache  # compiling takes seconds
def trainee(frozen: bool = False) -> tuple[Trainee, dict, dict]:
    """A hybrid or, frozen, its upper half: with its fresh weights, and those of the backbone."""
    model = small_hybrid(num_outputs=NUM_DIMENSIONS)
    start = jax.device_get(jax.jit(model.init)(jax.random.key(0), *example_input(model))["params"])
    backbone = start["backbone"]
    learns = {name: part for name, part in start.items() if name != "backbone"} if frozen else start
    factors = layer_factors(learns, model.config.depth)
    return Trainee.of(model, "mse", make_optimizer(0.0), 0.9, factors, 1, make_mesh()), learns, backbone


def run(
    folder: Path, epochs: int = 6, patience: int = 0, lr: float = 1e-2, frozen: bool = False,
    stop_after: int | None = None,
) -> tuple[dict, list[dict]]:  # fmt: skip
    own, start, backbone = trainee(frozen)
    clips = described_clips(12)
    scales = Scales.of(clips, TRAINING)
    encoded = EncodedWindows.of(Backbone(own.model.config), backbone, clips, scales.input) if frozen else None
    lessons = Lessons(clips, scales, Augmentation(), encoded)
    schedule = Schedule(lr, 0.1, epochs, patience, batch_size=4)
    with Resume(folder / "resume", {"epochs": epochs}) as resume:
        watch = StoppedWatch(folder, resume, stop_after) if stop_after else Watch(folder, resume)
        return finetune(own, start, lessons, TRAINING, VALIDATION, schedule, 0, "passage, fold 0", watch)


class Stopped(Exception):
    """As if the process had been killed."""


class StoppedWatch(Watch):
    def __init__(self, folder: Path, resume: Resume, epochs: int):
        super().__init__(folder, resume)
        self.epochs = epochs

    def keep(self, state, best, curve, also, final=False) -> None:
        super().keep(state, best, curve, also, final)
        if len(curve) == self.epochs:
            raise Stopped


def test_short_epochs_are_kept_now_and_then_and_the_last_one_always(tmp_path: Path):
    with Resume(tmp_path, {}) as resume:
        watch, kept = Watch(tmp_path, resume, every_s=3600.0), []
        resume.save = lambda step, tree, extra: kept.append(step)
        for epoch in range(1, 6):
            watch.keep(None, {}, [{}] * epoch, {}, final=epoch == 5)
    assert kept == [1, 5]


def without_speed(curve: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "clips_per_s"} for row in curve]


@pytest.mark.parametrize("frozen", [False, True])
def test_what_descriptors_say_is_learned_and_carries_over(tmp_path: Path, frozen: bool):
    _, curve = run(tmp_path, epochs=40, frozen=frozen)
    assert len(curve) == 40
    assert curve[-1]["train_loss"] < 0.3 * curve[0]["train_loss"]
    assert curve[-1]["validation_loss"] < 0.5 * curve[0]["validation_loss"]
    rmse_in_ratings = curve[-1]["validation_rmse"]
    assert rmse_in_ratings < np.sqrt(curve[-1]["validation_loss"])  # ratings spread less than 1


@pytest.mark.parametrize("patience", [0, 50])
def test_stopped_between_epochs_it_ends_with_the_same_weights_to_the_last_bit(tmp_path: Path, patience: int):
    whole, curve = run(tmp_path / "whole", patience=patience)
    with pytest.raises(Stopped):
        run(tmp_path / "cut", patience=patience, stop_after=3)
    cut, cut_curve = run(tmp_path / "cut", patience=patience)
    jax.tree.map(np.testing.assert_array_equal, whole, cut)
    assert without_speed(curve) == without_speed(cut_curve)


def test_the_last_weights_or_the_best(tmp_path: Path):
    last, curve = run(tmp_path / "last", epochs=6, patience=0, lr=0.3)
    best, best_curve = run(tmp_path / "best", epochs=6, patience=50, lr=0.3)
    assert without_speed(curve) == without_speed(best_curve)
    losses = [row["validation_loss"] for row in curve]
    same = all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(last), jax.tree.leaves(best), strict=True))
    assert same == (int(np.argmin(losses)) == len(losses) - 1)


def test_a_rate_too_high_stops_the_run_and_leaves_the_batch(tmp_path: Path):
    with pytest.raises(CrescendaiError, match=r"passage, fold 0, epoch \d+: expected a finite .*lower `lr`"):
        run(tmp_path, lr=1e30)
    assert (tmp_path / "diverged.npz").exists()


def test_early_stopping_keeps_the_best_and_waits_for_patience():
    stopping = EarlyStopping(patience=3)
    for epoch, loss in enumerate([1.0, 0.8, 0.9, 0.7, 0.7, 0.8, 0.75]):
        assert not stopping.over(epoch)
        stopping.update(epoch, loss, {"epoch": epoch})
    assert stopping.over(7)
    assert stopping.best_params == {"epoch": 3} and stopping.best_loss == 0.7


def test_without_patience_the_last_weights_are_kept():
    stopping = EarlyStopping(patience=0)
    for epoch, loss in enumerate([1.0, 0.5, 0.9]):
        stopping.update(epoch, loss, {"epoch": epoch})
    assert stopping.best_params == {"epoch": 2} and not stopping.over(100)


def test_validation_takes_whole_groups_of_about_the_fraction():
    groups = np.repeat([f"group {i}" for i in range(20)], 5)
    chosen = validation_clips(groups, np.repeat("one", 100), 0.15, seed=0, where="x")
    assert set(groups[chosen]).isdisjoint(groups[~chosen])
    assert 10 <= chosen.sum() <= 20
    again, other = (validation_clips(groups, np.repeat("one", 100), 0.15, seed, "x") for seed in (0, 1))
    assert (chosen == again).all() and (chosen != other).any()


def test_with_few_groups_the_smallest_validates():
    groups = np.repeat(["large", "small", "middle"], [50, 10, 20])
    chosen = validation_clips(groups, groups, 0.15, seed=0, where="x")
    assert set(groups[chosen]) == {"small"}


def test_a_single_group_cannot_be_split():
    with pytest.raises(DataError, match=r"movement, fold 1: expected at least 2 groups .* found 1"):
        validation_clips(["a"] * 5, ["a"] * 5, 0.15, 0, "movement, fold 1")
