"""The training step learns, repeats itself, and stops when it must."""

import functools

import jax
import numpy as np
import pytest

from crescendai.errors import CrescendaiError, DataError
from crescendai.models.prediction import make_predict
from crescendai.training.batches import Batch
from crescendai.training.finetuning import (
    EarlyStopping,
    TrainStep,
    check_finite,
    make_train_step,
    validation_clips,
)
from crescendai.training.schedule import make_optimizer
from crescendai.training.state import TrainState, new_state
from tests.models.networks import small


def four_clips(seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    lengths = np.array([40, 12, 33, 5], dtype=np.int32)
    windows = rng.normal(size=(4, 40, 16)).astype(np.float32)
    return Batch(windows, lengths, rng.normal(size=(4, 5)).astype(np.float32))


@functools.cache  # compiling takes seconds
def step_of(dropout: float) -> TrainStep:
    return make_train_step(small(dropout=dropout), make_optimizer(0.0), average_decay=0.9)


def trained(
    steps: int, seed: int, rate: float = 3e-3, dropout: float = 0.5
) -> tuple[TrainState, list[float]]:
    state, losses = new_state(small(), make_optimizer(0.0), jax.random.key(seed)), []
    for _ in range(steps):
        state, loss = step_of(dropout)(state, four_clips(), rate, jax.random.key(seed + 1))
        losses.append(float(loss))
    return state, losses


def test_four_clips_can_be_overfitted():
    state, losses = trained(300, seed=0, dropout=0.0)
    assert losses[-1] < 0.01 * losses[0]
    batch = four_clips()
    rated = make_predict(small())(state.averaged_params, batch.spectrogram, batch.num_frames)
    np.testing.assert_allclose(rated, batch.ratings, atol=0.2)


def test_same_seed_same_weights():
    first, again, other = (trained(5, seed)[0] for seed in (1, 1, 2))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert np.any(
        first.params["patches"]["projection"]["kernel"] != other.params["patches"]["projection"]["kernel"]
    )


def test_dropout_differs_from_step_to_step():
    state, _ = trained(5, seed=0)
    states = [state._replace(step=np.int32(step)) for step in (0, 0, 1)]
    first, again, next_one = (float(step_of(0.5)(s, four_clips(), 0.0, jax.random.key(0))[1]) for s in states)
    assert first == again != next_one


def test_a_run_that_diverges_is_stopped_with_a_reason():
    check_finite(1.0, "x")
    _, losses = trained(30, seed=0, rate=1e30)
    assert not np.isfinite(losses[-1])
    with pytest.raises(
        CrescendaiError, match=r"composition, fold 0, epoch 3: expected a finite training loss.*lower `lr`"
    ):
        check_finite(losses[-1], "composition, fold 0, epoch 3")


def test_early_stopping_keeps_the_best_and_waits_for_patience():
    stopping = EarlyStopping(patience=3)
    losses = [1.0, 0.8, 0.9, 0.7, 0.7, 0.8, 0.75]
    stops = [stopping.update(epoch, loss, {"epoch": epoch}) for epoch, loss in enumerate(losses)]
    assert stops == [False] * 6 + [True]
    assert stopping.best_params == {"epoch": 3} and stopping.best_loss == 0.7


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
