"""What decays, what is clipped, and how much of the learning rate each layer gets."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from crescendai.errors import ParamsError
from crescendai.models.checkpoint import flatten
from crescendai.training.optimizer import decay_mask, layer_factors, layer_of, make_optimizer
from tests.training import tiny


def test_only_kernels_decay():
    mask = flatten(decay_mask(tiny.start(tiny.network(pooling="tokens"))))
    assert mask["backbone/encoder/block_0/attention/qkv/kernel"] and mask["backbone/patches/kernel"]
    others = {"bias", "scale", "positions", "tokens", "token_positions"}
    assert {name.split("/")[-1] for name, decays in mask.items() if not decays} == others
    assert all(name.endswith("/kernel") for name, decays in mask.items() if decays)


def test_optimizer_is_adamw_for_a_rate_of_one():
    # Gradients below the clipping norm: optax's own AdamW is the reference.
    params = {"a": {"kernel": jnp.array([[1.0, -2.0]]), "bias": jnp.array([0.5])}}
    gradients = jax.tree.map(lambda p: 0.1 * p, params)
    reference = optax.adamw(1e-2, 0.8, 0.95, weight_decay=0.1, mask=decay_mask)
    own = make_optimizer(0.1, betas=[0.8, 0.95])
    expected, _ = reference.update(gradients, reference.init(params), params)
    found, _ = own.update(gradients, own.init(params), params)
    jax.tree.map(lambda e, f: np.testing.assert_allclose(-1e-2 * f, e, rtol=1e-5), expected, found)


def test_muon_takes_orthogonal_steps_of_adams_size_in_the_matrices_of_blocks_and_no_others():
    rng = np.random.default_rng(0)
    params = tiny.start(tiny.network())

    def slope(p: np.ndarray) -> np.ndarray:
        if p.ndim != 2:
            return 1e-3 * rng.normal(size=p.shape)
        u, _, v = np.linalg.svd(rng.normal(size=p.shape), full_matrices=False)
        return 1e-3 * (u * rng.uniform(0.2, 1.0, len(v))) @ v  # no direction counts for nothing

    gradients, steps = jax.tree.map(slope, params), {}
    for kind in ("adamw", "muon"):
        optimizer = make_optimizer(0.1, kind=kind)
        steps[kind] = flatten(jax.jit(optimizer.update)(gradients, optimizer.init(params), params)[0])
    for name, step in steps["muon"].items():
        if not (name.startswith("backbone/encoder/block_") and name.endswith("/kernel")):
            np.testing.assert_allclose(step, steps["adamw"][name], rtol=1e-6, err_msg=name)
            continue
        orthogonal = step - 0.1 * flatten(params)[name]  # without the decay
        size = 0.2 * max(step.shape) ** 0.5  # where the root of the mean square is 0.2
        values = np.linalg.svd(orthogonal, compute_uv=False) / size
        assert values.min() > 0.6 and values.max() < 1.3, name
        # It is the nearest such matrix to the gradient, U V^T of its singular value decomposition.
        u, _, v = np.linalg.svd(flatten(gradients)[name], full_matrices=False)
        assert np.vdot(orthogonal, u @ v) / np.linalg.norm(orthogonal) / np.linalg.norm(u @ v) > 0.97, name


def test_wild_gradients_count_no_more_than_the_clip():
    params = {"a": {"bias": jnp.zeros(2)}}
    optimizer = make_optimizer(0.0)
    moments = [
        optimizer.update({"a": {"bias": size * jnp.array([3.0, 4.0])}}, optimizer.init(params), params)[1]
        for size in (1.0, 1e6)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), *moments)


def test_layers_count_from_the_input_to_the_head():
    expected = {
        "backbone/patches/kernel": 0, "backbone/patches/positions": 0, "backbone/tokens": 0,
        "backbone/token_positions": 0, "backbone/mask_token": 0, "backbone/encoder/block_0/mlp_in/bias": 1,
        "backbone/encoder/block_11/attention/out/kernel": 12, "backbone/encoder/norm/scale": 13,
        "head/ratings/kernel": 13, "fusion/tokens": 13,
    }  # fmt: skip
    assert {name: layer_of(name, 12) for name in expected} == expected


def test_factors_shrink_downwards_and_are_one_at_the_top():
    factors = flatten(layer_factors(tiny.start(tiny.network()), tiny.NUM_BLOCKS, decay=0.5))
    assert factors["head/ratings/kernel"] == factors["backbone/encoder/norm/scale"] == 1.0
    assert factors["backbone/encoder/block_1/mlp_in/kernel"] == 0.5
    assert factors["backbone/encoder/block_0/mlp_in/kernel"] == 0.25
    assert factors["backbone/patches/positions"] == 0.125


def test_frozen_blocks_take_everything_below_along():
    params = tiny.start(tiny.network())
    assert all(flatten(layer_factors(params, tiny.NUM_BLOCKS)).values())
    for name, factor in flatten(layer_factors(params, tiny.NUM_BLOCKS, 0.5, frozen_blocks=1)).items():
        assert (factor == 0.0) == name.startswith(("backbone/patches", "backbone/encoder/block_0"))
    with pytest.raises(ParamsError, match="frozen_blocks: expected at most the encoder's 2, found 3"):
        layer_factors(params, tiny.NUM_BLOCKS, frozen_blocks=3)
