"""The hybrid hears both the sound and the descriptors, however they are fused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from crescendai.errors import ParamsError
from crescendai.models.descriptors import KNOTS, DescriptorScale, scores_of
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


def test_descriptors_are_made_normal_by_the_training_part():
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(size=(5000, 1)))  # as skewed as durations are
    scale = DescriptorScale.of(("duration",), values)
    scores = scale.apply(values)[:, 0]
    assert np.corrcoef(scores, np.log(values[:, 0]))[0, 1] > 0.99
    assert abs(scores.mean()) < 0.01 and 0.93 < scores.std() < 1.0  # its tails are cut
    np.testing.assert_allclose(scores.max(), scores_of(KNOTS)[-1], rtol=1e-6)
    assert scale.apply(np.array([[1e9]])) == scores.max() and scale.apply(np.array([[-np.inf]])) == scores.min()
    monotonic = scale.apply(np.sort(values, axis=0))[:, 0]
    assert (np.diff(monotonic) >= 0).all()


def test_what_every_clip_of_the_training_part_has_alike_says_nothing():
    values = np.array([[1.0, 5.0, 2.0, np.nan], [3.0, 5.0, np.nan, np.nan], [5.0, 5.0 + 1e-9, 4.0, np.nan]])
    scale = DescriptorScale.of(("a", "constant", "c", "unknown"), values)
    scores = scale.apply(values)
    assert not scores[:, 1].any() and not scores[:, 3].any()
    assert not scale.apply(np.array([[3.0, 9.0, 3.0, 1.0]])).any()  # even where it differs later
    assert scores[0, 2] < scores[1, 2] == 0.0 < scores[2, 2]  # nothing heard: the middle
    assert not DescriptorScale.mute(("a",)).apply(np.array([[7.0]])).any()


def test_what_is_not_finite_has_no_part_in_the_quantiles():
    values = np.linspace(1.0, 2.0, 100)[:, None]
    odd = np.concatenate([values, [[np.inf]], [[-np.inf]], [[np.nan]]])
    assert DescriptorScale.of(("a",), odd) == DescriptorScale.of(("a",), values)
    noise = 1e-12 * np.random.default_rng(0).normal(size=(100, 1))
    assert not DescriptorScale.of(("a",), noise).apply(noise).any()  # around 0, too, rounding is a constant


def test_equal_quantiles_share_the_mean_of_their_scores():
    values = np.concatenate([np.zeros(3 * KNOTS), np.linspace(1.0, 2.0, KNOTS)])[:, None]  # three of four are silent
    scale = DescriptorScale.of(("share",), values)
    zero, two = scale.apply(np.array([[0.0], [2.0]]))[:, 0]
    np.testing.assert_allclose(zero, scores_of(KNOTS)[: 3 * KNOTS // 4].mean(), atol=1e-6)
    np.testing.assert_allclose(two, scores_of(KNOTS)[-1], rtol=1e-6)
