"""The hybrid hears both the sound and the descriptors, however they are fused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crescendai.errors import ParamsError
from crescendai.models.descriptors import DescriptorScale
from crescendai.models.hybrid import FUSIONS
from tests.models.networks import NUM_DESCRIPTORS, applied, clips, small_hybrid, weights

rng = np.random.default_rng(0)
DESCRIBED = rng.normal(size=(3, NUM_DESCRIPTORS)).astype(np.float32)
LENGTHS = [40, 9, 25]


def batch() -> np.ndarray:
    windows = np.full((3, 40, 16), 7.0, np.float32)
    for row, clip in enumerate(clips(LENGTHS)):
        windows[row, : len(clip)] = clip
    return windows


@pytest.mark.parametrize("fusion", FUSIONS)
def test_both_are_heard_and_padding_is_not(fusion: str):
    model = small_hybrid(fusion)
    params = weights(model)

    def rate(x, described, lengths=LENGTHS):
        return applied(model, {"params": params}, x, jnp.array(lengths), described).ratings

    base = rate(batch(), DESCRIBED)
    assert np.abs(rate(batch() + 1, DESCRIBED) - base).min(axis=1).max() > 1e-4
    assert np.abs(rate(batch(), DESCRIBED + 1) - base).min(axis=1).max() > 1e-4
    for row, clip in enumerate(clips(LENGTHS)):
        alone = rate(clip[None], DESCRIBED[row : row + 1], [len(clip)])
        np.testing.assert_allclose(alone[0], base[row], atol=1e-5)
    gradient = jax.jit(jax.grad(lambda x: rate(x, DESCRIBED).sum()))(batch())
    assert np.isfinite(gradient).all() and not gradient[1, 12:].any()


def test_a_frozen_encoder_need_not_listen_again():
    model = small_hybrid("gated")
    params = weights(model)
    heard = applied(model, {"params": params}, batch(), jnp.array(LENGTHS), DESCRIBED)
    rest = {name: part for name, part in params.items() if name != "backbone"}
    again = model.apply({"params": rest}, None, None, DESCRIBED, pooled=heard.pooled)
    np.testing.assert_allclose(again.ratings, heard.ratings, atol=1e-5)
    attending = small_hybrid("attention")
    with pytest.raises(ParamsError, match="concat or gated for a frozen encoder"):
        attending.apply({"params": weights(attending)}, None, None, DESCRIBED, pooled=heard.pooled)


def test_another_number_of_descriptors_is_refused():
    model = small_hybrid()
    with pytest.raises(ParamsError, match="expected 6 a clip, found 5"):
        model.apply({"params": weights(model)}, batch(), None, DESCRIBED[:, :5])


def test_descriptors_are_standardised_by_the_training_part():
    values = np.array([[1.0, 5.0, 2.0], [3.0, 5.0, np.nan], [5.0, 5.0, 4.0]])
    scale = DescriptorScale.of(("a", "constant", "c"), values)
    np.testing.assert_allclose(scale.apply(values)[:, 0], [-1.2247, 0, 1.2247], atol=1e-4)
    assert not scale.apply(values)[:, 1].any()  # says nothing, even
    assert not scale.apply(np.array([[3.0, 9.0, 3.0]])).any()  # where it differs later
    np.testing.assert_allclose(scale.apply(values)[:, 2], [-1, 0, 1])  # nothing heard: the mean
    assert scale.apply(np.array([[1e9, 5.0, 3.0]]))[0, 0] == 3.0
