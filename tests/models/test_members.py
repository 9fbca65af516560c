"""Members rate as they would alone, share what hears, and their mean counts."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from crescendai.errors import DataError
from crescendai.models.checkpoint import TrainedModel, flatten, load_model, save_model
from crescendai.models.hybrid import HybridTransformer
from crescendai.models.members import begin_members
from crescendai.models.windows import InputScale
from crescendai.training.batches import Batch
from crescendai.training.losses import Target
from crescendai.training.trainee import make_loss
from tests.models.networks import NUM_DESCRIPTORS, rated_windows, small_hybrid, weights

MEMBERS = 3


@pytest.fixture(scope="module")
def network() -> HybridTransformer:
    return small_hybrid()


@pytest.fixture(scope="module")
def alone(network: HybridTransformer) -> list[dict]:
    """Members as single networks, with one backbone."""
    each = [weights(network, seed) for seed in range(MEMBERS)]
    return [{**own, "backbone": each[0]["backbone"]} for own in each]


@pytest.fixture(scope="module")
def together(alone: list[dict]) -> dict:
    own_parts = ({name: part for name, part in params.items() if name != "backbone"} for params in alone)
    stacked = jax.tree.map(lambda *own: np.stack(own), *own_parts)
    return {**stacked, "backbone": alone[0]["backbone"]}


def heard(clips: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(clips, 40, 16)).astype(np.float32)
    return x, np.array([40, 31, 12, 40][:clips], np.int32), rng.normal(size=(clips, NUM_DESCRIPTORS))


def test_their_mean_is_what_is_rated(network: HybridTransformer, alone: list[dict], together: dict):
    ratings = [rated_windows(network, params, *heard()) for params in alone]
    assert np.std(ratings, axis=0).min() > 1e-3  # they differ, else the mean says nothing
    np.testing.assert_allclose(
        rated_windows(network, together, *heard(), members=MEMBERS), np.mean(ratings, axis=0), rtol=1e-5, atol=1e-5
    )


def test_each_learns_as_it_would_alone(network: HybridTransformer, alone: list[dict], together: dict):
    _, _, descriptors = heard()
    rng = np.random.default_rng(1)
    target = Target(rng.normal(size=(4, 5)).astype(np.float32), np.zeros((4, 5), np.float32))
    batch = Batch(None, None, descriptors, target, rng.normal(size=(4, network.config.pooled_width)))
    heads = [{part: values for part, values in params.items() if part != "backbone"} for params in alone]
    gradient_of = jax.jit(jax.grad(lambda p: make_loss(network, "mse")(p, batch, jax.random.key(0))[0]))
    own = [gradient_of(part) for part in heads]
    of_all = jax.jit(jax.grad(lambda p: make_loss(network, "mse", MEMBERS)(p, batch, jax.random.key(0))[0]))(
        {part: values for part, values in together.items() if part != "backbone"}
    )
    for member, gradient in enumerate(own):
        for name, values in flatten(gradient).items():
            np.testing.assert_allclose(MEMBERS * flatten(of_all)[name][member], values, rtol=1e-4, atol=1e-5)


def test_they_begin_elsewhere_but_hear_alike(network: HybridTransformer):
    inputs = heard(1)

    @jax.jit
    def initialise(key: jax.Array) -> dict:
        return network.init(key, *inputs)["params"]

    start = begin_members(initialise, 7, MEMBERS)
    kernel = start["pooled"]["kernel"]
    assert len(kernel) == MEMBERS and not np.allclose(kernel[0], kernel[1])
    single = begin_members(initialise, 7, 1)
    jax.tree.map(np.testing.assert_array_equal, single, initialise(jax.random.key(7)))
    assert jax.tree.map(np.shape, start["backbone"]) == jax.tree.map(np.shape, single["backbone"])


def test_they_are_kept_in_one_file(network: HybridTransformer, together: dict, tmp_path: Path):
    trained = TrainedModel(network, together, InputScale(-60.0, 20.0), {"kind": "logmel"}, members=MEMBERS)
    save_model(trained, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.members == MEMBERS
    jax.tree.map(np.testing.assert_array_equal, loaded.params, together)
    save_model(replace(trained, members=1), tmp_path / "m")
    with pytest.raises(DataError, match="expected"):
        load_model(tmp_path / "m")
