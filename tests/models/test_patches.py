"""Patches: cut and put together, masks, positions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crescendai.errors import ParamsError
from crescendai.models.patches import (
    PatchEmbedding,
    PatchGrid,
    fit_frames,
    patch_mask,
    patchify,
    resize_positions,
    silence_padding,
    unpatchify,
)

GRID = PatchGrid(4, 8, 4, 8)


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


@given(num_frames=st.integers(1, 40), stride=st.integers(1, 6))
@settings(max_examples=20)
def test_mask_counts_the_patches_a_clip_has_alone(num_frames: int, stride: int):
    grid = PatchGrid(4, 8, stride, 8)
    mask = patch_mask(jnp.array([num_frames]), grid.time_patches(40), 2, grid)
    assert mask.sum() == 2 * grid.time_patches(num_frames) == 2 * max((num_frames - 4) // stride + 1, 1)
    assert mask[0, : int(mask.sum())].all()


def test_padding_is_zero_whatever_stood_there():
    x = jnp.full((2, 6, 3), jnp.nan).at[0, :2].set(1.0).at[1].set(1.0)
    silenced = silence_padding(x, jnp.array([2, 6]))
    assert silenced[0].sum() == 2 * 3 and silenced[1].sum() == 6 * 3


def test_frames_are_cut_to_whole_patches_or_filled_up_to_one():
    assert fit_frames(jnp.ones((1, 11, 16)), GRID).shape == (1, 8, 16)
    short = fit_frames(jnp.ones((1, 3, 16)), GRID)
    assert short.shape == (1, 4, 16) and short.sum() == 3 * 16


def test_strided_patches_are_those_of_a_loop():
    grid, x = PatchGrid(4, 8, 3, 5), jax.random.normal(jax.random.key(0), (2, 13, 18))
    embed = PatchEmbedding(6, grid, grid.time_patches(13))
    params = embed.init(jax.random.key(1), x)["params"]
    found = embed.apply({"params": params}, x)
    rows = [
        x[:, t : t + 4, f : f + 8].reshape(2, -1) @ params["kernel"] + params["positions"][t // 3, f // 5]
        for t in range(0, 10, 3)
        for f in range(0, 11, 5)
    ]
    np.testing.assert_allclose(found, np.stack(rows, axis=1), atol=1e-5)


def test_positions_are_cut_from_the_middle_or_interpolated():
    table = jnp.arange(5.0)[:, None, None] * jnp.ones((5, 3, 2))
    np.testing.assert_array_equal(resize_positions(table, 3, 3)[:, 0, 0], [1, 2, 3])
    longer = resize_positions(table, 10, 3)[:, 0, 0]
    assert len(longer) == 10 and (np.diff(longer) >= 0).all() and longer[0] == 0 and longer[-1] == 4
    np.testing.assert_allclose(longer[2:-2], np.arange(2, 8) / 2 - 0.25, atol=1e-6)  # half-pixel centres
    assert resize_positions(table, 5, 1).shape == (5, 1, 2)
    np.testing.assert_array_equal(resize_positions(table, 5, 3), table)
