"""The transformer: shapes, masks, counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crescendai.errors import ParamsError
from crescendai.models.ast import count_parameters
from crescendai.models.checkpoint import parameter_shapes
from crescendai.models.heads import in_rating_units, masked_mean
from crescendai.models.patches import pad_frames, patch_mask, patchify, silence_padding, unpatchify
from tests.models.networks import clips, small, weights

TOLERANCE = 1e-5


def test_patchify_inverts():
    x = jax.random.normal(jax.random.key(0), (3, 12, 16))
    patches = patchify(x, 4, 8)
    assert patches.shape == (3, 6, 32)
    np.testing.assert_array_equal(unpatchify(patches, 4, 8, 16), x)


def test_patches_run_over_time_first():
    x = np.arange(8 * 16, dtype=np.float32).reshape(1, 8, 16)
    patches = patchify(jnp.array(x), 4, 8)
    np.testing.assert_array_equal(patches[0, 1], x[0, :4, 8:].ravel())
    np.testing.assert_array_equal(patches[0, 2], x[0, 4:, :8].ravel())


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(ParamsError, match=r"divide 12 frames and 16 mel bands, found 4 and 5"):
        patchify(jnp.zeros((1, 12, 16)), 4, 5)


@given(num_frames=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_mask_counts_patches_that_hold_sound(num_frames: int):
    mask = patch_mask(jnp.array([num_frames]), time_patches=10, mel_patches=2, patch_frames=4)
    assert mask.sum() == 2 * -(-num_frames // 4)
    assert mask[0, : int(mask.sum())].all()


def test_padding_is_zero_whatever_stood_there():
    x = jnp.full((2, 6, 3), jnp.nan).at[0, :2].set(1.0).at[1].set(1.0)
    silenced = silence_padding(x, jnp.array([2, 6]))
    assert silenced[0].sum() == 2 * 3 and silenced[1].sum() == 6 * 3
    assert pad_frames(x, 4).shape == (2, 8, 3)


def test_masked_mean_hears_only_the_mask():
    x = jnp.array([[[1.0], [3.0], [jnp.inf]]])
    assert masked_mean(x, jnp.array([[True, True, False]])) == 2.0


@pytest.mark.parametrize("length", [1, 3, 4, 5, 17, 39])
def test_padded_scores_as_alone(length: int):
    model, (clip,) = small(), clips([length])
    params = weights(model)
    alone = model.apply({"params": params}, clip[None], jnp.array([length]), True)
    padded = np.full((1, 40, 16), 99.0, np.float32)  # garbage that must not be heard
    padded[0, :length] = clip
    together = model.apply({"params": params}, padded, jnp.array([length]), True)
    np.testing.assert_allclose(together, alone, atol=TOLERANCE)


def test_batched_scores_as_single():
    model, lengths = small(), [40, 7, 23, 1]
    params = weights(model)
    batch = np.zeros((4, 40, 16), np.float32)
    for row, clip in enumerate(clips(lengths)):
        batch[row, : len(clip)] = clip
    together = model.apply({"params": params}, batch, jnp.array(lengths), True)
    for row, length in enumerate(lengths):
        single = model.apply({"params": params}, batch[row : row + 1], jnp.array([length]), True)
        np.testing.assert_allclose(together[row], single[0], atol=TOLERANCE)
    assert np.std(together, axis=0).min() > 1e-3  # the clips do differ


def test_level_is_heard():
    model, (clip,) = small(), clips([40])
    params = weights(model)
    soft, loud = (
        model.apply({"params": params}, clip[None] + shift, jnp.array([40]), True) for shift in (0, 1)
    )
    assert np.abs(soft - loud).max() > 1e-2


def test_gradients_are_finite_and_nothing_flows_from_padding():
    model, (clip,) = small(), clips([40])
    params = weights(model)
    gradient = jax.grad(lambda x: model.apply({"params": params}, x, jnp.array([10]), True).sum())(clip[None])
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[0, :10]).min() > 0 and np.abs(gradient[0, 10:]).max() == 0


def test_a_fresh_model_predicts_the_mean():
    model = small()
    params = model.init(jax.random.key(0), jnp.zeros((1, 40, 16)), jnp.ones(1, int), True)["params"]
    assert not np.any(model.apply({"params": params}, clips([40])[0][None], jnp.array([40]), True))


def test_dropout_needs_its_key_and_changes_the_output():
    model, (clip,) = small(dropout=0.5), clips([40])
    params = weights(model)
    first, again, other = (
        model.apply(
            {"params": params}, clip[None], jnp.array([40]), False, rngs={"dropout": jax.random.key(k)}
        )
        for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"patch_mels": 16},
        {"depth": 5, "width": 48},
        {"mlp_ratio": 2},
        {"max_frames": 41},
        {"num_outputs": 19},
    ],
)
def test_parameter_count_is_the_formula(changes: dict):
    model = small(**changes)
    assert count_parameters(model) == sum(int(np.prod(shape)) for shape in parameter_shapes(model).values())


def test_impossible_settings_are_refused():
    with pytest.raises(ParamsError, match="num_heads: expected a divisor of the width 24, found 5"):
        parameter_shapes(small(num_heads=5))
    model = small()
    with pytest.raises(ParamsError, match="at most 40 frames, found 44"):
        model.apply({"params": weights(model)}, jnp.zeros((1, 44, 16)), jnp.array([44]), True)


def test_head_in_rating_units_restores_the_scale():
    model, (clip,) = small(), clips([40])
    params = weights(model)
    mean, std = jnp.linspace(0.3, 0.7, 5), jnp.linspace(0.1, 0.2, 5)
    standardised = model.apply({"params": params}, clip[None], jnp.array([40]), True)
    rated = params | {"head": in_rating_units(params["head"], mean, std)}
    np.testing.assert_allclose(
        model.apply({"params": rated}, clip[None], jnp.array([40]), True),
        standardised * std + mean,
        atol=TOLERANCE,
    )
