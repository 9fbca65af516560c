"""A training step learns, repeats itself, leaves frozen layers alone and stops when it must."""

import functools

import jax
import numpy as np
import pytest

from crescendai.errors import CrescendaiError, ParamsError
from crescendai.models.checkpoint import flatten
from crescendai.training.optimizer import layer_factors, make_optimizer
from crescendai.training.state import TrainState, new_state
from crescendai.training.step import TrainStep, check_finite, make_train_step
from tests.training import tiny

OPTIMIZER = make_optimizer(0.1)


@functools.cache  # compiling takes a second
def step_of(dropout: float = 0.0, precision: str = "float32", accumulation: int = 1) -> TrainStep:
    model = tiny.network(dropout=dropout, precision=precision)
    return make_train_step(tiny.loss_of(model), OPTIMIZER, average_decay=0.9, accumulation=accumulation)


def trained(
    steps: int, seed: int = 0, rate: float = 3e-3, step: TrainStep | None = None
) -> tuple[TrainState, list[float]]:
    state, losses = new_state(tiny.start(tiny.network(), seed), OPTIMIZER), []
    for _ in range(steps):
        state, loss, _ = (step or step_of())(state, tiny.rows(), rate, jax.random.key(seed))
        losses.append(float(loss))
    return state, losses


def test_clips_can_be_overfitted():
    _, losses = trained(200)
    assert losses[-1] < 0.01 * losses[0]


def test_same_seed_same_weights_to_the_last_bit():
    first, again, other = (trained(5, seed, step=step_of(dropout=0.5))[0] for seed in (1, 1, 2))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    name = "backbone/patches/kernel"
    assert np.any(flatten(first.params)[name] != flatten(other.params)[name])


def test_what_is_random_differs_from_step_to_step():
    def loss_at(step: int) -> float:
        state = new_state(tiny.start(tiny.network()), OPTIMIZER)._replace(step=np.int32(step))
        return float(step_of(dropout=0.5)(state, tiny.rows(), 0.0, jax.random.key(0))[1])

    assert loss_at(0) == loss_at(0) != loss_at(1)


def test_all_steps_and_rates_share_a_compilation():
    compiled = 0

    def loss_of(params: dict, batch: tiny.Rows, key: jax.Array):
        nonlocal compiled
        compiled += 1
        return tiny.loss_of(tiny.network())(params, batch, key)

    step = make_train_step(loss_of, OPTIMIZER, 0.9)
    state = new_state(tiny.start(tiny.network()), OPTIMIZER)
    for rate in (1e-3, 2e-3, 0.0):
        state, _, metrics = step(state, tiny.rows(), rate, jax.random.key(0))
    assert compiled == 1 == step._cache_size()
    assert set(metrics) == {"largest", "gradient_norm"} and metrics["gradient_norm"] > 0


@pytest.mark.parametrize("accumulation", [2, 4])
def test_parts_of_a_batch_make_the_same_step_as_the_whole(accumulation: int):
    whole, losses = trained(1)
    parts, losses_of_parts = trained(1, step=step_of(accumulation=accumulation))
    np.testing.assert_allclose(losses_of_parts, losses, rtol=1e-6)
    # First moments are gradients, clipped.
    moments, moments_of_parts = whole.optimizer_state[1].mu, parts.optimizer_state[1].mu
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), moments_of_parts, moments)


def test_parts_of_a_batch_are_random_each_for_itself():
    def loss_of(params: dict, batch: tiny.Rows, key: jax.Array):
        return params["w"].sum(), {"drawn": jax.random.uniform(key)}

    def drawn(accumulation: int) -> float:
        step = make_train_step(loss_of, OPTIMIZER, 0.9, accumulation=accumulation)
        state = new_state({"w": np.ones(3, np.float32)}, OPTIMIZER)
        return float(step(state, tiny.rows(8), 0.1, jax.random.key(0))[2]["drawn"])

    assert len({drawn(1), drawn(2), drawn(4)}) == 3


def test_a_batch_that_cannot_be_cut_is_refused():
    with pytest.raises(ParamsError, match=r"expected a multiple of accumulation 3 \* 1 devices, found 8"):
        trained(1, step=step_of(accumulation=3))


def test_frozen_layers_stay_to_the_last_bit_and_factors_scale_the_others():
    start = tiny.start(tiny.network())
    factors = layer_factors(start, tiny.NUM_BLOCKS, 0.5, frozen_blocks=1)
    loss_of = tiny.loss_of(tiny.network())
    _, _, metrics = step_of()(new_state(start, OPTIMIZER), tiny.rows(), 1e-3, jax.random.key(0))
    after, _, held = make_train_step(loss_of, OPTIMIZER, 0.9, factors)(
        new_state(start, OPTIMIZER), tiny.rows(), 1e-3, jax.random.key(0)
    )
    assert held["gradient_norm"] < metrics["gradient_norm"]  # frozen layers have no share in the clip
    start, factors = flatten(start), flatten(factors)
    moved = {name: np.abs(value - start[name]).max() for name, value in flatten(after.params).items()}
    assert all((moved[name] == 0) == (factor == 0) for name, factor in factors.items())
    for name, value in flatten(after.averaged_params).items():
        assert factors[name] or np.array_equal(value, start[name])
    # The first step of Adam goes as far as the learning rate, whatever the gradient.
    np.testing.assert_allclose(moved["backbone/encoder/block_1/mlp_in/bias"], 0.5e-3, rtol=1e-3)
    np.testing.assert_allclose(moved["head/ratings/bias"], 1e-3, rtol=1e-3)


def test_bfloat16_keeps_float32_weights_and_nearly_the_loss():
    _, losses = trained(10)
    coarse, coarse_losses = trained(10, step=step_of(precision="bfloat16"))
    assert {leaf.dtype.name for leaf in jax.tree.leaves(coarse)} == {"float32", "int32"}
    np.testing.assert_allclose(coarse_losses, losses, rtol=0.03)
    assert coarse_losses != losses
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(coarse))


def test_a_run_that_diverges_is_stopped_and_leaves_its_batch(tmp_path):
    check_finite(1.0, "x", tiny.rows(), tmp_path)
    assert not any(tmp_path.iterdir())
    batch = {"rows": tiny.rows(), "none": None}
    with pytest.raises(
        CrescendaiError,
        match=r"composition, fold 0, epoch 3: expected a finite training loss, found nan; lower `lr`.*diverged\.npz",
    ):
        check_finite(float("nan"), "composition, fold 0, epoch 3", batch, tmp_path / "kept")
    with np.load(tmp_path / "kept" / "diverged.npz") as kept:
        assert set(kept) == {"rows.spectrogram", "rows.num_frames", "rows.ratings"}
        np.testing.assert_array_equal(kept["rows.ratings"], tiny.rows().ratings)


def test_a_rate_too_high_is_noticed():
    _, losses = trained(30, rate=1e30)
    assert not np.isfinite(losses[-1])
